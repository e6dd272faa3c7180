"""The `constraint` verifier: an answer that keeps every rule of a problem, and is the best one where that is asked for.

    {"problem": {"kind": "knapsack"|"schedule"|"colouring"|"sudoku", ...}, "ask": "feasible"|"optimal"}

The answer is one JSON object (`document`, under the same contract as `structured`). Feasible and optimal are two rules:
first every constraint is recomputed from the problem (`puzzles`), then the value is held against the best one. That is
`problem.best` where the truth states it, else what CP-SAT finds and certifies when the truth is read (`optimum`). An answer
better than a stated best passes: it is feasible, and the statement was wrong. `contract` and `reference` (a right answer,
never shown to the policy) are as in `structured`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed
from assay.verify.structured.document import Malformed, read_document
from assay.verify.structured.puzzles import Puzzle, read_puzzle
from assay.verify.structured.reply import Contract, cut_document, read_contract
from assay.verify.structured.verifier import KIND

KEYS = ("problem", "ask", "contract", "reference")
ASKS = ("feasible", "optimal")
SHOWN = 2000  # characters of the document kept in a verdict


@dataclass(frozen=True, slots=True)
class ConstraintTruth:
    """`best`: the best value there is, where it is asked for."""

    puzzle: Puzzle
    best: int | None
    contract: Contract


class ConstraintVerifier:
    name = "constraint"
    version = "1"

    def read(self, truth: Json) -> ConstraintTruth:
        if not isinstance(truth, Mapping):
            raise TruthError(f"a constraint truth is an object with {', '.join(KEYS)}, not {truth!r}"[:200])
        for key in truth:
            if key not in KEYS:
                raise TruthError(f"unknown key {key!r} in a constraint truth{did_you_mean(key, KEYS)}")
        ask = truth.get("ask", "feasible")
        if ask not in ASKS:
            near = did_you_mean(ask, ASKS) if isinstance(ask, str) else ""
            raise TruthError(f"ask: feasible or optimal would be right, not {ask!r}{near}"[:200])
        if not isinstance(truth.get("reference", {}), Mapping):
            raise TruthError("reference: a right answer, as a JSON object, would be right")
        puzzle = read_puzzle(truth.get("problem"))
        contract = read_contract(truth.get("contract"), KIND)
        if ask == "feasible":
            return ConstraintTruth(puzzle, None, contract)
        if not puzzle.sense:
            raise TruthError("ask: this problem has no objective; feasible would be right")
        return ConstraintTruth(puzzle, certified_best(puzzle) if puzzle.best is None else puzzle.best, contract)

    def check(self, truth: ConstraintTruth, response: str, prompt: str = "") -> Finding:
        cut = cut_document(response, truth.contract)
        if cut.text is None:
            return failed(cut.reason or Reason.MALFORMED, None, rule="contract", path="", detail=cut.detail)
        text = cut.text.strip(" \t\r\n")
        try:
            answer = read_document(text, truth.contract.max_depth).value
        except Malformed as error:
            return failed(Reason.MALFORMED, text[:SHOWN], rule="contract", path="", detail=str(error))
        return concluded(truth, answer, text[:SHOWN])


def concluded(truth: ConstraintTruth, answer: Mapping[str, Any], text: str) -> Finding:
    found = truth.puzzle.breach(answer)
    if found is not None:
        reason = Reason.WRONG_FORM if found.is_form else Reason.WRONG_VALUE
        return failed(reason, text, rule=found.rule, path=found.path, detail=found.detail)
    if truth.best is None:
        return passed(text)
    worth = truth.puzzle.worth(answer)
    is_best = worth <= truth.best if truth.puzzle.sense == "least" else worth >= truth.best
    if not is_best:
        return failed(Reason.WRONG_VALUE, text, rule="optimal", path="answer", detail=f"{worth} where {truth.best} can be had")  # fmt: skip
    return passed(text, worth=worth, best=truth.best)


def certified_best(puzzle: Puzzle) -> int:
    """Raises TruthError where no answer is feasible, and MissingExtra without ortools."""
    from assay.verify.structured.optimum import best_answer

    return puzzle.worth(best_answer(puzzle))
