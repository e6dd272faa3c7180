from pathlib import Path

import pytest

from assay.core.config import RunConfig
from assay.core.errors import ConfigError
from assay.core.layers import Layered, default_kinds, leaves, merge, nest, parse_override, validate


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_later_layers_win_leaf_by_leaf(tmp_path: Path) -> None:
    parent = write(tmp_path, "parent.toml", "seed = 1\n[learn]\nsteps = 10\nlearning_rate = 1e-4\n")
    child = write(tmp_path, "child.toml", 'extends = "parent.toml"\n[learn]\nsteps = 20\n')
    other = write(tmp_path, "other.toml", "[learn]\nclip_low = 0.1\n")
    base = {"seed": 9, "name": "base", "learn": {"steps": 1, "weight_decay": 0.5}}
    merged = merge([child, other], ["learn.steps=30", "learn.clip_high=0.3"], base)
    assert merged.values == {
        "seed": 1,
        "name": "base",
        "learn": {"steps": 30, "weight_decay": 0.5, "learning_rate": 1e-4, "clip_low": 0.1, "clip_high": 0.3},
    }
    assert merged.origins == {
        "seed": str(parent),
        "name": "built in",
        "learn.steps": "--set",
        "learn.weight_decay": "built in",
        "learn.learning_rate": str(parent),
        "learn.clip_low": str(other),
        "learn.clip_high": "--set",
    }


def test_the_base_is_left_as_it_was(tmp_path: Path) -> None:
    base = {"learn": {"steps": 1}}
    merge([], ["learn.steps=2"], base)
    assert base == {"learn": {"steps": 1}}


def test_extends_a_list_and_a_diamond(tmp_path: Path) -> None:
    write(tmp_path, "root.toml", "seed = 1\nname = 'root'\n")
    write(tmp_path, "a.toml", "extends = 'root.toml'\nseed = 2\n")
    write(tmp_path, "b.toml", "extends = 'root.toml'\n")
    top = write(tmp_path, "top.toml", "extends = ['a.toml', 'b.toml']\n")
    assert merge([top]).values == {"seed": 1, "name": "root"}, "b comes after a, with what it extends"


def test_extends_is_relative_to_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "deep/base.toml", "seed = 5\n")
    write(tmp_path, "deep/er/top.toml", "extends = '../base.toml'\n")
    monkeypatch.chdir(tmp_path)
    assert merge([Path("deep/er/top.toml")]).values == {"seed": 5}


@pytest.mark.parametrize(
    "files",
    [
        {"a.toml": "extends = 'a.toml'"},
        {"a.toml": "extends = 'b.toml'", "b.toml": "extends = 'a.toml'"},
        {"a.toml": "extends = 'b.toml'", "b.toml": "extends = 'c.toml'", "c.toml": "extends = 'b.toml'"},
        {"a.toml": "extends = 'd/../a.toml'", "d/x.toml": ""},
    ],
)
def test_a_circle_is_one_sentence(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        write(tmp_path, name, text)
    with pytest.raises(ConfigError, match="leads back to itself"):
        merge([tmp_path / "a.toml"])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: no such configuration file"):
        merge([tmp_path / "nowhere.toml"])
    with pytest.raises(ConfigError, match=r"broken\.toml: not TOML \(.*line 2"):
        merge([write(tmp_path, "broken.toml", "seed = 1\nseed =\n")])
    with pytest.raises(ConfigError, match="cannot be read"):
        merge([tmp_path])
    with pytest.raises(ConfigError, match="extends: a file name, or a list of them"):
        merge([write(tmp_path, "odd.toml", "extends = 3\n")])
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"seed = \xff\n")
    with pytest.raises(ConfigError, match="not TOML"):
        merge([binary])
    with pytest.raises(ConfigError, match=r"gone\.toml: no such configuration file"):
        merge([write(tmp_path, "child.toml", "extends = 'gone.toml'")])


