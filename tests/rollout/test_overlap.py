"""Batches sampled ahead: always with the weights that the lag says, also after an interruption, and truly meanwhile."""

import json
import threading

import pytest
import torch
from letters import model_of_letters

from assay.core.config import RunConfig, load_config
from assay.core.errors import ConfigError
from assay.core.run_folder import WALL_TIME
from assay.core.types import Message
from assay.learn.events import Stepped
from assay.learn.train import train
from assay.rollout.engine import Request, Sampling
from assay.rollout.overlap import Overlap, weights_of
from assay.rollout.torch_engine import TorchEngine

CHECK = "def check(response, truth):\n    return truth in response\n"


def scaled(loaded, factor):
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.mul_(factor)


def request(step):
    return Request((Message("user", "abc"),), 3, 0, ("test", step))


@pytest.fixture
def made():
    """(live model, its Overlap), over samples of three completions."""
    overlaps = []

    def make(lag, last=6):
        live, copy = model_of_letters(), model_of_letters()
        engine = TorchEngine(copy)

        def prepare(step):
            return lambda: engine.generate([request(step)], Sampling(8))[0]

        overlaps.append(Overlap(engine, copy, prepare, lag=lag, last=last))
        return live, overlaps[-1]

    yield make
    for each in overlaps:
        each.close()


@pytest.mark.parametrize("lag", [1, 2])
def test_each_batch_is_sampled_with_the_weights_that_the_lag_says(made, lag):
    live, overlap = made(lag)
    overlap.start(0, weights_of(live.model, 0))
    for step in range(1, 7):
        versions = {each.policy for each in overlap.take(step)}
        assert versions == {max(0, step - 1 - lag)}
        scaled(live, 1.1)  # an update, while the next batch may be under way
        overlap.learnt(step, weights_of(live.model, step))


def test_what_is_sampled_is_what_a_model_with_those_weights_samples(made):
    live, overlap = made(1)
    overlap.start(0, weights_of(live.model, 0))
    plain = model_of_letters()
    scaled(plain, 1.5)
    overlap.take(1)
    scaled(live, 1.5)
    overlap.learnt(1, weights_of(live.model, 1))
    scaled(live, 3.0)  # the live model moves on; the snapshot does not
    overlap.take(2)
    wanted = TorchEngine(plain).generate([request(3)], Sampling(8))[0]
    assert [(each.tokens, each.logprobs) for each in overlap.take(3)] == [
        (each.tokens, each.logprobs) for each in wanted
    ]


def test_a_second_beginning_samples_what_the_first_would_have(made):
    def steps(overlap, live, first, last):
        found = []
        for step in range(first, last + 1):
            found.append([each.tokens for each in overlap.take(step)])
            scaled(live, 1.1)
            overlap.learnt(step, weights_of(live.model, step))
        return found

    live, whole = made(2)
    whole.start(0, weights_of(live.model, 0))
    wanted = steps(whole, live, 1, 6)
    live, broken = made(2)
    broken.start(0, weights_of(live.model, 0))
    found = steps(broken, live, 1, 3)
    _, resumed = made(2)
    resumed.start(3, weights_of(live.model, 3), broken.lagged)
    assert found + steps(resumed, live, 4, 6) == wanted


def test_it_samples_while_the_caller_works():
    went, go = threading.Event(), threading.Event()

    def sample():
        went.set()
        return go.wait(10)

    loaded = model_of_letters()
    overlap = Overlap(TorchEngine(loaded), loaded, lambda step: sample, lag=1, last=2)
    try:
        overlap.start(0, weights_of(loaded.model, 0))
        assert went.wait(10)
        go.set()
        assert overlap.take(1)
        assert overlap.take(2)
        overlap.learnt(1, weights_of(loaded.model, 1))  # nothing is to come after the last step
        with pytest.raises(KeyError):
            overlap.take(3)
    finally:
        overlap.close()


def test_what_sampling_raises_comes_out_where_the_batch_is_taken():
    loaded = model_of_letters()

    def sample():
        raise ConfigError("no luck")

    overlap = Overlap(TorchEngine(loaded), loaded, lambda step: sample, lag=1, last=2)
    try:
        overlap.start(0, weights_of(loaded.model, 0))
        with pytest.raises(ConfigError, match="no luck"):
            overlap.take(1)
    finally:
        overlap.close()


def config_of(folder, **rollout):
    (folder / "mine.py").write_text(CHECK)
    rows = [
        {"id": f"t{i}", "prompt": str(i), "verifier": f"{folder}/mine.py:check", "truth": "7", "split": split}
        for i, split in enumerate(["train"] * 12 + ["held_out"] * 3)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return RunConfig(
        seed=3,
        model={"name": "tiny", "threads": 1},
        tasks={"source": str(folder / "tasks.jsonl")},
        rollout={"prompts_per_step": 3, "group_size": 4, "max_new_tokens": 12, "max_lag": 1, **rollout},
        learn={
            "steps": 5,
            "learning_rate": 1e-3,
            "correction": {"kind": "truncate"},
            "eval_every": 2,
            "collapse": {"kind": "none"},
        },
        evaluate={"problems": 3, "samples": 2, "k": (1,)},
        audit={"level": "off"},
    )


def rows(path):
    def kept(row):
        return {
            name: kept(value) if isinstance(value, dict) else value
            for name, value in row.items()
            if name not in WALL_TIME and name.partition("/")[0] not in WALL_TIME
        }

    return [kept(json.loads(line)) for line in path.read_text().splitlines()]


def test_a_run_with_a_lag_resumes_exactly(tmp_path):
    config = config_of(tmp_path)
    whole = train(config, tmp_path / "whole")
    trained = [row for row in rows(whole.metrics) if row["kind"] == "train"]
    versions = [0] + [row["policy"] for row in trained]  # after each step
    sampled = {row["step"]: row["policy"] for row in rows(whole.rollouts) if row["split"] == "train"}
    assert sampled == {step: versions[max(0, step - 2)] for step in range(1, 6)}
    assert versions[-1] >= 3, "the run must learn, or resuming it proves little"
    assert all(row["importance"] > 0 for row in trained if row["updates"])

    def interrupt(event):
        if isinstance(event, Stepped) and event.step == 3:
            raise KeyboardInterrupt

    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        train(config, broken, listen=interrupt)
    resumed = train(config, broken, resume=True)
    for name in ("metrics", "rollouts", "evaluations"):
        assert rows(getattr(resumed, name)) == rows(getattr(whole, name)), name


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["rollout.max_lag=1"], r"learn\.correction\.kind = \"truncate\" or \"mask\""),
        (
            ["rollout.max_lag=1", "learn.correction.kind=mask", "rollout.dynamic.kind=dapo"],
            r"dynamic must know what came of that one: max_lag = 0",
        ),
    ],
)
def test_what_does_not_go_with_a_lag_is_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_config((), settings)
