"""Two evaluations of the same problems side by side, and whether the difference is shown or only seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from assay.core.errors import UsageError
from assay.measure.bootstrap import bootstrap_mean
from assay.measure.evaluation import Evaluation


class Difference(NamedTuple):
    """One figure before and after; `low` and `high` bound `gain` at 95 % (paired bootstrap over problems)."""

    name: str
    before: float
    after: float
    gain: float
    low: float
    high: float
    problems: int


@dataclass(frozen=True, slots=True)
class Comparison:
    before: Evaluation
    after: Evaluation
    differences: tuple[Difference, ...]

    def rows(self) -> tuple[Difference, ...]:
        return self.differences

    def row(self, name: str) -> Difference | None:
        return next((each for each in self.differences if each.name == name), None)

    @property
    def shows_gain(self) -> bool:
        """Whether the lower end of held-out pass@1's interval lies above zero; of the oracle's too, where there is one."""
        found, oracle = self.row("pass@1"), self.row("oracle")
        return found is not None and found.low > 0 and (oracle is None or oracle.low > 0)

    @property
    def shows_loss(self) -> bool:
        """Whether the whole interval of held-out pass@1 lies below zero, or that of the oracle."""
        return any(each is not None and each.high < 0 for each in (self.row("pass@1"), self.row("oracle")))

    def sentence(self) -> str:
        """What was shown, and what fell on the way."""
        found = self.row("pass@1")
        if found is None:
            return "no gain shown: there is no sample to compare"
        if self.shows_gain:
            verdict = "gain shown"
        elif found.low > 0:
            verdict = "no gain shown: the oracle does not see it"
        elif found.high < 0:
            verdict = "no gain shown, but a loss"
        else:
            verdict = "no gain shown"
        fell = [
            each for each in self.differences if each.high < 0 and each.name.startswith(("greedy", "pass@", "maj@"))
        ]
        also = "".join(f"; {each.name} fell by {-each.gain:.3f}" for each in fell if each.name != "pass@1")
        if (oracle := self.row("oracle")) is not None:
            also += (
                f"; by the oracle {oracle.before:.3f} to {oracle.after:.3f}, {oracle.gain:+.3f} ({oracle.low:+.3f} to "
                f"{oracle.high:+.3f})"
            )
        return (
            f"{verdict}: held-out pass@1 {found.before:.3f} to {found.after:.3f}, {found.gain:+.3f} "
            f"(95 % interval {found.low:+.3f} to {found.high:+.3f}, {found.problems} problems x "
            f"{self.after.samples} samples){also}"
        )


def compare(before: Evaluation, after: Evaluation, *, seed: int = 0) -> Comparison:
    """Pair the problems that both hold. Raises UsageError when they share none, or were judged by other verifiers."""
    shared = {each.task for each in before.problems} & {each.task for each in after.problems}
    if not shared:
        raise UsageError("the two evaluations share no problem: only evaluations of the same tasks can be compared")
    if before.verifiers != after.verifiers:
        raise UsageError(
            f"the two evaluations were judged by different verifiers ({', '.join(before.verifiers)}; "
            f"{', '.join(after.verifiers)}): evaluate both with one"
        )
    ours, theirs = before.scores(), after.scores()
    differences = []
    for name in ours:
        tasks = sorted(shared & ours[name].keys() & theirs.get(name, {}).keys())
        if not tasks:
            continue
        old, new = [ours[name][task] for task in tasks], [theirs[name][task] for task in tasks]
        gains = [b - a for a, b in zip(old, new, strict=True)]
        n = len(tasks)
        low, high = bootstrap_mean(gains, seed=seed)
        differences.append(Difference(name, sum(old) / n, sum(new) / n, sum(gains) / n, low, high, n))
    return Comparison(before, after, tuple(differences))
