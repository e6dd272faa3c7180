"""What each token is worth under each estimator, worked by hand, with a KL term in the reward and without."""

import pytest
import torch

from assay.core.learning import (
    CriticConfig,
    DrGrpoAdvantage,
    GaeAdvantage,
    GrpoAdvantage,
    ReinforcePlusPlusAdvantage,
    RlooAdvantage,
)
from assay.core.types import Completion, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict
from assay.learn.credit import Credit, credit

WRONG = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


def group(*rewards, lengths=None, parts=None):
    lengths = lengths or [1] * len(rewards)
    members = tuple(
        Member(
            Completion("", (5,) * length, (-1.0,) * length),
            WRONG,
            Reward(reward, {name: values[place] for name, values in (parts or {}).items()}),
        )
        for place, (reward, length) in enumerate(zip(rewards, lengths, strict=True))
    )
    return Group(Task("t", (Message("user", "?"),), "v", None), (4,), members)


def tensors(*nested):
    return [[torch.tensor(each, dtype=torch.float64) for each in inner] for inner in nested]


def advantages(groups, how, **more):
    return [list(each.advantages) for inner in credit(groups, how, **more) for each in inner]


def approximately(*rows):
    return [pytest.approx(row, abs=1e-6) for row in rows]


@pytest.mark.parametrize(
    ("how", "right", "wrong"),
    [
        (GrpoAdvantage(), 3**0.5, -(3**-0.5)),
        (GrpoAdvantage(std="sample"), 1.5, -0.5),
        (DrGrpoAdvantage(), 0.75, -0.25),
        (RlooAdvantage(), 1.0, -1 / 3),
    ],
)
def test_a_groups_estimate_stands_at_every_token(how, right, wrong):
    groups = [group(1.0, 0, 0, 0, lengths=[2, 1, 3, 1]), group(0.0, 0)]
    assert advantages(groups, how) == approximately([right] * 2, [wrong], [wrong] * 3, [wrong], [0], [0])


def test_parts_normalised_apart_and_added():
    parts = {"outcome": [1.0, 0, 0, 0], "format": [0.1, 0.1, 0, 0]}
    one = group(1.1, 0.1, 0, 0, parts=parts)
    # outcome: [1.732051, -0.577350 x3]; format: [1, 1, -1, -1], a tenth of the reward and as loud
    expected = [[2.732051], [0.422650], [-1.577350], [-1.577350]]
    assert advantages([one], GrpoAdvantage(each_part=True)) == approximately(*expected)
    whole = advantages([one], GrpoAdvantage())
    assert whole[1][0] < 0, "together, the format's tenth does not make up for a wrong answer"
    assert sum(each[0] for each in whole) == pytest.approx(0)


def test_a_part_that_all_share_adds_nothing():
    shared = group(1.0, 0, parts={"outcome": [1.0, 0], "format": [0.1, 0.1]})
    alone = group(1.0, 0, parts={"outcome": [1.0, 0]})
    assert advantages([shared], GrpoAdvantage(each_part=True)) == advantages([alone], GrpoAdvantage(each_part=True))


def test_kl_in_the_reward_of_group_estimators_is_summed_over_the_completion():
    one = group(1.0, 0, lengths=[2, 1])
    taken = tensors([[0.2, 0.3], [0.1]])  # rewards 0.5 and -0.1
    assert advantages([one], DrGrpoAdvantage(), penalties=taken) == approximately([0.3] * 2, [-0.3])
    assert advantages([one], RlooAdvantage(), penalties=taken) == approximately([0.6] * 2, [-0.6])
    assert advantages([one], GrpoAdvantage(), penalties=taken) == approximately([1] * 2, [-1])


def test_kl_beside_parts_is_normalised_as_a_part_of_its_own():
    one = group(1.0, 0, parts={"outcome": [1.0, 0]})
    # [1, -1] for the answer, and [0.3, 0.1] taken off: -[1, -1]
    found = advantages([one], GrpoAdvantage(each_part=True), penalties=tensors([[0.3], [0.1]]))
    assert found == approximately([0], [0])


