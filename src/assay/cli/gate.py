"""`assay gate`: may the candidate take the baseline's place? And before RL: has the policy anything to build on?

Exit code 0 when it ships (or is ready), 1 with the list of violations, 2 for what cannot be compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assay.core.errors import UsageError
from assay.core.records import dumps, write_json
from assay.pipeline.gate import Check, GateVerdict, Rule
from assay.pipeline.gate import gate as decide
from assay.pipeline.scores import (
    FROM_EVALUATION,
    Identity,
    ModelScores,
    SuiteScores,
    is_recorded,
    read_scores,
    write_scores,
)
from assay.pipeline.suite import run_suite
from assay.pipeline.thresholds import FILE, GateFile, read_gate

Engines = Literal["torch", "server", "vllm"]
SIGNS: dict[Rule, str] = {
    "gain_above": "gain > {:g}",
    "max_drop": "drop <= {:g}",
    "max_rise": "rise <= {:g}",
    "at_least": ">= {:g}",
    "at_most": "<= {:g}",
}
MODEL = "a hub name, a model folder, a checkpoint, a run folder, or recorded scores (.jsonl; .json or .toml for plain figures)"


def gate(
    baseline: Annotated[str, typer.Argument(help=MODEL)],
    candidate: Annotated[
        str | None,
        typer.Argument(help="the same; left out: BASELINE is measured and written to --out", show_default=False),
    ] = None,
    thresholds: Annotated[
        Path | None,
        typer.Option(help="the limits (TOML); default: those of the candidate's run, else the built-in ones"),
    ] = None,
    before_rl: Annotated[
        bool,
        typer.Option("--before-rl", help="instead: has BASELINE anything for RL to build on? (needs --tasks or a run)"),
    ] = False,
    tasks: Annotated[str | None, typer.Option(help="the task source for --before-rl")] = None,
    only: Annotated[list[str] | None, typer.Option("--suite", help="only this suite's limits (repeatable)")] = None,
    engine: Annotated[
        Engines, typer.Option(help="what runs the models; server: rollout.server.model names the one that is served")
    ] = "torch",
    config: Annotated[list[Path] | None, typer.Option(help="TOML files for the engine", show_default=False)] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="section.key=value for the engine (repeatable)")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="a folder for verdict.json and both models' scores with their replies")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the verdict as one JSON object")] = False,
) -> None:
    """Decide whether a candidate may replace a baseline, by limits that were fixed before training."""
    console = Console(stderr=as_json)
    if before_rl:
        if candidate is not None or thresholds is not None or only:
            raise UsageError(
                "--before-rl looks at one model by [gate]'s thresholds: leave out CANDIDATE, --thresholds and --suite"
            )
        look_before_rl(baseline, tasks, engine, config or [], overrides or [], console, as_json)
        return
    if tasks is not None:
        raise UsageError(
            "--tasks is for --before-rl; the thresholds' file names a suite's tasks ([suites.reasoning] tasks = ...)"
        )
    file = limits_of(candidate, thresholds)
    if only:
        unknown = next((name for name in only if name not in file.suites), None)
        if unknown is not None:
            raise UsageError(f"--suite {unknown}: the thresholds have {', '.join(file.suites)}")
        file = GateFile(file.how, {name: file.suites[name] for name in only}, file.folder)
    if candidate is None and out is None:
        raise UsageError(
            "with one model there is nothing to compare: name a CANDIDATE, or an --out to write its scores to"
        )
    limits = file.thresholds if candidate is not None else None
    run: dict[str, Any] = {"engine": engine, "files": config or [], "overrides": overrides or [], "console": console}
    first = kept(scores_of(baseline, file, **run), out, "baseline")
    second = kept(scores_of(candidate, file, **run), out, "candidate") if candidate is not None else None
    if second is None or limits is None:
        show_scores(first, console, as_json)
        return
    verdict = decide(first, second, limits)
    if out is not None:
        write_json(out / "verdict.json", verdict.as_json())
    if as_json:
        typer.echo(dumps(verdict.as_json()))
    else:
        show_verdict(verdict, console)
    if not verdict.ships:
        raise typer.Exit(1)


def kept(scores: ModelScores, out: Path | None, name: str) -> ModelScores:
    """Written as soon as they are measured: a fault in the other model must not cost them."""
    if out is not None and all(suite.prompts for suite in scores.suites):
        write_scores(out / f"{name}.jsonl", scores)
    return scores


def limits_of(candidate: str | None, thresholds: Path | None) -> GateFile:
    """The thresholds' file: the one that the candidate's run was started with, if it was. Raises UsageError for another one."""
    place = Path(candidate) if candidate is not None else None
    run = next((each for each in (place, place.parent.parent) if (each / FILE).is_file()), None) if place else None
    if run is None:
        return read_gate(thresholds)
    fixed = read_gate(run / FILE)
    if thresholds is not None and read_gate(thresholds).thresholds != fixed.thresholds:
        raise UsageError(
            f"{thresholds} is not what {run} was started with ({run / FILE}): limits are fixed before training. Leave out "
            f"--thresholds, or gate the checkpoint's weights from a folder outside the run"
        )
    return fixed


def scores_of(
    model: str, file: GateFile, *, engine: Engines, files: list[Path], overrides: list[str], console: Console
) -> ModelScores:
    """Recorded scores as they are; a model is run on every suite of the file."""
    place = Path(model)
    is_evaluated = all(
        name in FROM_EVALUATION and each.tasks is each.file is None for name, each in file.suites.items()
    )
    if is_recorded(model) or (is_evaluated and (place / "evaluations.jsonl").is_file()):
        return read_scores(place)
    suites = [file.suite(name) for name in file.suites]  # before a model is loaded: a bad path is said at once
    opened, loaded, who = open_model(model, engine, files, overrides)
    scores: list[SuiteScores] = []
    console.print(
        f"[bold cyan]{'model':<9}[/] {escape(who.name)}  [dim]{who.kind} {who.sha256[:12]}[/]", highlight=False
    )
    for suite in suites:
        text_loss = None
        if loaded is not None:
            from functools import partial

            from assay.model.text_loss import bits_per_byte

            text_loss = partial(bits_per_byte, loaded)
        with console.status(f"[dim]{escape(suite.name)}: {len(suite.items)} prompts[/]", spinner="dots"):
            scored = run_suite(opened, suite, file.sampling, text_loss=text_loss)
        scores.append(scored)
        lost = f", {scored.voids} VOID" if scored.voids else ""
        console.print(
            f"          {escape(scored.suite):<16} {scored.value:.3f}  [dim]{len(scored.prompts)} prompts{lost}[/]",
            highlight=False,
            soft_wrap=True,
        )
    if who.sha256 == "":
        from assay.pipeline.scores import results_sha256

        who = Identity(who.name, who.kind, results_sha256(scores))
    return ModelScores(who, tuple(scores))


def open_model(model: str, kind: Engines, files: list[Path], overrides: list[str]) -> tuple[Any, Any, Identity]:
    """The engine, the loaded model where it is in this process, and who it is."""
    from assay.cli.eval import configure
    from assay.rollout.open import open_engine, open_engine_to_evaluate

    chosen, name = configure(model, kind, files, ["tasks.source=warehouse", *overrides])
    if kind == "server":
        served = chosen.rollout.server.model or name
        return open_engine_to_evaluate(chosen), None, Identity(f"{served} at {chosen.rollout.server.url}", "server", "")
    from assay.model.load import load_model
    from assay.model.weights_hash import weights_sha256

    loaded = load_model(chosen.model)
    return open_engine(chosen, loaded), loaded, Identity(name, "weights", weights_sha256(loaded))


def show_scores(scores: ModelScores, console: Console, as_json: bool) -> None:
    if as_json:
        typer.echo(dumps({"who": scores.who, "suites": {each.suite: each.value for each in scores.suites}}))
        return
    console.print(f"[bold]{escape(scores.who.name)}[/]: {len(scores.suites)} suites measured", highlight=False)


def show_verdict(verdict: GateVerdict, console: Console) -> None:
    for side, who in (("baseline", verdict.baseline), ("candidate", verdict.candidate)):
        console.print(
            f"[bold cyan]{side:<9}[/] {escape(who.name)}  [dim]{who.kind} sha256 {who.sha256[:12]}[/]",
            highlight=False,
            soft_wrap=True,
        )
    how = "the worse end of the interval" if verdict.thresholds.decide == "interval" else "the mean"
    console.print(
        f"[bold cyan]{'limits':<9}[/] sha256 {verdict.thresholds.sha256[:12]}, decided by {how}\n", highlight=False
    )
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("suite", no_wrap=True)
    for name in ("before", "after", "change", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("limit", no_wrap=True)
    table.add_column("", no_wrap=True)
    for check in verdict.checks:
        style = {"kept": "green", "not shown": "yellow", "broken": "bold red"}[check.status]
        table.add_row(*row(check), SIGNS[check.rule].format(check.bound), f"[{style}]{check.status}[/]")
    for check in verdict.unjudged:
        table.add_row(*row(check), "[dim]no limit[/]", "")
    console.print(table)
    console.print()
    if verdict.ships:
        console.print(f"[bold green]{verdict.sentence()}[/]", highlight=False, soft_wrap=True)
        return
    count = len(verdict.violations)
    console.print(f"[bold red]does not ship[/], for {count} reason{'s' * (count > 1)}:", highlight=False)
    for check in verdict.violations:
        console.print(f"  {escape(check.sentence())}", highlight=False, soft_wrap=True)


def row(check: Check) -> tuple[str, ...]:
    sign = "" if check.rule in ("at_least", "at_most") else "+"
    interval = (
        "-"
        if check.low is None or check.high is None or check.prompts < 2
        else f"{check.low:{sign}.3f} to {check.high:{sign}.3f}"
    )
    return escape(check.suite), f"{check.before:.3f}", f"{check.after:.3f}", f"{check.change:+.3f}", interval


def look_before_rl(
    model: str,
    tasks: str | None,
    engine: Engines,
    files: list[Path],
    overrides: list[str],
    console: Console,
    as_json: bool,
) -> None:
    """The gate before RL on a recorded evaluation (of a run: the one before training), or on a model that is run now."""
    from assay.cli.eval import configure, measure
    from assay.core.config import BaseGateConfig, load_config
    from assay.measure.evaluation import read_evaluations
    from assay.pipeline.base_gate import base_gate

    place = Path(model)
    recorded = place if place.suffix == ".jsonl" else place / "evaluations.jsonl"
    limits: BaseGateConfig
    if recorded.is_file() and tasks is None:
        evaluation = next(iter(read_evaluations(recorded)), None)
        if evaluation is None:
            raise UsageError(f"{recorded} is empty: it holds no evaluation")
        limits = load_config(files, overrides).gate
    else:
        asked = [] if tasks is None else [f"tasks.source={tasks}"]
        chosen, name = configure(model, engine, files, [*asked, "evaluate.greedy=false", *overrides])
        limits = chosen.gate
        evaluation, _ = measure(chosen, name, "held_out", engine)
    verdict = base_gate(evaluation, limits)
    if as_json:
        typer.echo(dumps({"is_ready": verdict.is_ready, "sentence": verdict.sentence(), "figures": verdict.figures(), "advice": verdict.advice, "problems": verdict.problems}))  # fmt: skip
    else:
        console.print(
            "  ".join(f"{name} {value:.3f}" for name, value in verdict.figures().items())
            + f"  [dim]{verdict.problems} problems of {escape(evaluation.tasks or 'a task source')}[/]",
            highlight=False,
        )
        for finding in verdict.findings:
            console.print(f"[yellow]{finding.sentence}[/]", highlight=False, soft_wrap=True)
        for each in verdict.advice:
            console.print(f"  {each}", highlight=False, soft_wrap=True)
        if verdict.is_ready:
            console.print(f"[bold green]{verdict.sentence()}[/]", highlight=False, soft_wrap=True)
    if not verdict.is_ready:
        raise typer.Exit(1)
