"""What a pipeline looks like in a terminal: a heading for each stage, its parts as they are done, its verdict."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.markup import escape

from assay.cli.progress import Progress, clock
from assay.core.pipeline_folder import Manifest
from assay.pipeline.events import Doing, Inside, PipelineEvent, StageBegan, StageDone, StageTaken
from assay.report.cards import card_of

QUIET = ("fit", "sample", "learn")
"""Parts that say how far they are many times: shown while they run, and not line by line."""


class PipelineProgress:
    """A listener for `run_pipeline`; what a training run inside a stage says is shown as `assay train` shows it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._inside = Progress(console)

    def __enter__(self) -> PipelineProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.quiet()

    def line(self, label: str, text: str) -> None:
        self._inside.line(label, text)

    def __call__(self, event: PipelineEvent) -> None:
        if isinstance(event, Inside):
            self._inside(event.event)
            return
        self._inside.quiet()
        match event:
            case StageBegan(name, kind, place, count):
                where = f"stage {place} of {count}, {kind}" if place else "what everything starts from"
                self.console.print()
                self.console.print(f"[bold]{escape(name)}[/] [dim]{where}[/]", highlight=False)
            case StageTaken(manifest):
                self.line("done", f"{escape(manifest.stage)} [dim]as it stands[/]{gate_mark(manifest)}")
            case Doing(_, what, detail, done, total):
                self._doing(what, detail, done, total)
            case StageDone(manifest):
                card = card_of(manifest)
                said = "  ".join(f"{name} {value}" for name, value in card.figures)
                self.line("done", f"{escape(said)}  [dim]{clock(manifest.seconds)}[/]{gate_mark(manifest)}")
                for each in (manifest.gate or {}).get("violations", []):
                    self.line("", f"[red]{escape(str(each))}[/]")

    def _doing(self, what: str, detail: str, done: int | None, total: int | None) -> None:
        count = "" if done is None else f" {done}" + (f"/{total}" if total else "")
        text = f"{what}{count}{f': {detail}' if detail else ''}"
        if what in QUIET and done:
            if self.console.is_terminal:
                self._inside.spin(text)
            return
        self.line(what, escape(detail))


def gate_mark(manifest: Manifest) -> str:
    if manifest.gate is None:
        return ""
    return "  [red]gate failed[/]" if manifest.is_refused else "  [green]gate passed[/]"
