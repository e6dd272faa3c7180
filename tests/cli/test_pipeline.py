"""`assay pipeline` as people call it."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from assay.cli.app import app

RECIPE = """
name = "small"
base = "made"
[model]
name = "tiny"
threads = 1
[tasks]
source = "pocket_logic"
options.level = 1
[rollout]
max_new_tokens = 8
judge_workers = 1
[evaluate]
problems = 4
samples = 1
k = [1]
[examine]
prompts = 1
[audit]
level = "off"

[stages.made]
kind = "sft"
scratch = { width = 16, layers = 1, heads = 2 }
examples = { kind = "demonstrations", count = 8 }
fit = { steps = 1, batch_size = 2 }

[stages.further]
kind = "sft"
examples = { kind = "demonstrations", count = 8 }
fit = { steps = 1, batch_size = 2 }
regression = { decide = "point", limits = { checked = { gain_above = 0.5 } } }

[stages.last]
kind = "sft"
examples = { kind = "demonstrations", count = 8 }
fit = { steps = 1, batch_size = 2 }
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    torch.set_num_threads(1)
    file = tmp_path / "small.toml"
    file.write_text(RECIPE)
    return file


def call(*words):
    return CliRunner().invoke(app, ["pipeline", *map(str, words)])


def test_a_dry_run_plans_and_makes_nothing(recipe, tmp_path):
    done = call(recipe, "--dry-run", "--json", "--out", tmp_path / "out", "--set", "machine.gflops=10")
    assert done.exit_code == 0, done.output
    plan = json.loads(done.stdout)
    assert [each["name"] for each in plan["stages"]] == ["made", "further", "last"]
    assert plan["seconds"] > 0
    assert not (tmp_path / "out").exists()
    shown = call(recipe, "--dry-run", "--skip", "last", "--set", "machine.memory=0.0001")
    assert shown.exit_code == 1  # it does not fit
    assert "does not fit 0.0001 GiB" in shown.output
    assert "last" not in shown.output


def test_a_failing_gate_exits_1_with_its_page_and_the_way_on(recipe, tmp_path):
    out = tmp_path / "out"
    stopped = call(recipe, "--out", out)
    assert stopped.exit_code == 1
    assert "gate failed" in stopped.stdout
    assert "no gain above 0.5" in stopped.stderr
    assert "--resume --go-on" in stopped.stderr
    assert "gate failed" in (out / "report.html").read_text()
    assert not (out / "stages" / "last").exists()
    done = call(recipe, "--out", out, "--resume", "--go-on", "--json")
    assert done.exit_code == 0, done.output
    assert set(json.loads(done.stdout)["stages"]) == {"made", "further", "last"}
    assert "as it stands" in done.stderr
    rebuilt = CliRunner().invoke(app, ["report", str(out)])
    assert rebuilt.stdout.strip() == str(out / "report.html")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["r1_tinny"], "neither a file nor a built-in recipe; did you mean 'r1_tiny'"),
        (["missing.toml"], "missing.toml: no such configuration file"),
        (["r1_tiny", "--only", "reasonin"], "no stage 'reasonin' in the recipe; did you mean 'reasoning'"),
        (["r1_tiny", "--set", "stages.final.learn.stepz=1"], "did you mean 'steps'"),
        (["r1_tiny", "--from", "final", "--out", "nowhere"], "nowhere is no pipeline's folder"),
    ],
)
def test_mistakes_are_one_sentence(words, sentence):
    done = call(*words)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1
