"""Charts as inline SVG, drawn here: no library, no script needed to see them, colours by class so that themes apply.

Each chart also carries its numbers (`Chart.values`), from which the page's script shows exact values under the pointer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.types import Json
from assay.report.axis import Scale, nice_ticks, step_ticks, tick_label
from assay.report.points import Point, rolling_mean, stretches, thin, window
from assay.report.text import safe

WIDTH, HEIGHT = 400, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 24
MOST_BARS = 96


@dataclass(frozen=True, slots=True)
class Series:
    """`look` is a CSS class (`s1`..`s8`, `pass`, `before`...). Marked series show their points and intervals."""

    name: str
    points: Sequence[Point]
    look: str = "s1"
    marked: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """`form` says how exact values are written: `share` (three digits), `count`, `seconds` or `number`."""

    title: str
    note: str
    svg: str
    series: tuple[Series, ...]
    form: str = "number"
    x: tuple[float, float] = (0.0, 1.0)  # the ends of the axis of steps

    def values(self) -> Json:
        return {
            "form": self.form,
            "box": [LEFT, RIGHT, TOP, BOTTOM, WIDTH, HEIGHT],
            "series": [
                {"name": each.name, "look": each.look, "points": [_numbers(point) for point in each.points]}
                for each in self.series
            ],
            "x": list(self.x),
        }


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    note: str = "",
    form: str = "number",
    floor: float | None = 0.0,
    ceiling: float | None = None,
) -> Chart | None:
    """Lines over training steps; None when there is no value to draw. `floor` and `ceiling` are kept inside the axis."""
    shown = tuple(each for each in series if any(point.y is not None for point in each.points))
    if not shown:
        return None
    values = [
        value
        for each in shown
        for point in each.points
        for value in (point.y, point.low, point.high)
        if value is not None
    ]
    low = min(values) if floor is None else min(floor, *values)
    high = max(values) if ceiling is None else max(ceiling, *values)
    if low == high == 0:
        high = 1.0  # a line of zeros lies on the floor
    xs = [point.x for each in shown for point in each.points]
    parts, x, y = _frame(min(xs), max(xs), nice_ticks(low, high))
    for each in reversed(shown):  # the first series lies on top
        parts.append(f'<g class="series {each.look}{" dashed" if each.dashed else ""}">{_drawn(each, x, y)}</g>')
    width = max((window(len(each.points)) for each in shown if not each.marked), default=1)
    if width > 1:
        note = f"{note}; thick: mean of {width} steps" if note else f"thick: mean of {width} steps"
    return Chart(title, note, _svg(parts, _described(title, shown)), shown, form, (x.low, x.high))


def stacked_chart(title: str, series: Sequence[Series], *, note: str = "", form: str = "number") -> Chart | None:
    """One bar a step, its parts on top of each other; a long run's steps are averaged into at most 96 bars."""
    xs = [point.x for point in series[0].points] if series else []
    shown = tuple(each for each in series if any(point.y for point in each.points))
    if not xs or not shown:
        return None
    bins = _bins(len(xs))
    heights = [[_mean([each.points[i].y or 0.0 for i in each_bin]) for each_bin in bins] for each in shown]
    top = max(sum(column) for column in zip(*heights, strict=True))
    first, last = xs[0] - 0.5, xs[-1] + 0.5
    parts, x, y = _frame(first, last, nice_ticks(0, top))
    bases = [0.0] * len(bins)
    for each, column in zip(shown, heights, strict=True):
        bars = []
        for place, (each_bin, height) in enumerate(zip(bins, column, strict=True)):
            left, right = x(xs[each_bin[0]] - 0.5), x(xs[each_bin[-1]] + 0.5)
            gap = min(2.0, (right - left) * 0.2)
            bottom, upper = y(bases[place]), y(bases[place] + height)
            bases[place] += height
            if height > 0:
                bars.append(f"M{left + gap / 2:.1f} {bottom:.1f}V{upper:.1f}H{right - gap / 2:.1f}V{bottom:.1f}Z")
        parts.append(f'<path class="column {each.look}" d="{"".join(bars)}"/>')
    return Chart(title, note, _svg(parts, _described(title, shown)), shown, form, (x.low, x.high))


