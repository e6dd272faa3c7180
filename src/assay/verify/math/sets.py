r"""Sets of real numbers as pieces: from intervals, inequalities, unions, set-builders.

A set-builder is worked out where its conditions are: inequalities about its symbol alone (`a < x <= b`, `|x| < 2`), a
polynomial against another (solve.py), membership; over the integers when that leaves finitely many.
"""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import Any

from assay.verify.math.number import exact
from assay.verify.math.pieces import (
    INFINITY,
    MINUS_INFINITY,
    MOST_PIECES,
    REALS,
    NoSet,
    Piece,
    Pieces,
    complement,
    intersection,
    is_empty,
    point,
    tidied,
)
from assay.verify.math.scalar import collect_symbols, infinite, order
from assay.verify.math.solve import NoRoots, coefficients, real_roots
from assay.verify.math.tree import (
    Bracketed,
    Builder,
    Call,
    Combined,
    Constant,
    Listing,
    Negative,
    Node,
    Number,
    Relation,
    Sum,
    Symbol,
)
from assay.verify.math.variants import variants

TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
ZERO = Number(0, "0")


def pieces(node: Node) -> Pieces:
    """Raises NoSet."""
    found = _pieces(node)
    if len(found) > MOST_PIECES:
        raise NoSet("too many pieces")
    return found


def _pieces(node: Node) -> Pieces:
    if isinstance(node, Constant):
        if node.name == "emptyset":
            return []
        if node.name == "reals":
            return list(REALS)
    if isinstance(node, Bracketed):
        if node.left == "\\{":
            return [point(each) for item in node.items for each in variants(item)]
        if len(node.items) == 2 and node.left in ("(", "["):
            piece = Piece(node.items[0], node.left == "[", node.items[1], node.right == "]")
            if (infinite(piece.low) and piece.low_closed) or (infinite(piece.high) and piece.high_closed):
                raise NoSet("infinity in a set of real numbers")
            if infinite(piece.low) > 0 or infinite(piece.high) < 0 or is_empty(piece):
                raise NoSet("an interval that ends before it begins")
            return [piece]
    if isinstance(node, Combined):
        parts = [pieces(part) for part in node.parts]
        if node.kind == "union":
            return [piece for part in parts for piece in part]
        found = parts[0]
        for part in parts[1:]:
            found = intersection(found, part if node.kind == "intersection" else complement(part))
        return found
    if isinstance(node, Builder):
        return _built(node)
    if isinstance(node, Relation):
        return _related(node)
    if isinstance(node, Listing):
        parts = [pieces(each) if isinstance(each, Relation) else _fail() for each in node.items]
        if node.joiner == "or":
            return [piece for part in parts for piece in part]
        found = parts[0]
        for part in parts[1:]:
            found = intersection(found, part)
        if node.joiner == "," and not found:
            raise NoSet("conditions that exclude each other: a comma may mean or")
        return found
    raise NoSet(type(node).__name__)


def _fail() -> Pieces:
    raise NoSet("not a relation")


def variable_of(node: Node) -> str | None:
    """The one symbol that a relation or set-builder is about."""
    if isinstance(node, Relation):
        names = [side.name for side in node.sides if isinstance(side, Symbol)]
        return names[0] if len(names) == 1 else None
    if isinstance(node, Listing):
        found = {variable_of(each) for each in node.items}
        return found.pop() if len(found) == 1 else None
    if isinstance(node, Builder):
        element = node.element
        if isinstance(element, Relation) and element.signs == ("in",):
            element = element.sides[0]
        return element.name if isinstance(element, Symbol) else None
    return None


