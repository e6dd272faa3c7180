"""Plain data goes through unchanged; nothing else goes through."""

from __future__ import annotations

import contextlib
import math
from collections import Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.sandbox.encoding import MOST_DEPTH, Bag, NotPlain, Pairs, decode, encode, to_python

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(scalars, inner) | st.sets(scalars),
    max_leaves=30,
)


def kinds(value: object) -> object:
    """The value with its types, so that True is not 1."""
    if isinstance(value, (list, tuple)):
        return type(value), [kinds(each) for each in value]
    if isinstance(value, dict):
        return dict, [(kinds(key), kinds(each)) for key, each in value.items()]
    return type(value), value


@given(values)
def test_a_round_trip_keeps_values_and_types(value: object) -> None:
    line = encode(value)
    assert line.isascii()
    assert "\n" not in line
    assert kinds(to_python(decode(line.encode()))) == kinds(value)


@pytest.mark.parametrize(
    "value",
    [10**5000, -(10**5000), "\ud800", "a\nb\0", -0.0, float("inf"), 2**63, -(2**63), [[]] * 3, {1: {2: (3,)}}, b""],
    ids=lambda value: type(value).__name__,
)
def test_edges_survive(value: object) -> None:
    assert kinds(to_python(decode(encode(value).encode()))) == kinds(value)


def test_nan_stays_nan() -> None:
    assert math.isnan(decode(encode(float("nan")).encode()))


def test_standard_dicts_are_dicts() -> None:
    many = defaultdict(list)
    many["a"].append(1)
    for value, plain in [(Counter("aab"), {"a": 2, "b": 1}), (OrderedDict(a=1), {"a": 1}), (many, {"a": [1]})]:
        assert to_python(decode(encode(value).encode())) == plain


class Level(IntEnum):
    LOW = 1


class Equal(int):
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "42"


class Text(str):
    pass


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    "value",
    [
        Level.LOW,
        Equal(1),
        Text("a"),
        Point(1, 2),
        deque([1]),
        UserList([1]),
        UserDict({}),
        range(3),
        bytearray(b"a"),
        memoryview(b"a"),
        object(),
        int,
        len,
        {}.keys(),
        (each for each in ()),
        [Equal(1)],
        {"a": Equal(1)},
        {Equal(1)},
        slice(1),
        ...,
        NotImplemented,
    ],
)
def test_other_objects_do_not_leave(value: object) -> None:
    with pytest.raises(NotPlain):
        encode(value)


def test_a_value_within_itself_does_not_leave() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(NotPlain, match="deep"):
        encode(value)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"a":1}',
        b"[]",
        b"[1]",
        b'["q",1]',
        b'["d",1]',
        b'["i","12x"]',
        b'["i",""]',
        b'["i","-"]',
        b'["i","1","2"]',
        b'["i",12]',
        b'["b","0"]',
        b'["b","zz"]',
        b'["b"," 0"]',
        b'["c",1,2]',
        b'["c","a",2.0]',
        b"1 2",
        b"nul",
        b'"\xff"',
        b"9" * 100,
        b"[" * 100_000,
        b'["l",' * 5000 + b"1" + b"]" * 5000,
        b'["l",' + b"[]," * 3 + b"1]",
        b'["i","' + b"f" * (1 << 21) + b'"]',
        b'["l"' + b",1" * 4_000_000 + b"]",
        b"__import__('os')",
        b"\x80\x04K\x01.",
    ],
    ids=lambda line: line[:12].decode("latin-1"),
)
def test_forged_lines_are_refused(line: bytes) -> None:
    with pytest.raises(NotPlain):
        decode(line)


@given(st.binary(max_size=60))
def test_no_line_raises_anything_else(line: bytes) -> None:
    with contextlib.suppress(NotPlain):
        to_python(decode(line))


def test_depth_is_counted_alike_on_both_sides() -> None:
    value: object = 1
    for _ in range(MOST_DEPTH):
        value = [value]
    assert decode(encode(value).encode()) == value
    with pytest.raises(NotPlain):
        encode([value])


def test_sets_and_dicts_stay_items_until_a_checker_wants_them() -> None:
    assert decode(b'["s",1,2]') == Bag((1, 2))
    assert decode(b'["d",1,2]') == Pairs(((1, 2),))


def test_keys_that_share_a_hash_are_refused_before_they_are_slow() -> None:
    apart = 2**61 - 1
    line = encode([each * apart for each in range(5000)]).replace('["l"', '["s"', 1)
    with pytest.raises(NotPlain, match="one hash"):
        to_python(decode(line.encode()))


def test_keys_that_cannot_be_hashed_are_refused() -> None:
    with pytest.raises(NotPlain, match="hashed"):
        to_python(decode(b'["s",["l",1]]'))
