"""`assay verify`: judge one answer, a file of them, an old run's rollouts, or the lines on stdin.

Exit code for one answer: 0 PASS, 1 FAIL, 3 VOID. For a file or a run: 0, or 3 when a verdict was VOID. For `-`: 0 when
every line was answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Annotated, Literal, NamedTuple

import typer

from assay.core.errors import TaskFileError, UsageError
from assay.core.records import dumps, finite, read_jsonl, refuse_constant, write_jsonl
from assay.core.run_folder import RunFolder
from assay.core.types import Json, Outcome, Verdict
from assay.verify.base import find_verifier, locate
from assay.verify.function import beside
from assay.verify.pool import JudgePool, JudgeRequest
from assay.verify.protocol import answer, prompt_text, serve

EXIT = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.VOID: 3}
FLIPS_SHOWN = 12
FLIPS_KEPT = 1000


def verify(
    source: Annotated[
        str | None,
        typer.Argument(
            help="a JSONL file with responses, a run folder or its rollouts.jsonl, or - for lines on stdin",
            show_default=False,
        ),
    ] = None,
    verifier: Annotated[
        str | None, typer.Option(help="a verifier, or my_file.py:function; overrides the file's own")
    ] = None,
    truth: Annotated[str | None, typer.Option(help="the right answer: text, or a JSON object")] = None,
    response: Annotated[str | None, typer.Option(help="the answer to judge")] = None,
    prompt: Annotated[str, typer.Option(help="the question, for verifiers that use it")] = "",
    workers: Annotated[int, typer.Option(min=0, help="processes; 0: one per core")] = 0,
    timeout: Annotated[float, typer.Option(help="seconds per answer before its worker is killed")] = 10.0,
    order: Annotated[Literal["input", "done"], typer.Option(help="for -: as the lines came, or as judged")] = "input",
    out: Annotated[Path | None, typer.Option(help="write the verdicts here (JSONL)", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Judge answers: PASS, FAIL (the answer's fault) or VOID (ours), each with its reason."""
    if not 0 < timeout < 1e6:
        raise UsageError(f"--timeout {timeout:g}: seconds above 0 would be right")
    if source is None:
        if verifier is None or truth is None or response is None:
            raise UsageError("one answer needs --verifier, --truth and --response; or name a file, a run folder, or -")
        request = JudgeRequest(verifier, read_truth(truth), response, prompt)
        raise typer.Exit(verify_one(request, timeout, as_json))
    if truth is not None or response is not None:
        raise UsageError(f"--truth and --response judge one answer; leave them out when judging {source}")
    if source == "-":
        if verifier is not None or out is not None:
            raise UsageError(
                "lines on stdin name their own verifier and are answered on stdout: no --verifier, no --out"
            )
        with (
            open(0, "rb", closefd=False) as lines,  # not sys.stdin, whose lock a reading thread would hold at exit
            open(1, "wb", closefd=False) as answers,
            JudgePool(workers, timeout) as judges,
        ):
            serve(lines, answers, judges, order)
        return
    if verifier is not None:
        find_verifier(verifier)  # an unknown one is a usage error, not a VOID for each line
    with JudgePool(workers, timeout) as judges:
        summary = verify_file(Path(source), verifier, judges, out)
    if as_json:
        typer.echo(dumps(summary.as_json()))
    else:
        show_summary(summary, source, out)
    raise typer.Exit(3 if summary.outcomes["void"] else 0)


def read_truth(text: str) -> Json:
    """A truth as it is typed: JSON when it is an object, an array or a quoted string, else the text itself."""
    if text.lstrip()[:1] in ("{", "[", '"'):
        try:
            return json.loads(text, parse_constant=refuse_constant, parse_float=finite)
        except (ValueError, RecursionError):
            return text  # an interval `[0, 1)`, a set `{1, 2}`
    return text


