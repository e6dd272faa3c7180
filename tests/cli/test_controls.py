"""`assay train --controls` from the outside: arms beside the run, one draw of tasks, finished arms left alone."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.cli.controls import read_controls
from assay.core.errors import UsageError
from assay.core.run_folder import RunFolder

torch.set_num_threads(1)

SETTINGS = (
    "model.name=tiny",
    "model.threads=1",
    "rollout.prompts_per_step=4",
    "rollout.group_size=4",
    "rollout.max_new_tokens=6",
    "evaluate.problems=4",
    "evaluate.samples=2",
    "evaluate.k=[1,2]",
    "evaluate.greedy=false",
    "learn.steps=2",
    "audit.level=off",
)


def train(*arguments: object, settings: tuple[str, ...] = ()) -> Result:
    options = [part for each in settings for part in ("--set", each)]
    return CliRunner().invoke(app, ["train", *map(str, arguments), *options])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """An untrained decoder writes digits often; a verifier that reads the first one gives answers that are wrong."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "mine.py").write_text(
        "def check(response, truth):\n    return any(letter in truth for letter in response)\n"
    )
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{folder}/mine.py:check", "truth": "135", "split": split}
        for i, split in enumerate(["train"] * 8 + ["held_out"] * 4)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return (*SETTINGS, f"tasks.source={folder}/tasks.jsonl")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, settings: tuple[str, ...]) -> tuple[Path, Result]:
    run = tmp_path_factory.mktemp("runs") / "main"
    return run, train("--out", run, "--controls", "random,majority", "--json", settings=settings)


def test_each_arm_has_a_run_folder_beside_the_main_one(done: tuple[Path, Result]) -> None:
    run, result = done
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert [each["control"] for each in said["controls"]] == ["random", "majority"]
    assert [each["run"] for each in said["controls"]] == [f"{run}-random", f"{run}-majority"]
    assert Path(said["page"]) == run.with_name("main-controls.html")
    assert "Against controls" in Path(said["page"]).read_text()
    for each in said["controls"]:
        assert each["problems"] == 4
        assert each["low"] <= each["net"] <= each["high"]
    assert "true minus it" in result.stderr


def test_arms_differ_in_their_reward_alone(done: tuple[Path, Result]) -> None:
    run, _ = done
    main, arm = (RunFolder.open(path) for path in (run, run.with_name("main-random")))
    ours, theirs = main.config, arm.config
    differing = {key for key in ours if ours[key] != theirs[key]}
    assert differing == {"name", "reward", "learn"}
    assert {key for key in ours["reward"] if ours["reward"][key] != theirs["reward"][key]} == {"control"}
    assert {key for key in ours["learn"] if ours["learn"][key] != theirs["learn"][key]} == {"collapse"}
    first, second = (
        [row for row in each.read_rollouts() if row["step"] == 1 and row["split"] == "train"] for each in (main, arm)
    )
    assert [row["text"] for row in first] == [row["text"] for row in second]  # one policy, one luck
    assert [row["outcome"] for row in first] == [row["outcome"] for row in second]
    assert [row["reward"] for row in first] != [row["reward"] for row in second]
    assert {row["parts"].get("random") for row in second} <= {0.0, 1.0}
    before = [json.loads(line) for each in (main, arm) for line in each.evaluations.read_text().splitlines()[:1]]
    assert before[0]["problems"] == before[1]["problems"]
    held_out = [row for row in arm.read_rollouts() if row["split"] == "held_out"]
    assert all(row["reward"] == float(row["outcome"] == "pass") for row in held_out)  # evaluations judge by the truth


def test_finished_arms_are_left_alone_and_new_ones_added(done: tuple[Path, Result]) -> None:
    run, _ = done
    stamps = {path: path.stat().st_mtime_ns for path in run.parent.glob("main*/metrics.jsonl")}
    assert len(stamps) == 3
    result = train("--resume", run, "--controls", "random,majority,inverted", "--json")
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert [each["control"] for each in json.loads(result.stdout)["controls"]] == ["random", "majority", "inverted"]
    assert (run.with_name("main-inverted") / "report.html").is_file()


def test_an_unfinished_arm_goes_on_from_its_checkpoint(
    tmp_path: Path, settings: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the arm's second step: the message says how to go on, and going on gives what an unbroken arm gives."""
    import assay.learn.train as training

    whole = train("--out", tmp_path / "whole", "--controls", "random", settings=settings)
    assert whole.exit_code == 0, whole.output
    real = training.train_step

    def interrupted(learner, step):  # type: ignore[no-untyped-def]
        if learner.config.reward.control == "random" and step == 2:
            raise KeyboardInterrupt
        return real(learner, step)

    with monkeypatch.context() as patch:
        patch.setattr(training, "train_step", interrupted)
        cut = train("--out", tmp_path / "cut", "--controls", "random", settings=settings)
    assert cut.exit_code == 130
    assert f"go on with: assay train --resume {tmp_path}/cut --controls random" in cut.output.replace("\n", " ")
    result = train("--resume", tmp_path / "cut", "--controls", "random")
    assert result.exit_code == 0, result.output
    texts = [
        [
            (row["step"], row["text"], row["reward"])
            for row in RunFolder.open(tmp_path / f"{name}-random").read_rollouts()
        ]
        for name in ("whole", "cut")
    ]
    assert texts[0] == texts[1]


def test_what_cannot_be_run_is_refused_before_anything_is(tmp_path: Path, settings: tuple[str, ...]) -> None:
    wrong = train("--out", tmp_path / "run", "--controls", "randm", settings=settings)
    assert (wrong.exit_code, "did you mean 'random'" in wrong.stderr) == (2, True)
    itself = train("--out", tmp_path / "run", "--controls", "format", settings=(*settings, "reward.control=random"))
    assert (itself.exit_code, "is a control itself" in itself.stderr) == (2, True)
    (tmp_path / "run-format").mkdir()
    taken = train("--out", tmp_path / "run", "--controls", "format", settings=settings)
    assert (taken.exit_code, "exists already" in taken.stderr) == (2, True)
    assert not (tmp_path / "run").exists()


def test_names_are_read_once_each() -> None:
    assert read_controls("random, format,random") == ("random", "format")
    with pytest.raises(UsageError, match="no control 'x'; random, format, inverted, majority would be right"):
        read_controls("x")
