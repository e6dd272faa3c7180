"""pass@k and maj@k of one problem from n >= k samples, unbiased: averages over the samples drawn, not lucky subsets.

pass@k = 1 - C(n - c, k) / C(n, k) for c right samples of n (Chen et al., arXiv 2107.03374, equation 1).
maj@k is the expected success of a majority vote among k samples (self-consistency, arXiv 2203.11171), here averaged over
the floor(n / k) disjoint blocks of k samples in the order they were drawn; ties are broken at random, so each answer on
top counts with its share. A sample without an answer does not vote; a block without votes fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb
from typing import NamedTuple


class Vote(NamedTuple):
    """What one sample says: right answers vote together however they are written, wrong ones by their text."""

    is_right: bool
    answer: str | None


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that k samples without replacement from n, c of them right, hold a right one.

    Raises ValueError unless 0 <= c <= n and 1 <= k <= n.

    >>> pass_at_k(16, 4, 1)
    0.25
    """
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"pass@k needs 0 <= c <= n and 1 <= k <= n, not n={n}, c={c}, k={k}")
    return 1.0 - comb(n - c, k) / comb(n, k)


def maj_at_k(votes: Sequence[Vote], k: int) -> float:
    """The share of blocks of k samples whose majority is right. Raises ValueError unless 1 <= k <= n."""
    if not 1 <= k <= len(votes):
        raise ValueError(f"maj@k needs 1 <= k <= n, not n={len(votes)}, k={k}")
    blocks = [votes[start : start + k] for start in range(0, len(votes) - k + 1, k)]
    return sum(_majority(block) for block in blocks) / len(blocks)


def _majority(block: Sequence[Vote]) -> float:
    # a right answer's class is None, which no text can be
    counts = Counter(
        None if vote.is_right else vote.answer for vote in block if vote.is_right or vote.answer is not None
    )
    if not counts:
        return 0.0
    most = max(counts.values())
    top = [answer for answer, count in counts.items() if count == most]
    return 1.0 / len(top) if None in top else 0.0
