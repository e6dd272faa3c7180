"""Does a policy choose by position? Which options it names in its rollouts, beside where the right ones stand.

A policy that names the first option in half of its answers has a shortcut that a reward pays for wherever the first is
right more often than chance; with shuffled options the share that it names should be flat.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.core.types import Group, Outcome, Task, Verdict
from assay.tasks.choices import Positions, position_of, right_position, spread


@dataclass(frozen=True, slots=True)
class PositionReport:
    """`chosen`: the options that were named; `right`: those of the same completions that were right.

    `accuracy[i]`: the share of PASS where the i-th option is right (None where it never is).
    """

    chosen: Positions
    right: Positions
    accuracy: tuple[float | None, ...]

    @property
    def shift(self) -> float:
        """How much of the choices lies elsewhere than the right options do: 0 alike, 1 nothing in common."""
        pairs = zip(self.chosen.counts, self.right.counts, strict=True)
        return sum(abs(one / self.chosen.total - two / self.right.total) for one, two in pairs) / 2

    @property
    def is_biased(self) -> bool:
        """Is one position named more often than chance, beyond what the right options' own places explain?"""
        return self.chosen.is_biased and self.chosen.share > self.right.counts[self.chosen.most] / self.right.total

    def sentence(self) -> str:
        letter = chr(ord("A") + self.chosen.most)
        there = self.right.counts[self.chosen.most] / self.right.total
        verdict = "a bias of the policy" if self.is_biased else "no bias that the sample shows"
        return (
            f"option {letter} is named in {self.chosen.share:.0%} of {self.chosen.total} answers and right in {there:.0%} "
            f"(chance {self.chosen.chance:.0%}): {verdict}"
        )


def position_report(groups: Iterable[Group]) -> PositionReport | None:
    """Over the choice tasks' completions that name an option; None when there are none."""
    return report_positions((group.task, member.verdict) for group in groups for member in group.members)


def report_positions(judged: Iterable[tuple[Task, Verdict]]) -> PositionReport | None:
    """The same from (task, verdict) pairs, as a rollouts file holds them."""
    chosen: list[tuple[int, int]] = []
    right: list[tuple[int, int]] = []
    passes: dict[int, list[bool]] = {}
    for task, verdict in judged:
        truth, stands = task.truth, right_position(task)
        label = verdict.evidence.get("named") if verdict.outcome is Outcome.FAIL else None
        named = stands if verdict.is_pass else position_of(label, truth)
        if stands is None:
            continue
        if not verdict.is_void:
            passes.setdefault(stands, []).append(verdict.is_pass)
        if named is not None:
            options = len(truth["choices"]) if isinstance(truth, Mapping) and truth.get("choices") else 0
            chosen.append((named, options))
            right.append((stands, options))
    one, two = spread(chosen), spread(right)
    if one is None or two is None:
        return None
    width = max(len(one.counts), len(two.counts))
    one, two = _widened(one, width), _widened(two, width)
    accuracy = tuple(sum(passes[at]) / len(passes[at]) if at in passes else None for at in range(width))
    return PositionReport(one, two, accuracy)


def _widened(positions: Positions, width: int) -> Positions:
    return Positions(positions.counts + (0,) * (width - len(positions.counts)), positions.chance)
