"""`assay tasks`: what sources there are, what a policy sees of one, what is wrong with one, and files in other layouts.

Exit code 0, 1 when `check` finds something that would stop a training run, 2 for usage.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from assay.core.config import RunConfig, TasksConfig, load_config
from assay.core.records import dumps, to_json
from assay.core.types import Json, Task
from assay.measure.prefix_probe import ProbeReport
from assay.tasks.check import CheckReport, SplitReport, check_sources
from assay.tasks.layouts import LAYOUTS
from assay.tasks.load import load_sides, load_source
from assay.tasks.overlap import Contamination
from assay.tasks.source import SOURCES, TaskSource

app = typer.Typer(help="List, show, check and convert task sources.", no_args_is_help=True)

SHOWN = 300  # characters of a truth on the terminal; --json has all of it
SIDES = {"train": "training", "held_out": "held out"}
Side = Literal["train", "held_out"]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="a key of [tasks], as options.level=3 (repeatable)")]
Source = Annotated[str, typer.Argument(help="a generator, a file, gym:NAME, a hub name, or a mixture a:0.5,b:0.5")]
Seed = Annotated[int, typer.Option(min=0, help="the seed of the tasks' order")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
HeldOut = Annotated[str | None, typer.Option("--held-out", help="a second source that is held out whole")]


@app.command("list")
def list_sources(as_json: AsJson = False) -> None:
    """The generators, their levels and options, and the other kinds of source."""
    found = {name: SOURCES.get(name) for name in SOURCES}
    if as_json:
        typer.echo(
            dumps(
                {
                    name: {
                        "about": each.about,
                        "levels": {str(level): said for level, said in each.levels.items()},
                        "options": each.options.model_json_schema()["properties"],
                    }
                    for name, each in found.items()
                }
            )
        )
        return
    console = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    table.add_column("generator", style="bold cyan", no_wrap=True)
    table.add_column("tasks and levels")
    table.add_column("options")
    for name, each in found.items():
        levels = Table(box=None, pad_edge=False, show_header=False)
        for level, said in each.levels.items():
            levels.add_row(f"[dim]{level}[/]", escape(said))
        fields = each.options.model_fields
        options = "\n".join(f"{key} [dim]= {_default(field.default)}[/]" for key, field in fields.items())
        table.add_row(name, Group(escape(each.about), levels, ""), options)
    console.print(table, highlight=False)
    console.print("[bold]and[/]", highlight=False)
    others = Table(box=None, pad_edge=False, show_header=False)
    others.add_column(style="bold cyan", no_wrap=True)
    others.add_column()
    for name, said in (
        ("FILE", f".jsonl, .json or .parquet; layouts {', '.join(LAYOUTS)}, recognised by their columns"),
        ("ORG/NAME", "a data set of the hub, or a folder that holds one (needs assay\\[data])"),
        ("gym:NAME", _gym_line()),
        ("A:0.7,B:0.3", "a mixture by weight"),
    ):
        others.add_row(name, said)
    console.print(Padding(others, (0, 0, 0, 1)), highlight=False)


@app.command()
def show(
    source: Source,
    number: Annotated[int, typer.Option("-n", "--number", min=1, help="tasks to show")] = 3,
    split: Annotated[Side | None, typer.Option(help="which side  [default: train, where there is one]")] = None,
    seed: Seed = 0,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Tasks as a policy sees them, the truth set apart."""
    config = _config(source, None, overrides)
    found = load_sides(config, seed)[0] if split is None else load_source(config, split, seed)
    tasks = [found.task(index) for index in range(number if found.length is None else min(number, found.length))]
    if as_json:
        for task in tasks:
            typer.echo(dumps(to_json(task)))
        return
    console = Console()
    size = (
        f"{SIDES[found.split]} tasks without end"
        if found.length is None
        else f"{found.length} {SIDES[found.split]} tasks"
    )
    console.print(
        f"[bold]{escape(found.name)}[/]  {size}  [dim]fingerprint {found.fingerprint}[/]",
        highlight=False,
        soft_wrap=True,
    )
    shared = shared_messages(tasks)
    if shared:
        console.print(
            Panel(
                _turns(tasks[0], range(shared)), title="before every one of them", title_align="left", box=box.ROUNDED
            )
        )
    for task in tasks:
        console.print(task_panel(task, shared))


