"""When a returned value meets the expected one. Both are plain data; neither's own methods are ever called.

An `Array` (from JSON) meets a list or a tuple; a list meets a list, a tuple a tuple. An int meets an equal float; a bool
meets only a bool; strings and bytes are exact; NaN meets nothing. A set or a dict is compared by keys made here, so that no
hash table is ever built out of numbers that a program chose.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from assay.sandbox.encoding import Bag, Pairs

MOST_APART = 200  # items of a set that are equal only within a tolerance


@dataclass(frozen=True, slots=True)
class Array:
    """A JSON array: a list or a tuple, whichever a program prefers."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """|got - expected| <= value * max(1, |expected|), or with `is_absolute` < value, as `assert abs(got - x) < value` says."""

    value: float
    is_absolute: bool = False


def meets(got: Any, expected: Any, tolerance: Tolerance | None = None) -> bool:
    """Whether `got` is the expected value."""
    if isinstance(expected, Array):
        return type(got) in (list, tuple) and _all_meet(got, expected.items, tolerance)
    if type(expected) in (list, tuple):
        return type(got) is type(expected) and _all_meet(got, expected, tolerance)
    if isinstance(expected, Bag):
        return isinstance(got, Bag) and _bags_meet(got.items, expected.items, tolerance)
    if isinstance(expected, Pairs):
        return isinstance(got, Pairs) and _pairs_meet(got.items, expected.items, tolerance)
    if type(expected) in (int, float, complex) and type(got) in (int, float, complex):
        return _numbers_meet(got, expected, tolerance)
    return type(got) is type(expected) and bool(got == expected)


def _all_meet(got: Sequence[Any], expected: Sequence[Any], tolerance: Tolerance | None) -> bool:
    return len(got) == len(expected) and all(
        meets(mine, theirs, tolerance) for mine, theirs in zip(got, expected, strict=True)
    )


def _numbers_meet(got: Any, expected: Any, tolerance: Tolerance | None) -> bool:
    if got == expected:
        return True
    if tolerance is None or not _is_finite(got) or not _is_finite(expected):
        return False
    if complex in (type(got), type(expected)):
        try:
            apart, size = abs(complex(got) - complex(expected)), abs(complex(expected))
        except OverflowError:
            return False
        return apart < tolerance.value if tolerance.is_absolute else apart <= tolerance.value * max(1.0, size)
    exact, limit = abs(Fraction(got) - Fraction(expected)), Fraction(tolerance.value)
    return exact < limit if tolerance.is_absolute else exact <= limit * max(Fraction(1), abs(Fraction(expected)))


def _is_finite(value: complex) -> bool:
    if isinstance(value, int):
        return True
    return math.isfinite(value.real) and math.isfinite(value.imag)


def _bags_meet(got: Sequence[Any], expected: Sequence[Any], tolerance: Tolerance | None) -> bool:
    def fits(mine: Any, theirs: Any) -> bool:
        return meets(mine, theirs, tolerance)

    return _match([(key(each), each) for each in got], [(key(each), each) for each in expected], tolerance, fits)


def _pairs_meet(
    got: Sequence[tuple[Any, Any]], expected: Sequence[tuple[Any, Any]], tolerance: Tolerance | None
) -> bool:
    def fits(mine: Any, theirs: Any) -> bool:
        return meets(mine[0], theirs[0], tolerance) and meets(mine[1], theirs[1], tolerance)

    return _match([(key(each[0]), each) for each in got], [(key(each[0]), each) for each in expected], tolerance, fits)


def _match(
    got: Sequence[tuple[str, Any]],
    expected: Sequence[tuple[str, Any]],
    tolerance: Tolerance | None,
    fits: Callable[[Any, Any], bool],
) -> bool:
    """One to one: by key where keys are equal, and what is left over within the tolerance, in order of size."""
    mine, theirs = dict(got), dict(expected)
    if len(mine) != len(got) or len(mine) != len(theirs):  # a set that holds an item twice is no set
        return False
    shared = mine.keys() & theirs.keys()
    if not all(fits(mine[each], theirs[each]) for each in shared):
        return False
    left, wanted = (
        [mine[each] for each in mine if each not in shared],
        [theirs[each] for each in theirs if each not in shared],
    )
    if not left:
        return True
    if tolerance is None or len(left) > MOST_APART:
        return False
    free = list(range(len(left)))
    for each in wanted:
        found = next((i for i in free if fits(left[i], each)), None)
        if found is None:
            return False
        free.remove(found)
    return True


def key(value: Any) -> str:
    """A text that is the same for equal values (1 and 1.0), and only for them. Sequences in sets can only be tuples."""
    return json.dumps(_key(value))


def _key(value: Any) -> Any:
    if isinstance(value, Array):
        return ["t", *map(_key, value.items)]
    if isinstance(value, (list, tuple)):
        return ["t", *map(_key, value)]
    if isinstance(value, Bag):
        return ["s", *sorted(key(each) for each in value.items)]
    if isinstance(value, Pairs):
        return ["d", *sorted(json.dumps([key(each), key(of)]) for each, of in value.items)]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, bytes):
        return ["b", value.hex()]
    if isinstance(value, complex) and value.imag == 0:
        value = value.real
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return ["n", f"{value:x}" if isinstance(value, int) else repr(value)]
