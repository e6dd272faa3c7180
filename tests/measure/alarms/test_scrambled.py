"""Paid completions against another task's truth: an honest reward refuses them, one that does not ask for the truth pays."""

import pytest

from assay.core.types import Completion, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict
from assay.measure.alarms.scrambled import is_for_one_task, scramble
from assay.reward.rule import find_rule
from assay.verify.pool import JudgePool


@pytest.fixture(scope="module")
def judges():
    with JudgePool(1) as pool:
        yield pool


def group(name, truth, reward=1.0, verifier="math"):
    task = Task(name, (Message("user", name),), verifier, truth)
    right = Verdict(Outcome.PASS, 1.0, Reason.CORRECT, truth)
    wrong = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE, "0")
    paid = Member(Completion(f"\\boxed{{{truth}}}"), right, Reward(reward, {"outcome": reward}))
    unpaid = Member(Completion("\\boxed{0}"), wrong, Reward(0.0))
    return Group(task, (), (paid, unpaid))


GROUPS = [group("a", "12"), group("b", "13"), group("c", "14")]


def counted(groups, judges, rule="outcome", samples=4, step=1):
    return scramble(groups, step, samples=samples, seed=0, judges=judges, rule=find_rule(rule))


def test_an_honest_reward_pays_none_of_them(judges):
    assert counted(GROUPS, judges) == {"scrambled/judged": 3, "scrambled/paid": 0}


def test_a_verifier_that_does_not_ask_for_the_truth_pays_them(judges, tmp_path):
    (tmp_path / "any.py").write_text("def box(response, truth):\n    return 'boxed' in response\n")
    groups = [group(each.task.id, each.task.truth, verifier=f"{tmp_path}/any.py:box") for each in GROUPS]
    assert counted(groups, judges) == {"scrambled/judged": 3, "scrambled/paid": 3}


def test_half_of_the_reward_counts_as_paid(judges):
    twice = [group(each.task.id, each.task.truth, reward=2.0) for each in GROUPS]
    assert counted(twice, judges, rule="r1_sum")["scrambled/paid"] == 3, "a box alone brings 1 of the 2"
    most = [group(each.task.id, each.task.truth, reward=1.0) for each in GROUPS]
    assert counted(most, judges, rule="format_20_80")["scrambled/paid"] == 0, "0.2 of 1"


def test_the_draw_is_by_seed_and_step_alone(judges):
    two = counted(GROUPS, judges, samples=2)
    assert two == counted(GROUPS, judges, samples=2)
    assert two["scrambled/judged"] == 2


def test_one_proof_may_prove_many_statements():
    assert not is_for_one_task("coq", {"statement": "forall n : nat, n = n"})
    assert not is_for_one_task("instructions", {"instructions": []})
    assert is_for_one_task("math", "12")
    assert is_for_one_task("code", {"tests": ["assert f(1) == 2"]})


def test_where_there_is_no_other_truth_nothing_is_judged(judges):
    assert counted(GROUPS[:1], judges) == {}
    assert counted([group("a", "12"), group("b", "12")], judges) == {}, "the same truth twice"
    assert counted([GROUPS[0], group("b", "13", verifier="choice")], judges) == {}, "another verifier"
    unpaid = [Group(each.task, (), each.members[1:]) for each in GROUPS]
    assert counted(unpaid, judges) == {}
