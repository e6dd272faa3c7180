"""What a code truth may say, and the sentence for each thing that it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import TruthError
from assay.sandbox.encoding import Bag, Pairs
from assay.sandbox.limits import Limits
from assay.verify.code.asserts import Pair
from assay.verify.code.equal import Array, Tolerance
from assay.verify.code.truth import Script, read_truth

FUNCTION: dict[str, Any] = {"mode": "function", "entry_point": "solve", "tests": [{"args": [1], "expected": 2}]}
STDIN: dict[str, Any] = {"mode": "stdin", "tests": [{"stdin": "1\n", "stdout": "2\n"}]}
ASSERTS: dict[str, Any] = {"mode": "asserts", "asserts": ["assert solve(1) == 2"]}


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else 1


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        (3, "a code truth is an object with a mode, not a int"),
        (None, "a code truth is an object with a mode, not null"),
        ({}, "mode: None is none; function, stdin or asserts would be right"),
        (FUNCTION | {"mode": "functions"}, "mode: 'functions' is none; function, stdin or asserts would be right"),
        (FUNCTION | {"test": []}, "unknown key 'test' in a code truth of mode function"),
        (FUNCTION | {"setup": "x = 1"}, "unknown key 'setup' in a code truth of mode function"),
        (STDIN | {"tolerance": 0.1}, "unknown key 'tolerance' in a code truth of mode stdin"),
        (FUNCTION | {"tests": []}, "a code truth needs at least one test that a program can fail"),
        (ASSERTS | {"asserts": ["assert True"]}, "a code truth needs at least one test that a program can fail"),
        (FUNCTION | {"tests": "x"}, "tests: a list would be right, not a str"),
        (FUNCTION | {"visible_tests": {"a": 1}}, "visible_tests: a list would be right, not a dict"),
        (FUNCTION | {"tests": [3]}, "tests[0]: an object with args and expected would be right, not a int"),
        (FUNCTION | {"tests": [{"args": [1], "expect": 2}]}, "tests[0]: unknown key 'expect'"),
        (FUNCTION | {"tests": [{"args": [1]}]}, "tests[0]: 'expected' is missing"),
        (FUNCTION | {"tests": [{"expected": 1}]}, "tests[0]: 'args' is missing"),
        (FUNCTION | {"tests": [{"args": 1, "expected": 1}]}, "tests[0].args: a list of arguments would be right, not a int"),
        (FUNCTION | {"entry_point": "a.b"}, "entry_point: 'a.b' is no name of a function"),
        (FUNCTION | {"entry_point": None}, "entry_point: None is no name of a function"),
        (ASSERTS | {"entry_point": "2x"}, "entry_point: '2x' is no name of a function"),
        (FUNCTION | {"language": "c"}, "language: c programs are judged in mode stdin"),
        (STDIN | {"language": "rust"}, "language: 'rust' is none; python, c would be right"),
        (FUNCTION | {"block": "first"}, "block: 'first' is none; only, last, whole_text would be right"),
        (STDIN | {"tests": [{"stdin": 1, "stdout": ""}]}, "tests[0].stdin: a string would be right, not a int"),
        (STDIN | {"tests": [{"stdin": ""}]}, "tests[0]: 'stdout' is missing"),
        (ASSERTS | {"asserts": [3]}, "asserts[0]: an assertion's source would be right, not a int"),
        (ASSERTS | {"asserts": ["assert"]}, "asserts: 'assert' is no Python"),
        (ASSERTS | {"asserts": ["assert 0"]}, "asserts: 'assert 0' can never hold"),
        (
            ASSERTS | {"asserts": ["assert solve(1) == solve(2)"]},
            "asserts[0]: 'assert solve(1) == solve(2)' is not literal, so the program could forge it; "
            '"weak": "allow" would run it all the same',
        ),
        (ASSERTS | {"weak": "yes"}, "weak: 'yes' is none; refuse, allow would be right"),
        (ASSERTS | {"setup": 3}, "setup: a string would be right, not a int"),
        (FUNCTION | {"reference": ["x"]}, "reference: a string would be right, not a list"),
        (FUNCTION | {"limits": 3}, "limits: an object would be right, not a int"),
        (FUNCTION | {"limits": {"cpu": 3}}, "limits: unknown key 'cpu'; did you mean 'cpu_s'?"),
        (FUNCTION | {"limits": {"cpu_s": "3"}}, "limits.cpu_s: '3' is no number"),
        (FUNCTION | {"limits": {"cpu_s": True}}, "limits.cpu_s: True is no number"),
        (FUNCTION | {"limits": {"memory_mb": 1.5}}, "limits.memory_mb: 1.5 is no whole number"),
        (FUNCTION | {"limits": {"cpu_s": 0}}, "limits: cpu_s must lie in (0, 3600] seconds, not 0"),
        (FUNCTION | {"limits": {"wall_s": 1e9}}, "limits: wall_s must lie in (0, 3600] seconds"),
        (FUNCTION | {"limits": {"memory_mb": 8}}, "limits: memory_mb must lie in [64, 1048576], not 8"),
        (FUNCTION | {"tolerance": -1}, "tolerance: -1 is no number of at least 0"),
        (FUNCTION | {"tolerance": True}, "tolerance: True is no number of at least 0"),
        (FUNCTION | {"tolerance": float("nan")}, "tolerance: nan is no number of at least 0"),
        (FUNCTION | {"checker": "x"}, "checker: 'x' is none; package.module:function would be right"),
        (FUNCTION | {"checker": "no.such:f"}, "checker: no.such:f cannot be loaded (ModuleNotFoundError"),
        (FUNCTION | {"checker": "os:getcwd"}, "checker: os:getcwd takes 0 arguments; (given, got, expected) or (given, got)"),
        ({**FUNCTION, "tests": [{"args": [{"__bytes__": "0"}], "expected": 1}]}, "tests[0].args: __bytes__ holds hexadecimal digits"),
        ({**FUNCTION, "tests": [{"args": [{"__set__": 3}], "expected": 1}]}, "tests[0].args: __set__ holds a list, not a int"),
        ({**FUNCTION, "tests": [{"args": [{"__set__": [[1]]}], "expected": 1}]}, "tests[0].args: unhashable type: 'list'"),
        ({**FUNCTION, "tests": [{"args": [{"__dict__": [[1]]}], "expected": 1}]}, "tests[0].args: __dict__ holds [key, value] pairs"),
        ({**FUNCTION, "tests": [{"args": [], "expected": {"__set__": [1, 1.0]}}]}, "tests[0].expected"),
        ({**FUNCTION, "tests": [{"args": [], "expected": {"__dict__": [[1, 2], [1, 3]]}}]}, "tests[0].expected"),
        ({**FUNCTION, "tests": [{"args": [], "expected": deep(95)}]}, "tests[0].expected: nested deeper than 90"),
        ({**FUNCTION, "tests": [{"args": [deep(101)], "expected": 1}]}, "tests[0].args: nested deeper than 100"),
    ],
)  # fmt: skip
def test_a_truth_that_cannot_be_read_says_why(truth: Any, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_truth(truth)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tags_become_what_json_cannot_hold() -> None:
    value = {"__tuple__": [1, {"__bytes__": "00ff"}, {"__set__": [1, 2]}, {"__dict__": [[1, "a"]]}, {"plain": [1]}]}
    (test,) = read_truth(FUNCTION | {"tests": [{"args": [value], "expected": value}]}).tests
    assert isinstance(test, Pair)
    assert test.arguments == ((1, b"\x00\xff", {1, 2}, {1: "a"}, {"plain": [1]}),)
    assert test.expected == (1, b"\x00\xff", Bag((1, 2)), Pairs(((1, "a"),)), Pairs((("plain", Array((1,))),)))


def test_an_object_is_a_tag_only_if_it_is_its_single_key() -> None:
    value = {"__tuple__": [1], "more": 2}
    (test,) = read_truth(FUNCTION | {"tests": [{"args": [value], "expected": 0}]}).tests
    assert isinstance(test, Pair)
    assert test.arguments == (value,)


def test_what_is_left_out_has_its_default() -> None:
    truth = read_truth(FUNCTION)
    assert (truth.limits, truth.block, truth.language, truth.tolerance) == (Limits(), "only", "python", None)
    assert not truth.is_weak
    assert read_truth(FUNCTION | {"tolerance": 0.5, "limits": {"cpu_s": 1}}).tolerance == Tolerance(0.5)
    assert read_truth(STDIN | {"block": "last"}).tests == (Script("1\n", "2\n"),)


def test_with_a_checker_nothing_need_be_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_code_checker.py").write_text("def check(given, got):\n    return got == given[0]\n")
    monkeypatch.syspath_prepend(tmp_path)
    truth = read_truth(FUNCTION | {"checker": "my_code_checker:check", "tests": [{"args": [1]}]})
    assert truth.checker is not None
    assert truth.checker([1], 1, None) is True
