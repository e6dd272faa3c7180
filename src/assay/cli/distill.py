"""`assay distill`: a student by its teacher against the same student by RLVR, at equal compute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from assay.core.layers import merge, validate
from assay.pipeline.distill import COMPARISON, ArmResult, ComparisonConfig, compare_ways, table
from assay.recipes import find_recipe


def distill(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            help="TOML files of a training run with a table [distill], later ones winning", show_default=False
        ),
    ] = None,
    teacher: Annotated[str | None, typer.Option(help="the teacher (distill.teacher)")] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value (repeatable)")] = None,
    out: Annotated[Path | None, typer.Option(help="the folder to work in; arms that are there stay")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as one JSON object")] = False,
) -> None:
    """Teach a student by its teacher and by RLVR, at equal compute, and compare them with pass@k and cost."""
    said = [*(overrides or ()), *([f"distill.teacher={teacher}"] if teacher else [])]
    config = validate(ComparisonConfig, merge(map(find_recipe, configs or ()), said, None, ComparisonConfig))
    folder = out or Path("runs") / f"{config.name}-distill"
    console = Console(stderr=as_json)
    with console.status("") as status:
        results = compare_ways(config, folder, say=lambda arm, what: status.update(f"[bold cyan]{arm}[/] {what}"))
    if as_json:
        typer.echo(json.dumps(table(results, None)["arms"]))
        return
    console.print(shown(results))
    console.print(f"everything is in {folder / COMPARISON}", highlight=False, soft_wrap=True)


def shown(results: list[ArmResult]) -> Table:
    names = [name for name in results[0].evaluation.figures(intervals=False) if name.startswith(("pass@", "greedy"))]
    made = Table("arm", *names, "PFLOP", "CPU s", box=None, pad_edge=False)
    for each in results:
        figures = each.evaluation.figures()
        cells = [
            f"{figures[name].value:.3f}"
            + (f" ({figures[name].low:.3f} to {figures[name].high:.3f})" if figures[name].low is not None else "")
            for name in names
        ]
        flops = each.spent.get("flops", {}).get("total")
        seconds = each.spent.get("cpu_seconds")
        made.add_row(
            each.name,
            *cells,
            "" if flops is None else f"{flops / 1e15:.4g}",
            "" if seconds is None else f"{seconds:.0f}",
        )
    return made
