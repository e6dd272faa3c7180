"""The gate's decision: the illustrative case to the letter, each rule at its edge, intervals, and what cannot be compared."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import UsageError
from assay.core.records import dumps
from assay.pipeline.gate import RULES, Limit, Thresholds, gate, keeps
from assay.pipeline.scores import Identity, ModelScores, PromptScore, SuiteScores

BEFORE = {"reasoning": 0.61, "helpfulness": 0.92, "false_refusals": 0.04}
AFTER = {"reasoning": 0.74, "helpfulness": 0.81, "false_refusals": 0.13}
LIMITS = {
    "reasoning": {"gain_above": 0.0},
    "helpfulness": {"max_drop": 0.03},
    "false_refusals": {"max_rise": 0.02},
}


def scored(name: str, suites: dict[str, list[float]], fingerprint: str = "f") -> ModelScores:
    made = tuple(
        SuiteScores.of(suite, [PromptScore(f"p{i}", value) for i, value in enumerate(values)], fingerprint)
        for suite, values in suites.items()
    )
    return ModelScores(Identity(name, "weights", f"sha-of-{name}"), made)


def binary(rate: float, n: int, seed: int) -> list[float]:
    values = [1.0] * round(rate * n) + [0.0] * (n - round(rate * n))
    random.Random(seed).shuffle(values)
    return values


def test_the_illustrative_case_does_not_ship_for_exactly_two_reasons() -> None:
    verdict = gate(ModelScores.figures("base", BEFORE), ModelScores.figures("new", AFTER), Thresholds.of(LIMITS))
    assert not verdict.ships
    assert [(each.suite, each.rule, each.status) for each in verdict.violations] == [
        ("helpfulness", "max_drop", "broken"),
        ("false_refusals", "max_rise", "broken"),
    ]
    assert [each.sentence() for each in verdict.violations] == [
        "helpfulness 0.920 to 0.810 (-0.110): fell by more than 0.03",
        "false_refusals 0.040 to 0.130 (+0.090): rose by more than 0.02",
    ]
    assert verdict.sentence().startswith("does not ship, for 2 reasons: helpfulness 0.920 to 0.810")
    (kept,) = [each for each in verdict.checks if each.is_kept]
    assert kept.sentence() == "reasoning 0.610 to 0.740 (+0.130): a gain above 0 is asked for"


@pytest.mark.parametrize("decide", ["interval", "point"])
def test_the_same_case_with_scores_by_prompt(decide: str) -> None:
    """A hundred prompts a suite, the flips where they hurt no pairing: the same two reasons either way of deciding."""
    before = {name: binary(rate, 100, 1) for name, rate in BEFORE.items()}
    after = {
        "reasoning": flipped(before["reasoning"], 0.0, 13),
        "helpfulness": flipped(before["helpfulness"], 1.0, 11),
        "false_refusals": flipped(before["false_refusals"], 0.0, 9),
    }
    verdict = gate(scored("base", before), scored("new", after), Thresholds.of(LIMITS, decide))  # type: ignore[arg-type]
    assert {each.suite: (round(each.before, 9), round(each.after, 9)) for each in verdict.checks} == {
        name: (BEFORE[name], AFTER[name]) for name in BEFORE
    }
    assert [each.suite for each in verdict.violations] == ["helpfulness", "false_refusals"]
    assert all(each.status == "broken" for each in verdict.violations)
    reasoning = verdict.checks[0]
    assert reasoning.low is not None
    assert 0 < reasoning.low < 0.13 < (reasoning.high or 0)


def flipped(values: list[float], which: float, count: int) -> list[float]:
    found = [place for place, value in enumerate(values) if value == which][:count]
    return [1 - value if place in found else value for place, value in enumerate(values)]


def test_a_fall_on_the_limit_is_kept_whatever_floats_make_of_it() -> None:
    assert 0.92 - 0.89 > 0.03  # the trap
    for before, after in ((0.92, 0.89), (0.3, 0.27), (0.58, 0.55)):
        one, two = ModelScores.figures("a", {"s": before}), ModelScores.figures("b", {"s": after})
        assert gate(one, two, Thresholds.of({"s": {"max_drop": 0.03}})).ships
        assert gate(two, one, Thresholds.of({"s": {"max_rise": 0.03}})).ships
        assert not gate(one, two, Thresholds.of({"s": {"max_drop": 0.0299}})).ships
    same = ModelScores.figures("a", {"s": 0.5})
    assert not gate(same, same, Thresholds.of({"s": {"gain_above": 0.0}})).ships  # no gain is none
    assert gate(
        same, same, Thresholds.of({"s": {"max_drop": 0.0, "max_rise": 0.0, "at_least": 0.5, "at_most": 0.5}})
    ).ships


def test_what_the_mean_keeps_and_the_interval_does_not_is_not_shown_and_does_not_ship() -> None:
    before = [1.0] * 30
    after = [0.0] + [1.0] * 29  # a fall of 0.033, at most 0.1 at 95 %
    limits = {"chat": {"max_drop": 0.05}}
    verdict = gate(scored("a", {"chat": before}), scored("b", {"chat": after}), Thresholds.of(limits))
    (check,) = verdict.checks
    assert (check.status, verdict.ships) == ("not shown", False)
    assert check.low is not None
    assert check.low < -0.05
    assert "not shown to be safe" in check.sentence()
    by_mean = gate(scored("a", {"chat": before}), scored("b", {"chat": after}), Thresholds.of(limits, "point"))
    assert by_mean.ships
    many = gate(scored("a", {"chat": before * 20}), scored("b", {"chat": after * 20}), Thresholds.of(limits))
    assert many.ships  # more prompts tell


def test_the_end_that_decides_is_the_worse_one_for_each_rule() -> None:
    before = binary(0.5, 40, 0)
    after = flipped(flipped(before, 0.0, 4), 1.0, 3)  # a mean change of +0.025, about -0.1 to +0.15
    sides = scored("a", {"s": before}), scored("b", {"s": after})
    change = gate(*sides, Thresholds.of({"s": {"max_drop": 0.5}})).checks[0]
    low, high = change.low, change.high
    assert low is not None
    assert high is not None
    assert low < 0 < 0.025 < high
    for rule, bound, ships in (
        ("gain_above", low - 0.001, True), ("gain_above", low, False), ("gain_above", 0.0, False),
        ("max_drop", -low, True), ("max_drop", -low - 0.001, False),
        ("max_rise", high, True), ("max_rise", high - 0.001, False),
    ):  # fmt: skip
        assert gate(*sides, Thresholds.of({"s": {rule: bound}})).ships is ships, (rule, bound)
    absolute = gate(*sides, Thresholds.of({"s": {"at_least": 0.5}})).checks[0]
    assert (absolute.before, absolute.after, absolute.status) == (0.5, 0.525, "not shown")
    assert absolute.low is not None
    assert absolute.low < 0.5
    assert "95 % interval of the mean 0." in absolute.sentence()


def test_pairing_cancels_what_makes_a_prompt_hard() -> None:
    """Scores all over the place, and each candidate's 0.01 lower: unpaired intervals would span 0.2."""
    before = [i / 50 for i in range(50)]
    verdict = gate(scored("a", {"s": before}), scored("b", {"s": [max(0.0, v - 0.01) for v in before]}), Thresholds.of({"s": {"max_drop": 0.02}}))  # fmt: skip
    (check,) = verdict.checks
    assert check.low is not None
    assert check.high is not None
    assert check.high - check.low < 0.002
    assert verdict.ships


