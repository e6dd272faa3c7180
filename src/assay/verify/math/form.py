r"""How an answer is written, for truths that ask for it: `decimal`, `reduced`, `expanded`, `factored`.

- `decimal`: digits, perhaps with a point: 0.5, not 1/2.
- `reduced`: nothing left to work out or to cancel: 1/2, not 2/4, 0.5 or 1+1; 2\sqrt{3}, not \sqrt{12}; no root below a bar;
  fractions of polynomials without a common factor.
- `expanded`: a sum of terms of different kinds, without brackets: x^2+2x+1.
- `factored`: a product that cannot be taken further apart over the rationals: (x+1)^2; for integers, powers of primes.

Whether polynomials have factors is asked of sympy, in a process of its own (symbolic.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import gcd, isqrt

from assay.verify.math import symbolic
from assay.verify.math.number import exact
from assay.verify.math.policy import Form
from assay.verify.math.tree import (
    Bracketed,
    Call,
    Listing,
    Matrix,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Relation,
    Root,
    Sum,
    Symbol,
    children,
)
from assay.verify.math.units import split

_DECIMAL = re.compile(r"[0-9]*\.?[0-9]*\Z")
MOST_TRIED = 1_000  # divisors tried on a number under a root


def is_written(node: Node, form: Form) -> bool | None:
    """Is the answer in that form? None when it could not be told."""
    if form == "any":
        return True
    if isinstance(node, (Listing, Bracketed, Matrix, Relation)):
        found = [is_written(each, form) for each in children(node)]
        return all(found) if None not in found or False in found else None
    return _CHECKS[form](split(node).value)


def _decimal(node: Node) -> bool:
    while isinstance(node, Negative):
        node = node.of
    return isinstance(node, Number) and _DECIMAL.match(node.text) is not None


def _reduced(node: Node) -> bool | None:
    if exact(node) is not None:
        return _is_reduced_rational(node)
    if isinstance(node, Root):
        inside = exact(node.of)
        return (
            isinstance(inside, int) and not _has_power(inside, node.degree)
            if inside is not None
            else _all_reduced(node)
        )
    if isinstance(node, Quotient):
        if _has_root(node.bottom) or content(node.top, node.bottom) > 1:
            return False
        if exact(node.bottom) is None and symbolic.have_common_factor(node.top, node.bottom) is not False:
            return None if symbolic.have_common_factor(node.top, node.bottom) is None else False
        return _all_reduced(node)
    if isinstance(node, (Sum, Product)):
        parts = node.terms if isinstance(node, Sum) else node.factors
        if sum(exact(each) is not None for each in parts) > 1:
            return False
    return _all_reduced(node)


def _all_reduced(node: Node) -> bool | None:
    found = [_reduced(each) for each in children(node)]
    return all(found) if None not in found or False in found else None


def _is_reduced_rational(node: Node) -> bool:
    if isinstance(node, Negative):
        return not isinstance(node.of, Negative) and _is_reduced_rational(node.of)
    if isinstance(node, Number):
        return (isinstance(node.value, int) and "." not in node.text) or (
            " " in node.text and _is_reduced_mixed(node.text)
        )
    if isinstance(node, Quotient):
        top = node.top.of if isinstance(node.top, Negative) else node.top
        if isinstance(top, Number) and isinstance(node.bottom, Number):
            above, below = top.value, node.bottom.value
            return isinstance(above, int) and isinstance(below, int) and below > 1 and gcd(above, below) == 1
    return False


def _is_reduced_mixed(text: str) -> bool:
    top, _, bottom = text.split(" ")[1].partition("/")
    return gcd(int(top), int(bottom)) == 1


def _has_power(value: int, degree: int) -> bool:
    """Does a power of that degree above 1 divide it? Tried up to MOST_TRIED; beyond that a perfect power only."""
    value = abs(value)
    if value < 2:
        return True  # a root of 0 or 1 is not reduced
    for divisor in range(2, MOST_TRIED):
        power = divisor**degree
        if power > value:
            return False
        if value % power == 0:
            return True
    return degree == 2 and isqrt(value) ** 2 == value


def _has_root(node: Node) -> bool:
    return isinstance(node, Root) or any(_has_root(each) for each in children(node))


def content(*nodes: Node) -> int:
    """The greatest integer that divides every term of all of them."""
    found = 0
    for node in nodes:
        terms: Sequence[Node] = node.terms if isinstance(node, Sum) else (node,)
        for term in terms:
            found = gcd(found, _coefficient(term))
    return found


def _coefficient(term: Node) -> int:
    if isinstance(term, Negative):
        return _coefficient(term.of)
    value = exact(term)
    if value is not None:
        return value if isinstance(value, int) else 1
    if isinstance(term, Product):
        found = 1
        for each in term.factors:
            value = exact(each)
            found *= value if isinstance(value, int) else 1
        return found
    return 1


def _expanded(node: Node) -> bool:
    terms = node.terms if isinstance(node, Sum) else (node,)
    kinds = [_monomial(term) for term in terms]
    return None not in kinds and len(set(kinds)) == len(kinds)


def _monomial(term: Node) -> str | None:
    """Its symbols and functions with their powers, as a name; None when brackets are left in it."""
    if isinstance(term, Negative):
        return _monomial(term.of)
    if exact(term) is not None:
        return "" if not isinstance(term, (Sum, Product)) else None
    factors = term.factors if isinstance(term, Product) else (term,)
    names = []
    for each in factors:
        if exact(each) is not None:
            continue
        base = each.base if isinstance(each, Power) else each
        if isinstance(base, (Sum, Product)) or (
            isinstance(each, Power) and isinstance(base, Number) and exact(each) is None
        ):
            return None if not isinstance(base, Number) else repr(each)
        if isinstance(each, Quotient):
            if isinstance(each.top, Sum) or isinstance(each.bottom, Sum):
                return None
            names.append(f"{_monomial(each.top)}/{_monomial(each.bottom)}")
        else:
            names.append(repr(each))
    if len({name.partition("exponent")[0] for name in names}) != len(names):
        return None  # x * x
    return " ".join(sorted(names))


def _factored(node: Node) -> bool | None:
    while isinstance(node, Negative):
        node = node.of
    value = exact(node)
    if value is not None:
        return isinstance(value, int) and all(_is_prime_power(each) for each in _factors(node))
    found = [_is_irreducible(each) for each in _factors(node)]
    return all(found) if None not in found or False in found else None


def _factors(node: Node) -> list[Node]:
    if isinstance(node, Product):
        return [factor for each in node.factors for factor in _factors(each)]
    if isinstance(node, Negative):
        return _factors(node.of)
    if isinstance(node, Quotient) and exact(node.bottom) is not None:
        return _factors(node.top)
    return [node.base] if isinstance(node, Power) and not isinstance(node.exponent, Symbol) else [node]


def _is_prime_power(node: Node) -> bool:
    value = exact(node)
    if not isinstance(value, int) or value > 10**12:
        return False
    return value == 1 or (value > 1 and all(value % each for each in range(2, isqrt(value) + 1)))


def _is_irreducible(node: Node) -> bool | None:
    if exact(node) is not None or isinstance(node, (Symbol, Call, Root)):
        return True
    if isinstance(node, Sum) and content(node) > 1:
        return False
    return symbolic.is_irreducible(node)


_CHECKS = {"decimal": _decimal, "reduced": _reduced, "expanded": _expanded, "factored": _factored}
