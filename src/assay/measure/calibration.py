"""Whether a judge that gives probabilities can be believed, and whether it goes by length.

ECE is the mean distance between stated probability and share that came true, over bins of equal width weighted by their
counts (Naeini et al., 2015; Guo et al., arXiv 1706.04599, equation 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.core.statistics import wilson


class Bin(NamedTuple):
    """Predictions between `low` and `high`: how many (`size`), their mean, and the share that came true."""

    low: float
    high: float
    size: int
    stated: float
    found: float


@dataclass(frozen=True, slots=True)
class Calibration:
    ece: float
    brier: float  # the mean squared distance of probability and outcome
    bins: tuple[Bin, ...]  # without the empty ones


def calibration(probabilities: Sequence[float], outcomes: Sequence[bool], bins: int = 10) -> Calibration:
    """Raises ValueError for none, or a probability outside [0, 1]."""
    if not probabilities or not all(0 <= each <= 1 for each in probabilities):
        raise ValueError("calibration needs probabilities in [0, 1], one at least")
    members: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for stated, outcome in zip(probabilities, outcomes, strict=True):
        members[min(int(stated * bins), bins - 1)].append((stated, outcome))
    found = tuple(
        Bin(
            place / bins,
            (place + 1) / bins,
            len(each),
            sum(stated for stated, _ in each) / len(each),
            sum(outcome for _, outcome in each) / len(each),
        )
        for place, each in enumerate(members)
        if each
    )
    count = len(probabilities)
    ece = sum(each.size * abs(each.stated - each.found) for each in found) / count
    brier = sum((stated - outcome) ** 2 for stated, outcome in zip(probabilities, outcomes, strict=True)) / count
    return Calibration(ece, brier, found)


@dataclass(frozen=True, slots=True)
class PairAccuracy:
    """How often the preferred answer of a pair scores higher (a tie is half), and how much the score goes by length.

    Of the pairs whose preferred answer is the longer, or the shorter, one: a judge that goes by length is right in the
    first kind and wrong in the second. `longer_wins` is what preferring the longer answer would score by itself;
    `correlation` is that of the differences in score and in length (0: none; Pearson), None where one has no spread.
    """

    accuracy: float
    low: float  # Wilson's 95 % interval
    high: float
    pairs: int
    where_longer: float | None
    where_shorter: float | None
    longer_wins: float
    correlation: float | None
    calibration: Calibration  # of sigmoid(difference), the chance that the judge gives the answer that it prefers


def pair_accuracy(
    chosen: Sequence[float], rejected: Sequence[float], chosen_lengths: Sequence[int], rejected_lengths: Sequence[int]
) -> PairAccuracy:
    """Of scores on the logit scale (Bradley-Terry). Raises ValueError for no pair."""
    if not chosen:
        raise ValueError("no pair to measure on")
    ahead = [one - other for one, other in zip(chosen, rejected, strict=True)]
    longer = [one - other for one, other in zip(chosen_lengths, rejected_lengths, strict=True)]
    wins = [_win(each) for each in ahead]
    low, high = wilson(round(sum(wins)), len(wins))
    sure = [1 / (1 + math.exp(-min(60.0, abs(each)))) for each in ahead]
    return PairAccuracy(
        accuracy=sum(wins) / len(wins),
        low=low,
        high=high,
        pairs=len(wins),
        where_longer=_mean([win for win, more in zip(wins, longer, strict=True) if more > 0]),
        where_shorter=_mean([win for win, more in zip(wins, longer, strict=True) if more < 0]),
        longer_wins=sum(_win(each) for each in longer) / len(longer),
        correlation=pearson(ahead, [float(each) for each in longer]),
        calibration=calibration(sure, [each > 0 for each in ahead]),
    )


def pearson(one: Sequence[float], other: Sequence[float]) -> float | None:
    """The correlation; None where one side has no spread."""
    mean_one, mean_other = sum(one) / len(one), sum(other) / len(other)
    both = sum((x - mean_one) * (y - mean_other) for x, y in zip(one, other, strict=True))
    spread = math.sqrt(sum((x - mean_one) ** 2 for x in one) * sum((y - mean_other) ** 2 for y in other))
    return both / spread if spread > 0 else None


def _win(difference: float) -> float:
    return 0.5 if difference == 0 else float(difference > 0)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
