"""Collection through real judging: VOID groups sampled again with a fresh key, then dropped whole; the budget stops."""

import pytest

from assay.core.errors import VoidBudgetExceeded
from assay.core.types import Message, Task
from assay.reward.rule import find_rule
from assay.rollout.collect import VoidBudget, collect, last_user_message, rollout_row, sample
from assay.rollout.engine import Sampling
from assay.rollout.scripted import ScriptedEngine
from assay.verify.pool import JudgePool

CHECK = """
def check(response, truth):
    if "boom" in response:
        raise RuntimeError("ours, not the answer's")
    return response.strip("boxed{}\\\\") == truth
"""


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("user") / "mine.py"
    path.write_text(CHECK)
    return f"{path}:check"


@pytest.fixture(scope="module")
def judges():
    with JudgePool(1) as pool:
        yield pool


def tasks(verifier, count=3):
    return [Task(f"t{i}", (Message("user", f"q{i}"),), verifier, str(i)) for i in range(count)]


def gather(engine, verifier, judges, rule="outcome", retries=1, budget=1.0, count=3, **options):
    return collect(
        engine,
        tasks(verifier, count),
        group_size=4,
        sampling=Sampling(64),
        seed=0,
        step=3,
        judges=judges,
        rule=find_rule(rule, options),
        retries=retries,
        budget=VoidBudget(budget),
    )


def test_groups_in_the_order_of_their_tasks_with_what_the_policy_saw(verifier, judges):
    engine = ScriptedEngine({f"q{i}": [str(i), "9", "9", str(i)] for i in range(3)})
    found = gather(engine, verifier, judges)
    assert [group.task.id for group in found.groups] == ["t0", "t1", "t2"]
    assert [group.rewards for group in found.groups] == [(1.0, 0.0, 0.0, 1.0)] * 3
    assert found.groups[1].prompt_tokens == engine.render((Message("user", "q1"),))
    assert (found.judged, found.voids, found.dropped) == (12, 0, ())
    assert found.seconds_judging > 0


def test_a_void_group_is_sampled_again_with_a_fresh_key_and_the_others_are_not(verifier, judges):
    asked = []

    def reply(request, i):
        asked.append((request.prompt[0].content, request.key))
        first_time = request.key[2] == 0
        return "boom" if request.prompt[0].content == "q1" and i == 2 and first_time else "1"

    found = gather(ScriptedEngine(reply), verifier, judges)
    assert [group.task.id for group in found.groups] == ["t0", "t1", "t2"]
    assert len(found.groups[1].members) == 4
    assert (found.judged, found.voids) == (16, 1)
    keys = {key for question, key in asked if question == "q1"}
    assert keys == {("rollout", 3, 0, "t1", 0), ("rollout", 3, 1, "t1", 0)}
    assert {key for question, key in asked if question == "q0"} == {("rollout", 3, 0, "t0", 0)}


def test_what_stays_void_is_dropped_whole_with_its_reasons(verifier, judges, caplog):
    def reply(request, i):
        return "boom" if request.prompt[0].content == "q1" and i == 0 else "1"

    found = gather(ScriptedEngine(reply), verifier, judges, retries=2)
    assert [group.task.id for group in found.groups] == ["t0", "t2"]
    assert found.dropped[0].task == "t1"
    assert "ours, not the answer's" in found.dropped[0].reasons[0]
    assert (found.judged, found.voids) == (12 + 4 + 4, 3)
    assert "dropped the group of task t1" in caplog.text


def test_the_budget_stops_the_run_with_its_reasons(verifier, judges):
    with pytest.raises(VoidBudgetExceeded, match=r"of 52 completions came back VOID.*52 x verifier_error.*ours"):
        gather(ScriptedEngine(lambda request, i: "boom"), verifier, judges, budget=0.02, count=13)


def test_the_budget_forgives_early_accidents_and_takes_up_a_resumed_count():
    budget = VoidBudget(0.1)
    budget.spend(40, ["x"] * 40)  # under the first 50 verdicts nothing is a share of anything
    resumed = VoidBudget(0.1)
    resumed.recount([{"judged": 100, "void": 9}, {"judged": 100, "void": None}])
    assert (resumed.judged, resumed.reasons.total()) == (200, 9)
    with pytest.raises(VoidBudgetExceeded, match="before the run was resumed"):
        resumed.spend(0, ["y"] * 12)


def test_parts_of_the_rule_are_judged_too(verifier, judges):
    engine = ScriptedEngine({"q0": ["\\boxed{0}", "0", "\\boxed{7}", "7"]})
    paid = [
        dict(member.reward.parts)
        for member in gather(engine, verifier, judges, "format_20_80", count=1).groups[0].members
    ]
    assert paid == [
        {"outcome": 0.8, "format": 0.2},
        {"outcome": 0.8, "format": 0.0},
        {"outcome": 0.0, "format": 0.2},
        {"outcome": 0.0, "format": 0.0},
    ]


def test_the_same_task_twice_in_a_step_draws_from_streams_of_its_own(verifier, judges):
    engine = ScriptedEngine(lambda request, i: str(request.key[-1]))
    task = tasks(verifier, 1)[0]
    both = sample(
        engine,
        [task, task],
        n=2,
        sampling=Sampling(8),
        seed=0,
        key=("rollout", 1, 0),
        judges=judges,
        rule=find_rule("outcome"),
    )
    assert [[member.completion.text for member in each.members] for each in both] == [["0", "0"], ["1", "1"]]


def test_a_row_holds_what_was_sampled_judged_and_learnt(verifier, judges):
    group = gather(ScriptedEngine({"q0": ["0"]}), verifier, judges, count=1).groups[0]
    row = rollout_row(group.task, group.members[1], step=3, group="3-0", sample=1, advantage=0.5, seed=9)
    assert (row.task, row.text, row.answer, row.truth) == ("t0", "0", None, "0")
    assert (row.outcome, row.reason, row.reward, row.advantage) == ("pass", "correct", 1.0, 0.5)
    assert (row.step, row.group, row.sample, row.seed, row.policy) == (3, "3-0", 1, 9, 0)
    assert row.prompt == "user: q0"
    assert row.verifier.startswith("mine.py:check@1#")
    assert row.tokens == len(group.members[1].completion.tokens)


def test_verifiers_get_the_last_user_message():
    turns = (Message("user", "first"), Message("assistant", "yes"), Message("user", "last"))
    assert last_user_message(Task("t", turns, "math", "1")) == "last"
