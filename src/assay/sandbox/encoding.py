"""Plain data over a hostile channel: how a candidate's value leaves the sandbox, and how it is read outside.

A value is one line of JSON. None, bools, strings, floats and ints up to 64 bits stand for themselves; everything else is
an array that begins with its tag: `["l", ...]` list, `["t", ...]` tuple, `["s", ...]` set, `["f", ...]` frozenset,
`["d", k, v, k, v, ...]` dict, `["i", "-ff"]` int in hexadecimal (whose cost is linear), `["b", "00ff"]` bytes,
`["c", re, im]` complex. A JSON object is no value.

`encode` runs beside the candidate. It looks at exact types and calls the methods of the base classes only, so that a
subclass with its own `__repr__`, `__iter__` or `items` cannot speak for a value; but nothing rests on that: whoever
forges the line has only returned another value. `decode` runs outside and trusts nothing: no pickle, no eval, limits on
size, nodes, depth and digits, and sets and dicts stay lists of items (`Bag`, `Pairs`), because building a hash table out
of chosen numbers can be made slow.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_NODES = 1_000_000
MOST_DEPTH = 100
MOST_DIGITS = 1 << 20  # hexadecimal
MOST_EQUAL_HASHES = 200  # among the items of one set or dict that becomes a real one

_DICTS = (dict, OrderedDict, defaultdict, Counter)
_SMALL = 1 << 63


class NotPlain(Exception):
    """A value that cannot leave the sandbox, or a line that is none of ours; the message says why."""


@dataclass(frozen=True, slots=True)
class Bag:
    """A set's items, in no order, as they came."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """A dict's items, as they came."""

    items: tuple[tuple[Any, Any], ...]


_to_text = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(",", ":")).encode


def encode(value: Any) -> str:
    """One ASCII line. Raises NotPlain for anything but plain data within the limits."""
    if type(value) is int and -_SMALL < value < _SMALL:
        return int.__repr__(value)  # what most programs return, by the shortest way
    return _to_text(_shape(value, MOST_DEPTH, [MOST_NODES]))


def _shape(value: Any, depth: int, left: list[int]) -> Any:
    kind = type(value)
    if value is None or kind in (bool, str, float):
        return value
    if kind is int:
        return value if -_SMALL < value < _SMALL else ["i", int.__format__(value, "x")]
    if depth == 0:
        raise NotPlain(f"nested deeper than {MOST_DEPTH}, or within itself")
    if kind is list or kind is tuple:
        _count(left, len(value))
        return ["l" if kind is list else "t", *[_shape(each, depth - 1, left) for each in value]]
    if kind in (set, frozenset):
        _count(left, len(value))
        return ["s" if kind is set else "f", *[_shape(each, depth - 1, left) for each in kind.__iter__(value)]]
    if kind in _DICTS:
        _count(left, 2 * dict.__len__(value))
        shaped = ["d"]
        for key, each in dict.items(value):
            shaped += (_shape(key, depth - 1, left), _shape(each, depth - 1, left))
        return shaped
    if kind is bytes:
        return ["b", bytes.hex(value)]
    if kind is complex:
        return ["c", value.real, value.imag]
    raise NotPlain(f"{kind.__module__}.{kind.__qualname__} is no plain data".removeprefix("builtins.")[:120])


def _count(left: list[int], size: int) -> None:
    left[0] -= size
    if left[0] < 0:
        raise NotPlain(f"more than {MOST_NODES} values in one")


def decode(line: bytes) -> Any:
    """The value of a line that `encode` may have written. Raises NotPlain for every other line."""
    if line.count(b",") + line.count(b"[") > 3 * MOST_NODES:
        raise NotPlain(f"more than {MOST_NODES} values in one")
    try:
        text = line.decode("ascii")
        shaped, end = _read(text)
    except (ValueError, RecursionError) as error:
        raise NotPlain(f"not a value ({type(error).__name__})") from None
    if end != len(text):
        raise NotPlain("not a value (more than one)")
    return _unshape(shaped, MOST_DEPTH)


def _small_int(digits: str) -> int:
    if len(digits) > 20:
        raise ValueError("too many digits")
    return int(digits)


_read = json.JSONDecoder(parse_int=_small_int).raw_decode


def _unshape(shaped: Any, depth: int) -> Any:
    if shaped is None or isinstance(shaped, (bool, int, str, float)):
        return shaped
    if not isinstance(shaped, list) or not shaped or not isinstance(shaped[0], str):
        raise NotPlain("not a value (no tag)")
    if depth == 0:
        raise NotPlain(f"nested deeper than {MOST_DEPTH}")
    tag = shaped[0]
    if tag in ("i", "b", "c"):
        return _unshape_scalar(tag, shaped[1:])
    items = [_unshape(each, depth - 1) for each in shaped[1:]]
    if tag == "l":
        return items
    if tag == "t":
        return tuple(items)
    if tag in ("s", "f"):
        return Bag(tuple(items))
    if tag == "d" and len(items) % 2 == 0:
        return Pairs(tuple(zip(items[::2], items[1::2], strict=True)))
    raise NotPlain("not a value (unknown tag)")


def _unshape_scalar(tag: str, rest: list[Any]) -> Any:
    if tag == "c" and len(rest) == 2 and all(type(each) is float for each in rest):
        return complex(*rest)
    if len(rest) == 1 and isinstance(rest[0], str):
        text = rest[0]
        if tag == "i" and len(text) <= MOST_DIGITS and set(text.removeprefix("-")) <= set("0123456789abcdef"):
            return int(text, 16) if text.strip("-") else _refuse()
        if tag == "b" and set(text) <= set("0123456789abcdef") and len(text) % 2 == 0:
            return bytes.fromhex(text)
    return _refuse()


def _refuse() -> Any:
    raise NotPlain("not a value (a malformed scalar)")


def to_python(value: Any) -> Any:
    """The same value with real sets and dicts, for a checker. Raises NotPlain when one could not be hashed, or slowly."""
    if type(value) is list:
        return [to_python(each) for each in value]
    if type(value) is tuple:
        return tuple(to_python(each) for each in value)
    if type(value) is Bag:
        items = [to_python(each) for each in value.items]
        _check_hashes(items)
        return set(items)
    if type(value) is Pairs:
        keys = [to_python(key) for key, _ in value.items]
        _check_hashes(keys)
        return dict(zip(keys, (to_python(each) for _, each in value.items), strict=True))
    return value


def _check_hashes(items: Sequence[Any]) -> None:
    try:
        hashes = sorted(map(hash, items))
    except TypeError as error:
        raise NotPlain(f"a set or a dict's keys hold what cannot be hashed ({error})") from None
    apart = MOST_EQUAL_HASHES
    if any(hashes[i] == hashes[i + apart] for i in range(len(hashes) - apart)):
        raise NotPlain("too many keys with one hash")
