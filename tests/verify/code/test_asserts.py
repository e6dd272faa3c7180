"""Which assertions become a call and a value that stays outside, and which must run beside the program."""

from __future__ import annotations

import math
from typing import Any

import pytest

from assay.core.errors import TruthError
from assay.sandbox.encoding import Bag, Pairs, decode
from assay.verify.code.asserts import Pair, Weak, read_assertion
from assay.verify.code.equal import Tolerance


def read(test: str) -> Pair | Weak | None:
    return read_assertion(f"assert {test}", {"candidate": "solve"})


@pytest.mark.parametrize(
    ("test", "expected", "through", "is_negated"),
    [
        ("f(1) == 2", 2, "", False),
        ("2 == f(1)", 2, "", False),
        ("f(1) != 2", 2, "", True),
        ("f(1) is None", None, "", False),
        ("f(1) is not True", True, "", True),
        ("f(1)", True, "truth", False),
        ("not f(1)", False, "truth", False),
        ("tuple(f(1)) == (1, 2)", (1, 2), "tuple", False),
        ("list(f(1)) == [1, 2]", [1, 2], "list", False),
        ("sorted(f(1)) == [1, 2]", [1, 2], "sorted", False),
        ("set(f(1)) == {1, 2}", Bag((1, 2)), "set", False),
        ("f(1) == set([1, 2])", Bag((1, 2)), "", False),
        ("f(1) == {'a': [1]}", Pairs((("a", [1]),)), "", False),
        ("f(1) == 3 * 19 - -1", 58, "", False),
        ("f(1) == 'ab' * 3", "ababab", "", False),
        ("f(1) == [0] * 3", [0, 0, 0], "", False),
        ("f(1) == 2 ** 10 // 3 % 7", 2**10 // 3 % 7, "", False),
        ("f(1) == float('inf')", math.inf, "", False),
        ("f(1) == b'x'", b"x", "", False),
        ("f(1) == sorted([2, 1])", [1, 2], "", False),
        ("f(1) == dict([('a', 1)])", Pairs((("a", 1),)), "", False),
    ],
)
def test_literal_forms(test: str, expected: Any, through: str, is_negated: bool) -> None:
    found = read(test)
    assert isinstance(found, Pair)
    assert (found.expected, found.through, found.is_negated) == (expected, through, is_negated)
    assert type(found.expected) is type(expected)
    assert (found.call.name, decode(found.call.arguments.encode())) == ("f", [1])


def test_a_name_may_stand_for_the_programs_own() -> None:
    found = read("candidate(1, b=[2]) == 3")
    assert isinstance(found, Pair)
    assert found.call.name == "solve"
    assert decode(found.call.keywords.encode()) == Pairs((("b", [2]),))


@pytest.mark.parametrize(
    ("test", "expected", "limit"),
    [
        ("abs(f(1) - 2.5) < 1e-6", 2.5, 1e-6),
        ("abs(2.5 - f(1)) < 1e-6", 2.5, 1e-6),
        ("abs(f(1) - 2.5) <= 1e-6", 2.5, math.nextafter(1e-6, math.inf)),
        ("abs(f(1) - 5 / 2) < 0.01", 2.5, 0.01),
    ],
)
def test_closeness(test: str, expected: float, limit: float) -> None:
    found = read(test)
    assert isinstance(found, Pair)
    assert (found.expected, found.tolerance) == (expected, Tolerance(limit, is_absolute=True))


@pytest.mark.parametrize(
    "test",
    [
        "f(1) == f(2)",
        "f(1) == x",
        "f(x) == 1",
        "f(*[1]) == 1",
        "f(**{'a': 1}) == 1",
        "f(1) > 2",
        "2 < f(1)",
        "1 < f(1) < 3",
        "f(1) in (1, 2)",
        "f(1) and f(2)",
        "f(1) == 1 or f(1) == 2",
        "f(1) is 2",
        "f(1).x == 2",
        "f(1)[0] == 2",
        "m.f(1) == 2",
        "len(f(1)) == len([1])",
        "abs(f(1)) < 1",
        "abs(f(1) - x) < 1",
        "abs(f(1) - 1) < x",
        "abs(f(1) - 'a') < 1",
        "round(f(1), 2) == 0.5",
        "isinstance(f(1), int)",
        "not not f(1)",
        "f(1) == ...",
        "f(1) == f'{1}'",
        "f(1) == 1 / 0",
        "f(1) == 9 ** 9 ** 9",
        "f(1) == 'a' * 10 ** 9",
        "f(1) == 'a' + 1",
        "f(1) == {**{}}",
        "f(1) == [*[1]]",
        "f(1) == {[1]}",
        "f(1) == float('x')",
    ],
)  # fmt: skip
def test_everything_else_is_weak_and_runs_as_it_stands(test: str) -> None:
    found = read(test)
    assert found == Weak(f"candidate = solve\nassert {test}")


def test_more_than_one_statement_is_weak() -> None:
    source = "x = f(1)\nassert x == 2"
    assert read_assertion(source, {}) == Weak(source)


def test_what_holds_whatever_a_program_does_is_no_test() -> None:
    assert read("True") is None
    assert read("1") is None


@pytest.mark.parametrize("test", ["False", "0", "None", "''"])
def test_what_can_never_hold_is_refused(test: str) -> None:
    with pytest.raises(TruthError, match="can never hold"):
        read(test)


@pytest.mark.parametrize("source", ["assert f(1) ==", "assert f(1) == '\x00'", "if"])
def test_what_is_no_python_is_refused(source: str) -> None:
    with pytest.raises(TruthError, match="is no Python"):
        read_assertion(source, {})
