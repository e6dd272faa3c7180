"""A run that is killed at random instants and resumed ends as the same run left alone, to the last bit."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from assay.core.run_folder import WALL_TIME

# An untrained decoder already writes a 7 now and then, so groups have spread and every step moves the weights.
CHECK = "def check(response, truth):\n    return truth in response\n"
SETTINGS = [
    "seed=3",
    "model.name=tiny",
    "model.threads=1",
    "rollout.prompts_per_step=4",
    "rollout.group_size=4",
    "rollout.max_new_tokens=16",
    "reward.rule=outcome",
    "learn.steps=8",
    "learn.save_every=2",
    "learn.eval_every=3",
    "learn.kl.coefficient=0.01",
    "learn.minibatches=2",
    "learn.schedule=cosine",
    "evaluate.problems=6",
    "evaluate.samples=2",
    "evaluate.k=[1, 2]",
    "audit.level=off",
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "mine.py").write_text(CHECK)
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{folder}/mine.py:check", "truth": "7", "split": split}
        for i, split in enumerate(["train"] * 20 + ["held_out"] * 6)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [*SETTINGS, f"tasks.source={folder}/tasks.jsonl"]


def command(*arguments):
    return [sys.executable, "-m", "assay", "train", *arguments]


def fresh(settings, folder):
    return command(*[part for each in settings for part in ("--set", each)], "--out", str(folder))


def without_wall_time(row):
    kept = {}
    for name, value in row.items():
        if name in WALL_TIME or name.partition("/")[0] in WALL_TIME:
            continue
        kept[name] = without_wall_time(value) if isinstance(value, dict) else value
    return kept


def rows(path):
    return [without_wall_time(json.loads(line)) for line in path.read_text().splitlines()]


@pytest.mark.timeout(600)
def test_killed_and_resumed_equals_uninterrupted(settings, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    began = time.monotonic()
    subprocess.run(fresh(settings, whole), check=True, capture_output=True)
    duration = time.monotonic() - began
    trained = [row for row in rows(whole / "metrics.jsonl") if row["kind"] == "train"]
    assert sum(row["reward_std"] > 0 for row in trained) >= 4, "the run must learn, or resuming it proves little"

    draw = random.Random()  # any instant will do, so no seed: a failure prints the instants
    instants = []
    start = fresh(settings, broken)
    for attempt in range(12):
        process = subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        limit = draw.uniform(0.3, 1.0) * duration if attempt < 3 else None
        try:
            _, errors = process.communicate(timeout=limit)
            assert process.returncode == 0, errors.decode()
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            instants.append(limit)
        if (broken / "config.json").exists():
            start = command("--resume", str(broken))
    else:
        pytest.fail("the run never ended")

    for name in ("metrics.jsonl", "rollouts.jsonl", "evaluations.jsonl"):
        assert rows(broken / name) == rows(whole / name), (name, instants)
    last = (whole / "checkpoints" / "last").read_text()
    assert (broken / "checkpoints" / "last").read_text() == last
    for name in ("model.safetensors",):
        ours, theirs = (load_file(Path(run) / "checkpoints" / last.strip() / name) for run in (broken, whole))
        assert ours.keys() == theirs.keys()
        assert all(ours[key].equal(theirs[key]) for key in ours), instants


def test_an_interrupt_saves_the_step_it_had_reached(settings, tmp_path):
    run = tmp_path / "run"
    settings = [each for each in settings if not each.startswith(("learn.save_every", "learn.steps"))]
    arguments = [part for each in [*settings, "learn.steps=500"] for part in ("--set", each)]
    process = subprocess.Popen(command(*arguments, "--out", str(run)), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        trained = (
            [row for row in rows(run / "metrics.jsonl") if row["kind"] == "train"]
            if (run / "metrics.jsonl").exists()
            else []
        )
        if len(trained) >= 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors.decode()
    assert "--resume" in out.decode() + errors.decode()
    assert "Traceback" not in errors.decode()
    saved = (run / "checkpoints" / "last").read_text().strip()
    assert int(saved.removeprefix("step-")) >= 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--resume", "nowhere"], 2, "not a run folder"),
        (["--set", "learn.stepz=3"], 2, "did you mean 'steps'"),
        (["--set", "tasks.source=warehous", "--out", "x"], 2, "did you mean 'warehouse'"),
        (["--set", "model.name=./missing", "--set", "audit.level=off", "--out", "x"], 3, "no such folder"),
        (["--set", "verifier=mth", "--out", "x"], 2, "did you mean 'math'"),
        ([], 2, "needs a configuration"),
    ],
)
def test_bad_input_is_one_sentence_and_an_exit_code(tmp_path, arguments, code, sentence):
    done = subprocess.run(command(*arguments), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 3


def test_a_second_run_into_the_same_folder_is_refused(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    done = subprocess.run(command("--set", "seed=1", "--out", str(run)), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--resume" in done.stderr
