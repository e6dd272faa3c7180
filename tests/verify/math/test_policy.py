"""Every policy: its default, what it lets through, and what it still refuses."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason, Verdict
from assay.verify.base import judge, read_case
from assay.verify.math.verifier import MathVerifier


def verdict(truth: object, answer: str) -> Verdict:
    return judge("math", truth, f"so \\boxed{{{answer}}}")


@pytest.mark.parametrize(
    ("policy", "truth", "answer", "reason"),
    [
        ({}, r"20\%", r"20\%", "correct"),
        ({}, r"20\%", "20", "wrong_unit"),
        ({}, r"20\%", "1/5", "wrong_unit"),
        ({"percent": "number"}, r"20\%", "20", "correct"),
        ({"percent": "number"}, r"20\%", "1/5", "wrong_value"),
        ({"percent": "fraction"}, r"20\%", "0.2", "correct"),
        ({"percent": "fraction"}, "0.2", r"20\%", "correct"),
        ({}, r"5\text{ cm}", "5", "correct"),
        ({}, "5", r"5\text{ cm}", "correct"),
        ({}, r"5\text{ cm}", r"5\text{ m}", "wrong_unit"),
        ({}, r"5\text{ m}", r"500\text{ cm}", "wrong_unit"),
        ({"units": "convert"}, r"5\text{ m}", r"500\text{ cm}", "correct"),
        ({"units": "convert"}, r"36\text{ km/h}", r"10\text{ m/s}", "correct"),
        ({"units": "convert"}, r"1\text{ L}", r"1000\text{ cm}^3", "correct"),
        ({"units": "convert"}, r"5\text{ m}", r"5\text{ kg}", "wrong_unit"),
        ({"units": "required"}, r"5\text{ cm}", "5", "wrong_unit"),
        ({}, r"\$5", "5 dollars", "correct"),
        ({}, r"\$5", "€5", "wrong_unit"),
        ({}, r"90^\circ", r"\frac{\pi}{2}", "correct"),
        ({}, r"90^\circ", r"90\text{ radians}", "wrong_value"),
        ({}, "5", r"5\text{ maybe}", "wrong_unit"),
        ({}, r"12\text{ wug}", r"12\text{ wugs}", "correct"),
        ({"tolerance": {"absolute": 0.01}}, "3.14", "3.15", "correct"),
        ({"tolerance": {"absolute": 0.01}}, "3.14", "3.1501", "wrong_value"),
        ({"tolerance": {"relative": 0.1}}, "10", "11", "correct"),
        ({"tolerance": {"relative": 0.1}}, "10", "11.01", "wrong_value"),
        ({"tolerance": {"digits": 3}}, r"\pi", "3.14", "correct"),
        ({"tolerance": {"digits": 3}}, r"\pi", "3.15", "wrong_value"),
        ({"tolerance": {"digits": 3}}, "0.0012345", "0.00123", "correct"),
        ({"tolerance": {"relative": 0.1}}, "x", "1.01x", "wrong_value"),
        ({"form": "reduced"}, "1/2", r"\frac{2}{4}", "wrong_form"),
        ({"form": "reduced"}, "1/2", "0.5", "wrong_form"),
        ({"form": "reduced"}, "1/2", r"\frac12", "correct"),
        ({"form": "reduced"}, r"2\sqrt3", r"\sqrt{12}", "wrong_form"),
        ({"form": "reduced"}, r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt2}", "wrong_form"),
        ({"form": "reduced"}, "x+1", r"\frac{x^2-1}{x-1}", "wrong_form"),
        ({"form": "decimal"}, "1/2", "0.5", "correct"),
        ({"form": "decimal"}, "1/2", "1/2", "wrong_form"),
        ({"form": "expanded"}, "(x+1)^2", "x^2+2x+1", "correct"),
        ({"form": "expanded"}, "x^2+2x+1", "(x+1)^2", "wrong_form"),
        ({"form": "expanded"}, "x^2+2x+1", "x^2+x+x+1", "wrong_form"),
        ({"form": "factored"}, "x^2+3x+2", "(x+1)(x+2)", "correct"),
        ({"form": "factored"}, "x^2+3x+2", "x^2+3x+2", "wrong_form"),
        ({"form": "factored"}, "24", r"2^3 \cdot 3", "correct"),
        ({"form": "factored"}, "24", r"4 \cdot 6", "wrong_form"),
        ({"ordered": True}, "3, 4", "4, 3", "wrong_value"),
        ({"ordered": False}, "(3, 4)", "(4, 3)", "correct"),
        ({}, r"\text{East}", "east", "wrong_value"),
        ({"letter_case": "ignore"}, r"\text{East}", "east", "correct"),
        ({"letter_case": "ignore"}, "x", "X", "wrong_value"),
        ({"locale": "de"}, "3,5", "3,50", "correct"),
        ({"locale": "de"}, "1.000", "1000", "correct"),
        ({"locale": "de"}, "3,5", "3.5", "malformed"),
        ({"field": "hash_line"}, "5", "5", "no_answer"),
    ],
)
def test_policies(policy: dict[str, object], truth: str, answer: str, reason: str) -> None:
    assert verdict({"answer": truth, **policy}, answer).reason.value == reason


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (5, "the truth is a int"),
        ({"answer": "5", "tolerence": 1}, "did you mean 'tolerance'"),
        ({"answer": []}, "answer: a text"),
        ({"answer": "5", "percent": "maybe"}, "none of strict, number, fraction"),
        ({"answer": "5", "tolerance": {"absolute": -1}}, "a number above 0"),
        ({"answer": "5", "tolerance": {"digits": 2.5}}, "a whole number"),
        ({"answer": "5", "ordered": "yes"}, "true or false"),
        ({"answer": "5", "tolerance": {"relative": 1}}, "a number below 1"),
        ({"answer": ["5"] * 101}, "more than 100"),
        ("1/2x", "cannot be read"),
        ("", "cannot be read"),
        (r"\boxed{5} or \boxed{6}", "is not one box"),
        (r"\sqrt12", "two readings"),
    ],
)
def test_a_truth_that_cannot_be_read_says_why(truth: object, said: str) -> None:
    with pytest.raises(TruthError, match=said):
        read_case("math", truth)
    assert judge("math", truth, r"\boxed{5}").reason is Reason.BAD_TRUTH


def test_the_largest_policies_are_read() -> None:
    assert verdict({"answer": [str(each) for each in range(100)]}, "99").is_pass
    assert verdict({"answer": "5", "tolerance": {"relative": 0.999}}, "9").is_pass


def test_several_accepted_answers_and_a_box_for_a_truth() -> None:
    truth = {"answer": [r"\frac12", r"\boxed{3}"]}
    assert verdict(truth, "0.5").is_pass
    assert verdict(truth, "3").is_pass
    assert not verdict(truth, "4").is_pass


def test_no_answers_unit_brings_a_verdict_to_void() -> None:
    truth = {"answer": r"5\text{ m}", "units": "convert"}
    for unit in ("wugs", "furlong", "parsecs", "apples", "m per wug"):
        assert verdict(truth, f"5\\text{{ {unit}}}").outcome is Outcome.FAIL


def test_the_evidence_says_how_both_sides_were_read() -> None:
    found = verdict(r"\frac{\sqrt3}{2}", r"\sin 60^\circ")
    assert found.evidence == {"read": "sin(60*[degree])", "truth": "sqrt(3)/2"}
    assert verdict("5", r"\frac{1}").evidence["unreadable"]


def test_integers_of_any_length_are_compared_digit_by_digit() -> None:
    digits = "7" * 200_000
    assert verdict(digits, "0" + digits).is_pass
    assert verdict(digits, digits[:-1] + "8").reason is Reason.WRONG_VALUE
    assert verdict(digits, "-" + digits).reason is Reason.WRONG_VALUE


def test_reading_every_text_gives_the_same_verdicts_as_knowing_them() -> None:
    for text in (r"\frac{1}{2}", r"\sqrt{2}", "x=5", "(1,2)", r"\{1,2\}", r"\text{east}", r"5\text{ cm}", "(0,1)"):
        for knows in (True, False):
            assert judge(MathVerifier(knows), text, f"\\boxed{{{text}}}").outcome is Outcome.PASS


def test_threads_may_judge_at_once() -> None:
    cases = [
        (r"\frac{\pi}{4}", r"\arctan 1", True),
        (r"\sqrt2+\sqrt3", r"\sqrt{5+2\sqrt6}", True),
        ("e", "2.718281828", False),
    ]
    wrong: list[str] = []

    def run() -> None:
        for _ in range(20):
            wrong.extend(truth for truth, answer, right in cases if verdict(truth, answer).is_pass is not right)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


def test_importing_it_brings_in_neither_sympy_nor_mpmath() -> None:
    code = (
        "import sys; from assay.verify.base import judge\n"
        "assert judge('math', '1/2', r'\\boxed{0.5}').is_pass and judge('math', 'x+1', r'\\boxed{1+x}').is_pass\n"
        "assert not {'sympy', 'mpmath', 'subprocess', 'importlib.metadata'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
