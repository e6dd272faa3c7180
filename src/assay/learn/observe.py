"""What watches a run beside the loop that trains it: alarms, truths in disguise, second opinions. Nothing here pays, and
nothing it does changes what is sampled or learnt.

It works in the first process alone, on what the run records, so that a resumed run takes it up again by reading its folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from assay.core.config import RunConfig
from assay.core.run_folder import RolloutRow, RunFolder
from assay.core.types import Task
from assay.learn.trainer import StepResult
from assay.measure.alarms.facts import facts_of
from assay.measure.alarms.scrambled import scramble
from assay.measure.alarms.watch import Raised, Watch, replay, rows_of
from assay.measure.evaluation import Evaluation
from assay.measure.second_opinion import Opinion, SecondOpinions, counts, second_opinions
from assay.reward.rule import RewardRule
from assay.verify.pool import JudgePool

GRAVITY = {"stop": 2, "pause": 1}


@dataclass(frozen=True, slots=True)
class Seen:
    """What was observed at a step or an evaluation: metrics to log, alarms, and second opinions that differ."""

    metrics: dict[str, float]
    raised: tuple[Raised, ...] = ()
    differing: tuple[Opinion, ...] = ()


class Observer:
    """`judges` and `rule` are those that pay, for the truths in disguise."""

    def __init__(self, config: RunConfig, seconds: SecondOpinions, judges: JudgePool, rule: RewardRule) -> None:
        self._config, self._seconds, self._judges, self._rule = config, seconds, judges, rule
        self._watch = Watch(config)

    def restore(self, folder: RunFolder) -> None:
        """Take up what the folder holds."""
        self._watch = replay(folder, self._config).watch

    def step(self, step: int, result: StepResult) -> Seen:
        began = perf_counter()
        how = self._config.alarms.scrambled
        metrics: dict[str, float] = {}
        if how.action != "off" and how.samples:
            metrics |= scramble(
                result.groups,
                step,
                samples=how.samples,
                seed=self._config.seed,
                judges=self._judges,
                rule=self._rule,
            )
        opinions = self._seconds.on_step(step, result.rows, {group.task.id: group.task for group in result.groups})
        metrics |= counts(opinions)
        facts = facts_of({"step": step, **result.metrics, **metrics}, rows_of(result.rows))
        raised = self._watch.step(facts)
        return Seen(metrics | {"time/observe": perf_counter() - began}, tuple(raised), differing(opinions))

    def evaluation(self, made: Evaluation, rows: Sequence[RolloutRow], tasks: Iterable[Task]) -> Seen:
        opinions = self._seconds.on(rows, {task.id: task for task in tasks})
        return Seen(dict(counts(opinions)), tuple(self._watch.evaluation(made)), differing(opinions))


@contextlib.contextmanager
def observing(config: RunConfig, judges: JudgePool, rule: RewardRule) -> Iterator[Observer]:
    """Raises MissingExtra for a second opinion that was asked for by name and is not installed."""
    with second_opinions(config.second_opinion, config.seed) as seconds:
        yield Observer(config, seconds, judges, rule)


def differing(opinions: Iterable[Opinion]) -> tuple[Opinion, ...]:
    return tuple(each for each in opinions if each.differs)


def gravest(raised: Iterable[Raised]) -> Raised | None:
    """The alarm to act on: one that stops before one that pauses; None where all are notes."""
    acting = [each for each in raised if each.action in GRAVITY]
    return max(acting, key=lambda each: GRAVITY[each.action], default=None)
