"""Any function of the user's as a verifier: what it returns is read generously, what goes wrong in it is VOID."""

import math
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from assay.core.config import TasksConfig
from assay.core.errors import UsageError
from assay.core.types import Finding, Outcome, Reason, Verdict
from assay.tasks.load import load_source
from assay.verify.base import find_verifier, judge, label
from assay.verify.function import FunctionVerifier, beside, finding

PASS, FAIL, VOID = Outcome.PASS, Outcome.FAIL, Outcome.VOID


def file_with(folder: Path, code: str, name: str = "mine.py") -> str:
    (folder / name).write_text(code)
    return str(folder / name)


# --- what it returns ---


@pytest.mark.parametrize(
    ("value", "outcome", "score"),
    [
        (True, PASS, 1.0),
        (False, FAIL, 0.0),
        (1, PASS, 1.0),
        (0, FAIL, 0.0),
        (1.0, PASS, 1.0),
        (0.999999, FAIL, 0.999999),
        (0.5, FAIL, 0.5),
        (Fraction(1, 4), FAIL, 0.25),
        (Outcome.PASS, PASS, 1.0),
        (Outcome.FAIL, FAIL, 0.0),
        (Outcome.VOID, VOID, 0.0),
        (Finding(FAIL, Reason.NO_ANSWER), FAIL, 0.0),
        (Verdict(FAIL, 0.25, Reason.WRONG_FORM, "x", {"a": 1}), FAIL, 0.25),
        (Verdict(VOID, 0.0, Reason.PROVER_MISSING), VOID, 0.0),
        (None, VOID, 0.0),
        (math.nan, VOID, 0.0),
        (math.inf, VOID, 0.0),
        (-0.1, VOID, 0.0),
        (1.0000001, VOID, 0.0),
        (2, VOID, 0.0),
        ("pass", VOID, 0.0),
        ("", VOID, 0.0),
        ([], VOID, 0.0),
        ([True], VOID, 0.0),
        ({"score": 1.0}, VOID, 0.0),
        ((True, "why"), VOID, 0.0),
        (1 + 0j, VOID, 0.0),
        (object(), VOID, 0.0),
    ],
)
def test_what_a_function_returns(value: Any, outcome: Outcome, score: float) -> None:
    found = finding(value)
    assert found.outcome is outcome
    assert (found.score if found.score is not None else float(outcome is PASS)) == score


def test_reasons_of_what_is_void() -> None:
    assert finding(math.nan).reason is Reason.NOT_FINITE
    assert (
        finding(None).evidence["error"] == "the function returned NoneType; a bool or a score in [0, 1] would be right"
    )
    assert finding(2).evidence["error"] == "the function returned 2; a score lies in [0, 1]"
    assert finding(Verdict(VOID, 0.0, Reason.PROVER_MISSING)).reason is Reason.PROVER_MISSING


def test_numpys_scalars_count_as_what_they_are() -> None:
    numpy = pytest.importorskip("numpy")
    assert finding(numpy.bool_(True)).outcome is PASS
    assert finding(numpy.bool_(False)).outcome is FAIL
    assert finding(numpy.float32(0.5)).score == 0.5
    assert finding(numpy.int64(1)).outcome is PASS
    assert finding(numpy.float64("nan")).reason is Reason.NOT_FINITE
    assert finding(numpy.array(True)).outcome is PASS
    assert finding(numpy.array([True])).outcome is VOID


@pytest.mark.parametrize(
    ("response", "outcome", "error"),
    [
        ("right", PASS, ""),
        ("wrong", FAIL, ""),
        ("raise", VOID, "KeyError: 'no such thing'"),
        ("exit", VOID, "my_checks.py:odd called exit(0)"),
        ("recurse", VOID, "RecursionError"),
    ],
)
def test_what_happens_in_it(checks: str, response: str, outcome: Outcome, error: str) -> None:
    verdict = judge(f"{checks}:odd", "right", response)
    assert verdict.outcome is outcome
    assert verdict.evidence.get("error", "").startswith(error)
    assert verdict.verifier.startswith("my_checks.py:odd@1#")


def test_a_coroutine_is_no_verdict(tmp_path: Path) -> None:
    place = file_with(tmp_path, "async def inner(): return True\ndef check(response, truth): return inner()\n")
    assert "returned coroutine" in judge(f"{place}:check", "1", "1").evidence["error"]


# --- what it is given ---


