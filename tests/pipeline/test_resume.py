"""A pipeline that is killed at every boundary and resumed comes out as one that was left alone, to the last bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assay.core.pipeline_folder import PipelineFolder
from assay.core.records import read_jsonl
from assay.learn.events import Saved, Stepped
from assay.pipeline.events import Doing, Inside, StageBegan, StageDone, StageTaken
from assay.pipeline.recipe import load_recipe
from assay.pipeline.run import run_pipeline

RECIPE = Path(__file__).parent / "recipes" / "first_stages.toml"
WALL = {"seconds", "finished_at"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    torch.set_num_threads(1)
    # under the name that the killed one has too: a run's configuration holds its model's folder
    return run_pipeline(load_recipe([RECIPE]), tmp_path_factory.mktemp("alone") / "small")


def come_out_the_same(one: PipelineFolder, other: PipelineFolder) -> None:
    assert [each.name for each in one.finished()] == [each.name for each in other.finished()]
    for ours, theirs in zip(one.finished(), other.finished(), strict=True):
        before, after = ours.manifest(), theirs.manifest()
        for name in type(before).__dataclass_fields__.keys() - WALL:
            assert getattr(before, name) == getattr(after, name), (ours.name, name)
        weights, again = (load_file(each.made / "model.safetensors") for each in (ours, theirs))
        assert all(torch.equal(weights[name], again[name]) for name in weights)
        for file in ("samples.jsonl", "examples.jsonl", "answers.jsonl"):
            if (ours.path / file).exists():
                assert list(read_jsonl(ours.path / file)) == list(read_jsonl(theirs.path / file))


class Killed(BaseException):
    """Nothing in the house catches it."""


def boundary(event):
    """What a kill may fall behind, once each; None for what is none."""
    match event:
        case StageBegan(name):
            return ("began", name)
        case Doing(stage, what, _, done, _):
            return (stage, what, done)
        case Inside(stage, Saved() | Stepped() as inside):
            return (stage, type(inside).__name__, getattr(inside, "step", None))
        case StageDone(manifest):
            return ("done", manifest.stage)
    return None


def test_killed_at_each_boundary_once(alone, tmp_path):
    out, seen, kills = tmp_path / "small", set(), 0
    recipe = load_recipe([RECIPE], ["stages.pretrain.fit.save_every=75"])
    wanted = run_pipeline(recipe, tmp_path / "left" / "small")

    def listen(event):
        place = boundary(event)
        # of the long fit one step in fifty: each would be a restart
        if place is None or (place[1] == "fit" and place[0] == "pretrain" and place[2] % 50):
            return
        if place not in seen:
            seen.add(place)
            raise Killed

    while True:
        try:
            made = run_pipeline(recipe, out, resume=out.exists(), listen=listen)
            break
        except Killed:
            kills += 1
    assert kills == len(seen) >= 25
    come_out_the_same(wanted, made)
    taken = []
    run_pipeline(recipe, out, resume=True, listen=taken.append)
    assert all(isinstance(each, StageTaken) for each in taken)


def test_a_process_killed_while_it_samples_and_while_it_trains(alone, tmp_path):
    out = tmp_path / "small"
    command = [sys.executable, "-m", "assay", "pipeline", str(RECIPE), "--out", str(out)]
    places = (out / "stages/cold_start/samples.jsonl", out / "stages/reasoning/run/checkpoints/last")
    for place in places:
        resume = ["--resume"] if out.exists() else []
        process = subprocess.Popen([*command, *resume], stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            deadline = time.monotonic() + 200
            while not place.exists() and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            assert place.exists()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert not (out / "stages/reasoning/manifest.json").exists()
    subprocess.run([*command, "--resume"], check=True, stdout=subprocess.DEVNULL, timeout=250)
    come_out_the_same(alone, PipelineFolder.open(out))
    assert (out / "report.html").is_file()
