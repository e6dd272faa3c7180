"""Assertions in the style of MBPP and HumanEval, turned into (arguments, expected) pairs wherever they are literal.

`assert f(1, 2) == 3` is a call and a value: the call goes into the sandbox, the value stays outside. So are `is` and `!=`
with a constant, `abs(f(x) - y) < 1e-6`, `tuple(f(x)) == tuple(y)`, `f(x)` and `not f(x)`. Constants may be written with
arithmetic (`3 * 19`, `2.0 / 3.0`), `set([...])`, `float('inf')`. Everything else is `weak`: it must run beside the
program that it judges, which can therefore forge it.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from assay.core.errors import TruthError
from assay.sandbox.encoding import Bag, NotPlain, Pairs, encode
from assay.sandbox.program import Call
from assay.verify.code.equal import Tolerance

Through = Literal["", "tuple", "list", "sorted", "set", "truth"]
WRAPPERS: tuple[Through, ...] = ("tuple", "list", "sorted", "set")
LARGEST = 1 << 20  # bits of a number, or items, that a constant's arithmetic may make


@dataclass(frozen=True, slots=True)
class Pair:
    """Call it, and compare. `through` is applied to the returned value first (`truth`: whether it is true at all);
    `is_negated`: it must not be equal."""

    call: Call
    expected: Any
    arguments: tuple[Any, ...] = ()
    tolerance: Tolerance | None = None
    through: Through = ""
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Weak:
    """Statements that run inside the sandbox; all that is known outside is that they did not raise."""

    source: str


class _NotConstant(Exception):
    pass


def read_assertion(source: str, names: Mapping[str, str]) -> Pair | Weak | None:
    """One assertion. `names` maps a name in it to the program's own (`candidate` to the entry point). None for one that
    holds whatever the program does (`assert True`). Raises TruthError for what is no Python."""
    try:
        body = ast.parse(source.strip()).body
    except (SyntaxError, ValueError) as error:
        raise TruthError(f"asserts: {source[:80]!r} is no Python ({error})") from None
    if len(body) == 1 and isinstance(body[0], ast.Assert):
        test = body[0].test
        if isinstance(test, ast.Constant):
            if not test.value:
                raise TruthError(f"asserts: {source[:80]!r} can never hold")
            return None
        try:
            return _read_test(test, names)
        except (_NotConstant, NotPlain):
            pass  # then it is weak
    return Weak("".join(f"{name} = {own}\n" for name, own in names.items()) + source)


def _read_test(test: ast.expr, names: Mapping[str, str]) -> Pair:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _pair(test.operand, names, expected=False, through="truth")
    if isinstance(test, ast.Call):
        return _pair(test, names, expected=True, through="truth")
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        raise _NotConstant
    kind, left, right = type(test.ops[0]), test.left, test.comparators[0]
    if kind in (ast.Lt, ast.LtE):
        return _read_closeness(left, right, names, is_strict=kind is ast.Lt)
    if kind in (ast.Is, ast.IsNot) and not (isinstance(right, ast.Constant) and _is_singleton(right.value)):
        raise _NotConstant
    if kind not in (ast.Eq, ast.NotEq, ast.Is, ast.IsNot):
        raise _NotConstant
    if not _calls(left):
        left, right = right, left
    through, call = _unwrap(left)
    expected = constant(right)
    return _pair(call, names, expected=expected, through=through, is_negated=kind in (ast.NotEq, ast.IsNot))


def _read_closeness(left: ast.expr, right: ast.expr, names: Mapping[str, str], *, is_strict: bool) -> Pair:
    """`abs(f(x) - y) < t`. With `<=` the bound is taken as the next float, which is the same for floats."""
    if not (isinstance(left, ast.Call) and _name(left.func) == "abs" and len(left.args) == 1 and not left.keywords):
        raise _NotConstant
    inner, limit = left.args[0], constant(right)
    if not (isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub)) or type(limit) not in (int, float):
        raise _NotConstant
    first, second = (inner.left, inner.right) if _calls(inner.left) else (inner.right, inner.left)
    expected = constant(second)
    if type(expected) not in (int, float):
        raise _NotConstant
    tolerance = Tolerance(limit if is_strict else math.nextafter(limit, math.inf), is_absolute=True)
    return _pair(first, names, expected=expected, tolerance=tolerance)


def _pair(
    call: ast.expr,
    names: Mapping[str, str],
    *,
    expected: Any,
    through: Through = "",
    tolerance: Tolerance | None = None,
    is_negated: bool = False,
) -> Pair:
    if (
        not isinstance(call, ast.Call)
        or not (name := _name(call.func))
        or any(each.arg is None for each in call.keywords)
    ):
        raise _NotConstant
    arguments = [constant(each) for each in call.args]
    keywords = {str(each.arg): constant(each.value) for each in call.keywords}
    called = Call(names.get(name, name), encode(arguments), encode(keywords))
    return Pair(called, as_expected(expected), tuple(arguments), tolerance, through, is_negated)


def as_expected(value: Any) -> Any:
    """A literal as the comparison wants it: sets and dicts as items."""
    if isinstance(value, list):
        return [as_expected(each) for each in value]
    if isinstance(value, tuple):
        return tuple(as_expected(each) for each in value)
    if isinstance(value, (set, frozenset)):
        return Bag(tuple(as_expected(each) for each in value))
    if isinstance(value, dict):
        return Pairs(tuple((as_expected(key), as_expected(each)) for key, each in value.items()))
    return value


def _unwrap(node: ast.expr) -> tuple[Through, ast.expr]:
    """`tuple(x)` as ("tuple", x)."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        for each in WRAPPERS:
            if _name(node.func) == each:
                return each, node.args[0]
    return "", node


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _calls(node: ast.expr) -> bool:
    """Whether it holds a call that is no constant's."""
    try:
        constant(node)
    except _NotConstant:
        return True
    return False


