"""How large the numbers inside an expression can get, known before any of them is computed.

For an expression made of integers, + - * /, and roots, `size` is the bound of Burnikel, Funke, Mehlhorn, Schirra and
Schmitt ("A separation bound for real algebraic expressions", ESA 2001, theorem 1): with u = 2**upper, l = 2**lower and
degree D the product of its distinct roots' indices, the expression is 0 or at least 1 / (u**(D-1) * l) in size. So
evaluating it to `Size.digits_to_decide` bits proves whether it is 0. Other functions have no such bound: for them `upper`
and `lower` estimate how large and how small a value gets on the way, and set the precision that evidence needs.
"""

from __future__ import annotations

from math import log2
from typing import NamedTuple

from assay.verify.math.number import exact
from assay.verify.math.tree import (
    Call,
    Constant,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Root,
    Series,
    Sum,
    Symbol,
    TooLarge,
    children,
)

LARGEST = 20_000.0  # bits
LARGEST_DEGREE = 4096


class Size(NamedTuple):
    upper: float
    lower: float
    is_algebraic: bool
    roots: frozenset[tuple[Node, int]]

    @property
    def bits_to_decide(self) -> float | None:
        """To how many bits a value proves that the expression is not 0; None when nothing does."""
        if not self.is_algebraic:
            return None
        degree = 1
        for _, index in self.roots:
            degree *= index
            if degree > LARGEST_DEGREE:
                return None
        return (degree - 1) * self.upper + self.lower


_NO_ROOTS: frozenset[tuple[Node, int]] = frozenset()
_ONE = Size(0.0, 0.0, True, _NO_ROOTS)


def size(node: Node, of_constant: float = 2.0) -> Size:
    """Raises TooLarge beyond LARGEST bits. `of_constant`: what pi and e count (0 where they stand for symbols)."""
    found = _size(node, of_constant)
    if found.upper > LARGEST or found.lower > LARGEST:
        raise TooLarge(f"values of more than {LARGEST:g} bits")
    return found


def difference(left: Size, right: Size) -> Size:
    return _add(left, right)


def _size(node: Node, of_constant: float) -> Size:
    if isinstance(node, Number):
        value = node.value
        return Size(_bits(value.numerator), _bits(value.denominator), True, _NO_ROOTS)
    if isinstance(node, Symbol):
        return _ONE
    if isinstance(node, Constant):
        return (
            Size(0.0, 0.0, True, frozenset({(node, 2)}))
            if node.name == "i"
            else Size(of_constant, 0.0, False, _NO_ROOTS)
        )
    if isinstance(node, Sum):
        total = size(node.terms[0], of_constant)
        for term in node.terms[1:]:
            total = _add(total, size(term, of_constant))
        return total
    if isinstance(node, Product):
        total = _ONE
        for factor in node.factors:
            total = _multiply(total, size(factor, of_constant))
        return total
    if isinstance(node, Negative):
        return size(node.of, of_constant)
    if isinstance(node, Quotient):
        top, bottom = size(node.top, of_constant), size(node.bottom, of_constant)
        return _multiply(top, Size(bottom.lower, bottom.upper, bottom.is_algebraic, bottom.roots))
    if isinstance(node, Root):
        return _root(size(node.of, of_constant), node.of, node.degree)
    if isinstance(node, Power):
        return _power(node, of_constant)
    if isinstance(node, Call) and node.name == "abs":
        return size(node.args[0], of_constant)
    return _other(node, of_constant)


def _bits(value: int) -> float:
    value = abs(value)
    return 0.0 if value < 2 else (log2(value) if value < 1 << 1000 else float(value.bit_length()))


def _add(left: Size, right: Size) -> Size:
    first, second = left.upper + right.lower, right.upper + left.lower
    upper = max(first, second) + (1.0 if abs(first - second) < 60 else 0.0)
    return Size(upper, left.lower + right.lower, left.is_algebraic and right.is_algebraic, left.roots | right.roots)


def _multiply(left: Size, right: Size) -> Size:
    return Size(
        left.upper + right.upper,
        left.lower + right.lower,
        left.is_algebraic and right.is_algebraic,
        left.roots | right.roots,
    )


def _root(of: Size, node: Node, index: int) -> Size:
    roots = of.roots | {(node, index)}
    if of.upper >= of.lower:
        return Size((of.upper + (index - 1) * of.lower) / index, of.lower, of.is_algebraic, roots)
    return Size(of.upper, ((index - 1) * of.upper + of.lower) / index, of.is_algebraic, roots)


def _power(node: Power, of_constant: float) -> Size:
    base = size(node.base, of_constant)
    exponent = exact(node.exponent)
    if exponent is None:
        inner = size(node.exponent, of_constant)
        if inner.upper > 15:
            raise TooLarge("an exponent that is too large")
        reach = (base.upper + base.lower + 2.0) * 2.0**inner.upper
        return Size(reach, reach, False, base.roots | inner.roots)
    if exponent.denominator > 1:
        if exponent.denominator > 64:
            reach = (base.upper + base.lower + 2.0) * abs(float(exponent))
            return Size(reach, reach, False, base.roots)
        base = _root(base, node.base, exponent.denominator)
    times = abs(exponent.numerator)
    if times > 1 << 31:
        raise TooLarge("an exponent that is too large")
    found = Size(base.upper * times, base.lower * times, base.is_algebraic, base.roots)
    if exponent < 0:
        return Size(found.lower, found.upper, found.is_algebraic, found.roots)
    return found


def _other(node: Node, of_constant: float) -> Size:
    """No bound but an estimate: everything below adds up."""
    reach = 4.0
    if isinstance(node, Call) and node.name in ("factorial", "perm", "binom"):
        for each in node.args:
            inner = size(each, of_constant)
            if inner.upper > 14:
                raise TooLarge("a factorial that is too large")
            reach += inner.upper * 2.0**inner.upper
        return Size(reach, reach, False, _NO_ROOTS)
    if isinstance(node, Series):
        low, high = exact(node.low), exact(node.high)
        count = 32.0 if low is None or high is None else float(max(1, high - low))
        inner = size(node.body, of_constant)
        reach += (inner.upper + inner.lower + 16.0) * (count if node.kind == "product" else 1.0)
        return Size(reach, reach, False, _NO_ROOTS)
    for each in children(node):
        inner = size(each, of_constant)
        reach += inner.upper + inner.lower
        if isinstance(node, Call) and node.name in ("sinh", "cosh", "tanh", "coth", "sech", "csch"):
            if inner.upper > 14:
                raise TooLarge("a hyperbolic function of a value that is too large")
            reach += 2.0 * 2.0**inner.upper
    return Size(reach, reach, False, _NO_ROOTS)
