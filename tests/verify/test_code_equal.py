"""When a returned value meets the expected one, each row by hand from the interface's exact readings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sandbox.encoding import decode, encode
from assay.verify.code.asserts import as_expected
from assay.verify.code.equal import Tolerance, meets
from assay.verify.code.truth import read_truth

NAN, INF = float("nan"), float("inf")


def judged(got: Any, expected: Any, tolerance: float | None = None) -> bool:
    """Through the real way of both: the encoding on one side, a truth's JSON on the other."""
    truth = read_truth(
        {"mode": "function", "entry_point": "f", "tests": [{"args": [], "expected": expected}], "tolerance": tolerance}
    )
    return meets(decode(encode(got).encode()), truth.tests[0].expected, truth.tolerance)


EQUAL: list[tuple[Any, Any]] = [
    (1, 1),
    (1.0, 1),
    (1, 1.0),
    (10**400, 10**400),
    (True, True),
    (None, None),
    ("a", "a"),
    ([], []),
    ((), []),
    ([1, 2], [1, 2]),
    ((1, 2), [1, 2]),
    ([(1, 2), [3]], [[1, 2], [3]]),
    ((1, 2), {"__tuple__": [1, 2]}),
    (((1,), [2]), {"__tuple__": [[1], [2]]}),
    ({1, 2}, {"__set__": [2, 1]}),
    (frozenset({1, 2}), {"__set__": [1, 2]}),
    ({(1, 2)}, {"__set__": [[1, 2]]}),
    ({(1, 2)}, {"__set__": [{"__tuple__": [1, 2]}]}),
    (set(), {"__set__": []}),
    ({1.0, 2.0}, {"__set__": [1, 2]}),
    (b"\x00\xff", {"__bytes__": "00ff"}),
    (b"", {"__bytes__": ""}),
    ({"a": 1}, {"a": 1}),
    ({}, {}),
    ({"b": 2, "a": [1]}, {"a": [1], "b": 2}),
    ({1: "x", (2, 3): None}, {"__dict__": [[[2, 3], None], [1, "x"]]}),
    ({1: 1}, {"__dict__": [[1.0, 1.0]]}),
    ({"__tuple__": [1], "x": 2}, {"__tuple__": [1], "x": 2}),
    ({"__tuple__": [1]}, {"__dict__": [["__tuple__", [1]]]}),
    (-0.0, 0),
]

DIFFERENT: list[tuple[Any, Any]] = [
    (2, 1),
    (1, True),
    (True, 1),
    (0, False),
    (False, 0),
    (1.0, True),
    (True, 1.0),
    (None, False),
    (0, None),
    ("", None),
    ("1", 1),
    (1, "1"),
    (b"a", "a"),
    ("a", {"__bytes__": "61"}),
    ("a ", "a"),
    ("e\u0301", "\u00e9"),
    ([1, 2], {"__tuple__": [1, 2]}),
    ([1, 2], {"__set__": [1, 2]}),
    ({1, 2}, [1, 2]),
    ({1, 2}, {"__set__": [1]}),
    ({1}, {"__set__": [1, 2]}),
    ({True}, {"__set__": [1]}),
    ([1], [1, 1]),
    ([1, 1], [1]),
    ([[1]], [1]),
    ([2, 1], [1, 2]),
    ({"a": 1}, {"a": 2}),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": True}),
    ({"a": 1, "b": 2}, {"a": 1}),
    ({1: 1}, {"1": 1}),
    ({True: 1}, {"__dict__": [[1, 1]]}),
    ([["a", 1]], {"a": 1}),
    (NAN, 0),
    (INF, 10**300),
    (0.1 + 0.2, 0.3),
    (10**17 + 1, 1e17),
    (1e400, 10**400),
    (1 + 0j, "1"),
]


@pytest.mark.parametrize(("got", "expected"), EQUAL, ids=lambda each: str(each)[:30])
def test_equal(got: Any, expected: Any) -> None:
    assert judged(got, expected)
    assert judged([got], [expected])
    assert judged({"k": got}, {"k": expected})


