"""Plans that lenient judges take: the battery finds the flaw in each, and none in the room's own verifier."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from assay.audit.attacks import structured
from assay.audit.attacks.constraint import ATTACKS
from assay.audit.report import AuditReport
from assay.audit.run import audit
from assay.audit.samples import PUZZLES
from assay.core.types import Message, Outcome, Reason, Task, Verdict
from assay.verify.base import judge
from assay.verify.pool import JudgeRequest

TASKS = [Task(f"constraint-{at}", (Message("user", "Plan."),), "constraint", each) for at, each in enumerate(PUZZLES)]
BATTERY = (*ATTACKS, *structured.ATTACKS)
Answer = dict[str, Any]


def knapsack(problem: Any, answer: Answer, skip: str) -> bool:
    weights = {each["id"]: each["weight"] for each in problem["items"]}
    values = {each["id"]: each["value"] for each in problem["items"]}
    items = [each.strip(" \u200b") if skip == "names" else each for each in answer["items"]]
    if skip == "once":
        items = list(dict.fromkeys(items))
    if skip == "unknown":
        items = [each for each in items if each in weights]
    return (
        type(answer["items"]) is list
        and (skip == "capacity" or sum(weights[each] for each in items) <= problem["capacity"])
        and (skip == "count" or len(set(items)) == len(items))
        and (skip == "apart" or not any(set(pair) <= set(items) for pair in problem.get("apart", [])))
        and (skip == "claim" or answer["value"] == sum(values[each] for each in items))
        and (skip == "best" or answer["value"] >= problem["best"])
    )


def schedule(problem: Any, answer: Answer, skip: str) -> bool:
    jobs = {job["id"]: job["tasks"] for job in problem["jobs"]}
    starts = answer["starts"]
    if skip != "unknown" and set(starts) != set(jobs):
        return False
    taken, ends = [], []
    for job, at in starts.items():
        if job not in jobs:
            continue
        free = 0
        if len(at) != len(jobs[job]) or not all(type(each) is int for each in at):
            return False
        for start, task in zip(at, jobs[job], strict=True):
            if skip != "order" and start < free:
                return False
            free = start + task["minutes"]
            taken.append((task["machine"], start, free))
        ends.append(free)
    taken.sort()
    clash = any(a[0] == b[0] and b[1] < a[2] for a, b in pairwise(taken))
    said = answer["makespan"]
    return (
        (skip == "machine" or not clash)
        and (skip == "deadline" or max(ends) <= problem.get("deadline", max(ends)))
        and (skip == "claim" or said == max(ends))
        and (skip == "best" or said <= problem.get("best", said))
    )


def colouring(problem: Any, answer: Answer, skip: str) -> bool:
    colours = answer["colours"]
    if skip != "unknown" and set(colours) != set(problem["nodes"]):
        return False
    if not all(type(each) is int and (skip == "range" or 1 <= each <= problem["colours"]) for each in colours.values()):
        return False
    used = len(set(colours.values()))
    return (
        (skip == "edges" or all(colours[a] != colours[b] for a, b in problem["edges"]))
        and (skip == "claim" or answer["used"] == used)
        and (skip == "best" or answer["used"] <= problem["best"])
    )


def sudoku(problem: Any, answer: Answer, skip: str) -> bool:
    grid, size = answer["grid"], problem["size"]
    if len(grid) != size or any(len(row) != size for row in grid):
        return False
    if not all(type(each) is int and 1 <= each <= size for row in grid for each in row):
        return False
    units = [grid, zip(*grid, strict=True)] if skip != "columns" else [grid]
    boxes = [[grid[r + a][c + b] for a in range(2) for b in range(2)] for r in (0, 2) for c in (0, 2)]
    return (
        all(len(set(unit)) == size for group in units for unit in group)
        and (skip == "boxes" or all(len(set(box)) == size for box in boxes))
        and (
            skip == "givens"
            or all(
                not given or grid[r][c] == given
                for r, row in enumerate(problem["givens"])
                for c, given in enumerate(row)
            )
        )
    )


KINDS: dict[str, Callable[[Any, Answer, str], bool]] = {
    "knapsack": knapsack,
    "schedule": schedule,
    "colouring": colouring,
    "sudoku": sudoku,
}
FIELDS = {
    "knapsack": {"items", "value"},
    "schedule": {"starts", "makespan"},
    "colouring": {"colours", "used"},
    "sudoku": {"grid"},
}
SKIPS = (
    "capacity", "once", "count", "names", "unknown", "apart", "claim", "best", "order", "machine", "deadline", "edges", "range",
    "givens",
)  # fmt: skip
"""Rules that a careless judge leaves out, each of which the attacks must find missing somewhere."""


class Flawed:
    def __init__(self, skip: str) -> None:
        self.skip = skip

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [self._verdict(each.truth["problem"], each.response) for each in requests]

    def _verdict(self, problem: Any, response: str) -> Verdict:
        try:
            answer = json.loads(response)
            kind = problem["kind"]
            if set(answer) == FIELDS[kind] and KINDS[kind](problem, answer, self.skip):
                return Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            pass
        return Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


class Own:
    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [judge(each.verifier, each.truth, each.response) for each in requests]


@cache
def audited(skip: str) -> AuditReport:
    return audit(TASKS, judges=Flawed(skip), battery=ATTACKS)


@pytest.mark.parametrize("skip", SKIPS)
def test_each_rule_that_is_left_out_is_found(skip: str) -> None:
    assert [hole for hole in audited(skip).holes if hole.kind == "paid"]


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS])
def test_each_attack_breaks_something(attack: str) -> None:
    assert [skip for skip in SKIPS if any(hole.attack == attack for hole in audited(skip).holes)]


def test_the_careful_ones_are_clean() -> None:
    careful = audit(TASKS, judges=Flawed(""), battery=ATTACKS)
    assert careful.is_clean, [(hole.attack, hole.text[:200]) for hole in careful.holes]
    own = audit(TASKS, judges=Own(), battery=(*BATTERY, *structured.EQUIVALENTS))
    assert own.is_clean, [(hole.attack, hole.text[:200]) for hole in own.holes]
    assert not own.refusals
    assert own.attacks_tried > 150


def test_other_verifiers_are_left_alone() -> None:
    for attack in ATTACKS:
        assert not list(attack.craft(Task("t", (), "math", "5"), None))  # type: ignore[arg-type]
        assert not list(attack.craft(Task("t", (), "constraint", {"problem": {}}), None))  # type: ignore[arg-type]
