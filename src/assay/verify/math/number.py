"""Integers and rationals, exact and bounded: reading them, and computing with them without sympy.

Every operation's size is known before it is done: what would have more than MOST_BITS bits is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

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
    Sum,
    TooLarge,
    Unreadable,
)

Exact = int | Fraction

MOST_DIGITS = 4_000  # of one number that is computed with (Python's own limit is 4,300)
MOST_BITS = 40_000  # of any integer on the way
LARGEST_FACTORIAL = 3_000


def read_number(token: str) -> Number:
    """A plain number token, with or without commas between thousands and a decimal point."""
    if "," in token:
        token = token.replace(",", "")
    if len(token) > MOST_DIGITS:
        raise TooLarge(f"a number of {len(token)} digits, more than {MOST_DIGITS}")
    if "e" in token or "E" in token:
        return _scientific(token)
    if "." not in token:
        return Number(int(token), token)
    whole, _, part = token.partition(".")
    return Number(tidy(Fraction(int(whole + part), 10 ** len(part))), token)


def _scientific(token: str) -> Number:
    """`3e8`. What could be an expression with the number e, `2e-3`, is no such token."""
    mantissa, _, exponent = token.replace("E", "e").partition("e")
    if len(exponent) > 5 or abs(int(exponent)) > MOST_DIGITS:
        raise TooLarge(f"a number of more than {MOST_DIGITS} digits")
    return Number(tidy(read_number(mantissa).value * Fraction(10) ** int(exponent)), token)


def read_repeating(token: str, period: str) -> Number:
    """`0.1` and `6` for 0.1666..."""
    whole, _, part = token.partition(".")
    if not period.isdigit() or len(token) + len(period) > MOST_DIGITS:
        raise Unreadable("a repeating decimal without digits")
    fixed = int((whole + part) or "0")
    scale = 10 ** len(part) * (10 ** len(period) - 1)
    return Number(tidy(Fraction(fixed * (10 ** len(period) - 1) + int(period), scale)), f"{token}({period})")


def read_based(token: str, base: int) -> Number:
    """`204` in base 5."""
    if not 2 <= base <= 16:
        raise Unreadable(f"a number in base {base}")
    if not token or any(digit not in "0123456789ABCDEF"[:base] for digit in token):
        raise Unreadable(f"{token} is no number in base {base}")
    if len(token) > 1_000:
        raise TooLarge(f"a number of {len(token)} digits in base {base}")
    return Number(int(token, base), f"{token}_{base}")


def base_of(node: Node) -> int:
    """The base that a number is written in: 10 but for `204_5` and its like."""
    if isinstance(node, Negative):
        return base_of(node.of)
    _, _, base = node.text.partition("_") if isinstance(node, Number) else ("", "", "")
    return int(base or 10)


def tidy(value: Exact) -> Exact:
    """An integer where it is one."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    return value


def exact(node: Node) -> Exact | None:
    """The value of an expression that is rational by its operations alone; None when it is not. Raises TooLarge.

    Division by zero has no value: None.
    """
    if type(node) is Number:
        return node.value
    reader = _EXACT.get(type(node))
    return None if reader is None else reader(node)


def _negative(node: Negative) -> Exact | None:
    value = exact(node.of)
    return None if value is None else -value


def _sum(node: Sum) -> Exact | None:
    total: Exact = 0
    for term in node.terms:
        value = exact(term)
        if value is None:
            return None
        total += value
    return bounded(total)


def _product(node: Product) -> Exact | None:
    total: Exact = 1
    for factor in node.factors:
        value = exact(factor)
        if value is None:
            return None
        total = bounded(total * value)
    return total


def _quotient(node: Quotient) -> Exact | None:
    top = exact(node.top)
    if top is None:
        return None
    bottom = exact(node.bottom)
    return None if bottom is None or bottom == 0 else bounded(tidy(Fraction(top) / bottom))


def _power(node: Power) -> Exact | None:
    exponent = exact(node.exponent)
    if exponent is None:
        return None
    base = exact(node.base)
    return None if base is None else power(base, exponent)


