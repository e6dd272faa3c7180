"""The constraint puzzles and the questions about a shop: splits, seeds, references, and instances that kill mutants."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError, MissingExtra
from assay.tasks.check import check_sources
from assay.tasks.generators.shop_questions import COUNTRIES
from assay.tasks.load import load_source
from assay.tasks.source import SOURCES, demonstration_of
from assay.tasks.wrapped import First
from assay.verify.base import judge_case, read_case
from assay.verify.structured.sql import read_sql_truth
from assay.verify.structured.sql_mutate import mutation_report, weaknesses

PUZZLES = ("knapsack", "job_schedule", "graph_colours", "number_grid")
NAMES = (*PUZZLES, "shop_queries")
LEVELS = (1, 2, 3)


def source(name: str, split: Any = "train", seed: int = 0, level: int = 1) -> Any:
    return load_source(TasksConfig(source=name, options={"level": level}), split, seed)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_the_worked_answer_passes_and_nothing_said_does_not(name: str, level: int) -> None:
    for split in ("train", "held_out"):
        found = source(name, split, 1, level)
        for index in range(3):
            task = found.task(index)
            case = read_case(task.verifier, task.truth)
            worked = demonstration_of(found, index)
            for reply in (worked, f"So it is.\n\n{worked}", f"<think>\nHm.\n</think>\n{worked}"):
                assert judge_case(case, reply).is_pass, (task.id, dict(judge_case(case, reply).evidence))
            for reply in ("", "{}", "SELECT 1", f"{worked}\n{worked}", f"{worked}\nDone."):
                assert not judge_case(case, reply).is_pass


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_a_function_of_seed_and_index(name: str) -> None:
    first, again, other = source(name, seed=1), source(name, seed=1), source(name, seed=2)
    backwards = [again.task(index) for index in reversed(range(5))][::-1]
    assert [first.task(index) for index in range(5)] == backwards
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert first.length is None
    with pytest.raises(IndexError):
        first.task(-1)
    one, two = source(name, "held_out", 1), source(name, "held_out", 2)
    assert [one.task(index) for index in range(5)] == [two.task(index) for index in range(5)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", NAMES)
def test_the_splits_share_no_problem_whatever_the_seed(name: str, level: int) -> None:
    keys = {
        split: {source(name, split, seed, level).problem(index) for seed in (1, 2) for index in range(100)}
        for split in ("train", "held_out")
    }
    assert not keys["train"] & keys["held_out"]
    assert len(keys["train"]) > 120


@pytest.mark.parametrize("name", NAMES)
def test_the_check_finds_nothing_wrong(name: str) -> None:
    report = check_sources(First(source(name, level=2), 8), First(source(name, "held_out", level=2), 8))
    assert report.is_clean, report.problems
    assert report.splits[0].judged == 8


@pytest.mark.parametrize(("name", "needs"), [("knapsack", 1), ("job_schedule", 3), ("graph_colours", 3)])
def test_without_a_solver_the_best_says_what_to_install(name: str, needs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools", None)
    with pytest.raises(MissingExtra, match=r"assay\[constraint\]"):
        source(name, level=needs)
    if needs > 1:
        assert source(name, level=needs - 1).task(0)


@pytest.mark.parametrize("name", NAMES)
def test_bad_options(name: str) -> None:
    assert SOURCES.get(name).levels.keys() == set(LEVELS)
    with pytest.raises(ConfigError, match="did you mean 'level'"):
        load_source(TasksConfig(source=name, options={"levle": 1}), "train", 0)


EQUAL = (
    "INNER JOIN to LEFT JOIN",  # behind it stands a condition that no row of NULLs keeps
    "COUNT(o.id) to COUNT(DISTINCT)",
    "COALESCE of SUM(i.quantity) left out",  # NULL is last, as 0 is
    "ORDER BY left out",  # GROUP BY sorts
    "1 to 2",
    "7 to 8",  # the month by its first signs
)
"""Changes that make no other query: they live rightly."""


@pytest.mark.parametrize("level", LEVELS)
def test_the_instances_kill_what_can_be_killed(level: int) -> None:
    found = source("shop_queries", "held_out", level=level)
    tried, living, seen = 0, Counter[str](), Counter[str]()
    for index in range(12):
        task = found.task(index)
        truth = read_sql_truth(task.truth)
        seen[task.tags[1]] += 1
        assert truth.given == len(truth.expected) == 4
        assert not weaknesses(truth)
        assert sum(bool(each.ran.rows) for each in truth.expected) >= 2
        report = mutation_report(truth, 200)
        tried += report.tried
        living.update(each.change for each in report.living if each.change not in EQUAL)
    assert tried > 100
    assert living.total() <= tried // 15, living
    assert len(seen) >= 4


def test_a_question_is_one_task_wherever_it_comes() -> None:
    seen: dict[str, Any] = {}
    for seed in range(3):
        found = source("shop_queries", seed=seed)
        for index in range(20):
            key, task = found.problem(index), found.task(index)
            assert seen.setdefault(key, (task.prompt, task.truth)) == (task.prompt, task.truth)
    assert len(COUNTRIES) == len(set(COUNTRIES))