def _built(node: Builder) -> Pieces:
    element, conditions = node.element, _spread(node.conditions)
    if isinstance(element, Relation) and element.signs == ("in",):
        element, conditions = element.sides[0], (element, *conditions)
    names: set[str] = set()
    collect_symbols(element, names)
    if len(names) != 1:
        raise NoSet("a set of something else than one symbol")
    name = names.pop()
    found, is_whole = list(REALS), False
    for condition in conditions:
        domain = _domain(condition, name)
        is_whole = is_whole or domain in ("integers", "naturals")
        if domain != "integers":
            found = intersection(found, _condition(condition, name, domain))
    if not found and sum(not _domain(each, name) for each in conditions) > 1:
        raise NoSet("conditions that exclude each other: a comma may mean or")
    if is_whole:
        found = _integers(found, any(_domain(each, name) == "naturals" for each in conditions))
    if isinstance(element, Symbol):
        return found
    values = [each.low for each in tidied(found) or () if order(each.low, each.high) == 0]
    if len(values) != len(found):
        raise NoSet("a set of infinitely many values of an expression")
    return [point(_substituted(element, name, value)) for value in values]


def _spread(conditions: tuple[Node, ...]) -> tuple[Node, ...]:
    """`k = 1, 2, 3` as one membership."""
    first = conditions[0]
    if (
        len(conditions) > 1
        and isinstance(first, Relation)
        and first.signs == ("=",)
        and isinstance(first.sides[0], Symbol)
    ):
        rest = conditions[1:]
        if not any(isinstance(each, Relation) for each in rest):
            return (Relation((first.sides[0], Bracketed("\\{", (first.sides[1], *rest), "\\}")), ("in",)),)
    return conditions


def _domain(condition: Node, name: str) -> str:
    """`integers`, `naturals` or `reals` when all that the condition says is this."""
    if isinstance(condition, Relation) and condition.signs == ("in",):
        left, right = condition.sides
        if isinstance(left, Symbol) and left.name == name and isinstance(right, Constant):
            return right.name
    return ""


def _condition(condition: Node, name: str, domain: str) -> Pieces:
    if domain == "naturals":
        return [Piece(ZERO, True, INFINITY, False)]
    inside: set[str] = set()
    collect_symbols(condition, inside)
    if inside != {name} and not (inside > {name} and variable_of(condition) == name):
        raise NoSet("a condition on something else")
    if isinstance(condition, Listing):  # joined by `or`
        return [piece for each in condition.items for piece in _condition(each, name, "")]
    try:
        return pieces(condition)
    except NoSet:
        if not isinstance(condition, Relation):
            raise
        return _where(condition, name)


def _where(node: Relation, name: str) -> Pieces:
    """Where one polynomial is equal to, above or below another."""
    if len(node.signs) != 1 or node.signs[0] not in ("=", "!=", "<", ">", "<=", ">="):
        raise NoSet("a condition of another kind")
    sign = node.signs[0]
    try:
        polynomial = coefficients(Sum((node.sides[0], Negative(node.sides[1]))), name)
        if len(polynomial) < 2:
            raise NoSet("a condition about nothing")
        roots = sorted(real_roots(polynomial), key=cmp_to_key(_ranked))
    except NoRoots as error:
        raise NoSet(str(error)) from None
    if sign in ("=", "!="):
        zeros = [point(root) for root, _ in roots]
        return zeros if sign == "=" else complement(zeros)
    is_closed = len(sign) == 2
    found = [point(root) for root, _ in roots] if is_closed else []
    high: Node = INFINITY
    is_above = polynomial[-1] > 0
    for root, times in (*reversed(roots), (MINUS_INFINITY, 1)):
        if is_above == (sign[0] == ">"):
            found.append(
                Piece(root, is_closed and root is not MINUS_INFINITY, high, is_closed and high is not INFINITY)
            )
        is_above, high = is_above != (times % 2 == 1), root
    return found


def _ranked(one: tuple[Node, int], other: tuple[Node, int]) -> int:
    found = order(one[0], other[0])
    if found is None:
        raise NoSet("roots that cannot be compared")
    return found


