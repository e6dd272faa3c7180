r"""Equations and inequalities, and what they may answer.

- `x = 5` answers 5: a name alone on one side, not in what it is called. `2x = 10`, `x + 1 = 6`, `x = y = 5` answer nothing.
- A truth `x = 5` is met by 5 and by the same name with the same value, not by an equation still to be solved.
- Any other equation is met by one whose two sides differ by a constant multiple of what the truth's differ by: scaled or
  rearranged, it has the same solutions. A trivial one (`x = x`) never meets anything.
- An inequality in one symbol is the set of its solutions (sets.py); others are met by a multiple, turned when it is negative.
"""

from __future__ import annotations

from typing import NamedTuple

from assay.core.rng import stream
from assay.core.types import Reason
from assay.verify.math.bends import extra_points
from assay.verify.math.evaluate import Budget, Evaluator, Undefined, precision
from assay.verify.math.modular import NotRational, evaluate, points, prime_above
from assay.verify.math.scalar import collect_symbols, real_point
from assay.verify.math.size import difference, size
from assay.verify.math.tree import (
    Bracketed,
    Call,
    Listing,
    Negative,
    Node,
    Product,
    Relation,
    Sum,
    Symbol,
    TooLarge,
    Word,
)

POINTS_NEEDED = 4
TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}


class Named(NamedTuple):
    name: str
    value: Node
    is_function: bool  # f(x) = ...


def named_value(node: Relation) -> Named | None:
    """What `name = value` gives a name to; None when it is no such thing."""
    if node.signs != ("=",):
        return None
    left, right = node.sides
    name = name_of(left)
    value = right
    if name is None and isinstance(right, Symbol):
        name, value = right.name, left
    if name is None:
        return None
    inside: set[str] = set()
    collect_symbols(value, inside)
    if isinstance(left, Call):
        return None if value is not right else Named(name, value, bool(inside) or _has_symbols(left))
    return None if name in inside or set(name.split()) & inside else Named(name, value, False)


def _has_symbols(node: Node) -> bool:
    inside: set[str] = set()
    collect_symbols(node, inside)
    return bool(inside)


def name_of(node: Node) -> str | None:
    """A symbol, a word, a segment (`AB`), a function's value (`f(x)`), or a tuple of symbols in order (`(x, y)`)."""
    if isinstance(node, Symbol):
        return node.name
    if isinstance(node, Word):
        return node.text
    if isinstance(node, Product) and all(isinstance(each, Symbol) and each.name.isupper() for each in node.factors):
        return " ".join(each.name for each in node.factors if isinstance(each, Symbol))
    if isinstance(node, Call) and len(node.name.removesuffix("^-1")) == 1:
        return repr(node)
    if isinstance(node, Bracketed) and node.left == "(":
        names = [each.name for each in node.items if isinstance(each, Symbol)]
        if len(names) == len(node.items) and len(names) == len(set(names)):
            return f"({','.join(names)})"
    return None


def is_in_order(named: Named) -> bool:
    """Is it a single name, or a tuple of names in the alphabet's order, as a bare tuple of values is taken to be?"""
    if not named.name.startswith("("):
        return True
    names = named.name.strip("()").split(",")
    return names == sorted(names)


def each_named(node: Node) -> tuple[Relation, ...] | None:
    """`(x, y) = (1, 2)` as x = 1 and y = 2; None for anything else."""
    if not isinstance(node, Relation) or node.signs != ("=",):
        return None
    names, values = node.sides
    if not isinstance(names, Bracketed) or not isinstance(values, Bracketed) or name_of(names) is None:
        return None
    if len(names.items) != len(values.items):
        return None
    return tuple(Relation(pair, ("=",)) for pair in zip(names.items, values.items, strict=True))


def common_values(items: tuple[Node, ...]) -> tuple[Node, ...] | None:
    """`x = 3, x = -2` (or `x_1`, `x_2`) as its values, when all have one name; plain values as they are."""
    if not any(isinstance(each, Relation) for each in items):
        return items
    named = [named_value(each) if isinstance(each, Relation) else None for each in items]
    found = [each for each in named if each is not None]
    numbered = [f"{each.name.partition('_')[0]}_{index}" == each.name for index, each in enumerate(found, 1)]
    if (
        len(found) != len(items)
        or len({each.name.partition("_")[0] if all(numbered) else each.name for each in found}) > 1
    ):
        return None
    return tuple(each.value for each in found)


def values_by_name(items: tuple[Node, ...]) -> tuple[Node, ...] | None:
    """`x = 2, y = 3` as 2, 3: different names in the alphabet's order, as a bare tuple of values is taken to be."""
    named = [named_value(each) if isinstance(each, Relation) else None for each in items]
    found = [each for each in named if each is not None]
    names = [each.name for each in found]
    if len(found) != len(items) or not all(map(is_solved, found)) or not all(len(name) == 1 for name in names):
        return None
    return tuple(each.value for each in found) if names == sorted(set(names)) else None


def have_names(node: Listing) -> bool:
    """Values of several things, each with its name: not `x = 3, x = -2`, nor `x_1 = 3, x_2 = -2`."""
    if not all(isinstance(each, Relation) and named_value(each) is not None for each in node.items):
        return False
    return common_values(node.items) is None


