"""Where an expression bends or jumps, and points around there: absolute values, steps, even roots, maxima.

Two expressions that agree near 0 may part at 100, where one of them turns: `100-x` is `|x-100|` up to there. So when either
has such a part, the places where its argument is 0 (or an integer, for floor and ceil) are sought along each symbol, and
both are also evaluated at these places, on both sides of them, and far out. A place that is not found adds no evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from fractions import Fraction
from random import Random
from typing import NamedTuple

from assay.verify.math.evaluate import Budget, Evaluator, Undefined, Value
from assay.verify.math.number import exact
from assay.verify.math.tree import Call, Negative, Node, Number, Power, Root, Sum, children

INTEGERS = (0, 1, -2, 5)  # at which of its jumps a step is looked at
FAR = (40, 900, 20_000)  # up to where an expression that bends is looked at, on both sides
MOST_PLACES = 24
MOST_STEPS = 48  # of the search for one place
BENDING = ("abs", "sign", "floor", "ceil", "max", "min", "mod", "arg")


class Extra(NamedTuple):
    point: dict[str, Value]
    is_place: bool  # the bend itself, where a fraction may be 0 over 0


def bends_of(node: Node) -> list[Node]:
    """Expressions whose zeros are the places."""
    found: list[Node] = []
    if isinstance(node, Call) and node.name in ("abs", "sign") and len(node.args) == 1:
        found.append(node.args[0])
    elif isinstance(node, Call) and node.name in ("floor", "ceil") and len(node.args) == 1:
        found += [Sum((node.args[0], Number(-each, str(-each)))) for each in INTEGERS]
    elif isinstance(node, Call) and node.name in ("max", "min") and len(node.args) == 2:
        found.append(Sum((node.args[0], Negative(node.args[1]))))
    elif isinstance(node, Root) and node.degree % 2 == 0:
        found.append(node.of)
    elif isinstance(node, Power):
        exponent = exact(node.exponent)
        if exponent is not None and Fraction(exponent).denominator % 2 == 0:
            found.append(node.base)
    for each in children(node):
        found += bends_of(each)
    return found


def is_bent(node: Node) -> bool:
    if isinstance(node, Call) and (node.name in BENDING or node.name.startswith("arc")):
        return True
    return bool(bends_of(node)) if isinstance(node, (Root, Power)) else any(map(is_bent, children(node)))


def extra_points(
    mp: Value, left: Node, right: Node, names: Sequence[str], whole: Set[str], random: Random, budget: Budget
) -> Iterator[Extra]:
    """Nothing for expressions that do not bend."""
    if not (is_bent(left) or is_bent(right)):
        return
    count = 0
    for bend in (*bends_of(left), *bends_of(right)):
        for name in names:
            if count == MOST_PLACES:
                break
            point = {each: _value(mp, random, 3, each in whole) for each in names}
            place = _zero(mp, bend, name, point, budget)
            if place is None:
                continue
            count += 1
            for offset in (0, 1, -1, 2, -2) if name in whole else (0, 0.001, -0.001, 0.3, -0.3, 1.7, -1.7):
                at = mp.nint(place) + offset if name in whole else place + offset * _value(mp, random, 1, False)
                if name not in whole or 0 <= at <= 60:
                    yield Extra({**point, name: place if offset == 0 and name not in whole else at}, offset == 0)
    if not whole:
        for far in FAR:
            for flip in range(4):
                signs = [-1 if flip == 1 or (flip > 1 and index % 2 == flip % 2) else 1 for index in range(len(names))]
                yield Extra(
                    {name: sign * far * _value(mp, random, 1, False) for name, sign in zip(names, signs, strict=True)},
                    False,
                )


def _value(mp: Value, random: Random, size: int, is_whole: bool) -> Value:
    """Between size / 2 and size, or a small integer."""
    if is_whole:
        return mp.mpf(random.randint(2, 12))
    return size * (1 + mp.mpf(random.randint(1, (1 << 30) - 1)) / (1 << 30)) / 2


def _zero(mp: Value, bend: Node, name: str, point: dict[str, Value], budget: Budget) -> Value | None:
    """A value of `name` at which `bend` is 0, by the secant method; None when none is found."""

    def at(value: Value) -> Value:
        return Evaluator(mp, {**point, name: value}, False, budget).value(bend)

    try:
        before, here = mp.mpf("0.37"), mp.mpf("1.41")
        was, now = at(before), at(here)
        for _ in range(MOST_STEPS):
            if now == 0:
                return here
            if now == was:
                return None
            before, here, was = here, here - now * (here - before) / (now - was), now
            now = at(here)
        return here if abs(now) < mp.mpf("1e-6") else None
    except (Undefined, ZeroDivisionError):
        return None
