"""Goldens by hand for every estimator (our conventions, and other people's), and their invariances."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.learn.advantage import dr_grpo, gae, grpo, returns, rloo, spread, whiten


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def advantages(rewards, std="population"):
    estimate = {"none": dr_grpo, "rloo": rloo}.get(std, lambda x: grpo(x, std))
    return estimate(tensor(rewards)).tolist()


EACH = ["population", "sample", "none", "rloo"]


def test_half_right_gives_exactly_plus_and_minus_one():
    assert advantages([1.0, 0, 0, 1, 0, 1, 0, 1]) == [1, -1, -1, 1, -1, 1, -1, 1]


@pytest.mark.parametrize(
    ("std", "right", "wrong"),
    [
        ("population", 1.7320508075688772, -0.5773502691896258),
        ("sample", 1.5, -0.5),
        ("none", 0.75, -0.25),
        ("rloo", 1.0, -1 / 3),
    ],
)
def test_one_right_of_four(std, right, wrong):
    assert advantages([1.0, 0, 0, 0], std) == pytest.approx([right, wrong, wrong, wrong], abs=1e-12)


def test_four_right_of_sixteen_in_the_sample_convention():
    found = advantages([1.0] * 4 + [0.0] * 12, "sample")
    assert found == pytest.approx([1.6770509831248424] * 4 + [-0.5590169943749475] * 12, abs=1e-12)


@pytest.mark.parametrize(
    ("added", "right", "wrong"),
    [  # docs/reference/papers.md: what each adds to the sample deviation before it divides
        (1e-4, 1.4997000599880024, -0.4999000199960008),  # TRL 1.16
        (1e-6, 1.499997000006, -0.499999000002),  # verl 0.9.1
        (1e-9, 1.499999997, -0.499999999),  # OpenRLHF 0.11.2
    ],
)
def test_other_peoples_conventions_differ_by_a_known_factor(added, right, wrong):
    rewards = tensor([1.0, 0, 0, 0])
    theirs = (rewards - rewards.mean()) / (rewards.std(correction=1) + added)
    assert theirs.tolist() == pytest.approx([right, wrong, wrong, wrong], abs=1e-11)
    scale = float(spread(rewards, "sample"))
    assert (grpo(rewards, "sample") * scale / (scale + added)).tolist() == pytest.approx(theirs.tolist(), abs=1e-12)


def test_spread_of_one_in_four_is_informative():
    assert float(spread(tensor([0.0, 0, 0, 1]))) == pytest.approx(0.4330127018922193)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1 / 3])
@pytest.mark.parametrize("std", EACH)
def test_equal_rewards_teach_nothing(value, std):
    assert advantages([value] * 7, std) == [0.0] * 7


def test_rounding_residue_is_not_a_spread():
    # 0.6 in fp32 arithmetic leaves residues of 1e-8: dividing by them would give advantages of the order of 1
    assert advantages([0.1 + 0.2, 0.3, 0.3, 0.3]) == [0.0] * 4
    assert max(map(abs, advantages([0.5 + 2e-6, 0.5 - 2e-6]))) == pytest.approx(1.0)


rewards = st.lists(st.floats(0, 1, allow_nan=False).map(lambda x: round(x, 3)), min_size=2, max_size=16)


@pytest.mark.parametrize("std", EACH)
@given(values=rewards, shift=st.floats(-5, 5), scale=st.floats(0.5, 3))
def test_a_shift_changes_nothing_and_a_scale_only_what_does_not_divide(std, values, shift, scale):
    moved = advantages([scale * value + shift for value in values], std)
    left = scale if std in ("none", "rloo") else 1.0
    assert moved == pytest.approx([left * each for each in advantages(values, std)], abs=1e-6)


@pytest.mark.parametrize("std", EACH)
@given(values=rewards, data=st.data())
def test_members_change_places_with_their_advantages(std, values, data):
    order = data.draw(st.permutations(range(len(values))))
    found = advantages(values, std)
    assert advantages([values[i] for i in order], std) == pytest.approx([found[i] for i in order], abs=1e-9)


@given(rewards)
def test_they_sum_to_zero_with_unit_deviation(values):
    found = tensor(advantages(values))
    assert abs(float(found.sum())) < 1e-9
    assert float(found.std(correction=0)) == pytest.approx(1.0) or not found.any()


@given(rewards)
def test_rloo_is_the_distance_to_the_mean_of_the_others(values):
    others = [(sum(values) - each) / (len(values) - 1) for each in values]
    expected = [each - other for each, other in zip(values, others, strict=True)]
    assert advantages(values, "rloo") == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("estimate", [grpo, dr_grpo, rloo, lambda x: grpo(x, "sample")])
def test_groups_do_not_see_each_other(estimate):
    one, other = tensor([1.0, 0, 0, 0]), tensor([1.0, 1, 0, 0.5])
    both = estimate(torch.stack([one, other]))
    assert torch.allclose(both, torch.stack([estimate(one), estimate(other)]), rtol=0, atol=1e-12)


def test_returns_by_hand():
    assert returns(tensor([1.0, 2, 3])).tolist() == [6, 5, 3]
    assert returns(tensor([1.0, 2, 3]), gamma=0.5).tolist() == [2.75, 3.5, 3]
    assert returns(tensor([])).tolist() == []


def test_gae_with_a_reward_at_the_end():
    found = gae(tensor([0.0, 0, 1]), tensor([0.5, 0.6, 0.7]), gamma=1.0, lam=0.95)
    # 1 - 0.7; (0.7 - 0.6) + 0.95 x 0.3; (0.6 - 0.5) + 0.95 x 0.385
    assert found.advantages.tolist() == pytest.approx([0.46575, 0.385, 0.3], abs=1e-12)
    assert found.returns.tolist() == pytest.approx([0.96575, 0.985, 1.0], abs=1e-12)


def test_gae_with_a_discount():
    found = gae(tensor([0.0, 1]), tensor([0.5, 0.25]), gamma=0.9, lam=0.5)
    # delta = [0 + 0.9 x 0.25 - 0.5, 1 - 0.25] = [-0.275, 0.75]; -0.275 + 0.45 x 0.75
    assert found.advantages.tolist() == pytest.approx([0.0625, 0.75], abs=1e-12)
    assert found.returns.tolist() == pytest.approx([0.5625, 1.0], abs=1e-12)


numbers = st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=12)


@given(numbers, st.floats(0.5, 1), st.floats(0, 1))
def test_gae_is_its_own_sum(pairs, gamma, lam):
    """Equation 16 written out, where the code goes backwards."""
    token_rewards, values = map(list, zip(*pairs, strict=True))
    ahead = [*values[1:], 0.0]
    deltas = [r + gamma * after - v for r, after, v in zip(token_rewards, ahead, values, strict=True)]
    expected = [sum((gamma * lam) ** k * delta for k, delta in enumerate(deltas[t:])) for t in range(len(deltas))]
    found = gae(tensor(token_rewards), tensor(values), gamma, lam)
    assert found.advantages.tolist() == pytest.approx(expected, abs=1e-9)


@given(numbers, st.floats(0.5, 1))
def test_gae_at_its_ends(pairs, gamma):
    token_rewards, values = (tensor(each) for each in zip(*pairs, strict=True))
    with_all = gae(token_rewards, values, gamma, 1.0)
    assert torch.allclose(with_all.returns, returns(token_rewards, gamma), atol=1e-9)  # lambda 1: Monte Carlo
    ahead = torch.cat([values[1:], values.new_zeros(1)])
    with_none = gae(token_rewards, values, gamma, 0.0)
    assert torch.allclose(with_none.advantages, token_rewards + gamma * ahead - values, atol=1e-9)  # lambda 0: TD


def test_whitening_by_hand():
    first, second = whiten([tensor([1.0, 1.0]), tensor([-2.0])])
    # mean 0, population variance (1 + 1 + 4) / 3 = 2
    assert first.tolist() == pytest.approx([0.5**0.5] * 2, abs=1e-12)
    assert second.tolist() == pytest.approx([-(2**0.5)], abs=1e-12)


def test_whitening_without_a_spread_or_without_anything():
    assert [each.tolist() for each in whiten([tensor([0.3, 0.1 + 0.2]), tensor([0.3])])] == [[0, 0], [0]]
    assert whiten([]) == []


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=20), st.data())
def test_how_tokens_are_spread_over_completions_changes_no_whitening(values, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(values)))) | {len(values)})
    starts = [0, *cuts[:-1]]
    parts = [tensor(values[start:stop]) for start, stop in zip(starts, cuts, strict=True)]
    found = whiten(parts)
    assert [len(each) for each in found] == [len(each) for each in parts]
    assert torch.equal(torch.cat(found), whiten([tensor(values)])[0])
