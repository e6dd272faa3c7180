"""What + - * / // and % mean for numbers, times, texts and lists. Everything is exact; what has no value is a Failure.

number and number            all six
text + text, list + list
instant - instant            a duration; so is date - date
instant or date, + or - a duration (for a date, of whole days)
duration + - duration        a duration; duration / duration a number, // and % too
duration * or / number       a duration
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from assay.verify.structured.functions import Steps
from assay.verify.structured.instant import LAST_DAY, Day, Instant, Span, moved
from assay.verify.structured.value import Failure, Value, is_number, kind_of, number

LONGEST_TEXT = 100_000  # characters made by +


def _unfit(word: str, one: Value, two: Value) -> Failure:
    return Failure(f"{kind_of(one)} {word} {kind_of(two)} has no value")


def _add(run: Steps, one: Value, two: Value) -> Value:
    if is_number(one) and is_number(two):
        return number(one + two)
    match one, two:
        case (Span(), Span()):
            return Span(Fraction(number(one.seconds + two.seconds)))
        case ((Instant() | Day()), Span()):
            return _later(one, two.seconds)
        case (Span(), (Instant() | Day())):
            return _later(two, one.seconds)
        case (str(), str()) if len(one) + len(two) <= LONGEST_TEXT:
            run.spend((len(one) + len(two)) // 64)
            return one + two
        case (list(), list()):
            run.spend(len(one) + len(two))
            return [*one, *two]
    raise _unfit("plus", one, two)


def _subtract(run: Steps, one: Value, two: Value) -> Value:
    if is_number(one) and is_number(two):
        return number(one - two)
    match one, two:
        case (Span(), Span()) | (Instant(), Instant()):
            return Span(Fraction(number(one.seconds - two.seconds)))
        case (Day(), Day()):
            return Span(Fraction((one.ordinal - two.ordinal) * 86_400))
        case ((Instant() | Day()), Span()):
            return _later(one, -two.seconds)
    raise _unfit("minus", one, two)


def _later(point: Instant | Day, seconds: Fraction) -> Value:
    if isinstance(point, Instant):
        then = moved(point, seconds)
    else:
        days = Fraction(seconds, 86_400)
        if days.denominator != 1:
            raise Failure("a date and a duration that is not whole days have no sum")
        then_day = point.ordinal + days.numerator
        then = Day(then_day) if 1 <= then_day <= LAST_DAY else None  # type: ignore[assignment]
    if then is None:
        raise Failure("a time beyond the calendar")
    return then


def _multiply(run: Steps, one: Value, two: Value) -> Value:
    if is_number(one) and is_number(two):
        return number(one * two)
    if type(one) is Span and is_number(two):
        return Span(Fraction(number(one.seconds * two)))
    if type(two) is Span and is_number(one):
        return Span(Fraction(number(two.seconds * one)))
    raise _unfit("times", one, two)


def _divided(run: Steps, one: Value, two: Value) -> Value:
    """The exact quotient, as a Fraction; of two durations a number."""
    if is_number(one) and is_number(two):
        over = two
    elif type(one) is Span and type(two) is Span:
        one, over = one.seconds, two.seconds
    else:
        raise _unfit("divided by", one, two)
    if over == 0:
        raise Failure("a division by zero")
    return Fraction(one) / Fraction(over)


def _divide(run: Steps, one: Value, two: Value) -> Value:
    if type(one) is Span and is_number(two):
        return Span(Fraction(number(_divided(run, one.seconds, two))))
    return number(_divided(run, one, two))


def _whole_divide(run: Steps, one: Value, two: Value) -> Value:
    return number(_divided(run, one, two) // 1)


def _modulo(run: Steps, one: Value, two: Value) -> Value:
    quotient = _divided(run, one, two) // 1
    if type(one) is Span:
        return Span(Fraction(number(one.seconds - quotient * two.seconds)))
    return number(one - quotient * two)


ARITHMETIC: Mapping[str, Callable[[Steps, Value, Value], Value]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "/": _divide,
    "//": _whole_divide,
    "%": _modulo,
}
