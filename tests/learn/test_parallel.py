"""Two processes under torchrun (gloo, CPU) make the run that one makes, go on from each other's checkpoints, and end
together when one fails."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assay.core import processes
from assay.core.config import load_config
from assay.core.errors import ConfigError, ModelError, RankFailed
from assay.learn.checkpoint import latest_checkpoint
from assay.learn.parallel import ALONE, _buckets, collective_errors, threads_of_each
from assay.learn.train import train
from assay.model.tiny import ALPHABET, build_tiny

HERE = Path(__file__).parent
CHECK = "def check(response, truth):\n    return truth in response\n"
SETTINGS = [
    "seed=3",
    "model.name=tiny",
    "model.threads=1",
    "rollout.prompts_per_step=3",
    "rollout.group_size=4",
    "rollout.max_new_tokens=10",
    "learn.steps=3",
    "learn.save_every=1",
    "learn.keep_last=3",
    "learn.minibatches=2",
    "learn.learning_rate=1e-3",
    "learn.kl.coefficient=0.01",
    "evaluate.problems=3",
    "evaluate.samples=2",
    "evaluate.k=[1, 2]",
    "audit.level=off",
]
WALL = ("time", "seconds")


def torchrun(*arguments, check=True, timeout=150):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1] / "src")}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=timeout)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "mine.py").write_text(CHECK)
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{folder}/mine.py:check", "truth": "7", "split": split}
        for i, split in enumerate(["train"] * 12 + ["held_out"] * 3)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [*SETTINGS, f"tasks.source={folder}/tasks.jsonl"]


def command_line(settings):
    return [part for each in settings for part in ("--set", each)]


@pytest.fixture(scope="module")
def alone(settings, tmp_path_factory):
    """The run of one process."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    train(load_config((), [*settings, "learn.parallel=fsdp2"]), folder)
    return folder


def cut_back(run, to):
    """A copy of a run that has come no further than its first checkpoint."""
    shutil.copytree(run, to)
    for step in (2, 3):
        shutil.rmtree(to / "checkpoints" / f"step-{step:06d}")
    (to / "checkpoints" / "best").write_text("step-000001\n")
    return to


def rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_same(run, wanted):
    """The same texts, rewards and decisions, and numbers that differ by rounding at most."""
    ours, theirs = rows(run / "rollouts.jsonl"), rows(wanted / "rollouts.jsonl")
    names = ("step", "group", "sample", "task", "text", "outcome", "reward", "policy", "split")
    assert [[row[name] for name in names] for row in ours] == [[row[name] for name in names] for row in theirs]
    for our, their in zip(rows(run / "metrics.jsonl"), rows(wanted / "metrics.jsonl"), strict=True):
        assert our.keys() == their.keys()
        for name, value in our.items():
            if isinstance(value, str):
                assert value == their[name]
            elif name.partition("/")[0] not in WALL and not name.startswith("logprob_difference"):
                assert value == pytest.approx(their[name], rel=1e-5, abs=1e-7), (our["step"], name)
    # Adam makes whole steps of gradients that are zero but for rounding, so single weights may differ
    begun = build_tiny(ALPHABET).model.state_dict()
    mine, its = (load_file(latest_checkpoint_of(each) / "model.safetensors") for each in (run, wanted))
    apart, moved = (torch.cat([(its[name] - other[name]).flatten() for name in its]).norm() for other in (mine, begun))
    assert apart <= 1e-3 * moved


def latest_checkpoint_of(run):
    from assay.core.run_folder import RunFolder

    return latest_checkpoint(RunFolder(run))


def test_two_processes_make_the_run_of_one_and_one_goes_on_from_theirs(settings, alone, tmp_path):
    trained = [row for row in rows(alone / "metrics.jsonl") if row["kind"] == "train"]
    assert [row["updates"] for row in trained] == [2, 2, 2], "the run must learn, or this proves little"
    both = tmp_path / "both"
    done = torchrun("-m", "assay", "train", *command_line(settings), "--out", str(both))
    assert_same(both, alone)
    assert sum(line.startswith("report ") for line in done.stdout.splitlines()) == 1, "one process speaks"
    assert (both / "report.html").is_file()

    back = cut_back(both, tmp_path / "back")
    train(load_config((), settings), back, resume=True)
    assert_same(back, alone)


def test_two_processes_with_shards_go_on_from_the_checkpoint_of_one(alone, tmp_path):
    back = cut_back(alone, tmp_path / "back")
    torchrun("-m", "assay", "train", "--resume", str(back))
    assert_same(back, alone)
    ours, theirs = (
        torch.load(latest_checkpoint_of(run) / "training" / "optimiser.pt", weights_only=True) for run in (back, alone)
    )
    assert ours["param_groups"] == theirs["param_groups"]
    for place, state in theirs["state"].items():
        for name, value in state.items():
            assert torch.allclose(ours["state"][place][name], value, rtol=1e-4, atol=1e-6), (place, name)


def test_what_two_processes_must_agree_on():
    assert torchrun(str(HERE / "two_processes.py")).stdout == "agreed\n"


@pytest.mark.parametrize(
    ("how", "sentence"),
    [("raise", "assay: process 1 of 2: the second process has no luck"), ("kill", "goes on from its last checkpoint")],
)
def test_a_process_that_fails_ends_the_run_which_can_be_resumed(settings, alone, tmp_path, how, sentence):
    run = tmp_path / "run"
    program = str(HERE / "failing_process.py")
    done = torchrun(program, how, "train", *command_line(settings), "--out", str(run), check=False)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("assay: ")]
    assert len(said) == 1, done.stderr[-3000:]
    assert sentence in said[0]
    assert latest_checkpoint_of(run).name == "step-000001"
    train(load_config((), settings), run, resume=True)
    assert_same(run, alone)


def test_alone_there_is_nothing_to_agree_on():
    assert ALONE.share([1, 2], lambda own: [each + 1 for each in own]) == [2, 3]
    assert ALONE.first(lambda: 5) == 5
    assert ALONE.total([1.5]) == ALONE.largest([1.5]) == [1.5]
    assert ALONE.own([1, 2]) == [1, 2]


def test_gradients_travel_in_buckets_of_one_kind(monkeypatch):
    monkeypatch.setattr("assay.learn.parallel.BUCKET", 10)
    gradients = [torch.zeros(6), torch.zeros(4), torch.zeros(3), torch.zeros(2, dtype=torch.float64), torch.zeros(40)]
    assert [[len(each) for each in bucket] for bucket in _buckets(gradients)] == [[6, 4], [3], [2], [40]]


def test_only_what_a_process_lacks_itself_is_said_by_it(monkeypatch):
    for rank, error, is_silent in (
        ("0", ModelError("none"), False),
        ("1", ModelError("none"), False),
        ("1", ConfigError("in all of them"), True),
        ("1", RankFailed("another"), True),
    ):
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", rank)
        assert processes.is_said_elsewhere(error) is is_silent
    told = ModelError("none")
    told.add_note(processes.TOLD)
    assert processes.is_said_elsewhere(told)
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert processes.is_first_process()


def test_what_gloo_raises_is_one_sentence_and_nothing_else_is():
    with pytest.raises(RankFailed, match="goes on from its last checkpoint with --resume"), collective_errors():
        raise RuntimeError("[../third_party/gloo/pair.cc:534] Connection closed by peer")
    with pytest.raises(RuntimeError, match="a wrong shape"), collective_errors():
        raise RuntimeError("a wrong shape")


def test_threads_are_shared_out(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    assert threads_of_each(8) == 2
    assert threads_of_each(2) == 1
