"""`assay train`: a policy, a method and tasks as a configuration says, into a run folder."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from assay.core.config import RunConfig, load_config
from assay.core.errors import Paused, Stopped, UsageError
from assay.core.layers import Layered, validate
from assay.core.learning import METHODS, Gspo, PpoClip
from assay.core.processes import is_first_process
from assay.core.run_folder import RunFolder
from assay.recipes import find_recipe, names


def train(
    configs: Annotated[
        list[Path] | None,
        typer.Argument(
            help=f"TOML files or built-in recipes ({', '.join(names())}), later ones winning", show_default=False
        ),
    ] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value (repeatable)")] = None,
    out: Annotated[Path | None, typer.Option(help="the run folder to make (default: runs/NAME)")] = None,
    resume: Annotated[Path | None, typer.Option(help="continue this run folder from its last checkpoint")] = None,
    controls: Annotated[
        str | None,
        typer.Option(help="then run it again under rewards that say nothing: random,format,inverted,majority"),
    ] = None,
    gate: Annotated[
        Path | None,
        typer.Option(help="the gate's limits (TOML), put down in the run before training (see `assay gate`)"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print memory, tokens and time; train nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the result as one JSON object")] = False,
) -> None:
    """Train a policy on tasks whose answers a verifier checks."""
    if resume is not None:
        if configs or overrides or out or gate:
            raise UsageError("--resume takes the run's own configuration: leave out the files, --set, --out and --gate")
        config = validate(RunConfig, Layered(RunFolder.open(resume).config, {}))
    else:
        if not configs and not overrides:
            raise UsageError("assay train needs a configuration: a TOML file, or --set (see `assay config show`)")
        config = load_config(map(find_recipe, configs or ()), overrides or ())
    console = Console(stderr=as_json, quiet=not is_first_process())
    if dry_run:
        show_plan(config, console, as_json)
        if controls is not None and not as_json:
            from assay.cli.controls import read_controls

            arms = read_controls(controls)
            console.print(
                f"[bold cyan]{'controls':<9}[/] the same again for each of {', '.join(arms)}", highlight=False
            )
        return
    folder = resume or out or Path("runs") / config.name
    if controls is not None:
        from assay.cli.controls import read_controls, run_with_controls

        result = run_with_controls(
            config, folder, console, read_controls(controls), resume=resume is not None, gate=gate
        )
    else:
        result = run(config, folder, console, resume=resume is not None, gate=gate)
    if as_json:
        typer.echo(json.dumps(result))


def run(
    config: RunConfig,
    folder: Path,
    console: Console,
    *,
    resume: bool,
    again: str | None = None,
    gate: Path | None = None,
) -> dict[str, object]:
    """Train with progress on the console, build the report, and say what came out.

    `again` is the command that goes on after a Ctrl-C, where it is not `assay train --resume` alone; `gate` a file of limits.
    """
    from assay.cli.before_rl import look_again, read_limits, watching
    from assay.cli.progress import Progress, comparison_table
    from assay.learn.checkpoint import best_checkpoint, latest_checkpoint
    from assay.learn.train import train as train_policy
    from assay.measure.compare import compare
    from assay.measure.evaluation import read_evaluations
    from assay.report.build import build_report

    limits = read_limits(gate)
    show_header(config, folder, console)
    try:
        with Progress(console) as progress:
            if resume:
                look_again(folder, config, progress)
            listen = watching(progress, config, folder, limits)
            done = train_policy(config, folder, resume=resume, listen=listen)
    except KeyboardInterrupt:
        again = again or f"assay train --resume {shlex.quote(str(folder))}"
        console.print(f"\nstopped; go on with: {again}", highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None
    except (Stopped, Paused):
        if not is_first_process():
            raise
        progress.line("report", str(build_report(folder)))
        raise
    if not is_first_process():
        raise typer.Exit
    evaluations = read_evaluations(done.evaluations)
    gain = compare(evaluations[0], evaluations[-1], seed=config.seed)
    page = build_report(done.path)
    console.print()
    console.print(comparison_table(gain))
    console.print()
    console.print(f"[bold]{gain.sentence()}[/]", highlight=False, soft_wrap=True)
    checkpoint = latest_checkpoint(done)
    best = best_checkpoint(done)
    progress.line("report", str(page))
    progress.line(
        "model", f"{checkpoint}" + ("" if checkpoint is None or best in (None, checkpoint.name) else f" (best: {best})")
    )
    return {
        "run": str(done.path),
        "report": str(page),
        "checkpoint": str(checkpoint),
        "best": best,
        "shows_gain": gain.shows_gain,
        "gain": {row.name: [row.before, row.after, row.gain, row.low, row.high] for row in gain.rows()},
    }


def show_header(config: RunConfig, folder: Path, console: Console) -> None:
    from assay.cli.doctor import machine_sentence

    rollout, learn = config.rollout, config.learn
    kl = f", KL {learn.kl.coefficient:g}" if learn.kl.coefficient else ", no KL"
    loss = METHODS[learn.loss.kind]
    if isinstance(learn.loss, PpoClip | Gspo):
        loss += f" {learn.loss.clip_low:g}/{learn.loss.clip_high:g}"
    rows = {
        "machine": machine_sentence(config.model.threads),
        "method": f"{METHODS[learn.advantage.kind]}: {learn.steps} steps of {rollout.prompts_per_step} prompts x {rollout.group_size} completions "
        f"of at most {rollout.max_new_tokens} tokens, learning rate {learn.learning_rate:g}, "
        f"{loss}{kl}, reward `{config.reward.rule}`"
        + ("" if config.reward.control == "none" else f", paid by the control `{config.reward.control}`"),
        "seed": f"{config.seed}, into {folder}",
    }
    for label, text in rows.items():
        console.print(f"[bold cyan]{label:<9}[/] {text}", highlight=False, soft_wrap=True)


def show_plan(config: RunConfig, console: Console, as_json: bool) -> None:
    """What the run would take, and where the time would go."""
    from dataclasses import asdict

    from assay.cli.progress import clock
    from assay.learn.plan import plan
    from assay.model.shape import read_shape
    from assay.rollout.render import ChatRenderer
    from assay.tasks.load import load_source

    task = load_source(config.tasks, "train", config.seed).task(0)
    shape, tokenizer = read_shape(config.model)
    prompt_tokens = len(ChatRenderer(tokenizer)(task.prompt))
    found = plan(config, shape, prompt_tokens)
    if as_json:
        typer.echo(json.dumps(asdict(found) | {"peak": found.peak}))
        return
    parts = ("weights", "gradients", "optimiser", "reference", "critic", "activations", "cache")
    console.print(
        f"[bold cyan]{'model':<9}[/] {found.parameters / 1e6:,.1f} M parameters, {found.trainable / 1e6:,.1f} M trained"
    )
    sizes = ", ".join(f"{name} {getattr(found, name) / 2**30:.2f}" for name in parts if getattr(found, name))
    console.print(
        f"[bold cyan]{'memory':<9}[/] about {found.peak / 2**30:.1f} GiB at the peak ({sizes} GiB)", highlight=False
    )
    console.print(
        f"[bold cyan]{'tokens':<9}[/] at most {found.tokens_per_step:,} sampled a step, {found.steps} steps; "
        f"{found.evaluation_tokens:,} in evaluations; prompts of {prompt_tokens} tokens",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"[bold cyan]{'time':<9}[/] about {clock(found.seconds)} here (matrix products at {found.matmul_gflops:.0f} GFLOP/s; "
        "good to a factor of two, completions that stop early take less)",
        highlight=False,
        soft_wrap=True,
    )
