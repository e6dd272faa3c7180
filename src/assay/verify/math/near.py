"""Numbers that may differ by a tolerance: absolute, relative to the truth, or beyond so many significant digits.

Only real or complex constants have a distance. Rationals are compared exactly; others at 60 digits more than the tolerance.
"""

from __future__ import annotations

from fractions import Fraction
from math import log2

from assay.core.types import Reason
from assay.verify.math.evaluate import Evaluator, Undefined, Value, precision
from assay.verify.math.number import exact
from assay.verify.math.policy import Tolerance
from assay.verify.math.scalar import collect_symbols, compare_scalars, has_imaginary, infinite
from assay.verify.math.size import size
from assay.verify.math.tree import Node


def compare_near(truth: Node, answer: Node, tolerance: Tolerance) -> Reason:
    """CORRECT, WRONG_VALUE or UNDECIDED. Raises TooLarge."""
    names: set[str] = set()
    collect_symbols(truth, names)
    collect_symbols(answer, names)
    if names or infinite(truth) or infinite(answer):
        return compare_scalars(truth, answer)
    right, given = exact(truth), exact(answer)
    if right is not None and given is not None:
        return _verdict(is_near(Fraction(right), Fraction(given), tolerance))
    if compare_scalars(truth, answer) is Reason.CORRECT:
        return Reason.CORRECT
    is_complex = has_imaginary(truth) or has_imaginary(answer)
    reach = [size(each) for each in (truth, answer)]
    bits = 256 + 2 * int(sum(each.upper + each.lower for each in reach)) + abs(int(log2(tolerance.amount))) * 4
    try:
        with precision(bits) as mp:
            evaluator = Evaluator(mp, {}, is_complex)
            values = [evaluator.value(each) for each in (truth, answer)]
            if is_complex:
                distance, scale = abs(values[0] - values[1]), abs(values[0])
                if tolerance.kind == "absolute":
                    return _verdict(distance <= tolerance.amount)
                allowed = tolerance.amount if tolerance.kind == "relative" else 10.0 ** (1 - tolerance.amount) / 2
                return _verdict(distance <= scale * allowed)
            first, second = (_fraction(each) for each in values)
            return _verdict(is_near(first, second, tolerance))
    except Undefined:
        return Reason.UNDECIDED


def is_near(truth: Fraction, answer: Fraction, tolerance: Tolerance) -> bool:
    if tolerance.kind == "absolute":
        return abs(truth - answer) <= decimal(tolerance.amount)
    if tolerance.kind == "relative":
        return abs(truth - answer) <= decimal(tolerance.amount) * abs(truth)
    digits = int(tolerance.amount)
    return rounded(truth, digits) == rounded(answer, digits)


def decimal(amount: float) -> Fraction:
    """The tolerance as it was written: 0.01 is a hundredth, not the nearest double."""
    return Fraction(repr(amount))


def rounded(value: Fraction, digits: int) -> tuple[int, int]:
    """To significant digits, halves away from zero: (digits, power of ten)."""
    if value == 0:
        return 0, 0
    size = abs(value)
    exponent = len(str(size.numerator // size.denominator)) - 1 if size >= 1 else -1
    while size < Fraction(10) ** exponent:
        exponent -= 1
    scaled = size / Fraction(10) ** (exponent - digits + 1)
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    if whole == 10**digits:
        whole, exponent = whole // 10, exponent + 1
    return (whole if value > 0 else -whole), exponent


def _fraction(value: Value) -> Fraction:
    """An mpf, exactly."""
    sign, mantissa, exponent, _ = value._mpf_
    found: Fraction = Fraction(int(mantissa)) * Fraction(2) ** exponent
    return -found if sign else found


def _verdict(is_same: bool) -> Reason:
    return Reason.CORRECT if is_same else Reason.WRONG_VALUE
