"""Our formulas in z3's own terms, built one by one: no text of a response is ever parsed by the solver.

Every question gets a context of its own, with a deadline. `unknown` is an answer, and never the one that pays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from assay.verify.proof.formula import Node, Sort, Value

MISSING = "no z3 on this machine: pip install 'assay[proofs]' brings it"
SOLVE_SECONDS = 2.0
SOLVE_MEGABYTES = 1024

Answer = Literal["sat", "unsat", "unknown"]


class Solved(NamedTuple):
    """`model` when sat: a value for every name, to be checked by substitution; None when it has one we cannot write."""

    answer: Answer
    model: Mapping[str, Value] | None = None
    why: str = ""


def load_z3() -> Any | None:
    try:
        import z3
    except ImportError:
        return None
    return z3


def solve(z3: Any, formulas: Iterable[Node], names: Mapping[str, Sort], seconds: float = SOLVE_SECONDS) -> Solved:
    """Is there a model of all the formulas?"""
    context = z3.Context()
    solver = z3.Solver(ctx=context)
    solver.set("timeout", int(seconds * 1000))
    solver.set("max_memory", SOLVE_MEGABYTES)
    made = {"Bool": z3.Bool, "Int": z3.Int, "Real": z3.Real}
    terms = {name: made[sort](name, context) for name, sort in names.items()}
    try:
        for each in formulas:
            solver.add(_term(z3, each, terms, context))
        answer = str(solver.check())
        if answer == "unsat":
            return Solved("unsat")
        if answer != "sat":
            return Solved("unknown", why=solver.reason_unknown())
        return Solved("sat", _model(z3, solver.model(), terms, names))
    except z3.Z3Exception as error:
        return Solved("unknown", why=f"{error}"[:200])


def _term(z3: Any, node: Node, terms: Mapping[str, Any], context: Any) -> Any:
    done: dict[int, Any] = {}
    waiting = [(node, False)]
    while waiting:
        each, is_ready = waiting.pop()
        if id(each) in done:
            continue
        if is_ready or not each.args:
            done[id(each)] = _apply(z3, each, [done[id(arg)] for arg in each.args], terms, context)
        else:
            waiting.append((each, True))
            waiting.extend((arg, False) for arg in each.args)
    return done[id(node)]


def _apply(z3: Any, node: Node, args: list[Any], terms: Mapping[str, Any], context: Any) -> Any:
    if node.op == "name":
        return terms[str(node.value)]
    if node.op == "value":
        if isinstance(node.value, bool):
            return z3.BoolVal(node.value, context)
        assert isinstance(node.value, Fraction)
        text = f"{node.value.numerator}/{node.value.denominator}"
        return z3.RealVal(text, context) if node.sort == "Real" else z3.IntVal(node.value.numerator, context)
    if node.op == "ite" and node.sort == "Real":
        args[1:] = [z3.ToReal(each) if each.is_int() else each for each in args[1:]]
    elif node.op not in _BOOLEAN and any(each.sort == "Real" for each in (node, *node.args)):
        args = [z3.ToReal(each) if each.is_int() else each for each in args]
    return _OPERATORS[node.op](z3, *args)


_BOOLEAN = frozenset({"not", "and", "or", "xor", "->", "<->", "ite"})
_OPERATORS: Mapping[str, Any] = {
    "not": lambda z3, a: z3.Not(a),
    "and": lambda z3, a, b: z3.And(a, b),
    "or": lambda z3, a, b: z3.Or(a, b),
    "xor": lambda z3, a, b: z3.Xor(a, b),
    "->": lambda z3, a, b: z3.Implies(a, b),
    "<->": lambda z3, a, b: a == b,
    "ite": lambda z3, c, a, b: z3.If(c, a, b),
    "=": lambda z3, a, b: a == b,
    "!=": lambda z3, a, b: a != b,
    "<": lambda z3, a, b: a < b,
    "<=": lambda z3, a, b: a <= b,
    ">": lambda z3, a, b: a > b,
    ">=": lambda z3, a, b: a >= b,
    "+": lambda z3, a, b: a + b,
    "-": lambda z3, a, b: a - b,
    "*": lambda z3, a, b: a * b,
    "/": lambda z3, a, b: a / b,
    "neg": lambda z3, a: -a,
    "div": lambda z3, a, b: a / b,  # of two Ints: SMT-LIB's div, which is the floor for a divisor above 0
    "mod": lambda z3, a, b: a % b,
}


def _model(z3: Any, model: Any, terms: Mapping[str, Any], names: Mapping[str, Sort]) -> dict[str, Value] | None:
    found: dict[str, Value] = {}
    for name, term in terms.items():
        value = model.eval(term, model_completion=True)
        if names[name] == "Bool":
            found[name] = bool(z3.is_true(value))
        elif z3.is_int_value(value):
            found[name] = Fraction(value.as_long())
        elif z3.is_rational_value(value):
            found[name] = Fraction(value.numerator_as_long(), value.denominator_as_long())
        else:  # an algebraic number: a root, which we cannot substitute exactly
            return None
    return found
