"""`assay eval`: what a model does on held-out tasks, with intervals, and whether one result beats another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from assay.core.config import RunConfig, layers
from assay.core.errors import UsageError
from assay.core.layers import validate
from assay.core.records import dumps, read_jsonl, write_jsonl
from assay.core.run_folder import RunFolder, is_run
from assay.core.types import Json
from assay.measure.compare import Comparison, compare
from assay.measure.evaluation import Evaluation, read_evaluation

NAMES = {"format_rate": "answered", "mean_length": "tokens"}


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="a hub name, a model folder, a checkpoint, a run folder (its best checkpoint), or an evaluation's .jsonl"
        ),
    ],
    tasks: Annotated[str | None, typer.Option(help="the task source; a run's own when there is a run")] = None,
    split: Annotated[Literal["held_out", "train"], typer.Option(help="which of its splits")] = "held_out",
    problems: Annotated[int | None, typer.Option(min=1, help="how many tasks")] = None,
    samples: Annotated[int | None, typer.Option(min=1, help="completions per task")] = None,
    k: Annotated[list[int] | None, typer.Option(min=1, help="a k of pass@k and maj@k (repeatable)")] = None,
    greedy: Annotated[bool, typer.Option(help="one greedy completion per task as well")] = True,
    engine: Annotated[
        Literal["torch", "server", "vllm", "scripted"],
        typer.Option(
            help="server: the one at rollout.server.url, which serves MODEL; scripted: MODEL is a JSON file of user message -> answers"
        ),
    ] = "torch",
    seed: Annotated[int | None, typer.Option(min=0, help="the seed of the samples")] = None,
    config: Annotated[list[Path] | None, typer.Option(help="TOML files", show_default=False)] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value (repeatable)")] = None,
    against: Annotated[
        Path | None, typer.Option("--compare", help="an earlier result: a run folder, or an evaluation's .jsonl")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="write the evaluation here (.jsonl)")] = None,
    rollouts: Annotated[Path | None, typer.Option(help="write every completion with its verdict here (.jsonl)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Evaluate a model on held-out tasks, or compare two evaluations of the same tasks."""
    console = Console(stderr=as_json)
    before = read_evaluation(against) if against is not None else None
    if model.endswith(".jsonl"):
        result = read_evaluation(Path(model))
    else:
        asked: dict[str, Any] = {"tasks.source": tasks, "seed": seed}
        asked |= {"evaluate.problems": problems, "evaluate.samples": samples}
        settings = [f"{name}={value}" for name, value in asked.items() if value is not None]
        settings.append(f"evaluate.greedy={'true' if greedy else 'false'}")
        if k:
            settings.append(f"evaluate.k={sorted({1, *k})}")
        elif samples is not None:
            settings.append(f"evaluate.k={[1, samples] if samples > 1 else [1]}")
        chosen, name = configure(model, engine, config or [], [*settings, *(overrides or [])])
        result, rows = measure(chosen, name, split, engine)
        if any(row.evidence.get("layer") == "unsafe" for row in rows):
            console.print(
                "[yellow]programs ran without isolation: [/]\\[sandbox] unsafe = true allowed it", highlight=False
            )
        if rollouts is not None:
            write_jsonl(rollouts, rows)
    if out is not None:
        write_jsonl(out, [result])
    gain = compare(before, result, seed=result.seed) if before is not None else None
    if as_json:
        typer.echo(dumps(as_object(result, gain)))
        return
    console.print(figures_table(result))
    if result.voids:
        console.print(f"[yellow]{result.voids} samples were VOID and are left out[/]", highlight=False)
    if gain is not None:
        from assay.cli.progress import comparison_table

        console.print()
        console.print(comparison_table(gain))
        console.print(f"\n[bold]{gain.sentence()}[/]", highlight=False, soft_wrap=True)


