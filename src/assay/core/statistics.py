"""Intervals for proportions, shared by the rooms that count passes (audit and measure)."""

from __future__ import annotations

import math


def wilson(passes: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's score interval for a proportion (Wilson 1927, without continuity correction); z 1.96 is 95 %.

    With no trials nothing is known: (0, 1). Raises ValueError when `passes` does not lie in 0..n.

    >>> wilson(0, 100)
    (0.0, 0.03699480747600191)
    """
    if not 0 <= passes <= n:
        raise ValueError(f"passes must lie between 0 and n={n}, not {passes}")
    if n == 0:
        return 0.0, 1.0
    rate = passes / n
    middle = rate + z * z / (2 * n)
    spread = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # at the ends the formula is exactly 0 or 1; rounding must not say otherwise
    low = 0.0 if passes == 0 else (middle - spread) / scale
    high = 1.0 if passes == n else (middle + spread) / scale
    return low, high
