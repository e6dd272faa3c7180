"""Engines as the configuration says: whole runs and evaluations over a server, and what is missing or refused."""

import json
import sys
from importlib.util import find_spec

import pytest
from completions_server import serving
from typer.testing import CliRunner

from assay.cli.app import app
from assay.core.config import RunConfig
from assay.core.errors import ConfigError, MissingExtra
from assay.learn.train import train
from assay.model.tiny import ALPHABET, build_tiny
from assay.rollout.open import open_engine, open_engine_to_evaluate
from assay.rollout.torch_engine import TorchEngine

CHECK = "def check(response, truth):\n    return truth in response\n"


@pytest.fixture
def tasks(tmp_path):
    (tmp_path / "mine.py").write_text(CHECK)
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{tmp_path}/mine.py:check", "truth": "7", "split": split}
        for i, split in enumerate(["train"] * 9 + ["held_out"] * 2)
    ]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(tmp_path / "tasks.jsonl")


def config_of(tasks, engine, lag=0, temperature=1.0, **server):
    return RunConfig(
        seed=3,
        model={"name": "tiny", "threads": 1},
        tasks={"source": tasks},
        rollout={
            "prompts_per_step": 3,
            "group_size": 4,
            "max_new_tokens": 10,
            "temperature": temperature,
            "engine": engine,
            "server": server,
            "max_lag": lag,
        },
        learn={"steps": 3, "learning_rate": 1e-3, "correction": {"kind": "truncate" if lag else "none"}},
        evaluate={"problems": 2, "samples": 2, "k": (1,)},
        audit={"level": "off"},
    )


def read(path, kind):
    return [row for row in map(json.loads, path.read_text().splitlines()) if row["kind"] == kind]


@pytest.mark.parametrize("lag", [0, 1])
def test_a_run_over_a_server_learns_from_the_weights_it_was_given(tasks, tmp_path, lag):
    with serving(build_tiny(ALPHABET)) as server:
        config = config_of(tasks, "server", lag, temperature=0.8, url=server.url, weights_folder=str(tmp_path / "give"))
        run = train(config, tmp_path / "run")
        steps = read(run.metrics, "train")
        assert [row["updates"] for row in steps] == [1, 1, 1]
        if lag == 0:  # the server samples from what the last step left: anything else would differ by far more
            assert all(row["logprob_difference"] < 1e-4 for row in steps)
        else:
            assert steps[0]["logprob_difference"] < 1e-4
            assert steps[2]["logprob_difference"] > 1e-3
        assert "/collective_rpc" in [path for path, _ in server.asked]


def test_an_evaluation_over_a_server(tasks):
    settings = ["model.name=tiny", "rollout.max_new_tokens=8", f"tasks.source={tasks}"]
    with serving(build_tiny(ALPHABET)) as server:
        settings.append(f"rollout.server.url={server.url}")
        options = [part for each in settings for part in ("--set", each)]
        counts = ["--problems", "2", "--samples", "2", "--json"]
        done = CliRunner().invoke(app, ["eval", "tiny", "--engine", "server", *counts, *options])
        assert done.exit_code == 0, done.stderr
        assert len([path for path, _ in server.asked if path == "/v1/completions"]) == 2 * 2 + 2
    assert json.loads(done.stdout)["figures"]["pass@1"]["problems"] == 2


def test_training_over_a_server_needs_a_way_to_give_it_weights(tasks):
    with pytest.raises(ConfigError, match=r"rollout\.server: training needs a way to hand new weights"):
        open_engine(config_of(tasks, "server"), build_tiny(ALPHABET))


def test_what_is_not_installed_is_said(tasks, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "httpx2", None)
    with pytest.raises(MissingExtra, match=r"rollout\.engine = \"server\" needs httpx2.*assay\[remote\]"):
        open_engine_to_evaluate(config_of(tasks, "server"))
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(MissingExtra, match=r"rollout\.engine = \"vllm\" needs vllm.*assay\[vllm\]"):
        open_engine(config_of(tasks, "vllm"), build_tiny(ALPHABET))


def test_the_usual_engine_is_this_process(tasks):
    assert isinstance(open_engine_to_evaluate(config_of(tasks, "torch")), TorchEngine)
    assert find_spec("httpx2"), "the tests of the server engine need it"
