"""One JSON object from text, strictly: what two readers could take for two things is malformed.

RFC 8259, and beyond it: no key twice in one object, no NaN or Infinity, no number that a double cannot hold (1e400) or
that is smaller than 1e-400, no byte order mark, no lone surrogate, no nesting deeper than the contract's. Numbers are
exact: 0.1 is one tenth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, NoReturn

from assay.core.types import Json

LONGEST_NUMBER = 400  # characters
SMALLEST_EXPONENT = -400


class Malformed(ValueError):
    """Text that is not one strict JSON object; the message is a sentence's end."""


class Document(NamedTuple):
    """`decimals` holds its numbers as int and Decimal, as the schema wants them; `value` as int and Fraction."""

    decimals: dict[str, Json]
    value: dict[str, Any]


def read_document(text: str, max_depth: int) -> Document:
    """Raises Malformed."""
    found = read_json(text)
    if not isinstance(found, dict):
        raise Malformed(f"{_kind(found)} where one object is wanted")
    if _depth(found) > max_depth:
        raise Malformed(f"nested deeper than {max_depth}")
    return Document(found, exact(found))


def read_json(text: str) -> Any:
    """Any strict JSON value, with int and Decimal for numbers. Raises Malformed."""
    if text.startswith("\ufeff"):
        raise Malformed("a byte order mark")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("a lone surrogate") from None
    try:
        found = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except Malformed:
        raise
    except RecursionError:
        raise Malformed("nested too deep") from None
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from None
    if "\\u" in text and not _is_writable(found):  # only an escape can bring a lone surrogate in now
        raise Malformed("a lone surrogate")
    return found


def exact(value: Any) -> Any:
    """The same value with int and Fraction for numbers; a float is what its shortest decimal says (0.1 is a tenth)."""
    if isinstance(value, dict):
        return {name: exact(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(each) for each in value]
    if isinstance(value, (float, Decimal)):
        if not math.isfinite(value):
            raise Malformed(f"{value} is no number")
        number = Fraction(repr(value) if isinstance(value, float) else value)
        return number.numerator if number.denominator == 1 else number
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise Malformed(f"the key {twice[:60]!r} stands there twice")
    return found


def _integer(text: str) -> int:
    if len(text) > LONGEST_NUMBER or not math.isfinite(float(text)):
        raise Malformed(f"the number {text[:20]}... is too large")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > LONGEST_NUMBER or not math.isfinite(float(text)):
        raise Malformed(f"the number {text[:20]} is too large")
    try:
        value = Decimal(text)
    except ArithmeticError:  # an exponent of more than 18 digits
        raise Malformed(f"the number {text[:20]} is too small") from None
    if value.as_tuple().exponent < SMALLEST_EXPONENT or value.adjusted() > -SMALLEST_EXPONENT:  # type: ignore[operator]
        raise Malformed(f"the number {text[:20]} is too small")
    return value


def _constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON value")


def _depth(value: dict[str, Any] | list[Any]) -> int:
    """{} is 1. A loop, so that no depth is too much for it."""
    count, level = 0, [value]
    while level:
        count += 1
        level = [inner for each in level for inner in _inside(each) if isinstance(inner, (dict, list))]
    return count


def _inside(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _is_writable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a boolean", int: "a number", Decimal: "a number", str: "a text", list: "a list"}
    return names[type(value)]