def power(base: Exact, exponent: Exact) -> Exact | None:
    """base ** exponent where that is rational; None where it is not, or has no value. Raises TooLarge."""
    exponent = tidy(exponent)
    if isinstance(exponent, Fraction):
        if exponent.denominator > 64 or (base < 0 and exponent.denominator % 2 == 0):
            return None
        base_root = root(base, exponent.denominator)
        return None if base_root is None else power(base_root, exponent.numerator)
    if base == 0:
        return None if exponent < 0 or exponent == 0 else 0
    if base in (1, -1):
        return base if base == 1 or exponent % 2 else 1
    if bits(base) * abs(exponent) > MOST_BITS:
        raise TooLarge("a power of more than " + str(MOST_BITS) + " bits")
    if exponent < 0:
        return tidy(Fraction(1) / base**-exponent)
    return tidy(base**exponent)


def root(value: Exact, index: int) -> Exact | None:
    """The real root where it is rational, else None."""
    if value < 0:
        if index % 2 == 0:
            return None
        positive = root(-value, index)
        return None if positive is None else -positive
    value = tidy(value)
    if isinstance(value, Fraction):
        top, bottom = _integer_root(value.numerator, index), _integer_root(value.denominator, index)
        return None if top is None or bottom is None else Fraction(top, bottom)
    return _integer_root(value, index)


def _integer_root(value: int, index: int) -> int | None:
    if index == 2:
        found = math.isqrt(value)
        return found if found * found == value else None
    if value < 2:
        return value
    low, high = 1, 1 << (value.bit_length() // index + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**index <= value:
            low = middle
        else:
            high = middle - 1
    return low if low**index == value else None


def _root(node: Root) -> Exact | None:
    value = exact(node.of)
    return None if value is None else root(value, node.degree)


def _call(node: Call) -> Exact | None:
    values = []
    for each in node.args:
        value = exact(each)
        if value is None:
            return None
        values.append(value)
    function = _CALLS.get((node.name, len(values)))
    return None if function is None else function(*values)


def factorial(value: Exact) -> Exact | None:
    if not isinstance(value, int) or value < 0:
        return None
    if value > LARGEST_FACTORIAL:
        raise TooLarge(f"a factorial above {LARGEST_FACTORIAL}!")
    return math.factorial(value)


def binomial(top: Exact, bottom: Exact) -> Exact | None:
    if not isinstance(top, int) or not isinstance(bottom, int) or top < 0:
        return None
    if bottom < 0 or bottom > top:
        return 0
    if min(bottom, top - bottom) * max(1, top.bit_length()) > MOST_BITS:
        raise TooLarge("a binomial coefficient of more than " + str(MOST_BITS) + " bits")
    return math.comb(top, bottom)


def _common(function: str, values: tuple[Exact, ...]) -> Exact | None:
    whole = [each for each in values if isinstance(each, int)]
    if len(whole) != len(values):
        return None
    return math.gcd(*whole) if function == "gcd" else math.lcm(*whole)


def _modulo(value: Exact, by: Exact) -> Exact | None:
    return None if by == 0 else value % by


def _permutations(top: Exact, count: Exact) -> Exact | None:
    if not isinstance(top, int) or not isinstance(count, int) or top < 0 or count < 0:
        return None
    if top > LARGEST_FACTORIAL:
        raise TooLarge(f"permutations of more than {LARGEST_FACTORIAL}")
    return math.perm(top, count)


_CALLS: dict[tuple[str, int], Callable[..., Exact | None]] = {
    ("factorial", 1): factorial,
    ("binom", 2): binomial,
    ("perm", 2): _permutations,
    ("abs", 1): abs,
    ("floor", 1): math.floor,
    ("ceil", 1): math.ceil,
    ("sign", 1): lambda value: (value > 0) - (value < 0),
    ("mod", 2): _modulo,
    ("max", 2): max,
    ("min", 2): min,
    ("gcd", 2): lambda *values: _common("gcd", values),
    ("lcm", 2): lambda *values: _common("lcm", values),
}


def bounded(value: Exact) -> Exact:
    if bits(value) > MOST_BITS:
        raise TooLarge(f"a number of more than {MOST_BITS} bits")
    return value


def bits(value: Exact) -> int:
    if isinstance(value, int):
        return value.bit_length()
    return max(value.numerator.bit_length(), value.denominator.bit_length())


_EXACT: dict[type, Callable[[Any], Exact | None]] = {
    Negative: _negative,
    Sum: _sum,
    Product: _product,
    Quotient: _quotient,
    Power: _power,
    Root: _root,
    Call: _call,
    Constant: lambda node: None,
}
