"""Every configuration in docs/guides/sampling.md is valid, and its table of defaults is the schema's."""

import re
import tomllib
from pathlib import Path

import pytest

from assay.core.config import RunConfig, load_config
from assay.core.learning import CollapseStop
from assay.measure.collapse import BARREN_COMPLETIONS, BARREN_GROUPS, ERRORS

GUIDE = (Path(__file__).parents[2] / "docs/guides/sampling.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_a_configuration_that_changes_something_and_says_each_key(block, tmp_path):
    path = tmp_path / "example.toml"
    path.write_text(block)
    config = load_config([path])

    def holds(values, section):
        for key, value in values.items():
            found = getattr(section, key) if not isinstance(section, dict) else section[key]
            if isinstance(value, dict):
                holds(value, found)
            else:
                assert (list(found) if isinstance(found, tuple) else found) == value

    holds(tomllib.loads(block), config)
    assert config != RunConfig()


def test_each_choice_has_its_block():
    kinds = {
        (section, tomllib.loads(block)[top][section]["kind"])
        for block in BLOCKS
        for top in tomllib.loads(block)
        for section in tomllib.loads(block)[top]
        if isinstance(tomllib.loads(block)[top][section], dict)
    }
    assert kinds == {
        ("dynamic", "dapo"), ("pools", "pass_rate"), ("curriculum", "option"), ("curriculum", "tag"),
        ("group_sizes", "difficulty"), ("replay", "solved"), ("length", "overlong"), ("length", "cosine"),
        ("collapse", "stop"),
    }  # fmt: skip


def test_the_collapse_stop_is_told_as_it_is():
    (block,) = [each for each in BLOCKS if "[learn.collapse]" in each]
    assert CollapseStop(**tomllib.loads(block)["learn"]["collapse"]) == RunConfig().learn.collapse
    assert f"lower by {ERRORS:g} standard errors" in GUIDE
    assert f"{BARREN_GROUPS} groups and {BARREN_COMPLETIONS:,} completions" in GUIDE


def test_the_metrics_it_names_are_logged():
    source = Path(__file__).parents[2] / "src/assay/learn"
    code = "".join(path.read_text(encoding="utf-8") for path in source.glob("*.py"))
    for name in re.findall(r"`((?:dynamic|curriculum|replay)/\w+)`", GUIDE):
        assert f'"{name}"' in code, name
