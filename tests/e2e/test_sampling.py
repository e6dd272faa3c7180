"""Runs that draw by what happened before: stopped and resumed they end as the same run left alone, to the last bit."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from assay.core.config import load_config
from assay.core.run_folder import WALL_TIME
from assay.learn.events import Stepped
from assay.learn.train import train

torch.set_num_threads(1)

# An untrained decoder writes a digit now and then; "" stands in every answer, "never" in none.
CHECK = "def check(response, truth):\n    return truth in response\n"
TRUTHS = ["7", "", "never", "12", "3", "-"]
SETTINGS = {
    "seed": 3,
    "model.name": "tiny",
    "model.threads": 1,
    "rollout.prompts_per_step": 4,
    "rollout.group_size": 4,
    "rollout.max_new_tokens": 16,
    "learn.steps": 9,
    "learn.save_every": 3,
    "learn.minibatches": 2,
    "evaluate.problems": 4,
    "evaluate.samples": 2,
    "evaluate.k": [1, 2],
    "audit.level": "off",
}
CASES = {
    "dynamic": {"rollout.dynamic.kind": "dapo", "rollout.dynamic.max_rounds": 3},
    "pools": {
        "rollout.pools.kind": "pass_rate",
        "rollout.pools.rest": 3,
        "rollout.group_sizes.kind": "difficulty",
        "rollout.group_sizes.least": 2,
        "rollout.group_sizes.most": 9,
    },
    "replay": {
        "rollout.replay.kind": "solved",
        "rollout.replay.probability": 0.5,
        "rollout.replay.hard": 0.6,
        "rollout.dynamic.kind": "dapo",
        "rollout.dynamic.max_rounds": 2,
    },
    "curriculum": {
        "rollout.curriculum.kind": "tag",
        "rollout.curriculum.values": ["easy", "hard"],
        "rollout.curriculum.pass_rate": 0.2,
        "rollout.curriculum.window": 2,
        "reward.length.kind": "overlong",
        "reward.length.cache": 8,
    },
}


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "mine.py").write_text(CHECK)
    rows = [
        {
            "id": f"t{i}",
            "prompt": str(i),
            "verifier": f"{folder}/mine.py:check",
            "truth": TRUTHS[i % len(TRUTHS)],
            "split": split,
            "tags": ["easy" if i % 2 else "hard"],
        }
        for i, split in enumerate(["train"] * 18 + ["held_out"] * 4)
    ]
    (folder / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return f"{folder}/tasks.jsonl"


def configured(source, case):
    return load_config((), {**SETTINGS, **CASES[case], "tasks.source": source})


def stop_at(step, error):
    def listen(event):
        if isinstance(event, Stepped) and event.step == step:
            raise error

    return listen


def without_wall_time(row):
    kept = {}
    for name, value in row.items():
        if name in WALL_TIME or name.partition("/")[0] in WALL_TIME:
            continue
        kept[name] = without_wall_time(value) if isinstance(value, dict) else value
    return kept


def rows(path):
    return [without_wall_time(json.loads(line)) for line in path.read_text().splitlines()]


def trained(run):
    return [row for row in rows(run / "metrics.jsonl") if row["kind"] == "train"]


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """One run of each case, left alone."""
    made = {}

    def run(case):
        if case not in made:
            made[case] = tmp_path_factory.mktemp("whole") / case
            train(configured(source, case), made[case])
        return made[case]

    return run


@pytest.mark.parametrize("case", sorted(CASES))
def test_interrupted_and_resumed_equals_uninterrupted(source, whole, tmp_path, case):
    broken = tmp_path / "broken"
    config = configured(source, case)
    with pytest.raises(KeyboardInterrupt):  # saved where it stood
        train(config, broken, listen=stop_at(2, KeyboardInterrupt()))
    with pytest.raises(Killed):  # not saved: steps 4 and 5 are made again
        train(config, broken, resume=True, listen=stop_at(5, Killed()))
    with pytest.raises(KeyboardInterrupt):
        train(config, broken, resume=True, listen=stop_at(7, KeyboardInterrupt()))
    train(config, broken, resume=True)
    for name in ("metrics.jsonl", "rollouts.jsonl", "evaluations.jsonl"):
        assert rows(broken / name) == rows(whole(case) / name), name
    last = (whole(case) / "checkpoints" / "last").read_text().strip()
    manifests = [json.loads((Path(run) / "checkpoints" / last / "manifest.json").read_text()) for run in (broken, whole(case))]  # fmt: skip
    assert manifests[0] == manifests[1]
    ours, theirs = (load_file(Path(run) / "checkpoints" / last / "model.safetensors") for run in (broken, whole(case)))
    assert all(ours[key].equal(theirs[key]) for key in ours)


def test_the_walk_is_where_the_manifest_says(whole):
    run = whole("dynamic")
    said = trained(run)
    assert [row["step"] for row in said] == list(range(1, 10))
    assert any(row["dynamic/rounds"] > 1 for row in said), "the cases must need more rounds, or they prove little"
    assert all(later["data_position"] > sooner["data_position"] for sooner, later in pairwise(said))
    manifest = json.loads((run / "checkpoints" / "step-000009" / "manifest.json").read_text())
    assert manifest["data_position"] == said[-1]["data_position"] > 9 * 4
    drawn = {row["group"]: row["task"] for row in rows(run / "rollouts.jsonl") if row["split"] == "train"}
    assert len(drawn) == said[-1]["data_position"], "every position of the walk was sampled once"
    kept = {row["group"] for row in rows(run / "rollouts.jsonl") if row["kept"] and row["split"] == "train"}
    assert len(kept) == sum(row["dynamic/kept"] for row in said)


def test_pools_rest_what_teaches_nothing(whole):
    run = whole("pools")
    drawn = Counter(row["task"] for row in rows(run / "rollouts.jsonl") if row["split"] == "train")
    assert sum(row["pools/skipped"] for row in trained(run)) > 0
    assert set(drawn) == {f"t{i}" for i in range(18)}
    sizes = Counter(row["group"] for row in rows(run / "rollouts.jsonl") if row["split"] == "train")
    assert len(set(sizes.values())) > 1
    assert all(
        sum(size for group, size in sizes.items() if group.startswith(f"{step}-")) == 16 for step in range(1, 10)
    )


def test_solved_prompts_come_back(whole):
    assert sum(row["replay/prompts"] for row in trained(whole("replay"))) > 0


def test_levels_open_and_length_is_paid_for_in_training_as_in_evaluation(whole):
    run = whole("curriculum")
    assert [row["curriculum/level"] for row in trained(run)] == sorted(row["curriculum/level"] for row in trained(run))
    assert trained(run)[-1]["curriculum/level"] == 1
    by_split = {split: [row for row in rows(run / "rollouts.jsonl") if row["split"] == split] for split in ("train", "held_out")}  # fmt: skip
    for found in by_split.values():
        for row in found:
            assert row["parts"]["overlong"] == -min(max(row["tokens"] - 8, 0), 8) / 8
            assert row["reward"] == pytest.approx(row["parts"]["outcome"] + row["parts"]["overlong"])
        assert {row["parts"]["overlong"] for row in found} > {-1.0}
