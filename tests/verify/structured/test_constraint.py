"""Plans recomputed from their problem: what the golden rows do not say (truths, certificates, oracles over all answers)."""

from __future__ import annotations

import itertools
import json
import sys
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.core.errors import MissingExtra, TruthError
from assay.core.types import Reason
from assay.tasks.canonical import canonical_response
from assay.tasks.generators import graph_colours, job_schedule, knapsack, number_grid
from assay.tasks.generators.scenarios import CONTRACT
from assay.verify.base import judge, judge_case, read_case
from assay.verify.structured.optimum import best_answer, sudoku_answers
from assay.verify.structured.puzzles import read_puzzle

ITEMS = [{"id": "A", "weight": 6, "value": 7}, {"id": "B", "weight": 5, "value": 5}]
KNAPSACK = {"kind": "knapsack", "capacity": 10, "items": ITEMS}
JOBS = [{"id": "J", "tasks": [{"machine": "M", "minutes": 3}]}]
SCHEDULE = {"kind": "schedule", "jobs": JOBS}
COLOURING = {"kind": "colouring", "nodes": ["a", "b"], "edges": [["a", "b"]]}
SUDOKU = {"kind": "sudoku", "size": 4, "box": [2, 2], "givens": [[0] * 4] * 4}


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ({"kind": "knapsak"}, "did you mean 'knapsack'"),
        ({}, "problem.kind"),
        ([], "problem.kind"),
        ({**KNAPSACK, "size": 3}, "unknown key 'size'"),
        ({**KNAPSACK, "capacity": -1}, "problem.capacity"),
        ({**KNAPSACK, "capacity": 2.5}, "problem.capacity"),
        ({**KNAPSACK, "items": []}, "problem.items"),
        ({**KNAPSACK, "items": [*ITEMS, ITEMS[0]]}, "'A' stands there twice"),
        ({**KNAPSACK, "items": [{"id": "A", "weight": 6}]}, "problem.items[0]"),
        ({**KNAPSACK, "apart": [["A", "C"]]}, "problem.apart[0]"),
        ({**KNAPSACK, "apart": [["A", "A"]]}, "'A' with itself"),
        ({**SCHEDULE, "jobs": [*JOBS, *JOBS]}, "'J' stands there twice"),
        ({**SCHEDULE, "jobs": [{"id": "J", "tasks": []}]}, "problem.jobs[0].tasks"),
        ({**SCHEDULE, "jobs": [{"id": "J", "tasks": [{"machine": "M", "minutes": 0}]}]}, "minutes"),
        ({**SCHEDULE, "deadline": "9"}, "problem.deadline"),
        ({**COLOURING, "nodes": ["a", "a"]}, "'a' stands there twice"),
        ({**COLOURING, "edges": [["a", "c"]]}, "problem.edges[0]"),
        ({**COLOURING, "colours": 0}, "problem.colours"),
        ({**SUDOKU, "box": [2, 3]}, "problem.box"),
        ({**SUDOKU, "givens": [[0] * 4] * 3}, "problem.givens"),
        ({**SUDOKU, "givens": [[5, 0, 0, 0], *[[0] * 4] * 3]}, "problem.givens"),
        ({**SUDOKU, "cages": [{"cells": [[0, 4]], "sum": 3}]}, "problem.cages[0].cells"),
        ({**SUDOKU, "diagonals": 1}, "problem.diagonals"),
    ],
)
def test_a_problem_that_cannot_be_read_says_why(problem: Any, told: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("constraint", {"problem": problem, "ask": "feasible"})
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ask": "best"}, "ask: feasible or optimal"),
        ({"asks": "feasible"}, "did you mean 'ask'"),
        ({"reference": []}, "reference"),
        ({"problem": SUDOKU, "ask": "optimal"}, "no objective"),
        ({"problem": {**SCHEDULE, "deadline": 2}, "ask": "optimal"}, "no answer is feasible"),
        ({"problem": {**COLOURING, "colours": 1}, "ask": "optimal"}, "no answer is feasible"),
        ({"contract": {"kind": "one_select"}}, "contract.kind"),
    ],
)
def test_a_truth_that_cannot_be_read_says_why(change: dict[str, Any], told: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("constraint", {"problem": KNAPSACK, "ask": "feasible", **change})
    assert told in str(caught.value)


def test_without_a_solver_a_stated_best_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools", None)
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)
    with pytest.raises(MissingExtra, match=r"assay\[constraint\]"):
        read_case("constraint", {"problem": KNAPSACK, "ask": "optimal"})
    stated = {"problem": {**KNAPSACK, "best": 7}, "ask": "optimal"}
    assert judge("constraint", stated, '{"items": ["A"], "value": 7}').is_pass


def test_feasible_and_optimal_are_two_rules() -> None:
    answer = '{"items": ["B"], "value": 5}'
    assert judge("constraint", {"problem": KNAPSACK, "ask": "feasible"}, answer).is_pass
    verdict = judge("constraint", {"problem": KNAPSACK, "ask": "optimal"}, answer)
    assert (verdict.reason, verdict.evidence["rule"]) == (Reason.WRONG_VALUE, "optimal")
    heavy = judge("constraint", {"problem": KNAPSACK, "ask": "optimal"}, '{"items": ["A", "B"], "value": 12}')
    assert heavy.evidence["rule"] == "capacity"