def test_reinforce_pp_whitens_over_tokens():
    # returns [1] and [0, 0, 0]: mean 1/4, variance 3/16
    found = advantages([group(1.0, 0, lengths=[1, 3])], ReinforcePlusPlusAdvantage())
    assert found == approximately([3**0.5], [-(3**-0.5)] * 3)


def test_reinforce_pp_whitens_over_all_groups():
    found = advantages([group(1.0, 1), group(0.0, 0)], ReinforcePlusPlusAdvantage())
    assert found == [[1], [1], [-1], [-1]], "where each group by itself would teach nothing"


def test_reinforce_pp_with_the_groups_baseline():
    # [0.5, -0.5] and [0, 0]: mean 0, variance 1/8
    found = advantages([group(1.0, 0), group(1.0, 1)], ReinforcePlusPlusAdvantage(baseline="group"))
    assert found == approximately([2**0.5], [-(2**0.5)], [0], [0])


def test_reinforce_pp_with_kl_in_the_reward():
    one = group(1.0, 0, lengths=[2, 1])
    # token rewards [-0.1, 1 - 0.3] and [-0.2]; returns [0.6, 0.7] and [-0.2]: mean 0.366667, deviation 0.402768
    found = advantages([one], ReinforcePlusPlusAdvantage(), penalties=tensors([[0.1, 0.3], [0.2]]))
    assert found == approximately([0.579324, 0.827606], [-1.406930])


def test_gae_by_hand():
    how = GaeAdvantage(lam=0.95, whiten=False, critic=CriticConfig())
    (((first,),)) = credit([group(1.0, lengths=[3])], how, values=tensors([[0.5, 0.6, 0.7]]))
    assert first.advantages == pytest.approx((0.46575, 0.385, 0.3), abs=1e-12)
    assert first.returns == pytest.approx((0.96575, 0.985, 1.0), abs=1e-12)
    assert first.mean == pytest.approx((0.46575 + 0.385 + 0.3) / 3)


def test_gae_with_kl_in_the_reward():
    how = GaeAdvantage(whiten=False)
    ((first,),) = credit([group(1.0, lengths=[2])], how, penalties=tensors([[0.1, 0.3]]), values=tensors([[0.5, 0.25]]))
    # lambda 1: the returns are what is left to come, 0.6 and 0.7
    assert first.returns == pytest.approx((0.6, 0.7), abs=1e-12)
    assert first.advantages == pytest.approx((0.1, 0.45), abs=1e-12)


def test_gae_whitens_advantages_over_all_tokens_and_leaves_returns():
    groups, values = [group(1.0, 0, lengths=[1, 3])], tensors([[0.0], [0.0, 0, 0]])
    ((first, second),) = credit(groups, GaeAdvantage(), values=values)
    assert first.advantages == pytest.approx((3**0.5,))
    assert second.advantages == pytest.approx((-(3**-0.5),) * 3)
    assert first.returns == (1,)
    assert second.returns == (0, 0, 0)


@pytest.mark.parametrize(
    "how", [GrpoAdvantage(), RlooAdvantage(), ReinforcePlusPlusAdvantage(), GaeAdvantage(whiten=False)]
)
def test_groups_of_any_shape_come_back_in_it(how):
    groups = [group(1.0, 0, 0, lengths=[2, 1, 4]), group(0.5, 1), group(0.0, 1, 1, 0)]
    values = [[torch.zeros(len(each.completion.tokens)) for each in one.members] for one in groups]
    found = credit(groups, how, values=values)
    assert [[len(each.advantages) for each in inner] for inner in found] == [[2, 1, 4], [1, 1], [1, 1, 1, 1]]


def test_nothing_to_credit():
    for how in (GrpoAdvantage(), ReinforcePlusPlusAdvantage(), GaeAdvantage()):
        assert credit([], how, values=[]) == []


def test_the_mean_and_the_zero_of_a_credit():
    assert Credit((0.0, 0.0)).is_zero
    assert not Credit((0.5, -0.5)).is_zero
    assert Credit((0.5, -1.0)).mean == -0.25
