from itertools import pairwise

import pytest

from assay.learn.schedule import learning_rate


def test_warm_up_is_linear_then_constant():
    rates = [learning_rate(1.0, step, 10, warmup=4) for step in range(1, 11)]
    assert rates == [0.25, 0.5, 0.75, 1.0, *[1.0] * 6]


def test_cosine_goes_from_the_peak_to_a_tenth():
    rates = [learning_rate(2.0, step, 100, warmup=10, schedule="cosine") for step in range(1, 101)]
    assert rates[9] == 2.0
    assert rates[-1] == pytest.approx(0.2)
    assert rates[54] == pytest.approx(1.1)  # half way
    assert all(a >= b for a, b in pairwise(rates[9:]))
