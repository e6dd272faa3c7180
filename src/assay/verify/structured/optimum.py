"""The best of all answers, found and certified by CP-SAT (ortools, extra `constraint`).

A certificate is the solver's status OPTIMAL with the bound equal to the objective: no answer is better. Everything is in
whole numbers, so nothing is rounded on the way. One worker and a fixed seed, so that the same answer is found each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.core.errors import MissingExtra, TruthError
from assay.verify.structured.puzzles import Colouring, Knapsack, Puzzle, Schedule, Sudoku

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, CpSolver

SECONDS = 30.0


def solve(model: CpModel) -> tuple[CpSolver, int]:
    """The solver with its values, and the least (or greatest) objective. For models that are feasible by construction."""
    solver, status = _solved(model)
    best, bound = round(solver.objective_value), round(solver.best_objective_bound)
    if status != "OPTIMAL" or best != bound:
        raise AssertionError(f"a plan that was drawn feasible came out {status}")
    return solver, best


def best_answer(puzzle: Puzzle) -> dict[str, Any]:
    """A best answer of a problem that has an objective, any right one of a problem that has none. Raises TruthError where
    there is none, or where none could be certified in time, and MissingExtra without ortools."""
    try:
        from ortools.sat.python import cp_model
    except ModuleNotFoundError:
        raise MissingExtra("ortools", "constraint", "the best answer to a constraint problem") from None
    model = cp_model.CpModel()
    if isinstance(puzzle, Knapsack):
        return _knapsack(model, puzzle)
    if isinstance(puzzle, Schedule):
        return _schedule(model, puzzle)
    if isinstance(puzzle, Colouring):
        return _colouring(model, puzzle)
    if isinstance(puzzle, Sudoku):
        return sudoku_answers(puzzle, 1)[0]
    raise TruthError(f"problem: no best answer is known of a {type(puzzle).__name__}")


def sudoku_answers(puzzle: Sudoku, most: int) -> list[dict[str, Any]]:
    """Up to `most` different grids. Raises TruthError where there is none."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    every = range(puzzle.size)
    cells = {(row, column): model.new_int_var(1, puzzle.size, "") for row in every for column in every}
    for (row, column), cell in cells.items():
        if puzzle.givens[row][column]:
            model.add(cell == puzzle.givens[row][column])
    for _, unit in puzzle.units():
        model.add_all_different(cells[each] for each in unit)
    for inside, total in puzzle.cages:
        model.add(sum(cells[each] for each in inside) == total)
    found: list[dict[str, Any]] = []
    while len(found) < most:
        solver, status = _solved(model)
        if status not in ("OPTIMAL", "FEASIBLE"):
            break
        grid = [[solver.value(cells[row, column]) for column in every] for row in every]
        found.append({"grid": grid})
        differs = []
        for (row, column), cell in cells.items():
            if not puzzle.givens[row][column]:
                other = model.new_bool_var("")
                model.add(cell != grid[row][column]).only_enforce_if(other)
                differs.append(other)
        model.add_bool_or(differs)
    if not found:
        raise TruthError("problem: no answer is feasible")
    return found


def _knapsack(model: CpModel, puzzle: Knapsack) -> dict[str, Any]:
    taken = {each: model.new_bool_var(each) for each in puzzle.items}
    model.add(sum(each.weight * taken[each.id] for each in puzzle.items.values()) <= puzzle.capacity)
    for one, other in puzzle.apart:
        model.add_at_most_one(taken[one], taken[other])
    model.maximize(sum(each.value * taken[each.id] for each in puzzle.items.values()))
    solver = _best(model)
    chosen = [each for each in puzzle.items if solver.boolean_value(taken[each])]
    return {"items": chosen, "value": puzzle.worth({"items": chosen})}


def _schedule(model: CpModel, puzzle: Schedule) -> dict[str, Any]:
    latest = sum(step.minutes for steps in puzzle.jobs.values() for step in steps)
    latest = latest if puzzle.deadline is None else min(latest, puzzle.deadline)
    starts: dict[str, list[Any]] = {}
    machines: dict[str, list[Any]] = {}
    end = model.new_int_var(0, latest, "end")
    for job, steps in puzzle.jobs.items():
        starts[job] = []
        free: Any = 0
        for step in steps:
            start = model.new_int_var(0, latest, "")
            model.add(start >= free)
            machines.setdefault(step.machine, []).append(model.new_fixed_size_interval_var(start, step.minutes, ""))
            starts[job].append(start)
            free = start + step.minutes
        model.add(end >= free)
    for intervals in machines.values():
        model.add_no_overlap(intervals)
    model.minimize(end)
    solver = _best(model)
    found = {job: [solver.value(each) for each in each_start] for job, each_start in starts.items()}
    return {"starts": found, "makespan": puzzle.worth({"starts": found})}


def _colouring(model: CpModel, puzzle: Colouring) -> dict[str, Any]:
    most = len(puzzle.nodes) if puzzle.colours is None else min(len(puzzle.nodes), puzzle.colours)
    colours = {node: model.new_int_var(1, max(1, min(most, at + 1)), node) for node, at in puzzle.nodes.items()}
    used = model.new_int_var(1, most, "used")
    for node in puzzle.nodes:
        model.add(used >= colours[node])
    for one, other in puzzle.edges:
        model.add(colours[one] != colours[other])
    model.minimize(used)
    solver = _best(model)
    found = {node: solver.value(each) for node, each in colours.items()}
    return {"colours": found, "used": puzzle.worth({"colours": found})}


def _best(model: CpModel) -> CpSolver:
    solver, status = _solved(model)
    if status in ("INFEASIBLE", "MODEL_INVALID"):
        raise TruthError("problem: no answer is feasible")
    if status != "OPTIMAL" or round(solver.objective_value) != round(solver.best_objective_bound):
        raise TruthError(f"problem: no best answer was certified within {SECONDS:g} s; state it as problem.best")
    return solver


def _solved(model: CpModel) -> tuple[CpSolver, str]:
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    solver.parameters.max_deterministic_time = SECONDS
    status = solver.solve(model)
    return solver, str(solver.status_name(status))
