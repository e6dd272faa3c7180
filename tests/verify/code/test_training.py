"""Training on programs: tasks that a program can forge are refused until the risk is accepted, and what ran is on the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.core.run_folder import RunFolder
from assay.report.build import build_report

SMALL = (
    "model.name=tiny",
    "model.threads=1",
    "rollout.prompts_per_step=2",
    "rollout.group_size=2",
    "rollout.max_new_tokens=8",
    "learn.steps=1",
    "evaluate.problems=1",
    "evaluate.samples=1",
    "evaluate.k=[1]",
)


@pytest.fixture
def weak_tasks(tmp_path: Path) -> Path:
    """Assertions that are not literal run beside the program that they judge."""
    rows = [
        {
            "id": f"add-{n}",
            "prompt": f"{n}+1=",
            "verifier": "code",
            "truth": {
                "mode": "asserts",
                "asserts": [f"x = solve({n})\nassert x == {n + 1}"],
                "visible_asserts": ["assert solve(0) == 1"],
                "weak": "allow",
                "block": "whole_text",
                "reference": "def solve(n):\n    return n + 1\n",
                "limits": {"cpu_s": 0.5, "wall_s": 1},
            },
            "split": "held_out" if n == 4 else "train",
        }
        for n in range(5)
    ]
    path = tmp_path / "weak.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return path


def train(tasks: Path, folder: Path, *settings: str) -> Result:
    asked = [part for each in (*SMALL, f"tasks.source={tasks}", *settings) for part in ("--set", each)]
    return CliRunner().invoke(app, ["train", *asked, "--out", str(folder)])


def test_weak_tasks_are_refused_by_the_name_of_each_hole_that_was_not_accepted(
    weak_tasks: Path, tmp_path: Path
) -> None:
    refused = train(weak_tasks, tmp_path / "run", 'audit.accepted_risks={code_equal_to_all = "known"}')
    assert refused.exit_code != 0
    said = str(refused.exception) + refused.output
    assert "holes that would be trained on: code_patched_harness. Mend" in " ".join(
        said.split()
    )  # the other was accepted
    assert not list(RunFolder.open(tmp_path / "run").read_rollouts())


def test_what_was_accepted_and_what_ran_stand_on_the_page(
    weak_tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_SANDBOX_UNSAFE", "0")  # so that what the run sets is put back
    accepted = 'audit.accepted_risks={code_equal_to_all = "weak by choice", code_patched_harness = "the same"}'
    done = train(weak_tasks, tmp_path / "run", accepted, "sandbox.unsafe=true")
    assert done.exit_code == 0, done.output
    rows = list(RunFolder.open(tmp_path / "run").read_rollouts())
    assert {row["outcome"] for row in rows} == {"fail"}
    assert all(row["evidence"]["weak"] and row["evidence"]["layer"] == "namespaces" for row in rows)
    page = build_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "3 known risks were accepted for this run" in page
    assert "weak by choice" in page
    assert "programs were allowed to run without isolation; none did" in page
    assert "<b>Visible and hidden tests</b>" in page
