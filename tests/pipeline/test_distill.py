"""A student taught in three ways at one budget: what each spends, what is kept, and what is refused before anything is spent."""

import json

import pytest
import torch
from typer.testing import CliRunner

from assay.cli.app import app
from assay.core.errors import ConfigError
from assay.core.fitting import SftConfig
from assay.core.layers import merge, validate
from assay.core.types import Message
from assay.learn.distill import parameters
from assay.learn.sft import sft
from assay.model.load import save_model
from assay.model.tiny import build_tiny
from assay.pipeline.distill import ComparisonConfig, compare_ways, spent_on_rl
from assay.tasks.conversations import Example

torch.set_num_threads(1)

LETTERS = "abcd"
WORDS = [one + other for one in LETTERS for other in LETTERS if one != other]
CHECK = "def check(response, truth):\n    return response == truth\n"


def saved(folder, loaded):
    save_model(loaded.model, loaded.tokenizer, folder)
    return str(folder)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Words to say backwards: a teacher that can, and a smaller student that has seen a few."""
    folder = tmp_path_factory.mktemp("world")
    examples = [Example((Message("user", word),), word[::-1]) for word in WORDS]
    teacher = build_tiny(LETTERS, seed=9)
    sft(teacher, examples, SftConfig(steps=80, batch_size=12, learning_rate=1e-2, warmup_steps=5), seed=0)
    student = build_tiny(LETTERS, seed=4, width=32, layers=1, heads=2)
    sft(student, examples[:6], SftConfig(steps=12, batch_size=6, learning_rate=3e-3, warmup_steps=2), seed=0)
    (folder / "mine.py").write_text(CHECK)
    rows = [
        {
            "id": word,
            "prompt": word,
            "truth": word[::-1],
            "verifier": f"{folder}/mine.py:check",
            "split": "held_out" if place % 4 == 3 else "train",
        }
        for place, word in enumerate(WORDS)
    ]
    (folder / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "teacher": saved(folder / "teacher", teacher),
        "student": saved(folder / "student", student),
        "tasks": str(folder / "words.jsonl"),
    }


def settings(world, **more):
    return {
        "seed": 0,
        "model.name": world["student"],
        "model.threads": 1,
        "model.device": "cpu",
        "tasks.source": world["tasks"],
        "rollout.prompts_per_step": 4,
        "rollout.group_size": 4,
        "rollout.max_new_tokens": 4,
        "rollout.judge_workers": 1,
        "learn.steps": 6,
        "learn.learning_rate": 3e-3,
        "evaluate.problems": 3,
        "evaluate.samples": 4,
        "audit.level": "off",
        "distill.teacher": world["teacher"],
        "distill.prompts": 9,
        "distill.samples": 2,
        "distill.sampling_share": 0.2,
        "distill.traces.batch_size": 4,
        "distill.on_policy.batch_size": 4,
        "distill.on_policy.learning_rate": 3e-3,
        **more,
    }


def configured(world, **more):
    return validate(ComparisonConfig, merge([], settings(world, **more), None, ComparisonConfig))


@pytest.fixture(scope="module")
def compared(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    arguments = [part for key, value in settings(world).items() for part in ("--set", f"{key}={json.dumps(value)}")]
    result = CliRunner().invoke(app, ["distill", *arguments, "--out", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    return folder, json.loads(result.stdout.splitlines()[-1])


def test_every_arm_is_measured_on_the_same_tasks_with_its_cost(compared):
    folder, arms = compared
    assert [arm["arm"] for arm in arms] == ["student", "teacher", "rlvr", "traces", "on_policy"]
    figures = {arm["arm"]: arm["figures"]["pass@1"]["value"] for arm in arms}
    assert figures["teacher"] > figures["student"]
    assert all(arm["figures"]["pass@4"]["problems"] == 3 for arm in arms)
    saved = json.loads((folder / "comparison.json").read_text())
    assert saved["arms"] == arms
    assert saved["budget_flops"] == arms[2]["spent"]["flops"]["total"] > 0


def test_the_arms_spend_the_same(compared):
    """To the grain of a step: on-policy stops with the step that reaches the budget, traces with the nearest number of steps."""
    _, arms = compared
    total = {arm["arm"]: arm["spent"]["flops"]["total"] for arm in arms[2:]}
    assert total["traces"] == pytest.approx(total["rlvr"], rel=0.1)
    step = total["on_policy"] / arms[4]["notes"]["steps"]
    assert total["rlvr"] <= total["on_policy"] < total["rlvr"] + 1.5 * step
    assert all(arm["spent"]["cpu_seconds"] > 0 for arm in arms[2:])
    assert set(arms[3]["spent"]["flops"]) == {"teacher samples", "student learns", "total"}
    assert set(arms[4]["spent"]["flops"]) == {"student samples", "teacher scores", "student learns", "total"}


def test_what_is_there_is_not_made_again(compared, world):
    folder, arms = compared
    said = []
    again = compare_ways(configured(world), folder, say=lambda arm, what: said.append(arm))
    assert not said
    assert [each.spent for each in again] == [arm["spent"] for arm in arms]


def test_rl_is_counted_by_its_rollouts(compared, world):
    """Groups without spread are sampled and not learnt from, unless a KL term holds them."""
    loaded = build_tiny(LETTERS)
    count = parameters(loaded)

    def row(group, advantage, tokens=3):
        return {"group": group, "prompt": "user: ab", "tokens": tokens, "advantage": advantage, "split": "train"}

    rows = [row("1-0", 1.0), row("1-0", -1.0), row("1-1", 0.0, 5), row("1-1", 0.0, 5)]
    plain = spent_on_rl(rows, count, lambda prompt: (1, 2, 3), configured(world))
    assert plain.flops == {"student samples": 2.0 * count * (9 + 13), "student learns": 6.0 * count * 9}
    held = spent_on_rl(
        rows, count, lambda prompt: (1, 2, 3), configured(world, **{"learn.kl.coefficient": 0.1, "learn.epochs": 2})
    )
    assert held.tokens == {"student samples": 22, "student learns": 44, "reference": 22}


def test_another_tokenizer_is_refused_before_anything_is_spent(world, tmp_path):
    other = saved(tmp_path / "other", build_tiny("abcde"))
    with pytest.raises(ConfigError, match="read different tokens"):
        compare_ways(configured(world, **{"distill.teacher": other}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_rlvr_somebody_must_say_the_budget(world, tmp_path):
    with pytest.raises(ConfigError, match=r"distill.budget: without the arm rlvr"):
        compare_ways(configured(world, **{"distill.arms": ["traces"]}), tmp_path)
