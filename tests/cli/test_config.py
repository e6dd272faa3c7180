"""`assay config`: what it shows is true, is itself a configuration, and says where each value comes from."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.cli.config import file_schema, settings, toml_lines, toml_value
from assay.core.config import RunConfig, load_config
from assay.core.layers import leaves
from assay.core.records import sha256_of
from assay.recipes import built_in, names


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["config", *map(str, arguments)])


def shown(*arguments: object) -> dict[str, Any]:
    result = run("show", *arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_every_setting_with_its_origin(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "mine"\n[learn]\nsteps = 3\n')
    found = shown("demo", tmp_path / "mine.toml", "--set", "seed=4", "--set", "verifier=x.py:f")
    assert set(found["origins"]) >= {key for key, _ in leaves(RunConfig().model_dump(mode="json"))}
    assert found["origins"]["seed"] == "--set"
    assert found["origins"]["name"] == found["origins"]["learn.steps"] == str(tmp_path / "mine.toml")
    assert found["origins"]["model.name"] == "recipe demo"
    assert found["origins"]["learn.epochs"] == "default"
    assert found["origins"]["tasks.verifier"] == "--set"
    assert (found["values"]["seed"], found["values"]["learn"]["steps"]) == (4, 3)
    assert found["sha256"] == sha256_of(found["values"])


def test_defaults_without_a_file() -> None:
    found = shown()
    assert found["values"] == RunConfig().model_dump(mode="json")
    assert set(found["origins"].values()) == {"default"}


@pytest.mark.parametrize("recipe", names())
@pytest.mark.parametrize("extra", [[], ["--explain"]])
def test_what_is_shown_is_a_file_that_says_the_same(tmp_path: Path, recipe: str, extra: list[str]) -> None:
    overrides = ["rollout.stop=['\\n\\n', 'a\"b']", "tasks.options={shots=2, names=['x']}", "model.lora.rank=4"]
    overrides += ["audit.accepted_risks={'a hole' = 'known # here'}", "learn.learning_rate=3e-7"]
    sets = [part for each in overrides for part in ("--set", each)]
    result = run("show", recipe, *sets, *extra)
    assert result.exit_code == 0, result.output
    saved = tmp_path / "saved.toml"
    saved.write_text(result.stdout)
    again = shown(saved)
    assert again["values"] == shown(recipe, *sets)["values"]
    assert load_config([saved]).tasks.options == {"shots": 2, "names": ["x"]}
    assert ("# the one seed" in result.stdout) == bool(extra)


def test_origins_stand_behind_the_values() -> None:
    lines = run("show", "demo", "--set", "seed=7").stdout.splitlines()
    assert any(line.startswith("seed = 7 ") and line.endswith("  # --set") for line in lines)
    assert any(line.startswith("steps = 20 ") and line.endswith("  # recipe demo") for line in lines)
    assert any(line.startswith("# lora is not set ") and line.endswith("  # default") for line in lines)


def test_a_kind_is_shown_with_what_else_it_may_be() -> None:
    lines = run("show", "--set", "learn.loss.kind=gspo", "--explain").stdout.splitlines()
    place = next(at for at, line in enumerate(lines) if line.startswith('kind = "gspo"'))
    assert lines[place].endswith("  # --set; or ppo_clip, cispo, policy_gradient")
    assert lines[place - 1] == "# The clipped surrogate with one ratio per sequence (GSPO, arXiv 2507.18071)"
    assert lines[place - 2] == "[learn.loss]"
    assert [line.split()[0] for line in lines[place + 1 : place + 5]] == ["#", "clip_low", "#", "clip_high"]
    assert any(line.startswith('kind = "adamw"') and line.endswith("  # default") for line in lines), (
        "the optimiser's kinds share their numbers"
    )
    found = shown("--set", "learn.loss.kind=gspo")
    assert found["values"]["learn"]["loss"] == {"kind": "gspo", "clip_low": 3e-4, "clip_high": 4e-4}
    assert found["origins"]["learn.loss.kind"] == "--set"


def test_a_section_that_is_set_is_shown_whole() -> None:
    found = shown("--set", "model.lora.rank=4")
    assert found["origins"]["model.lora.rank"] == "--set"
    assert found["origins"]["model.lora.alpha"] == "default"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nonsense",), f"nonsense: neither a file nor a built-in recipe ({', '.join(names())})"),
        (("nowhere.toml",), "nowhere.toml: no such configuration file"),
        (("--set", "learn.stpes=3"), "--set: unknown key 'stpes' in [learn]; did you mean 'steps'?"),
        (("--set", "seed"), "--set seed: the form is --set section.key=value"),
        (("--set", "learn.steps=0"), "--set: learn.steps: Input should be greater than or equal to 1, not 0"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_2(arguments: tuple[str, ...], sentence: str) -> None:
    result = run("show", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == f"assay: {sentence}\n"


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[rollout]\ngroup_sise = 3\n")
    result = run("show", tmp_path / "mine.toml")
    assert result.exit_code == 2
    assert result.stderr == (
        f"assay: {tmp_path}/mine.toml: unknown key 'group_sise' in [rollout]; did you mean 'group_size'?\n"
    )


def test_the_schema_is_the_models_and_knows_extends() -> None:
    result = run("schema")
    assert result.exit_code == 0
    schema = json.loads(result.stdout)
    assert schema == file_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == {"extends", *RunConfig.model_fields}
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["LearnConfig"]["properties"]["steps"]["description"] == "rollout steps"
    assert schema["$defs"]["LearnConfig"]["additionalProperties"] is False


def test_recipes_fit_the_schema() -> None:
    """With a small reading of JSON Schema: keys, types, choices and bounds."""
    schema = file_schema()

    def check(value: Any, rule: dict[str, Any], where: str) -> None:
        if "$ref" in rule:
            rule = schema["$defs"][rule["$ref"].rpartition("/")[2]]
        if rule.get("type") == "object" and "properties" in rule:
            for key, inner in value.items():
                assert key in rule["properties"], f"{where}.{key}"
                check(inner, rule["properties"][key], f"{where}.{key}")
        if "oneOf" in rule:  # one alternative takes the table, and no other does
            taken = []
            for one in rule["oneOf"]:
                try:
                    check(value, one, where)
                    taken.append(one)
                except AssertionError:
                    continue
            assert len(taken) == 1, where
        assert all(key in value for key in rule.get("required", ())), where
        assert value == rule.get("const", value), where
        if "enum" in rule:
            assert value in rule["enum"], where
        kinds = {"integer": int, "number": (int, float), "string": str, "boolean": bool, "array": list, "object": dict}
        if "type" in rule:
            assert isinstance(value, kinds[rule["type"]]), where
        if "minimum" in rule:
            assert value >= rule["minimum"], where

    for name in names():
        check(built_in(name), schema, name)
    check({"learn": {"loss": {"clip_low": 0.1}}}, schema, "of the default's kind")
    check({"learn": {"loss": {"kind": "gspo", "clip_low": 0.1}}}, schema, "of another kind")
    for wrong in ({"max_ratio": 5.0}, {"kind": "gspo", "max_ratio": 5.0}, {"kind": "gpso"}):
        with pytest.raises(AssertionError):
            check({"learn": {"loss": wrong}}, schema, "no kind's")


JSON = st.recursive(
    st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",)), max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_values_are_written_as_toml(value: Any) -> None:
    assert tomllib.loads(f"value = {toml_value(value)}")["value"] == value


@given(st.dictionaries(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=5), JSON, max_size=3))
def test_tables_of_the_users_own_keys_are_written_as_toml(options: dict[str, Any]) -> None:
    config = RunConfig.model_validate({"tasks": {"options": options}})
    text = "\n".join(toml_lines(settings(config, {})))
    assert tomllib.loads(text)["tasks"]["options"] == options


def test_help_without_a_verb() -> None:
    result = run()
    assert "show" in result.output
    assert "schema" in result.output
