"""Expressions to numbers of any precision, with mpmath, at given values of their symbols.

Real by default: what has no real value has none (so `\\sqrt{x}` and `\\ln x` have theirs for positive x only), and odd roots
of negative numbers are real. With `is_complex`, values are complex and functions take their principal values.

mpmath keeps caches that are not made for threads, so one lock guards all of it; processes do not share it. It is imported
when first needed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

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
    Unit,
)

Value = Any  # an mpmath number: mpf or mpc
LONGEST_SERIES = 1_000
MOST_STEPS = 40_000
MOST_GAMMA_BITS = 1_000
LARGEST_MAGNITUDE = 60_000  # bits of a number before its point


class Undefined(Exception):
    """No value here: a division by zero, the root of a negative number, a function that is not known."""


_lock = threading.Lock()
_context: Any = None


def _renew_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@contextmanager
def precision(bits: int) -> Iterator[Any]:
    """mpmath at that many bits, for this thread alone."""
    global _context
    with _lock:
        if _context is None:
            from mpmath.ctx_mp import MPContext

            _context = MPContext()
        _context.prec = bits
        yield _context


class Budget:
    """What a comparison may cost, whatever it evaluates: about a microsecond a step, more at high precision."""

    def __init__(self, steps: int = MOST_STEPS) -> None:
        self.left = steps

    def spend(self, steps: int) -> None:
        """Raises TooLarge when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise TooLarge("more steps than a comparison may take")