# every answer there is, in plain Python


def all_loads(problem: Any) -> list[tuple[int, list[str]]]:
    found = []
    for count in range(len(problem["items"]) + 1):
        for chosen in itertools.combinations(problem["items"], count):
            names = [each["id"] for each in chosen]
            apart = any(set(pair) <= set(names) for pair in problem.get("apart", []))
            if not apart and sum(each["weight"] for each in chosen) <= problem["capacity"]:
                found.append((sum(each["value"] for each in chosen), names))
    return found


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_best_load_is_the_best_of_all(level: int) -> None:
    for seed in range(6):
        problem = knapsack.draw(Random(seed), level).problem
        loads = all_loads(problem)
        best = max(value for value, _ in loads)
        assert best_answer(read_puzzle(problem))["value"] == best
        case = read_case("constraint", {"problem": problem, "ask": "optimal"})
        for value, names in Random(seed).sample(loads, min(60, len(loads))):
            verdict = judge_case(case, json.dumps({"items": names, "value": value}))
            assert verdict.is_pass == (value == best)


def least_end(jobs: Any) -> int:
    """Over all orders in which the next tasks may be begun, each as early as it can be."""
    best = 10**9

    def go(at: list[int], ready: list[int], free: dict[int, int]) -> None:
        nonlocal best
        open_ones = [number for number, job in enumerate(jobs) if at[number] < len(job)]
        if not open_ones:
            best = min(best, max(ready))
        for number in open_ones:
            machine, minutes = jobs[number][at[number]]
            begin = max(ready[number], free.get(machine, 0))
            if begin + minutes < best:
                go(
                    [each + (other == number) for other, each in enumerate(at)],
                    [begin + minutes if other == number else each for other, each in enumerate(ready)],
                    {**free, machine: begin + minutes},
                )

    go([0] * len(jobs), [0] * len(jobs), {})
    return best


@pytest.mark.parametrize("level", [1, 2])
def test_the_earliest_end_is_the_earliest_of_all(level: int) -> None:
    for seed in range(4):
        drawn = job_schedule.draw(Random(seed), level)
        answer = best_answer(read_puzzle(drawn.problem))
        assert answer["makespan"] == least_end(drawn.jobs)
        assert drawn.greedy()["makespan"] >= answer["makespan"]


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_fewest_colours_are_the_fewest_of_all(level: int) -> None:
    for seed in range(4):
        problem = graph_colours.draw(Random(seed), level).problem
        nodes, edges = problem["nodes"], problem["edges"]

        def fits(colours: int, nodes: Any = nodes, edges: Any = edges) -> bool:
            def go(given: dict[str, int]) -> bool:
                if len(given) == len(nodes):
                    return True
                node = nodes[len(given)]
                near = {given.get(b if a == node else a) for a, b in edges if node in (a, b)}
                return any(go({**given, node: each}) for each in range(colours) if each not in near)

            return go({})

        fewest = next(each for each in range(1, len(nodes) + 1) if fits(each))
        assert best_answer(read_puzzle(problem))["used"] == fewest


def test_every_grid_that_the_solver_finds_is_right_and_the_drawn_one_is_among_them() -> None:
    for level in (1, 2, 3):
        drawn = number_grid.draw(Random(level), level)
        found = sudoku_answers(read_puzzle(drawn.problem), 200)  # type: ignore[arg-type]
        case = read_case("constraint", {"problem": drawn.problem, "ask": "feasible"})
        assert all(judge_case(case, json.dumps(each)).is_pass for each in found)
        assert len(found) == 200 or {"grid": [list(row) for row in drawn.full]} in found


def test_a_reference_is_the_answer_that_the_check_judges() -> None:
    for module, level in ((knapsack, 3), (job_schedule, 2), (graph_colours, 3), (number_grid, 3)):
        posed = module.draw(Random(5), level).pose()  # type: ignore[attr-defined]
        task = type("T", (), {"verifier": "constraint", "truth": posed.truth})()
        right = canonical_response(task)
        assert right is not None
        assert judge("constraint", posed.truth, right).is_pass
        assert posed.truth["contract"] == CONTRACT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["items", "value", "starts", "J", "makespan", "colours", "a", "b", "used", "grid"]), inner, max_size=4),
    max_leaves=16,
)  # fmt: skip
CASES = [
    read_case("constraint", {"problem": each, "ask": "feasible"}) for each in (KNAPSACK, SCHEDULE, COLOURING, SUDOKU)
]


@given(value=JSON, text=st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_document_is_judged(value: Any, text: str) -> None:
    for case in CASES:
        for reply in (json.dumps(value), text, f"{{{text}}}"):
            verdict = judge_case(case, reply)
            assert not verdict.is_void, dict(verdict.evidence)
            json.dumps(dict(verdict.evidence))