def verify_one(request: JudgeRequest, timeout: float, as_json: bool) -> int:
    find_verifier(request.verifier)
    with JudgePool(1, timeout) as judges:
        verdict = judges.judge_many([request])[0]
    if as_json:
        typer.echo(json.dumps(answer(verdict) | {"verifier": verdict.verifier}))
    else:
        show_verdict(verdict, request)
    return EXIT[verdict.outcome]


# --- a file or a run ---


class Row(NamedTuple):
    """One line of a file: what to judge, and the outcome that the file already holds for it, if any."""

    id: Json
    request: JudgeRequest
    before: str | None


@dataclass
class Summary:
    """What judging a file came to; `moves` counts (outcome in the file, outcome now)."""

    outcomes: dict[str, int] = field(default_factory=lambda: {each.value: 0 for each in Outcome})
    reasons: dict[str, int] = field(default_factory=dict)
    moves: dict[tuple[str, str], int] = field(default_factory=dict)
    flips: list[dict[str, Json]] = field(default_factory=list)
    verifiers: set[str] = field(default_factory=set)
    error: str = ""  # the first VOID's
    seconds: float = 0.0

    def add(self, row: Row, verdict: Verdict) -> None:
        after = verdict.outcome.value
        self.outcomes[after] += 1
        self.reasons[verdict.reason.value] = self.reasons.get(verdict.reason.value, 0) + 1
        self.verifiers.add(verdict.verifier)
        if verdict.is_void and not self.error:
            self.error = f"{row.id}: {verdict.evidence.get('error', verdict.reason.value)}"
        if row.before is not None:
            self.moves[row.before, after] = self.moves.get((row.before, after), 0) + 1
            if row.before != after and len(self.flips) < FLIPS_KEPT:
                flip = {"id": row.id, "before": row.before, "after": after, "reason": verdict.reason.value}
                self.flips.append(flip | {"answer": verdict.answer, "truth": row.request.truth})

    @property
    def judged(self) -> int:
        return sum(self.outcomes.values())

    @property
    def flipped(self) -> int:
        return sum(count for (before, after), count in self.moves.items() if before != after)

    def as_json(self) -> dict[str, Json]:
        return {
            "judged": self.judged,
            "outcomes": self.outcomes,
            "reasons": self.reasons,
            "verifiers": sorted(self.verifiers),
            "compared": sum(self.moves.values()),
            "flipped": self.flipped,
            "flips": self.flips,
            "seconds": self.seconds,
        }


def verify_file(source: Path, verifier: str | None, judges: JudgePool, out: Path | None) -> Summary:
    """Judge every line; write the verdicts to `out` as they come. Raises TaskFileError naming a line that is no answer."""
    summary, start = Summary(), perf_counter()
    rows: dict[int, Row] = {}

    def requests() -> Iterator[JudgeRequest]:
        for index, row in enumerate(read_rows(source, verifier)):
            rows[index] = row
            yield row.request

    def verdicts() -> Iterator[dict[str, Json]]:
        for index, verdict in judges.stream(requests()):
            row = rows.pop(index)
            summary.add(row, verdict)
            before = {} if row.before is None else {"before": row.before}
            yield {"id": row.id} | answer(verdict) | {"verifier": verdict.verifier} | before

    if out is None:
        for _ in verdicts():
            pass
    else:
        write_jsonl(out, verdicts())
    if not summary.judged:
        raise TaskFileError(f"{source} holds no answer to judge")
    summary.seconds = perf_counter() - start
    return summary


def read_rows(source: Path, verifier: str | None) -> Iterator[Row]:
    """The answers in a file or run folder: task lines with a `response`, or rollouts with their `text`."""
    path = RunFolder.open(source).rollouts if source.is_dir() else source
    for number, row in enumerate(read_jsonl(path, broken_tail=source.is_dir()), 1):
        where = f"{path}: row {number}"
        is_rollout = "response" not in row
        text = row.get("text" if is_rollout else "response")
        if not isinstance(text, str):
            raise TaskFileError(f"{where} holds no answer: a `response` (or a rollout's `text`) would be right")
        named = verifier or row.get("verifier")
        if not isinstance(named, str):
            raise TaskFileError(f"{where} names no verifier: add the key, or say --verifier")
        if verifier is None and is_rollout and "#" in named:  # a rollout's is a label, name@version#fingerprint
            named = named.rpartition("@")[0]
        if "truth" not in row:
            raise TaskFileError(f"{where} holds no `truth`")
        if verifier is None and ":" in named and not is_rollout:
            named = beside(named, path.parent)
        before = row.get("outcome")
        prompt = prompt_text(row.get("prompt")) or ""
        identity = row.get("id", row.get("task", number))
        truth = row["truth"] if is_rollout else locate(named, row["truth"], path.parent)
        yield Row(identity, JudgeRequest(named, truth, text, prompt), before if isinstance(before, str) else None)


