"""A thousand mutated replies (benchmarks/fuzz_structured.py has the mutator, the reference, and runs ten thousand)."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.verify.base import Case, judge_case

PATH = Path(__file__).parents[3] / "benchmarks" / "fuzz_structured.py"
spec = importlib.util.spec_from_file_location("fuzz_structured", PATH)
fuzzing = importlib.util.module_from_spec(spec)
sys.modules["fuzz_structured"] = fuzzing
spec.loader.exec_module(fuzzing)


def test_nothing_is_void_and_nothing_paid_that_the_reference_refuses(tmp_path: Path) -> None:
    found = fuzzing.fuzz(1000, 20261124, tmp_path)
    assert not found.voids
    assert not found.wrongly_paid
    assert not found.wrongly_refused
    assert found.outcomes["pass correct"] > 50
    assert len(found.outcomes) >= 5


def test_the_reference_agrees_with_the_golden_rows(tmp_path: Path) -> None:
    import json

    for verifier in ("structured", "grounded"):
        for line in (fuzzing.GOLDEN / f"{verifier}.jsonl").read_text().splitlines():
            row = json.loads(line)
            if row["truth"] in fuzzing.REFERENCE:
                assert fuzzing.is_accepted(row["truth"], row["response"]) == (row["expect"] == "pass"), row


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    return fuzzing.prepared(tmp_path_factory.mktemp("any"))[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(text=st.text(max_size=80) | JSON.map(lambda value: __import__("json").dumps(value)))
@settings(max_examples=150, deadline=None)
def test_any_text_is_judged(cases: dict[str, Case], text: str) -> None:
    for name, case in cases.items():
        verdict = judge_case(case, text)
        assert not verdict.is_void, dict(verdict.evidence)
        assert not verdict.is_pass or fuzzing.is_accepted(name, text)
