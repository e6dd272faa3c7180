import dataclasses
import math

import pytest

from assay.core.types import Completion, Finding, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict

PASS = Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
FAIL = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


def test_nouns_are_frozen() -> None:
    task = Task("1", (Message("user", "?"),), "math", "2")
    for noun, field in ((task, "truth"), (Completion("x"), "text"), (PASS, "score"), (Reward(1.0), "total")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(noun, field, "other")


def test_a_task_does_not_show_its_truth() -> None:
    assert "secret" not in repr(Task("1", (Message("user", "?"),), "math", "secret"))


@pytest.mark.parametrize("score", [-0.001, 1.001, math.nan, math.inf, -math.inf])
def test_a_score_lies_in_0_1(score: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        Verdict(Outcome.FAIL, score, Reason.WRONG_VALUE)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_scores_at_the_edges_stand(score: float) -> None:
    assert Verdict(Outcome.PASS, score, Reason.CORRECT).score == score


def test_void_scores_0() -> None:
    with pytest.raises(ValueError, match="VOID verdict scores 0"):
        Verdict(Outcome.VOID, 0.5, Reason.WORKER_LOST)
    assert Verdict(Outcome.VOID, 0.0, Reason.WORKER_LOST).is_void


@pytest.mark.parametrize("reason", list(Reason))
def test_only_pass_is_correct(reason: Reason) -> None:
    if reason is Reason.CORRECT:
        for outcome in (Outcome.FAIL, Outcome.VOID):
            with pytest.raises(ValueError, match="does not go with"):
                Verdict(outcome, 0.0, reason)
    else:
        with pytest.raises(ValueError, match="does not go with"):
            Verdict(Outcome.PASS, 1.0, reason)


def test_every_token_has_its_logprob() -> None:
    with pytest.raises(ValueError, match="2 tokens but 1 log-probabilities"):
        Completion("ab", (1, 2), (-0.1,))
    assert Completion("ab", (1, 2), (-0.1, -0.2)).finish == "stop"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_reward_is_finite_in_every_part(value: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        Reward(value)
    with pytest.raises(ValueError, match="must be finite"):
        Reward(0.0, {"outcome": value})


def test_a_void_reward_is_0() -> None:
    with pytest.raises(ValueError, match="VOID reward is 0"):
        Reward(1.0, is_void=True)


def test_a_group_knows_its_rewards() -> None:
    members = tuple(Member(Completion("x"), PASS, Reward(total)) for total in (1.0, 0.0, 0.5))
    task = Task("1", (Message("user", "?"),), "math", "2")
    assert Group(task, (1, 2), members).rewards == (1.0, 0.0, 0.5)


def test_a_finding_says_no_more_than_it_knows() -> None:
    assert Finding(Outcome.FAIL, Reason.NO_ANSWER) == (Outcome.FAIL, Reason.NO_ANSWER, None, {}, None)
