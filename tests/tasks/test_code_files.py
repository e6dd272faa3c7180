"""HumanEval and MBPP rows as code tasks, and their reference solutions judged by them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from assay.core.errors import UsageError
from assay.tasks.code_files import humaneval_asserts, read_humaneval, read_mbpp
from assay.tasks.layouts import recognise
from assay.verify.base import judge
from assay.verify.code.mutate import mutants

SHARED = Path(__file__).parents[3] / "shared/data"
HUMANEVAL = {
    "task_id": "HumanEval/x",
    "prompt": "def inc(x):\n    '''one more'''\n",
    "entry_point": "inc",
    "canonical_solution": "    return x + 1\n",
    "test": "METADATA = {}\n\ndef check(candidate):\n    assert candidate(1) == 2\n    assert abs(candidate(0.5) - 1.5) < 1e-6\n",
}
MBPP = {
    "task_id": 600,
    "text": "Write a function to add one.",
    "code": "def inc(x):\r\n  return x + 1",
    "test_list": ["assert inc(1) == 2", "assert inc(5) == 6"],
    "test_setup_code": "",
    "challenge_test_list": ["assert inc(-1) == 0"],
}


def test_a_humaneval_row() -> None:
    assert recognise(HUMANEVAL) == "humaneval"
    read = read_humaneval(HUMANEVAL)
    assert read.truth["asserts"] == ["assert candidate(1) == 2", "assert abs(candidate(0.5) - 1.5) < 1e-06"]
    assert (read.verifier, read.split, read.tags) == ("code", "test", ())
    assert judge("code", read.truth, f"```python\n{read.truth['reference']}```").is_pass
    assert not judge("code", read.truth, "```python\ndef inc(x): return x\n```").is_pass


def test_an_mbpp_row_shows_its_first_test_only() -> None:
    assert recognise(MBPP) == "mbpp"
    read = read_mbpp(MBPP)
    assert read.split == "train"
    assert read_mbpp(MBPP | {"task_id": 11}).split == "test"
    assert "assert inc(1) == 2" in read.prompt[0].content
    assert "inc(5)" not in read.prompt[0].content
    verdict = judge("code", read.truth, "```python\ndef inc(x): return 2\n```")
    assert not verdict.is_pass
    assert verdict.evidence["visible"] == "pass"


def test_what_is_not_literal_is_tagged_weak() -> None:
    test = "def check(candidate):\n    for i in range(3):\n        assert candidate(i) == i + 1\n    assert candidate(7) == 8\n"
    read = read_humaneval(HUMANEVAL | {"test": test})
    assert read.tags == ("weak",)
    assert read.truth["weak"] == "allow"
    assert read.truth["asserts"][0] == "assert candidate(7) == 8"
    verdict = judge("code", read.truth, f"```python\n{read.truth['reference']}```")
    assert verdict.is_pass
    assert verdict.evidence["weak"] is True
    assert not judge("code", read.truth, "```python\ndef inc(x): return 8\n```").is_pass


@pytest.mark.parametrize("test", ["def check(", "x = 1"])
def test_a_row_without_a_check_is_refused(test: str) -> None:
    with pytest.raises(UsageError, match="test: "):
        humaneval_asserts(test)
    with pytest.raises(UsageError, match="test_list"):
        read_mbpp(MBPP | {"test_list": [], "challenge_test_list": []})


def rows(name: str) -> list[dict[str, object]]:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside the checkout")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.shared
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("name", "read", "strict", "passing"), [("humaneval", read_humaneval, 144, 164), ("mbpp", read_mbpp, 967, 970)]
)
def test_reference_solutions(name: str, read, strict: int, passing: int) -> None:
    counts: Counter[str] = Counter()
    for row in rows(f"{name}.jsonl"):
        found = read(row)
        truth = {key: value for key, value in found.truth.items() if key != "visible_asserts"}
        verdict = judge("code", truth | {"block": "whole_text"}, str(truth["reference"]))
        assert not verdict.is_void
        counts["strict"] += not found.tags
        counts["pass"] += verdict.is_pass
    assert counts["strict"] >= strict
    assert counts["pass"] >= passing


@pytest.mark.shared
def test_mutants_of_a_reference_fail_when_they_change_a_result() -> None:
    """Judged against running the mutant here: the first MBPP rows are small and harmless."""
    checked = 0
    for row in rows("mbpp.jsonl")[1:12]:
        read = read_mbpp(row)
        for mutant in list(mutants(str(row["code"])))[:2]:
            scope: dict[str, object] = {}
            try:
                exec(mutant.source, scope)
                for test in read.truth["asserts"]:
                    exec(test, scope)
                holds = True
            except Exception:  # noqa: BLE001 - whatever the mutant does
                holds = False
            verdict = judge("code", read.truth | {"block": "whole_text"}, mutant.source)
            assert verdict.is_pass is holds, (row["task_id"], mutant)
            checked += 1
    assert checked >= 10


@pytest.mark.parametrize("test", ["\ud800", "a\0b", "def check("])
def test_a_test_that_is_no_text_of_python_is_a_sentence(test: str) -> None:
    with pytest.raises(UsageError, match="test: no Python"):
        humaneval_asserts(test)
