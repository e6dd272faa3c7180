"""`assay train` from the outside: the plan of a dry run, and a step that is refused and dumped."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.recipes import names

SMALL = [
    "model.name=tiny",
    "model.threads=1",
    "rollout.prompts_per_step=2",
    "rollout.group_size=4",
    "rollout.max_new_tokens=12",
    "evaluate.problems=2",
    "evaluate.samples=1",
    "evaluate.k=[1]",
    "audit.level=off",
]


def run(*arguments: object, settings: list[str]) -> Result:
    options = [part for each in settings for part in ("--set", each)]
    return CliRunner().invoke(app, ["train", *options, *map(str, arguments)])


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """An untrained decoder writes a 7 now and then."""
    (tmp_path / "mine.py").write_text("def check(response, truth):\n    return truth in response\n")
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{tmp_path}/mine.py:check", "truth": "7", "split": split}
        for i, split in enumerate(["train"] * 8 + ["held_out"] * 2)
    ]
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_dry_run_counts_and_trains_nothing(tmp_path: Path, tasks: Path) -> None:
    settings = [*SMALL, f"tasks.source={tasks}", "learn.steps=3"]
    shown = run("--dry-run", "--out", tmp_path / "run", settings=settings)
    assert shown.exit_code == 0, shown.output
    for words in ("parameters", "GiB at the peak", "sampled a step", "time"):
        assert words in shown.output
    plan = json.loads(run("--dry-run", "--json", settings=settings).stdout)
    assert plan["tokens_per_step"] == 2 * 4 * 12
    assert plan["steps"] == 3
    assert 90_000 < plan["parameters"] < 120_000
    assert plan["peak"] >= plan["weights"] + plan["gradients"] + plan["optimiser"]
    assert not (tmp_path / "run").exists()


DIVERGES = [*SMALL, "learn.steps=6", "learn.learning_rate=1e38", "learn.save_every=1"]
"""A learning rate that throws the weights out of fp32's range in the first update."""


def test_a_policy_that_has_diverged_is_not_sampled(tmp_path: Path, tasks: Path) -> None:
    result = run("--out", tmp_path / "run", settings=[*DIVERGES, f"tasks.source={tasks}"])
    assert result.exit_code == 3, result.output
    assert "its weights have diverged" in " ".join(result.output.split())


def test_a_step_that_is_not_finite_is_refused_and_dumped(tmp_path: Path, tasks: Path) -> None:
    """The second pass over the batch meets what the first has made of the weights."""
    folder = tmp_path / "run"
    settings = [*DIVERGES, f"tasks.source={tasks}", "learn.epochs=2"]
    result = run("--out", folder, settings=settings)
    assert result.exit_code == 3, result.output
    said = " ".join(result.output.split())
    assert "the update was refused" in said
    assert "Traceback" not in said
    (dump,) = folder.glob("refused-step-*.jsonl")
    rows = [json.loads(line) for line in dump.read_text().splitlines()]
    assert len(rows) == 8
    assert dump.name in said.replace(" ", "")


SHRUNK = [*SMALL, "learn.steps=1", "reward.length.kind=none", "rollout.dynamic.kind=none", "learn.minibatches=1"]
AT_SCALE = [name for name in names() if name not in ("demo", "tiny")]


def test_a_recipe_is_found_by_its_name_and_planned(tasks: Path) -> None:
    plan = json.loads(
        run(
            "dapo", "--dry-run", "--json", settings=["model.name=tiny", "model.threads=1", f"tasks.source={tasks}"]
        ).stdout
    )
    assert plan["tokens_per_step"] == 512 * 16 * 20480 * 8  # at most: every round of dynamic sampling
    assert plan["steps"] == 300


@pytest.mark.parametrize("recipe", AT_SCALE)
def test_every_recipe_trains_once_it_is_small_enough(recipe: str, tmp_path: Path, tasks: Path) -> None:
    folder = tmp_path / "run"
    result = run(recipe, "--out", folder, settings=[*SHRUNK, f"tasks.source={tasks}"])
    assert result.exit_code == 0, result.output
    step = next(row for row in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines()) if "loss" in row)
    assert step["updates"] == (4 if recipe == "ppo_tulu3" else 1), "the tasks' 7 is written now and then"
    assert (step["kl"] is not None) == (recipe in ("r1_zero", "rloo", "reinforce_pp", "ppo_tulu3"))
    assert ("critic/loss" in step) == (recipe == "ppo_tulu3")
