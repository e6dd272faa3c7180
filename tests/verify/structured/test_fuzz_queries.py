"""A thousand mutated replies each (benchmarks/fuzz_queries.py has the mutator, the references, and runs ten thousand)."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


def loaded(name: str):
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


loaded("fuzz_structured")
fuzzing = loaded("fuzz_queries")


@pytest.mark.parametrize("verifier", ["sql", "constraint"])
def test_nothing_is_void_and_nothing_paid_that_the_reference_refuses(verifier: str) -> None:
    found = fuzzing.fuzz(verifier, 1000, 20261125)
    assert not found.voids
    assert not found.wrongly_paid
    assert not found.wrongly_refused
    assert found.outcomes["pass correct"] > 50
    assert len(found.outcomes) >= 5


@pytest.mark.parametrize("verifier", ["sql", "constraint"])
def test_the_reference_agrees_with_the_golden_rows(verifier: str) -> None:
    is_right = fuzzing.is_right_query if verifier == "sql" else fuzzing.is_right_plan
    for line in (fuzzing.GOLDEN / f"{verifier}.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert is_right(row["truth"], row["response"]) == (row["expect"] == "pass"), row