def test_one_prompt_shows_nothing() -> None:
    verdict = gate(scored("a", {"s": [0.0]}), scored("b", {"s": [1.0]}), Thresholds.of({"s": {"gain_above": 0.0}}))
    assert verdict.checks[0].status == "not shown"


def test_suites_without_a_limit_are_shown_and_judge_nothing() -> None:
    one = scored("a", {"s": [0.0, 1.0], "extra": [1.0, 1.0]})
    two = scored("b", {"s": [1.0, 1.0], "extra": [0.0, 0.0]})
    verdict = gate(one, two, Thresholds.of({"s": {"max_drop": 0.1}}))
    assert verdict.ships
    assert [(each.suite, each.change) for each in verdict.unjudged] == [("extra", -1.0)]


def test_the_verdict_is_json_and_names_the_baseline_by_its_hash() -> None:
    limits = Thresholds.of(LIMITS)
    verdict = gate(ModelScores.figures("base", BEFORE), ModelScores.figures("new", AFTER), limits)
    read = json.loads(dumps(verdict.as_json()))
    assert read["ships"] is False
    assert len(read["violations"]) == 2
    assert read["baseline"] == {
        "name": "base",
        "kind": "figures",
        "sha256": ModelScores.figures("x", BEFORE).who.sha256,
    }
    assert read["thresholds"] == {"sha256": limits.sha256, "decide": "interval"}
    assert read["checks"][1]["change"] == pytest.approx(-0.11)
    other = Thresholds.of({**LIMITS, "helpfulness": {"max_drop": 0.04}})
    assert other.sha256 != limits.sha256


