"""The command line: one file per verb, each imported only when it is called, and every error as one sentence.

Exit codes: 0 done, 1 a judged failure, 2 usage, 3 this machine or a VOID, 4 paused by an alarm,
130 stopped by Ctrl-C, 141 nobody reads us.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from assay.core.errors import AssayError, MissingExtra
from assay.core.processes import is_said_elsewhere
from assay.core.registry import load_object

VERBS = {
    "demo": ("assay.cli.demo:demo", "Train a small model on checkable problems, and show what it gained."),
    "verify": ("assay.cli.verify:verify", "Judge one answer, a file of them, an old run's rollouts, or a stream."),
    "tasks": ("assay.cli.tasks:app", "List, show and check task sources."),
    "audit": ("assay.cli.audit:audit", "Attack a verifier, and say what it paid that it should not have."),
    "train": ("assay.cli.train:train", "Train a policy with GRPO on tasks that a verifier checks."),
    "pipeline": (
        "assay.cli.pipeline:pipeline",
        "Run a whole recipe: cold start, reasoning RL, rejection sampling, final RL, and what else it names.",
    ),
    "distill": (
        "assay.cli.distill:distill",
        "Teach a student by its teacher and by RLVR, at equal compute, and compare them.",
    ),
    "eval": ("assay.cli.eval:evaluate", "Evaluate a model on held-out tasks, and compare two evaluations."),
    "gate": (
        "assay.cli.gate:gate",
        "Decide whether a candidate may replace a baseline, by limits fixed before training.",
    ),
    "route": ("assay.cli.route:route", "Say which method a task set calls for: RLVR, SFT, preferences or parts."),
    "report": ("assay.cli.report:report", "Rebuild a run's page, or one page over several runs."),
    "new": ("assay.cli.new:app", "Write the beginnings of a verifier: its golden rows, its attacks and its tests."),
    "config": ("assay.cli.config:app", "Show a configuration with the origin of each value, or its schema."),
    "doctor": ("assay.cli.doctor:doctor", "Say what this machine gives."),
}

EXTRAS = {"pyarrow": "data", "datasets": "data", "reasoning_gym": "gym", "math_verify": "math"}


class LazyGroup(TyperGroup):
    """Imports a verb's file when the verb is called; help shows the lines above and imports none."""

    _is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        return [verb for verb, (place, _) in VERBS.items() if _is_there(place)]

    def get_command(self, ctx: Any, name: str) -> Any:
        if name not in self.list_commands(ctx):
            return None
        place, line = VERBS[name]
        sub = typer.Typer(help=line, add_completion=False)
        if self._is_listing:
            sub.command(name, help=line)(lambda: None)
            return typer.main.get_command(sub)
        thing = load_object(place)
        if isinstance(thing, typer.Typer):
            command: Any = typer.main.get_group(thing)
        else:
            sub.command(name)(thing)
            command = typer.main.get_command(sub)
        command.name = name
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AssayError as error:
            code = complain(error)
        except ModuleNotFoundError as error:
            package = (error.name or "").partition(".")[0]
            if package in ("", "assay"):
                raise
            extra = EXTRAS.get(package, "train")
            code = complain(MissingExtra(package, extra, f"assay {ctx.invoked_subcommand or ''}".strip()))
        except BrokenPipeError:
            # whoever read our output has left; what is still buffered must not raise again on the way out
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = 141
        except KeyboardInterrupt:
            typer.echo("assay: stopped", err=True)
            code = 130
        raise typer.Exit(code)


def complain(error: AssayError) -> int:
    """One sentence on stderr, of one process where there are several; returns the exit code."""
    if not is_said_elsewhere(error):
        typer.echo(f"assay: {error}", err=True)
    return error.exit_code


def show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"assay {version('assay')}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=show_version, is_eager=True, help="Print the version."),
) -> None:
    """Assay: reinforcement learning from rewards that a program can check, and that you can trust."""


def main() -> None:
    app(prog_name="assay")


def _is_there(place: str) -> bool:
    return importlib.util.find_spec(place.partition(":")[0]) is not None
