"""Logic by solver: formulas, models and counterexamples, judged by z3 on our own terms and by exact substitution.

The truth is `{"ask": ..., "declarations": {name: "Bool" | "Int" | "Real"}, "premises": [formulas], ...}`:

| `ask`            | further keys | the answer is right when                                                          |
|------------------|--------------|-----------------------------------------------------------------------------------|
| `entails`        | `conclusion` | it is a formula that the premises entail and that entails the conclusion         |
| `equivalent`     | `formula`    | it is a formula equivalent to that one, given the premises                        |
| `model`          |              | it gives every name a value, and all premises hold (no solver is asked)           |
| `counterexample` | `claim`      | the same, and the claim does not hold                                             |
| `satisfiable`    |              | it is such a model; or the word `unsat`, and there is none                        |

`field` (default `whole_text`) says where the answer stands; `vocabulary` (for the first two) which names it may use;
`logic` (`QF_LIA`, ...) refuses products of unknowns in linear logics. The grammar is `formula.py`'s. A solver that does
not know is FAIL `undecided`; a difference it claims is shown in the evidence and was checked by substitution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed, voided
from assay.verify.extract import FIELDS, extract
from assay.verify.proof.formula import (
    RESERVED,
    FormulaError,
    Node,
    Sort,
    Value,
    evaluate,
    is_linear,
    parse_formula,
    parse_model,
)
from assay.verify.proof.solver import MISSING, Solved, load_z3, solve

TARGETS: Mapping[str, str | None] = {
    "entails": "conclusion",
    "equivalent": "formula",
    "model": None,
    "counterexample": "claim",
    "satisfiable": None,
}
KEYS = ("ask", "logic", "declarations", "premises", "conclusion", "formula", "claim", "field", "vocabulary")
LOGICS = ("QF_UF", "QF_LIA", "QF_LRA", "QF_LIRA", "QF_NIA", "QF_NRA", "QF_NIRA", "ALL")
SORTS = ("Bool", "Int", "Real")


@dataclass(frozen=True, slots=True)
class SmtTruth:
    ask: str
    names: Mapping[str, Sort]
    premises: tuple[Node, ...]
    target: Node | None
    field: str
    vocabulary: Mapping[str, Sort]
    linear: bool


class SmtVerifier:
    name = "smt"
    version = "1"

    def read(self, truth: Json) -> SmtTruth:
        return read_truth(truth)

    def warm(self) -> None:
        load_z3()

    def check(self, truth: SmtTruth, response: str, prompt: str = "") -> Finding:
        z3 = load_z3()
        if z3 is None and truth.ask not in ("model", "counterexample"):
            return voided(Reason.PROVER_MISSING, error=MISSING)
        field = extract(response, truth.field)
        if field.text is None:
            return failed(field.reason or Reason.NO_ANSWER)
        try:
            if truth.ask in ("entails", "equivalent"):
                answer = parse_formula(field.text, truth.vocabulary)
                if truth.linear and not is_linear(answer):
                    return failed(Reason.MALFORMED, field.text, why="a product of unknowns in a linear logic")
                return _check_formula(z3, truth, field.text, answer)
            if truth.ask == "satisfiable" and field.text.strip().lower() in ("unsat", "unsatisfiable"):
                return _check_unsat(z3, truth, field.text)
            return _check_model(truth, field.text, parse_model(field.text, truth.names))
        except FormulaError as error:
            return failed(Reason.MALFORMED, field.text[:200], why=str(error))


def _check_model(truth: SmtTruth, text: str, model: Mapping[str, Value]) -> Finding:
    for number, premise in enumerate(truth.premises, 1):
        if not evaluate(premise, model):
            return failed(Reason.WRONG_VALUE, text, why=f"premise {number} does not hold")
    if truth.target is not None and evaluate(truth.target, model):
        return failed(Reason.WRONG_VALUE, text, why="the claim holds there")
    return passed(text)


def _check_unsat(z3: Any, truth: SmtTruth, text: str) -> Finding:
    solved = solve(z3, truth.premises, truth.names)
    if solved.answer == "unsat":
        return passed(text)
    if solved.answer == "unknown":
        return failed(Reason.UNDECIDED, text, why=solved.why)
    return failed(Reason.WRONG_VALUE, text, why="there is a model", model=_shown(solved))


def _check_formula(z3: Any, truth: SmtTruth, text: str, answer: Node) -> Finding:
    assert truth.target is not None
    if truth.ask == "equivalent":
        asked = [("it differs", Node("xor", "Bool", (answer, truth.target)))]
    else:
        asked = [
            ("the premises do not entail it", Node("not", "Bool", (answer,))),
            ("it does not entail the conclusion", Node("and", "Bool", (answer, Node("not", "Bool", (truth.target,))))),
        ]
    for number, (what, question) in enumerate(asked):
        # the second question is about the answer alone: what it leaves out, the premises must not fill in
        formulas = (*truth.premises, question) if number == 0 else (question,)
        solved = solve(z3, formulas, truth.names)
        if solved.answer == "unknown":
            return failed(Reason.UNDECIDED, text, why=solved.why)
        if solved.answer == "sat":
            if solved.model is not None and not all(evaluate(each, solved.model) for each in formulas):
                return failed(Reason.UNDECIDED, text, why="the solver's own model does not hold")
            return failed(Reason.WRONG_VALUE, text, why=what, model=_shown(solved))
    return passed(text)


def _shown(solved: Solved) -> dict[str, Json] | None:
    if solved.model is None:
        return None
    return {name: value if isinstance(value, bool) else str(value) for name, value in list(solved.model.items())[:20]}


def read_truth(truth: Json) -> SmtTruth:
    """Raises TruthError."""
    if not isinstance(truth, dict) or truth.get("ask") not in TARGETS:
        raise TruthError(f"smt: ask: one of {', '.join(TARGETS)} would be right")
    for key in truth:
        if key not in KEYS:
            raise TruthError(f"smt: unknown key {key!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}")
    ask, logic, field = truth["ask"], truth.get("logic", "ALL"), truth.get("field", "whole_text")
    if logic not in LOGICS:
        raise TruthError(f"smt: logic: {logic!r} is none of {', '.join(LOGICS)}")
    if field not in FIELDS:
        raise TruthError(f"smt: field: {field!r} is none of {', '.join(FIELDS)}")
    names = _read_names(truth.get("declarations"))
    premises, wanted = truth.get("premises", []), TARGETS[ask]
    if not isinstance(premises, list) or not all(isinstance(each, str) for each in premises):
        raise TruthError("smt: premises: a list of formulas would be right")
    for key in ("conclusion", "formula", "claim"):
        if (key == wanted) != isinstance(truth.get(key), str):
            raise TruthError(
                f"smt: {ask!r} takes {wanted or 'no target'}, and {key} is "
                + ("missing" if key == wanted else "not it")
            )
    if ask in ("model", "satisfiable") and not premises:
        raise TruthError(f"smt: {ask!r} without premises: anything would do")
    vocabulary = truth.get("vocabulary", list(names))
    if not isinstance(vocabulary, list) or not all(each in names for each in vocabulary):
        raise TruthError("smt: vocabulary: a list of declared names would be right")
    try:
        read = tuple(parse_formula(each, names) for each in premises)
        target = parse_formula(truth[wanted], names) if wanted else None
    except FormulaError as error:
        raise TruthError(f"smt: a formula of the truth cannot be read: {error}") from error
    _check_premises(ask, read, target, names)
    return SmtTruth(
        ask, names, read, target, field, {each: names[each] for each in vocabulary}, "L" in logic and logic != "ALL"
    )


def _check_premises(ask: str, premises: tuple[Node, ...], target: Node | None, names: Mapping[str, Sort]) -> None:
    """Premises that contradict each other entail everything, and nothing could be judged by them. Raises TruthError."""
    z3 = load_z3()
    if z3 is None or ask not in ("entails", "equivalent") or target is None:
        return
    if premises and solve(z3, premises, names).answer == "unsat":
        raise TruthError("smt: premises: they contradict each other")
    if ask == "entails" and solve(z3, (*premises, Node("not", "Bool", (target,))), names).answer == "sat":
        raise TruthError("smt: conclusion: the premises do not entail it, so that no answer could be right")


def _read_names(declarations: Json) -> dict[str, Sort]:
    if not isinstance(declarations, dict) or not declarations:
        raise TruthError('smt: declarations: {"x": "Int", "p": "Bool", "y": "Real"} would be right')
    for name, sort in declarations.items():
        if sort not in SORTS:
            raise TruthError(f"smt: declarations: {name}: {sort!r} is none of {', '.join(SORTS)}")
        if not name.isidentifier() or not name.isascii() or name in RESERVED:
            raise TruthError(f"smt: declarations: {name!r} is no name")
    return dict(declarations)
