"""What a step's rows come to: shares and agreements worked by hand."""

import pytest

from assay.measure.alarms.facts import Shown, expected_answer, facts_of


def row(group, text, answer, truth, **more):
    made = {"group": group, "task": group, "text": text, "answer": answer, "truth": {"answer": truth}}
    return {**made, "outcome": "fail", "parts": {}, "evidence": {}, **more}


METRICS = {"step": 3, "reward": 0.25, "pass_rate": 0.25, "completions/mean_length": 7.0, "groups/informative": 1}


def test_agreement_within_and_between_prompts():
    rows = [row("a", t, t, "1") for t in ("1", "1", "2")] + [row("b", t, t, "2") for t in ("1", "2", "2")]
    found = facts_of(METRICS, rows)
    assert found.agreement == pytest.approx(2 / 6), "1=1 in a, 2=2 in b, of three pairs each"
    assert found.chance == pytest.approx(4 / 9), "1,1,2 against 1,2,2"
    assert found.same_truth == 0
    assert found.copies == pytest.approx(4 / 6)
    assert found.shared == 1.0, "each text stands under both prompts"
    assert (found.step, found.reward, found.length, found.causes["informative"]) == (3, 0.25, 7.0, 1)


def test_a_proof_may_be_right_for_many_prompts():
    rows = [{**row(g, "auto.", None, None), "truth": {"statement": g}} for g in ("a", "a", "b", "b")]
    found = facts_of(METRICS, rows)
    assert (found.agreement, found.chance, found.shared) == (None, None, None)
    assert found.copies == 1.0


@pytest.mark.parametrize(
    ("truth", "expected"),
    [("12", '"12"'), (3, "3"), ({"answer": ["1", "2"]}, '["1", "2"]'), ({"entry": {"answer": 4}}, "4"), ({"tests": []}, None), (None, None)],
)  # fmt: skip
def test_the_answer_that_a_truth_expects(truth, expected):
    assert expected_answer(truth) == expected


def test_the_form_is_an_answer_or_a_part_that_was_paid():
    rows = [
        row("a", "x", "1", "1"),
        row("a", "y", None, "1", parts={"outcome": 0.0, "format": 1.0}),
        row("a", "z", None, "1", parts={"outcome": 0.0, "format": 0.0}),
        row("a", "w", None, "1"),
    ]
    assert facts_of(METRICS, rows).form == 0.5
    assert facts_of({**METRICS, "format_rate": 0.9}, ()).form == 0.9, "a run whose rollouts were not kept"


def test_programs_that_pass_the_shown_tests_only():
    rows = [
        row("a", "p", None, {}, evidence={"visible": "pass"}, outcome="pass"),
        row("a", "q", None, {}, evidence={"visible": "pass"}),
        row("a", "r", None, {}, evidence={"visible": "fail"}),
        row("a", "s", None, {}),
    ]
    assert facts_of(METRICS, rows).tests == Shown(3, 1)


def test_void_and_held_out_rows_say_nothing():
    rows = [row("a", "x", "1", "1"), row("a", "x", "1", "1", outcome="void"), row("b", "x", "1", "2", split="held_out")]
    found = facts_of(METRICS, rows)
    assert (found.agreement, found.shared, found.copies) == (None, 0.0, 0.0)


def test_the_counts_of_scrambled_truths_come_from_the_metrics():
    assert facts_of({**METRICS, "scrambled/judged": 4, "scrambled/paid": 1}, ()).scrambled == (4, 1)
    assert facts_of(METRICS, ()).scrambled == (0, 0)
