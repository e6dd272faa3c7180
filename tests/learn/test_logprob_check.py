"""Log-probs as sampled against those of training, asserted at every step; and a critic that learns before the policy."""

from dataclasses import replace

import pytest
import torch

from assay.core.config import RunConfig
from assay.core.errors import LogprobMismatch
from assay.core.types import Message, Task
from assay.learn.draw import Drawer
from assay.learn.policy import Policy
from assay.learn.trainer import Learner, train_step
from assay.learn.value import Critic
from assay.model.tiny import build_tiny
from assay.reward.rule import find_rule
from assay.rollout.collect import VoidBudget
from assay.rollout.torch_engine import TorchEngine
from assay.verify.pool import JudgePool


class Letters:
    split, fingerprint, length = "train", "letters", 6

    def __init__(self, verifier):
        self.verifier = verifier

    def task(self, position):
        return Task(f"t{position}", (Message("user", "abc"[position % 3]),), self.verifier, "a")


class Off(TorchEngine):
    """An engine whose log-probs are not those that training gives."""

    shift = 0.01

    def generate(self, requests, sampling):
        return [
            [replace(each, logprobs=tuple(value + self.shift for value in each.logprobs)) for each in completions]
            for completions in super().generate(requests, sampling)
        ]


@pytest.fixture(scope="module")
def verifier(tmp_path_factory):
    path = tmp_path_factory.mktemp("user") / "mine.py"
    path.write_text("def check(response, truth):\n    return response.startswith(truth)\n")
    return f"{path}:check"


@pytest.fixture(scope="module")
def judges():
    with JudgePool(1) as pool:
        yield pool


def learner_of(judges, verifier, engine=TorchEngine, **learn):
    config = RunConfig(
        seed=1,
        rollout={"prompts_per_step": 3, "group_size": 8, "max_new_tokens": 3},
        learn={"learning_rate": 1e-2, **learn},
    )
    loaded = build_tiny("abc")
    how = config.learn.advantage
    critic = Critic(loaded, how.critic, config.learn) if how.kind == "gae" else None
    policy = Policy(loaded, config.learn, 1.0)
    made = Learner(
        config,
        policy,
        engine(loaded),
        Drawer(config, (Letters(verifier),)),
        judges,
        find_rule("outcome"),
        VoidBudget(0.02),
    )
    return replace(made, critic=critic)


def test_our_own_engine_gives_the_log_probs_of_training(judges, verifier):
    result = train_step(learner_of(judges, verifier), 1)
    assert result.metrics["logprob_difference/mean"] < 1e-5


def test_an_engine_that_is_off_is_told_with_what_would_be_right(judges, verifier):
    sentence = (
        r"sampled and training log-probs differ by 0\.01 nats a token on average \(at most 0\.01\), more than "
        r"learn\.logprob_tolerance = 0\.0001: .*learn\.correction\.kind = truncate or mask"
    )
    with pytest.raises(LogprobMismatch, match=sentence):
        train_step(learner_of(judges, verifier, Off), 1)


def test_the_tolerance_is_the_configurations(judges, verifier):
    train_step(learner_of(judges, verifier, Off, logprob_tolerance=0.02), 1)


@pytest.mark.parametrize("correction", [{"kind": "truncate"}, {"kind": "mask", "level": "sequence"}])
def test_with_a_correction_it_is_weighed_instead(correction, judges, verifier):
    metrics = train_step(learner_of(judges, verifier, Off, correction=correction), 1).metrics
    assert metrics["logprob_difference/mean"] == pytest.approx(0.01, abs=1e-4)
    assert 0.96 < metrics["importance"] < 1.0  # exp(-0.01) a token, up to three of them a sequence


def weights(policy):
    return torch.cat([each.detach().flatten().clone() for each in policy.loaded.model.parameters()])


def test_while_the_critic_warms_up_the_policy_stays(judges, verifier):
    how = {"kind": "gae", "critic": {"warmup_steps": 2, "learning_rate": 1e-2}}
    learner = learner_of(judges, verifier, advantage=how)
    start = weights(learner.policy)
    first = train_step(learner, 1).metrics
    second = train_step(learner, 2).metrics
    assert torch.equal(weights(learner.policy), start)
    assert first["updates"] == second["updates"] == 0
    assert learner.policy.version == 0
    assert (first["critic/mean_value"], second["critic/mean_value"] != 0) == (0, True)
    assert first["critic/loss"] > 0
    third = train_step(learner, 3).metrics
    assert third["updates"] == 1
    assert not torch.equal(weights(learner.policy), start)
    assert third["critic/bytes"] > 3 * sum(each.nbytes for each in learner.critic.model.parameters())


def test_ppo_with_a_critic_raises_the_reward(judges, verifier):
    how = {"kind": "gae", "critic": {"warmup_steps": 1, "learning_rate": 1e-2}}
    learner = learner_of(judges, verifier, advantage=how)
    rewards = [train_step(learner, step).metrics["reward"] for step in range(1, 14)]
    assert sum(rewards[-3:]) > sum(rewards[:3]) + 1.0


def test_an_interrupt_after_the_critic_has_learnt_leaves_the_step_to_be_done_again(judges, verifier, monkeypatch):
    learner = learner_of(judges, verifier, advantage={"kind": "gae"})

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(learner.policy, "learn", interrupted)
    assert not learner.policy.dirty
    with pytest.raises(KeyboardInterrupt):
        train_step(learner, 1)
    assert learner.policy.dirty  # a checkpoint of the step before would hold this step's critic
