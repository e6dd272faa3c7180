"""What a gain is worth: the true reward's gain minus that of a control whose reward says nothing about being right.

Both arms start from the same policy, draw the same tasks with the same seeds and are evaluated on the same held-out problems,
so a problem's difference is (true after - true before) - (control after - control before). Over several seeds a problem's
differences are averaged first, and the paired bootstrap resamples problems: the interval says how much the net gain depends
on which problems were held out. How it depends on the seed is said by the seeds themselves (`by_seed`), which are too few for
an interval of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.core.errors import UsageError
from assay.measure.bootstrap import bootstrap_mean
from assay.measure.compare import Comparison

MEASURE = "pass@1"


@dataclass(frozen=True, slots=True)
class Gain:
    """A mean over problems with its 95 % interval, and the mean of each seed alone."""

    value: float
    low: float
    high: float
    problems: int
    by_seed: tuple[float, ...]

    @property
    def is_shown(self) -> bool:
        return self.low > 0


@dataclass(frozen=True, slots=True)
class NetGain:
    """`net` is `true` minus `control`, problem by problem."""

    control: str
    true: Gain
    of_control: Gain
    net: Gain

    def sentence(self) -> str:
        verdict = "beats" if self.net.is_shown else "falls behind" if self.net.high < 0 else "is not shown to beat"
        return (
            f"the true reward {verdict} the {self.control} control: {self.true.value:+.3f} minus {self.of_control.value:+.3f} "
            f"is {self.net.value:+.3f} (95 % interval {self.net.low:+.3f} to {self.net.high:+.3f}, {self.net.problems} problems)"
        )


def gain(arms: Sequence[Comparison], *, seed: int = 0, measure: str = MEASURE) -> Gain:
    """The gain of one arm over its seeds. Raises UsageError when no seed has a sample to compare."""
    return _gain([_by_problem(arm, measure) for arm in arms], seed)


def net_gain(
    control: str, pairs: Sequence[tuple[Comparison, Comparison]], *, seed: int = 0, measure: str = MEASURE
) -> NetGain:
    """`pairs` holds (true arm, control arm) of each seed. Raises UsageError for arms that share no problem."""
    true = [_by_problem(first, measure) for first, _ in pairs]
    other = [_by_problem(second, measure) for _, second in pairs]
    shared = [sorted(ours.keys() & theirs.keys()) for ours, theirs in zip(true, other, strict=True)]
    if not any(shared):
        raise UsageError(f"the {control} control and the true run share no held-out problem: evaluate both on the same")
    ours = [{task: each[task] for task in tasks} for each, tasks in zip(true, shared, strict=True)]
    theirs = [{task: each[task] for task in tasks} for each, tasks in zip(other, shared, strict=True)]
    net = [{task: one[task] - two[task] for task in one} for one, two in zip(ours, theirs, strict=True)]
    return NetGain(control, _gain(ours, seed), _gain(theirs, seed), _gain(net, seed))


def _by_problem(arm: Comparison, measure: str) -> dict[str, float]:
    before, after = (each.scores().get(measure, {}) for each in (arm.before, arm.after))
    return {task: after[task] - before[task] for task in before.keys() & after.keys()}


def _gain(seeds: Sequence[Mapping[str, float]], seed: int) -> Gain:
    tasks = sorted({task for each in seeds for task in each})
    if not tasks:
        raise UsageError("there is no held-out sample to compare: evaluate before and after training")
    means = [_mean([each[task] for each in seeds if task in each]) for task in tasks]
    low, high = bootstrap_mean(means, seed=seed)
    return Gain(_mean(means), low, high, len(tasks), tuple(_mean(list(each.values())) for each in seeds if each))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
