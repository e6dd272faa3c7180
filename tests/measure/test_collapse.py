"""The signs of a collapse: each on a run that shows it, and none on honest noise, convergence, or what the draw explains."""

import random
import re
from statistics import fmean

import pytest

from assay.core.config import RunConfig
from assay.core.learning import CollapseStop
from assay.measure.collapse import (
    at_this_level,
    barren,
    fallen,
    find_collapse,
    running_means,
    scattered,
    standard_error,
)
from assay.measure.compare import compare
from assay.measure.evaluation import Evaluation, Problem


def steps(rates, entropies=None, informative=3, groups=32, judged=256, **more):
    """A metrics row for each pass rate."""
    return [
        {
            "step": step,
            "pass_rate": rate,
            "entropy": 0.3 if entropies is None else entropies[step - 1],
            "groups/informative": informative if rate else 0,
            "groups/all_wrong": groups - (informative if rate else 0),
            "judged": judged,
            **more,
        }
        for step, rate in enumerate(rates, 1)
    ]


def first_stop(rows, **config):
    """The step at which a run with these rows would be stopped, and the sign."""
    configured = RunConfig(**config)
    for length in range(1, len(rows) + 1):
        if found := find_collapse(rows[:length], configured):
            return length, found.sign
    return None


def jitter(seed, mean, count, width=0.02):
    draw = random.Random(seed)
    return [max(0.0, mean + draw.uniform(-width, width)) for _ in range(count)]


RISE = [0.1 + 0.01 * step for step in range(30)]


def test_a_pass_rate_that_falls_is_seen_and_named():
    rows = steps([*RISE, *jitter(1, 0.02, 15)])
    step, sign = first_stop(rows)
    assert sign == "fallen"
    assert 31 < step <= 40, "a window of ten must have filled with the fall"
    assert re.fullmatch(
        r"the training pass rate fell to 0\.\d{3} \(mean of 10 steps\), under 0\.5 of its best, 0\.3\d\d at steps \d\d to \d\d",
        find_collapse(rows[:step], RunConfig()).sentence,
    )


def test_a_fall_to_more_than_the_share_is_none():
    assert first_stop(steps([*RISE, *jitter(1, 0.25, 60)])) is None


@pytest.mark.parametrize(("groups", "mean"), [(6, 0.02), (6, 0.1), (6, 0.3), (2, 0.3), (16, 0.03)])
def test_honest_noise_is_none(groups, mean):
    """Tasks that differ much, 8 completions each, a policy that never changes: half of the best is met often by luck."""
    halved = 0
    for seed in range(12):
        draw = random.Random(seed)
        difficulty = [[draw.betavariate(mean / 2, (1 - mean) / 2) for _ in range(groups)] for _ in range(200)]
        rates = [fmean(draw.random() < rate for rate in step for _ in range(8)) for step in difficulty]
        means = running_means(rates, 10)
        halved += min(means[10:]) < max(means) / 2
        assert first_stop(steps(rates, groups=groups, judged=8 * groups)) is None
    assert halved > 6, "the noise must be strong enough to need the standard errors"


def test_nothing_is_looked_for_in_the_first_two_windows():
    assert first_stop(steps([0.5] * 10 + [0.001] * 9)) is None
    assert first_stop(steps([0.5] * 10 + [0.001] * 10)) == (20, "fallen")


def test_a_run_without_a_right_answer_is_barren_once_that_says_something():
    assert first_stop(steps([0.0] * 40, groups=64, judged=512)) == (10, "barren")
    assert first_stop(steps([0.0] * 60, groups=10, judged=80)) == (50, "barren"), "500 groups"
    assert first_stop(steps([0.0] * 400, groups=4, judged=8)) == (125, "barren"), "1,000 completions"
    assert first_stop(steps(([0.0] * 9 + [0.001]) * 10)) is None, "a right answer now and then"
    with_spread = [{**row, "groups/informative": 1} for row in steps([0.0] * 100)]
    assert first_stop(with_spread) is None, "rewards that differ teach, whatever passes"


