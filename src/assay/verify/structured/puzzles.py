"""The problems of `constraint`: what each asks for, which rule an answer breaks, and what an answer is worth.

    knapsack   {"capacity", "items": [{"id", "weight", "value"}], "apart": [[id, id], ...], "best"}
               answered by {"items": [id, ...], "value": n}
    schedule   {"jobs": [{"id", "tasks": [{"machine", "minutes"}, ...]}], "deadline", "best"}
               answered by {"starts": {job: [minute, ...]}, "makespan": n}
    colouring  {"nodes": [...], "edges": [[node, node], ...], "colours": k, "best"}
               answered by {"colours": {node: 1..}, "used": n}
    sudoku     {"size", "box": [rows, columns], "givens": [[0 for a blank, ...]], "diagonals", "cages": [{"cells", "sum"}]}
               answered by {"grid": [[...], ...]}

Everything is in whole numbers and recomputed from the problem; what an answer says of itself must be so too. A problem
without a limit (`deadline`, `colours`) has none. `best` is the certified best value of one that has an objective.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple, Protocol

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json
from assay.verify.structured.puzzle_form import (
    MOST,
    Breach,
    at_key,
    best_of,
    claimed,
    fields,
    form,
    ids,
    is_grid,
    is_whole,
    keyed,
    known,
    listed,
    name,
    pair,
    twice,
    whole,
)


class Puzzle(Protocol):
    @property
    def sense(self) -> Literal["least", "most", ""]: ...

    @property
    def best(self) -> int | None: ...

    def breach(self, answer: Mapping[str, Any]) -> Breach | None:
        """The first rule that the answer breaks; for an answer that keeps them all, None."""
        ...

    def worth(self, answer: Mapping[str, Any]) -> int:
        """The objective of a feasible answer."""
        ...


class Item(NamedTuple):
    id: str
    weight: int
    value: int


@dataclass(frozen=True, slots=True)
class Knapsack:
    capacity: int
    items: Mapping[str, Item]
    apart: tuple[tuple[str, str], ...]
    best: int | None
    sense: Literal["most"] = "most"

    @classmethod
    def read(cls, problem: Mapping[str, Json]) -> Knapsack:
        known(problem, "capacity", "items", "apart", "best")
        items = []
        for number, each in enumerate(listed(problem, "items", 1)):
            at = f"problem.items[{number}]"
            fields(each, at, "id", "weight", "value")
            items.append(Item(name(each["id"], f"{at}.id"), whole(each["weight"], f"{at}.weight"),
                              whole(each["value"], f"{at}.value")))  # fmt: skip
        by_id = {each.id: each for each in items}
        if len(by_id) < len(items):
            raise TruthError(f"problem.items: {twice([each.id for each in items])!r} stands there twice")
        pairs = tuple(pair(each, by_id, f"problem.apart[{n}]") for n, each in enumerate(problem.get("apart") or []))
        return cls(whole(problem.get("capacity"), "problem.capacity"), by_id, pairs, best_of(problem))

    def breach(self, answer: Mapping[str, Any]) -> Breach | None:
        found = form(answer, "items", "value") or ids(answer["items"], self.items, "answer.items")
        if found is not None:
            return found
        chosen = answer["items"]
        if len(set(chosen)) < len(chosen):
            return Breach("once", "answer.items", f"{twice(chosen)!r} stands there twice")
        weight = sum(self.items[each].weight for each in chosen)
        if weight > self.capacity:
            return Breach("capacity", "answer.items", f"a weight of {weight}; {self.capacity} is the most")
        for one, other in self.apart:
            if one in chosen and other in chosen:
                return Breach("apart", "answer.items", f"{one!r} and {other!r} together")
        return claimed(answer, "value", self.worth(answer))

    def worth(self, answer: Mapping[str, Any]) -> int:
        return sum(self.items[each].value for each in answer["items"])


class Step(NamedTuple):
    machine: str
    minutes: int


@dataclass(frozen=True, slots=True)
class Schedule:
    jobs: Mapping[str, tuple[Step, ...]]
    deadline: int | None
    best: int | None
    sense: Literal["least"] = "least"

    @classmethod
    def read(cls, problem: Mapping[str, Json]) -> Schedule:
        known(problem, "jobs", "deadline", "best")
        jobs: dict[str, tuple[Step, ...]] = {}
        for number, each in enumerate(listed(problem, "jobs", 1)):
            at = f"problem.jobs[{number}]"
            fields(each, at, "id", "tasks")
            if not isinstance(each["tasks"], list) or not each["tasks"]:
                raise TruthError(f"{at}.tasks: a list of tasks would be right")
            steps = []
            for place, step in enumerate(each["tasks"]):
                fields(step, f"{at}.tasks[{place}]", "machine", "minutes")
                minutes = whole(step["minutes"], f"{at}.tasks[{place}].minutes", 1)
                steps.append(Step(name(step["machine"], f"{at}.tasks[{place}].machine"), minutes))
            key = name(each["id"], f"{at}.id")
            if key in jobs:
                raise TruthError(f"{at}.id: {key!r} stands there twice")
            jobs[key] = tuple(steps)
        if sum(map(len, jobs.values())) > MOST:
            raise TruthError(f"problem.jobs: at most {MOST} tasks would be right")
        deadline = problem.get("deadline")
        return cls(jobs, None if deadline is None else whole(deadline, "problem.deadline"), best_of(problem))

    def breach(self, answer: Mapping[str, Any]) -> Breach | None:
        found = form(answer, "starts", "makespan") or keyed(answer["starts"], self.jobs, "answer.starts")
        if found is not None:
            return found
        busy: dict[str, list[tuple[int, int, str]]] = {}
        for job, steps in self.jobs.items():
            starts, path = answer["starts"][job], at_key("answer.starts", job)
            if not isinstance(starts, list) or len(starts) != len(steps) or not all(is_whole(each) for each in starts):
                return Breach("form", path, f"a list of {len(steps)} whole numbers is wanted", is_form=True)
            free = 0
            for number, (start, step) in enumerate(zip(starts, steps, strict=True)):
                if start < free:
                    what = "before minute 0" if number == 0 else f"before the job's last task ends, at {free}"
                    return Breach("order", f"{path}[{number}]", f"begins at {start}, {what}")
                free = start + step.minutes
                busy.setdefault(step.machine, []).append((start, free, f"{path}[{number}]"))
        for machine, taken in busy.items():
            taken.sort()
            for one, other in pairwise(taken):
                if other[0] < one[1]:
                    return Breach("machine", other[2], f"{machine} is busy until {one[1]} ({one[2]})")
        makespan = self.worth(answer)
        if self.deadline is not None and makespan > self.deadline:
            return Breach("deadline", "answer.starts", f"ends at {makespan}; {self.deadline} is the latest")
        return claimed(answer, "makespan", makespan)

    def worth(self, answer: Mapping[str, Any]) -> int:
        return max(int(answer["starts"][job][-1]) + steps[-1].minutes for job, steps in self.jobs.items())


@dataclass(frozen=True, slots=True)
class Colouring:
    nodes: Mapping[str, int]
    edges: tuple[tuple[str, str], ...]
    colours: int | None
    best: int | None
    sense: Literal["least"] = "least"

    @classmethod
    def read(cls, problem: Mapping[str, Json]) -> Colouring:
        known(problem, "nodes", "edges", "colours", "best")
        nodes = [name(each, f"problem.nodes[{n}]") for n, each in enumerate(listed(problem, "nodes", 1))]
        by_name = {each: at for at, each in enumerate(nodes)}
        if len(by_name) < len(nodes):
            raise TruthError(f"problem.nodes: {twice(nodes)!r} stands there twice")
        given = problem.get("edges")
        if not isinstance(given, list) or len(given) > 10 * MOST:
            raise TruthError(f"problem.edges: a list of at most {10 * MOST} pairs would be right")
        edges = tuple(pair(each, by_name, f"problem.edges[{n}]") for n, each in enumerate(given))
        colours = problem.get("colours")
        return cls(by_name, edges, None if colours is None else whole(colours, "problem.colours", 1), best_of(problem))

    def breach(self, answer: Mapping[str, Any]) -> Breach | None:
        found = form(answer, "colours", "used") or keyed(answer["colours"], self.nodes, "answer.colours")
        if found is not None:
            return found
        for node in self.nodes:
            colour = answer["colours"][node]
            if not is_whole(colour) or colour < 1:
                return Breach("form", at_key("answer.colours", node), "a whole number from 1 is wanted", is_form=True)
            if self.colours is not None and colour > self.colours:
                return Breach("colours", at_key("answer.colours", node), f"{colour}; there are {self.colours}")
        for one, other in self.edges:
            if answer["colours"][one] == answer["colours"][other]:
                return Breach("edge", at_key("answer.colours", other), f"{one!r} and {other!r} are neighbours")
        return claimed(answer, "used", self.worth(answer))

    def worth(self, answer: Mapping[str, Any]) -> int:
        return len(set(answer["colours"].values()))


@dataclass(frozen=True, slots=True)
class Sudoku:
    size: int
    box: tuple[int, int]
    givens: tuple[tuple[int, ...], ...]
    diagonals: bool
    cages: tuple[tuple[tuple[tuple[int, int], ...], int], ...]
    best: None = None
    sense: Literal[""] = ""

    @classmethod
    def read(cls, problem: Mapping[str, Json]) -> Sudoku:
        known(problem, "size", "box", "givens", "diagonals", "cages")
        size = whole(problem.get("size"), "problem.size", 1)
        box = problem.get("box")
        if (
            size > 36
            or not isinstance(box, list)
            or len(box) != 2
            or not all(is_whole(each) and each > 0 for each in box)
        ):
            raise TruthError("problem.box: [rows, columns] of a box would be right, of a grid of at most 36")
        if box[0] * box[1] != size:
            raise TruthError(f"problem.box: {box[0]} by {box[1]} is no box of {size} cells")
        grid = problem.get("givens")
        if not is_grid(grid, size, 0):
            raise TruthError(f"problem.givens: {size} rows of {size} numbers from 0 (a blank) to {size} would be right")
        if not isinstance(problem.get("diagonals", False), bool):
            raise TruthError("problem.diagonals: true or false would be right")
        cages = []
        for number, each in enumerate(problem.get("cages") or []):
            at = f"problem.cages[{number}]"
            fields(each, at, "cells", "sum")
            cells = each["cells"]
            if not isinstance(cells, list) or not cells or not all(
                isinstance(cell, list) and len(cell) == 2 and all(is_whole(n) and 0 <= n < size for n in cell) for cell in cells
            ):  # fmt: skip
                raise TruthError(f"{at}.cells: [row, column] pairs from 0 would be right")
            cages.append((tuple((row, column) for row, column in cells), whole(each["sum"], f"{at}.sum")))
        return cls(size, (box[0], box[1]), tuple(map(tuple, grid)), problem.get("diagonals", False), tuple(cages))  # type: ignore[arg-type]

    def breach(self, answer: Mapping[str, Any]) -> Breach | None:
        found = form(answer, "grid")
        if found is not None:
            return found
        grid = answer["grid"]
        if not is_grid(grid, self.size, 1):
            detail = f"{self.size} rows of {self.size} numbers from 1 to {self.size} are wanted"
            return Breach("form", "answer.grid", detail, is_form=True)
        for row, line in enumerate(self.givens):
            for column, given in enumerate(line):
                if given and grid[row][column] != given:
                    return Breach("givens", f"answer.grid[{row}][{column}]", f"{given} is given there")
        for rule, cells in self.units():
            values = [grid[row][column] for row, column in cells]
            if len(set(values)) < len(values):
                at = values.index(twice(values))
                row, column = cells[at]
                return Breach(rule, f"answer.grid[{row}][{column}]", f"{values[at]} stands there twice")
        for number, (cells, total) in enumerate(self.cages):
            found_total = sum(grid[row][column] for row, column in cells)
            if found_total != total:
                return Breach("cage", f"answer.grid[{cells[0][0]}][{cells[0][1]}]", f"cage {number} adds up to {found_total}, not {total}")  # fmt: skip
        return None

    def units(self) -> Iterator[tuple[str, tuple[tuple[int, int], ...]]]:
        """What holds every number once: rows, columns, boxes, diagonals and cages."""
        every = range(self.size)
        yield from (("row", tuple((row, column) for column in every)) for row in every)
        yield from (("column", tuple((row, column) for row in every)) for column in every)
        tall, wide = self.box
        for top in range(0, self.size, tall):
            for left in range(0, self.size, wide):
                yield "box", tuple((top + row, left + column) for row in range(tall) for column in range(wide))
        if self.diagonals:
            yield "diagonal", tuple((each, each) for each in every)
            yield "diagonal", tuple((each, self.size - 1 - each) for each in every)
        yield from (("cage", cells) for cells, _ in self.cages)

    def worth(self, answer: Mapping[str, Any]) -> int:
        return 0


PUZZLES: Mapping[str, type[Knapsack | Schedule | Colouring | Sudoku]] = {
    "knapsack": Knapsack,
    "schedule": Schedule,
    "colouring": Colouring,
    "sudoku": Sudoku,
}


def read_puzzle(problem: Json) -> Puzzle:
    """Raises TruthError."""
    kind = problem.get("kind") if isinstance(problem, Mapping) else None
    if not isinstance(kind, str) or kind not in PUZZLES:
        near = did_you_mean(kind, PUZZLES) if isinstance(kind, str) else ""
        raise TruthError(f"problem.kind: one of {', '.join(PUZZLES)} would be right, not {kind!r}{near}"[:300])
    return PUZZLES[kind].read({key: each for key, each in problem.items() if key != "kind"})
