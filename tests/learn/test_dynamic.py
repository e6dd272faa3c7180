"""Dynamic sampling through real judging: rounds until enough groups have spread, the cap, what is kept out, what it cost."""

import pytest
import torch

from assay.core.config import RunConfig, load_config
from assay.core.drawing import Dynamic, NoDynamic
from assay.core.errors import ConfigError
from assay.core.types import Message, Task
from assay.learn.draw import Drawer
from assay.learn.dynamic import cut_short, gather, next_round
from assay.learn.lesson import teach
from assay.learn.policy import Policy
from assay.learn.trainer import Learner, train_step
from assay.model.tiny import build_tiny
from assay.reward.rule import find_rule
from assay.rollout.collect import VoidBudget, collect
from assay.rollout.engine import Sampling
from assay.rollout.scripted import ScriptedEngine
from assay.rollout.torch_engine import TorchEngine
from assay.verify.pool import JudgePool

CHECK = """
def check(response, truth):
    return response.startswith(truth)
"""


class Letters:
    split, fingerprint, name, length = "train", "letters", "letters", None

    def __init__(self, verifier, truth="a"):
        self.verifier, self.truth = verifier, truth

    def task(self, position):
        # every third task is one that no answer passes
        truth = "never" if position % 3 == 0 else self.truth
        return Task(f"t{position}", (Message("user", "abc"[position % 3]),), self.verifier, truth)


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("user") / "mine.py"
    path.write_text(CHECK)
    return f"{path}:check"


@pytest.fixture(scope="module")
def judges():
    with JudgePool(1) as pool:
        yield pool


def gathered(verifier, judges, how, answers, wanted=3):
    """`answers(task)` is True where the group of that task has spread."""
    asked = []

    def reply(request, sample):
        asked.append(request.key)
        task = request.key[-2]
        return "yes" if answers(task) and sample % 2 else "no"

    def task(place):
        return Task(f"t{place}", (Message("user", f"q{place}"),), verifier, "yes")

    drawn = iter(range(1000))

    def collect_round(tasks, number):
        return collect(
            ScriptedEngine(reply),
            tasks,
            group_size=4,
            sampling=Sampling(8),
            seed=0,
            step=7,
            judges=judges,
            rule=find_rule("outcome"),
            retries=0,
            budget=VoidBudget(1.0),
            round_number=number,
        )

    def draw(count):
        return [task(next(drawn)) for _ in range(count)]

    return gather(draw(wanted), draw, collect_round, how), asked


def test_rounds_go_on_until_enough_groups_have_spread(verifier, judges):
    found, asked = gathered(verifier, judges, Dynamic(max_rounds=9), lambda task: int(task[1:]) >= 2)
    # t0, t1, t2: one with spread of three, so that the two missing take all three of a second round
    assert [group.task.id for group in found.collected.groups] == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert [group.task.id for group in found.groups] == ["t2", "t3", "t4"]
    assert found.kept == (False, False, True, True, True, False), "the first drawn are kept, the last is one too many"
    assert found.metrics() == {
        "dynamic/rounds": 2,
        "dynamic/sampled": 6,
        "dynamic/kept": 3,
        "dynamic/wasted_tokens": sum(3 * 4 if task != 5 else 3 * 2 + 4 * 2 for task in (0, 1, 5)),
    }
    assert found.collected.judged == 24
    assert cut_short(found, 3, Dynamic()) is None
    assert {key[:4] for key in asked if key[-2] == "t0"} == {("rollout", 7, 0, "t0")}
    assert {key[:4] for key in asked if key[-2] == "t4"} == {("rollout", 7, 0, 1)}, "a round has samples of its own"


def test_at_the_cap_the_step_goes_on_and_says_so(verifier, judges):
    found, _ = gathered(verifier, judges, Dynamic(max_rounds=3), lambda task: task == "t1")
    assert [group.task.id for group in found.groups] == ["t1"]
    assert (found.rounds, len(found.kept)) == (3, 9)
    assert "1 of 3 groups with spread after 3 rounds" in cut_short(found, 3, Dynamic(max_rounds=3))


def test_without_it_nothing_is_kept_out(verifier, judges):
    found, _ = gathered(verifier, judges, NoDynamic(), lambda task: False)
    assert (found.kept, found.rounds) == ((True, True, True), 1)
    assert cut_short(found, 3, NoDynamic()) is None


