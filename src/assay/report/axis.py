"""Axes: values to pixels, round ticks, short labels."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Values to pixels, linearly."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.end - self.start)


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round values (1, 2 or 5 times a power of ten) that cover low..high.

    >>> nice_ticks(0, 1)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    >>> nice_ticks(3, 17)
    [0.0, 5.0, 10.0, 15.0, 20.0]
    """
    if not (math.isfinite(low) and math.isfinite(high)) or high < low:
        raise ValueError(f"an axis needs finite ends in order, not {low} and {high}")
    if high - low <= max(1e-12 * max(abs(low), abs(high)), 1e-290):  # no spread that a double could be divided by
        pad = abs(high) / 2 if abs(high) > 1e-290 else 0.5
        low, high = low - pad, high + pad
    step = _nice((high - low) / count)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * place, 12 - math.floor(math.log10(step))) for place in range(first, last + 1)]


def step_ticks(low: float, high: float, count: int = 5) -> list[int]:
    """Whole round numbers inside low..high, for an axis of training steps."""
    step = max(1, round(_nice((high - low) / count))) if high > low else 1
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def tick_label(value: float) -> str:
    """Short: thousands as `k`, small values with a power of ten."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e9 or size < 1e-3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        return f"{mantissa.removesuffix('.0')}e{int(exponent)}".replace("-", "−")
    if size >= 1e6:
        return f"{value / 1e6:g}M".replace("-", "−")
    if size >= 1e4:
        return f"{value / 1e3:g}k".replace("-", "−")
    return f"{value:.6g}".replace("-", "−")


def _nice(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return min((factor * power for factor in (1, 2, 2.5, 5, 10)), key=lambda step: abs(math.log(step / raw)))
