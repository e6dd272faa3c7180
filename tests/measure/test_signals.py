import pytest

from assay.core.types import Completion, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict
from assay.measure.signals import CAUSES, explain_nothing_to_learn, group_cause

TASK = Task("t", (Message("user", "?"),), "math", "1")


def member(outcome: Outcome, answer: str | None, reward: float) -> Member:
    reason = Reason.CORRECT if outcome is Outcome.PASS else Reason.WRONG_VALUE if answer else Reason.NO_ANSWER
    return Member(Completion("x"), Verdict(outcome, float(outcome is Outcome.PASS), reason, answer), Reward(reward))


RIGHT, WRONG, SILENT = (Outcome.PASS, "1", 1.0), (Outcome.FAIL, "2", 0.0), (Outcome.FAIL, None, 0.0)


@pytest.mark.parametrize(
    ("members", "cause"),
    [
        ([RIGHT, WRONG], "informative"),
        ([RIGHT, RIGHT], "all_right"),
        ([WRONG, WRONG], "all_wrong"),
        ([WRONG, SILENT], "all_wrong"),
        ([SILENT, SILENT], "all_unparsed"),
        ([RIGHT, (Outcome.FAIL, "2", 1.0)], "flat"),
        ([(Outcome.FAIL, "2", 0.1), (Outcome.FAIL, None, 0.0)], "informative"),
    ],
)
def test_each_cause(members: list[tuple[Outcome, str | None, float]], cause: str) -> None:
    assert group_cause(Group(TASK, (1,), tuple(member(*each) for each in members))) == cause


def test_the_explanation_names_causes_and_what_to_change() -> None:
    said = explain_nothing_to_learn(dict.fromkeys(CAUSES, 0) | {"all_wrong": 4, "all_right": 1})
    assert "no group of 5" in said
    assert "4 all wrong" in said
    assert "1 all right" in said
    assert "lower their level" in said
    assert "a mix" in explain_nothing_to_learn({"all_wrong": 3, "all_right": 3})
    assert "VOID" in explain_nothing_to_learn({})