@pytest.mark.parametrize(
    ("wanted", "found", "drawn", "prompts"), [(8, 0, 8, 8), (8, 4, 8, 8), (8, 7, 8, 2), (8, 6, 16, 6), (8, 7, 24, 4)]
)
def test_a_round_is_as_large_as_the_missing_groups_will_take(wanted, found, drawn, prompts):
    assert next_round(wanted, found, drawn) == prompts


def learner_of(judges, source, **rollout):
    torch.set_num_threads(1)
    config = RunConfig(
        seed=1,
        rollout={"prompts_per_step": 3, "group_size": 8, "max_new_tokens": 3, **rollout},
        learn={"learning_rate": 1e-2},
    )
    loaded = build_tiny("abc")
    drawer = Drawer(config, (source,))
    policy = Policy(loaded, config.learn, 1.0)
    return Learner(config, policy, TorchEngine(loaded), drawer, judges, find_rule("outcome"), VoidBudget(0.02))


def test_a_step_learns_from_the_kept_groups_and_writes_them_all(verifier, judges):
    learner = learner_of(judges, Letters(verifier), dynamic={"kind": "dapo", "max_rounds": 6})
    results = [train_step(learner, step) for step in range(1, 4)]
    for step, result in enumerate(results, 1):
        metrics = result.metrics
        groups = {row.group for row in result.rows}
        kept = {row.group for row in result.rows if row.kept}
        assert len(result.rows) == 8 * metrics["dynamic/sampled"] == metrics["judged"]
        assert len(kept) == metrics["dynamic/kept"] == 3
        assert len(groups) == metrics["dynamic/sampled"] > 3, "a third of the tasks cannot be solved"
        assert all(row.advantage == 0 for row in result.rows if not row.kept)
        assert all(any(row.advantage for row in result.rows if row.group == group) for group in kept)
        assert all(row.group.startswith(f"{step}-") for row in result.rows)
        assert metrics["pass_rate"] == sum(row.outcome == "pass" for row in result.rows) / len(result.rows)
    drawn = [row.task for result in results for row in result.rows if row.sample == 0]
    assert drawn == [f"t{place}" for place in range(len(drawn))], "no task is drawn twice, none is left out"
    assert results[-1].metrics["data_position"] == len(drawn) == learner.drawer.position


def test_the_update_is_that_of_the_kept_groups_alone(verifier, judges, monkeypatch):
    learner = learner_of(judges, Letters(verifier), dynamic={"kind": "dapo", "max_rounds": 6})
    taught = []

    def spy(policy, critic, config, groups, longest):
        taught.append((groups, lesson := teach(policy, critic, config, groups, longest)))
        return lesson

    monkeypatch.setattr("assay.learn.trainer.teach", spy)
    rows = train_step(learner, 1).rows
    ((groups, lesson),) = taught
    assert [group.task.id for group in groups] == [row.task for row in rows if row.kept and row.sample == 0]
    weights = [sample.weight * len(sample.completion.tokens) for group in lesson.groups for sample in group]
    assert sum(weights) == pytest.approx(1), "token means are over the kept groups"


def test_ragged_groups_are_learnt_from(verifier, judges):
    sizes = {"kind": "difficulty", "least": 2, "most": 20}
    learner = learner_of(judges, Letters(verifier), group_sizes=sizes, replay={"kind": "solved", "probability": 0.3})
    ragged = 0
    for step in range(1, 8):
        result = train_step(learner, step)
        counts = {}
        for row in result.rows:
            counts[row.group] = counts.get(row.group, 0) + 1
        assert sum(counts.values()) == 24, "the budget of a step is held"
        assert all(2 <= count <= 20 for count in counts.values())
        ragged += len(set(counts.values())) > 1
        for group in counts:
            assert sum(row.advantage for row in result.rows if row.group == group) == pytest.approx(0, abs=1e-9)
    assert ragged


def test_what_needs_the_step_before_refuses_a_lag():
    with pytest.raises(ConfigError, match="dynamic must know what came of that one"):
        load_config((), ["rollout.max_lag=1", "learn.correction.kind=truncate", "rollout.dynamic.kind=dapo"])
    assert load_config((), ["rollout.max_lag=1", "learn.correction.kind=truncate"]).rollout.max_lag == 1
