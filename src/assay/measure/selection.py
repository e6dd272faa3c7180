"""What a selector is worth: the chance to be right when it chooses among n samples of a problem, from N >= n drawn.

    best of n    the sample of the highest score; over all subsets of n of the N, sample i of rank r (0: the best) is the
                 chosen one in C(N - 1 - r, n - 1) of C(N, n), as pass@k counts subsets (arXiv 2107.03374)
    vote         the answer that most samples give, each vote weighed by its sample's score (arXiv 2203.11171, section 3;
                 weighed by a verifier: arXiv 2206.02336, equation 4)

A rule verifier that selects is pass@n itself: it is right whenever a right sample is there. It is the ceiling, where it is
there at the time of the question; a learned selector needs no truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import comb

from assay.measure.passk import Vote


def best_of_n(passes: Sequence[bool], scores: Sequence[float], n: int) -> float:
    """The chance that the best-scored of n samples is right; of equal scores each is as likely to be chosen.

    Raises ValueError unless 1 <= n <= N.

    >>> best_of_n([True, False], [2.0, 1.0], 2)
    1.0
    """
    count = len(passes)
    if not 1 <= n <= count or len(scores) != count:
        raise ValueError(
            f"best of n needs 1 <= n <= N and a score for each, not n={n}, N={count}, {len(scores)} scores"
        )
    order = sorted(range(count), key=lambda place: -scores[place])
    chance, start = 0.0, 0
    while start < count:
        stop = start
        while stop < count and scores[order[stop]] == scores[order[start]]:
            stop += 1
        # subsets whose best score is this one: those of what is not above, less those of what is below
        subsets = comb(count - start, n) - comb(count - stop, n)
        right = sum(passes[order[place]] for place in range(start, stop)) / (stop - start)
        chance += right * subsets / comb(count, n)
        start = stop
    return chance


def weighted_vote(votes: Sequence[Vote], weights: Sequence[float], n: int) -> float:
    """The share of disjoint blocks of n samples, in the order drawn, whose heaviest answer is right (ties by their share).

    Raises ValueError unless 1 <= n <= N, or for a negative weight.
    """
    if not 1 <= n <= len(votes) or len(weights) != len(votes) or min(weights) < 0:
        raise ValueError("a vote needs 1 <= n <= N and a weight of 0 or more for each sample")
    starts = range(0, len(votes) - n + 1, n)
    return sum(_heaviest(votes[start : start + n], weights[start : start + n]) for start in starts) / len(starts)


def _heaviest(votes: Sequence[Vote], weights: Sequence[float]) -> float:
    total: dict[str | None, float] = defaultdict(float)
    for vote, weight in zip(votes, weights, strict=True):
        if vote.is_right or vote.answer is not None:
            total[None if vote.is_right else vote.answer] += weight  # right answers vote together
    if not total:
        return 0.0
    most = max(total.values())
    top = [answer for answer, weight in total.items() if weight == most]
    return 1 / len(top) if None in top else 0.0