# --- what is shown ---

COLOURS = {"pass": "green", "fail": "red", "void": "yellow"}


def show_verdict(verdict: Verdict, request: JudgeRequest) -> None:
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    outcome, reason = verdict.outcome.value, verdict.reason.value
    console.print(f"[bold {COLOURS[outcome]}]{outcome.upper()}[/]  {reason.replace('_', ' ')}")
    shown = {"answer": "none found" if verdict.answer is None else shorten(verdict.answer)}
    shown["truth"] = shorten(request.truth)
    shown |= {name.replace("_", " "): shorten(value) for name, value in verdict.evidence.items()}
    shown["verifier"] = f"{verdict.verifier}, {verdict.seconds * 1e3:.1f} ms"
    width = max(len(name) for name in shown)
    for name, text in shown.items():
        console.print(f"[bold cyan]{escape(name):<{width}}[/]  {escape(text)}", soft_wrap=True)


def show_summary(summary: Summary, source: str, out: Path | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    counts = "  ".join(
        f"[{COLOURS[name]}]{count} {name}[/] ({count / summary.judged:.1%})" for name, count in summary.outcomes.items()
    )
    rate = summary.judged / max(summary.seconds, 1e-9)
    console.print(f"[bold]{summary.judged} answers[/]  {counts}  [dim]{summary.seconds:.1f} s, {rate:.0f}/s[/]")
    reasons = sorted(summary.reasons.items(), key=lambda each: -each[1])
    console.print("reasons   " + ", ".join(f"{name} {count}" for name, count in reasons), soft_wrap=True)
    console.print("verifier  " + escape(", ".join(sorted(summary.verifiers))), soft_wrap=True)
    if summary.error:
        console.print(f"[yellow]void[/]      {escape(summary.error)}", soft_wrap=True)
    if summary.moves:
        table = Table(title="in the file, and now", title_justify="left", box=None, header_style="bold")
        table.add_column("was")
        for outcome in Outcome:
            table.add_column(f"now {outcome.value}", justify="right")
        for before in sorted({each for each, _ in summary.moves}):
            cells = [(str(summary.moves.get((before, each.value), 0)), each.value != before) for each in Outcome]
            table.add_row(
                escape(before), *(f"[bold]{text}[/]" if moved and text != "0" else text for text, moved in cells)
            )
        console.print(table)
        console.print(f"[bold]{summary.flipped} of {sum(summary.moves.values())} verdicts flipped[/]")
    for flip in summary.flips[:FLIPS_SHOWN]:
        console.print(
            f"  {escape(shorten(flip['id']))}: {flip['before']} -> [{COLOURS[flip['after']]}]{flip['after']}[/] "
            f"({flip['reason']}), answer {escape(shorten(flip['answer']))}, truth {escape(shorten(flip['truth']))}",
            soft_wrap=True,
        )
    if summary.flipped > FLIPS_SHOWN:
        console.print(f"  ... and {summary.flipped - FLIPS_SHOWN} more (--json lists them)")
    if out is not None:
        console.print(f"written   {escape(str(out))}", soft_wrap=True)


def shorten(value: Json, most: int = 200) -> str:
    """One printable line of it."""
    text = value if isinstance(value, str) else dumps(value)
    text = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text[: most + 1])
    return text if len(text) <= most else f"{text[:most]}..."