@app.command()
def check(
    source: Source,
    held_out: HeldOut = None,
    seed: Seed = 0,
    overrides: Overrides = None,
    model: Annotated[
        str | None,
        typer.Option("--probe", help="a model: does it know the prompts by heart? (hub name, folder, smollm2)"),
    ] = None,
    prompts: Annotated[int, typer.Option("--probe-prompts", min=1, help="prompts to probe it with")] = 32,
    as_json: AsJson = False,
) -> None:
    """Read every truth, and report counts, duplicates, contradictions, overlap between the splits and contamination."""
    config = _config(source, held_out, overrides)
    sides = load_sides(config, seed)
    report = check_sources(*sides)
    console = Console()
    if not as_json:
        show_report(report, console)
    probed = None if model is None else probe_with(model, sides[-1], prompts)
    if as_json:
        said = to_json(report) | {"is_clean": report.is_clean, "sentence": report.sentence()}
        if probed is not None:
            low, high = probed.interval
            said["probe"] = to_json(probed) | {
                "rate": probed.rate,
                "low": low,
                "high": high,
                "sentence": probed.sentence(),
            }
        typer.echo(dumps(said))
    elif probed is not None:
        show_probe(probed, console)
    if not report.is_clean:
        raise typer.Exit(1)


@app.command()
def convert(
    source: Source,
    out: Annotated[Path, typer.Argument(help="a .jsonl or .parquet file to write")],
    to: Annotated[Literal["assay", "trl", "verl", "openrlhf"], typer.Option(help="its layout")] = "assay",
    split: Annotated[Literal["train", "held_out", "both"], typer.Option(help="which side")] = "both",
    number: Annotated[int | None, typer.Option("-n", "--number", min=1, help="tasks to write from each side")] = None,
    seed: Seed = 0,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Write a source's tasks as a file, in our own layout or another framework's."""
    from assay.tasks.convert import convert_sources

    config = _config(source, None, overrides)
    found = load_sides(config, seed) if split == "both" else (load_source(config, split, seed),)
    counts = convert_sources(found, out, to, number=number)
    if as_json:
        typer.echo(json.dumps({"out": str(out), "layout": to, "tasks": counts}))
        return
    said = ", ".join(f"{count} {SIDES[side]}" for side, count in counts.items())
    Console().print(f"[bold]{escape(str(out))}[/]  {said} tasks, layout {to}", highlight=False, soft_wrap=True)


def probe_with(model: str, source: TaskSource, most: int) -> ProbeReport:
    """The prefix probe on a split's prompts (of a source without end, the first ones)."""
    from functools import partial

    from assay.core.config import ModelConfig
    from assay.measure.prefix_probe import probe
    from assay.model.continuation import continue_text
    from assay.model.load import load_model
    from assay.tasks.check import ENDLESS
    from assay.tasks.overlap import text_of
    from assay.tasks.source import place_of

    indices = range(ENDLESS if source.length is None else source.length)
    texts = [(place_of(source, index), text_of(source.task(index))) for index in indices]
    return probe(model, texts, partial(continue_text, load_model(ModelConfig(name=model))), most=most)


def show_probe(report: ProbeReport, console: Console) -> None:
    colour = "yellow" if report.verbatim else "green"
    console.print(f"[{colour}]probe[/]    {escape(report.sentence())}", highlight=False, soft_wrap=True)
    if report.left_out:
        console.print(
            f"         [dim]{report.left_out} prompts were left out: their end is short, or other prompts end with it too[/]",
            highlight=False,
            soft_wrap=True,
        )
    for each in report.known[:3]:
        console.print(
            f"         {escape(each.place)}: ... {escape(each.rest.strip()[:160])}", highlight=False, soft_wrap=True
        )


def _config(source: str, held_out: str | None, overrides: Sequence[str] | None) -> TasksConfig:
    keys = [each if each.startswith("tasks.") else f"tasks.{each}" for each in overrides or ()]
    base: dict[str, Json] = {"tasks": {"source": source} | ({"held_out": held_out} if held_out else {})}
    config: RunConfig = load_config((), keys, base)
    return config.tasks


def _default(value: Json) -> str:
    return escape(", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value))


def _gym_line() -> str:
    import importlib.util

    if importlib.util.find_spec("reasoning_gym") is None:
        return "a reasoning-gym data set (needs assay\\[gym])"
    return "a reasoning-gym data set, paid at a score of exactly 1.0 only"


def shared_messages(tasks: Sequence[Task]) -> int:
    """How many messages all of them begin with, when there are at least two tasks; never the last one."""
    if len(tasks) < 2:
        return 0
    count = 0
    for each in zip(*(task.prompt[:-1] for task in tasks), strict=False):
        if len(set(each)) > 1:
            break
        count += 1
    return count


def _turns(task: Task, places: range) -> Group:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(style="dim", no_wrap=True, min_width=9)
    table.add_column(overflow="fold")
    for place in places:
        message = task.prompt[place]
        table.add_row(message.role, Text(message.content))
    return Group(table)


def task_panel(task: Task, skipped: int) -> Panel:
    """The messages, and under them, in another colour, what only the verifier sees."""
    from assay.report.rows import expected

    answer, policy = expected(task.truth)
    hidden = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    hidden.add_column(style="bold green", no_wrap=True, min_width=9)
    hidden.add_column(overflow="fold", style="green")
    hidden.add_row("truth", Text(answer if len(answer) <= SHOWN else f"{answer[:SHOWN]} ..."))
    verifier = Text(task.verifier)
    if policy:
        verifier.append(f"  {policy if len(policy) <= SHOWN else policy[:SHOWN] + ' ...'}", style="dim")
    hidden.add_row("verifier", verifier)
    tags = f" [dim]{escape(', '.join(task.tags))}[/]" if task.tags else ""
    return Panel(
        Group(_turns(task, range(skipped, len(task.prompt))), Text(""), hidden),
        title=f"[bold]{escape(task.id)}[/]{tags}",
        title_align="left",
        box=box.ROUNDED,
    )


def show_report(report: CheckReport, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("", style="bold", no_wrap=True)
    for each in report.splits:
        table.add_column(SIDES[each.split], justify="right")
    for name, cell in ROWS:
        table.add_row(name, *(cell(each) for each in report.splits))
    console.print(table, highlight=False)
    if len(report.splits) > 1:
        shared = report.shared_problems or report.shared_prompts
        colour = "red" if shared else "green"
        console.print(f"[{colour}]{report.shared_problems} problems in both splits[/]", highlight=False)
    if report.contamination is not None:
        show_contamination(report.contamination, console)
    for note in report.notes:
        console.print(f"[yellow]note[/]     {escape(note)}", highlight=False, soft_wrap=True)
    for problem in report.problems[:20]:
        console.print(f"[bold red]problem[/]  {escape(problem)}", highlight=False, soft_wrap=True)
    if len(report.problems) > 20:
        console.print(f"         ... and {len(report.problems) - 20} more (--json lists them)")
    console.print(f"[bold]{escape(report.sentence())}[/]", highlight=False, soft_wrap=True)


def show_contamination(found: Contamination, console: Console) -> None:
    colour = "yellow" if found.is_found else "green"
    console.print(
        f"[{colour}]{found.shared} held-out prompts share ten words with a training one, {found.near} are nearly one[/]",
        highlight=False,
        soft_wrap=True,
    )


def _count(value: int, bad: bool = False) -> str:
    return f"[red]{value}[/]" if bad and value else str(value)


ROWS: tuple[tuple[str, Callable[[SplitReport], str]], ...] = (
    ("source", lambda each: escape(each.source)),
    ("tasks", lambda each: "without end" if each.length is None else str(each.length)),
    ("truths read", lambda each: str(each.checked)),
    ("unreadable", lambda each: _count(each.unreadable, bad=True)),
    ("accepted as their own answer", lambda each: f"{each.judged - each.refused} of {each.judged}"),
    ("different prompts", lambda each: _count(each.prompts)),
    ("different problems", lambda each: _count(each.problems)),
    ("contradictions", lambda each: _count(each.contradictions, bad=True)),
    ("best constant answer", lambda each: _constant(each)),
    ("right options by position", lambda each: _positions(each)),
    ("verifiers", lambda each: escape(", ".join(f"{name} {count}" for name, count in each.verifiers.items()))),
    ("tags", lambda each: escape(", ".join(f"{name} {count}" for name, count in list(each.tags.items())[:6])) or "-"),
    ("fingerprint", lambda each: f"[dim]{each.fingerprint}[/]"),
)


def _positions(each: SplitReport) -> str:
    return "-" if each.positions is None else " ".join(map(str, each.positions.counts))


def _constant(each: SplitReport) -> str:
    if each.constant is None:
        return "-"
    text = each.constant.replace("\n", " ")
    return f"{escape(text if len(text) <= 24 else text[:24] + '...')} passes {each.constant_rate:.1%}"
