"""`learn.mask_truncated`: completions cut at the limit are out of the loss and of its weights, not of their group's baseline."""

import pytest

from assay.core.learning import ConstantLength, LearnConfig, SequenceMean, TokenMean
from assay.core.types import Completion, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict
from assay.learn.batch import Sample
from assay.learn.credit import Credit, credit
from assay.learn.lesson import weighted


def completion(tokens, finish="stop"):
    return Completion("x", (1,) * tokens, (-0.5,) * tokens, finish)


def lessons(completions, **learn):
    samples = [[Sample((0,), each, (), 0.0) for each in completions]]
    credits = [[Credit((1.0,) * len(each.tokens)) for each in completions]]
    return weighted(samples, credits, LearnConfig(**learn), 8)[0]


CUT = [completion(2), completion(4, "length"), completion(6)]


@pytest.mark.parametrize(
    ("aggregation", "masked", "whole"),
    [
        (TokenMean(), (1 / 8, 0, 1 / 8), (1 / 12,) * 3),
        (SequenceMean(), (1 / 4, 0, 1 / 12), (1 / 6, 1 / 12, 1 / 18)),
        (ConstantLength(length=10), (1 / 20, 0, 1 / 20), (1 / 30,) * 3),
    ],
)
def test_a_cut_completion_weighs_nothing_and_is_not_counted(aggregation, masked, whole):
    found = lessons(CUT, aggregation=aggregation, mask_truncated=True)
    assert [each.weight for each in found] == pytest.approx(masked)
    assert [each.weight for each in lessons(CUT, aggregation=aggregation)] == pytest.approx(whole)


def test_when_all_are_cut_nothing_weighs_anything():
    assert [each.weight for each in lessons([completion(3, "length")] * 2, mask_truncated=True)] == [0, 0]


def test_a_cut_completion_still_counts_in_the_baseline_of_its_group():
    # DAPO masks its loss, not its reward: the others are compared with it all the same
    right, wrong = Verdict(Outcome.PASS, 1.0, Reason.CORRECT), Verdict(Outcome.FAIL, 0.0, Reason.NO_ANSWER)
    members = (
        Member(completion(2), right, Reward(1.0, {"outcome": 1.0})),
        Member(completion(4, "length"), wrong, Reward(0.0, {"outcome": 0.0})),
    )
    group = Group(Task("t", (Message("user", "?"),), "choice", "A"), (0,), members)
    found = credit([group], LearnConfig(mask_truncated=True).advantage)
    assert [each.mean for each in found[0]] == pytest.approx([1, -1])
