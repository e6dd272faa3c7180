"""Rational functions, evaluated exactly at random points modulo a prime larger than any coefficient.

Two of them are equal when their difference N/D has N = 0. Every coefficient of N is smaller than 2**size (size.py), and
the prime is larger, so a nonzero N stays nonzero modulo the prime, and is zero at a random point with a chance of at most
its degree over the prime (Schwartz 1980, Zippel 1979). `pi` and `e` count as symbols here: each is transcendental, so that
no polynomial in it over the rationals vanishes; for the two together this is a conjecture, on which only a rejection rests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from assay.core.rng import stream
from assay.verify.math.number import exact
from assay.verify.math.size import difference, size
from assay.verify.math.tree import (
    Call,
    Constant,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    TooLarge,
)

POINTS = 3
TRIES = 12
LARGEST_EXPONENT = 1_000_000  # far below every prime, so that x**p = x (mod p) is never met
PRIMES = tuple((exponent, (1 << exponent) - 1) for exponent in (127, 521, 1279, 2281, 4423, 9689))  # Mersenne's


class NotRational(Exception):
    """Not a rational function with exact coefficients."""


def prime_above(bits: float) -> int:
    for exponent, prime in PRIMES:
        if exponent > bits + 64:
            return prime
    raise TooLarge("coefficients of more than 9,600 bits")


def are_equal(left: Node, right: Node, random: Random) -> bool:
    """Are two rational functions equal? Raises NotRational, or TooLarge.

    The points are the same for both sides. Points where either has no value are left out.
    """
    sizes = difference(size(left, 0.0), size(right, 0.0))
    prime = prime_above(sizes.upper + sizes.lower)
    met = 0
    for point in points(random, prime):
        try:
            if evaluate(left, point, prime) != evaluate(right, point, prime):
                return False
        except ZeroDivisionError:
            continue
        met += 1
        if met == POINTS:
            return True
    raise NotRational("no point where both have a value")


def points(random: Random, prime: int) -> list[dict[str, int]]:
    return [_Point(random, prime) for _ in range(TRIES)]


class _Point(dict[str, int]):
    """A value for each symbol, drawn when first asked for."""

    def __init__(self, random: Random, prime: int) -> None:
        super().__init__()
        self._seed, self._prime = random.getrandbits(64), prime

    def __missing__(self, name: str) -> int:
        value = stream(self._seed, name).randrange(2, self._prime - 1)
        self[name] = value
        return value


def evaluate(node: Node, point: Mapping[str, int], prime: int) -> int:
    """Raises NotRational, TooLarge, or ZeroDivisionError."""
    reader = _READERS.get(type(node))
    if reader is None:
        raise NotRational(type(node).__name__)
    return reader(node, point, prime)


def _number(node: Number, point: Mapping[str, int], prime: int) -> int:
    value = node.value
    if isinstance(value, int):
        return value % prime
    return value.numerator * inverse(value.denominator, prime) % prime


def _constant(node: Constant, point: Mapping[str, int], prime: int) -> int:
    if node.name in ("pi", "e"):
        return point[f" {node.name}"]  # no symbol has a name with a space in front
    raise NotRational(node.name)


def _sum(node: Sum, point: Mapping[str, int], prime: int) -> int:
    total = 0
    for term in node.terms:
        total += evaluate(term, point, prime)
    return total % prime


def _product(node: Product, point: Mapping[str, int], prime: int) -> int:
    total = 1
    for factor in node.factors:
        total = total * evaluate(factor, point, prime) % prime
    return total


def _quotient(node: Quotient, point: Mapping[str, int], prime: int) -> int:
    return evaluate(node.top, point, prime) * inverse(evaluate(node.bottom, point, prime), prime) % prime


def _power(node: Power, point: Mapping[str, int], prime: int) -> int:
    exponent = exact(node.exponent)
    if not isinstance(exponent, int):
        raise NotRational("an exponent that is no integer")
    if abs(exponent) > LARGEST_EXPONENT:
        raise TooLarge(f"an exponent above {LARGEST_EXPONENT}")
    base = evaluate(node.base, point, prime)
    if exponent == 0 and base == 0:
        raise ZeroDivisionError
    return pow(base if exponent >= 0 else inverse(base, prime), abs(exponent), prime)


def _call(node: Call, point: Mapping[str, int], prime: int) -> int:
    value = exact(node)
    if value is None:
        raise NotRational(node.name)
    return value.numerator * inverse(value.denominator, prime) % prime


def inverse(value: int, prime: int) -> int:
    if value == 1:
        return 1
    try:
        return pow(value, -1, prime)
    except ValueError:
        raise ZeroDivisionError from None


_READERS: dict[type, Callable[[Any, Mapping[str, int], int], int]] = {
    Number: _number,
    Symbol: lambda node, point, prime: point[node.name],
    Constant: _constant,
    Sum: _sum,
    Product: _product,
    Quotient: _quotient,
    Negative: lambda node, point, prime: -evaluate(node.of, point, prime) % prime,
    Power: _power,
    Call: _call,
}
