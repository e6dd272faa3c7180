import json
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from assay.core.config import RunConfig, load_config
from assay.core.errors import ConfigError
from assay.core.layers import Layered, leaves, validate
from assay.core.learning import (
    METHODS,
    Advantage,
    Aggregation,
    Correction,
    GrpoAdvantage,
    LearnConfig,
    Loss,
    PpoClip,
)
from assay.core.section import Section
from assay.recipes import FOLDER, built_in, find_recipe, is_built_in, names


def test_defaults_stand() -> None:
    config = load_config()
    assert config == RunConfig()
    assert (config.rollout.group_size, config.learn.loss) == (8, PpoClip(clip_low=0.2, clip_high=0.28))
    assert config.learn.advantage == GrpoAdvantage(std="population")
    assert config.learn.kl.coefficient == 0.0


def test_every_section_is_frozen_and_refuses_what_it_does_not_know() -> None:
    for section in {*Section.__subclasses__(), RunConfig}:
        assert section.model_config.get("frozen")
        assert section.model_config.get("extra") == "forbid"
    with pytest.raises(ValidationError):
        RunConfig().seed = 3  # type: ignore[misc]


def test_every_key_says_what_it_means() -> None:
    for section in {*Section.__subclasses__(), RunConfig}:
        for name, field in section.model_fields.items():
            is_section = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
            chooses = field.discriminator is not None or name == "kind"
            assert field.description or is_section or chooses, f"{section.__name__}.{name}"


def test_pass_at_k_needs_k_samples() -> None:
    with pytest.raises(ConfigError, match="pass@4 needs that many samples a problem: raise samples from 2"):
        load_config((), ["evaluate.samples=2"])
    assert load_config((), ["evaluate.samples=2", "evaluate.k=[1, 2]"]).evaluate.k == (1, 2)
    with pytest.raises(ConfigError, match="greater than or equal to 1"):
        load_config((), ["evaluate.k=[0]"])


def test_set_verifier_is_short_for_the_tasks_own() -> None:
    assert load_config((), ["verifier=my_file.py:check"]).tasks.verifier == "my_file.py:check"
    assert load_config((), {"verifier": "choice"}).tasks.verifier == "choice"


def test_a_saved_configuration_is_read_back_the_same() -> None:
    config = load_config(
        (), ["rollout.stop=['\\n\\n', 'Q:']", "model.lora.rank=4", "seed=7", "tasks.options={shots=2}"]
    )
    saved = json.loads(json.dumps(config.model_dump(mode="json")))
    assert validate(RunConfig, Layered(saved, {})) == config


@pytest.mark.parametrize("setting", ["top_p=0.95", "top_k=20"])
def test_training_refuses_truncated_sampling(setting: str) -> None:
    with pytest.raises(ConfigError, match="truncated distribution"):
        load_config((), [f"rollout.{setting}"])


def test_recipes_are_valid_and_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"demo", "tiny"} <= set(names())
    for name in names():
        path = find_recipe(name)
        assert is_built_in(path)
        assert tomllib.loads(path.read_text()) == built_in(name)
        assert load_config([path]).name == name
    (tmp_path / "tiny").mkdir()
    assert is_built_in(find_recipe("tiny")), "a folder is no configuration"
    (tmp_path / "demo").write_text("seed = 5\n")
    assert find_recipe("demo") == Path("demo"), "a file of the user's goes before a recipe of ours"
    assert find_recipe("other.toml") == Path("other.toml")
    assert FOLDER.is_dir()


def test_recipes_differ_from_the_defaults_only_where_they_mean_to() -> None:
    demo = load_config([find_recipe("demo")])
    assert demo.model.name == "smollm2"
    assert demo.evaluate.problems * demo.evaluate.samples >= 200, "at least 200 held-out samples"
    assert max(demo.evaluate.k) <= demo.evaluate.samples


def test_every_alternative_is_written_and_read_back() -> None:
    for kinds in (Advantage, Loss, Aggregation, Correction):
        name = next(key for key, field in LearnConfig.model_fields.items() if field.annotation == get_args(kinds)[0])
        for each in get_args(get_args(kinds)[0]):
            kind = each.model_fields["kind"].default
            config = load_config((), [f"learn.{name}.kind={kind}"])
            assert getattr(config.learn, name) == each()
            saved = json.loads(json.dumps(config.model_dump(mode="json")))
            assert validate(RunConfig, Layered(saved, {})) == config