@pytest.mark.parametrize(
    "code",
    [
        "def check(response, truth): return (response, truth) == ('r', {'t': 1})",
        "def check(response, truth, prompt): return prompt == 'p'",
        "def check(response, truth, *, prompt=''): return prompt == 'p'",
        "def check(response, truth, **more): return more == {'prompt': 'p'}",
        "def check(*both): return both == ('r', {'t': 1})",
        "def check(response, truth, tolerance=1): return tolerance == 1",
        "check = lambda text, gold: text == 'r'",
        "class Check:\n    def __call__(self, response, truth): return response == 'r'\ncheck = Check()",
        "import functools\ndef all(a, response, truth): return a == 1\ncheck = functools.partial(all, 1)",
        "from operator import ne as check",
    ],
)
def test_ways_to_write_it(tmp_path: Path, code: str) -> None:
    assert judge(f"{file_with(tmp_path, code)}:check", {"t": 1}, "r", prompt="p").outcome is PASS


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("{checks}:eqaul", "defines no 'eqaul'; did you mean 'equal'"),
        ("{checks}:not_a_function", "not_a_function is a int, not a function"),
        ("{checks}:later", "is an async function; a plain one would be right"),
        ("{checks}:no_arguments", r"takes \(\); \(response, truth\), or with prompt, would be right"),
        ("{checks}:Nameless", "the class Nameless has no `name` and `version`"),
        ("{checks}:", "my_file.py:function or package.module:function would be right"),
        (":check", "my_file.py:function or package.module:function would be right"),
        ("{folder}/my_check.py:equal", r"there is no file .*my_check\.py; did you mean 'my_checks\.py'"),
        ("/nowhere/at/all.py:check", "there is no file /nowhere/at/all.py"),
        ("no_such_package.module:check", r"cannot be imported \(ModuleNotFoundError"),
    ],
)
def test_a_name_that_leads_nowhere_is_one_sentence(checks: str, name: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        FunctionVerifier.load(name.format(checks=checks, folder=Path(checks).parent))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("def check(response, truth)\n    return True\n", r"cannot be loaded \(SyntaxError: .*, line 1\)"),
        ("1/0", r"cannot be loaded \(ZeroDivisionError: division by zero\)"),
        ("raise SystemExit(3)", r"cannot be loaded \(SystemExit: 3\)"),
        ("import no_such_package", r"cannot be loaded \(ModuleNotFoundError: No module named 'no_such_package'\)"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_one_sentence(tmp_path: Path, code: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        FunctionVerifier.load(f"{file_with(tmp_path, code)}:check")


def test_a_class_of_the_protocols_form(checks: str) -> None:
    name = f"{checks}:Whole"
    assert judge(name, 3, " 3 ").outcome is PASS
    assert judge(name, 3, "4").outcome is FAIL
    assert judge(name, "3", "3").reason is Reason.BAD_TRUTH
    assert judge(name, 3, "3").verifier.startswith("whole@7#")


# --- where it is found ---


def test_a_module_of_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "my_package_of_checks"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "checks.py").write_text("def check(response, truth): return response == truth\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [each for each in __import__("sys").path if each not in ("", os.getcwd())])
    verdict = judge("my_package_of_checks.checks:check", "1", "1")
    assert verdict.outcome is PASS
    assert verdict.verifier.startswith("my_package_of_checks.checks:check@1#")


def test_a_file_finds_its_neighbours(tmp_path: Path) -> None:
    file_with(tmp_path, "LIMIT = 3\n", "neighbour_of_mine.py")
    place = file_with(tmp_path, "from neighbour_of_mine import LIMIT\ndef check(r, t): return len(r) == LIMIT\n")
    assert judge(f"{place}:check", "", "abc").outcome is PASS


def test_a_relative_path_is_the_working_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_with(tmp_path, "def check(r, t): return r == t\n", "relative_check.py")
    monkeypatch.chdir(tmp_path)
    assert judge("relative_check.py:check", "1", "1").outcome is PASS
    assert judge("./relative_check.py:check", "1", "1").outcome is PASS


def test_a_dataclass_in_the_file(tmp_path: Path) -> None:
    code = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Point:\n    x: int\n"
        "def check(r, t): return Point(int(r)) == Point(t)\n"
    )
    assert judge(f"{file_with(tmp_path, code)}:check", 3, "3").outcome is PASS


def test_the_fingerprint_is_the_files(tmp_path: Path) -> None:
    one = find_verifier(f"{file_with(tmp_path, 'def check(r, t): return True', 'a.py')}:check")
    (tmp_path / "deep").mkdir()
    same = find_verifier(f"{file_with(tmp_path / 'deep', 'def check(r, t): return True', 'a.py')}:check")
    other = find_verifier(f"{file_with(tmp_path, 'def check(r, t): return False', 'b.py')}:check")
    assert label(one) == label(same), "where it lies does not count"
    assert label(one) != label(other)


# --- a file that stands beside the one that names it ---


def test_a_task_file_names_a_verifier_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_with(tmp_path, "def check(response, truth): return True\n")
    assert beside("mine.py:check", tmp_path) == f"{tmp_path / 'mine.py'}:check"
    assert beside("other.py:check", tmp_path) == "other.py:check"
    assert beside("package.module:check", tmp_path) == "package.module:check"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deeper").mkdir()
    file_with(tmp_path / "deeper", "def check(response, truth): return False\n")
    assert beside("mine.py:check", tmp_path / "deeper") == "mine.py:check"  # the working folder's comes first


def test_tasks_are_read_with_the_verifier_beside_their_file(tmp_path: Path) -> None:
    file_with(tmp_path, "def check(response, truth): return response == truth\n")
    (tmp_path / "tasks.jsonl").write_text(
        '{"prompt": "?", "verifier": "mine.py:check", "truth": "1", "split": "train"}\n'
    )
    task = load_source(TasksConfig(source=str(tmp_path / "tasks.jsonl")), "train", 0).task(0)
    assert judge(task.verifier, task.truth, "1").is_pass
    assert judge(task.verifier, task.truth, "1").verifier.startswith("mine.py:check@1#")