@pytest.mark.parametrize(
    ("text", "nested"),
    [
        ("seed=3", {"seed": 3}),
        ("learn.steps=5", {"learn": {"steps": 5}}),
        (" learn . steps = 5 ", {"learn": {"steps": 5}}),
        ("rollout.stop=['a', 'b']", {"rollout": {"stop": ["a", "b"]}}),
        ("evaluate.greedy=false", {"evaluate": {"greedy": False}}),
        ("tasks.source=warehouse", {"tasks": {"source": "warehouse"}}),
        ("tasks.verifier=my_file.py:check", {"tasks": {"verifier": "my_file.py:check"}}),
        ("model.name=a=b", {"model": {"name": "a=b"}}),
        ("name='3'", {"name": "3"}),
        ("name=", {"name": ""}),
        ("tasks.options={shots = 2}", {"tasks": {"options": {"shots": 2}}}),
        ("learn.learning_rate=1e-5", {"learn": {"learning_rate": 1e-5}}),
    ],
)
def test_overrides_are_toml_or_text(text: str, nested: dict[str, object]) -> None:
    assert parse_override(text) == nested


@pytest.mark.parametrize("text", ["seed", "=3", ".seed=3", "learn.=3", "learn..steps=3", ""])
def test_an_override_without_its_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"the form is --set section\.key=value"):
        parse_override(text)


def test_dotted_keys_with_values() -> None:
    assert nest("a.b.c", [1]) == {"a": {"b": {"c": [1]}}}
    merged = merge([], {"learn.steps": 3, "model.lora": None})
    assert merged == Layered(
        {"learn": {"steps": 3}, "model": {"lora": None}}, {"learn.steps": "settings", "model.lora": "settings"}
    )


