"""Do two expressions have the same value, for all values of their symbols? Exact first, then evidence.

1. Both rational by their operations: compared exactly. Both built alike: equal.
2. Both rational functions (of symbols, pi and e): exact evaluation modulo a large prime at random points (modular.py).
3. Constants with roots: evaluated to as many bits as prove whether they differ (size.py), with room to spare.
4. Other constants: evaluated at two precisions, both far above what the sizes inside them need; equal when the difference
   vanishes at both.
5. Other expressions with symbols: evaluated at random points, positive, negative and mixed; equal when they agree at all of
   at least POINTS_NEEDED points and have a value at the same ones. Where too few points have a value, sympy is asked
   whether the difference is nothing, in a process of its own (symbolic.py).

Points are drawn from a generator seeded by the two expressions: the same question always gets the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from random import Random

from assay.core.rng import stream
from assay.core.types import Reason
from assay.verify.math.bends import extra_points
from assay.verify.math.evaluate import Budget, Evaluator, Undefined, Value, precision
from assay.verify.math.modular import NotRational, are_equal
from assay.verify.math.number import exact
from assay.verify.math.size import difference, size
from assay.verify.math.tree import (
    Call,
    Constant,
    Negative,
    Node,
    Power,
    Series,
    Symbol,
    TooLarge,
    are_alike,
    children,
)

POINTS_NEEDED = 5
POINTS_ENOUGH = 14  # two rounds of the kinds of point
POINTS_TRIED = 40
INTEGERS = 6  # the kind of point whose values are integers
MOST_BITS = 60_000  # of precision
ROOM = 64  # bits between what decides and what is computed


def compare_scalars(left: Node, right: Node) -> Reason:
    """CORRECT, WRONG_VALUE or UNDECIDED. Raises TooLarge."""
    first = exact(left)
    second = exact(right) if first is not None else None
    if first is not None and second is not None:
        return Reason.CORRECT if first == second else Reason.WRONG_VALUE
    signs = infinite(left), infinite(right)
    if signs[0] or signs[1]:
        return Reason.CORRECT if signs[0] == signs[1] else Reason.WRONG_VALUE
    if are_alike(left, right):
        return Reason.CORRECT
    random = stream(0, "verify.math", *sorted((repr(left), repr(right))))
    try:
        return Reason.CORRECT if are_equal(left, right, random) else Reason.WRONG_VALUE
    except NotRational:
        pass
    names: set[str] = set()
    collect_symbols(left, names)
    collect_symbols(right, names)
    if not names:
        return compare_constants(left, right)
    return compare_functions(left, right, sorted(names), random)


def infinite(node: Node) -> int:
    """1 or -1 for an infinity, 0 for everything else."""
    if isinstance(node, Constant):
        return 1 if node.name == "inf" else 0
    return -infinite(node.of) if isinstance(node, Negative) else 0


def collect_symbols(node: Node, names: set[str]) -> None:
    """The free ones."""
    if isinstance(node, Symbol):
        names.add(node.name)
    elif isinstance(node, Series):
        inner: set[str] = set()
        collect_symbols(node.body, inner)
        names |= inner - {node.variable}
        collect_symbols(node.low, names)
        collect_symbols(node.high, names)
    else:
        for each in children(node):
            collect_symbols(each, names)


def has_imaginary(node: Node) -> bool:
    if isinstance(node, Constant):
        return node.name == "i"
    return any(has_imaginary(each) for each in children(node))


# --- constants ---


def compare_constants(left: Node, right: Node) -> Reason:
    sizes = difference(size(left), size(right))
    reach = int(sizes.upper + sizes.lower) + 1
    first = 128 + 2 * reach
    decides = sizes.bits_to_decide
    bits: tuple[int, ...]
    if decides is not None and decides + reach + ROOM <= MOST_BITS:
        bits = (int(decides) + reach + ROOM,)
        threshold = int(decides) + ROOM // 2
    else:
        bits = (first, 2 * first) if first > 256 else (256, 640)
        threshold = 0
        if bits[-1] > MOST_BITS:
            raise TooLarge(f"a precision of more than {MOST_BITS} bits")
    is_complex = has_imaginary(left) or has_imaginary(right)
    budget = Budget()
    for each in bits:
        zero_below = threshold or each - 48 - reach
        try:
            gap = constant_gap(left, right, each, is_complex, budget)
        except Undefined:
            if is_complex:
                return Reason.UNDECIDED
            is_complex = True
            try:
                gap = constant_gap(left, right, each, is_complex, budget)
            except Undefined:
                return Reason.UNDECIDED
        if gap > -zero_below:
            return Reason.WRONG_VALUE
    return Reason.CORRECT


def constant_gap(left: Node, right: Node, bits: int, is_complex: bool, budget: Budget) -> float:
    """log2 of the distance between two constants."""
    with precision(bits) as mp:
        evaluator = Evaluator(mp, {}, is_complex, budget)
        gap = evaluator.value(left) - evaluator.value(right)
        return float("-inf") if gap == 0 else float(mp.mag(gap))


# --- functions of symbols ---


def compare_functions(left: Node, right: Node, names: list[str], random: Random) -> Reason:
    sizes = difference(size(left), size(right))
    bits = 256 + 4 * int(sizes.upper + sizes.lower)
    if bits > 8_000:
        raise TooLarge("coefficients too large for an evaluation at points")
    whole: set[str] = set()
    collect_integers(left, whole)
    collect_integers(right, whole)
    is_complex = has_imaginary(left) or has_imaginary(right)
    agreed = 0
    mismatched = False
    budget = Budget()
    with precision(bits) as mp:
        for number in range(POINTS_TRIED):
            point = real_point(mp, random, number, names, whole)
            values = [_at(Evaluator(mp, point, is_complex, budget), each) for each in (left, right)]
            if values[0] is None and values[1] is None:
                continue
            if values[0] is None or values[1] is None:
                mismatched = mismatched or number % 8 != INTEGERS  # which may be where a fraction is 0 over 0
                continue
            if differ(mp, values[0], values[1], bits):
                return Reason.WRONG_VALUE
            agreed += 1
            if agreed == POINTS_ENOUGH:
                break
        for extra in extra_points(mp, left, right, names, whole, random, budget):
            values = [_far(Evaluator(mp, extra.point, is_complex, budget), each) for each in (left, right)]
            if values[0] is None or values[1] is None:
                mismatched = mismatched or (values[0] is not values[1] and not extra.is_place)
            elif differ(mp, values[0], values[1], bits):
                return Reason.WRONG_VALUE
            else:
                agreed += not extra.is_place
    if mismatched:
        return Reason.UNDECIDED
    if agreed < POINTS_NEEDED:
        from assay.verify.math.symbolic import are_identical  # with a process behind it: only when nothing else helps

        return Reason.CORRECT if are_identical(left, right) else Reason.UNDECIDED
    return Reason.CORRECT


def differ(mp: Value, one: Value, other: Value, bits: int) -> bool:
    """By more than rounding?"""
    return bool(abs(one - other) > max(abs(one), abs(other), mp.mpf(1)) * mp.ldexp(1, -(bits // 2)))


def _far(evaluator: Evaluator, node: Node) -> Value | None:
    """At a point so large that a power may be too: then there is nothing to see."""
    try:
        return evaluator.value(node)
    except (Undefined, TooLarge):
        return None


def _at(evaluator: Evaluator, node: Node) -> Value | None:
    try:
        return evaluator.value(node)
    except Undefined:
        return None


def real_point(mp: Value, random: Random, number: int, names: Sequence[str], whole: Set[str]) -> dict[str, Value]:
    """Values for the symbols. In turn: near 0, larger, negative, of alternating signs, integers, of any sign."""
    return {name: _value(mp, random, number % 8, index, name in whole) for index, name in enumerate(names)}


def _value(mp: Value, random: Random, kind: int, index: int, is_whole: bool) -> Value:
    if is_whole:
        return mp.mpf(random.randint(2, 12))
    fraction = mp.mpf(random.randint(1, (1 << 30) - 1)) / (1 << 30)
    if kind == 0:
        return fraction
    if kind == 1:
        return 1 + 6 * fraction
    if kind == 2:
        return -3 * fraction
    if kind in (3, 4):
        return 3 * fraction * (1 if index % 2 == kind % 2 else -1)
    if kind == 5:
        return 3 * fraction * (-1 if index == 0 else 1)
    if kind == INTEGERS:
        return mp.mpf(random.choice((-3, -2, -1, 1, 2, 3, 4, 5)))
    return 4 * fraction - 2


def collect_integers(node: Node, names: set[str]) -> None:
    """Symbols that stand where only integers make sense: n!, (-1)^n, the bounds of a sum."""
    if isinstance(node, Call) and node.name in ("factorial", "binom", "perm", "mod", "gcd", "lcm"):
        for each in node.args:
            collect_symbols(each, names)
    elif isinstance(node, Series):
        collect_symbols(node.low, names)
        collect_symbols(node.high, names)
    elif isinstance(node, Power):
        base = exact(node.base)
        if base is not None and base < 0:
            collect_symbols(node.exponent, names)
    for each in children(node):
        collect_integers(each, names)


def order(left: Node, right: Node) -> int | None:
    """-1, 0 or 1 as left is below, at or above right; None when that cannot be told."""
    first, second = exact(left), exact(right)
    if first is not None and second is not None:
        return (first > second) - (first < second)
    signs = infinite(left), infinite(right)
    if signs[0] or signs[1]:
        return (signs[0] > signs[1]) - (signs[0] < signs[1])
    names: set[str] = set()
    collect_symbols(left, names)
    collect_symbols(right, names)
    if names:
        return None
    verdict = compare_scalars(left, right)
    if verdict is Reason.CORRECT:
        return 0
    if verdict is not Reason.WRONG_VALUE:
        return None
    try:
        with precision(256) as mp:
            evaluator = Evaluator(mp, {})
            return 1 if evaluator.value(left) > evaluator.value(right) else -1
    except Undefined:
        return None
