r"""Pieces of the real line between two ends, and what is done with them: intersection, complement, equality.

A piece whose ends are one closed point is that point. Pieces are put in order and joined where they touch, when their ends
can be compared; with symbols in them they are compared as they stand.
"""

from __future__ import annotations

from functools import cmp_to_key
from typing import NamedTuple

from assay.core.types import Reason
from assay.verify.math.scalar import compare_scalars, infinite, order
from assay.verify.math.tree import Constant, Negative, Node

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


def point(node: Node) -> Piece:
    return Piece(node, True, node, True)


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
