"""`assay audit`: attack a verifier, or the verifiers of a task source, before anything is trained on them.

Exit code 0 when nothing was found, 1 when a hole was, 2 for usage.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assay.audit.certificate import certify
from assay.audit.foreign import ForeignJudges, foreign_tasks, parse_reward
from assay.audit.junit import junit
from assay.audit.page import page
from assay.audit.report import AuditReport
from assay.audit.run import audit as run_audit
from assay.audit.samples import sample_tasks
from assay.core.config import TasksConfig
from assay.core.errors import UsageError
from assay.core.records import dumps, to_json, write_json, write_text
from assay.core.types import Task
from assay.reward.rule import find_rule
from assay.verify.base import VERIFIERS
from assay.verify.pool import JudgePool

SHOWN = 300  # characters of a hole's text on the terminal; --json and --html have all of it


def audit(
    subject: Annotated[
        str | None,
        typer.Argument(help="a verifier (math, my_file.py:check) or a task source (warehouse, tasks.jsonl)"),
    ] = None,
    reward: Annotated[
        str | None,
        typer.Option(help="somebody else's: trl:MODULE.FUNC, verl:FILE:compute_score, openrlhf:FILE or http:URL"),
    ] = None,
    tasks: Annotated[str | None, typer.Option(help="audit the verifier SUBJECT on these tasks' truths")] = None,
    level: Annotated[Literal["quick", "full"], typer.Option(help="how much of the battery meets each task")] = "quick",
    rule: Annotated[str, typer.Option(help="the reward rule to audit with the verifier")] = "outcome",
    limit: Annotated[int, typer.Option(min=1, help="tasks to take from the source")] = 200,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    workers: Annotated[int, typer.Option(min=0, help="judging processes; 0: one per core")] = 0,
    timeout: Annotated[float, typer.Option(help="seconds per verdict before its worker is killed")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the report as one JSON object")] = False,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="write JUnit XML here")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="write a page here")] = None,
    certificate: Annotated[Path | None, typer.Option(help="write the certificate here (JSON)")] = None,
) -> None:
    """Attack a verifier with wrong answers crafted from its own truths, and say which ones it paid."""
    if reward is None:
        if subject is None:
            raise UsageError("assay audit needs a verifier or a task source to attack, or --reward")
        chosen = choose_tasks(subject, tasks, limit, seed)
        with JudgePool(workers, timeout) as judges:
            report = run_audit(chosen, level=level, rule=find_rule(rule), judges=judges, seed=seed)
    else:
        foreign = parse_reward(reward)
        chosen = foreign_tasks(choose_tasks(subject or "math", tasks, limit, seed), foreign)
        with ForeignJudges(foreign, timeout) as strangers:
            report = run_audit(chosen, level=level, judges=strangers, seed=seed)
    if junit_file is not None:
        write_text(junit_file, junit(report))
    if html_file is not None:
        write_text(html_file, page(report))
    if certificate is not None:
        write_json(certificate, certify(report))
    if as_json:
        typer.echo(dumps(to_json(report) | {"is_clean": report.is_clean}))
    else:
        show(report, Console())
    if not report.is_clean:
        raise typer.Exit(1)


def is_verifier(name: str) -> bool:
    """Does the name mean a verifier, and not a task source?"""
    place, _, function = name.partition(":")
    return name in VERIFIERS or (bool(function) and place != "gym" and not function.startswith("//"))


def choose_tasks(subject: str, tasks: str | None, limit: int, seed: int) -> Sequence[Task]:
    """The tasks to audit on. Raises UsageError when there is none."""
    if is_verifier(subject) and tasks is None:
        return sample_tasks(subject)
    from assay.tasks.load import load_source, select

    config = TasksConfig(source=tasks or subject, verifier=subject if tasks else None)
    chosen: Sequence[Task] = select(load_source(config, "train", seed), limit)
    if not chosen:
        raise UsageError(f"{tasks or subject} holds no task to audit on")
    return chosen


def show(report: AuditReport, console: Console) -> None:
    table = Table(title=f"{report.tasks} tasks, {report.level} battery", title_justify="left")
    for name, side in (
        ("family", "left"),
        ("tried", "right"),
        ("paid", "right"),
        ("95 % bound", "left"),
        ("void", "right"),
    ):
        table.add_column(name, justify="right" if side == "right" else "left")
    for family in report.families:
        attack = family.expect == "unpaid"
        bad = family.paid > 0 if attack else family.paid < family.tried
        bound = f"false accepts under {family.bound:.2%}" if attack else f"recall over {family.bound:.1%}"
        colour = ("red" if attack else "yellow") if bad else "green"
        table.add_row(family.family, str(family.tried), f"[{colour}]{family.paid}[/]", bound, str(family.voids))
    console.print(table)
    for note in report.notes:
        console.print(escape(note), highlight=False)
    for refusal in report.refusals:
        console.print(
            f"[yellow]not paid[/] {escape(refusal.name)} ({refusal.count}, {refusal.reason}): truth "
            f"{escape(dumps(refusal.truth)[:80])}, response {escape(ascii(refusal.text[:120]))}",
            highlight=False,
            soft_wrap=True,
        )
    for hole in report.holes:
        console.print(f"[bold red]hole[/] {escape(hole.sentence())}", highlight=False, soft_wrap=True)
        if hole.text:
            cut = "" if len(hole.text) <= SHOWN else f" ... ({len(hole.text)} characters)"
            shown = f"     truth {dumps(hole.truth)[:200]}, response {hole.text[:SHOWN]!a}{cut}"
            console.print(escape(shown), highlight=False, soft_wrap=True)
    memory = f", {report.peak_bytes / 2**20:.0f} MiB at most in a judging process" if report.peak_bytes else ""
    console.print(
        f"one verdict: {report.p50_seconds * 1e3:.2f} ms median, {report.p99_seconds * 1e3:.1f} ms at 99 %, "
        f"{report.slowest_seconds:.2f} s at most{memory}; "
        f"{report.repeats} judged four times over",
        highlight=False,
        soft_wrap=True,
    )
    console.print(f"[bold]{escape(report.sentence())}[/]", highlight=False, soft_wrap=True)
