"""RLHF from end to end: pairs, a reward model in a folder, and `assay train` on prompts that no rule judges."""

import json

import pytest
import torch

from assay.core.config import load_config
from assay.core.errors import ConfigError
from assay.core.fitting import RewardModelConfig
from assay.core.rng import stream
from assay.core.run_folder import RunFolder
from assay.core.types import Message
from assay.learn.reward_model import on_pairs, train_reward_model
from assay.learn.train import train
from assay.model.load import save_model
from assay.model.score import begin_reward_model, save_reward_model
from assay.model.tiny import build_tiny
from assay.tasks.conversations import Pair

torch.set_num_threads(1)

LETTERS = "abcdefgh"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A policy, a reward model that has learnt to like the letter `a`, prompts, and a task with a rule."""
    folder = tmp_path_factory.mktemp("rlhf")
    loaded = build_tiny(LETTERS, seed=2)
    save_model(loaded.model, loaded.tokenizer, folder / "policy")
    draw = stream(0, "pairs")

    def answer(count):
        return "".join(draw.sample("a" * count + "".join(draw.choices(LETTERS[1:], k=4 - count)), 4))

    pairs = [
        Pair((Message("user", draw.choice(LETTERS)),), answer(draw.randint(2, 4)), answer(draw.randint(0, 1)))
        for _ in range(96)
    ]
    reward = begin_reward_model(loaded)
    config = RewardModelConfig(steps=60, batch_size=16, learning_rate=3e-3)
    train_reward_model(reward, pairs[:80], config, seed=0)
    found, reward = on_pairs(reward, pairs[80:])
    assert found.accuracy > 0.9
    save_reward_model(reward, folder / "reward", {"accuracy": found.accuracy})
    rows = [{"prompt": letter, "split": "held_out" if letter in "gh" else "train"} for letter in LETTERS]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "mine.py").write_text("def check(response, truth):\n    return response.startswith(truth)\n")
    ruled = [
        {**row, "id": str(place), "truth": "b", "verifier": f"{folder}/mine.py:check"} for place, row in enumerate(rows)
    ]
    (folder / "ruled.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ruled))
    return folder


def settings(folder, **more):
    return {
        "seed": 1,
        "model.name": str(folder / "policy"),
        "model.threads": 1,
        "model.device": "cpu",
        "tasks.source": str(folder / "prompts.jsonl"),
        "tasks.columns": {"layout": "prompts"},
        "rollout.prompts_per_step": 6,
        "rollout.group_size": 8,
        "rollout.max_new_tokens": 4,
        "rollout.judge_workers": 1,
        "reward.models": {"likes_a": {"model": str(folder / "reward"), "scale": 1.0}},
        "audit.accepted_risks": {"learned_reward": "a test"},
        "learn.steps": 12,
        "learn.learning_rate": 3e-3,
        "learn.kl.coefficient": 0.02,
        "learn.collapse": {"kind": "none"},
        "evaluate.problems": 2,
        "evaluate.samples": 4,
        **more,
    }


def test_the_policy_comes_to_say_what_the_reward_model_likes(folder, tmp_path):
    run = train(load_config(overrides=settings(folder)), tmp_path / "run")
    rows = RunFolder.open(run.path).read_metrics("train")
    assert rows[-1]["reward"] > rows[0]["reward"] + 0.15
    assert rows[-1]["kl"] > 0, "the reference holds it"
    assert sum(row["void"] for row in rows) == 0
    rollouts = [row for row in run.read_rollouts() if row["split"] == "train"]
    shares = {step: [row["text"].count("a") for row in rollouts if row["step"] == step] for step in (1, 12)}
    assert sum(shares[12]) > 1.5 * sum(shares[1])
    last = rollouts[-1]
    assert last["parts"] == {"likes_a": pytest.approx(last["reward"])}
    assert last["evidence"]["preference"]["likes_a"]["score"] == pytest.approx(last["reward"])
    assert last["verifier"].startswith("preference@")


def test_beside_a_rule_it_adds_to_right_answers_only(folder, tmp_path):
    config = settings(
        folder,
        **{"learn.steps": 1, "tasks.source": str(folder / "ruled.jsonl"), "tasks.columns": {}, "audit.level": "off"},
    )
    run = train(load_config(overrides=config), tmp_path / "run")
    rows = [row for row in run.read_rollouts() if row["split"] == "train"]
    assert {row["outcome"] for row in rows} == {"pass", "fail"}
    for row in rows:
        if row["outcome"] == "fail":
            assert row["reward"] == 0.0
        else:
            assert row["reward"] == pytest.approx(1 + row["parts"]["likes_a"])
            assert 0 < row["parts"]["likes_a"] < 1


def test_a_learned_reward_is_refused_until_somebody_says_why(folder, tmp_path):
    config = load_config(overrides=settings(folder, **{"audit.accepted_risks": {}}))
    with pytest.raises(ConfigError, match=r"likes_a: a learned reward pays .* audit.accepted_risks.learned_reward"):
        train(config, tmp_path / "run")
