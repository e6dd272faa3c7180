"""math-verify judges beside the math verifier while an untrained decoder writes digits: counted, listed, and never paid."""

import json

import pytest
import torch

from assay.core.config import load_config
from assay.core.records import read_jsonl
from assay.core.run_folder import RunFolder
from assay.learn.train import train
from assay.report.build import build_report

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": "math", "truth": {"answer": str(i % 10), "field": "whole_text"}, "split": split}
        for i, split in enumerate(["train"] * 20 + ["held_out"] * 6)
    ]  # fmt: skip
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "seed": 3,
        "model.name": "tiny",
        "model.threads": 1,
        "tasks.source": f"{folder}/tasks.jsonl",
        "rollout.prompts_per_step": 6,
        "rollout.group_size": 8,
        "rollout.max_new_tokens": 3,
        "learn.steps": 3,
        "evaluate.problems": 6,
        "evaluate.samples": 4,
        "evaluate.k": [1, 4],
        "audit.level": "off",
        "second_opinion.samples": 16,
    }


@pytest.fixture(scope="module")
def run(settings, tmp_path_factory):
    return train(load_config((), settings), tmp_path_factory.mktemp("run") / "twice")


def test_steps_and_evaluations_are_counted_and_disagreements_listed(run):
    metrics = run.read_metrics()
    asked = [row["second/judged"] + row["second/silent"] for row in metrics]
    assert asked == [6 * 5, 16, 16, 16, 6 * 5], "held-out completions all (the greedy ones too), of a step sixteen"
    rows = list(read_jsonl(run.disagreements))
    assert len(rows) == sum(row["second/ours_only"] + row["second/theirs_only"] for row in metrics)
    assert rows, "3 of `3=` is read by one of the two: else this run shows nothing"
    for row in rows:
        assert (row["ours"]["outcome"] == "pass") != (row["theirs"]["outcome"] == "pass")
        assert row["theirs"]["by"].startswith("math-verify@")


def test_nothing_is_paid_by_it(run):
    paid = {row["outcome"] for row in run.read_rollouts() if row["reward"] > 0}
    assert paid <= {"pass"}
    for row in run.read_rollouts():
        assert row["reward"] == float(row["outcome"] == "pass")


def test_the_page_lists_them(run):
    page = build_report(run.path).read_text(encoding="utf-8")
    assert "completions beside our verifier and differed on" in page
    assert page.count('<pre class="text">') >= len(list(read_jsonl(run.disagreements)))


def test_off_asks_nobody(settings, tmp_path):
    off = train(load_config((), {**settings, "second_opinion.by": "off", "learn.steps": 1}), tmp_path / "off")
    assert not off.disagreements.exists()
    assert not any("second/judged" in row for row in off.read_metrics())


def test_rewinding_drops_the_disagreements_of_later_steps(run, tmp_path):
    (tmp_path / "config.json").write_text((run.path / "config.json").read_text())
    (tmp_path / "disagreements.jsonl").write_text(run.disagreements.read_text())
    copy = RunFolder(tmp_path)
    copy.rewind(0)
    assert {row["step"] for row in read_jsonl(copy.disagreements)} <= {0}
