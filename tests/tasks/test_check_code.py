"""What `tasks check` says of code tasks: a reference that fails is a problem, living mutants are a note."""

from __future__ import annotations

from assay.core.types import Message, Task
from assay.tasks.check import check_sources
from assay.tasks.listed import ListedTasks

ABSOLUTE = "def f(x):\n    return abs(x) + 1\n"


def source(tests: list[dict[str, object]], reference: str = ABSOLUTE) -> ListedTasks:
    truth = {"mode": "function", "entry_point": "f", "tests": tests, "reference": reference}
    task = Task("t", (Message("user", "write f"),), "code", truth)
    return ListedTasks("code.jsonl", "train", (task,), ("p",), ("code.jsonl:1",))


def test_a_good_suite_is_clean() -> None:
    report = check_sources(source([{"args": [3], "expected": 4}, {"args": [-3], "expected": 4}]))
    assert report.is_clean
    assert not any("changed reference" in each for each in report.notes)


def test_a_suite_that_lets_a_mutant_live_is_shown() -> None:
    report = check_sources(source([{"args": [2, 2], "expected": 4}], "def f(x, y):\n    return x * y\n"))
    assert report.is_clean
    assert any("line 2: Mult to Add" in each for each in report.notes)


def test_a_reference_that_fails_is_a_problem() -> None:
    report = check_sources(source([{"args": [3], "expected": 5}]))
    assert report.problems == ("code.jsonl:1: the reference solution fails its own tests (wrong value)",)
