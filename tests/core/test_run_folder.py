import json
from dataclasses import replace
from pathlib import Path

import pytest

from assay.core.errors import RunFolderError, TaskFileError
from assay.core.records import append_jsonl, sha256_of
from assay.core.run_folder import WALL_TIME, RolloutRow, RunFolder, is_run, rollout_fields

CONFIG = {"seed": 3, "name": "test", "learn": {"steps": 2}}
ROW = RolloutRow(
    step=1,
    group="1-0",
    sample=0,
    task="t1",
    prompt="user: 1+1?",
    text=r"\boxed{2}",
    answer="2",
    truth="2",
    outcome="pass",
    reason="correct",
    verifier="math@1#0",
    evidence={},
    reward=1.0,
    parts={"outcome": 1.0},
    advantage=0.5,
    tokens=5,
    finish="stop",
    policy=0,
    seed=3,
    seconds=0.01,
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", CONFIG)


def test_a_new_run_holds_its_configuration_and_hash(run: RunFolder) -> None:
    saved = json.loads((run.path / "config.json").read_text())
    assert saved == {"sha256": sha256_of(CONFIG), "config": CONFIG}
    opened = RunFolder.open(run.path)
    assert opened == run
    assert opened.config == CONFIG
    assert opened.config_sha256 == sha256_of(CONFIG)
    assert opened.read_metrics() == []
    assert list(opened.read_rollouts()) == []


def test_an_empty_folder_may_become_a_run(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path, CONFIG).config == CONFIG


def test_a_second_run_is_refused_with_the_way_on(run: RunFolder) -> None:
    before = (run.path / "config.json").read_bytes()
    with pytest.raises(
        RunFolderError, match=r"already holds a run; continue it with --resume .*run, or choose another --out"
    ):
        RunFolder.create(run.path, {"seed": 4})
    assert (run.path / "config.json").read_bytes() == before


def test_other_peoples_folders_and_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(RunFolderError, match="exists and is not a run folder; choose another --out"):
            RunFolder.create(place, CONFIG)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_open_refuses_what_is_no_run(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "gone"):
        with pytest.raises(RunFolderError, match=r"is not a run folder: it holds no config\.json"):
            RunFolder.open(place)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no configuration"),
        ("{}", "does not match its sha256"),
        ('{"sha256": "0", "config": {"seed": 4}}', "does not match its sha256: start a new run"),
    ],
)
def test_an_altered_configuration_is_refused(run: RunFolder, text: str, why: str) -> None:
    (run.path / "config.json").write_text(text)
    with pytest.raises(RunFolderError, match=why):
        RunFolder.open(run.path)


def test_metrics_by_kind(run: RunFolder) -> None:
    run.log({"step": 0, "kind": "evaluate", "pass@1": 0.25})
    run.log({"step": 1, "kind": "train", "reward": float("nan")})
    assert [row["kind"] for row in run.read_metrics()] == ["evaluate", "train"]
    assert run.read_metrics("train") == [{"step": 1, "kind": "train", "reward": None}]


def test_a_rollout_row_says_everything_the_issue_asks_for(run: RunFolder) -> None:
    run.log_rollouts([ROW])
    (row,) = run.read_rollouts()
    assert tuple(row) == rollout_fields()
    assert {"step", "group", "task", "text", "answer", "truth", "outcome", "reason", "parts", "advantage"} <= set(row)
    assert {"tokens", "finish", "policy", "seed", "seconds"} <= set(row)
    assert WALL_TIME & set(row) == {"seconds"}


def test_rewind_drops_what_came_after(run: RunFolder) -> None:
    for step in range(4):
        run.log({"step": step, "kind": "train"})
        run.log_rollouts([replace(ROW, step=step), replace(ROW, step=step, sample=1)])
        append_jsonl(run.evaluations, [{"step": step}])
    with run.metrics.open("ab") as file:
        file.write(b'{"step": 4, "ki')  # killed
    run.rewind(2)
    assert [row["step"] for row in run.read_metrics()] == [0, 1, 2]
    assert [row["step"] for row in run.read_rollouts()] == [0, 0, 1, 1, 2, 2]
    assert run.evaluations.read_text().count("\n") == 3
    run.log({"step": 3, "kind": "train"})
    assert [row["step"] for row in run.read_metrics()] == [0, 1, 2, 3]
    once = run.metrics.read_bytes()
    run.rewind(3)
    assert run.metrics.read_bytes() == once, "rewinding to where one stands changes nothing"


def test_rewind_drops_what_a_killed_evaluation_left(run: RunFolder) -> None:
    for step in (0, 4):
        run.log_rollouts([replace(ROW, step=step), replace(ROW, step=step, split="held_out")])
        run.log({"step": step, "kind": "train"})
        run.log({"step": step, "kind": "evaluate"})
    append_jsonl(run.evaluations, [{"step": 0, "kind": "before"}])  # killed before the second evaluation's own row
    run.rewind(4)
    assert [(row["step"], row["split"]) for row in run.read_rollouts()] == [(0, "train"), (0, "held_out"), (4, "train")]
    assert [(row["step"], row["kind"]) for row in run.read_metrics()] == [(0, "train"), (0, "evaluate"), (4, "train")]


def test_rewind_of_a_run_that_has_nothing_yet(run: RunFolder) -> None:
    run.rewind(0)
    assert sorted(path.name for path in run.path.iterdir()) == ["config.json"]


def test_a_line_broken_in_the_middle_is_not_forgiven(run: RunFolder) -> None:
    run.metrics.write_text('{"step": 1\n{"step": 2}\n')
    with pytest.raises(TaskFileError, match=r"metrics\.jsonl:1"):
        run.read_metrics()


def test_a_models_folder_is_no_run(tmp_path):
    run = RunFolder.create(tmp_path / "run", {"seed": 0})
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert is_run(run.path)
    assert not is_run(tmp_path)
    assert not is_run(tmp_path / "none")
    (tmp_path / "config.json").write_text("{")
    assert not is_run(tmp_path)