def test_every_method_has_a_name_for_people() -> None:
    kinds = [each.model_fields["kind"].default for union in (Advantage, Loss) for each in get_args(get_args(union)[0])]
    assert sorted(kinds) == sorted(METHODS)


def test_k1_in_the_loss_is_refused_and_in_the_reward_is_not() -> None:
    with pytest.raises(ConfigError, match=r"k1 in the loss has a gradient of zero on average and holds nothing"):
        load_config((), ["learn.kl.coefficient=0.1", "learn.kl.estimator=k1"])
    kl = load_config((), ["learn.kl.coefficient=0.1", "learn.kl.estimator=k1", "learn.kl.place=reward"]).learn.kl
    assert (kl.estimator, kl.place) == ("k1", "reward")


@pytest.mark.parametrize(
    ("recipe", "published"),
    [  # what each file's comments say is as published
        ("r1_zero", {"rollout.group_size": 16, "learn.learning_rate": 3e-6, "learn.kl.coefficient": 0.001}),
        (
            "r1_zero",
            {"rollout.prompts_per_step": 8192 // 16, "learn.minibatches": 8192 // 512, "learn.steps": 10400 // 16},
        ),
        (
            "r1_zero",
            {"learn.kl.reset_every": 400 // 16, "learn.kl.estimator": "k3", "learn.aggregation.kind": "sequence_mean"},
        ),
        ("dapo", {"rollout.prompts_per_step": 512, "rollout.group_size": 16, "learn.minibatches": 512 * 16 // 512}),
        ("dapo", {"learn.loss.clip_low": 0.2, "learn.loss.clip_high": 0.28, "learn.warmup_steps": 20}),
        ("dapo", {"reward.length.longest": 20480, "reward.length.cache": 4096, "learn.kl.coefficient": 0.0}),
        ("dapo", {"rollout.dynamic.kind": "dapo", "learn.learning_rate": 1e-6, "learn.aggregation.kind": "token_mean"}),
        ("dr_grpo", {"learn.advantage.kind": "dr_grpo", "learn.aggregation.length": 3000, "rollout.group_size": 8}),
        ("dr_grpo", {"rollout.prompts_per_step": 128, "learn.minibatches": 8, "learn.learning_rate": 1e-6}),
        ("gspo", {"learn.loss.clip_low": 3e-4, "learn.loss.clip_high": 4e-4, "learn.minibatches": 4}),
        ("gspo", {"learn.aggregation.kind": "sequence_mean"}),
        ("cispo", {"learn.loss.min_ratio": 0.0, "learn.loss.max_ratio": 5.0, "learn.kl.coefficient": 0.0}),
        (
            "rloo",
            {"rollout.group_size": 4, "learn.minibatches": 1, "learn.kl.place": "reward", "learn.kl.estimator": "k1"},
        ),
        (
            "reinforce_pp",
            {"learn.advantage.kind": "reinforce_pp", "learn.kl.place": "reward", "learn.loss.clip_high": 0.2},
        ),
        ("ppo_tulu3", {"learn.advantage.gamma": 1.0, "learn.advantage.lam": 0.95, "learn.epochs": 4}),
        ("ppo_tulu3", {"learn.learning_rate": 3e-7, "rollout.max_new_tokens": 2048, "learn.loss.clip_high": 0.2}),
    ],
)
def test_recipes_hold_what_was_published(recipe: str, published: dict[str, object]) -> None:
    found = dict(leaves(load_config([find_recipe(recipe)]).model_dump(mode="json")))
    assert {key: found[key] for key in published} == published


@pytest.mark.parametrize("recipe", [name for name in names() if name not in ("demo", "tiny")])
def test_recipes_at_scale_leave_model_and_tasks_to_people(recipe: str) -> None:
    text = find_recipe(recipe).read_text()
    values = built_in(recipe)
    assert "model" not in values
    assert "tasks" not in values
    assert re.search(r"arXiv \d{4}\.\d{5}", text), "its paper"
    assert f"#   assay train {recipe} --set model.name=" in text
    assert load_config([find_recipe(recipe)], ["model.name=tiny"]).model.name == "tiny"
