"""`assay pipeline --dry-run`: the plan as a table."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from assay.cli.progress import clock
from assay.pipeline.plan import GIB, plan_pipeline
from assay.pipeline.recipe import Recipe
from assay.pipeline.run import Choice, skipped


def show_plan(recipe: Recipe, choice: Choice, console: Console, as_json: bool) -> None:
    """Memory, tokens, steps and time of every stage; exit 1 where one does not fit the machine that the recipe names."""
    found = plan_pipeline(recipe, skipped(recipe, choice))
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"seconds": found.seconds, "too_large": found.too_large}))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name, justify in (("stage", "left"), ("kind", "left"), ("steps", "right"), ("sampled", "right")):
            table.add_column(name, justify=justify, no_wrap=True)  # type: ignore[arg-type]
        for name in ("learnt", "memory", "time"):
            table.add_column(name, justify="right", no_wrap=True)
        for each in found.stages:
            memory = f"{each.memory / GIB:,.1f} GiB" if each.memory else "-"
            is_large = each.name in found.too_large
            table.add_row(
                each.name,
                each.kind,
                f"{each.steps:,}",
                tokens(each.sampled),
                tokens(each.learnt),
                f"[red]{memory}[/]" if is_large else memory,
                long_clock(each.seconds),
            )
        console.print(table)
        where = f"{found.devices} devices of" if found.devices > 1 else "a machine of"
        console.print(
            f"\nabout {long_clock(found.seconds)} in all on {where} {found.gflops:,.0f} GFLOP/s; "
            f"{found.parameters / 1e6:,.1f} M parameters, prompts of {found.prompt_tokens} tokens. "
            "Counted, not measured: good to a factor of two.",
            highlight=False,
            soft_wrap=True,
        )
        for name in found.too_large:
            console.print(f"[red]{name} does not fit {found.memory:g} GiB[/]", highlight=False)
    if found.too_large:
        raise typer.Exit(1)


def tokens(count: int) -> str:
    """1,234 as it is, 12.3 M above."""
    return f"{count:,}" if count < 1_000_000 else f"{count / 1e6:,.1f} M"


def long_clock(seconds: float) -> str:
    if seconds < 2 * 3600:
        return clock(seconds)
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"
