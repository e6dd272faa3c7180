"""The best of all plans, found and certified by CP-SAT (ortools, extra `constraint`).

A certificate is the solver's status OPTIMAL with the bound equal to the objective: no plan is cheaper, whatever was
drawn. Everything is in whole numbers, so nothing is rounded on the way. One worker and a fixed seed, so that the same
plan is found each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, CpSolver


def solve(model: CpModel) -> tuple[CpSolver, int]:
    """The solver with its values, and the least objective."""
    from ortools.sat.python import cp_model

    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 0
    status = solver.solve(model)
    best, bound = round(solver.objective_value), round(solver.best_objective_bound)
    if status != cp_model.OPTIMAL or best != bound:
        raise AssertionError(f"a plan that was drawn feasible came out {solver.status_name(status)}")
    return solver, best
