r"""Sets of real numbers as pieces between two ends: from intervals, inequalities, unions, set-builders; and their equality.

A piece whose ends are one closed point is that point. Pieces are put in order and joined where they touch, when their ends
can be compared; with symbols in them they are compared as they stand.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import NamedTuple

from assay.core.types import Reason
from assay.verify.math.scalar import collect_symbols, compare_scalars, infinite, order
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
INFINITY = Constant("inf")
MINUS_INFINITY = Negative(INFINITY)
MOST_PIECES = 200


class Piece(NamedTuple):
    low: Node
    low_closed: bool
    high: Node
    high_closed: bool


class NoSet(Exception):
    """Not a set of this kind, or one that cannot be worked out."""


Pieces = list[Piece]
REALS: Pieces = [Piece(MINUS_INFINITY, False, INFINITY, False)]


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
        if node.joiner == "and" or all(isinstance(each, Relation) and each.signs == ("!=",) for each in node.items):
            found = parts[0]
            for part in parts[1:]:
                found = intersection(found, part)
            return found
    raise NoSet(type(node).__name__)


def _fail() -> Pieces:
    raise NoSet("not a relation")


def point(node: Node) -> Piece:
    return Piece(node, True, node, True)


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
    element, found = node.element, list(REALS)
    if isinstance(element, Relation) and element.signs == ("in",):
        found = pieces(element.sides[1])
        element = element.sides[0]
    if not isinstance(element, Symbol):
        raise NoSet("a set of expressions")
    for condition in node.conditions:
        if variable_of(condition) != element.name:
            raise NoSet("a condition on something else")
        found = intersection(found, pieces(condition))
    return found


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


def intersection(left: Pieces, right: Pieces) -> Pieces:
    if len(left) * len(right) > MOST_PIECES:
        raise NoSet("too many pieces")
    found = []
    for one in left:
        for other in right:
            low, low_closed = _tighter(one.low, one.low_closed, other.low, other.low_closed, 1)
            high, high_closed = _tighter(one.high, one.high_closed, other.high, other.high_closed, -1)
            piece = Piece(low, low_closed, high, high_closed)
            if not is_empty(piece):
                found.append(piece)
    return found


def _tighter(one: Node, one_closed: bool, other: Node, other_closed: bool, sign: int) -> tuple[Node, bool]:
    """The inner of two ends: the higher of the lows (sign 1), the lower of the highs (sign -1)."""
    if infinite(one) == -sign:
        return other, other_closed
    if infinite(other) == -sign:
        return one, one_closed
    ranked = order(one, other)
    if ranked is None:
        raise NoSet("ends that cannot be compared")
    if ranked == 0:
        return one, one_closed and other_closed
    return (one, one_closed) if ranked == sign else (other, other_closed)


def complement(of: Pieces) -> Pieces:
    found = list(REALS)
    for piece in of:
        outside = []
        if infinite(piece.low) >= 0:
            outside.append(Piece(MINUS_INFINITY, False, piece.low, not piece.low_closed))
        if infinite(piece.high) <= 0:
            outside.append(Piece(piece.high, not piece.high_closed, INFINITY, False))
        found = intersection(found, outside)
    return found


def is_empty(piece: Piece) -> bool:
    """Has it no number in it? Unknown ends count as a piece that has."""
    if infinite(piece.low) < 0 or infinite(piece.high) > 0:
        return False
    ranked = order(piece.low, piece.high)
    return ranked == 1 or (ranked == 0 and not (piece.low_closed and piece.high_closed))


def tidied(of: Pieces) -> Pieces | None:
    """In order, joined where they touch; None when their ends cannot be compared."""
    unknown = False

    def by_low(one: Piece, other: Piece) -> int:
        nonlocal unknown
        ranked = order(one.low, other.low)
        unknown = unknown or ranked is None
        return ranked or (other.low_closed - one.low_closed)

    for piece in of:
        if order(piece.low, piece.high) is None:
            return None
    ordered = sorted((piece for piece in of if not is_empty(piece)), key=cmp_to_key(by_low))
    if unknown:
        return None
    found: Pieces = []
    for piece in ordered:
        if found:
            last = found[-1]
            gap = order(last.high, piece.low)
            if gap is None:
                return None
            if gap == 1 or (gap == 0 and (last.high_closed or piece.low_closed)):
                reach = order(last.high, piece.high)
                if reach is None:
                    return None
                if reach < 0:
                    found[-1] = Piece(last.low, last.low_closed, piece.high, piece.high_closed)
                elif reach == 0:
                    found[-1] = Piece(last.low, last.low_closed, last.high, last.high_closed or piece.high_closed)
                continue
        found.append(piece)
    return found


def compare_pieces(left: Pieces, right: Pieces) -> Reason:
    first, second = tidied(left), tidied(right)
    if first is None or second is None:
        first, second = left, right  # symbols in the ends: as they stand
        if len(first) > 1 and len(first) == len(second):
            straight = _compare_in_order(first, second)
            return straight if straight is Reason.CORRECT else Reason.UNDECIDED
    return _compare_in_order(first, second)


def _compare_in_order(left: Pieces, right: Pieces) -> Reason:
    if len(left) != len(right):
        return Reason.WRONG_VALUE
    verdict = Reason.CORRECT
    for one, other in zip(left, right, strict=True):
        ends = (
            (one.low, one.low_closed, other.low, other.low_closed),
            (one.high, one.high_closed, other.high, other.high_closed),
        )
        for mine, mine_closed, its, its_closed in ends:
            if mine_closed != its_closed and not infinite(mine):
                return Reason.WRONG_VALUE
            found = compare_scalars(mine, its)
            if found is Reason.WRONG_VALUE:
                return found
            if found is not Reason.CORRECT:
                verdict = found
    return verdict
