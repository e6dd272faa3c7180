"""Which completions a page holds: whole groups, every step before a second group of any, never above the limits."""

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from assay.core.run_folder import RunFolder
from assay.report.sample import LONGEST_TEXT, GroupKey, Size, choose, sample_rollouts, shorten, spread_order


@given(st.integers(0, 300))
def test_an_order_that_is_even_from_its_start(count: int) -> None:
    order = spread_order(count)
    assert sorted(order) == list(range(count))
    if count > 2:
        assert order[:2] == [0, count - 1]
    for length in range(3, count + 1):
        places = sorted(order[:length])
        gaps = [b - a for a, b in itertools.pairwise(places)]
        assert max(gaps) <= 2 * (min(gaps) + 1)


@given(st.lists(st.integers(1, 6), max_size=40), st.integers(0, 200))
def test_steps_are_served_evenly_and_within_the_limit(groups: list[int], most: int) -> None:
    sizes = {
        GroupKey("train", step, f"{step}-{place}"): Size(4, 100)
        for step, count in enumerate(groups)
        for place in range(count)
    }
    chosen = choose(sizes, most, 10**9)
    assert 4 * len(chosen) <= most or not chosen
    assert 4 * len(chosen) + 4 > most or len(chosen) == len(sizes)
    kept = Counter(key.step for key in chosen)
    for step, count in enumerate(groups):
        # nobody has two more than another who still had groups to give
        assert kept[step] == count or kept[step] >= max(kept.values(), default=0) - 1


def test_the_size_in_bytes_is_a_limit_too() -> None:
    sizes = {GroupKey("train", step, str(step)): Size(8, 1000) for step in range(100)}
    assert len(choose(sizes, 10**9, 10_500)) == 10


def test_a_short_run_is_there_whole_and_a_long_one_says_what_is_left_out(make_run, make_row) -> None:
    rows = [make_row(step, group, sample, False) for step in range(1, 11) for group in range(3) for sample in range(4)]
    run = RunFolder.open(make_run(rows=rows))
    whole = sample_rollouts(run)
    assert whole.is_whole
    assert whole.sentence() == "All 120 completions of the run are here."
    part = sample_rollouts(run, most_rows=50)
    assert len(part.rows) == 48
    assert part.total == 120
    assert part.sentence().startswith("48 of 120 completions are here: whole groups, spread evenly over the steps")
    sizes = Counter((each["step"], each["group"]) for each in part.rows)
    assert set(sizes.values()) == {4}
    assert {step for step, _ in sizes} == set(range(1, 11))


def test_long_texts_keep_both_ends(make_run, make_row) -> None:
    text = "a" * LONGEST_TEXT + "b" * 50_000
    rows = [make_row(1, 0, 0, False, text=text)]
    shown = sample_rollouts(RunFolder.open(make_run(rows=rows))).rows[0]["text"]
    assert shown.startswith("aaa")
    assert shown.endswith("bbb")
    assert "50,000 characters left out" in shown
    assert shorten("short") == "short"