def _integers(of: Pieces, are_natural: bool) -> Pieces:
    """The integers among them, when they are finitely many between ends that are fractions."""
    found: set[int] = set()
    for piece in of:
        low, high = exact(piece.low), exact(piece.high)
        if low is None or high is None or high - low > MOST_PIECES:
            raise NoSet("integers without end")
        for each in range(math.ceil(low), math.floor(high) + 1):
            if (each != low or piece.low_closed) and (each != high or piece.high_closed):
                found.add(each)
    if are_natural and 0 in found:
        raise NoSet("natural numbers, of which 0 may be one")
    return [point(Number(each, str(each))) for each in sorted(found)]


def _substituted(node: Any, name: str, value: Node) -> Any:
    """With the value in the symbol's place. A sum's own variable of that name is not expected: `name` is free in it."""
    if isinstance(node, Symbol):
        return value if node.name == name else node
    if isinstance(node, tuple):
        parts = [_substituted(each, name, value) for each in node]
        return type(node)(*parts) if hasattr(node, "_fields") else tuple(parts)
    return node


def _related(node: Relation) -> Pieces:
    """`a < x <= b`, `x >= a`, `x != a`, `x = a`, `x \\in S`: about one symbol that stands alone and nowhere else."""
    name = variable_of(node)
    if name is None:
        return pieces(unbarred(node))
    rest: set[str] = set()
    for side in node.sides:
        if not isinstance(side, Symbol) or side.name != name:
            collect_symbols(side, rest)
    if name in rest:
        raise NoSet("the symbol stands on both sides")
    if node.signs == ("in",):
        return pieces(node.sides[1]) if isinstance(node.sides[0], Symbol) else _fail()
    if node.signs == ("notin",):
        return complement(pieces(node.sides[1]))
    if len(node.signs) == 1 and node.signs[0] in ("=", "!="):
        other = node.sides[1] if isinstance(node.sides[0], Symbol) else node.sides[0]
        points = [point(each) for each in variants(other)]
        return points if node.signs[0] == "=" else complement(points)
    at = next(index for index, side in enumerate(node.sides) if isinstance(side, Symbol) and side.name == name)
    found = list(REALS)
    for index, sign in enumerate(node.signs):
        if sign not in ("<", ">", "<=", ">=") or (sign[0] != node.signs[0][0]) or not at - 1 <= index <= at:
            raise NoSet(f"the sign {sign} there")
        other, closed = node.sides[index if index < at else index + 1], len(sign) == 2
        is_upper = (sign[0] == "<") == (index == at)
        half = Piece(MINUS_INFINITY, False, other, closed) if is_upper else Piece(other, closed, INFINITY, False)
        found = intersection(found, [half])
    return found


def unbarred(node: Relation) -> Node:
    """`|x| < a` and `|x - b| >= a` as two inequalities. Raises NoSet for anything else."""
    if len(node.signs) != 1 or node.signs[0] not in ("<", ">", "<=", ">="):
        raise NoSet("not about one symbol")
    left, right = node.sides
    sign = node.signs[0]
    if isinstance(right, Call) and right.name == "abs":
        left, right, sign = right, left, TURNED[sign]
    if not isinstance(left, Call) or left.name != "abs":
        raise NoSet("not about one symbol")
    inside = left.args[0]
    shift: Node | None = None
    if isinstance(inside, Sum) and isinstance(inside.terms[0], Symbol):
        shift = Sum(inside.terms[1:])
        inside = inside.terms[0]
    used: set[str] = set()
    collect_symbols(right if shift is None else Sum((right, shift)), used)
    if not isinstance(inside, Symbol) or used:
        raise NoSet("an absolute value of more than a symbol and a number")
    ranked = order(right, ZERO)
    if ranked != 1:
        raise NoSet("an absolute value against what is not positive")
    ends: list[Node] = [Negative(right), right]
    if shift is not None:
        ends = [Sum((end, Negative(shift))) for end in ends]
    below, above = Relation((inside, ends[0]), (TURNED[sign],)), Relation((inside, ends[1]), (sign,))
    return Listing((below, above), "and" if sign[0] == "<" else "or")