def test_leaves_in_order() -> None:
    assert list(leaves({"a": 1, "b": {"c": {"d": 2}, "e": {}}})) == [("a", 1), ("b.c.d", 2), ("b.e", {})]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("sede=1", r"--set: unknown key 'sede'; did you mean 'seed'\?"),
        ("learn.stpes=1", r"--set: unknown key 'stpes' in \[learn\]; did you mean 'steps'\?"),
        ("lern.steps=1", r"--set: unknown key 'lern'; did you mean 'learn'\?"),
        ("xyzzy=1", r"unknown key 'xyzzy'; known at the top: seed, name, model"),
        ("model.lora.rnk=1", r"unknown key 'rnk' in \[model.lora\]; did you mean 'rank'\?"),
        ("learn.steps=0", r"--set: learn.steps: .* greater than or equal to 1, not 0"),
        ("learn.steps=many", r"--set: learn.steps: .*integer.*, not 'many'"),
        ("learn.schedule=linear", r"--set: learn.schedule: .*'constant' or 'cosine', not 'linear'"),
        ("model=tiny", r"--set: model: .*, not 'tiny'"),
        ("learn.learning_rate=nan", r"--set: learn.learning_rate: .*finite"),
        ("learn.learning_rate=inf", r"--set: learn.learning_rate: .*finite"),
    ],
)
def test_what_is_wrong_where_and_what_would_be_right(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        validate(RunConfig, merge([], [override]))


def test_a_rule_over_a_section_names_every_place_that_set_it(tmp_path: Path) -> None:
    file = write(tmp_path, "run.toml", "[rollout]\ngroup_size = 4\n")
    with pytest.raises(ConfigError, match=r"^.*run\.toml, --set: rollout: top_p must be 1 and top_k 0"):
        validate(RunConfig, merge([file], ["rollout.top_p=0.9"]))


def test_a_scalar_gives_way_to_a_table_and_back(tmp_path: Path) -> None:
    assert merge([], ["model=3", "model.name=x"]).values == {"model": {"name": "x"}}
    merged = merge([], ["model.name=x", "model=3"])
    assert merged.values == {"model": 3}
    assert merged.origins == {"model": "--set"}


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        validate(RunConfig, merge([], ["learn.steps=0", "seed=-1"]))
    assert "learn.steps" in str(caught.value)
    assert "seed" in str(caught.value)


def learnt(*layers: Path | str) -> tuple[dict[str, object], Layered]:
    """The `learn` section of these files and settings, and where its values come from."""
    files = [each for each in layers if isinstance(each, Path)]
    merged = merge(files, [each for each in layers if isinstance(each, str)], schema=RunConfig)
    return validate(RunConfig, merged).learn.model_dump(mode="json"), merged


def test_a_kind_brings_its_own_defaults() -> None:
    learn, merged = learnt("learn.loss.kind=gspo")
    assert learn["loss"] == {"kind": "gspo", "clip_low": 3e-4, "clip_high": 4e-4}
    assert merged.origins == {"learn.loss.kind": "--set"}


def test_numbers_without_a_kind_are_the_default_kinds() -> None:
    assert learnt("learn.loss.clip_low=0.1")[0]["loss"] == {
        "kind": "ppo_clip",
        "clip_low": 0.1,
        "clip_high": 0.28,
        "dual_clip": None,
    }


@pytest.mark.parametrize(
    "below", ["clip_low = 0.1\ndual_clip = 3", 'kind = "ppo_clip"\ndual_clip = 3', "kind = 'cispo'"]
)
def test_a_layer_that_names_another_kind_starts_the_table_afresh(tmp_path: Path, below: str) -> None:
    """0.1 is a clip range of PPO's: below GSPO's kind it would be one of a few hundred times too much."""
    file = write(tmp_path, "base.toml", f"[learn.loss]\n{below}\n")
    learn, merged = learnt(file, "learn.loss.kind=gspo")
    assert learn["loss"] == {"kind": "gspo", "clip_low": 3e-4, "clip_high": 4e-4}
    assert merged.origins == {"learn.loss.kind": "--set"}


@pytest.mark.parametrize("below", ["clip_low = 0.1", "kind = 'ppo_clip'\nclip_low = 0.1"])
def test_a_layer_that_names_the_same_kind_keeps_what_is_below(tmp_path: Path, below: str) -> None:
    file = write(tmp_path, "base.toml", f"[learn.loss]\n{below}\n")
    for above in ("learn.loss.kind=ppo_clip", "learn.loss.clip_high=0.3"):
        learn, _ = learnt(file, above)
        assert learn["loss"]["clip_low"] == 0.1  # type: ignore[index]


def test_files_switch_kinds_too(tmp_path: Path) -> None:
    parent = write(tmp_path, "parent.toml", "[learn.correction]\nkind = 'truncate'\ncap = 3\nlevel = 'sequence'\n")
    child = write(tmp_path, "child.toml", "extends = 'parent.toml'\n[learn.correction]\nkind = 'mask'\nhigh = 5\n")
    learn, merged = learnt(child)
    assert learn["correction"] == {"kind": "mask", "low": 0.5, "high": 5.0, "level": "token"}
    assert set(merged.origins.values()) == {str(child)}
    assert learnt(child, parent)[0]["correction"] == {"kind": "truncate", "cap": 3.0, "level": "sequence"}


@pytest.mark.parametrize("backwards", [False, True])
def test_the_order_of_settings_does_not_matter(tmp_path: Path, backwards: bool) -> None:
    file = write(tmp_path, "base.toml", "[learn.loss]\nkind = 'cispo'\nmax_ratio = 4\n")
    settings = ["learn.loss.kind=gspo", "learn.loss.clip_low=0.01", "learn.advantage.critic.init=x"]
    settings += ["learn.advantage.critic.warmup_steps=3", "learn.advantage.kind=gae"]
    learn, _ = learnt(file, *(settings[::-1] if backwards else settings))
    assert learn["loss"] == {"kind": "gspo", "clip_low": 0.01, "clip_high": 4e-4}
    critic = learn["advantage"]["critic"]  # type: ignore[index]
    assert (critic["init"], critic["warmup_steps"], critic["value_clip"]) == ("x", 3, 0.2)


def test_dotted_settings_switch_kinds_as_texts_do() -> None:
    dotted = merge([], {"learn.loss.clip_low": 0.01, "learn.loss.kind": "gspo"}, schema=RunConfig)
    assert validate(RunConfig, dotted) == validate(
        RunConfig, merge([], ["learn.loss.kind=gspo", "learn.loss.clip_low=0.01"], schema=RunConfig)
    )


def test_a_key_that_is_called_kind_elsewhere_is_a_key_like_any_other(tmp_path: Path) -> None:
    """The optimiser's kinds share their numbers, and a source's options are its own."""
    file = write(
        tmp_path,
        "base.toml",
        "[learn.optimiser]\nkind = 'adamw'\nweight_decay = 0.1\n[tasks.options]\nkind = 'a'\nlevel = 2\n",
    )
    merged = merge([file], ["learn.optimiser.kind=adamw_8bit", "tasks.options.kind=b"], schema=RunConfig)
    config = validate(RunConfig, merged)
    assert config.learn.optimiser.weight_decay == 0.1
    assert config.tasks.options == {"kind": "b", "level": 2}


def test_every_table_of_alternatives_and_the_kind_it_has_by_default() -> None:
    found = default_kinds(RunConfig)
    assert (
        found.items()
        >= {
            "learn.advantage": "grpo",
            "learn.loss": "ppo_clip",
            "learn.aggregation": "token_mean",
            "learn.correction": "none",
        }.items()
    )
    for key, kind in found.items():  # a fresh configuration, read back from its own values
        table: object = RunConfig().model_dump(mode="json")
        for part in key.split("."):
            table = table[part]  # type: ignore[index]
        assert table["kind"] == kind  # type: ignore[index]


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("learn.loss.kind=gpso", r"^--set: learn\.loss\.kind: no kind 'gpso'; did you mean 'gspo'\?$"),
        (
            "learn.loss.kind=xyzzy",
            r"no kind 'xyzzy'; one of ppo_clip, gspo, cispo, policy_gradient would be right$",
        ),
        ("learn.loss.kind=[1]", r"learn\.loss\.kind: no kind \[1\]; one of"),
        (
            "learn.loss=gspo",
            r"^--set: learn\.loss is a table: learn\.loss\.kind = 'gspo' would name what stands in it$",
        ),
        (
            "learn.loss.max_ratio=3",
            r"^--set: unknown key 'max_ratio' in \[learn\.loss\] of kind 'ppo_clip'; kind 'cispo' has it$",
        ),
        (
            "learn.loss.clip_lwo=3",
            r"unknown key 'clip_lwo' in \[learn\.loss\] of kind 'ppo_clip'; did you mean 'clip_low'",
        ),
        ("learn.loss.xyzzy=3", r"of kind 'ppo_clip'; known there: kind, clip_low, clip_high, dual_clip$"),
        ("learn.loss.clip_low=2", r"^--set: learn\.loss\.clip_low: Input should be less than 1, not 2$"),
        ("learn.loss={kind='gspo', clip_low='x'}", r"^--set: learn\.loss\.clip_low: .*, not 'x'$"),
        (
            "learn.advantage={kind='gae', critic={value_clip=-1}}",
            r"^--set: learn\.advantage\.critic\.value_clip: Input should be greater than 0, not -1$",
        ),
        (
            "learn.advantage={kind='gae', critic={ini='x'}}",
            r"^--set: unknown key 'ini' in \[learn\.advantage\.critic\]; did you mean 'init'\?$",
        ),
        ("learn.advantage={kind='gae', critic=3}", r"^--set: learn\.advantage\.critic: .*, not 3$"),
        ("learn.kl.target=0.1", r"^--set: learn\.kl: target and reset_every need a KL term: set coefficient above 0$"),
        ("learn.kl={coefficient=1, estimator='k1'}", r"^--set: learn\.kl: k1 in the loss has a gradient of zero"),
    ],
)
def test_what_is_wrong_with_an_alternative(override: str, sentence: str) -> None:
    """Paths as people write them, without the name of the kind in between."""
    with pytest.raises(ConfigError, match=sentence):
        validate(RunConfig, merge([], [override], schema=RunConfig))


def test_a_mistake_with_a_kind_names_the_layer_that_made_it(tmp_path: Path) -> None:
    file = write(tmp_path, "run.toml", "[learn.loss]\nkind = 'gspo'\nclip_low = 3\n")
    with pytest.raises(ConfigError, match=r"^.*run\.toml: learn\.loss\.clip_low: Input should be less than 1"):
        validate(RunConfig, merge([file], schema=RunConfig))
    with pytest.raises(ConfigError, match=r"^--set: unknown key 'dual_clip' in \[learn\.loss\] of kind 'gspo'"):
        validate(
            RunConfig,
            merge(
                [write(tmp_path, "g.toml", "[learn.loss]\nkind='gspo'")], ["learn.loss.dual_clip=2"], schema=RunConfig
            ),
        )
