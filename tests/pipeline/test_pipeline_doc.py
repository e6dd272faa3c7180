"""The guide's recipe is one, and its table names every kind."""

import re
from pathlib import Path

from assay.pipeline.kinds import KINDS
from assay.pipeline.recipe import load_recipe
from assay.recipes import pipeline_names

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "pipeline.md").read_text()


def test_the_guides_recipe_is_read(tmp_path):
    (written,) = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)
    file = tmp_path / "mine.toml"
    file.write_text(written)
    found = load_recipe([file])
    assert list(found.named) == ["cold_start", "reasoning"]
    assert found.stages.cold_start.cold_start
    assert found.stages.reasoning.regression.limits == {"checked": {"max_drop": 0.05}}


def test_every_kind_and_every_built_in_recipe_is_named():
    assert sorted(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE)) == sorted(KINDS)
    assert all(f"`{name}`" in GUIDE or f"pipeline {name}" in GUIDE for name in pipeline_names())
