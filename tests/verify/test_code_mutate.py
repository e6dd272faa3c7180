"""A reference must pass its tests, and what the tests do not look at is shown by the mutants that live."""

from __future__ import annotations

from typing import Any

import pytest

from assay.core.types import Reason
from assay.verify.code.mutate import check_reference, mutants, spread
from assay.verify.code.truth import read_truth

REFERENCE = "def clamp(x, low, high):\n    if x < low:\n        return low\n    return high if x > high else x\n"


def report(tests: list[Any], reference: str = REFERENCE) -> Any:
    rows = [{"args": args, "expected": expected} for *args, expected in tests]
    return check_reference(
        read_truth({"mode": "function", "entry_point": "clamp", "tests": rows, "reference": reference})
    )


def test_good_tests_kill_every_mutant_that_differs() -> None:
    found = report([[5, 0, 10, 5], [-1, 0, 10, 0], [11, 0, 10, 10]])
    assert found.failure is None
    assert found.mutants >= 4
    # x <= low and x >= high give the same values: these live rightly
    assert {each.change for each in found.living} == {"line 2: Lt to LtE", "line 4: Gt to GtE"}


def test_poor_tests_let_them_live() -> None:
    found = report([[5, 0, 10, 5]])
    assert "line 3: returns None" in {each.change for each in found.living}


def test_a_reference_that_fails_is_said_and_not_mutated() -> None:
    found = report([[5, 0, 10, 6]])
    assert found.failure is Reason.WRONG_VALUE
    assert found.mutants == 0


def test_no_reference_no_report() -> None:
    assert check_reference(read_truth({"mode": "asserts", "asserts": ["assert f(1) == 1"]})) is None


@pytest.mark.parametrize("source", ["def f(", "", "x\0", "pass"])
def test_what_cannot_be_changed_has_no_mutants(source: str) -> None:
    assert list(mutants(source)) == []


def test_mutants_are_single_changes_of_a_program_that_still_parses() -> None:
    found = list(mutants("def f(a, b):\n    while not a and b:\n        a += 1\n    return a == b or True\n"))
    assert len({each.source for each in found}) == len(found) >= 6
    for each in found:
        compile(each.source, "mutant", "exec")
    assert spread(found, 3) == [found[0], found[len(found) // 3], found[2 * len(found) // 3]]
