import numpy
import pytest
from scipy import stats

from assay.core.rng import stream
from assay.measure.bootstrap import bootstrap_mean


def test_it_agrees_with_scipy() -> None:
    draw = stream(0, "values")
    values = [draw.random() - 0.3 for _ in range(80)]
    low, high = bootstrap_mean(values, seed=1)
    theirs = stats.bootstrap(
        (numpy.array(values),), numpy.mean, n_resamples=9999, method="percentile", rng=numpy.random.default_rng(0)
    ).confidence_interval
    assert low == pytest.approx(theirs.low, abs=0.006)
    assert high == pytest.approx(theirs.high, abs=0.006)


def test_it_covers_as_often_as_it_says() -> None:
    draw = stream(5, "coverage")
    covered = 0
    for trial in range(200):
        values = [float(draw.random() < 0.3) for _ in range(60)]
        low, high = bootstrap_mean(values, seed=trial, resamples=400)
        covered += low <= 0.3 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval() -> None:
    values = [0.0, 1.0, 0.5, 0.25]
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values, seed=3) != bootstrap_mean([*values, 1.0], seed=3)


def test_one_problem_shows_nothing() -> None:
    assert bootstrap_mean([1.0], seed=0) == (float("-inf"), float("inf"))
    assert bootstrap_mean([], seed=0) == (float("-inf"), float("inf"))
