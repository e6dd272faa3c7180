"""Alarms that speak at evaluations: the same held-out completions, judged by what pays and by the oracle.

The oracle is `evaluate.oracle` where that is named, else the tasks' own verifier. Differences are paired over problems, with
95 % bootstrap intervals; an alarm needs the whole interval on its side of zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from assay.core.watching import AlarmsConfig
from assay.measure.alarms.history import History
from assay.measure.bootstrap import bootstrap_mean
from assay.measure.evaluation import Evaluation


class Change(NamedTuple):
    """A mean over problems at two evaluations, and the 95 % interval of its difference."""

    before: float
    after: float
    low: float
    high: float

    @property
    def gain(self) -> float:
        return self.after - self.before


def proxy(history: History, how: AlarmsConfig) -> str | None:
    """The oracle's pass@1 has fallen from its best, and what is paid has not fallen with it, or has risen in training."""
    made = history.evaluations
    if len(made) < 2:
        return None
    now = made[-1]
    at = max(range(len(made) - 1), key=lambda place: mean(oracle_of(made[place])))
    best = made[at]
    if mean(oracle_of(best)) - mean(oracle_of(now)) < how.proxy.fall:
        return None  # an interval takes some milliseconds, and most evaluations end here
    true = change(oracle_of(best), oracle_of(now), now.seed)
    if true is None or true.high >= 0:
        return None
    paid, gap = change(rewards_of(best), rewards_of(now), now.seed), change(gap_of(best), gap_of(now), now.seed)
    reward, since = history.series["reward"], then(history, at)
    if paid is not None and gap is not None and paid.gain >= 0 and gap.low > 0:
        rose = "rose" if paid.low > 0 else "did not fall"
        said = f"the reward of the same completions {rose}: {paid.before:.3f} to {paid.after:.3f}"
    elif reward.has_two and reward.last - since > how.errors * reward.error:
        said = f"the training reward rose from {since:.3f} to {reward.last:.3f} (means of {history.window} steps)"
    else:
        return None
    return (
        f"held-out pass@1 {_by(now)}fell from {true.before:.3f} at step {best.step} to {true.after:.3f} (95 % interval of the "
        f"difference {true.low:+.3f} to {true.high:+.3f}), while {said}"
    )


def form(history: History, how: AlarmsConfig) -> str | None:
    """With an oracle of its own: more held-out completions give a readable answer, and no more are right."""
    return _without_gain(
        history, "format_rate", lambda each: each.gain >= how.format.rise, "that give a readable answer"
    )


def length(history: History, how: AlarmsConfig) -> str | None:
    """With an oracle of its own: held-out completions grow longer, and no more of them are right."""
    return _without_gain(
        history, "mean_length", lambda each: each.after >= how.length.ratio * each.before, "tokens a completion"
    )


def pass_at_k(history: History, how: AlarmsConfig) -> str | None:
    """pass@1 has risen since the first evaluation and pass@k, for the largest k, has fallen."""
    made = history.evaluations
    k = max(made[-1].k, default=1) if made else 1
    if len(made) < 2 or k == 1:
        return None
    first, now = (each.scores() for each in (made[0], made[-1]))
    name = f"pass@{k}"
    if mean(now.get(name, {})) >= mean(first.get(name, {})):
        return None
    one, many = (change(first.get(each, {}), now.get(each, {}), made[-1].seed) for each in ("pass@1", name))
    if one is None or many is None or one.low <= 0 or many.high >= 0:
        return None
    return (
        f"held-out pass@1 rose from {one.before:.3f} to {one.after:.3f}, while {name} fell from {many.before:.3f} to "
        f"{many.after:.3f} (95 % interval of the difference {many.low:+.3f} to {many.high:+.3f})"
    )


def then(history: History, place: int) -> float:
    """The training reward at an evaluation; of the first window, where that was not over yet."""
    found = history.rewards[place]
    return history.series["reward"].first if found is None else found


def oracle_of(evaluation: Evaluation) -> dict[str, float]:
    """Each problem's share of samples that the oracle passes."""
    if evaluation.oracle:
        return evaluation.scores().get("oracle", {})
    return {each.task: sum(each.passes) / len(each.passes) for each in evaluation.problems if each.passes}


def rewards_of(evaluation: Evaluation) -> dict[str, float]:
    """Each problem's mean reward; empty for an evaluation that did not record them."""
    return {each.task: sum(each.rewards) / len(each.rewards) for each in evaluation.problems if each.rewards}


def gap_of(evaluation: Evaluation) -> dict[str, float]:
    """Each problem's mean reward less its share of samples that the oracle passes."""
    paid, true = rewards_of(evaluation), oracle_of(evaluation)
    return {task: paid[task] - true[task] for task in paid.keys() & true.keys()}


def change(before: Mapping[str, float], after: Mapping[str, float], seed: int) -> Change | None:
    """Over the problems that both hold; None when they share none."""
    tasks = sorted(before.keys() & after.keys())
    if not tasks:
        return None
    low, high = bootstrap_mean([after[task] - before[task] for task in tasks], seed=seed)
    return Change(mean({t: before[t] for t in tasks}), mean({t: after[t] for t in tasks}), low, high)


def mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values) if values else 0.0


def _without_gain(history: History, figure: str, has_risen: Callable[[Change], bool], what: str) -> str | None:
    """Nothing without an oracle: the alarms of training steps say the same of the tasks' own verifier, and sooner."""
    made = history.evaluations
    if len(made) < 2 or not made[-1].oracle:
        return None
    first, now = (each.scores() for each in (made[0], made[-1]))
    before, after = first.get(figure, {}), now.get(figure, {})
    if not before or not has_risen(Change(mean(before), mean(after), 0.0, 0.0)):
        return None
    grown = change(before, after, made[-1].seed)
    true = change(oracle_of(made[0]), oracle_of(made[-1]), made[-1].seed)
    if grown is None or true is None or grown.low <= 0 or true.low > 0:
        return None
    form = ".1f" if figure == "mean_length" else ".3f"
    return (
        f"held-out {'share' if form == '.3f' else 'length'} rose from {grown.before:{form}} to {grown.after:{form}} {what}, "
        f"and pass@1 {_by(made[-1])}did not: {true.before:.3f} to {true.after:.3f}"
    )


def _by(evaluation: Evaluation) -> str:
    return f"by the oracle {evaluation.oracle.partition('@')[0]} " if evaluation.oracle else ""
