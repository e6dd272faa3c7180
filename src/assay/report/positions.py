"""What a run's rows say of multiple choice: where the right options stand, and which ones the policy names there.

A reward pays for a position that is right more often than others. Two biases are told apart: the task set's (where the right
options stand) and the policy's (which it names, beyond what the right ones explain); see `measure/position.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assay.core.types import Json, Outcome, Reason, Task, Verdict
from assay.measure.position import PositionReport, report_positions
from assay.report.text import join, percent, safe
from assay.tasks.choices import Positions
from assay.tasks.choices import positions as positions_of

Judged = tuple[Task, Verdict]


@dataclass(frozen=True, slots=True)
class Choices:
    """The choice rows of one evaluation, or of training: `tasks` counts each task's right option once."""

    name: str
    tasks: Positions
    report: PositionReport

    def sentence(self) -> str:
        said = f"{self.name[0].upper()}{self.name[1:]}: {self.report.sentence()}"
        if not self.tasks.is_biased:
            return f"{said}."
        letter = _letter(self.tasks.most)
        return (
            f"{said}. The task set is biased: {letter} is right in {self.tasks.share:.0%} of its {self.tasks.total} tasks "
            f"(chance {self.tasks.chance:.0%}); options.shuffle_choices mends that."
        )


def read_positions(rows: Iterable[Mapping[str, Json]]) -> tuple[Choices, ...]:
    """The first and the last evaluation and the training of a run; nothing where none has a choice task whose answers name
    an option."""
    held_out: dict[int, list[Judged]] = {}
    training: list[Judged] = []
    for row in rows:
        if str(row.get("verifier", "")).partition("@")[0] != "choice":
            continue
        place = held_out.setdefault(int(row.get("step", 0)), []) if row.get("split") == "held_out" else training
        place.append(_judged(row))
    named: list[tuple[str, list[Judged]]] = []
    if held_out:
        named.append(("held out, before" if len(held_out) > 1 else "held out", held_out[min(held_out)]))
    if len(held_out) > 1:
        named.append(("held out, after", held_out[max(held_out)]))
    named.append(("in training", training))
    return tuple(found for name, judged in named if (found := _choices(name, judged)) is not None)


def positions_table(found: Sequence[Choices]) -> str:
    """HTML: a sentence and a line for each; nothing for a run without choice tasks."""
    if not found:
        return ""
    width = max(len(each.report.chosen.counts) for each in found)
    heads = join(f'<th scope="col" class="n">{_letter(at)}</th>' for at in range(width))
    lines = join(_lines(each, width) for each in found)
    said = join(f'<p class="sentence">{safe(each.sentence())}</p>' for each in found)
    return (
        f'<h3>Multiple choice: by position</h3>{said}<div class="wide"><table class="plain"><thead><tr>'
        f'<th scope="col">Answers</th><th scope="col">Option</th>{heads}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _lines(choices: Choices, width: int) -> str:
    report = choices.report
    rows: list[tuple[str, list[str]]] = [
        ("right", [_share(report.right, at) for at in range(width)]),
        ("named", [_share(report.chosen, at) for at in range(width)]),
        ("passes where right", [_rate(report.accuracy, at) for at in range(width)]),
    ]
    return join(
        f'<tr><th scope="row">{safe(choices.name) if number == 0 else ""}</th><td>{what}</td>'
        + join(f'<td class="n">{cell}</td>' for cell in cells)
        + "</tr>"
        for number, (what, cells) in enumerate(rows)
    )


def _share(positions: Positions, at: int) -> str:
    count = positions.counts[at] if at < len(positions.counts) else 0
    return percent(count / positions.total, 0) if positions.total else "–"


def _rate(accuracy: Sequence[float | None], at: int) -> str:
    found = accuracy[at] if at < len(accuracy) else None
    return "–" if found is None else percent(found, 0)


def _choices(name: str, judged: Sequence[Judged]) -> Choices | None:
    report = report_positions(judged)
    tasks = positions_of({task.id: task for task, _ in judged}.values())
    return None if report is None or tasks is None else Choices(name, tasks, report)


def _judged(row: Mapping[str, Json]) -> Judged:
    """A row as the task and verdict it was made of, as far as positions need them."""
    outcome = Outcome(row["outcome"])
    evidence = row.get("evidence")
    return (
        Task(str(row["task"]), (), "choice", row["truth"]),
        Verdict(
            outcome,
            1.0 if outcome is Outcome.PASS else 0.0,
            Reason(row["reason"]),
            evidence=evidence if isinstance(evidence, Mapping) else {},
        ),
    )


def _letter(at: int) -> str:
    return chr(ord("A") + at)
