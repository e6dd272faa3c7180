"""A training step end to end: drawn tasks, the loss that moves rewards, refused steps, and what is said when nothing
could be learnt."""

import json
from dataclasses import replace

import pytest
import torch

from assay.core.config import RunConfig
from assay.core.errors import NonFiniteStep, OutOfMemory
from assay.core.types import Message, Task
from assay.learn.draw import Drawer
from assay.learn.policy import Policy
from assay.learn.train import _memory_errors
from assay.learn.trainer import Learner, NonFiniteBatch, train_step
from assay.model.tiny import build_tiny
from assay.reward.rule import find_rule
from assay.rollout.collect import VoidBudget
from assay.rollout.torch_engine import TorchEngine
from assay.verify.pool import JudgePool

CHECK = """
def check(response, truth):
    return response.startswith(truth)
"""


class Letters:
    """Tasks whose answer begins with a given letter; `length` None is endless."""

    split, fingerprint = "train", "letters"

    def __init__(self, verifier, length=5, truth="a"):
        self.verifier, self.length, self.truth = verifier, length, truth

    def task(self, position):
        return Task(f"t{position}", (Message("user", "abc"[position % 3]),), self.verifier, self.truth)


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("user") / "mine.py"
    path.write_text(CHECK)
    return f"{path}:check"


@pytest.fixture(scope="module")
def judges():
    with JudgePool(1) as pool:
        yield pool


def learner_of(judges, source, **learn):
    config = RunConfig(
        seed=1,
        rollout={"prompts_per_step": 3, "group_size": 8, "max_new_tokens": 3},
        learn={"learning_rate": 1e-2, **learn},
    )
    loaded = build_tiny("abc")
    return Learner(
        config,
        Policy(loaded, config.learn, 1.0),
        TorchEngine(loaded),
        Drawer(config, (source,)),
        judges,
        find_rule("outcome"),
        VoidBudget(0.02),
    )


def test_steps_raise_the_reward(verifier, judges):
    learner = learner_of(judges, Letters(verifier))
    results = [train_step(learner, step) for step in range(1, 16)]
    rewards = [result.metrics["reward"] for result in results]
    assert sum(rewards[-3:]) > sum(rewards[:3]) + 1.0
    assert learner.policy.version == sum(result.metrics["updates"] > 0 for result in results)
    first = results[0]
    assert first.metrics["logprob_difference"] < 1e-3
    assert len(first.rows) == 24
    assert [row.group for row in first.rows[:9]] == ["1-0"] * 8 + ["1-1"]
    for group in ("1-0", "1-1", "1-2"):
        assert sum(row.advantage for row in first.rows if row.group == group) == pytest.approx(0, abs=1e-9)
    json.dumps(first.metrics)


def test_nothing_to_learn_is_said_with_its_cause_and_changes_nothing(verifier, judges):
    learner = learner_of(judges, Letters(verifier, truth="never"))
    before = [parameter.clone() for parameter in learner.policy.loaded.model.parameters()]
    result = train_step(learner, 1)
    assert "nothing to learn: no group of 3" in result.note
    assert result.metrics["updates"] == 0
    assert result.metrics["frac_reward_zero_std"] == 1.0
    assert learner.policy.version == 0
    assert all(map(torch.equal, before, learner.policy.loaded.model.parameters()))


def test_a_non_finite_step_comes_with_its_rows(verifier, judges, monkeypatch):
    learner = learner_of(judges, Letters(verifier))

    def refuse(*_):
        raise NonFiniteStep("the loss is nan: the update was refused")

    monkeypatch.setattr(learner.policy, "learn", refuse)
    with pytest.raises(NonFiniteBatch, match="step 4: the loss is nan") as caught:
        train_step(learner, 4)
    assert len(caught.value.rows) == 24
    assert learner.policy.version == 0


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
)
def test_out_of_memory_names_the_knobs(error):
    with pytest.raises(OutOfMemory, match=r"learn\.microbatch_tokens.*rollout\.batch_size"), _memory_errors():
        raise error


def test_other_errors_pass_through():
    with pytest.raises(RuntimeError, match="shape"), _memory_errors():
        raise RuntimeError("a wrong shape")


def test_the_step_after_is_the_same_whatever_ran_before(verifier, judges):
    one, other = (learner_of(judges, Letters(verifier)) for _ in range(2))
    train_step(replace(other, config=other.config), 9)  # draws and learns something else first
    other.policy.loaded.model.load_state_dict(one.policy.loaded.model.state_dict())
    fresh = Policy(other.policy.loaded, other.config.learn, 1.0)
    a, b = train_step(one, 2), train_step(replace(other, policy=fresh), 2)
    assert [row.text for row in a.rows] == [row.text for row in b.rows]
    assert a.metrics["loss"] == b.metrics["loss"]