def is_half_named(node: Listing) -> bool:
    """`x = 3, -2`, where the second is another value of x."""
    return 0 < sum(isinstance(each, Relation) for each in node.items) < len(node.items)


def is_by_place(node: Node) -> bool:
    """Does each of its values belong to another thing: a tuple, or values with names?"""
    if isinstance(node, Listing):
        return have_names(node)
    return (isinstance(node, Bracketed) and node.left != "\\{") or each_named(node) is not None


def are_bounds(node: Listing) -> bool:
    """Inequalities only, which hold together: `x >= -2, x < 5`."""
    return node.joiner != "or" and all(
        isinstance(each, Relation) and set(each.signs) <= TURNED.keys() for each in node.items
    )


def is_turned(truth: Relation, answer: Relation) -> bool:
    """`a < b < c` against `c > b > a`."""
    return len(truth.signs) > 1 and turned(answer).signs == truth.signs != answer.signs


def turned(node: Relation) -> Relation:
    """The same from right to left."""
    return Relation(tuple(reversed(node.sides)), tuple(TURNED.get(sign, sign) for sign in reversed(node.signs)))


def is_solved(named: Named) -> bool:
    """Is its value a constant?"""
    return not _has_symbols(named.value)


def gap(node: Relation) -> Node:
    return Sum((node.sides[0], Negative(node.sides[1])))


def compare_equations(truth: Relation, answer: Relation) -> Reason:
    """By their gaps: is one a constant multiple of the other, and neither nothing? Raises TooLarge."""
    left, right = gap(truth), gap(answer)
    try:
        return exact_ratio(left, right)
    except NotRational:
        ratio = numeric_ratio(left, right)
        return ratio if isinstance(ratio, Reason) else Reason.CORRECT


def compare_inequalities(truth: Relation, answer: Relation) -> Reason:
    left, right = gap(truth), gap(answer)
    try:
        found = exact_ratio(left, right)
        if found is not Reason.CORRECT:
            return found
    except NotRational:
        pass
    ratio = numeric_ratio(left, right)
    if isinstance(ratio, Reason):
        return ratio
    sign = answer.signs[0] if ratio > 0 else TURNED.get(answer.signs[0], answer.signs[0])
    return Reason.CORRECT if sign == truth.signs[0] else Reason.WRONG_VALUE


def exact_ratio(left: Node, right: Node) -> Reason:
    """Is left / right a constant other than 0? Exactly, at random points modulo a prime. Raises NotRational, TooLarge."""
    random = stream(0, "verify.math.relations", repr(left), repr(right))
    sizes = difference(size(left, 0.0), size(right, 0.0))
    prime = prime_above(2 * (sizes.upper + sizes.lower))
    first: tuple[int, int] | None = None
    met = 0
    for point in points(random, prime):
        try:
            one, other = evaluate(left, point, prime), evaluate(right, point, prime)
        except ZeroDivisionError:
            continue
        if one == 0 or other == 0:
            return Reason.WRONG_VALUE
        if first is None:
            first = one, other
        elif one * first[1] % prime != other * first[0] % prime:
            return Reason.WRONG_VALUE
        met += 1
        if met == POINTS_NEEDED:
            names: set[str] = set()
            collect_symbols(left, names)
            return Reason.CORRECT if names else Reason.WRONG_VALUE  # 1 = 2 is an equation about nothing
    return Reason.UNDECIDED


def numeric_ratio(left: Node, right: Node) -> int | Reason:
    """The sign of left / right when that is a constant other than 0, by evaluation; else WRONG_VALUE or UNDECIDED."""
    names: set[str] = set()
    collect_symbols(left, names)
    collect_symbols(right, names)
    if not names:
        return Reason.WRONG_VALUE  # an equation about nothing
    sizes = difference(size(left), size(right))
    bits = 256 + 4 * int(sizes.upper + sizes.lower)
    if bits > 8_000:
        raise TooLarge("coefficients too large for an evaluation at points")
    random = stream(0, "verify.math.ratio", repr(left), repr(right))
    ratios = []
    with precision(bits) as mp:
        for number in range(24):
            evaluator = Evaluator(mp, real_point(mp, random, number, sorted(names), frozenset()))
            try:
                one, other = evaluator.value(left), evaluator.value(right)
            except Undefined:
                continue
            if evaluator.is_noise(one) or evaluator.is_noise(other):
                return Reason.WRONG_VALUE
            ratios.append(one / other)
            if abs(ratios[-1] - ratios[0]) > abs(ratios[0]) * mp.ldexp(1, -(bits // 2)):
                return Reason.WRONG_VALUE
            if len(ratios) == POINTS_NEEDED + 4:
                break
        if len(ratios) < POINTS_NEEDED:
            return Reason.UNDECIDED
        budget = Budget()
        for extra in extra_points(mp, left, right, sorted(names), frozenset(), random, budget):
            evaluator = Evaluator(mp, extra.point, False, budget)
            try:
                one, other = evaluator.value(left), evaluator.value(right)
            except (Undefined, TooLarge):
                continue
            nothing = evaluator.is_noise(one), evaluator.is_noise(other)
            if nothing[0] is not nothing[1] or (
                not any(nothing) and abs(one / other - ratios[0]) > abs(ratios[0]) * mp.ldexp(1, -(bits // 2))
            ):
                return Reason.WRONG_VALUE
        return 1 if ratios[0] > 0 else -1
