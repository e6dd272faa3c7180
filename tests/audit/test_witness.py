from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.audit.witness import candidates, decimal_of, value_of, with_others, write_number
from assay.core.types import Json, Task


def task(truth: Json, verifier: str = "math") -> Task:
    return Task("t", (), verifier, truth)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("168", Fraction(168)),
        ("-7", Fraction(-7)),
        ("2,500", Fraction(2500)),
        ("2{,}500.5", Fraction(5001, 2)),
        ("$50.35$", Fraction(5035, 100)),
        (r"-\frac{3}{4}", Fraction(-3, 4)),
        ("1/3", Fraction(1, 3)),
        ("12.", Fraction(12)),
        (".5", Fraction(1, 2)),
    ],
)
def test_values(text: str, value: Fraction) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize("text", ["", "-", ".", "1/0", "x", "1e5", "2,50", "１２", "12 cm", r"\sqrt{4}", "9" * 500])
def test_what_is_no_plain_number(text: str) -> None:
    assert value_of(text) is None


@given(st.fractions())
def test_numbers_survive_being_written(value: Fraction) -> None:
    assert value_of(write_number(value)) == value


@given(st.fractions(max_denominator=10**4))
def test_decimals_are_exact_or_none(value: Fraction) -> None:
    text = decimal_of(value)
    assert text is None or Fraction(text) == value


@pytest.mark.parametrize(
    ("truth", "text"),
    [
        ("168", r"\boxed{168}"),
        (r"\boxed{168}", r"\boxed{168}"),
        ({"answer": ["1/2", "0.5"], "field": "answer_tag"}, "<answer>1/2</answer>"),
        ({"answer": "168", "field": "hash_line"}, "#### 168"),
        (168, r"\boxed{168}"),
    ],
)
def test_the_truth_in_its_field(truth: Json, text: str) -> None:
    assert [each.text for each in candidates(task(truth))] == [text]


def test_a_function_of_no_known_contract_gets_several_tries() -> None:
    assert [each.text for each in candidates(task("7", "check.py:check"))] == [
        r"\boxed{7}",
        "7",
        "<answer>7</answer>",
        "#### 7",
    ]


def test_composites_are_read_through_their_parts() -> None:
    parts = [{"verifier": "format", "truth": {"grammar": "boxed"}}, {"verifier": "math", "truth": "7"}]
    assert [each.text for each in candidates(task({"parts": parts}, "all_of"))] == [r"\boxed{7}"]


@pytest.mark.parametrize("truth", [None, {"tests": []}, {"answer": []}, ""])
def test_no_answer_to_be_read(truth: Json) -> None:
    assert candidates(task(truth, "other")) == ()


@given(
    st.fractions(max_denominator=1000),
    st.sampled_from([None, {"absolute": 0.001}, {"absolute": 5}, {"relative": 0.05}, {"digits": 2}]),
)
def test_wrong_answers_are_beyond_the_tolerance(value: Fraction, tolerance: Json) -> None:
    truth = {"answer": write_number(value)} | ({"tolerance": tolerance} if tolerance else {})
    (witness,) = candidates(task(truth))
    forgiven = {"absolute": 0.0, "relative": 0.0} | (tolerance or {})
    slack = max(forgiven["absolute"], forgiven["relative"] * abs(value))
    if "digits" in forgiven:
        slack = abs(value) / 10  # two significant digits
    assert witness.wrongs()
    for wrong in witness.wrongs():
        assert abs(value_of(wrong) - value) > slack  # type: ignore[operator]


def test_other_truths_that_are_right_here_are_left_out() -> None:
    (witness,) = candidates(task("0.5"))
    assert with_others(witness, ["1/2", "0.50", "0.5", "3", "x", "4"]).others == ("3", "4")


def test_an_option_is_wrong_when_its_letter_is() -> None:
    (witness,) = candidates(task({"answer": "B", "choices": {"A": "x", "B": "y", "C": "z"}}, "choice"))
    assert witness.wrongs() == ("A", "C")
