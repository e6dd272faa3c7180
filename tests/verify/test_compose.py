"""all_of, any_of, gate, weighted: every combination of outcomes against what the page says, and VOID above all."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge, read_case

PASS, FAIL, VOID = Outcome.PASS, Outcome.FAIL, Outcome.VOID
NAMES = ("all_of", "any_of", "gate", "weighted")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A verifier whose truth is what it says, and which remembers that it was asked."""
    file = tmp_path_factory.mktemp("compose") / "told.py"
    file.write_text(
        "from assay.core.types import Outcome\nasked = []\n"
        "def told(response, truth):\n    asked.append(truth)\n"
        "    return truth if isinstance(truth, float) else Outcome(truth)\n"
    )
    return f"{file}:told"


def parts(place: str, *truths: Any, weights: tuple[float, ...] = ()) -> dict[str, Any]:
    made: list[dict[str, Any]] = [{"verifier": place, "truth": getattr(each, "value", each)} for each in truths]
    for part, weight in zip(made, weights, strict=False):
        part["weight"] = weight
    return {"parts": made}


def expected(name: str, outcomes: tuple[Outcome, ...]) -> Outcome:
    if name == "gate":
        return next((each for each in outcomes if each is not PASS), PASS)
    if VOID in outcomes:
        return VOID
    if name == "any_of":
        return PASS if PASS in outcomes else FAIL
    return PASS if set(outcomes) == {PASS} else FAIL


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_combination(place: str, name: str, count: int) -> None:
    for outcomes in itertools.product(Outcome, repeat=count):
        verdict = judge(name, parts(place, *outcomes), "x")
        assert verdict.outcome is expected(name, outcomes), outcomes
        assert verdict.is_pass == (verdict.score == 1.0), outcomes
        if verdict.is_void:
            assert verdict.score == 0.0


def test_a_gate_judges_nothing_behind_a_failure(place: str) -> None:
    verdict = judge("gate", parts(place, PASS, FAIL, VOID, PASS), "x")
    assert verdict.outcome is FAIL
    assert [part["outcome"] for part in verdict.evidence["parts"]] == ["pass", "fail"]
    assert judge("gate", parts(place, PASS, VOID, FAIL), "x").outcome is VOID


def test_void_dominates_wherever_it_stands(place: str) -> None:
    for name in ("all_of", "any_of", "weighted"):
        for order in itertools.permutations((PASS, FAIL, VOID)):
            verdict = judge(name, parts(place, *order), "x")
            assert (verdict.outcome, verdict.score) == (VOID, 0.0), (name, order)


@pytest.mark.parametrize(
    ("scores", "weights", "score"),
    [
        ((1.0, 0.0), (3.0, 1.0), 0.75),
        ((1.0, 0.0), (), 0.5),
        ((0.5, 0.5), (1.0, 9.0), 0.5),
        ((1.0, 1.0, 0.25), (1.0, 1.0, 2.0), 0.625),
        ((0.0, 0.0), (1.0, 2.0), 0.0),
    ],
)
def test_weighted_keeps_its_score_on_a_failure(
    place: str, scores: tuple[float, ...], weights: tuple[float, ...], score: float
) -> None:
    verdict = judge("weighted", parts(place, *scores, weights=weights), "x")
    assert verdict.outcome is FAIL
    assert verdict.score == pytest.approx(score)


def test_no_weight_buys_a_failure_off(place: str) -> None:
    verdict = judge("weighted", parts(place, 1.0, 0.0, weights=(1e300, 1e-300)), "x")
    assert verdict.outcome is FAIL
    assert verdict.score < 1.0
    almost = judge("weighted", parts(place, 1.0, 1.0 - 2**-53, weights=(1e16, 1.0)), "x")
    assert almost.outcome is FAIL
    assert almost.score < 1.0


def test_the_others_score_0_on_a_failure(place: str) -> None:
    for name in ("all_of", "any_of", "gate"):
        assert judge(name, parts(place, 0.5, 0.9), "x").score == 0.0


def test_the_first_failure_gives_the_reason_and_the_evidence_shows_all() -> None:
    truth = {
        "parts": [
            {"verifier": "format", "truth": "boxed"},
            {"verifier": "choice", "truth": "B", "weight": 2.0},
        ]
    }
    assert judge("all_of", truth, r"\boxed{B}").answer == "B"
    verdict = judge("all_of", truth, r"\boxed{C}")
    assert (verdict.outcome, verdict.reason, verdict.answer) == (FAIL, Reason.WRONG_VALUE, "C")
    first, second = verdict.evidence["parts"]
    assert (first["outcome"], first["reason"], first["weight"]) == ("pass", "correct", 1.0)
    assert (second["outcome"], second["reason"], second["score"], second["weight"]) == ("fail", "wrong_value", 0.0, 2.0)
    assert second["verifier"].startswith("choice@")
    assert judge("all_of", truth, "B").reason is Reason.NO_ANSWER
    assert judge("all_of", truth, r"\boxed{B} \boxed{B}").reason is Reason.AMBIGUOUS


