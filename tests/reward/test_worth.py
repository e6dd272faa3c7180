"""What the rules are held to: only PASS pays its outcome part, no degree of a FAIL buys it, and a rule forgets nothing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Outcome, Reason, Verdict
from assay.reward.rule import RULES, find_rule

HONEST = ("outcome", "gated_format")
FAILING = [
    Reason.WRONG_VALUE,
    Reason.WRONG_FORM,
    Reason.NO_ANSWER,
    Reason.AMBIGUOUS,
    Reason.MALFORMED,
    Reason.UNDECIDED,
    Reason.TIMEOUT,
    Reason.LIMIT,
    Reason.ERROR,
]
SCORES = st.floats(0, 1)
FAILS = st.builds(lambda reason, score: Verdict(Outcome.FAIL, score, reason), st.sampled_from(FAILING), SCORES)
PASSES = SCORES.map(lambda score: Verdict(Outcome.PASS, score, Reason.CORRECT))
VOIDS = st.just(Verdict(Outcome.VOID, 0.0, Reason.SANDBOX_LOST))


@given(st.sampled_from(sorted(RULES)), FAILS, FAILS | PASSES)
def test_a_fail_earns_no_outcome_part_whatever_its_score(name: str, verdict: Verdict, form: Verdict) -> None:
    rule = find_rule(name)
    paid = rule.reward(verdict, dict.fromkeys(rule.parts, form))
    assert paid.parts["outcome"] == 0.0
    if name in HONEST:
        assert paid.total == 0.0


@given(st.sampled_from(HONEST), FAILS, PASSES, FAILS | PASSES, FAILS | PASSES)
def test_every_pass_earns_more_than_any_fail(
    name: str, wrong: Verdict, right: Verdict, form_of_wrong: Verdict, form_of_right: Verdict
) -> None:
    rule = find_rule(name)
    low = rule.reward(wrong, dict.fromkeys(rule.parts, form_of_wrong)).total
    high = rule.reward(right, dict.fromkeys(rule.parts, form_of_right)).total
    assert low < high


@given(st.sampled_from(sorted(RULES)), FAILS | PASSES | VOIDS, FAILS | PASSES | VOIDS)
def test_void_anywhere_is_void_and_everything_is_finite(name: str, verdict: Verdict, form: Verdict) -> None:
    rule = find_rule(name)
    paid = rule.reward(verdict, dict.fromkeys(rule.parts, form))
    assert paid.is_void == (verdict.is_void or (form.is_void and bool(rule.parts)))
    assert paid.total == 0.0 if paid.is_void else math.isclose(paid.total, math.fsum(paid.parts.values()))


@given(st.sampled_from(sorted(RULES)), FAILS | PASSES, FAILS | PASSES)
def test_a_rule_is_a_pure_function(name: str, verdict: Verdict, form: Verdict) -> None:
    rule = find_rule(name)
    parts = dict.fromkeys(rule.parts, form)
    assert rule.reward(verdict, parts) == rule.reward(verdict, parts) == find_rule(name).reward(verdict, parts)


@pytest.mark.parametrize(
    ("name", "right_boxed", "right_plain", "wrong_boxed", "wrong_plain"),
    [
        ("outcome", 1.0, 1.0, 0.0, 0.0),
        ("gated_format", 1.1, 1.0, 0.0, 0.0),
        ("r1_sum", 2.0, 1.0, 1.0, 0.0),
        ("format_20_80", 1.0, 0.8, 0.2, 0.0),
        ("format_first", 1.0, 0.0, 0.5, 0.0),
    ],
)
def test_the_table_by_hand(
    name: str, right_boxed: float, right_plain: float, wrong_boxed: float, wrong_plain: float
) -> None:
    rule = find_rule(name)
    right, wrong = Verdict(Outcome.PASS, 1.0, Reason.CORRECT), Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)
    pays = [
        rule.reward(verdict, dict.fromkeys(rule.parts, form)).total
        for verdict in (right, wrong)
        for form in (right, wrong)
    ]
    assert pays == pytest.approx([right_boxed, right_plain, wrong_boxed, wrong_plain])


def test_a_missing_part_is_an_error_and_not_a_payment() -> None:
    right = Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
    with pytest.raises(KeyError):
        find_rule("r1_sum").reward(right, {})
