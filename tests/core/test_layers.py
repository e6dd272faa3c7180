from pathlib import Path

import pytest

from assay.core.config import RunConfig
from assay.core.errors import ConfigError
from assay.core.layers import Layered, leaves, merge, nest, parse_override, validate


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