def test_any_of_gives_the_winners_answer() -> None:
    truth = {"parts": [{"verifier": "choice", "truth": each} for each in ("A", "B")]}
    assert judge("any_of", truth, r"\boxed{B}").answer == "B"
    assert judge("any_of", truth, r"\boxed{C}").outcome is FAIL


def test_they_nest(place: str) -> None:
    inner = {"verifier": "any_of", "truth": parts(place, FAIL, PASS)}
    outer = {"parts": [inner, {"verifier": "gate", "truth": parts(place, PASS, PASS)}]}
    assert judge("all_of", outer, "x").outcome is PASS
    assert judge("all_of", {"parts": [inner, {"verifier": place, "truth": "void"}]}, "x").outcome is VOID


def test_a_part_that_breaks_is_void(place: str, checks: str) -> None:
    truth = {"parts": [{"verifier": place, "truth": "pass"}, {"verifier": f"{checks}:odd", "truth": "x"}]}
    verdict = judge("any_of", truth, "raise")
    assert (verdict.outcome, verdict.reason) == (VOID, Reason.VERIFIER_ERROR)
    assert "KeyError" in verdict.evidence["parts"][1]["evidence"]["error"]


PART = {"verifier": "choice", "truth": "B"}


def nested(levels: int) -> dict[str, Any]:
    truth: dict[str, Any] = {"parts": [PART]}
    for _ in range(levels - 1):
        truth = {"parts": [{"verifier": "all_of", "truth": truth}]}
    return truth


def test_nesting_is_bounded() -> None:
    assert judge("all_of", nested(8), r"\boxed{B}").outcome is PASS
    for truth in (nested(9), nested(60), {"parts": [{"verifier": "any_of", "truth": {"parts": [PART] * 60}}] * 5}):
        verdict = judge("gate", truth, r"\boxed{B}")
        assert (verdict.outcome, verdict.reason) == (VOID, Reason.BAD_TRUTH)
        assert "at most 8 levels and 256 parts" in verdict.evidence["error"]


MIXED = {
    "parts": [
        PART,
        {"verifier": "format", "truth": "think_answer"},
        {"verifier": "instructions", "truth": {"checks": [{"id": "punctuation:no_comma"}]}},
        {"verifier": "language", "truth": {"language": "zh"}},
        {"verifier": "math", "truth": "1/2"},
    ]
}


@given(st.one_of(st.text(), st.binary().map(lambda each: each.decode("utf-8", "surrogateescape"))))
def test_any_text_gets_a_verdict(text: str) -> None:
    for name in NAMES:
        verdict = judge(name, MIXED, text)
        assert verdict.outcome is FAIL or name == "any_of", verdict.evidence
        assert not verdict.is_void, verdict.evidence


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        ([PART], r'\{"parts": \[1 to 64 parts\]\} would be right'),
        ({"parts": []}, "1 to 64 parts"),
        ({"parts": [PART] * 65}, "1 to 64 parts"),
        ({"parts": [PART], "more": 1}, "1 to 64 parts"),
        ({"parts": [PART, "choice"]}, 'part 2: {"verifier": name, "truth": ...} would be right'),
        ({"parts": [{"verifier": "choice"}]}, "part 1: "),
        ({"parts": [{**PART, "wieght": 2}]}, "part 1: unknown key 'wieght'; did you mean 'weight'"),
        ({"parts": [{**PART, "weight": 0}]}, "part 1: weight: a number above 0 would be right, not 0"),
        ({"parts": [{**PART, "weight": -1}]}, "weight: a number above 0"),
        ({"parts": [{**PART, "weight": True}]}, "weight: a number above 0"),
        ({"parts": [{**PART, "weight": float("inf")}]}, "weight: a number above 0"),
        ({"parts": [{**PART, "weight": float("nan")}]}, "weight: a number above 0"),
        ({"parts": [{**PART, "truth": ""}]}, "part 1: choice: answer"),
        ({"parts": [{**PART, "verifier": "chioce"}]}, "part 1: unknown verifier 'chioce'; did you mean 'choice'"),
    ],
)
def test_a_truth_that_cannot_be_read(name: str, truth: Any, sentence: str) -> None:
    with pytest.raises(TruthError, match=rf"^{name}: ") as caught:
        read_case(name, truth)
    assert re.search(sentence, str(caught.value)) or sentence in str(caught.value)


def test_sixty_four_parts_are_read() -> None:
    assert judge("all_of", {"parts": [PART] * 64}, r"\boxed{B}").outcome is PASS