def test_an_entropy_that_rises_with_no_gain_is_seen():
    entropies = [0.1] * 15 + [0.1 + 0.02 * step for step in range(40)]
    flat = steps(jitter(2, 0.5, 55), entropies)
    assert first_stop(flat)[1] == "scattered"
    rising = steps([0.2 + 0.01 * step for step in range(55)], entropies)
    assert first_stop(rising) is None, "clip-higher may raise the entropy of a policy that improves"
    assert first_stop(flat, learn={"collapse": {"kind": "stop", "entropy_ratio": None}}) is None


def test_twice_next_to_nothing_is_none():
    rows = steps(jitter(2, 0.95, 60), [0.02] * 20 + [0.07] * 40)
    assert first_stop(rows) is None, "a policy that has converged, at 0.05 nats a token more"
    assert first_stop(steps(jitter(2, 0.95, 60), [0.02] * 20 + [0.14] * 40))[1] == "scattered"


def test_an_entropy_that_falls_to_nothing_is_none():
    rows = steps([min(1.0, 0.5 + 0.01 * step) for step in range(100)], [0.3 * 0.93**step for step in range(100)])
    assert first_stop(rows) is None


def test_what_the_draw_explains_is_no_collapse():
    fall = steps([*RISE, *jitter(1, 0.02, 30)])
    assert first_stop(fall, rollout={"pools": {"kind": "pass_rate"}}) is None
    assert first_stop(fall, rollout={"replay": {"kind": "solved"}}) is None
    levels = [{**row, "curriculum/level": int(row["step"] > 30)} for row in fall]
    assert first_stop(levels) is None, "the second level is harder"
    assert first_stop([{**row, "curriculum/level": 0} for row in fall])[1] == "fallen"
    assert first_stop(steps([0.0] * 40), rollout={"pools": {"kind": "pass_rate"}}) == (16, "barren")
    assert [row["step"] for row in at_this_level(levels)] == list(range(31, 61))
    assert at_this_level([]) == []


def test_it_can_be_turned_off():
    rows = steps([0.5] * 20 + [0.0] * 50)
    assert first_stop(rows) is not None
    assert first_stop(rows, learn={"collapse": {"kind": "none"}}) is None


def test_steps_without_an_update_have_no_entropy():
    rows = [{**row, "entropy": None} for row in steps(jitter(3, 0.5, 60))]
    assert scattered(rows, CollapseStop()) is None


def test_the_arithmetic_by_hand():
    assert running_means([1, 2, 3, 4], 2) == [1.5, 2.5, 3.5]
    assert standard_error([0.0, 1.0, 1.0, 0.0], 6) == pytest.approx((2 / 3 / 6) ** 0.5)
    how = CollapseStop(window=3)
    assert fallen(steps([0.48, 0.5, 0.52, *[0.3] * 9, 0.1, 0.1, 0.1]), how).sentence.startswith(
        "the training pass rate fell to 0.100 (mean of 3 steps), under 0.5 of its best, 0.500 at steps 1 to 3"
    )
    assert fallen(steps([0.48, 0.5, 0.52, *[0.3] * 9]), how) is None
    assert barren([], how) is None


def evaluation(step, right, problems=64):
    """`right` of 64 problems are solved, each by all of its samples."""
    made = tuple(Problem(f"p{i}", (i < right,) * 2, ("x",) * 2, (5, 5), i < right) for i in range(problems))
    return Evaluation(step, "during", "m", 2, 1.0, (1,), 0, ("v",), made, "chain")


@pytest.mark.parametrize(("before", "after", "stops"), [(40, 4, True), (40, 24, False), (3, 1, False), (4, 30, False)])
def test_a_held_out_loss_must_be_large_and_shown(before, after, stops):
    gain = compare(evaluation(0, before), evaluation(20, after))
    found = find_collapse(steps(jitter(1, 0.5, 20)), RunConfig(), gain)
    assert (found is not None and found.sign == "lost") == stops
    if found is not None:
        assert "held-out pass@1 fell from 0.625 before training to 0.062" in found.sentence
        assert find_collapse(
            steps([0.5]), RunConfig(rollout={"pools": {"kind": "pass_rate"}}, tasks={"limit": 9}), gain
        )
