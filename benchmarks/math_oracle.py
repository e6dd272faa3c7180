"""The independent oracle of benchmarks/math_verify.py: are two truths the same value?

latex2sympy2_extended reads, mpmath (through sympy's evalf) evaluates to 50 digits, unknowns at three fixed random points.
It is best effort and named in the output: what it cannot read or evaluate it calls unknown, and the pair is left out and
counted. It shares no line with assay.verify.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any, Literal

import sympy
from math_verify import parse

NAME = "latex2sympy2_extended + mpmath to 50 digits, unknowns at 3 points"
DIGITS = 50
AGREE = sympy.Float(10) ** -40
POINTS = (sympy.Rational(1237, 1009), sympy.Rational(-877, 1201), sympy.Rational(3413, 991))

Relation = Literal["same", "different", "unknown"]
Key = tuple[Any, ...]

logging.getLogger("math_verify").setLevel(logging.CRITICAL)


def relate(a: str, b: str) -> Relation:
    """`a` and `b` are truths in LaTeX."""
    left, right = key(a), key(b)
    if left is None or right is None:
        return "unknown"
    return "same" if agree(left, right) else "different"


@cache
def key(text: str) -> Key | None:
    """What stands for the value: nested tuples of a kind and 50-digit numbers; None where the oracle cannot say."""
    base = re.fullmatch(r"\s*(\d+)_\{?(\d+)\}?\s*", text)
    if base:
        digits, radix = base.group(1), int(base.group(2))
        return ("number", (sympy.Integer(int(digits, radix)).evalf(DIGITS),) * len(POINTS)) if radix <= 36 else None
    word = re.fullmatch(r"\s*\\text\{([^{}]*)\}\s*", text)
    if word:
        return ("word", word.group(1).strip("() ").casefold())
    found = parse(f"\\boxed{{{text}}}")
    return key_of(found[0]) if found and not isinstance(found[0], str) else None


def key_of(value: Any) -> Key | None:
    if isinstance(value, (sympy.Tuple, tuple, list, sympy.FiniteSet)):
        parts = [key_of(each) for each in value]
        if any(part is None for part in parts):
            return None
        kind = "set" if isinstance(value, sympy.FiniteSet) else "tuple"
        return (kind, *(sorted(parts, key=repr) if kind == "set" else parts))
    if isinstance(value, sympy.MatrixBase):
        parts = [key_of(each) for each in value]
        return None if any(part is None for part in parts) else ("matrix", value.shape, *parts)
    if isinstance(value, sympy.Interval):
        ends = key_of(value.start), key_of(value.end)
        return None if None in ends else ("interval", *ends, bool(value.left_open), bool(value.right_open))
    if isinstance(value, sympy.Union):
        parts = [key_of(each) for each in value.args]
        return None if any(part is None for part in parts) else ("union", *sorted(parts, key=repr))
    if isinstance(value, sympy.Equality):
        if isinstance(value.rhs, sympy.Set) or not isinstance(value.lhs, sympy.Symbol) or value.rhs.free_symbols:
            side = key_of(value.rhs) if isinstance(value.rhs, sympy.Set) else key_of(value.lhs - value.rhs)
            return None if side is None else ("equation", side)
        return key_of(value.rhs)  # x = 5 may stand for 5
    if isinstance(value, sympy.Expr):
        return number(value)
    return None


def number(value: sympy.Expr) -> Key | None:
    """At each point; a constant gives the same number three times."""
    made = []
    for point in POINTS:
        at = {
            symbol: point + place * sympy.Rational(1, 7)
            for place, symbol in enumerate(sorted(value.free_symbols, key=str))
        }
        evaluated = value.subs(at).evalf(DIGITS)
        if not evaluated.is_number or evaluated.has(sympy.nan, sympy.zoo):
            return None
        made.append(evaluated)
    return ("number", tuple(made))


def agree(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(agree, a, b))
    if isinstance(a, sympy.Basic) and isinstance(b, sympy.Basic):
        if a == b:
            return True
        if a.is_finite is False or b.is_finite is False:
            return False
        size = max(abs(a), abs(b), sympy.Float(1) if abs(a) < AGREE or abs(b) < AGREE else 0)
        return bool(abs(a - b) <= AGREE * size)
    return bool(a == b)
