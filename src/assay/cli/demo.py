"""`assay demo`: the main job with the embedded defaults, on a real pretrained model; `--tiny` for the two-minute one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assay.core.config import RunConfig, load_config
from assay.core.layers import Layered, validate
from assay.core.run_folder import RunFolder
from assay.recipes import built_in

COLD_START_STEPS = 900  # at most
COLD_START_LOSS = 0.05  # nats a token: after how many steps the decoder sees how chains work varies with the seed
COLD_START_EXAMPLES = 20_000


def demo(
    tiny: Annotated[
        bool, typer.Option("--tiny", help="a 100k-parameter decoder from scratch, in about two minutes")
    ] = False,
    seed: Annotated[int, typer.Option(help="the seed of every random stream")] = 0,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value (repeatable)")] = None,
    out: Annotated[
        Path | None, typer.Option(help="the run folder to make (default: runs/demo, or the next free name)")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="continue this run folder from its last checkpoint")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as one JSON object")] = False,
) -> None:
    """Train a small model with GRPO on checkable problems, and show what it gained on held-out ones."""
    from assay.cli.train import run

    console = Console(stderr=as_json)
    if resume is not None:
        config, folder = validate(RunConfig, Layered(RunFolder.open(resume).config, {})), resume
    else:
        name = "tiny" if tiny else "demo"
        base = built_in(name) | {"seed": seed}
        config = load_config((), overrides or (), base)
        folder = out or free_folder(Path("runs") / name)
        if tiny and config.model.name == "tiny":
            config = cold_started(config, folder, console)
    result = run(config, folder, console, resume=resume is not None)
    if as_json:
        typer.echo(json.dumps(result))
        return
    show_next(result, config, console)


def free_folder(wanted: Path) -> Path:
    """`wanted`, or the first of wanted-2, wanted-3... that does not exist: a demo never stands in its own way."""
    folder, number = wanted, 1
    while folder.exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def cold_started(config: RunConfig, folder: Path, console: Console) -> RunConfig:
    """Teach the tiny decoder the task's form by SFT on worked examples; the run starts from the folder it is saved in.

    Without it RL has nothing to build on: a policy that is right 9 % of the time collapses.
    """
    import torch
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    from assay.learn.sft import Example, SftConfig, sft
    from assay.model.load import save_model
    from assay.model.tiny import ALPHABET, build_tiny
    from assay.tasks.load import load_source
    from assay.tasks.source import demonstration_of

    torch.set_num_threads(config.model.threads or 1)  # matrices this small are slower on more
    loaded = build_tiny(ALPHABET, seed=config.seed)
    source = load_source(config.tasks, "train", config.seed)
    count = COLD_START_EXAMPLES if source.length is None else min(source.length, COLD_START_EXAMPLES)
    examples = [Example(source.task(index).prompt, demonstration_of(source, index)) for index in range(count)]
    columns = (
        TextColumn("[bold cyan]cold start[/] SFT"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        work = bar.add_task("sft", total=COLD_START_STEPS, loss=float("nan"))
        losses = sft(
            loaded,
            examples,
            SftConfig(
                steps=COLD_START_STEPS,
                batch_size=64,
                learning_rate=4e-3,
                schedule="constant",
                target_loss=COLD_START_LOSS,
            ),
            seed=config.seed,
            progress=lambda step, loss: bar.update(work, completed=step, loss=loss),
        ).losses
    start = folder.with_name(f"{folder.name}-cold-start")
    save_model(loaded.model, loaded.tokenizer, start)
    console.print(
        f"[bold cyan]cold start[/] {len(losses)} SFT steps on {count} worked examples: loss {losses[0]:.2f} to {losses[-1]:.2f} nats a token",
        highlight=False,
        soft_wrap=True,
    )
    return config.model_copy(update={"model": config.model.model_copy(update={"name": str(start)})})


def show_next(result: dict[str, object], config: RunConfig, console: Console) -> None:
    """What to try now."""
    run = shlex.quote(str(result["run"]))
    again = "assay demo --tiny" if config.model.name != "smollm2" else "assay demo"
    console.print("\n[bold]next[/]")
    for command, why in (
        (f"open {shlex.quote(str(result['report']))}", "the curves, and every completion with its verdict"),
        (f"assay eval {run} --samples 16", "the trained policy again, with more samples and a larger k"),
        (f"assay audit {config.tasks.source}", "attack the verifier yourself"),
        (f"assay {again.partition(' ')[2]} --seed 1", "does it hold for another seed?"),
        ("assay config show", "every setting, and where its value comes from"),
    ):
        console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)
        console.print(f"      [dim]{why}[/]", highlight=False, soft_wrap=True)