@pytest.mark.parametrize(
    ("one", "two", "said"),
    [
        ({"s": [1.0]}, {"t": [1.0]}, "the candidate b has no suite 's'"),
        ({"t": [1.0]}, {"s": [1.0]}, "the baseline a has no suite 's'"),
        ({"s": [1.0, 0.0]}, {"s": [1.0]}, "1 prompts stand on one side only"),
    ],
)
def test_what_cannot_be_paired_is_refused(one: dict[str, list[float]], two: dict[str, list[float]], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        gate(scored("a", one), scored("b", two), Thresholds.of({"s": {"max_drop": 0.1}}))


def test_other_prompts_or_half_figures_are_refused() -> None:
    limits = Thresholds.of({"s": {"max_drop": 0.1}})
    with pytest.raises(UsageError, match="other prompts or by other rules"):
        gate(scored("a", {"s": [1.0]}, "v1"), scored("b", {"s": [1.0]}, "v2"), limits)
    with pytest.raises(UsageError, match="plain figure"):
        gate(scored("a", {"s": [1.0]}), ModelScores.figures("b", {"s": 1.0}), limits)


def test_limits_that_say_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="a gate without a limit ships anything"):
        Thresholds.of({"s": {}})
    with pytest.raises(UsageError, match="no rule 'min_gain'"):
        Thresholds.of({"s": {"min_gain": 0.1}})


@given(st.sampled_from(RULES), st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))
def test_a_better_value_never_breaks_what_a_worse_one_keeps(rule, bound, value, more) -> None:  # type: ignore[no-untyped-def]
    limit = Limit("s", rule, bound)
    better = value - more if rule in ("max_rise", "at_most") else value + more
    assert keeps(limit, better) or not keeps(limit, value)


def test_prompts_lost_to_void_are_left_out_on_both_sides_and_only_a_few_may_be() -> None:
    whole = scored("a", {"s": [0.0] + [1.0] * 39})
    lost = scored("b", {"s": [0.0] + [1.0] * 38})
    verdict = gate(whole, lost, Thresholds.of({"s": {"max_drop": 0.0}}))
    assert (verdict.ships, verdict.checks[0].prompts, verdict.checks[0].before) == (True, 39, 38 / 39)
    with pytest.raises(UsageError, match="3 prompts stand on one side only"):
        gate(whole, scored("b", {"s": [1.0] * 37}), Thresholds.of({"s": {"max_drop": 0.0}}))
