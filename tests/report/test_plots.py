"""Charts: axes that cover their values in round steps, geometry that stays in the box, gaps that stay gaps."""

import itertools
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from assay.report.axis import nice_ticks, step_ticks, tick_label
from assay.report.plots import (
    BOTTOM,
    HEIGHT,
    LEFT,
    MOST_BARS,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    interval_plot,
    line_chart,
    stacked_chart,
)
from assay.report.points import Point, rolling_mean, thin, window

FINITE = st.floats(-1e9, 1e9)


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def pairs(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def line(*values: float | None) -> Series:
    return Series("value", [Point(step, value) for step, value in enumerate(values, 1)])


@given(FINITE, FINITE)
def test_ticks_cover_their_range_in_few_even_steps(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assume(high == low or high - low > 1e-9 * max(abs(low), abs(high)))
    ticks = nice_ticks(low, high)
    slack = 1e-6 * (ticks[-1] - ticks[0])
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 9
    gaps = [b - a for a, b in itertools.pairwise(ticks)]
    assert max(gaps) == pytest.approx(min(gaps), rel=1e-6)


def test_ticks_worked_by_hand() -> None:
    assert nice_ticks(0, 1) == [0, 0.25, 0.5, 0.75, 1]
    assert nice_ticks(0, 1.8e-5) == pytest.approx([0, 5e-6, 1e-5, 1.5e-5, 2e-5])
    assert nice_ticks(5, 5) == pytest.approx([2, 4, 6, 8]) or len(nice_ticks(5, 5)) > 1
    assert step_ticks(0, 14) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert step_ticks(3, 3) == [3]
    with pytest.raises(ValueError, match="finite"):
        nice_ticks(0, math.inf)


@pytest.mark.parametrize(
    ("value", "label"),
    [(0, "0"), (0.25, "0.25"), (-0.5, "−0.5"), (1.5e-5, "1.5e−5"), (2000, "2000"), (12000, "12k"), (2.5e6, "2.5M")],
)
def test_tick_labels(value: float, label: str) -> None:
    assert tick_label(value) == label


@example([5e-324])
@example([1e6, 1e6 + 1e-10])
@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=40))
def test_every_line_stays_inside_its_box(values: list[float | None]) -> None:
    chart = line_chart("t", [line(*values)])
    if all(value is None for value in values):
        assert chart is None
        return
    root = parsed(chart.svg)
    drawn = [place for path in root.iter("path") for place in pairs(path.get("d"))]
    drawn += [(float(dot.get("cx")), float(dot.get("cy"))) for dot in root.iter("circle")]
    assert drawn
    for x, y in drawn:
        assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1
        assert TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1


def test_a_missing_value_is_a_gap() -> None:
    root = parsed(line_chart("t", [line(1, 2, None, 3, 4)]).svg)
    assert len([path for path in root.iter("path") if path.get("class") == "line"]) == 2


def test_one_value_is_a_dot() -> None:
    root = parsed(line_chart("t", [line(None, 2, None)]).svg)
    assert len(list(root.iter("circle"))) == 1
    assert not list(root.iter("path"))


def test_a_band_lies_around_its_line() -> None:
    series = Series("r", [Point(1, 0.5, 0.25, 0.75), Point(2, 0.5, 0.25, 0.75)])
    root = parsed(line_chart("t", [series], ceiling=1.0).svg)
    band = next(pairs(path.get("d")) for path in root.iter("path") if path.get("class") == "band")
    middle = next(pairs(path.get("d")) for path in root.iter("path") if path.get("class") == "line")[0][1]
    heights = sorted({y for _, y in band})
    assert heights[0] < middle < heights[1]
    assert heights[1] - middle == pytest.approx(middle - heights[0], abs=0.2)


def test_stacked_bars_add_up() -> None:
    parts = [Series("a", [Point(1, 2.0), Point(2, 0.0)], "s1"), Series("b", [Point(1, 2.0), Point(2, 4.0)], "s2")]
    root = parsed(stacked_chart("t", parts).svg)
    bars = {path.get("class"): path.get("d") for path in root.iter("path")}
    tops = [float(y) for y in re.findall(r"V([\d.]+)H", bars["column s2"])]
    assert len(tops) == 2
    assert tops[0] == tops[1] == pytest.approx(TOP, abs=0.1)
    assert len(re.findall("M", bars["column s1"])) == 1  # the zero draws nothing


def test_a_long_run_is_averaged_into_bars_of_the_same_height() -> None:
    many = Series("a", [Point(step, 3.0) for step in range(1, 1001)])
    bars = next(parsed(stacked_chart("t", [many]).svg).iter("path")).get("d")
    tops = re.findall(r"V([\d.]+)H", bars)
    assert len(tops) == MOST_BARS
    assert len(set(tops)) == 1


def test_a_long_line_keeps_its_spike() -> None:
    points = [Point(step, 9.0 if step == 4321 else 1.0) for step in range(10_000)]
    kept = thin(points)
    assert len(kept) < 1100
    assert Point(4321, 9.0) in kept
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert [point.x for point in kept[1:-1]] == sorted(point.x for point in kept[1:-1])


def test_a_rolling_mean_is_centred_and_makes_up_nothing_at_the_ends() -> None:
    points = [Point(step, float(step), step - 1.0, step + 1.0) for step in range(5)]
    assert rolling_mean(points, 1) == points
    assert [point.y for point in rolling_mean(points, 3)] == [0.5, 1, 2, 3, 3.5]
    assert rolling_mean([Point(1, 2.0)], 3) == [Point(1, 2.0)]
    assert window(79) == 1
    assert window(400) == 13


def test_a_ragged_line_is_drawn_with_its_mean_and_says_so() -> None:
    series = Series("r", [Point(step, float(step % 2)) for step in range(1, 201)])
    chart = line_chart("t", [series], note="n")
    looks = [path.get("class") for path in parsed(chart.svg).iter("path")]
    assert looks == ["raw", "line"]
    assert chart.note == "n; thick: mean of 7 steps"
    assert chart.values()["series"][0]["points"][0] == [1, 1]  # the exact ones


def test_nothing_to_draw_is_no_chart() -> None:
    assert line_chart("t", [line(None, None)]) is None
    assert line_chart("t", []) is None
    assert stacked_chart("t", [line(0, 0)]) is None
    assert stacked_chart("t", []) is None


def test_zeros_lie_on_the_floor() -> None:
    chart = line_chart("t", [line(0.0, 0.0)])
    assert "−" not in chart.svg
    assert pairs(next(parsed(chart.svg).iter("path")).get("d"))[0][1] == HEIGHT - BOTTOM


def test_hostile_names_are_text() -> None:
    chart = line_chart("<b>", [Series('"><script>', [Point(1, 1.0)])])
    assert "<script" not in chart.svg
    assert "&lt;b&gt;" in chart.svg


def test_an_interval_is_cut_at_the_axis() -> None:
    root = parsed(interval_plot([("before", 0.5, -0.5, 1.5), ("after", 0.25, None, None)], 0, 1))
    interval = next(each for each in root.iter("line") if each.get("class") == "interval before")
    assert (interval.get("x1"), interval.get("x2")) == ("0.00%", "100.00%")
    assert [dot.get("cx") for dot in root.iter("circle")] == ["50.00%", "25.00%"]
