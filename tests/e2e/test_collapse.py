"""A run that collapses is stopped with one sentence and exit code 1; its checkpoints stand, its report says why."""

import json

import pytest
import torch
from typer.testing import CliRunner

from assay.cli.app import app
from assay.core.config import load_config
from assay.core.errors import Collapsed
from assay.learn.train import train

torch.set_num_threads(1)

CHECK = """
def check(response, truth):
    return truth == "" or truth in response
"""
SETTINGS = {
    "seed": 3,
    "model.name": "tiny",
    "model.threads": 1,
    "rollout.prompts_per_step": 100,
    "rollout.group_size": 2,
    "rollout.max_new_tokens": 2,
    "learn.steps": 30,
    "learn.save_every": 3,
    "learn.keep_last": 3,
    "learn.collapse.window": 5,
    "evaluate.problems": 4,
    "evaluate.samples": 2,
    "evaluate.k": [1, 2],
    "audit.level": "off",
}


def tasks(folder, truth_of):
    (folder / "mine.py").write_text(CHECK)
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{folder}/mine.py:check", "truth": truth_of(i), "split": split}
        for i, split in enumerate(["train"] * 640 + ["held_out"] * 4)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"{folder}/tasks.jsonl"


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run in which no answer is ever right, from the command line."""
    folder = tmp_path_factory.mktemp("barren")
    settings = {**SETTINGS, "tasks.source": tasks(folder, lambda i: "never")}
    arguments = [part for key, value in settings.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    return folder / "run", CliRunner().invoke(app, ["train", *arguments, "--out", str(folder / "run")])


def test_the_run_stops_with_one_sentence_and_exit_code_1(stopped):
    run, result = stopped
    assert result.exit_code == 1
    (said,) = [line for line in result.stderr.splitlines() if line.startswith("assay:")]
    assert "step 5: stopped, because no right answer and no group with spread in the last 5 steps (500 groups, 1,000 completions)" in said  # fmt: skip
    assert said.endswith(f"the best checkpoint kept is {run}/checkpoints/step-000003")
    assert [path.name for path in sorted((run / "checkpoints").glob("step-*"))] == ["step-000003", "step-000005"]
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if row["kind"] == "stop"] == [5]


def test_the_report_says_why(stopped):
    run, result = stopped
    assert str(run / "report.html") in result.stdout
    page = (run / "report.html").read_text()
    assert "stopped at step 5 of 30" in page
    assert "No right answer and no group with spread in the last 5 steps" in page


def test_resumed_it_stops_where_it_stood(stopped):
    run, _ = stopped
    before = (run / "metrics.jsonl").read_text()
    result = CliRunner().invoke(app, ["train", "--resume", str(run)])
    assert result.exit_code == 1
    assert "step 5: stopped, because no right answer" in result.stderr
    assert (run / "metrics.jsonl").read_text() == before


def test_of_the_checkpoints_before_a_fall_the_best_is_marked(tmp_path, monkeypatch):
    """Tasks in the file's order: the first twelve steps' always pass, the others' never."""
    monkeypatch.setattr("assay.learn.draw.Walk.task", lambda self, position: self.source.task(position))
    source = tasks(tmp_path, lambda i: "" if i < 192 else "never")
    settings = {**SETTINGS, "tasks.source": source, "rollout.prompts_per_step": 16, "learn.save_every": 2}
    config = load_config((), {**settings, "learn.keep_last": 30})
    with pytest.raises(Collapsed, match=r"step 16: stopped, because the training pass rate fell to 0\.200") as caught:
        train(config, tmp_path / "run")
    best = (tmp_path / "run" / "checkpoints" / "best").read_text().strip()
    assert str(caught.value).endswith(best)
    assert int(best.removeprefix("step-")) <= 12
