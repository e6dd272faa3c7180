"""What `assay train` does between the first evaluation and the first step: the gate before RL, and limits put down in the run.

The trainer does not know the gates (they stand above it), so the command line listens: the evaluation before training comes
by as an event, and an error raised there ends the run before anything is learnt.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.markup import escape

from assay.cli.progress import Progress
from assay.core.config import RunConfig
from assay.core.errors import NotReady
from assay.learn.events import Evaluated, Event
from assay.measure.evaluation import Evaluation, read_evaluations
from assay.pipeline.base_gate import base_gate
from assay.pipeline.thresholds import FILE, GateFile, read_gate, save_gate


def watching(progress: Progress, config: RunConfig, folder: Path, limits: GateFile | None) -> Callable[[Event], None]:
    """A listener that passes every event on to `progress`, puts the limits into the run folder as soon as there is one, and
    looks at the evaluation before training. It raises NotReady where `gate.action` is `stop`."""

    def listen(event: Event) -> None:
        if limits is not None and not (folder / FILE).exists():
            save_gate(limits, folder)
        progress(event)
        if isinstance(event, Evaluated) and event.kind == "before":
            look(event.evaluation, config, progress)

    return listen


def look_again(folder: Path, config: RunConfig, progress: Progress) -> None:
    """A resumed run holds its first evaluation already, and must not slip past the gate. Raises NotReady."""
    for each in read_evaluations(folder / "evaluations.jsonl")[:1]:
        look(each, config, progress)


def look(evaluation: Evaluation, config: RunConfig, progress: Progress) -> None:
    """Say what the policy lacks, if anything. Raises NotReady where `gate.action` is `stop`."""
    if config.gate.action == "off" or not any(each.passes for each in evaluation.problems):
        return
    verdict = base_gate(evaluation, config.gate)
    if verdict.is_ready:
        return
    if config.gate.action == "stop":
        raise NotReady(f"stopped before step 1: {verdict.sentence()} (gate.action = note would train all the same)")
    for finding in verdict.findings:
        progress.line("gate", f"[yellow]{escape(finding.sentence)}[/]")
    for each in verdict.advice:
        progress.line("", f"[yellow]{escape(each)}[/]")


def read_limits(path: Path | None) -> GateFile | None:
    """The file of `--gate`, whose suites must all be there before training. Raises UsageError or ConfigError."""
    if path is None:
        return None
    limits = read_gate(path)
    _ = limits.thresholds  # raises when there is no limit
    for name in limits.suites:
        limits.suite(name)
    return limits
