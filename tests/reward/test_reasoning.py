"""R1's rewards, gated: nothing pays a wrong answer, and preferences pay general prompts alone."""

import pytest

from assay.core.errors import ConfigError
from assay.core.types import Outcome, Reason, Verdict
from assay.reward.rule import find_rule, table

PASS = Verdict(Outcome.PASS, 1.0, Reason.CORRECT, verifier="math@1#0")
FAIL = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE, verifier="math@1#0")
VOID = Verdict(Outcome.VOID, 0.0, Reason.WORKER_LOST)
SAID = {"preference": {"helpful": {"score": 0.8, "scale": 0.5}, "harmless": {"score": 0.5, "scale": 0.4}}}
LIKED = Verdict(Outcome.PASS, 0.65, Reason.CORRECT, evidence=SAID, verifier="preference@1#0")


def language(share):
    return Verdict(Outcome.FAIL, share, Reason.WRONG_FORM)


def parts(share=1.0, form=PASS):
    return {"language": language(share), "format": form}


@pytest.mark.parametrize("name", ["r1_reasoning", "r1_final"])
def test_form_and_language_pay_behind_a_pass_alone(name):
    rule = find_rule(name)
    assert rule.reward(PASS, parts()).total == pytest.approx(1.2)
    assert rule.reward(PASS, parts(0.5)).total == pytest.approx(1.15)
    assert rule.reward(PASS, parts(0.5, FAIL)).total == pytest.approx(1.05)
    assert rule.reward(FAIL, parts()).total == 0
    assert table(rule).wrong_boxed == table(rule).wrong_plain == 0


def test_preferences_are_paid_each_with_its_scale_and_by_the_last_rule_alone():
    paid = find_rule("r1_final").reward(LIKED, parts(1.0))
    assert paid.parts == pytest.approx({"helpful": 0.4, "harmless": 0.2, "language": 0.1})
    assert find_rule("r1_reasoning").reward(LIKED, parts(1.0)).parts == pytest.approx({"language": 0.1})


def test_a_verifier_that_is_not_the_preferences_own_cannot_bring_a_score():
    forged = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE, evidence=SAID, verifier="my.py:check@1#0")
    assert find_rule("r1_final").reward(forged, parts()).total == 0


def test_a_void_part_voids():
    rule = find_rule("r1_final")
    assert rule.reward(VOID, parts()).is_void
    assert rule.reward(PASS, {"language": VOID, "format": PASS}).is_void
    assert rule.reward(LIKED, {"language": VOID, "format": PASS}).is_void


def test_the_last_rule_owns_up_and_the_first_has_nothing_to():
    assert find_rule("r1_reasoning").holes == ()
    assert "learned reward models" in find_rule("r1_final").holes[0]


@pytest.mark.parametrize(
    "options", [{"format": 1.0}, {"language_bonus": -0.1}, {"language": "english"}, {"frmat": 0.1}]
)
def test_options_out_of_range(options):
    with pytest.raises(ConfigError, match=r"reward\.options"):
        find_rule("r1_final", options)


def test_without_a_bonus_for_form_no_form_is_judged():
    assert set(find_rule("r1_reasoning", {"format": 0.0}).parts) == {"language"}
    assert find_rule("r1_reasoning", {"think": 1}).parts["format"] == ("format", {"grammar": "think_answer"})
