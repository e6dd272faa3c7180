"""The rule language: what each expression comes to, what has no value, and what is no rule."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import pytest

from assay.core.errors import TruthError
from assay.core.types import Reason
from assay.verify.base import judge, read_case
from assay.verify.structured.document import exact
from assay.verify.structured.evaluate import Run, compiled
from assay.verify.structured.functions import FUNCTIONS
from assay.verify.structured.parse import Unreadable, parse
from assay.verify.structured.tables import read_tables
from assay.verify.structured.value import Failure, decimal_text, show

ANSWER = {
    "n": 5,
    "half": 0.5,
    "text": "Ab c",
    "yes": True,
    "nothing": None,
    "list": [3, 1, 2],
    "empty": [],
    "mixed": [1, "1", None],
    "from": "in",
    "odd key": 1,
    "items": [{"id": "a", "qty": 2, "tags": ["x", "y"]}, {"id": "b", "qty": 3, "tags": []}],
    "at": "2026-03-14T16:40:00+01:00",
    "day": "2026-03-14",
    "obj": {"k": 1, "l": 2},
    "words": ["b", "a"],
    "flags": [True, False, None],
}
TABLES = {
    "stock": [{"id": "a", "have": 4, "price": "1.10"}, {"id": "b", "have": 3, "price": "0.05"}],
    "legs": [{"from": "A", "to": "B", "km": 7}, {"from": "A", "to": "C", "km": 9}, {"from": "A", "to": "C", "km": 1}],
    "none": [],
}


def value(expression: str, answer: Any = ANSWER) -> Any:
    return compiled(parse(expression))(Run(exact(answer), read_tables(TABLES)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 - 3 - 4", -5),
        ("-2 * -3", 6),
        ("- answer.half", Fraction(-1, 2)),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("1 / 3", Fraction(1, 3)),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 3", 1),
        ("-7 % 3", 2),
        ("7.5 % 2", Fraction(3, 2)),
        ("8 / 2 / 2", 2),
        ("answer.n", 5),
        ("answer['odd key']", 1),
        ("answer.from", "in"),
        ("answer.list[0]", 3),
        ("answer.list[-1]", 2),
        ("answer.list[answer.list[1]]", 1),
        ("answer.items[*].qty", [2, 3]),
        ("answer.items[*].tags[*]", ["x", "y"]),
        ("answer.items[*].tags", [["x", "y"], []]),
        ("(answer.items[*].qty)[1]", 3),
        ("tables.stock[*].id", ["a", "b"]),
        ("[1, 'a', null]", [1, "a", None]),
        ("[]", []),
        ("[x * 2 for x in answer.list]", [6, 2, 4]),
        ("[x for x in answer.list if x > 1 if x < 3]", [2]),
        ("[[x, y] for x in [1, 2] for y in [x, 3]]", [[1, 1], [1, 3], [2, 2], [2, 3]]),
        ("[t for i in answer.items if i.qty == 2 for t in i.tags]", ["x", "y"]),
        ("1 if answer.yes else 2", 1),
        ("1 if false else 2 if true else 3", 2),
        ("answer.n == 5", True),
        ("answer.n != 5", False),
        ("1 == 1.0", True),
        ("1 < 2 <= 2 < 3", True),
        ("1 < 2 < 2", False),
        ("'a' < 'b'", True),
        ("'B' < 'a'", True),
        ("3 >= 3 and 3 > 2", True),
        ("answer.nothing == null", True),
        ("answer.n == null", False),
        ("answer.n != null", True),
        ("[1, [2]] == [1, [2.0]]", True),
        ("[1, 2] == [2, 1]", False),
        ("answer.obj == answer.obj", True),
        ("[] == ['a']", False),
        ("2 in answer.list", True),
        ("9 not in answer.list", True),
        ("null in answer.mixed", True),
        ("null in answer.list", False),
        ("'z' not in [null, 'a']", True),
        ("1 in answer.mixed", True),
        ("'x' in []", False),
        ("not true", False),
        ("not not true", True),
        ("not 1 == 2", True),
        ("true or 1 / 0 == 1", True),
        ("false and 1 / 0 == 1", False),
        ("false implies 1 / 0 == 1", True),
        ("true implies false", False),
        ("true implies false implies false", True),
        ("false or true and false", False),
        ("true and false implies false", True),
        ("all(x > 0 for x in answer.list)", True),
        ("all(x > 1 for x in answer.list)", False),
        ("all([])", True),
        ("any(x > 2 for x in answer.list)", True),
        ("any([])", False),
        ("sum(answer.list)", 6),
        ("sum(i.qty * 2 for i in answer.items)", 10),
        ("sum([])", 0),
        ("count(answer.list)", 3),
        ("count(x > 1 for x in answer.list)", 2),
        ("count(x for x in answer.list if x > 1)", 2),
        ("count(answer.flags)", 1),
        ("count([0, ''])", 2),
        ("min(answer.list)", 1),
        ("max(answer.list)", 3),
        ("max(2, 7, 5)", 7),
        ("min('b', 'a')", "a"),
        ("min(minutes(5), hours(1)) == minutes(5)", True),
        ("unique(answer.list)", True),
        ("unique([1, 1.0])", False),
        ("unique([1, true, '1', null])", True),
        ("unique([[1], [1]])", False),
        ("distinct([2, 1, 1.0, 2, 3])", [2, 1, 3]),
        ("sort(answer.list)", [1, 2, 3]),
        ("sort(answer.words)", ["a", "b"]),
        ("pairs([1, 2, 3])", [[1, 2], [2, 3]]),
        ("pairs([1])", []),
        ("zip([1, 2], ['a', 'b'])", [[1, "a"], [2, "b"]]),
        ("[e.index for e in indexed(answer.words) if e.value == 'a']", [1]),
        ("same_set([1, 2, 2], [2, 1])", True),
        ("same_set([1], [1, 3])", False),
        ("same_items([1, 2, 2], [2, 1, 2])", True),
        ("same_items([1, 2, 2], [2, 1, 1])", False),
        ("subset([1], [1, 2])", True),
        ("subset([3], [1, 2])", False),
        ("length('añ')", 2),
        ("length(answer.list)", 3),
        ("length(answer.obj)", 2),
        ("keys(answer.obj)", ["k", "l"]),
        ("values(answer.obj)", [1, 2]),
        ("has(answer.n)", True),
        ("has(answer.nope)", False),
        ("has(answer.nope.deeper)", False),
        ("has(answer.nothing.deeper)", False),
        ("has(answer.list[3])", False),
        ("has(answer.list[2])", True),
        ("has(answer.items[*].qty)", True),
        ("has(answer.items[*].nope)", False),
        ("has(answer['odd key'])", True),
        ("has(lookup(tables.stock, 'id', 'z'))", False),
        ("lookup(tables.stock, 'id', 'b').have", 3),
        ("lookup(tables.legs, 'from', 'A', 'to', 'B').km", 7),
        ("exists(tables.stock, 'id', 'a')", True),
        ("exists(tables.stock, 'id', 'A')", False),
        ("exists(tables.legs, 'from', 'A', 'km', 9)", True),
        ("exists(tables.none, 'id', 'a')", False),
        ("count(tables.none)", 0),
        ("abs(-3)", 3),
        ("abs(minutes(-3)) == minutes(3)", True),
        ("floor(-1.5)", -2),
        ("ceil(-1.5)", -1),
        ("ceil(1.2)", 2),
        ("round(2.345, 2, 'half_up')", Fraction("2.35")),
        ("round(2.345, 2, 'half_even')", Fraction("2.34")),
        ("round(2.355, 2, 'half_even')", Fraction("2.36")),
        ("round(2.345, 2, 'half_down')", Fraction("2.34")),
        ("round(2.3451, 2, 'half_down')", Fraction("2.35")),
        ("round(2.3451, 2, 'half_even')", Fraction("2.35")),
        ("round(2.341, 2, 'up')", Fraction("2.35")),
        ("round(2.349, 2, 'down')", Fraction("2.34")),
        ("round(-2.345, 2, 'half_up')", Fraction("-2.35")),
        ("round(-2.341, 2, 'ceiling')", Fraction("-2.34")),
        ("round(2.341, 2, 'ceiling')", Fraction("2.35")),
        ("round(-2.341, 2, 'floor')", Fraction("-2.35")),
        ("round(2.349, 2, 'floor')", Fraction("2.34")),
        ("round(2.3, 2, 'up')", Fraction("2.3")),
        ("round(2.5, 0, 'half_even')", 2),
        ("decimal('-12.50')", Fraction(-25, 2)),
        ("decimal('7')", 7),
        ("money('12.30')", Fraction("12.3")),
        ("money('-0.05')", Fraction("-0.05")),
        ("money(12.3)", Fraction("12.3")),
        ("money(12.34)", Fraction("12.34")),
        ("money('12', 0)", 12),
        ("money('1.250', 3)", Fraction("1.25")),
        ("starts_with(answer.text, 'Ab')", True),
        ("starts_with(answer.text, 'ab')", False),
        ("ends_with(answer.text, ' c')", True),
        ("contains(answer.text, 'b c')", True),
        ("contains(answer.text, 'x')", False),
        ("lower(answer.text)", "ab c"),
        ("'a' + 'b' == 'ab'", True),
        ("[1] + [2]", [1, 2]),
        (r"'it\'s\n\t\\\u0041'", "it's\n\t\\A"),
        ('"it\'s"', "it's"),
        ("instant(answer.at) == instant('2026-03-14T15:40:00Z')", True),
        ("instant(answer.at) < instant('2026-03-14T15:40:00.000000001Z')", True),
        ("instant(answer.at) <= instant('2026-03-14T10:40:00-05:00')", True),
        ("instant(answer.at) + hours(8) == instant('2026-03-15T00:40:00+01:00')", True),
        ("minutes(5) + instant(answer.at) - instant(answer.at) == seconds(300)", True),
        ("(instant(answer.at) - instant('2026-03-14T15:00:00Z')) / minutes(1)", 40),
        ("hours(1) // minutes(25)", 2),
        ("hours(1) % minutes(25) == minutes(10)", True),
        ("hours(2) / 4 == minutes(30)", True),
        ("2 * hours(1) == hours(1) * 2", True),
        ("hours(1) - minutes(90) == -minutes(30)", True),
        ("sum([minutes(1), seconds(30)]) == seconds(90)", True),
        ("date(answer.day) + days(18) == date('2026-04-01')", True),
        ("date('2026-03-14') - date('2026-02-28') == days(14)", True),
        ("date('2024-02-29') - days(366) < date('2023-03-01')", True),
        ("weekday(date('2026-03-14'))", 6),
        ("weekday(local_date(instant('2026-03-15T23:30:00-05:00')))", 7),
        ("local_time(instant(answer.at)) == hours(16) + minutes(40)", True),
        ("max(date('2026-01-01'), date('2026-01-02')) == date('2026-01-02')", True),
        ("sort([instant('2026-01-01T01:00:00+02:00'), instant('2026-01-01T00:00:00+02:00')])[0] == instant('2025-12-31T22:00:00Z')", True),
        ("unique([instant('2026-01-01T01:00:00+01:00'), instant('2026-01-01T00:00:00Z')])", False),
    ],
)  # fmt: skip
def test_what_an_expression_comes_to(expression: str, expected: Any) -> None:
    found = value(expression)
    assert found == expected
    assert type(found) is type(expected)


def test_objects_are_one_when_every_field_is() -> None:
    rows = [{"id": "a", "n": 1}, {"id": "a", "n": 2}]
    assert value("unique(answer.rows)", {"rows": rows}) is True
    assert value("unique(answer.rows)", {"rows": [*rows, {"n": 1, "id": "a"}]}) is False
    assert value("unique(answer.rows)", {"rows": [{"id": "a"}, {"id": "b"}, {"no": "a"}]}) is True


def test_the_last_offset_of_a_day() -> None:
    assert value("instant('2026-01-01T23:59:00+23:59') == instant('2026-01-01T00:00:00Z')") is True


@pytest.mark.parametrize(
    ("expression", "detail", "place"),
    [
        ("answer.nope == 1", "there is no field 'nope'", "answer.nope"),
        ("answer.list[3] == 1", "there is no item 3 in a list of 3", "answer.list[3]"),
        ("answer.list[-4] == 1", "there is no item -4", "answer.list[-4]"),
        ("answer.list['a'] == 1", "a list has no item", 'answer.list["a"]'),
        ("answer.list[0.5] == 1", "a list has no item 0.5", "answer.list[0.5]"),
        ("answer.list[true] == 1", "a list has no item true", "answer.list[true]"),
        ("answer.n.m == 1", "a number has no field 'm'", "answer.n.m"),
        ("answer.nothing.m == 1", "null has no field 'm'", "answer.nothing.m"),
        ("answer.obj[0] == 1", "an object has no item 0", "answer.obj[0]"),
        ("answer.obj['z'] == 1", "there is no field 'z'", 'answer.obj["z"]'),
        ("answer.n == '5'", '5 is a number, "5" is a text', "answer.n"),
        ("answer.yes == 1", "true is a boolean, 1 is a number", "answer.yes"),
        ("answer.n != 'x'", "is a text", "answer.n"),
        ("answer.n < 'x'", "have no order", "answer.n"),
        ("answer.yes < true", "have no order", "answer.yes"),
        ("answer.nothing < 1", "have no order", "answer.nothing"),
        ("answer.list < [1]", "have no order", "answer.list"),
        ("'x' in answer.list", '"x" is a text, and not every item of [3, 1, 2] is', "answer.list"),
        ("'x' in answer.mixed", '"x" is a text, and not every item of', "answer.mixed"),
        ("'a' in answer.text", "is a text, not a list", "answer.text"),
        ("answer.n + 'a' == 1", "a number plus a text has no value", "answer.n"),
        ("answer.n - 'a' == 1", "a number minus a text has no value", "answer.n"),
        ("answer.text * 2 == 1", "a text times a number has no value", "answer.text"),
        ("answer.yes + 1 == 2", "a boolean plus a number has no value", "answer.yes"),
        ("1 / (answer.n - 5) == 1", "a division by zero", "answer.n"),
        ("1 // (answer.n - 5) == 1", "a division by zero", "answer.n"),
        ("1 % (answer.n - 5) == 1", "a division by zero", "answer.n"),
        ("hours(1) / minutes(0) == 1", "a division by zero", ""),
        ("hours(1) * hours(1) == hours(1)", "a duration times a duration has no value", ""),
        ("1 / hours(1) == 1", "a number divided by a duration has no value", ""),
        ("instant(answer.at) + 5 == instant(answer.at)", "an instant plus a number", "answer.at"),
        ("instant(answer.at) + instant(answer.at) == 1", "an instant plus an instant", "answer.at"),
        ("date(answer.day) + hours(1) == date(answer.day)", "not whole days", "answer.day"),
        ("date('9999-12-31') + days(1) == date(answer.day)", "beyond the calendar", ""),
        ("instant('9999-12-31T23:59:59Z') + days(1) == instant(answer.at)", "beyond the calendar", ""),
        ("date(answer.day) < instant(answer.at)", "have no order", "answer.day"),
        ("-answer.text == 1", "is a text, not a number", "answer.text"),
        ("not answer.n", "5 is a number, not true or false", "answer.n"),
        ("answer.n and true", "not true or false", "answer.n"),
        ("true and answer.nothing", "null is null, not true or false", "answer.nothing"),
        ("1 == 1 if answer.n else 2 == 2", "not true or false", "answer.n"),
        ("all(answer.list)", "3 is a number, not true or false", "answer.list"),
        ("all(i.qty > 2 or i.nope for i in answer.items)", "there is no field 'nope'", "answer.items[0].nope"),
        ("any(i.qty > 1 and i.nope for i in answer.items)", "there is no field 'nope'", "answer.items[0].nope"),
        ("all(i.qty for i in answer.items if i.nope)", "there is no field 'nope'", "answer.items[0].nope"),
        ("all(x > 0 for x in answer.n)", "5 is a number, not a list", "answer.n"),
        ("all(x > 0 for x in answer.obj)", "is an object, not a list", "answer.obj"),
        ("sum(answer.words) == 1", '"b" is a text, not a number', "answer.words"),
        ("sum([minutes(1), 1]) == 1", "have no sum", ""),
        ("sum([1, minutes(1)]) == 1", "is a duration, not a number", ""),
        ("sum(answer.n) == 1", "not a list", "answer.n"),
        ("min(answer.empty) == 1", "an empty list", "answer.empty"),
        ("max(answer.mixed) == 1", "have no order", "answer.mixed"),
        ("max(answer.flags) == 1", "which has no order", "answer.flags"),
        ("sort(answer.mixed) == []", "has no order", "answer.mixed"),
        ("sort(answer.items) == []", "has no order", "answer.items"),
        ("length(answer.n) == 1", "which has no length", "answer.n"),
        ("keys(answer.list) == []", "not an object", "answer.list"),
        ("zip(answer.list, answer.words) == []", "lists of 3 and 2 items", "answer.list"),
        ("lookup(tables.stock, 'id', answer.text).have == 1", 'no row of stock has id "Ab c"', "answer.text"),
        ("lookup(tables.legs, 'from', 'A', 'to', 'C').km == 1", "2 rows of legs have", "tables.legs"),
        ("abs(answer.text) == 1", "not a number", "answer.text"),
        ("round(answer.text, 2, 'up') == 1", "not a number", "answer.text"),
        ("round(1, answer.half, 'up') == 1", "no whole number from 0 to 100", "answer.half"),
        ("round(1, -1, 'up') == 1", "no whole number", ""),
        ("decimal(answer.n) == 1", "is no decimal", "answer.n"),
        ("decimal('1e5') == 1", "is no decimal", ""),
        ("decimal('01') == 1", "is no decimal", ""),
        ("decimal('１') == 1", "is no decimal", ""),
        ("money('12.3') == 1", "is no amount with 2 decimals", ""),
        ("money('12.345') == 1", "is no amount", ""),
        ("money('$12.30') == 1", "is no amount", ""),
        ("money('12.30\\n') == 1", "is no amount", ""),
        ("money(12.345) == 1", "has more than 2 decimals", ""),
        ("money(answer.yes) == 1", "not a number", "answer.yes"),
        ("starts_with(answer.n, 'a')", "not a text", "answer.n"),
        ("lower(answer.n) == 'a'", "not a text", "answer.n"),
        ("instant(answer.day) == instant(answer.at)", "no RFC 3339 instant", "answer.day"),
        ("instant(answer.n) == instant(answer.at)", "not a text", "answer.n"),
        ("date(answer.at) == date(answer.day)", "is no date", "answer.at"),
        ("date('2026-02-29') == date(answer.day)", "is no date", ""),
        ("weekday(answer.day) == 1", "not a date", "answer.day"),
        ("local_date(answer.day) == 1", "no instant", "answer.day"),
        ("local_time(answer.day) == 1", "not an instant", "answer.day"),
        ("days(answer.text) == 1", "not a number", "answer.text"),
        ("instant('2026-01-01T00:00:00+05:60') == instant(answer.at)", "is no RFC 3339 instant", ""),
        ("round(answer.half, 0, 'sideways') == 1", '"sideways" is no way to round', ""),
        ("has(answer.n.m)", "a number has no field", "answer.n.m"),
        ("has(answer.list['a'])", "a list has no item", 'answer.list["a"]'),
    ],
)  # fmt: skip
def test_what_has_no_value(expression: str, detail: str, place: str) -> None:
    with pytest.raises(Failure) as caught:
        value(expression)
    assert detail in caught.value.detail
    if place:
        assert caught.value.place == place


@pytest.mark.parametrize(
    ("expression", "path", "detail"),
    [
        ("answer.n == 6", "answer.n", "5 == 6 does not hold"),
        ("6 == answer.n", "answer.n", "6 == 5 does not hold"),
        ("1 <= answer.n <= 4 < 9", "answer.n", "5 <= 4 does not hold"),
        ("all(i.qty <= 2 for i in answer.items)", "answer.items[1].qty", "3 <= 2 does not hold"),
        ("all(t == 'x' for i in answer.items for t in i.tags)", "answer.items[0].tags[1]", '"y" == "x" does not hold'),
        ("all(l.km > 8 for l in tables.legs)", "tables.legs[0].km", "7 > 8 does not hold"),
        ("unique([1, 2] + [1])", "", "unique(...) is false"),
        ("unique(i.qty // 2 for i in answer.items)", "answer.items[1].qty", "1 stands there already"),
        ("answer.yes and answer.n == 6", "answer.n", "5 == 6 does not hold"),
        ("not answer.yes", "answer.yes", "true, which must not hold"),
        ("not answer.n == 5", "answer.n", "5 == 5, which must not hold"),
        ("answer.n == 5 implies answer.half == 1", "answer.half", "0.5 == 1 does not hold"),
        ("answer.n == 6 or answer.half == 1", "answer.half", "0.5 == 1 does not hold"),
        ("answer.n == 6 if answer.yes else true", "answer.n", "5 == 6 does not hold"),
        ("has(answer.nope)", "answer.nope", "has(...) is false"),
        ("exists(tables.stock, 'id', answer.text)", "answer.text", "exists(...) is false"),
        ("answer.n in answer.list", "answer.n", "5 in [3, 1, 2] does not hold"),
        (
            "all(s.have > 3 for i in answer.items for s in [lookup(tables.stock, 'id', i.id)])",
            "answer.items[1].id",
            "3 > 3 does not hold",
        ),
        ("all(p[1] < p[0] for p in pairs(answer.list))", "answer.list", "2 < 1 does not hold"),
        ("lookup(tables.stock, 'id', answer.items[1].id).have == 4", "answer.items[1].id", "3 == 4 does not hold"),
        ("date(answer.day) > date('2026-03-14')", "answer.day", "2026-03-14 > 2026-03-14 does not hold"),
        ("false", "", "is false"),
        ("all([true, false])", "", "all(...) is false"),
    ],
)
def test_why_a_rule_does_not_hold(expression: str, path: str, detail: str) -> None:
    truth = {"tables": TABLES, "rules": [{"name": "the rule", "expr": expression}]}
    verdict = judge("structured", truth, json.dumps(ANSWER))
    assert verdict.reason is Reason.WRONG_VALUE
    assert dict(verdict.evidence) == {"rule": "the rule", "path": path, "detail": detail}


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("", "column 1: an expression would be right here, not the end"),
        ("answer.n ==", "column 12: an expression would be right here, not the end"),
        ("answer.n = 5", "column 10: '==' would be right here, not '='"),
        ("answer.n === 5", "'==' would be right here"),
        ("a.n == 5", "unknown name 'a'"),
        ("answr.n == 5", "unknown name 'answr'; did you mean 'answer'?"),
        ("True", "true would be right"),
        ("answer.n == None", "null would be right"),
        ("answer.yes && true", "'and' would be right here"),
        ("!answer.yes", "'not' would be right here"),
        ("summ(answer.list) == 1", "unknown function 'summ'; did you mean 'sum'?"),
        ("sum() == 1", "sum(number for x in list) would be right, not 0 arguments"),
        ("sum(1, 2) == 1", "would be right, not 2 arguments"),
        ("abs(x for x in answer.list) == 1", "abs takes no `for`"),
        ("answer == ", "not the end"),
        ("answer.", "a field's name would be right here"),
        ("answer.5", "a field's name would be right here"),
        ("tables == 1", "a table, as in tables.orders, would be right here"),
        ("(1 == 1", "')' would be right here, not the end"),
        ("1 == 1)", "the end would be right here, not ')'"),
        ("[1, 2", "',' or ']' would be right here"),
        ("[1 2]", "',' or ']' would be right here"),
        ("answer.list[0 == 1", "']' would be right here"),
        ("'abc", "begins nothing"),
        ("answer.n == 1e5", "the end would be right here, not 'e5'"),
        ("answer.n == 5 ; true", "';' begins nothing"),
        ("answer.n == ５", "begins nothing"),
        (r"answer.text == 'a\d'", r"\d is no escape"),
        ("all(x > 0 for answer in answer.list)", "'answer' stands for something else"),
        ("all(all(x > 0 for x in [1]) for x in answer.list)", "'x' stands for something else"),
        ("all(x > 0 for in in answer.list)", "stands for something else"),
        ("all(x > 0 for x of answer.list)", "'in' would be right here"),
        ("all(x > 0 y for x in answer.list)", "an expression would be right here, not 'y'"),
        ("any(x == 1 for x in answer.list) and x == 1", "unknown name 'x'"),
        ("1 if answer.yes", "'else' would be right here, not the end"),
        ("answer.n not 5", "the end would be right here, not 'not'"),
        ("answer.n + 1", "a rule is a condition"),
        ("answer.items[*].qty", "a rule is a condition"),
        ("5", "a rule is a condition"),
        ("'yes'", "a rule is a condition"),
        ("[true]", "a rule is a condition"),
        ("tables.stok[0].have == 1", "unknown table 'stok'; did you mean 'stock'?; the tables are legs, none, stock"),
        ("tables.stock[0].hav == 1", "has no column 'hav'; did you mean 'have'?; it has have, id, price"),
        ("all(s.hav > 1 for s in tables.stock)", "has no column 'hav'"),
        ("all(s.have > 1 for s in sort(distinct(tables.stock)) if s.hav)", "has no column 'hav'"),
        ("all(p[0].hav > 1 for p in pairs(tables.stock))", "has no column 'hav'"),
        ("all(e.value.hav > 1 for e in indexed(tables.stock))", "has no column 'hav'"),
        ("all(e.at > 1 for e in indexed(tables.stock))", "it has index and value"),
        ("all(r.hav > 1 for r in [lookup(tables.stock, 'id', answer.text)])", "has no column 'hav'"),
        ("(tables.stock[0] if true else tables.stock[1]).hav == 1", "has no column 'hav'"),
        ("lookup(tables.stock, 'idd', 1).have == 1", "has no column 'idd'; did you mean 'id'?"),
        ("lookup(tables.stock, 'id', 1).hav == 1", "has no column 'hav'"),
        ("lookup(tables.stock, 'id').have == 1", "would be right, not 2 arguments"),
        ("lookup(tables.stock, 'id', 1, 'have').have == 1", "a value would be right after each column"),
        ("lookup(tables.stock, answer.text, 1).have == 1", "a column is a text such as"),
        ("lookup(answer.items, 'id', 'a').qty == 1", "lookup looks into a table"),
        ("exists(tables.stock[0], 'id', 'a')", "exists looks into a table"),
        ("tables.stock.have == 1", "a list has no field 'have'; [*].have takes it of every item"),
        ("tables.stock[0][0] == 1", "a row is no list"),
        ("round(1.5, 0, 'bankers') == 2", "the way to round is declared: half_up, half_even"),
        ("round(1.5, 0, answer.text) == 2", "the way to round is declared"),
        ("instant(answer.at) == instant('2026-01-01T00:00:00')", "no RFC 3339 instant with an offset"),
        ("date(answer.day) == date('2026-02-30')", "no date such as"),
        ("money(answer.half) == money('1.5')", "no amount with 2 decimals"),
        ("(" * 70 + "true" + ")" * 70, "nested deeper than 60"),
        ("not " * 70 + "true", "nested deeper than 60"),
        ("-" * 70 + "1 == 1", "nested deeper than 60"),
        ("true implies " * 70 + "true", "nested deeper than 60"),
        ("true or " * 2000 + "true", "at most 8000 characters"),
    ],
)  # fmt: skip
def test_what_is_no_rule(expression: str, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("structured", {"tables": TABLES, "rules": [{"name": "total", "expr": expression}]})
    assert str(caught.value).startswith("rule 'total', column ")
    assert sentence in str(caught.value)


SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "properties": {"qty": {"type": "integer"}}, "additionalProperties": False}},
    "properties": {
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "open": {"type": "object", "properties": {"a": {"type": "string"}}},
        "name": {"type": ["string", "null"]},
        "either": {"oneOf": [{"type": "object"}, {"type": "array"}]},
        "map": {"type": "object", "additionalProperties": {"$ref": "#/$defs/line"}},
        "tuple": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "integer"}},
    },
}


@pytest.mark.parametrize(
    "expression",
    [
        "answer.lines[0].qty == 1",
        "all(l.qty == 1 for l in answer.lines)",
        "answer.open.a == 'x' and answer.open.b == 1",
        "answer.either.x == 1 and answer.either[0] == 1",
        "answer.map.x.qty == 1",
        "answer.tuple[0].x == 1",
        "has(answer.name)",
    ],
)
def test_what_the_schema_lets_stand(expression: str) -> None:
    assert read_case("structured", {"schema": SCHEMA, "rules": [{"name": "r", "expr": expression}]})


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("answer.line == 1", "the schema knows no field 'line'; did you mean 'lines'?; it has lines, open, name"),
        ("answer.lines[0].qt == 1", "the schema knows no field 'qt'"),
        ("answer.lines[*].qt == 1", "the schema knows no field 'qt'"),
        ("all(l.qt == 1 for l in answer.lines)", "the schema knows no field 'qt'"),
        ("all(p[1].qt == 1 for p in pairs(answer.lines))", "the schema knows no field 'qt'"),
        ("answer.lines.qty == 1", "of type array, which has no field 'qty'; [*].qty takes it of every item"),
        ("answer.name.first == 'a'", "string or null, which has no field 'first'"),
        ("answer.map.x.q == 1", "the schema knows no field 'q'"),
        ("answer['line'] == 1", "the schema knows no field 'line'"),
        ("all(x == 1 for x in answer.name)", "string or null, not a list"),
        ("has(answer.line)", "the schema knows no field 'line'"),
    ],
)
def test_what_the_schema_rules_out(expression: str, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("structured", {"schema": SCHEMA, "rules": [{"name": "r", "expr": expression}]})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "part", ["(true)", "not false", "- 1 == -1", "[1] == [1]", "all([true])", "(true implies true)"]
)
def test_many_brackets_beside_each_other_are_not_deep(part: str) -> None:
    assert value(" and ".join([part] * 100)) is True


ARGUMENTS = {
    (1, 1): "all any sum count unique distinct sort pairs indexed length keys values has abs floor ceil decimal lower "
    "instant date days hours minutes seconds local_date local_time weekday",
    (2, 2): "zip same_set same_items subset starts_with ends_with contains",
    (3, 3): "round",
    (1, 2): "money",
    (1, 64): "min max",
    (3, 15): "lookup exists",
}
OVER_LISTS = "all any sum count min max unique distinct sort pairs indexed length"


def test_how_many_arguments_each_function_takes() -> None:
    known = {name for names in ARGUMENTS.values() for name in names.split()}
    assert known == set(FUNCTIONS)
    for (least, most), names in ARGUMENTS.items():
        for name in names.split():
            for count in (least - 1, least, most, most + 1):
                call = f"{name}({', '.join(['answer.n'] * count)})"
                if least <= count <= most:
                    assert parse(call)
                else:
                    with pytest.raises(Unreadable, match="would be right, not"):
                        parse(call)
            if name in OVER_LISTS.split():
                assert parse(f"{name}(x for x in answer.list)")
            else:
                with pytest.raises(Unreadable, match="takes no `for`"):
                    parse(f"{name}(x for x in answer.list)")


def test_how_deep_a_rule_may_be() -> None:
    assert parse("(" * 59 + "true" + ")" * 59)
    with pytest.raises(Unreadable, match="nested deeper than 60"):
        parse("(" * 60 + "true" + ")" * 60)


def test_steps_are_bounded() -> None:
    nested = "all(a + b + c >= 0 for a in answer.l for b in answer.l for c in answer.l)"
    truth = {"rules": [{"name": "cubes", "expr": nested}]}
    assert judge("structured", truth, json.dumps({"l": list(range(20))})).is_pass
    verdict = judge("structured", truth, json.dumps({"l": list(range(300))}))
    assert verdict.reason is Reason.LIMIT
    assert verdict.evidence["rule"] == "cubes"


def test_digits_are_bounded() -> None:
    truth = {"rules": [{"name": "product", "expr": " * ".join(["answer.x"] * 40) + " > 0"}]}
    assert judge("structured", truth, '{"x": 1e9}').is_pass
    assert judge("structured", truth, '{"x": 1e300}').reason is Reason.LIMIT
    assert judge("structured", truth, '{"x": 1e-300}').reason is Reason.LIMIT
    truth = {"rules": [{"name": "text", "expr": "length(" + " + ".join(["answer.x"] * 40) + ") > 0"}]}
    assert judge("structured", truth, json.dumps({"x": "a" * 100})).is_pass
    assert not judge("structured", truth, json.dumps({"x": "a" * 9000})).is_pass


def test_every_broken_rule_is_named() -> None:
    rules: Sequence[Any] = [{"name": str(number), "expr": f"answer.x > {number}"} for number in range(5)]
    verdict = judge("structured", {"rules": list(rules)}, '{"x": 2}')
    assert verdict.evidence["rule"] == "2"
    assert verdict.evidence["broken"] == ["2", "3", "4"]


def test_a_rule_that_is_no_condition_after_all_fails() -> None:
    verdict = judge("structured", {"rules": [{"name": "r", "expr": "answer.x"}]}, '{"x": 2}')
    assert (verdict.reason, verdict.evidence["detail"]) == (Reason.WRONG_VALUE, "2 is a number, not true or false")
    assert judge("structured", {"rules": [{"name": "r", "expr": "answer.x"}]}, '{"x": true}').is_pass


def test_how_values_are_shown() -> None:
    assert [show(each) for each in (1, Fraction(1, 8), Fraction(-5, 4), Fraction(1, 3), True, None, "a\n")] == [
        "1", "0.125", "-1.25", "1/3", "true", "null", '"a\\n"',
    ]  # fmt: skip
    assert show([1, [2]]) == "[1, [2]]"
    assert show({"a": 1}) == '{"a": 1}'
    assert len(show("x" * 1000)) <= 80
    assert "bits" in decimal_text(10**3000)
    assert [str(value(each)) for each in ("instant(answer.at)", "date(answer.day)", "minutes(1.5)")] == [
        "2026-03-14T16:40:00+01:00", "2026-03-14", "90 s",
    ]  # fmt: skip
    assert str(value("instant('2026-03-14T00:10:00.250-05:30')")) == "2026-03-14T00:10:00.25-05:30"
    assert str(value("instant('2026-03-14T00:10:00.025Z')")) == "2026-03-14T00:10:00.025Z"
    assert str(value("instant('2026-03-14T00:10:00Z')")) == "2026-03-14T00:10:00Z"


def test_columns_are_counted_from_one() -> None:
    with pytest.raises(Unreadable, match="column 3"):
        parse("1 = 1")
