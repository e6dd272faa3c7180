import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.measure.calibration import calibration, pair_accuracy, pearson


def test_by_hand():
    found = calibration([0.1, 0.15, 0.9, 0.95], [False, True, True, True], bins=10)
    # one bin of (0.1, 0.15): stated 0.125, found 0.5; one of (0.9, 0.95): stated 0.925, found 1
    assert [each.size for each in found.bins] == [2, 2]
    assert found.ece == pytest.approx((0.375 + 0.075) / 2)
    assert found.brier == pytest.approx((0.01 + 0.7225 + 0.01 + 0.0025) / 4)
    assert calibration([1.0], [True]).ece == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40), st.integers(1, 20))
def test_it_lies_between_0_and_1_and_one_bin_is_the_distance_of_the_means(rows, bins):
    stated, found = [each for each, _ in rows], [each for _, each in rows]
    assert 0 <= calibration(stated, found, bins).ece <= 1
    whole = abs(sum(stated) - sum(found)) / len(rows)
    assert calibration(stated, found, 1).ece == pytest.approx(whole, abs=1e-9)
    assert calibration(stated, found, bins).ece >= whole - 1e-9  # finer bins hide less


def test_what_is_no_probability_is_refused():
    for wrong in ([], [1.5], [float("nan")]):
        with pytest.raises(ValueError, match="calibration needs"):
            calibration(wrong, [True] * len(wrong))


def test_a_judge_that_goes_by_length_is_found_out():
    chosen, rejected = [5, 9, 4, 7], [8, 3, 6, 2]
    found = pair_accuracy([float(each) for each in chosen], [float(each) for each in rejected], chosen, rejected)
    assert found.accuracy == found.longer_wins == 0.5
    assert (found.where_longer, found.where_shorter) == (1.0, 0.0)
    assert found.correlation == pytest.approx(1.0)
    blind = pair_accuracy([1.0] * 4, [0.0] * 4, chosen, rejected)
    assert (blind.accuracy, blind.where_longer, blind.where_shorter, blind.correlation) == (1.0, 1.0, 1.0, None)
    assert blind.calibration.ece == pytest.approx(
        1 - 1 / (1 + 2.718281828459045**-1), abs=1e-9
    )  # sure of 0.73, right always


def test_ties_are_half_right():
    assert pair_accuracy([1.0, 1.0], [1.0, 0.0], [1, 1], [1, 1]).accuracy == 0.75
    assert pair_accuracy([1.0], [1.0], [1], [1]).where_longer is None
    with pytest.raises(ValueError, match="no pair"):
        pair_accuracy([], [], [], [])


def test_correlation_by_hand():
    assert pearson([1, 2, 3], [2, 4, 7]) == pytest.approx(0.993399267799, abs=1e-9)
    assert pearson([1, 1], [1, 2]) is None
