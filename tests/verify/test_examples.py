"""The field's own small examples, exact: what each is worth, from the verdict to the reward."""

import pytest

from assay.core.types import Outcome, Reason
from assay.reward.rule import find_rule
from assay.verify.base import judge

PRIME = "Is 91 + 6 = 97 prime? Answer Yes or No."
OUTCOME = find_rule("outcome")


def reward(verifier: str, truth: object, response: str) -> float:
    verdict = judge(verifier, truth, response)
    assert not verdict.is_void, verdict
    return OUTCOME.reward(verdict, {}).total


@pytest.mark.parametrize(
    ("response", "worth"),
    [
        (r"It ends in 7, so it must be prime. \boxed{Yes}", 1.0),
        (r"97 is divisible by none of 2, 3, 5 and 7, and 11 * 11 > 97. \boxed{Yes}", 1.0),
        (r"97 = 7 * 14 - 1, so it is not prime. \boxed{No}", 0.0),
    ],
)
@pytest.mark.parametrize("truth", ["Yes", {"answer": "Yes", "choices": {"Yes": "it is prime", "No": "it is not"}}])
def test_an_outcome_check_cannot_see_reasoning(truth: object, response: str, worth: float) -> None:
    assert reward("choice", truth, response) == worth


def test_a_half_by_any_other_name() -> None:
    assert reward("math", "1/2", r"so it is \boxed{0.5}") == 1.0
    assert reward("math", r"\frac{1}{2}", r"so it is \boxed{0.5}") == 1.0
    assert reward("math", "1/2", r"so it is \boxed{0.50001}") == 0.0


TAX = {"answer": "50.35", "tolerance": {"absolute": 1e-3}}
LAB = [
    # 14 shelves of 12 boxes
    ("168", r"14 x 12 = 168. \boxed{168}", 1.0, Reason.CORRECT),
    ("168", r"\boxed{148}", 0.0, Reason.WRONG_VALUE),
    ("168", r"Maybe \boxed{168} or \boxed{148}.", 0.0, Reason.AMBIGUOUS),
    ("168", "168", 0.0, Reason.NO_ANSWER),
    # 96 packages at 8 a trip
    ("12", r"96 / 8 = 12 trips. \boxed{12}", 1.0, Reason.CORRECT),
    ("12", r"\boxed{11}", 0.0, Reason.WRONG_VALUE),
    ("12", r"\boxed{12}, to be sure \boxed{12}", 0.0, Reason.AMBIGUOUS),
    # 47.50 plus 6 % tax
    (TAX, r"47.50 * 1.06 = 50.35. \boxed{50.35}", 1.0, Reason.CORRECT),
    (TAX, r"\boxed{50.3504}", 1.0, Reason.CORRECT),
    (TAX, r"\boxed{50.3}", 0.0, Reason.WRONG_VALUE),
    (TAX, r"\boxed{50.352}", 0.0, Reason.WRONG_VALUE),
    (TAX, r"\boxed{47.50} and then \boxed{50.35}", 0.0, Reason.AMBIGUOUS),
]


@pytest.mark.parametrize(("truth", "response", "worth", "reason"), LAB)
def test_the_three_lab_prompts(truth: object, response: str, worth: float, reason: Reason) -> None:
    verdict = judge("math", truth, response)
    assert (verdict.reason, OUTCOME.reward(verdict, {}).total) == (reason, worth)


def paid(rule_name: str, truth: object, response: str) -> dict[str, float]:
    """Verdict and parts by the real verifiers, as collection does it."""
    rule = find_rule(rule_name)
    parts = {name: judge(*part, response) for name, part in rule.parts.items()}
    made = rule.reward(judge("math", truth, response), parts)
    assert not made.is_void
    return {"total": made.total, **made.parts}


ANYWHERE = {"answer": "168", "field": "final_line"}  # a right answer is found without its box


def test_the_format_trap() -> None:
    wrong_boxed, right_plain = r"\boxed{148}", "168"
    boxed = {"answer": "168", "field": "boxed"}
    assert paid("format_first", boxed, wrong_boxed)["total"] > paid("format_first", ANYWHERE, right_plain)["total"]
    assert paid("gated_format", boxed, wrong_boxed)["total"] == 0.0
    assert paid("gated_format", ANYWHERE, right_plain)["total"] == 1.0
    assert paid("gated_format", boxed, r"\boxed{168}")["total"] == pytest.approx(1.1)


@pytest.mark.parametrize(
    ("field", "response", "form", "answer"),
    [
        ("boxed", r"\boxed{168}", 0.2, 0.8),
        ("boxed", r"\boxed{148}", 0.2, 0.0),
        ("final_line", "168", 0.0, 0.8),
        ("final_line", "148", 0.0, 0.0),
        ("boxed", "168", 0.0, 0.0),
        ("boxed", r"\boxed{168} \boxed{168}", 0.0, 0.0),
    ],
)
def test_the_0_2_and_0_8_split(field: str, response: str, form: float, answer: float) -> None:
    found = paid("format_20_80", {"answer": "168", "field": field}, response)
    assert found == {"total": pytest.approx(form + answer), "format": form, "outcome": answer}


def test_the_rules_own_up() -> None:
    for name, is_honest in (
        ("outcome", True),
        ("gated_format", True),
        ("format_first", False),
        ("format_20_80", False),
    ):
        assert (find_rule(name).holes == ()) is is_honest, name


def test_a_void_earns_nothing_and_says_so() -> None:
    verdict = judge("math", r"\frac{1}{", r"\boxed{1}")
    assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.BAD_TRUTH)
    made = OUTCOME.reward(verdict, {})
    assert (made.total, made.is_void) == (0.0, True)
