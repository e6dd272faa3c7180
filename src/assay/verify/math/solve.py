r"""Where a polynomial in one symbol is zero, positive or negative: what `{x : x^2 = 4}` and `{x : x^2 < 4}` reduce to.

Its coefficients are worked out exactly. Rational roots are split off one by one (there are few candidates, or none are
tried), and what is left must be of degree 2 at most, so that every root is a fraction or by the quadratic formula. Anything
else raises NoSet: a set that is not worked out is never compared.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, isqrt, lcm

from assay.verify.math.number import Exact, exact, tidy
from assay.verify.math.tree import Negative, Node, Number, Power, Product, Quotient, Root, Sum, Symbol

MOST_COEFFICIENTS = 9
LARGEST_TRIED = 10_000  # of the first and the last coefficient, whose divisors make the candidates

Coefficients = list[Exact]
"""Of 1, x, x^2, ...; the last is not 0."""


class NoRoots(Exception):
    """No polynomial in that symbol, or one whose roots are not worked out."""


def coefficients(node: Node, name: str) -> Coefficients:
    """Raises NoRoots, or TooLarge."""
    found = _coefficients(node, name)
    while found and found[-1] == 0:
        found.pop()
    return found


def _coefficients(node: Node, name: str) -> Coefficients:
    value = exact(node)
    if value is not None:
        return [value]
    if isinstance(node, Symbol) and node.name == name:
        return [0, 1]
    if isinstance(node, Negative):
        return [-each for each in _coefficients(node.of, name)]
    if isinstance(node, Sum):
        total: Coefficients = []
        for term in node.terms:
            part = _coefficients(term, name)
            longer, shorter = (total, part) if len(total) >= len(part) else (part, total)
            total = [each + (shorter[at] if at < len(shorter) else 0) for at, each in enumerate(longer)]
        return total
    if isinstance(node, Product):
        product: Coefficients = [1]
        for factor in node.factors:
            product = _times(product, _coefficients(factor, name))
        return product
    if isinstance(node, Quotient):
        bottom = exact(node.bottom)
        if bottom is not None and bottom != 0:
            return [Fraction(each) / bottom for each in _coefficients(node.top, name)]
    if isinstance(node, Power):
        exponent = exact(node.exponent)
        if isinstance(exponent, int) and 0 < exponent < MOST_COEFFICIENTS:
            power: Coefficients = [1]
            base = _coefficients(node.base, name)
            for _ in range(exponent):
                power = _times(power, base)
            return power
    raise NoRoots(type(node).__name__)


def _times(left: Coefficients, right: Coefficients) -> Coefficients:
    if len(left) + len(right) - 1 > MOST_COEFFICIENTS:
        raise NoRoots("a polynomial of a higher degree")
    total: Coefficients = [0] * (len(left) + len(right) - 1)
    for one, first in enumerate(left):
        for other, second in enumerate(right):
            total[one + other] += first * second
    return total


def real_roots(of: Coefficients) -> list[tuple[Node, int]]:
    """Its real roots with how often each occurs, in no order. Raises NoRoots."""
    whole = _cleared(of)
    found: dict[Fraction, int] = {}
    while len(whole) > 3 or (len(whole) == 2):
        root = _rational_root(whole)
        if root is None:
            raise NoRoots("roots that are no fractions")
        found[root] = found.get(root, 0) + 1
        whole = _divided(whole, root)
    roots: list[tuple[Node, int]] = []
    if len(whole) == 3:
        c, b, a = whole
        under = b * b - 4 * a * c
        if under >= 0 and isqrt(under) ** 2 == under:
            for sign in (1, -1):
                root = Fraction(-b + sign * isqrt(under), 2 * a)
                found[root] = found.get(root, 0) + 1
        elif under > 0:
            for sign in (1, -1):
                part: Node = Root(_number(under), 2)
                top = Sum((_number(-b), part if sign == 1 else Negative(part)))
                roots.append((Quotient(top, _number(2 * a)), 1))
    return [*((_number(root), times) for root, times in found.items()), *roots]


def _cleared(of: Coefficients) -> list[int]:
    """The same roots, with integers for coefficients, as small as can be."""
    below = lcm(*(each.denominator for each in of))
    whole = [int(each * below) for each in of]
    return [each // gcd(*whole) for each in whole]


def _rational_root(of: list[int]) -> Fraction | None:
    if of[0] == 0:
        return Fraction(0)
    if len(of) == 2:
        return Fraction(-of[0], of[1])
    if abs(of[0]) > LARGEST_TRIED or abs(of[-1]) > LARGEST_TRIED:
        raise NoRoots("coefficients that are too large")
    for top in _divisors(abs(of[0])):
        for bottom in _divisors(abs(of[-1])):
            for root in (Fraction(top, bottom), Fraction(-top, bottom)):
                if sum(each * root**at for at, each in enumerate(of)) == 0:
                    return root
    return None


def _divisors(value: int) -> list[int]:
    small = [each for each in range(1, isqrt(value) + 1) if value % each == 0]
    return sorted({*small, *(value // each for each in small)})


def _divided(of: list[int], root: Fraction) -> list[int]:
    """By `x - root`, which leaves nothing over; with integers again."""
    found: list[Fraction] = []
    carried = Fraction(0)
    for each in reversed(of[1:]):
        carried = carried * root + each
        found.append(carried)
    return _cleared(list(reversed(found)))


def _number(value: Exact) -> Number:
    value = tidy(value)
    return Number(value, str(value))
