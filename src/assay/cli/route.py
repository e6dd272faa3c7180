"""`assay route`: which method a task set calls for, and why: RLVR, SFT, preference learning or a decomposition.

Exit code 0 for a recommendation, whatever it is; 2 for usage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from assay.core.errors import UsageError
from assay.core.records import dumps, to_json
from assay.pipeline.description import SUFFIXES, Description, read_description
from assay.pipeline.route import Route
from assay.pipeline.route import route as recommend
from assay.pipeline.sampled_rows import SUFFIXES as ROWS
from assay.pipeline.sampled_rows import SampledRow, read_rows
from assay.verify.pool import JudgePool

COLOURS = {"rlvr": "green", "decomposition": "cyan", "preference": "magenta", "sft": "blue", "gather": "yellow"}


def route(
    files: Annotated[
        list[Path],
        typer.Argument(help="a description (.toml, .json), a sample of the rows (.jsonl, .parquet), or both"),
    ],
    limit: Annotated[int, typer.Option(min=1, help="rows to read of the sample")] = 64,
    workers: Annotated[int, typer.Option(min=0, help="judging processes; 0: one per core")] = 1,
    timeout: Annotated[float, typer.Option(help="seconds per verdict before its worker is killed")] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="print the recommendation as one JSON object")] = False,
) -> None:
    """Say whether a task set can be learnt from verified rewards, and what to do where it cannot."""
    if not 0 < timeout < 1e6:
        raise UsageError(f"--timeout {timeout:g}: seconds above 0 would be right")
    description, rows = read_files(files, limit)
    if rows:
        with JudgePool(workers, timeout) as judges:
            found = recommend(description, rows, judges=judges)
    else:
        found = recommend(description)
    if as_json:
        typer.echo(
            dumps(to_json(found) | {"title": found.title, "objection": found.objection, "is_ready": found.is_ready})
        )
    else:
        show(found, Console())


def read_files(files: list[Path], limit: int) -> tuple[Description | None, list[SampledRow]]:
    """The description and the rows among the files. Raises UsageError for two of a kind, or a file that is neither."""
    described = [each for each in files if each.suffix in SUFFIXES]
    sampled = [each for each in files if each.suffix in ROWS]
    for each in files:
        if each not in described and each not in sampled:
            raise UsageError(
                f"{each}: a description ({' or '.join(SUFFIXES)}) or rows ({' or '.join(ROWS)}) would be right"
            )
    for kind, found in (("descriptions", described), ("samples of rows", sampled)):
        if len(found) > 1:
            raise UsageError(f"two {kind}, {found[0]} and {found[1]}: one would be right")
    return (
        read_description(described[0]) if described else None,
        read_rows(sampled[0], limit) if sampled else [],
    )


def show(found: Route, console: Console) -> None:
    colour = COLOURS[found.method]
    ready = "" if found.is_ready else "  [yellow](not yet)[/]"
    console.print(f"[bold {colour}]{found.title}[/]{ready}  {escape(found.way)}", highlight=False, soft_wrap=True)
    if found.objection:
        console.print(f"[dim]{escape(found.objection)}[/]", highlight=False, soft_wrap=True)
    _list("why", found.reasons, console)
    _list("first", found.first, console)
    if found.parts:
        console.print("\n[bold]what a program can check[/]")
    for part in found.parts:
        needs = "" if part.truth is not None else "  [dim](its truth needs more than is said here)[/]"
        console.print(
            f"  - {escape(part.what)}  [cyan]{part.verifier}[/]  [dim]({part.seen})[/]{needs}",
            highlight=False,
            soft_wrap=True,
        )
        if part.truth is not None:
            console.print(f"      [dim]{escape(dumps(part.truth))}[/]", highlight=False, soft_wrap=True)
    if found.method == "rlvr" and found.groups is None and found.rows:
        console.print(
            "\n[dim]No sampled answers were given, so nothing is known of whether the rewards in a group would differ.[/]",
            highlight=False,
            soft_wrap=True,
        )


def _list(title: str, said: tuple[str, ...], console: Console) -> None:
    if said:
        console.print(f"\n[bold]{title}[/]")
    for each in said:
        console.print(f"  - {escape(each)}", highlight=False, soft_wrap=True)
