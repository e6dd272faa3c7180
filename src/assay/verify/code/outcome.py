"""From what a run reported to what it is worth: the only place where a returned value meets an expected one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.core.types import Json, Reason
from assay.sandbox.encoding import Bag, NotPlain, Pairs, decode, to_python
from assay.sandbox.program import Run
from assay.verify.code.asserts import Pair, Through, Weak
from assay.verify.code.equal import Array, key, meets
from assay.verify.code.truth import Checker, CodeTruth, Script

LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Tested:
    """How a list of tests came out: the reason of the first failure, or None. Evidence never holds an expected value."""

    reason: Reason | None
    evidence: dict[str, Json] = field(default_factory=dict)


def judge_calls(truth: CodeTruth, tests: Sequence[Pair | Weak], run: Run) -> Tested:
    """A run of mode `function`: a result for each test, every one right, and a clean end."""
    used: dict[str, Json] = {"tests": len(tests), "cpu_s": run.cpu_s}
    if run.report and run.report[0][0] == "X":
        reason, evidence = _raised(run.report[0][1])
        return Tested(reason, used | evidence)
    failure: tuple[int, Reason, dict[str, Json]] | None = None
    right = 0
    for index, test in enumerate(tests):
        if index >= len(run.report):
            failure = failure or (index, *_ended(run))
            break
        trouble = _judge_result(truth, test, *run.report[index])
        if trouble is None:
            right += 1
        elif failure is None:
            failure = (index, *trouble)
    used["passed"] = right
    if failure is not None:
        index, reason, evidence = failure
        return Tested(reason, used | {"failed_test": index} | evidence)
    if not run.is_clean or len(run.report) != len(tests):
        reason, evidence = _ended(run)
        return Tested(reason, used | evidence)
    return Tested(None, used)


def judge_script(truth: CodeTruth, test: Script, run: Run) -> Tested:
    """A run of mode `script`: exit code 0 and the output that was expected."""
    if not run.has_succeeded:
        if run.report and run.report[0][0] == "X" and not run.killed:
            return Tested(*_raised(run.report[0][1]))
        return Tested(*_ended(run))
    try:
        output = run.output.decode()
    except UnicodeDecodeError:
        return Tested(Reason.MALFORMED, {"output": "not UTF-8"})
    if truth.checker is not None:
        trouble = _ask(truth.checker, test.stdin, output, test.expected)
    else:
        trouble = None if test.expected is not None and same_output(output, test.expected) else (Reason.WRONG_VALUE, {})
    return Tested(None) if trouble is None else Tested(*trouble)


def same_output(got: str, expected: str) -> bool:
    """Line by line, without white space at line ends and blank lines at the end."""
    return _lines(got) == _lines(expected)


def _lines(text: str) -> list[str]:
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip().split("\n")


def _judge_result(truth: CodeTruth, test: Pair | Weak, tag: str, text: bytes) -> tuple[Reason, dict[str, Json]] | None:
    """None when it is right."""
    if tag == "x":
        return _raised(text)
    if tag == "m":
        return Reason.ERROR, {"missing": _text(text)}
    if tag == "u":
        return Reason.WRONG_VALUE, {"returned": _text(text)}
    if isinstance(test, Weak):
        return None if (tag, text) == ("a", b"true") else (Reason.WRONG_VALUE, {})
    if tag != "v":
        return Reason.MALFORMED, {"returned": "a line that is no result"}
    try:
        got = _through(decode(text), test.through)
        if truth.checker is not None:
            return _ask(truth.checker, list(test.arguments), to_python(got), _plain(test.expected))
    except NotPlain as error:
        return Reason.LIMIT, {"returned": str(error)}
    is_equal = meets(got, test.expected, test.tolerance or truth.tolerance)
    return None if is_equal != test.is_negated else (Reason.WRONG_VALUE, {})


def _ask(checker: Checker, given: Any, got: Any, expected: Any) -> tuple[Reason, dict[str, Json]] | None:
    """The author's checker. What it raises counts against the answer: else an answer that upsets it would be VOID."""
    try:
        answer = checker(given, got, expected)
    except Exception as error:  # noqa: BLE001 - an author's function may raise anything on an answer it did not foresee
        return Reason.WRONG_VALUE, {"checker_raised": type(error).__name__}
    return None if answer is True else (Reason.WRONG_VALUE, {})


def _plain(expected: Any) -> Any:
    """The expected value as plain Python for a checker."""
    if isinstance(expected, Array):
        return [_plain(each) for each in expected.items]
    if isinstance(expected, Bag):
        return {_hashable(_plain(each)) for each in expected.items}
    if isinstance(expected, Pairs):
        return {_hashable(_plain(name)): _plain(each) for name, each in expected.items}
    if isinstance(expected, (list, tuple)):
        return type(expected)(_plain(each) for each in expected)
    return expected


def _hashable(value: Any) -> Any:
    return tuple(_hashable(each) for each in value) if isinstance(value, list) else value


def _through(got: Any, through: Through) -> Any:
    """What `tuple(got)` and the like would be. Raises NotPlain where Python would raise, or give any order."""
    if not through:
        return got
    if through == "truth":
        return bool(got.items if isinstance(got, (Bag, Pairs)) else got)
    items = [name for name, _ in got.items] if isinstance(got, Pairs) else got.items if isinstance(got, Bag) else got
    if not isinstance(items, (list, tuple, str)) or (isinstance(got, Bag) and through in ("tuple", "list")):
        raise NotPlain(f"a {type(got).__name__} where {through}() wants a sequence")
    if through == "set":
        return Bag(tuple({key(each): each for each in items}.values()))
    if through == "sorted":
        try:
            return sorted(items)
        except TypeError:
            raise NotPlain("items that cannot be sorted") from None
    return tuple(items) if through == "tuple" else list(items)


def _raised(text: bytes) -> tuple[Reason, dict[str, Json]]:
    """An exception's type and line, as the program's side told them."""
    try:
        name, line = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        name, line = "?", None
    evidence: dict[str, Json] = {"exception": name[:LONGEST_NAME] if isinstance(name, str) else "?"}
    if type(line) is int and 0 < line < 10**7:
        evidence["line"] = line
    return (Reason.LIMIT if name == "MemoryError" else Reason.ERROR), evidence


def _ended(run: Run) -> tuple[Reason, dict[str, Json]]:
    """Why a run did not come to its end."""
    if run.is_timeout:
        return Reason.TIMEOUT, {"limit": run.killed, "cpu_s": run.cpu_s, "wall_s": run.wall_s}
    if run.is_over_limit:
        return Reason.LIMIT, {"limit": run.killed}
    if run.signal is not None:
        return Reason.ERROR, {"signal": run.signal}
    return Reason.ERROR, {"exit": run.exit_code}


def _text(text: bytes) -> str:
    return text[:LONGEST_NAME].decode("ascii", "replace")
