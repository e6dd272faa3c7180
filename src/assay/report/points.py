"""What a line is made of, and how a long one is made readable: thinned for its size, averaged for its shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

SMOOTHED_FROM = 80
"""Points from which a line is too ragged to read, and is drawn pale behind its rolling mean."""


class Point(NamedTuple):
    """`low` and `high` bound a band (line charts) or an interval (marked series). No `y`: a gap in the line."""

    x: float
    y: float | None
    low: float | None = None
    high: float | None = None


def stretches(points: Sequence[Point]) -> list[list[Point]]:
    """The stretches of points that have a value."""
    runs: list[list[Point]] = [[]]
    for point in points:
        if point.y is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def window(count: int) -> int:
    """Points that a rolling mean takes together: about a thirtieth of the line, an odd number."""
    return 2 * (count // 60) + 1 if count >= SMOOTHED_FROM else 1


def rolling_mean(points: Sequence[Point], width: int) -> list[Point]:
    """The centred mean of `width` points and their bounds; shorter at the ends, so that nothing is made up there."""
    half = width // 2
    means = []
    for place, point in enumerate(points):
        near = points[max(0, place - half) : place + half + 1]
        means.append(Point(point.x, *(_mean([each[field] for each in near]) for field in (1, 2, 3))))
    return means


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def thin(points: Sequence[Point], buckets: int = 500) -> list[Point]:
    """The lowest and the highest point of each of `buckets` stretches: a long line keeps its spikes, and the file its
    size. The exact values stay in `Chart.values`."""
    if len(points) <= 2 * buckets:
        return list(points)
    kept = [points[0]]
    for place in range(buckets):
        part = points[place * len(points) // buckets : (place + 1) * len(points) // buckets]
        ends = (min(part, key=_height), max(part, key=_height))
        kept += sorted({*ends})
    return [*kept, points[-1]]


def _height(point: Point) -> float:
    return point.y or 0.0