class Evaluator:
    """At one point, at one precision. Used inside `precision`."""

    def __init__(
        self, context: Any, point: Mapping[str, Value], is_complex: bool = False, budget: Budget | None = None
    ) -> None:
        self.mp, self.point, self.is_complex = context, dict(point), is_complex
        self.budget = budget or Budget()
        self.call_cost = 1 + (context.prec >> 8) ** 2 // 8

    def value(self, node: Node) -> Value:
        """Raises Undefined or TooLarge."""
        reader = _READERS.get(type(node))
        if reader is None:
            raise Undefined(type(node).__name__)
        self.budget.spend(self.call_cost if type(node) is Call else 1)
        return self.checked(reader(self, node))

    def checked(self, value: Value) -> Value:
        mp = self.mp
        if isinstance(value, mp.mpc):
            if not self.is_complex:
                raise Undefined("a value that is not real")
            magnitude = mp.mag(value)
        else:
            magnitude = mp.mag(value)
        if isinstance(magnitude, int):
            if magnitude > LARGEST_MAGNITUDE:
                raise TooLarge("a value that is too large")
        elif magnitude != mp.ninf:
            raise Undefined("no finite value")
        return value

    def rational(self, value: int | Fraction) -> Value:
        if isinstance(value, int):
            return self.mp.mpf(value)
        return self.mp.mpf(value.numerator) / value.denominator

    def whole(self, value: Value) -> int | None:
        """The integer that a value is, if it is one."""
        if isinstance(value, self.mp.mpc):
            return None
        return int(value) if self.mp.isint(value) else None

    def symbol(self, node: Symbol) -> Value:
        return self.point[node.name]

    def constant(self, node: Constant) -> Value:
        if node.name == "pi":
            return +self.mp.pi
        if node.name == "e":
            return +self.mp.e
        if node.name == "i" and self.is_complex:
            return self.mp.mpc(0, 1)
        raise Undefined(node.name)

    def sum(self, node: Sum) -> Value:
        return self.mp.fsum([self.value(term) for term in node.terms])

    def product(self, node: Product) -> Value:
        total = self.mp.mpf(1)
        for factor in node.factors:
            total = total * self.value(factor)
        return total

    def quotient(self, node: Quotient) -> Value:
        top, bottom = self.value(node.top), self.value(node.bottom)
        if bottom == 0 or self.is_noise(bottom):
            raise Undefined("a division by zero")
        return top / bottom

    def is_noise(self, value: Value) -> bool:
        """Is it so small that it may be nothing but rounding?"""
        return bool(abs(value) < self.mp.ldexp(1, -(self.mp.prec // 2)))

    def power(self, node: Power) -> Value:
        base = self.value(node.base)
        exponent = exact(node.exponent)
        if exponent is None:
            return self.general_power(base, self.value(node.exponent))
        if exponent.denominator != 1:
            if exponent.denominator > 64:
                return self.general_power(base, self.rational(exponent))
            base = self.real_root(base, exponent.denominator)
        times = exponent.numerator
        if base == 0:
            if times <= 0:
                raise Undefined("a power of zero")
            return base
        self.check_reach(base, abs(times))
        return base**times

    def general_power(self, base: Value, exponent: Value) -> Value:
        times = self.whole(exponent)
        if base == 0:
            raise Undefined("a power of zero")
        if times is not None:
            self.check_reach(base, abs(times))
            return base**times
        if not self.is_complex and base < 0:
            raise Undefined("a negative number to a power that is not an integer")
        self.check_reach(base, abs(exponent))
        self.budget.spend(2 * self.call_cost)
        return self.mp.exp(exponent * self.mp.log(base))

    def check_reach(self, base: Value, times: Value) -> None:
        if times * (abs(self.mp.mag(base)) + 1) > LARGEST_MAGNITUDE:
            raise TooLarge("a power that is too large")

    def root(self, node: Root) -> Value:
        return self.real_root(self.value(node.of), node.degree)

    def real_root(self, value: Value, degree: int) -> Value:
        mp = self.mp
        if not isinstance(value, mp.mpc) and value < 0:
            if degree % 2:
                if not self.is_complex:
                    return -mp.root(-value, degree)
            elif not self.is_complex:
                raise Undefined("an even root of a negative number")
        return mp.sqrt(value) if degree == 2 else mp.root(value, degree)

    def unit(self, node: Unit) -> Value:
        if node.name == "degree":
            return self.mp.pi / 180
        if node.name == "radian":
            return self.mp.mpf(1)
        if node.name == "percent":
            return self.mp.mpf(1) / 100
        raise Undefined(f"the unit {node.name} in a formula")

    def call(self, node: Call) -> Value:
        args = [self.value(each) for each in node.args]
        function = _CALLS.get((node.name, len(args)))
        if function is None:
            raise Undefined(f"{node.name} of {len(args)}")
        try:
            return function(self, *args)
        except (ValueError, ZeroDivisionError, OverflowError, TypeError) as error:
            raise Undefined(f"{node.name}: {error}") from None

    def series(self, node: Series) -> Value:
        low, high = self.whole(self.value(node.low)), self.whole(self.value(node.high))
        if low is None or high is None:
            raise Undefined("a sum whose bounds are no integers")
        if high - low > LONGEST_SERIES:
            raise TooLarge(f"a sum of more than {LONGEST_SERIES} terms")
        before = self.point.get(node.variable)
        total = self.mp.mpf(1 if node.kind == "product" else 0)
        for index in range(low, high + 1):
            self.point[node.variable] = self.mp.mpf(index)
            term = self.value(node.body)
            total = total * term if node.kind == "product" else total + term
        if before is None:
            self.point.pop(node.variable, None)
        else:
            self.point[node.variable] = before
        return total

    # --- functions whose argument needs a look first ---

    def of_angle(self, function: str, value: Value) -> Value:
        if self.mp.mag(value) > 4_000:
            raise TooLarge(f"{function} of a value that is too large")
        if function in ("tan", "sec", "cot", "csc"):
            below = self.mp.cos(value) if function in ("tan", "sec") else self.mp.sin(value)
            if self.is_noise(below):
                raise Undefined(f"{function} at a pole")
        return getattr(self.mp, function)(value)

    def of_exponent(self, function: str, value: Value) -> Value:
        if self.mp.mag(value) > 15:
            raise TooLarge(f"{function} of a value that is too large")
        return getattr(self.mp, function)(value)

    def log(self, value: Value) -> Value:
        if value == 0 or self.is_noise(value) or (not self.is_complex and value < 0):
            raise Undefined("a logarithm of a number that is not positive")
        return self.mp.log(value)

    def log_to(self, value: Value, base: Value) -> Value:
        bottom = self.log(base)
        if self.is_noise(bottom):
            raise Undefined("a logarithm to the base 1")
        return self.log(value) / bottom

    def any_log(self, value: Value) -> Value:
        r"""`\log` without a base: to an unknown one, so that only what holds for every base is equal."""
        return self.log(value) * self.mp.mpf("1.2718281845904523536")

    def gamma(self, value: Value) -> Value:
        if abs(value) > 5_000:
            raise TooLarge("a factorial that is too large")
        if not isinstance(value, self.mp.mpc) and self.mp.isint(value):
            if value < 0:
                raise Undefined("the factorial of a negative number")
        else:
            self.check_smooth()
        return self.mp.factorial(value)

    def check_smooth(self) -> None:
        """The factorial of a number that is no integer takes seconds at some thousand bits, the first time."""
        if self.mp.prec > MOST_GAMMA_BITS:
            raise TooLarge(f"the factorial of a number that is no integer, at more than {MOST_GAMMA_BITS} bits")
        self.budget.spend(100 * self.call_cost)

    def step(self, function: str, value: Value) -> Value:
        """floor and ceil: at an integer they jump, and rounding may stand on either side of it."""
        if isinstance(value, self.mp.mpc):
            raise Undefined(function)
        nearest = self.mp.nint(value)
        return nearest if self.is_noise(value - nearest) else getattr(self.mp, function)(value)

    def unknown(self, name: str, value: Value) -> Value:
        """f(x) of an f that nobody told: some function or other, always the same."""
        first, second = {"f": (3, 7), "g": (5, 11), "h": (13, 2)}[name]
        return ((value * first + second) * value + self.mp.sqrt(first)) * value * value + second

    def binomial(self, top: Value, bottom: Value) -> Value:
        if abs(top) > 5_000 or abs(bottom) > 5_000:
            raise TooLarge("a binomial coefficient that is too large")
        if self.whole(top) is None or self.whole(bottom) is None:
            self.check_smooth()
        else:
            self.budget.spend(100 * self.call_cost)
        return self.mp.binomial(top, bottom)

    def modulo(self, value: Value, by: Value) -> Value:
        first, second = self.whole(value), self.whole(by)
        if first is None or not second:
            raise Undefined("a remainder of numbers that are no integers")
        return self.mp.mpf(first % second)


def _plain(name: str) -> Callable[..., Value]:
    return lambda evaluator, value: getattr(evaluator.mp, name)(value)


def _angle(name: str) -> Callable[..., Value]:
    return lambda evaluator, value: evaluator.of_angle(name, value)


def _exponent(name: str) -> Callable[..., Value]:
    return lambda evaluator, value: evaluator.of_exponent(name, value)


def _unknown(name: str) -> Callable[..., Value]:
    return lambda evaluator, value: evaluator.unknown(name, value)


def _arc(name: str, plain: str) -> dict[tuple[str, int], Callable[..., Value]]:
    return {(name, 1): _plain(plain)}


_CALLS: dict[tuple[str, int], Callable[..., Value]] = {
    **{(name, 1): _angle(name) for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{(name, 1): _exponent(name) for name in ("sinh", "cosh", "tanh", "coth", "sech", "csch")},
    **{(f"arc{name}", 1): _plain(f"a{name}") for name in ("sin", "cos", "tan", "cot", "sec", "csc")},
    **{(f"arc{name}", 1): _plain(f"a{name}") for name in ("sinh", "cosh", "tanh")},
    **{(name, 1): _unknown(name) for name in "fgh"},
    ("ln", 1): Evaluator.log,
    ("log", 1): Evaluator.any_log,
    ("log", 2): Evaluator.log_to,
    ("abs", 1): lambda evaluator, value: abs(value),
    ("factorial", 1): Evaluator.gamma,
    ("binom", 2): Evaluator.binomial,
    ("perm", 2): lambda evaluator, top, count: evaluator.gamma(top) / evaluator.gamma(top - count),
    ("floor", 1): lambda evaluator, value: evaluator.step("floor", value),
    ("ceil", 1): lambda evaluator, value: evaluator.step("ceil", value),
    ("sign", 1): lambda evaluator, value: evaluator.mp.sign(value),
    ("mod", 2): Evaluator.modulo,
    ("Re", 1): lambda evaluator, value: evaluator.mp.re(value),
    ("Im", 1): lambda evaluator, value: evaluator.mp.im(value),
    ("arg", 1): lambda evaluator, value: evaluator.mp.arg(value),
    ("max", 2): lambda evaluator, first, second: max(first, second),
    ("min", 2): lambda evaluator, first, second: min(first, second),
}
_READERS: dict[type, Callable[[Evaluator, Any], Value]] = {
    Number: lambda evaluator, node: evaluator.rational(node.value),
    Symbol: Evaluator.symbol,
    Constant: Evaluator.constant,
    Sum: Evaluator.sum,
    Product: Evaluator.product,
    Quotient: Evaluator.quotient,
    Negative: lambda evaluator, node: -evaluator.value(node.of),
    Power: Evaluator.power,
    Root: Evaluator.root,
    Unit: Evaluator.unit,
    Call: Evaluator.call,
    Series: Evaluator.series,
}
