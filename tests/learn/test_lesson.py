"""From groups to what is learnt from: who is left out, what each token weighs, and a KL term taken off the reward."""

from dataclasses import replace

import pytest
import torch

from assay.core.learning import LearnConfig, TokenMean
from assay.core.types import Completion, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict
from assay.learn.batch import Sample
from assay.learn.lesson import penalise, teach
from assay.learn.policy import Policy
from assay.model.tiny import build_tiny

FAIL = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


def group(prompt, *members):
    """Members are (tokens, reward, finish)."""
    return Group(
        Task("t", (Message("user", "?"),), "v", None),
        tuple(prompt),
        tuple(
            Member(Completion("", tokens, (-2.0,) * len(tokens), finish), FAIL, Reward(reward))
            for tokens, reward, finish in members
        ),
    )


MIXED = group((4, 5), ((6, 7), 1.0, "stop"), ((8,), 0.0, "stop"), ((9, 6, 7, 8), 0.0, "length"))
FLAT = group((4, 9), ((6,), 0.0, "stop"), ((7, 7), 0.0, "stop"))


def taught(groups=(MIXED, FLAT), policy=None, **learn):
    config = LearnConfig(**learn)
    policy = policy or Policy(build_tiny("abcdefgh"), config, 1.0)
    return teach(policy, None, config, groups, 4)


def test_a_group_without_spread_is_left_out_and_counted():
    lesson = taught()
    assert [len(each) for each in lesson.groups] == [3]
    assert {each.weight for each in lesson.groups[0]} == {1 / 10}  # the flat group's tokens are among the ten
    assert [len(each) for each in lesson.credits] == [3, 2]
    assert lesson.whole == []
    assert lesson.kl is None


@pytest.mark.parametrize("always", [{"kl": {"coefficient": 0.1}}, {"entropy_coefficient": 0.1}])
def test_a_term_that_needs_no_spread_keeps_every_group(always):
    assert [len(each) for each in taught(**always).groups] == [3, 2]


def test_a_kl_term_in_the_reward_does_not():
    """The policy is its reference still: nothing is taken off, and the flat group stays flat."""
    learn = {"kl": {"coefficient": 0.1, "place": "reward", "estimator": "k1"}}
    policy = Policy(build_tiny("abcdefgh"), LearnConfig(**learn), 1.0)
    (own,) = policy.reference_logprobs([[Sample((4, 9), each.completion, (), 0.0) for each in FLAT.members]])
    members = tuple(
        each._replace(completion=replace(each.completion, logprobs=tuple(logprobs.tolist())))
        for each, logprobs in zip(FLAT.members, own, strict=True)
    )
    lesson = taught((replace(FLAT, members=members),), policy, **learn)
    assert lesson.groups == []
    assert lesson.kl.total == pytest.approx(0, abs=1e-9)


def test_truncated_completions_leave_the_loss_and_the_count_but_not_the_baseline():
    lesson = taught(mask_truncated=True)
    (kept,) = lesson.groups
    assert [each.completion.tokens for each in kept] == [(6, 7), (8,)]
    assert {each.weight for each in kept} == {1 / 6}
    # of rewards [1, 0, 0], population: (1 - 1/3) / (2 ** 0.5 / 3)
    assert kept[0].advantages == pytest.approx((2**0.5,) * 2)
    assert taught((group((4,), ((5,), 1.0, "length"), ((6,), 0.0, "length")),), mask_truncated=True).groups == []


def test_no_groups_no_lesson():
    for learn in ({}, {"kl": {"coefficient": 0.1, "place": "reward"}}):
        lesson = taught((), **learn)
        assert (lesson.groups, lesson.whole, lesson.credits, lesson.kl) == ([], [], [], None)


def test_a_penalty_by_hand():
    one = Sample((4,), Completion("", (5, 6), (-1.0, -2.0)), (), 0.0)
    reference = [[torch.tensor([-1.5, -1.0], dtype=torch.float64)]]
    config = LearnConfig(kl={"coefficient": 0.1, "place": "reward", "estimator": "k1"})
    ((taken,),), kl = penalise([[one]], reference, config, 0.2)
    assert taken.tolist() == pytest.approx([0.2 * 0.5, 0.2 * -1.0])  # the coefficient of now, not the configuration's
    # k3 of d = -0.5 and 1: 0.10653066 + 0.71828183
    assert kl.total == pytest.approx(0.82481249, abs=1e-8)
    assert (kl.tokens, kl.completions, kl.per_token) == (2, 1, pytest.approx(0.412406245, abs=1e-8))


def test_a_policy_that_has_moved_pays_for_it_in_its_reward():
    learn = {"kl": {"coefficient": 0.5, "place": "reward", "estimator": "k1"}, "advantage": {"kind": "reinforce_pp"}}
    policy = Policy(build_tiny("abcdefgh"), LearnConfig(**learn), 1.0)
    reference = policy.reference_logprobs([[Sample((4, 5), m.completion, (), 0.0) for m in MIXED.members]])
    lesson = taught((MIXED,), policy, **learn)
    # returns are the reward less the penalties from t on, whitened over all tokens
    flat = []
    for member, theirs in zip(MIXED.members, reference[0], strict=True):
        taken = 0.5 * (torch.tensor(member.completion.logprobs, dtype=torch.float64) - theirs)
        flat += [member.reward.total - float(taken[t:].sum()) for t in range(len(taken))]
    whole = torch.tensor(flat, dtype=torch.float64)
    expected = (whole - whole.mean()) / whole.std(correction=0)
    found = [value for each in lesson.credits[0] for value in each.advantages]
    assert found == pytest.approx(expected.tolist(), abs=1e-5)
    assert lesson.kl.total > 0
    assert policy.reference is not policy.loaded.model


def test_weights_are_of_the_whole_rollout_batch():
    lesson = taught((MIXED, MIXED), aggregation=TokenMean())
    assert sum(each.weight * len(each.completion.tokens) for one in lesson.groups for each in one) == pytest.approx(1)
