"""The bridge to reasoning-gym: tasks that can be judged from JSON alone, and splits that share no question."""

import json

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError, UnknownName
from assay.tasks.canonical import canonical_response
from assay.tasks.load import load_source
from assay.verify.base import judge

pytest.importorskip("reasoning_gym")

NAMES = ("chain_sum", "basic_arithmetic", "leg_counting", "number_sorting", "spell_backward", "puzzle24", "syllogism")


def load(name, split="train", seed=0, **options):
    return load_source(TasksConfig(source=f"gym:{name}", options=options), split, seed)


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_passes_after_a_trip_through_json(name):
    found = load(name, size=24, held_out_share=0.5)
    for index in range(min(found.length, 6)):
        task = found.task(index)
        assert task.truth == json.loads(json.dumps(task.truth))
        assert judge(task.verifier, task.truth, canonical_response(task)).is_pass
        assert not judge(task.verifier, task.truth, "<answer>no such thing</answer>").is_pass


def test_no_question_on_both_sides_whatever_the_seeds():
    config = {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1}
    train = [load("chain_sum", seed=seed, config=config) for seed in range(4)]
    held_out = load("chain_sum", "held_out", seed=9, config=config)
    trained = {found.task(index).prompt for found in train for index in range(found.length)}
    tested = {held_out.task(index).prompt for index in range(held_out.length)}
    assert len(tested) == held_out.length > 5
    assert not trained & tested
    again = load("chain_sum", "held_out", seed=1, config=config)
    assert again.fingerprint == held_out.fingerprint


def test_the_prompt_asks_for_its_field():
    assert "<answer>" in load("chain_sum", size=20).task(0).prompt[-1].content
    boxed = load("chain_sum", size=20, field="boxed").task(0)
    assert "\\boxed{}" in boxed.prompt[-1].content
    assert boxed.truth["field"] == "boxed"


@pytest.mark.parametrize(
    ("name", "options", "error", "sentence"),
    [
        ("chain_sums", {}, UnknownName, "did you mean 'chain_sum'"),
        ("chain_sum", {"config": {"min_term": 1}}, ConfigError, "did you mean 'min_terms'"),
        ("chain_sum", {"config": {"min_terms": 0}}, ConfigError, "is refused"),
        ("chain_sum", {"siz": 5}, ConfigError, "did you mean 'size'"),
        ("chain_sum", {"field": "bxed"}, ConfigError, "none of boxed"),
    ],
)
def test_bad_names_and_options(name, options, error, sentence):
    with pytest.raises(error, match=sentence):
        load(name, **options)