def interval_plot(marks: Sequence[tuple[str, float, float | None, float | None]], low: float, high: float) -> str:
    """Values with their intervals on one row, as wide as the place it is put in (all x are per cent of it).

    Each mark is (look, value, low, high); marks stand below each other.
    """
    height = 12 * len(marks) + 8

    def at(value: float) -> str:
        return f"{100 * (value - low) / (high - low):.2f}%"

    parts = [
        f'<line class="grid" x1="{at(tick)}" x2="{at(tick)}" y1="0" y2="{height}"/>' for tick in nice_ticks(low, high)
    ]
    for place, (look, value, lower, upper) in enumerate(marks):
        middle = 10 + 12 * place
        if lower is not None and upper is not None:
            parts.append(
                f'<line class="interval {look}" x1="{at(max(lower, low))}" x2="{at(min(upper, high))}" y1="{middle}" y2="{middle}"/>'
            )
        parts.append(f'<circle class="mark {look}" cx="{at(value)}" cy="{middle}" r="4"/>')
    return f'<svg class="intervals" height="{height}" aria-hidden="true">{"".join(parts)}</svg>'


def interval_axis(low: float, high: float) -> str:
    """The axis above rows of `interval_plot`."""
    labels = []
    ticks = nice_ticks(low, high)
    for tick in ticks:
        share = 100 * (tick - low) / (high - low)
        labels.append(f'<text x="{share:.2f}%" y="11" text-anchor="middle">{tick_label(tick)}</text>')
    return f'<svg class="intervals axis" height="14" aria-hidden="true">{"".join(labels)}</svg>'


def _frame(first: float, last: float, ticks: Sequence[float]) -> tuple[list[str], Scale, Scale]:
    if first == last:
        first, last = first - 0.5, last + 0.5
    x = Scale(first, last, LEFT, WIDTH - RIGHT)
    y = Scale(ticks[0], ticks[-1], HEIGHT - BOTTOM, TOP)
    parts = []
    for tick in ticks:
        at = y(tick)
        kind = "base" if tick == ticks[0] else "grid"
        parts.append(f'<line class="{kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 3.5:.1f}" text-anchor="end">{tick_label(tick)}</text>')
    for step in step_ticks(first, last):
        parts.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 7}" text-anchor="middle">{tick_label(step)}</text>')
    return parts, x, y


def _drawn(series: Series, x: Scale, y: Scale) -> str:
    runs = stretches(series.points)
    parts = []
    width = 1 if series.marked else window(len(series.points))
    banded = [
        [point for point in thin(rolling_mean(run, width)) if point.low is not None and point.high is not None]
        for run in runs
    ]
    if series.marked:
        for point in (point for run in banded for point in run):
            parts.append(
                f'<line class="whisker" x1="{x(point.x):.1f}" x2="{x(point.x):.1f}" y1="{y(point.low or 0):.1f}" y2="{y(point.high or 0):.1f}"/>'
            )
    else:
        for run in (run for run in banded if len(run) > 1):
            upper = [f"{x(point.x):.1f} {y(point.high or 0):.1f}" for point in run]
            lower = [f"{x(point.x):.1f} {y(point.low or 0):.1f}" for point in reversed(run)]
            parts.append(f'<path class="band" d="M{"L".join([*upper, *lower])}Z"/>')
    for place, run in enumerate(runs, 1):
        if width > 1:
            parts.append(_path("raw", thin(run), x, y))
            run = rolling_mean(run, width)
        parts.append(_path("line", thin(run), x, y))
        dots = run if series.marked or len(run) == 1 else run[-1:] if place == len(runs) else []
        parts += [
            f'<circle class="dot" cx="{x(p.x):.1f}" cy="{y(p.y or 0):.1f}" r="{3.2 if series.marked else 2.4}"/>'
            for p in dots
        ]
    return "".join(parts)


def _path(look: str, points: Sequence[Point], x: Scale, y: Scale) -> str:
    if len(points) < 2:
        return ""
    places = "L".join(f"{x(point.x):.1f} {y(point.y or 0):.1f}" for point in points)
    return f'<path class="{look}" d="M{places}"/>'


def _numbers(point: Point) -> list[float | None]:
    """Six digits are exact enough for a tooltip; bounds that are not there take no room."""
    values = point if point.low is not None else point[:2]
    return [None if value is None else float(f"{value:.6g}") for value in values]


def _bins(count: int) -> list[range]:
    number = min(count, MOST_BARS)
    edges = [place * count // number for place in range(number + 1)]
    return [range(low, high) for low, high in itertools.pairwise(edges)]


def _svg(parts: Sequence[str], label: str) -> str:
    return (
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{safe(label)}">{"".join(parts)}</svg>'
    )


def _described(title: str, series: Sequence[Series]) -> str:
    """What the chart says, for those who cannot see it."""
    said = []
    for each in series:
        known = [point for point in each.points if point.y is not None]
        first, last = known[0], known[-1]
        said.append(f"{each.name} {first.y:.4g} at step {first.x:g}, {last.y:.4g} at step {last.x:g}")
    return f"{title}: {'; '.join(said)}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