def _is_singleton(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _power(base: Any, exponent: Any) -> Any:
    if not (isinstance(exponent, (int, float)) and abs(exponent) <= 4096 and abs(base) <= 1 << 64):
        raise _NotConstant
    return base**exponent


def _times(left: Any, right: Any) -> Any:
    for items, count in ((left, right), (right, left)):
        if isinstance(items, (str, list, tuple, bytes)) and (type(count) is not int or len(items) * count > LARGEST):
            raise _NotConstant
    return left * right


OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _times,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
}

MAKERS: Mapping[str, Callable[..., Any]] = {
    "set": set,
    "frozenset": frozenset,
    "tuple": tuple,
    "list": list,
    "sorted": sorted,
    "dict": dict,
}


def constant(node: ast.expr) -> Any:
    """The value of a literal, with arithmetic on numbers and sequences in it; raises what the caller takes as no constant."""
    try:
        return _constant(node)
    except (ArithmeticError, TypeError, ValueError, RecursionError) as error:
        raise _NotConstant from error


def _constant(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is not ...:
            return value
        case ast.List(elts=items):
            return [_constant(each) for each in items]
        case ast.Tuple(elts=items):
            return tuple(_constant(each) for each in items)
        case ast.Set(elts=items):
            return {_constant(each) for each in items}
        case ast.Dict(keys=keys, values=values) if all(keys):
            return {_constant(k): _constant(v) for k, v in zip(keys, values, strict=True) if k is not None}
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_constant(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return +_constant(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            made = OPERATORS[type(op)](_constant(left), _constant(right))
            if isinstance(made, int) and made.bit_length() > LARGEST:
                raise _NotConstant
            return made
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in MAKERS:
            return MAKERS[name](*[_constant(each) for each in arguments])
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str() as text)], keywords=[]):
            return float(text)
    raise _NotConstant
