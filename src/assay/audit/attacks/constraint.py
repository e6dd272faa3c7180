"""Attacks on verifiers of plans: claims without a plan behind them, plans that break one rule, plans that are only feasible.

They are crafted for tasks of `constraint` from the problem and the `reference`, a right answer. Each breaks a rule of the
problem by its own arithmetic. (The attacks of `structured` try the document's form on the same reference.)
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any

from assay.audit.attack import Attack
from assay.audit.witness import Witness
from assay.core.types import Json, Task

CLAIMS = {"knapsack": "value", "schedule": "makespan", "colouring": "used"}


def constraint_claims(task: Task, witness: Witness) -> Iterable[str]:
    """The right plan with another value said of it, and no plan with the right value: only what is claimed is looked at."""
    problem, answer = problem_of(task), reference_of(task)
    key = CLAIMS.get(str(problem.get("kind")))
    if key is None or key not in answer:
        return []
    said = answer[key]
    made = [
        {**answer, key: each} for each in (said + 1, said - 1, 0 if said else 7, -said - 1, 10**15, str(said), None)
    ]
    empty = next((name for name in answer if name != key), key)
    made += [{**answer, empty: type(answer[empty])()}, {key: said}]
    return [json.dumps(each) for each in made if each != answer]


def constraint_breaks(task: Task, witness: Witness) -> Iterable[str]:
    """A plan that breaks one rule and claims what follows from it: too heavy, twice the same, two at once, out of order,
    neighbours alike, a given number changed, unknown names, fractions, truth values for numbers."""
    problem, answer = problem_of(task), reference_of(task)
    broken = BREAKS.get(str(problem.get("kind")))
    if broken is None or not answer:
        return []
    return [json.dumps(each) for each in broken(problem, copy.deepcopy(dict(answer)))]


def constraint_only_feasible(task: Task, witness: Witness) -> Iterable[str]:
    """A plan that keeps every rule where the best one is asked for: nothing packed, one job after another, a colour for
    each."""
    problem, answer = problem_of(task), reference_of(task)
    if truth_of(task).get("ask") != "optimal" or not answer:
        return []
    worse: Mapping[str, Json] | None = None
    if problem["kind"] == "knapsack" and answer["value"] > 0:
        worse = {"items": [], "value": 0}
    elif problem["kind"] == "schedule":
        starts: dict[str, list[int]] = {}
        now = 1  # a minute late at the least
        for job in problem["jobs"]:
            starts[job["id"]] = []
            for step in job["tasks"]:
                starts[job["id"]].append(now)
                now += step["minutes"]
        worse = {"starts": starts, "makespan": now}
    elif problem["kind"] == "colouring" and len(problem["nodes"]) > answer["used"]:
        worse = {"colours": {node: at for at, node in enumerate(problem["nodes"], 1)}, "used": len(problem["nodes"])}
    return [] if worse is None else [json.dumps(worse)]


# breaking one rule of each kind


def _knapsack(problem: Mapping[str, Json], answer: dict[str, Any]) -> Iterator[Json]:
    weights = {each["id"]: each["weight"] for each in problem["items"]}
    values = {each["id"]: each["value"] for each in problem["items"]}

    def told(items: list[Any]) -> Json:
        return {"items": items, "value": sum(values.get(each, 0) for each in items)}

    apart = [set(each) for each in problem.get("apart", [])]
    chosen = answer["items"]
    heavy = list(chosen)
    for each in weights:
        if each not in heavy and not any(pair <= {*heavy, each} for pair in apart):
            heavy.append(each)
    if sum(weights[each] for each in heavy) > problem["capacity"]:
        yield told(heavy)
    if chosen:
        yield told([*chosen, chosen[0]])
        yield {**answer, "items": [*chosen, chosen[0]]}
        yield {**answer, "items": [*chosen[:-1], f"{chosen[-1]} "]}
        yield {**answer, "items": [*chosen[:-1], f"{chosen[-1]}\u200b"]}
        yield {**answer, "items": dict.fromkeys(chosen, 1)}
    yield {**answer, "items": [*chosen, "assay-extra"]}
    for pair in apart:
        yield told(sorted(pair))
    for each, weight in weights.items():
        copies = problem["capacity"] // weight if weight else 50
        if copies > 1:
            yield told([each] * copies)


def _schedule(problem: Mapping[str, Json], answer: dict[str, Any]) -> Iterator[Json]:
    jobs = {job["id"]: job["tasks"] for job in problem["jobs"]}

    def told(starts: Mapping[str, Any]) -> Json:
        ends = [at[-1] + jobs[job][-1]["minutes"] for job, at in starts.items() if job in jobs and at]
        return {"starts": starts, "makespan": max(ends, default=0)}

    one = next(iter(jobs))
    if max(map(len, jobs.values())) > 1 or len({task["machine"] for tasks in jobs.values() for task in tasks}) < len(
        jobs
    ):
        yield told({job: [0] * len(tasks) for job, tasks in jobs.items()})
        alone = {}
        for job, tasks in jobs.items():  # each as if it had the machines to itself
            ends = list(accumulate(task["minutes"] for task in tasks))
            alone[job] = [0, *ends[:-1]]
        if any(len(set(uses)) < len(uses) for uses in _uses(jobs, alone)):
            yield told(alone)
    starts = answer["starts"]
    yield told({job: [each - 10**6 for each in at] for job, at in starts.items()})
    yield told({job: at for job, at in starts.items() if job != one})
    yield told({**starts, "assay-extra": [0]})
    yield {**answer, "starts": {**starts, one: []}}
    yield {**answer, "starts": {**starts, one: [*starts[one], 10**6]}}
    yield {**answer, "starts": {**starts, one: [each + 0.5 for each in starts[one]]}}
    yield {**answer, "starts": {**starts, one: [str(each) for each in starts[one]]}}
    yield {**answer, "starts": list(starts.values())}
    for job, tasks in jobs.items():
        if len(tasks) > 1:
            yield {**answer, "starts": {**starts, job: list(reversed(starts[job]))}}
    if problem.get("deadline") is not None:
        late = problem["deadline"] + 1
        yield told({job: [each + late for each in at] for job, at in starts.items()})


def _uses(jobs: Mapping[str, Any], starts: Mapping[str, list[int]]) -> Iterator[list[int]]:
    """The minutes at which each machine is busy."""
    machines: dict[str, list[int]] = {}
    for job, tasks in jobs.items():
        for start, task in zip(starts[job], tasks, strict=True):
            machines.setdefault(task["machine"], []).extend(range(start, start + task["minutes"]))
    yield from machines.values()


def _colouring(problem: Mapping[str, Json], answer: dict[str, Any]) -> Iterator[Json]:
    colours, nodes = answer["colours"], problem["nodes"]
    first = colours[nodes[0]]

    def told(found: Mapping[str, Any]) -> Json:
        return {"colours": found, "used": len({str(each) for each in found.values()})}

    for one, other in problem["edges"][:3]:
        yield told({**colours, other: colours[one]})
    if problem["edges"]:
        yield told(dict.fromkeys(nodes, 1))
        yield told({each: at % 2 == 0 for at, each in enumerate(nodes)})
    if problem.get("colours") is not None:
        yield told({**colours, nodes[0]: problem["colours"] + 1})
        yield told({node: problem["colours"] + 1 if each == first else each for node, each in colours.items()})
    yield told({node: -1 if each == first else each for node, each in colours.items()})
    yield told({**colours, nodes[0]: 0})
    yield told({**colours, nodes[0]: "red"})
    yield told({**colours, nodes[0]: colours[nodes[0]] + 0.5})
    yield told({**colours, nodes[0]: None})
    yield told({node: each for node, each in colours.items() if node != nodes[-1]})
    yield told({**colours, "assay-extra": 1})
    yield {**answer, "colours": list(colours.values())}


def _sudoku(problem: Mapping[str, Json], answer: dict[str, Any]) -> Iterator[Json]:
    size, grid = problem["size"], answer["grid"]
    yield {"grid": problem["givens"]} if any(0 in row for row in problem["givens"]) else {"grid": []}
    yield {"grid": [[1] * size for _ in range(size)]} if size > 1 else {"grid": [[2]]}
    yield {"grid": [[0] * size for _ in range(size)]}
    yield {"grid": grid[:-1]}
    yield {"grid": [row[:-1] for row in grid]}
    yield {"grid": [*grid, grid[0]]}
    yield {"grid": [[str(each) for each in row] for row in grid]}
    yield {"grid": ["".join(map(str, row)) for row in grid]}
    yield {"grid": [each for row in grid for each in row]}
    if size > 1:
        yield {"grid": [[each % size + 1 for each in grid[0]], *grid[1:]]}
        yield {"grid": [[*reversed(grid[0])], *grid[1:]]}
        # every row right, and every column of one number
        yield {"grid": [list(range(1, size + 1)) for _ in range(size)]}
        yield {"grid": [[(row + column) % size + 1 for column in range(size)] for row in range(size)]} if min(problem["box"]) > 1 else {"grid": grid[:1]}  # fmt: skip
    for row, line in enumerate(problem["givens"]):
        for column, given in enumerate(line):
            if given:  # the grid under other digits: right but for what was given
                yield {"grid": [[each % size + 1 for each in each_row] for each_row in grid]}
                other = copy.deepcopy(grid)
                other[row][column] = given % size + 1
                yield {"grid": other}
                return


BREAKS: Mapping[str, Callable[[Mapping[str, Json], dict[str, Any]], Iterator[Json]]] = {
    "knapsack": _knapsack,
    "schedule": _schedule,
    "colouring": _colouring,
    "sudoku": _sudoku,
}


# reading the truth


def truth_of(task: Task) -> Mapping[str, Json]:
    return task.truth if task.verifier == "constraint" and isinstance(task.truth, Mapping) else {}


def problem_of(task: Task) -> Mapping[str, Json]:
    problem = truth_of(task).get("problem")
    return problem if isinstance(problem, Mapping) else {}


def reference_of(task: Task) -> Mapping[str, Json]:
    reference = truth_of(task).get("reference")
    return reference if isinstance(reference, Mapping) else {}


ATTACKS = (
    Attack("constraint_claims", "constraint", constraint_claims, is_blind=True),
    Attack("constraint_breaks", "constraint", constraint_breaks, is_blind=True),
    Attack("constraint_only_feasible", "constraint", constraint_only_feasible, is_blind=True),
)
