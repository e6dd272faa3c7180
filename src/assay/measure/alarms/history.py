"""What a run has shown so far, as the alarms read it: series of steps with the means of their windows, and evaluations.

A series takes one number a step and answers in constant time, so that a run of any length is watched at the same cost a
step. Steps before the last change of level (`rollout.curriculum`) are forgotten: their tasks were easier.
"""

from __future__ import annotations

from collections import deque

from assay.core.config import RunConfig
from assay.core.drawing import NoPools, NoReplay
from assay.measure.alarms.facts import Shown, StepFacts
from assay.measure.evaluation import Evaluation

SPREAD_OVER = 10
"""Windows from whose steps the noise of a step is taken: one window is too short to know it."""


class Series:
    """Numbers by step; steps without one are passed over."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.count = 0
        self.first = 0.0  # mean of the first window
        self.best = 0.0  # highest mean of a window that ended at least one window ago
        self._last: deque[float] = deque(maxlen=window)
        self._means: deque[float] = deque(maxlen=window + 1)  # of the windows that ended at the last steps
        self._squares: deque[float] = deque(maxlen=SPREAD_OVER * window)

    def add(self, value: float | None) -> None:
        if value is None:
            return
        if self._last:
            self._squares.append((value - self._last[-1]) ** 2)
        self._last.append(value)
        self.count += 1
        if self.count < self.window:
            return
        self._means.append(sum(self._last) / self.window)
        if self.count == self.window:
            self.first = self._means[-1]
        if len(self._means) > self.window:
            self.best = max(self.best, self._means[0])

    @property
    def has_one(self) -> bool:
        """Is there a whole window?"""
        return self.count >= self.window

    @property
    def has_two(self) -> bool:
        """Are there two windows that share no step?"""
        return self.count >= 2 * self.window

    @property
    def last(self) -> float:
        """The mean of the last window."""
        return sum(self._last) / max(1, len(self._last))

    @property
    def rise(self) -> float:
        return self.last - self.first

    @property
    def error(self) -> float:
        """Standard error of the difference of two windows' means, were every step drawn alike.

        Taken from the differences between neighbours, which a slow rise does not widen: the variance of a step is half of
        their mean square, and there are two windows.
        """
        return float((sum(self._squares) / max(1, len(self._squares)) / self.window) ** 0.5)


class History:
    """`steps` are those at this level; `evaluations` all that were made, in order."""

    def __init__(self, window: int, *, is_drawn_evenly: bool = True) -> None:
        self.window = window
        self.is_drawn_evenly = is_drawn_evenly
        self.evaluations: list[Evaluation] = []
        self.rewards: list[float | None] = []  # mean training reward of the window before each evaluation
        self._level: float | None = None
        self._begin()

    @classmethod
    def of(cls, config: RunConfig) -> History:
        """For a run of this configuration. Where pools or replay change what is drawn as the policy learns, a pass rate
        says as much of them as of the policy."""
        even = isinstance(config.rollout.pools, NoPools) and isinstance(config.rollout.replay, NoReplay)
        return cls(config.alarms.window, is_drawn_evenly=even)

    def _begin(self) -> None:
        names = ("reward", "pass_rate", "length", "entropy", "kl", "form", "copies", "shared", "chance", "same_truth")
        self.series = {name: Series(self.window) for name in (*names, "dependence", "visible_only", "dead")}
        self.recent: deque[StepFacts] = deque(maxlen=self.window)

    def step(self, facts: StepFacts) -> None:
        if facts.level != self._level:
            self._begin()
            self._level = facts.level
        self.recent.append(facts)
        for name in ("reward", "pass_rate", "length", "entropy", "kl", "form", "copies", "shared"):
            self.series[name].add(getattr(facts, name))
        if facts.chance is not None and facts.same_truth is not None:
            self.series["chance"].add(facts.chance)
            self.series["same_truth"].add(facts.same_truth)
        self.series["dependence"].add(dependence(facts))
        if facts.tests.programs:
            self.series["visible_only"].add(facts.tests.visible_only / facts.tests.programs)
        groups = sum(facts.causes.values())
        if groups:
            self.series["dead"].add(1 - facts.causes["informative"] / groups)

    def evaluation(self, made: Evaluation) -> None:
        reward = self.series["reward"]
        self.evaluations.append(made)
        self.rewards.append(reward.last if reward.has_one else None)

    @property
    def programs(self) -> Shown:
        """Of the last window."""
        return Shown(*map(sum, zip(*(facts.tests for facts in self.recent), strict=True)))

    @property
    def scrambled(self) -> tuple[int, int]:
        """Judged against another task's truth in the last window, and paid."""
        return sum(each.scrambled[0] for each in self.recent), sum(each.scrambled[1] for each in self.recent)

    def causes(self) -> dict[str, int]:
        """Groups of the last window by what they could teach."""
        found: dict[str, int] = {}
        for facts in self.recent:
            for cause, count in facts.causes.items():
                found[cause] = found.get(cause, 0) + count
        return found


def dependence(facts: StepFacts) -> float | None:
    """How much more two answers to one prompt agree than two answers to different prompts: 1 when the prompt says all,
    0 when it says nothing (Cohen's kappa of two samples of a prompt). None where every prompt expects the same answer."""
    if facts.agreement is None or facts.chance is None or facts.same_truth == 1.0:
        return None
    return 0.0 if facts.chance >= 1.0 else max(0.0, (facts.agreement - facts.chance) / (1.0 - facts.chance))
