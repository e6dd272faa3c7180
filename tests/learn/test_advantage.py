"""Goldens by hand (population and sample conventions) and the invariances of group advantages."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.learn.advantage import dr_grpo, grpo, spread


def advantages(rewards, std="population"):
    rewards = torch.tensor(rewards, dtype=torch.float64)
    return (dr_grpo(rewards) if std == "none" else grpo(rewards, std)).tolist()


def test_half_right_gives_exactly_plus_and_minus_one():
    assert advantages([1.0, 0, 0, 1, 0, 1, 0, 1]) == [1, -1, -1, 1, -1, 1, -1, 1]


@pytest.mark.parametrize(
    ("std", "right", "wrong"),
    [("population", 1.7320508075688772, -0.5773502691896258), ("sample", 1.5, -0.5), ("none", 0.75, -0.25)],
)
def test_one_right_of_four(std, right, wrong):
    assert advantages([1.0, 0, 0, 0], std) == pytest.approx([right, wrong, wrong, wrong], abs=1e-12)


def test_four_right_of_sixteen_in_the_sample_convention():
    found = advantages([1.0] * 4 + [0.0] * 12, "sample")
    assert found == pytest.approx([1.6770509831248424] * 4 + [-0.5590169943749475] * 12, abs=1e-12)


def test_spread_of_one_in_four_is_informative():
    assert float(spread(torch.tensor([0.0, 0, 0, 1], dtype=torch.float64))) == pytest.approx(0.4330127018922193)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3])
@pytest.mark.parametrize("std", ["population", "sample", "none"])
def test_equal_rewards_teach_nothing(value, std):
    assert advantages([value] * 7, std) == [0.0] * 7


def test_rounding_residue_is_not_a_spread():
    # 0.6 in fp32 arithmetic leaves residues of 1e-8: dividing by them would give advantages of the order of 1
    assert advantages([0.1 + 0.2, 0.3, 0.3, 0.3]) == [0.0] * 4
    assert max(map(abs, advantages([0.5 + 2e-6, 0.5 - 2e-6]))) == pytest.approx(1.0)


rewards = st.lists(st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 3)), min_size=2, max_size=16)


@given(rewards, st.floats(-5, 5), st.floats(0.5, 3))
def test_shift_and_scale_change_nothing(values, shift, scale):
    moved = advantages([scale * value + shift for value in values])
    assert moved == pytest.approx(advantages(values), abs=1e-6)


@given(rewards)
def test_they_sum_to_zero_with_unit_deviation(values):
    found = torch.tensor(advantages(values), dtype=torch.float64)
    assert abs(float(found.sum())) < 1e-9
    assert float(found.std(correction=0)) == pytest.approx(1.0) or not found.any()


def test_groups_do_not_see_each_other():
    both = grpo(torch.tensor([[1.0, 0, 0, 0], [1, 1, 0, 0]], dtype=torch.float64))
    assert both[0].tolist() == pytest.approx(advantages([1.0, 0, 0, 0]), abs=1e-12)
    assert both[1].tolist() == [1, 1, -1, -1]
