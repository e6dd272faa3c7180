"""`assay pipeline`: a recipe's stages, one after another, into one folder, each taken up where it stood."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assay.core.errors import ConfigError, GateRefused, did_you_mean
from assay.pipeline.recipe import Recipe, load_recipe
from assay.pipeline.run import Choice, run_pipeline
from assay.recipes import find_pipeline, pipeline_names


def pipeline(
    recipe: Annotated[
        list[Path],
        typer.Argument(
            help=f"TOML files or built-in recipes ({', '.join(pipeline_names())}), later ones winning",
            show_default=False,
        ),
    ],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, stages.NAME.key=value (repeatable)")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="the pipeline's folder (default: runs/NAME)")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on where the folder stands")] = False,
    zero: Annotated[bool, typer.Option("--zero", help="without the cold start, into a folder of its own")] = False,
    only: Annotated[list[str] | None, typer.Option(help="make this stage and no other (repeatable)")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="leave this stage out (repeatable)")] = None,
    start_from: Annotated[
        str | None, typer.Option("--from", help="make this stage and what follows anew (with --resume)")
    ] = None,
    go_on: Annotated[bool, typer.Option("--go-on", help="go on behind a gate that failed")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print memory, tokens, steps and time; run nothing")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as one JSON object")] = False,
) -> None:
    """Run a whole recipe: cold start, reasoning RL, rejection sampling, final RL, and what else it names."""
    from assay.core.pipeline_folder import ZERO

    chosen = load_recipe(map(find, recipe), overrides or ())
    console = Console(stderr=as_json)
    if dry_run:
        from assay.cli.pipeline_plan import show_plan

        show_plan(chosen, Choice(only or (), skip or (), start_from, zero), console, as_json)
        return
    folder = out or Path("runs") / f"{chosen.name}{ZERO if zero else ''}"
    choice = Choice(only or (), skip or (), start_from, zero)
    result = run(chosen, folder, choice, console, resume=resume or start_from is not None, go_on=go_on)
    if as_json:
        typer.echo(json.dumps(result))


def find(layer: Path) -> Path:
    """Raises ConfigError for what is neither a file nor a built-in recipe."""
    found = find_pipeline(layer)
    if not found.exists() and found.suffix != ".toml":
        known = pipeline_names()
        hint = did_you_mean(str(layer), known) or f"; there are {', '.join(known)}"
        raise ConfigError(f"{layer}: neither a file nor a built-in recipe{hint}")
    return found


def run(
    recipe: Recipe, folder: Path, choice: Choice, console: Console, *, resume: bool, go_on: bool
) -> dict[str, object]:
    """Run with progress on the console, and build the page whatever comes."""
    from assay.cli.pipeline_progress import PipelineProgress
    from assay.report.pipeline import build_pipeline_report

    again = f"assay pipeline ... --resume --out {shlex.quote(str(folder))}"
    try:
        with PipelineProgress(console) as progress:
            made = run_pipeline(recipe, folder, resume=resume, choice=choice, go_on=go_on, listen=progress)
    except KeyboardInterrupt:
        console.print(f"\nstopped; go on with: {again}", highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None
    except GateRefused:
        progress.line("report", str(build_pipeline_report(folder)))
        raise
    page = build_pipeline_report(folder)
    progress.line("report", str(page))
    return {
        "pipeline": str(made.path),
        "report": str(page),
        "stages": {each.name: dict(each.manifest().metrics) for each in made.finished()},
    }
