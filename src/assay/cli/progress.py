"""What a run looks like in a terminal: one line per thing that happened, a spinner while it happens.

Without a terminal the same lines come out plain, and nothing moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from assay.learn.events import Alarmed, Audited, Began, Checked, Evaluated, Event, Saved, Stepped
from assay.measure.compare import Comparison
from assay.measure.evaluation import Evaluation

DOING = {
    "load": "loading",
    "check": "checking the tasks of",
    "audit": "attacking the verifier:",
    "evaluate": "evaluating",
    "sample": "sampling and learning",
    "learn": "learning",
    "save": "saving a checkpoint",
}
COLUMNS = "  step   reward  spread  teaching  tokens    kl   entropy  clipped    time     left"


class Progress:
    """A listener for `train`; use it as a context manager so that the spinner always stops."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._status: Status | None = None
        self._headed = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.quiet()

    def __call__(self, event: Event) -> None:
        self.quiet()
        match event:
            case Began(phase, detail, step):
                self.spin(f"{f'step {step}: ' if step and phase != 'evaluate' else ''}{DOING[phase]} {detail}".strip())
            case Checked(report):
                self.line("tasks", report.sentence())
            case Audited(report, accepted):
                self.line(
                    "audit", report.sentence() if report else "a certificate of this verifier and these tasks stands"
                )
                for name, reason in accepted.items():
                    self.line("", f"[yellow]accepted risk[/] {escape(name)}: {escape(reason)}")
            case Evaluated(kind, evaluation, gain, seconds):
                self._headed = False
                self.line(kind, f"{summary(evaluation)}  [dim]{clock(seconds)}[/]")
                if gain is not None and kind == "during":
                    self.line("", gain.sentence())
            case Stepped():
                self._step(event)
            case Alarmed(raised):
                action = "" if raised.action == "note" else f" [bold]({raised.action})[/]"
                self.line(
                    "alarm",
                    f"[bold yellow]{raised.alarm}[/]{action} after step {raised.step}: [yellow]{escape(raised.sentence)}[/]",
                )
            case Saved(checkpoint):
                self.line("saved", escape(str(checkpoint)))

    def line(self, label: str, text: str) -> None:
        self.console.print(f"[bold cyan]{label:<9}[/] {text}", highlight=False, soft_wrap=True)

    def _step(self, event: Stepped) -> None:
        if not self._headed:
            self.console.print(f"[dim]{COLUMNS}[/]", highlight=False, soft_wrap=True)
            self._headed = True
        metrics = event.metrics
        clipped = metrics.get("clip_ratio/region_mean")
        row = (
            f"{event.step:>3}/{event.steps:<3} {number(metrics, 'reward', '.3f'):>7} {number(metrics, 'reward_std', '.3f'):>7}"
            f"  {teaching(metrics):>8}  {number(metrics, 'completions/mean_length', '.1f'):>6}"
            f" {number(metrics, 'kl', '.3f'):>5} {number(metrics, 'entropy', '.2f'):>9}"
            f" {'-' if clipped is None else f'{100 * clipped:.1f} %':>8}"
            f" {clock(float(metrics['time/step'] or 0)):>7}  {clock(event.seconds_left):>7}"
        )
        self.console.print(row, highlight=False, soft_wrap=True)
        if event.note:
            self.console.print(f"         [yellow]{escape(event.note)}[/]", highlight=False, soft_wrap=True)

    def spin(self, text: str) -> None:
        if self.console.is_terminal:
            self._status = self.console.status(f"[dim]{escape(text)}[/]", spinner="dots")
            self._status.start()
        elif not text.startswith("step"):
            self.console.print(f"... {text}", highlight=False, markup=False, soft_wrap=True)

    def quiet(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def number(metrics: Mapping[str, float | None], name: str, form: str) -> str:
    value = metrics.get(name)
    return "-" if value is None else format(value, form)


def teaching(metrics: Mapping[str, float | None]) -> str:
    """Groups with spread, of all."""
    counts = {name: int(value or 0) for name, value in metrics.items() if name.startswith("groups/")}
    dropped = counts.pop("groups/dropped", 0)
    return f"{counts.get('groups/informative', 0)}/{sum(counts.values()) + dropped}"


def summary(evaluation: Evaluation) -> str:
    """The figures of an evaluation side by side, pass@1 with its interval."""
    shown = []
    for name, figure in evaluation.figures().items():
        interval = f" [{figure.low:.3f}, {figure.high:.3f}]" if name == "pass@1" and figure.low is not None else ""
        form = ".1f" if name == "mean_length" else ".3f"
        shown.append(f"{LABELS.get(name, name)} {figure.value:{form}}{interval}")
    return "  ".join(shown)


LABELS = {"oracle": "by the oracle", "format_rate": "answered", "mean_length": "tokens"}


def comparison_table(gain: Comparison) -> Table:
    """Before, after and the gain with its paired 95 % interval, a row per measure."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held-out", no_wrap=True)
    for name in ("before", "after", "gain", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in gain.rows():
        form = ".1f" if row.name == "mean_length" else ".3f"
        style = "green" if row.low > 0 else "red" if row.high < 0 else "dim"
        if row.name == "mean_length":
            style = "dim"
        table.add_row(
            LABELS.get(row.name, row.name),
            f"{row.before:{form}}",
            f"{row.after:{form}}",
            f"[{style}]{row.gain:+{form}}[/]",
            f"[{style}]{row.low:+{form}} to {row.high:+{form}}[/]",
        )
    return table


def clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min"
