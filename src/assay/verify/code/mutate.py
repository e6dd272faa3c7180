"""How good a task's tests are: its reference solution must pass them, and changed ones should fail.

A mutant is the reference with one small change: a comparison, an arithmetic operator, a constant, a boolean, a condition,
a returned value. A mutant that passes shows what the tests do not look at, before a policy is trained to find it. Some
mutants are equal to the reference and live rightly, so their number is a hint and no verdict.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

from assay.core.types import Reason
from assay.sandbox.program import shared_sandbox
from assay.verify.code.truth import CodeTruth
from assay.verify.code.verifier import run_tests

MOST_MUTANTS = 24

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """`change` says what was changed, with its line in the reference."""

    source: str
    change: str


@dataclass(frozen=True, slots=True)
class ReferenceReport:
    """`failure` is why the reference itself failed its tests (None: it passed); `living` the mutants that passed."""

    failure: Reason | None
    mutants: int = 0
    living: tuple[Mutant, ...] = ()


def check_reference(truth: CodeTruth, most: int = MOST_MUTANTS) -> ReferenceReport | None:
    """Run the reference and at most `most` of its mutants; None where the truth has none. Raises EnvironmentFault."""
    if truth.reference is None:
        return None
    sandbox = shared_sandbox()
    failure = run_tests(sandbox, truth, truth.reference, truth.tests).reason
    if failure is not None or truth.language != "python":
        return ReferenceReport(failure)
    tried = spread(list(mutants(truth.reference)), most)
    living = [each for each in tried if run_tests(sandbox, truth, each.source, truth.tests).reason is None]
    return ReferenceReport(None, len(tried), tuple(living))


def spread(found: list[Mutant], most: int) -> list[Mutant]:
    """At most so many, evenly over the source, the same ones always."""
    if len(found) <= most:
        return found
    return [found[index * len(found) // most] for index in range(most)]


def mutants(source: str) -> Iterator[Mutant]:
    """Every single change, in the source's order. Nothing for a source that is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    original = ast.unparse(tree)
    for index, node in enumerate(ast.walk(tree)):
        if _can_change(node):
            changed = copy.deepcopy(tree)
            target = next(each for i, each in enumerate(ast.walk(changed)) if i == index)
            change = _change(target)
            text = ast.unparse(changed)
            if text != original:
                yield Mutant(text, f"line {getattr(node, 'lineno', 0)}: {change}")


def _can_change(node: ast.AST) -> bool:
    match node:
        case ast.Compare() | ast.BinOp() | ast.BoolOp() | ast.AugAssign() | ast.If() | ast.While():
            return True
        case ast.Constant(value=bool() | int() | float()):
            return True
        case ast.Return(value=value) if value is not None:
            return True
        case ast.UnaryOp(op=ast.Not()):
            return True
    return False


def _change(node: ast.AST) -> str:
    """Change the node in place, and say how."""
    match node:
        case ast.Compare(ops=[first, *_]) if type(first) in COMPARISONS:
            node.ops[0] = COMPARISONS[type(first)]()
            return f"{type(first).__name__} to {type(node.ops[0]).__name__}"
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            node.op = OPERATORS[type(op)]()
            return f"{type(op).__name__} to {type(node.op).__name__}"
        case ast.BoolOp(op=op):
            node.op = ast.Or() if isinstance(op, ast.And) else ast.And()
            return f"{type(op).__name__} to {type(node.op).__name__}"
        case ast.If(test=test) | ast.While(test=test):
            node.test = ast.UnaryOp(ast.Not(), test)
            ast.fix_missing_locations(node)
            return "the condition negated"
        case ast.Constant(value=bool() as value):
            node.value = not value
            return f"{value} to {not value}"
        case ast.Constant(value=(int() | float()) as value):
            node.value = value + 1
            return f"{value} to {value + 1}"
        case ast.Return():
            node.value = ast.Constant(None)
            return "returns None"
        case ast.UnaryOp(operand=operand):
            node.op = ast.UAdd()
            node.operand = ast.Call(ast.Name("bool", ast.Load()), [operand], [])
            ast.fix_missing_locations(node)
            return "not removed"
    return ""