@pytest.mark.parametrize(("got", "expected"), DIFFERENT, ids=lambda each: str(each)[:30])
def test_different(got: Any, expected: Any) -> None:
    assert not judged(got, expected)
    assert not judged([got], [expected])
    assert not judged({"k": got}, {"k": expected})


@pytest.mark.parametrize(
    ("got", "expected", "tolerance", "answer"),
    [
        (0.1 + 0.2, 0.3, 1e-9, True),
        (1.0001, 1.0, 1e-9, False),
        (1e9 + 1, 1e9, 1e-9, True),
        (1e9 + 2, 1e9, 1e-9, False),
        (1e-10, 0, 1e-9, True),
        (1e-8, 0, 1e-9, False),
        (100, 101, 0.01, True),
        (99, 101, 0.01, False),
        ([0.1 + 0.2, {"a": (0.1 + 0.2,)}], [0.3, {"a": [0.3]}], 1e-9, True),
        ({0.1 + 0.2, 5}, {"__set__": [0.3, 5]}, 1e-9, True),
        ({0.1 + 0.2, 6}, {"__set__": [0.3, 5]}, 1e-9, False),
        ({0.1 + 0.2: 1}, {"__dict__": [[0.3, 1]]}, 1e-9, True),
        ({0.1 + 0.2: 2}, {"__dict__": [[0.3, 1]]}, 1e-9, False),
        (NAN, 1.0, 1e9, False),
        (INF, 1.0, 1e9, False),
        (True, 1, 0.5, False),
        (1, True, 0.5, False),
        ("1.0", 1.0, 0.5, False),
        (10**400, 10**400 + 1, 1e-9, True),
        (10**400, 1e300, 0.5, False),
        (0.5, 0.5, 0, True),
    ],
)
def test_tolerance(got: Any, expected: Any, tolerance: float, answer: bool) -> None:
    assert judged(got, expected, tolerance) is answer


def test_nan_meets_nothing_not_even_itself() -> None:
    assert not meets(NAN, NAN)
    assert not meets(NAN, NAN, Tolerance(1.0))
    assert not meets([NAN], [NAN])
    assert meets(INF, INF)
    assert not meets(-INF, INF, Tolerance(1.0))


def test_an_absolute_tolerance_is_strict_as_it_was_written() -> None:
    assert meets(1.5, 1.0, Tolerance(0.6, is_absolute=True))
    assert not meets(1.5, 1.0, Tolerance(0.5, is_absolute=True))
    assert not meets(1000.6, 1000.0, Tolerance(0.5, is_absolute=True))


def test_a_forged_set_that_holds_an_item_twice_is_none() -> None:
    expected = as_expected({1, 2})
    assert meets(decode(b'["s",1,2]'), expected)
    assert not meets(decode(b'["s",1,1]'), expected)
    assert not meets(decode(b'["s",1,1.0]'), expected)
    assert not meets(decode(b'["d",1,2,1,2]'), as_expected({1: 2}))


def test_chosen_hashes_do_not_make_a_comparison_slow() -> None:
    import time

    many = [each * (2**61 - 1) for each in range(100_000)]
    got = decode(encode(many).replace('["l"', '["s"', 1).encode())
    start = time.process_time()
    assert not meets(got, as_expected(set(range(100_000))))
    assert time.process_time() - start < 20


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.lists(inner).map(tuple),
    max_leaves=15,
)


@given(values)
def test_every_literal_meets_itself(value: Any) -> None:
    assert meets(decode(encode(value).encode()), as_expected(value))


def same(left: Any, right: Any) -> bool:
    """Python's equality, with types where the interface wants them."""
    if type(left) in (int, float) and type(right) in (int, float):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[each], right[each]) for each in left)
    return bool(left == right)


@given(values, values)
def test_it_agrees_with_python(left: Any, right: Any) -> None:
    assert meets(decode(encode(left).encode()), as_expected(right)) == same(left, right)