def configure(model: str, engine: str, files: list[Path], overrides: list[str]) -> tuple[RunConfig, str]:
    """The configuration, and the model's name: a run's or checkpoint's own configuration where there is one."""
    place = Path(model)
    run = next((each for each in (place, place.parent.parent) if is_run(each)), None)
    base: dict[str, Json] | None = None
    if run is not None and (run == place or place.parent.name == "checkpoints"):
        folder = RunFolder.open(run)
        base = folder.config
        if run == place:
            model = str(folder.checkpoint())
    layered = layers(files, overrides, base)
    if engine != "scripted":
        layered.values["rollout"] = {**layered.values.get("rollout", {}), "engine": engine}
        layered.values["model"] = {**layered.values.get("model", {}), "name": model, "lora": None}
    if base is None and "source" not in layered.values.get("tasks", {}):
        raise UsageError(f"{model} is not part of a run, so the tasks must be named: --tasks warehouse, or a file")
    return validate(RunConfig, layered), model


def measure(
    config: RunConfig, name: str, split: Literal["held_out", "train"], kind: str
) -> tuple[Evaluation, list[Any]]:
    from assay.measure.evaluate import evaluate_as
    from assay.rollout.engine import Engine
    from assay.rollout.preferred import PreferenceJudges
    from assay.sandbox.probe import allow_unsafe
    from assay.tasks.load import load_source, select
    from assay.verify.pool import JudgePool

    chosen = select(load_source(config.tasks, split, config.seed), config.evaluate.problems)
    engine: Engine
    if kind == "scripted":
        from assay.rollout.scripted import ScriptedEngine

        engine = ScriptedEngine(read_script(Path(name)), max_prompt_tokens=1 << 20)
    else:
        from assay.rollout.open import open_engine_to_evaluate

        engine = open_engine_to_evaluate(config)
    allow_unsafe(config.sandbox.unsafe)
    with JudgePool(config.rollout.judge_workers, config.rollout.judge_timeout) as pool:
        judges = PreferenceJudges(pool, config.model.device)
        return evaluate_as(config, engine, chosen, judges, model=name)


def read_script(path: Path) -> dict[str, list[str]]:
    """Rows `{"prompt": last user message, "responses": [...]}` or one object of message -> answers. Raises UsageError."""
    import json

    try:
        if path.suffix == ".jsonl":
            script = {row["prompt"]: row["responses"] for row in read_jsonl(path)}
        else:
            script = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"{path}: a JSON object of user message -> list of answers would be right ({error})") from None
    if not isinstance(script, dict) or not all(isinstance(each, list) and each for each in script.values()):
        raise UsageError(f"{path}: a JSON object of user message -> list of answers would be right")
    return script


def figures_table(result: Evaluation) -> Table:
    title = f"{result.model}: {len(result.problems)} problems of {result.tasks or 'a task source'} x {result.samples} samples"
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    table.add_column("held-out", no_wrap=True)
    for name in ("value", "95 % interval", "problems"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, figure in result.figures().items():
        form = ".1f" if name == "mean_length" else ".3f"
        interval = "-" if figure.low is None or figure.high is None else f"{figure.low:{form}} to {figure.high:{form}}"
        table.add_row(NAMES.get(name, name), f"{figure.value:{form}}", interval, str(figure.problems))
    return table


def as_object(result: Evaluation, gain: Comparison | None) -> dict[str, Json]:
    figures = {
        name: {"value": each.value, "low": each.low, "high": each.high, "problems": each.problems}
        for name, each in result.figures().items()
    }
    row: dict[str, Json] = {"model": result.model, "tasks": result.tasks, "samples": result.samples}
    row |= {"seed": result.seed, "void": result.voids, "verifiers": list(result.verifiers), "figures": figures}
    if gain is not None:
        row["comparison"] = [each._asdict() for each in gain.rows()]
        row |= {"shows_gain": gain.shows_gain, "sentence": gain.sentence()}
    return row
