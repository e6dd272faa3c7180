"""Both ways: what is written in another framework's layout is read back as the same tasks."""

import json

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import UsageError
from assay.tasks.convert import WRITERS, convert_sources
from assay.tasks.load import load_sides, load_source


def load(source, split, **keys):
    return load_source(TasksConfig(source=str(source), **keys), split, 0)


def by_prompt(found):
    return {task.prompt: (task.truth, task.verifier) for task in map(found.task, range(found.length))}


def by_prompt_json(found):
    return {prompt: (json.dumps(truth), verifier) for prompt, (truth, verifier) in by_prompt(found).items()}


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
@pytest.mark.parametrize("layout", sorted(WRITERS))
def test_there_and_back(tmp_path, layout, ending):
    out = tmp_path / f"tasks.{ending}"
    config = TasksConfig(source="warehouse")
    counts = convert_sources(load_sides(config, 0), out, layout)
    for split in ("train", "held_out"):
        ours = load_source(config, split, 0)
        assert counts[split] == ours.length
        assert by_prompt(load(out, split)) == by_prompt(ours)


@pytest.mark.parametrize("layout", ["trl", "verl", "openrlhf"])
@pytest.mark.parametrize("options", [{"families": ["tax"]}, None])
def test_verifiers_and_policies_survive_other_layouts(tmp_path, layout, options):
    out = tmp_path / "tasks.jsonl"
    config = TasksConfig(source="warehouse", options=options) if options else TasksConfig(source="chain", limit=40)
    convert_sources([load_source(config, "train", 0)], out, layout)
    assert by_prompt_json(load(out, "train")) == by_prompt_json(load_source(config, "train", 0))


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_truths_that_are_objects(tmp_path, ending):
    out = tmp_path / f"tasks.{ending}"
    config = TasksConfig(source="warehouse", options={"families": ["tax", "shelves"]})
    convert_sources([load_source(config, "train", 0)], out, "assay", number=100)
    ours = load_source(config, "train", 0)
    theirs = load(out, "train")
    assert [theirs.task(index) for index in range(100)] == [ours.task(index) for index in range(100)]


def test_a_source_without_end_needs_no_number(tmp_path):
    out = tmp_path / "chain.jsonl"
    assert convert_sources([load("chain", "train")], out, "assay", number=7) == {"train": 7}
    assert len(out.read_text().splitlines()) == 7
    assert json.loads(out.read_text().splitlines()[0])["truth"]["field"] == "final_line"


def test_another_ending(tmp_path):
    with pytest.raises(UsageError, match=r"ends in \.jsonl or \.parquet"):
        convert_sources([load("chain", "train")], tmp_path / "x.csv", "assay")
