"""The values of the rule language: their kinds, when two are the same, which is less, and how they are shown.

Null, booleans, exact numbers (int or Fraction, never a float), texts, lists, objects, instants, dates and durations.
Only values of one kind are compared; null may be asked for everywhere (`x == null`). Whatever has no answer raises
Failure, which `rules` turns into a FAIL that names the rule and the place.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from fractions import Fraction
from typing import Any

from assay.verify.structured.instant import Day, Instant, Span

Value = Any
"""One of the kinds above; a list may be a `tables.Table`."""

LARGEST_BITS = 8192  # of a numerator or a denominator
SHOWN = 80  # characters of a value in a sentence


class Failure(Exception):
    """A part of a rule that has no value for this answer. `place` is the path of that part, once it is known."""

    def __init__(self, detail: str, place: str = "") -> None:
        super().__init__(detail)
        self.detail, self.place = detail, place


class Absent(Failure):
    """A field, an item or a row that is not there: what `has` and `exists` answer with false."""


class TooMuch(Failure):
    """A bound on steps or size."""


KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    Fraction: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
    Instant: "an instant",
    Day: "a date",
    Span: "a duration",
}
ORDERED = frozenset({"a number", "a text", "an instant", "a date", "a duration"})


def kind_of(value: Value) -> str:
    found = KINDS.get(type(value))
    return found if found is not None else "a list"  # a table


def is_number(value: Value) -> bool:
    kind = type(value)
    return kind is int or kind is Fraction


def number(value: Fraction | int) -> Value:
    """In its plain form, and within bounds."""
    if type(value) is Fraction:
        if value.denominator == 1:
            value = value.numerator
        elif value.denominator.bit_length() > LARGEST_BITS:
            raise TooMuch("a number with too many digits")
    top = value if type(value) is int else value.numerator
    if top.bit_length() > LARGEST_BITS:
        raise TooMuch("a number with too many digits")
    return value


def key_of(value: Value) -> Hashable:
    """Equal keys for equal values, and only for them: 1 and 1.0 are one, 1 and true are not."""
    kind = type(value)
    if kind is str or kind is int or kind is Fraction:
        return (kind is str, value)
    if value is None or kind is bool:
        return (str(value),)
    if kind is dict:
        return ("object", frozenset((name, key_of(each)) for name, each in value.items()))
    if isinstance(value, list):
        return ("list", tuple(key_of(each) for each in value))
    return (kind.__name__, value[0])  # a time, without the offset it was written with


def weight_of(value: Value) -> int:
    """How many parts it has: what comparing it costs."""
    if type(value) is str:
        return 1 + len(value) // 64
    if type(value) is dict:
        return 1 + sum(weight_of(each) for each in value.values())
    if isinstance(value, list):
        return 1 + sum(weight_of(each) for each in value)
    return 1


def is_same(left: Value, right: Value) -> bool:
    """Raises Failure for values of two kinds, neither of them null."""
    a, b = type(left), type(right)
    if a is b and (a is str or a is int):
        return bool(left == right)
    if left is None or right is None:
        return left is right
    if kind_of(left) != kind_of(right):
        raise Failure(f"{show(left)} is {kind_of(left)}, {show(right)} is {kind_of(right)}")
    return key_of(left) == key_of(right)


def is_less(left: Value, right: Value) -> bool:
    """Numbers, texts (by code point), instants, dates, durations. Raises Failure for anything else."""
    kind = kind_of(left)
    if kind != kind_of(right) or kind not in ORDERED:
        raise Failure(f"{show(left)} and {show(right)} have no order")
    if type(left) is Instant:
        return bool(left.seconds < right.seconds)
    return bool(left < right)


def show(value: Value) -> str:
    """In one short line, as the language writes it."""
    if is_number(value):
        return _short(decimal_text(value))
    if value is None or type(value) is bool:
        return json.dumps(value)
    if type(value) is str:
        return _short(json.dumps(value))
    if type(value) is dict:
        return _short("{" + ", ".join(f"{json.dumps(name)}: {show(each)}" for name, each in [*value.items()][:8]) + "}")
    if isinstance(value, list):
        return _short("[" + ", ".join(show(each) for each in value[:12]) + (", ...]" if len(value) > 12 else "]"))
    return str(value)


def decimal_text(value: Fraction | int) -> str:
    """The exact decimal where it ends, else the fraction."""
    if type(value) is int:
        return str(value) if value.bit_length() < 4000 else f"a number of {value.bit_length()} bits"
    below, places = value.denominator, 0
    while places < 40 and (10**places) % below:
        places += 1
    if places == 40:
        return f"{value.numerator}/{below}" if value.numerator.bit_length() < 4000 else "a long fraction"
    digits = str(abs(value.numerator) * 10**places // below).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."
