"""Bootstrap intervals that resample problems, never samples: the samples of one problem are not independent of it.

The percentile interval (Efron 1979). Resampling problems jointly for both sides of a comparison makes it the paired
bootstrap: what makes a problem hard is the same before and after, and cancels.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.core.rng import stream

RESAMPLES = 4000


def bootstrap_mean(
    values: Sequence[float], *, seed: int, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float]:
    """The interval of the mean of `values`, one value a problem (a difference, when paired).

    With one value or none nothing is known: (-inf, inf) would be honest, and is what comes back.
    """
    n = len(values)
    if n < 2:
        return float("-inf"), float("inf")
    if min(values) == max(values):
        return values[0], values[0]
    draw = stream(seed, "bootstrap")
    means = sorted(sum(draw.choices(values, k=n)) / n for _ in range(resamples))
    outside = (1 - level) / 2
    return _quantile(means, outside), _quantile(means, 1 - outside)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear interpolation between the order statistics (numpy's default, Hyndman and Fan's type 7)."""
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
