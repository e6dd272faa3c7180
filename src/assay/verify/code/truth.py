"""Reading the truth of a code task: what to call or feed, what must come out, and under which limits.

Values that JSON cannot hold are tagged: `{"__tuple__": [...]}`, `{"__set__": [...]}`, `{"__bytes__": "hex"}`,
`{"__dict__": [[k, v], ...]}`; an object is a tag only if the tag is its single key.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json
from assay.sandbox.encoding import Bag, NotPlain, Pairs, encode
from assay.sandbox.limits import Limits
from assay.sandbox.program import Call
from assay.verify.code.asserts import Pair, Weak, read_assertion
from assay.verify.code.block import BlockRule
from assay.verify.code.equal import Array, Tolerance, key

Mode = Literal["function", "stdin", "asserts"]
Language = Literal["python", "c"]
SHARED = frozenset({"mode", "limits", "block", "reference", "language"})
KEYS: Mapping[str, frozenset[str]] = {
    "function": SHARED | {"entry_point", "tests", "visible_tests", "tolerance", "checker"},
    "stdin": SHARED | {"tests", "visible_tests", "checker"},
    "asserts": SHARED | {"asserts", "visible_asserts", "setup", "weak", "entry_point", "tolerance"},
}
TAGS = ("__tuple__", "__set__", "__bytes__", "__dict__")
LARGEST_DEPTH = 90  # of an argument or an expected value

Checker = Callable[[Any, Any, Any], object]


@dataclass(frozen=True, slots=True)
class Script:
    """One test of a whole program. `expected` None: only the checker knows."""

    stdin: str
    expected: str | None


Test = Pair | Weak | Script


@dataclass(frozen=True, slots=True)
class CodeTruth:
    """`tests` are hidden and pay; `visible` ones are only reported. `checker(given, got, expected)` replaces equality."""

    mode: Mode
    tests: tuple[Test, ...]
    visible: tuple[Test, ...] = ()
    setup: str = ""
    limits: Limits = field(default_factory=Limits)
    block: BlockRule = "only"
    checker: Checker | None = None
    tolerance: Tolerance | None = None
    reference: str | None = None
    language: Language = "python"

    @property
    def is_weak(self) -> bool:
        """Some of the tests that pay run beside the program, which can forge them."""
        return any(isinstance(each, Weak) for each in self.tests)


def read_truth(truth: Json) -> CodeTruth:
    """Raises TruthError with one sentence."""
    if not isinstance(truth, Mapping):
        raise TruthError(f"a code truth is an object with a mode, not {_kind(truth)}")
    if truth.get("mode") not in KEYS:
        raise TruthError(f"mode: {truth.get('mode')!r} is none; function, stdin or asserts would be right")
    mode: Mode = truth["mode"]
    for name in truth:
        if name not in KEYS[mode]:
            raise TruthError(f"unknown key {name!r} in a code truth of mode {mode}{did_you_mean(name, KEYS[mode])}")
    tests, visible = _TESTS[mode](truth)
    if not tests:
        raise TruthError("a code truth needs at least one test that a program can fail")
    language = _among(truth, "language", get_args(Language))
    if language != "python" and mode != "stdin":
        raise TruthError(f"language: {language} programs are judged in mode stdin")
    return CodeTruth(
        mode=mode,
        tests=tests,
        visible=visible,
        setup=_text(truth, "setup"),
        limits=_limits(truth.get("limits")),
        block=_among(truth, "block", ("only", *get_args(BlockRule))),
        checker=_checker(truth.get("checker")),
        tolerance=_tolerance(truth.get("tolerance")),
        reference=_text(truth, "reference") or None,
        language=language,
    )


def _function_tests(truth: Mapping[str, Json]) -> tuple[tuple[Test, ...], tuple[Test, ...]]:
    entry_point = truth.get("entry_point")
    if not isinstance(entry_point, str) or not entry_point.isidentifier():
        raise TruthError(f"entry_point: {entry_point!r} is no name of a function")
    has_checker = truth.get("checker") is not None

    def read(place: str, test: Json) -> Pair:
        row = _row(place, test, {"args", "expected"}, {"args"} if has_checker else {"args", "expected"})
        if not isinstance(row["args"], list):
            raise TruthError(f"{place}.args: a list of arguments would be right, not {_kind(row['args'])}")
        arguments = [_argument(f"{place}.args", each) for each in row["args"]]
        try:
            call = Call(entry_point, encode(arguments))
        except NotPlain as error:
            raise TruthError(f"{place}.args: {error}") from None
        return Pair(call, _expected(f"{place}.expected", row.get("expected"), LARGEST_DEPTH), tuple(arguments))

    return _each(truth, "tests", read), _each(truth, "visible_tests", read)


def _stdin_tests(truth: Mapping[str, Json]) -> tuple[tuple[Test, ...], tuple[Test, ...]]:
    has_checker = truth.get("checker") is not None

    def read(place: str, test: Json) -> Script:
        row = _row(place, test, {"stdin", "stdout"}, {"stdin"} if has_checker else {"stdin", "stdout"})
        for name, value in row.items():
            if not isinstance(value, str):
                raise TruthError(f"{place}.{name}: a string would be right, not {_kind(value)}")
        return Script(row["stdin"], row.get("stdout"))

    return _each(truth, "tests", read), _each(truth, "visible_tests", read)


def _assert_tests(truth: Mapping[str, Json]) -> tuple[tuple[Test, ...], tuple[Test, ...]]:
    entry_point = truth.get("entry_point")
    names = {"candidate": entry_point} if isinstance(entry_point, str) and entry_point.isidentifier() else {}
    if entry_point is not None and not names:
        raise TruthError(f"entry_point: {entry_point!r} is no name of a function")
    is_allowed = _among(truth, "weak", ("refuse", "allow")) == "allow"

    def read(place: str, source: Json) -> Test | None:
        if not isinstance(source, str):
            raise TruthError(f"{place}: an assertion's source would be right, not {_kind(source)}")
        found = read_assertion(source, names)
        if isinstance(found, Weak) and not is_allowed:
            raise TruthError(
                f"{place}: {source[:80]!r} is not literal, so the program could forge it; "
                '"weak": "allow" would run it all the same'
            )
        return found

    return _each(truth, "asserts", read), _each(truth, "visible_asserts", read)


_TESTS = {"function": _function_tests, "stdin": _stdin_tests, "asserts": _assert_tests}


def _each(truth: Mapping[str, Json], name: str, read: Callable[[str, Json], Test | None]) -> tuple[Test, ...]:
    rows = truth.get(name, [])
    if not isinstance(rows, list):
        raise TruthError(f"{name}: a list would be right, not {_kind(rows)}")
    found = (read(f"{name}[{i}]", each) for i, each in enumerate(rows))
    return tuple(each for each in found if each is not None)


def _row(place: str, test: Json, known: set[str], needed: set[str]) -> Mapping[str, Json]:
    if not isinstance(test, Mapping):
        raise TruthError(f"{place}: an object with {' and '.join(sorted(needed))} would be right, not {_kind(test)}")
    for name in test:
        if name not in known:
            raise TruthError(f"{place}: unknown key {name!r}{did_you_mean(name, known)}")
    for name in sorted(needed - set(test)):
        raise TruthError(f"{place}: {name!r} is missing")
    return test


def _argument(place: str, value: Json) -> Any:
    """A JSON value as the Python value that the program is given."""
    tag = _tag(value)
    if tag is None:
        if isinstance(value, list):
            return [_argument(place, each) for each in value]
        if isinstance(value, Mapping):
            return {name: _argument(place, each) for name, each in value.items()}
        return value
    inner = _tagged(place, tag, value[tag])
    try:
        if tag == "__tuple__":
            return tuple(_argument(place, each) for each in inner)
        if tag == "__set__":
            return {_argument(place, each) for each in inner}
        if tag == "__dict__":
            return {_argument(place, name): _argument(place, each) for name, each in inner}
    except TypeError as error:
        raise TruthError(f"{place}: {error}") from None
    return inner


def _expected(place: str, value: Json, depth: int) -> Any:
    """A JSON value as the comparison wants it."""
    if depth == 0:
        raise TruthError(f"{place}: nested deeper than {LARGEST_DEPTH}")

    def inside(each: Json) -> Any:
        return _expected(place, each, depth - 1)

    tag = _tag(value)
    if tag is None:
        if isinstance(value, list):
            return Array(tuple(map(inside, value)))
        if isinstance(value, Mapping):
            return Pairs(tuple((name, inside(each)) for name, each in value.items()))
        return value
    inner = _tagged(place, tag, value[tag])
    if tag == "__tuple__":
        return tuple(map(inside, inner))
    if tag == "__set__":
        items = tuple(map(inside, inner))
        _check_apart(place, items)
        return Bag(items)
    if tag == "__dict__":
        pairs = tuple((inside(name), inside(each)) for name, each in inner)
        _check_apart(place, [name for name, _ in pairs])
        return Pairs(pairs)
    return inner


def _check_apart(place: str, items: Sequence[Any]) -> None:
    if len({key(each) for each in items}) != len(items):
        raise TruthError(f"{place}: a set's items and a dict's keys must differ from each other")


def _tag(value: Json) -> str | None:
    if isinstance(value, Mapping) and len(value) == 1:
        name = next(iter(value))
        return name if name in TAGS else None
    return None


def _tagged(place: str, tag: str, inner: Json) -> Any:
    if tag == "__bytes__":
        try:
            return bytes.fromhex(inner)
        except (TypeError, ValueError):
            raise TruthError(f"{place}: __bytes__ holds hexadecimal digits, not {inner!r}"[:200]) from None
    if not isinstance(inner, list):
        raise TruthError(f"{place}: {tag} holds a list, not {_kind(inner)}")
    if tag == "__dict__" and not all(isinstance(each, list) and len(each) == 2 for each in inner):
        raise TruthError(f"{place}: __dict__ holds [key, value] pairs")
    return inner


def _limits(value: Json) -> Limits:
    if value is None:
        return Limits()
    if not isinstance(value, Mapping):
        raise TruthError(f"limits: an object would be right, not {_kind(value)}")
    known = ("cpu_s", "wall_s", "memory_mb")
    for name, number in value.items():
        if name not in known:
            raise TruthError(f"limits: unknown key {name!r}{did_you_mean(name, known)}")
        if type(number) not in ((int, float) if name != "memory_mb" else (int,)):
            raise TruthError(f"limits.{name}: {number!r} is no {'number' if name != 'memory_mb' else 'whole number'}")
    try:
        return Limits(**value)
    except (ValueError, OverflowError) as error:
        raise TruthError(f"limits: {error}") from None


def _tolerance(value: Json) -> Tolerance | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < 1e300:
        raise TruthError(f"tolerance: {value!r} is no number of at least 0")
    return Tolerance(float(value))


def _checker(place: Json) -> Checker | None:
    """The author's own function, called here with (given, got, expected), or (given, got) when it takes two."""
    if place is None:
        return None
    if not isinstance(place, str) or place.count(":") != 1:
        raise TruthError(f"checker: {place!r} is none; package.module:function would be right")
    module, _, name = place.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        function = getattr(importlib.import_module(module), name)
        wanted = len(inspect.signature(function).parameters)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's module may raise anything
        raise TruthError(f"checker: {place} cannot be loaded ({type(error).__name__}: {error})"[:300]) from None
    if wanted not in (2, 3):
        raise TruthError(
            f"checker: {place} takes {wanted} arguments; (given, got, expected) or (given, got) would be right"
        )
    return function if wanted == 3 else lambda given, got, _: function(given, got)


def _text(truth: Mapping[str, Json], name: str) -> str:
    value = truth.get(name) or ""
    if not isinstance(value, str):
        raise TruthError(f"{name}: a string would be right, not {_kind(value)}")
    return value


def _among(truth: Mapping[str, Json], name: str, choices: Sequence[str]) -> Any:
    """The value, or the first choice where there is none."""
    value = truth.get(name, choices[0])
    if value not in choices:
        raise TruthError(f"{name}: {value!r} is none; {', '.join(dict.fromkeys(choices))} would be right")
    return value


def _kind(value: Json) -> str:
    return "null" if value is None else f"a {type(value).__name__}"
