"""Mixtures: exact shares over each cycle, a pure function of the index, and each source's own splits."""

from collections import Counter

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError, UnknownName
from assay.tasks.check import check_sources
from assay.tasks.load import load_source, select
from assay.tasks.mixture import parse, shares


def load(split="train", **keys):
    return load_source(TasksConfig(**keys), split, 0)


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"a": 0.5, "b": 0.5}, (1, 1)),
        ({"a": 0.7, "b": 0.3}, (7, 3)),
        ({"a": 1, "b": 2, "c": 3}, (1, 2, 3)),
        ({"a": 1 / 3, "b": 2 / 3}, (1, 2)),
        ({"a": 1e-9, "b": 1}, (1, 100)),
    ],
)
def test_shares(weights, expected):
    assert shares(weights) == expected


def test_parse():
    assert parse("a:0.7, gym:x:0.3") == {"a": 0.7, "gym:x": 0.3}
    assert parse("a,gym:x") == {"a": 1.0, "gym:x": 1.0}


def test_the_shares_hold_over_each_cycle():
    found = load(source="warehouse:0.7,chain:0.3")
    assert found.length is None
    for start in (0, 10, 700):
        counts = Counter(found.task(index).source for index in range(start, start + 10))
        assert counts == {"warehouse": 7, "chain": 3}


def test_a_round_of_a_finite_source_takes_each_task_once():
    found = load(source="warehouse:0.5,chain:0.5")
    alone = load(source="warehouse").length
    ids = [task.id for task in map(found.task, range(4 * alone)) if task.source == "warehouse"]
    assert len(ids) == 2 * alone
    assert len(set(ids[:alone])) == len(set(ids[alone:])) == alone
    assert ids[:alone] != ids[alone:]


def test_splits_are_the_sources_own():
    config = TasksConfig(source="mixture", options={"weights": {"warehouse": 2, "times_tables": 1}})
    train, held_out = (load_source(config, side, 0) for side in ("train", "held_out"))
    assert held_out.length is not None
    assert len(select(held_out, 60)) == 60
    report = check_sources(train, held_out)
    assert report.is_clean
    assert report.shared_problems == 0


def test_each_source_has_its_own_options():
    weights = {"warehouse": 1, "chain": 1}
    found = load(source="mixture", options={"weights": weights, "options": {"warehouse": {"shots": 0}}})
    assert {len(found.task(index).prompt) for index in range(6)} == {1}


@pytest.mark.parametrize(
    ("keys", "error", "sentence"),
    [
        ({"source": "mixture"}, ConfigError, "needs them"),
        ({"source": "warehouse:0.5,warehous:0.5"}, UnknownName, "did you mean 'warehouse'"),
        ({"source": "chain:1,chain:2"}, ConfigError, "stands twice"),
        ({"source": "chain:-1,warehouse:2"}, ConfigError, "above 0"),
        ({"source": "a:1,b:1", "options": {"weights": {"a": 1}}}, ConfigError, "not both"),
        ({"source": "chain,warehouse", "options": {"options": {"gym": {}}}}, ConfigError, "no source of the mixture"),
    ],
)
def test_bad_mixtures(keys, error, sentence):
    with pytest.raises(error, match=sentence):
        load(**keys)
