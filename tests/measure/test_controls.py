"""True gain minus control gain: worked by hand for one seed and for two, and refused where nothing is shared."""

import pytest

from assay.core.errors import UsageError
from assay.measure.compare import Comparison, compare
from assay.measure.controls import gain, net_gain
from assay.measure.evaluation import Evaluation, Problem


def evaluation(rates: dict[str, int], step: int) -> Evaluation:
    problems = tuple(
        Problem(task, tuple(i < right for i in range(4)), ("x",) * 4, (3,) * 4) for task, right in rates.items()
    )
    return Evaluation(step, "alone", "m", 4, 1.0, (1,), 0, ("v@1#0",), problems)


def arm(before: dict[str, int], after: dict[str, int]) -> Comparison:
    return compare(evaluation(before, 0), evaluation(after, 9))


BEFORE = {"a": 1, "b": 2, "c": 0, "d": 1}
TRUE = arm(BEFORE, {"a": 3, "b": 4, "c": 1, "d": 2})  # +2 +2 +1 +1 quarters
RANDOM = arm(BEFORE, {"a": 2, "b": 2, "c": 0, "d": 2})  # +1 0 0 +1


def test_one_seed_by_hand() -> None:
    net = net_gain("random", [(TRUE, RANDOM)])
    assert net.true.value == pytest.approx(6 / 16)
    assert net.of_control.value == pytest.approx(2 / 16)
    assert net.net.value == pytest.approx(4 / 16)  # 1 2 1 0 quarters
    assert net.net.by_seed == pytest.approx((4 / 16,))
    assert net.net.problems == 4
    assert net.net.low <= 4 / 16 <= net.net.high
    assert 0 <= net.net.low < net.net.high <= 2 / 4


def test_a_constant_difference_has_no_width_however_unlike_the_problems() -> None:
    ahead = arm(BEFORE, {"a": 2, "b": 3, "c": 1, "d": 2})
    none = arm(BEFORE, BEFORE)
    net = net_gain("format", [(ahead, none)])
    assert (net.net.low, net.net.high) == (0.25, 0.25)
    assert net.net.is_shown
    assert "the true reward beats the format control: +0.250 minus +0.000 is +0.250" in net.sentence()


def test_seeds_are_averaged_problem_by_problem_first() -> None:
    second = arm(BEFORE, BEFORE), arm(BEFORE, {"a": 1, "b": 2, "c": 0, "d": 3})  # net 0 0 0 -2 quarters
    net = net_gain("random", [(TRUE, RANDOM), second])
    assert net.net.value == pytest.approx((4 / 16 - 2 / 16) / 2)
    assert net.net.by_seed == pytest.approx((4 / 16, -2 / 16))
    assert net.net.problems == 4
    assert "is not shown to beat" in net.sentence()


def test_only_problems_that_both_arms_hold_count_but_the_arms_own_gain_is_whole() -> None:
    fewer = arm({"a": 1, "z": 0}, {"a": 1, "z": 4})
    net = net_gain("random", [(TRUE, fewer)])
    assert (net.net.problems, net.net.value, net.true.value) == (1, 0.5, 0.5)
    assert gain([TRUE]).value == pytest.approx(6 / 16)
    assert net.net.low == float("-inf")  # one problem says nothing of others
    assert not net.net.is_shown


def test_nothing_shared_is_refused() -> None:
    with pytest.raises(UsageError, match="share no held-out problem"):
        net_gain("random", [(TRUE, arm({"z": 0}, {"z": 4}))])
