"""The functions of the rule language: exact, total, each with the sentence that tells how it is used.

A function gets the run (which counts steps) and its arguments' values; what it has no value for raises Failure. `lookup`,
`exists` and `has` are written here and called by `evaluate`, which gives them a table, or the error of a path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from assay.verify.structured.instant import Day, Instant, Span, local_day, local_time, read_day, read_instant
from assay.verify.structured.tables import Table
from assay.verify.structured.value import (
    ORDERED,
    Absent,
    Failure,
    Value,
    is_less,
    is_number,
    key_of,
    kind_of,
    number,
    show,
    weight_of,
)

DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?")
LONGEST_DECIMAL = 200
MOST_PLACES = 100
MODES = ("half_up", "half_even", "half_down", "up", "down", "ceiling", "floor")


class Steps(Protocol):
    """What counts the work of a run; `spend` raises TooMuch when it is too much."""

    def spend(self, steps: int) -> None: ...


class Function(NamedTuple):
    usage: str
    least: int
    most: int
    call: Callable[..., Value]
    takes_list: bool = False  # so that its only argument may be `x for ...`


# lists


def _list(value: Value, run: Steps) -> list[Value]:
    if not isinstance(value, list):
        raise Failure(f"{show(value)} is {kind_of(value)}, not a list")
    run.spend(len(value))
    return value


def _booleans(value: Value, run: Steps) -> list[bool]:
    found = _list(value, run)
    for each in found:
        if type(each) is not bool:
            raise Failure(f"{show(each)} is {kind_of(each)}, not true or false")
    return found


def _all(run: Steps, value: Value) -> Value:
    return all(_booleans(value, run))


def _any(run: Steps, value: Value) -> Value:
    return any(_booleans(value, run))


def _sum(run: Steps, value: Value) -> Value:
    items = _list(value, run)
    if items and type(items[0]) is Span:
        if not all(type(each) is Span for each in items):
            raise Failure("durations and other values have no sum")
        return Span(sum((each.seconds for each in items), Fraction(0)))
    total: Fraction | int = 0
    for each in items:
        if not is_number(each):
            raise Failure(f"{show(each)} is {kind_of(each)}, not a number")
        total = number(total + each)
    return total


def _count(run: Steps, value: Value) -> Value:
    return sum(each is not None and each is not False for each in _list(value, run))


def _extreme(run: Steps, values: Sequence[Value], is_better: Callable[[Value, Value], bool]) -> Value:
    items = _list(values[0], run) if len(values) == 1 else values
    if not items:
        raise Failure("an empty list has no least and no greatest item")
    best = items[0]
    if kind_of(best) not in ORDERED:
        raise Failure(f"{show(best)} is {kind_of(best)}, which has no order")
    for each in items[1:]:
        if is_better(each, best):
            best = each
    return best


def _min(run: Steps, *values: Value) -> Value:
    return _extreme(run, values, is_less)


def _max(run: Steps, *values: Value) -> Value:
    return _extreme(run, values, lambda one, two: is_less(two, one))


def _keys(run: Steps, value: Value) -> list[Hashable]:
    items = _list(value, run)
    run.spend(sum(weight_of(each) for each in items))
    return [key_of(each) for each in items]


def _unique(run: Steps, value: Value) -> Value:
    keys = _keys(run, value)
    return len(set(keys)) == len(keys)


def _distinct(run: Steps, value: Value) -> Value:
    first: dict[Hashable, Value] = {}
    for key, each in zip(_keys(run, value), value, strict=True):
        first.setdefault(key, each)
    return list(first.values())


def _same_set(run: Steps, left: Value, right: Value) -> Value:
    return set(_keys(run, left)) == set(_keys(run, right))


def _same_items(run: Steps, left: Value, right: Value) -> Value:
    return Counter(_keys(run, left)) == Counter(_keys(run, right))


def _subset(run: Steps, left: Value, right: Value) -> Value:
    return set(_keys(run, left)) <= set(_keys(run, right))


def _length(run: Steps, value: Value) -> Value:
    if isinstance(value, (str, list, dict)):
        return len(value)
    raise Failure(f"{show(value)} is {kind_of(value)}, which has no length")


def _sort(run: Steps, value: Value) -> Value:
    items = list(_list(value, run))
    run.spend(4 * len(items))
    kinds = {kind_of(each) for each in items}
    if len(kinds) > 1 or not kinds <= ORDERED:
        raise Failure(f"a list of {', '.join(sorted(kinds))} has no order")
    return sorted(items, key=lambda each: each.seconds if type(each) is Instant else each)


def _pairs(run: Steps, value: Value) -> Value:
    items = _list(value, run)
    return [[one, two] for one, two in pairwise(items)]


def _zip(run: Steps, left: Value, right: Value) -> Value:
    one, two = _list(left, run), _list(right, run)
    if len(one) != len(two):
        raise Failure(f"lists of {len(one)} and {len(two)} items cannot be zipped")
    return [[a, b] for a, b in zip(one, two, strict=True)]


def _indexed(run: Steps, value: Value) -> Value:
    return [{"index": at, "value": each} for at, each in enumerate(_list(value, run))]


def _object(value: Value, run: Steps) -> dict[str, Value]:
    if type(value) is not dict:
        raise Failure(f"{show(value)} is {kind_of(value)}, not an object")
    run.spend(len(value))
    return value


def _names(run: Steps, value: Value) -> Value:
    return list(_object(value, run))


def _values(run: Steps, value: Value) -> Value:
    return list(_object(value, run).values())


# tables


def rows_of(run: Steps, table: Value, pairs: Sequence[Value]) -> list[dict[str, Value]]:
    """The rows whose columns hold the values: `pairs` is column, value, column, value, ..."""
    if not isinstance(table, Table):
        raise Failure(f"{show(table)} is {kind_of(table)}, not a table")
    columns = tuple(pairs[::2])
    run.spend(sum(weight_of(each) for each in pairs[1::2]))
    if columns not in table.indexes:
        run.spend(len(table))
    return table.find(columns, tuple(key_of(each) for each in pairs[1::2]))


def _lookup(run: Steps, table: Value, *pairs: Value) -> Value:
    found = rows_of(run, table, pairs)
    if len(found) == 1:
        return found[0]
    wanted = " and ".join(f"{name} {show(value)}" for name, value in zip(pairs[::2], pairs[1::2], strict=True))
    if found:
        raise Failure(f"{len(found)} rows of {table.name} have {wanted}")
    raise Absent(f"no row of {table.name} has {wanted}{table.near(pairs)}")


def _exists(run: Steps, table: Value, *pairs: Value) -> Value:
    return bool(rows_of(run, table, pairs))


# numbers


def _number(value: Value) -> Fraction | int:
    if not is_number(value):
        raise Failure(f"{show(value)} is {kind_of(value)}, not a number")
    found: Fraction | int = value
    return found


def _whole(value: Value, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise Failure(f"{show(value)} is no whole number from {least} to {most}")
    return value


def _abs(run: Steps, value: Value) -> Value:
    return Span(abs(value.seconds)) if type(value) is Span else abs(_number(value))


def _floor(run: Steps, value: Value) -> Value:
    return _number(value) // 1


def _ceil(run: Steps, value: Value) -> Value:
    return -(-_number(value) // 1)


def _round(run: Steps, value: Value, places: Value, mode: Value) -> Value:
    if mode not in MODES:
        raise Failure(f"{show(mode)} is no way to round; {', '.join(MODES)} are")
    scale = 10 ** _whole(places, 0, MOST_PLACES)
    scaled = Fraction(_number(value)) * scale
    whole, part = divmod(abs(scaled), 1)
    negative = scaled < 0
    up = {
        "half_up": part >= Fraction(1, 2),
        "half_down": part > Fraction(1, 2),
        "half_even": part > Fraction(1, 2) or (part == Fraction(1, 2) and whole % 2 == 1),
        "up": part > 0,
        "down": False,
        "ceiling": part > 0 and not negative,
        "floor": part > 0 and negative,
    }[mode]
    rounded = whole + up
    return number(Fraction(-rounded if negative else rounded, scale))


def _decimal(run: Steps, value: Value) -> Value:
    if type(value) is not str or len(value) > LONGEST_DECIMAL or DECIMAL.fullmatch(value) is None:
        raise Failure(f"{show(value)} is no decimal such as '-12.50'")
    return number(Fraction(value))


def _money(run: Steps, value: Value, places: Value = 2) -> Value:
    most = _whole(places, 0, 6)
    if type(value) is str:
        found = DECIMAL.fullmatch(value) if len(value) <= LONGEST_DECIMAL else None
        if found is None or len(found[1] or "") != most:
            raise Failure(f"{show(value)} is no amount with {most} decimals")
        return number(Fraction(value))
    amount = _number(value)
    if (amount * 10**most) % 1:
        raise Failure(f"{show(value)} has more than {most} decimals")
    return amount


# texts


def _text(value: Value) -> str:
    if type(value) is not str:
        raise Failure(f"{show(value)} is {kind_of(value)}, not a text")
    return value


def _pair_of_texts(run: Steps, one: Value, two: Value) -> tuple[str, str]:
    run.spend((len(_text(one)) + len(_text(two))) // 64)
    return one, two


def _starts_with(run: Steps, text: Value, part: Value) -> Value:
    one, two = _pair_of_texts(run, text, part)
    return one.startswith(two)


def _ends_with(run: Steps, text: Value, part: Value) -> Value:
    one, two = _pair_of_texts(run, text, part)
    return one.endswith(two)


def _contains(run: Steps, text: Value, part: Value) -> Value:
    one, two = _pair_of_texts(run, text, part)
    return two in one


def _lower(run: Steps, text: Value) -> Value:
    run.spend(len(_text(text)) // 64)
    return str(text).lower()


# time


def _instant(run: Steps, text: Value) -> Value:
    found = read_instant(_text(text))
    if found is None:
        raise Failure(f"{show(text)} is no RFC 3339 instant with an offset")
    return found


def _date(run: Steps, text: Value) -> Value:
    found = read_day(_text(text))
    if found is None:
        raise Failure(f"{show(text)} is no date such as '2026-03-14'")
    return found


def _span(seconds: int) -> Callable[[Steps, Value], Value]:
    def make(run: Steps, count: Value) -> Value:
        return Span(Fraction(_number(count) * seconds))

    return make


def _local_date(run: Steps, value: Value) -> Value:
    day = local_day(value) if type(value) is Instant else None
    if day is None:
        raise Failure(f"{show(value)} is no instant on the calendar")
    return day


def _local_time(run: Steps, value: Value) -> Value:
    if type(value) is not Instant:
        raise Failure(f"{show(value)} is {kind_of(value)}, not an instant")
    return local_time(value)


def _weekday(run: Steps, value: Value) -> Value:
    if type(value) is not Day:
        raise Failure(f"{show(value)} is {kind_of(value)}, not a date")
    return (value.ordinal - 1) % 7 + 1


def _unreached(run: Steps, *arguments: Any) -> Value:
    raise AssertionError("`has` is evaluated by its path")


FUNCTIONS: Mapping[str, Function] = {
    "all": Function("all(condition for x in list)", 1, 1, _all, True),
    "any": Function("any(condition for x in list)", 1, 1, _any, True),
    "sum": Function("sum(number for x in list)", 1, 1, _sum, True),
    "count": Function("count(condition for x in list)", 1, 1, _count, True),
    "min": Function("min(value for x in list) or min(a, b, ...)", 1, 64, _min, True),
    "max": Function("max(value for x in list) or max(a, b, ...)", 1, 64, _max, True),
    "unique": Function("unique(value for x in list)", 1, 1, _unique, True),
    "distinct": Function("distinct(list)", 1, 1, _distinct, True),
    "sort": Function("sort(list)", 1, 1, _sort, True),
    "pairs": Function("pairs(list)", 1, 1, _pairs, True),
    "indexed": Function("indexed(list)", 1, 1, _indexed, True),
    "zip": Function("zip(list, list)", 2, 2, _zip),
    "same_set": Function("same_set(list, list)", 2, 2, _same_set),
    "same_items": Function("same_items(list, list)", 2, 2, _same_items),
    "subset": Function("subset(list, list)", 2, 2, _subset),
    "length": Function("length(text, list or object)", 1, 1, _length, True),
    "keys": Function("keys(object)", 1, 1, _names),
    "values": Function("values(object)", 1, 1, _values),
    "has": Function("has(answer.path)", 1, 1, _unreached),
    "lookup": Function('lookup(tables.name, "column", value, ...)', 3, 15, _lookup),
    "exists": Function('exists(tables.name, "column", value, ...)', 3, 15, _exists),
    "abs": Function("abs(number)", 1, 1, _abs),
    "floor": Function("floor(number)", 1, 1, _floor),
    "ceil": Function("ceil(number)", 1, 1, _ceil),
    "round": Function('round(number, places, "half_up")', 3, 3, _round),
    "decimal": Function('decimal("12.5")', 1, 1, _decimal),
    "money": Function("money(text or number, places)", 1, 2, _money),
    "starts_with": Function("starts_with(text, start)", 2, 2, _starts_with),
    "ends_with": Function("ends_with(text, end)", 2, 2, _ends_with),
    "contains": Function("contains(text, part)", 2, 2, _contains),
    "lower": Function("lower(text)", 1, 1, _lower),
    "instant": Function('instant("2026-03-14T16:40:00+01:00")', 1, 1, _instant),
    "date": Function('date("2026-03-14")', 1, 1, _date),
    "days": Function("days(number)", 1, 1, _span(86_400)),
    "hours": Function("hours(number)", 1, 1, _span(3_600)),
    "minutes": Function("minutes(number)", 1, 1, _span(60)),
    "seconds": Function("seconds(number)", 1, 1, _span(1)),
    "local_date": Function("local_date(instant)", 1, 1, _local_date),
    "local_time": Function("local_time(instant)", 1, 1, _local_time),
    "weekday": Function("weekday(date)", 1, 1, _weekday),
}
