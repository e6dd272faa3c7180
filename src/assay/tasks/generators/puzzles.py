"""What the constraint puzzles share: told in words, answered by one JSON object, judged by `constraint`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from assay.core.types import Json
from assay.tasks.generators.drawn import Posed
from assay.tasks.generators.scenarios import ASK, CONTRACT, need_solver
from assay.verify.structured.optimum import best_answer
from assay.verify.structured.puzzles import read_puzzle


def posed(
    text: str, form: Json, problem: Mapping[str, Json], ask: str, reference: Json, tags: Sequence[str] = ()
) -> Posed:
    """`text` tells the problem; `form` is the shape of an answer, shown in the prompt."""
    return Posed(
        f"{text}\n\n{ASK}\n{json.dumps(form)}",
        {"problem": dict(problem), "ask": ask, "contract": dict(CONTRACT), "reference": reference},
        f"```json\n{json.dumps(reference)}\n```",
        ("best", *tags) if ask == "optimal" else tuple(tags),
    )


def certified(problem: Mapping[str, Json], value: str) -> tuple[dict[str, Json], dict[str, Json]]:
    """The problem with its certified best value, and an answer that has it; `value`: where the answer says it."""
    answer = best_answer(read_puzzle(dict(problem)))
    return {**problem, "best": answer[value]}, answer


def need_solver_at(level: int, least: int, name: str) -> None:
    """Raises MissingExtra where a level needs ortools and it is not installed."""
    if level >= least:
        need_solver(f"{name} at level {level}")
