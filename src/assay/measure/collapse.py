"""Has a run collapsed? Read off its training metrics, and off the evaluations on the way, by signs that honest noise does
not give:

    fallen     the mean pass rate of the last `window` steps is under `share` of the best such mean, by 6 standard errors
    barren     no right answer and no group with spread in `window` steps, 500 groups and 1,000 completions: nothing is left
               to learn from
    scattered  the entropy is over `entropy_ratio` times that of the first `window` steps, by 0.1 nats a token or more, and
               the pass rate no higher: the updates make the policy more random, as a reward that says nothing does
    lost       at an evaluation on the way (`learn.eval_every`), held-out pass@1 is under `share` of what it was before
               training, and the whole 95 % interval of the difference lies below zero

A falling entropy is no sign: it falls to nothing in runs that end at a pass rate of 1. Of the steps before the last change
of level (`rollout.curriculum`) nothing is compared; and where pools or replay change what is drawn as the policy learns, a
pass rate says as much of them as of the policy, so only `barren` and `lost` are looked for.

The thresholds were checked on the tiny demo at three seeds (none stops), on rewards decided by a hash, and on simulated
noise; docs/guides/sampling.md says what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from assay.core.config import RunConfig
from assay.core.drawing import NoPools, NoReplay
from assay.core.learning import CollapseStop
from assay.core.types import Json
from assay.measure.compare import Comparison
from assay.measure.signals import CAUSES

ERRORS = 6.0  # standard errors of the difference of two means: the best of many windows is high, the last may be low, by luck
RISE = 0.1  # nats a token: twice an entropy of next to nothing is next to nothing
BARREN_GROUPS, BARREN_COMPLETIONS = 500, 1000  # where one prompt in 100 is ever solved, 500 hold none once in 150


@dataclass(frozen=True, slots=True)
class Collapse:
    """What was seen: one sentence without its full stop."""

    sign: str
    sentence: str


def find_collapse(
    metrics: Sequence[Mapping[str, Json]], config: RunConfig, gain: Comparison | None = None
) -> Collapse | None:
    """Whether the run whose training rows these are, in order, has collapsed by the last of them.

    `gain` is that of the evaluation made after the last step, if one was.
    """
    how = config.learn.collapse
    if not isinstance(how, CollapseStop):
        return None
    found = (lost(gain, how) if gain is not None else None) or barren(metrics, how)
    is_drawn_evenly = isinstance(config.rollout.pools, NoPools) and isinstance(config.rollout.replay, NoReplay)
    if found is None and is_drawn_evenly:
        level = at_this_level(metrics)
        found = fallen(level, how) or scattered(level, how)
    return found


def at_this_level(metrics: Sequence[Mapping[str, Json]]) -> Sequence[Mapping[str, Json]]:
    """The rows since the curriculum's level last changed."""
    last = metrics[-1].get("curriculum/level") if metrics else None
    begin = len(metrics)
    while begin and metrics[begin - 1].get("curriculum/level") == last:
        begin -= 1
    return metrics[begin:]


def fallen(metrics: Sequence[Mapping[str, Json]], how: CollapseStop) -> Collapse | None:
    rates, window = values(metrics, "pass_rate"), how.window
    if len(rates) < 2 * window:
        return None
    means = running_means(rates, window)
    place = max(range(len(means) - window), key=means.__getitem__)  # a window that shares no step with the last one
    drop = means[place] - means[-1]
    if means[-1] >= how.share * means[place] or drop < ERRORS * standard_error(rates, window):
        return None
    first = int(metrics[place]["step"])
    return Collapse(
        "fallen",
        f"the training pass rate fell to {means[-1]:.3f} (mean of {window} steps), under {how.share:g} of its best, "
        f"{means[place]:.3f} at steps {first} to {first + window - 1}",
    )


def barren(metrics: Sequence[Mapping[str, Json]], how: CollapseStop) -> Collapse | None:
    steps = groups = completions = 0
    for row in reversed(metrics):
        if row.get("pass_rate") or row.get("groups/informative"):
            break
        steps, completions = steps + 1, completions + int(row.get("judged") or 0)
        groups += sum(int(row.get(f"groups/{cause}") or 0) for cause in CAUSES)
        if steps >= how.window and groups >= BARREN_GROUPS and completions >= BARREN_COMPLETIONS:
            return Collapse(
                "barren",
                f"no right answer and no group with spread in the last {steps} steps ({groups} groups, "
                f"{completions:,} completions), so nothing is left to learn from",
            )
    return None


def scattered(metrics: Sequence[Mapping[str, Json]], how: CollapseStop) -> Collapse | None:
    window, known = how.window, [row for row in metrics if row.get("entropy") is not None]
    if how.entropy_ratio is None or len(known) < 2 * window:
        return None
    entropies, rates = values(known, "entropy"), values(known, "pass_rate")
    first, last = fmean(entropies[:window]), fmean(entropies[-window:])
    before, after = fmean(rates[:window]), fmean(rates[-window:])
    has_risen = after - before > 2 * standard_error(rates, window)
    if last <= how.entropy_ratio * first or last - first < RISE or has_risen:
        return None
    return Collapse(
        "scattered",
        f"the entropy rose to {last:.3f} nats a token (mean of {window} steps), over {how.entropy_ratio:g} times the "
        f"{first:.3f} of the first {window}, and the pass rate did not rise with it ({before:.3f} to {after:.3f})",
    )


def lost(gain: Comparison, how: CollapseStop) -> Collapse | None:
    found = gain.row("pass@1")
    if found is None or found.high >= 0 or found.after >= how.share * found.before:
        return None
    return Collapse(
        "lost",
        f"held-out pass@1 fell from {found.before:.3f} before training to {found.after:.3f}, under {how.share:g} of it "
        f"(95 % interval of the difference {found.low:+.3f} to {found.high:+.3f})",
    )


def values(metrics: Sequence[Mapping[str, Json]], name: str) -> list[float]:
    return [float(row.get(name) or 0.0) for row in metrics]


def running_means(numbers: Sequence[float], window: int) -> list[float]:
    """The mean of each `window` numbers in a row."""
    total = sum(numbers[:window])
    means = [total / window]
    for place in range(window, len(numbers)):
        total += numbers[place] - numbers[place - window]
        means.append(total / window)
    return means


def standard_error(numbers: Sequence[float], window: int) -> float:
    """Of the difference of two windows' means, were every step drawn alike.

    The spread of steps is taken from the differences between neighbours, which a slow rise or fall does not widen; and from
    all of them, because ten steps are too few to know it (a window may be low and even by luck).
    """
    squares = [(later - sooner) ** 2 for sooner, later in pairwise(numbers)]
    return float((fmean(squares) / window) ** 0.5)  # the variance of a step is half of it, and there are two windows
