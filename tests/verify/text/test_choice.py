"""Multiple choice: every honest way to name an option, and no way to name two."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge, read_case
from assay.verify.text.choice import is_balanced, spaced, split_label, undressed

FRUIT = {"answer": "B", "choices": {"A": "12 apples", "B": "12 pears", "C": "A dozen plums.", "D": "none of these"}}
PASS, FAIL = Outcome.PASS, Outcome.FAIL


def boxed(content: str) -> str:
    return f"So the answer is \\boxed{{{content}}}"


@pytest.mark.parametrize(
    "content",
    [
        "B",
        "b",
        "(B)",
        "[B]",
        "B.",
        "B)",
        "B:",
        " B ",
        "$B$",
        "**B**",
        r"\text{B}",
        r"\textbf{(B)}",
        r"(\text{B})",
        "{B}",
        r"\mathrm{B}.",
        "((B))",
        r"\text{ B }",
    ],
)
@pytest.mark.parametrize("truth", ["B", "b", "(B)", {"answer": "B"}, FRUIT])
def test_a_label_in_any_dress(truth: Any, content: str) -> None:
    verdict = judge("choice", truth, boxed(content))
    assert verdict.outcome is PASS, verdict
    assert verdict.answer == content.strip()


@pytest.mark.parametrize(
    "content", ["12 pears", "12  PEARS", "12 pears.", r"\text{12 pears}", "B. 12 pears", "(B) 12 pears"]
)
def test_an_options_text_or_both(content: str) -> None:
    assert judge("choice", FRUIT, boxed(content)).outcome is PASS


def test_an_options_text_with_its_full_stop() -> None:
    truth = FRUIT | {"answer": "C"}
    for content in ("a dozen plums", "A dozen plums.", "C. A dozen plums.", "C: a dozen plums"):
        assert judge("choice", truth, boxed(content)).outcome is PASS, content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("A", Reason.WRONG_VALUE),
        ("12 apples", Reason.WRONG_VALUE),
        ("E", Reason.MALFORMED),
        ("12", Reason.MALFORMED),
        ("A or B", Reason.MALFORMED),
        ("A or B or C", Reason.MALFORMED),
        ("A, B", Reason.MALFORMED),
        ("AB", Reason.MALFORMED),
        ("B B", Reason.MALFORMED),
        ("B. 12 apples", Reason.MALFORMED),
        ("A. 12 pears", Reason.MALFORMED),
        ("12 apples and 12 pears", Reason.MALFORMED),
        ("not B", Reason.MALFORMED),
        ("(A) (B)", Reason.MALFORMED),
        ("B?", Reason.MALFORMED),
        ("Β", Reason.MALFORMED),  # a Greek capital
        ("B" * 3000, Reason.MALFORMED),
        ("", Reason.NO_ANSWER),
    ],
)
def test_what_names_another_or_no_or_two_options(content: str, reason: Reason) -> None:
    verdict = judge("choice", FRUIT, boxed(content))
    assert (verdict.outcome, verdict.reason) == (FAIL, reason)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("A", Reason.WRONG_VALUE),
        ("A or B", Reason.MALFORMED),
        ("A, B", Reason.MALFORMED),
        ("the second", Reason.MALFORMED),
    ],
)
def test_without_the_choices_only_the_label_counts(content: str, reason: Reason) -> None:
    verdict = judge("choice", "B", boxed(content))
    assert (verdict.outcome, verdict.reason) == (FAIL, reason)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("B", Reason.NO_ANSWER),
        ("", Reason.NO_ANSWER),
        (r"\boxed{B} \boxed{B}", Reason.AMBIGUOUS),
        (r"\boxed{B} or \boxed{A}", Reason.AMBIGUOUS),
        (r"\boxed{B", Reason.MALFORMED),
        (r"<think>\boxed{B}</think> done", Reason.NO_ANSWER),
    ],
)
def test_exactly_one_field(response: str, reason: Reason) -> None:
    verdict = judge("choice", FRUIT, response)
    assert (verdict.outcome, verdict.reason) == (FAIL, reason)


@pytest.mark.parametrize(
    ("field", "response"),
    [
        ("boxed", r"\boxed{B}"),
        ("answer_tag", "<answer>B</answer>"),
        ("hash_line", "reasons\n#### B"),
        ("final_line", "reasons\nB"),
        ("whole_text", "B"),
    ],
)
def test_the_tasks_field_and_no_other(field: str, response: str) -> None:
    assert judge("choice", FRUIT | {"field": field}, response).outcome is PASS
    if field not in ("final_line", "whole_text"):
        assert judge("choice", FRUIT | {"field": field}, "B").outcome is FAIL
    if field != "boxed":
        assert judge("choice", FRUIT, response).outcome is FAIL


def test_labels_whose_case_tells_them_apart() -> None:
    truth = {"answer": "b", "choices": {"b": "bottom quark", "B": "boron"}}
    assert judge("choice", truth, boxed("b")).outcome is PASS
    assert judge("choice", truth, boxed("B")).reason is Reason.WRONG_VALUE
    assert judge("choice", truth, boxed("Boron")).reason is Reason.WRONG_VALUE


def test_options_that_read_the_same_are_named_by_label_only() -> None:
    truth = {"answer": "A", "choices": {"A": "same", "B": "Same."}}
    assert judge("choice", truth, boxed("A")).outcome is PASS
    assert judge("choice", truth, boxed("same")).reason is Reason.MALFORMED


def test_a_label_goes_before_a_text_that_reads_like_it() -> None:
    truth = {"answer": "A", "choices": {"A": "B", "B": "A"}}
    assert judge("choice", truth, boxed("A")).outcome is PASS
    assert judge("choice", truth, boxed("B")).reason is Reason.WRONG_VALUE


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        (3, 'the truth is a int; "B" or {"answer": "B"} would be right'),
        ("", "answer: an option's label would be right, not ''"),
        (" () ", "answer: an option's label would be right"),
        ({}, "answer: an option's label would be right, not None"),
        ({"answer": 2}, "answer: an option's label would be right, not 2"),
        ({"anwser": "B"}, "unknown key 'anwser'; did you mean 'answer'"),
        ({"answer": "B", "field": "box"}, "field: 'box' is none of boxed, answer_tag"),
        ({"answer": "E", "choices": FRUIT["choices"]}, "answer 'E' is none of the choices A, B, C, D"),
        ({"answer": "A", "choices": ["x", "y"]}, "choices: an object of label to text would be right"),
        ({"answer": "A", "choices": {"A": 1}}, "choices: an object of label to text would be right"),
        ({"answer": "A", "choices": {"A": "x", "(A)": "y"}}, "every label must be its own, and not empty"),
        ({"answer": "A", "choices": {"A": "x", "": "y"}}, "every label must be its own, and not empty"),
    ],
)
def test_a_truth_that_cannot_be_read(truth: Any, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("choice", truth)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("text", ["(A) and (B)", "[a](b)", "A", "", "({[]})"])
def test_brackets_in_order(text: str) -> None:
    assert is_balanced(text)


@pytest.mark.parametrize("text", ["A) and (B", "(", "([)]", ")("])
def test_brackets_out_of_order(text: str) -> None:
    assert not is_balanced(text)


def test_the_small_steps() -> None:
    assert undressed("(A) and (B)") == "(A) and (B)"
    assert undressed("()") == ""
    assert split_label("B. the text") == ("B", "the text")
    assert split_label("(B) the text") == ("(B)", "the text")
    assert split_label("B") == ("B", "")
    assert spaced("  A  dozen\nPlums. ") == "a dozen plums"


@given(st.text(max_size=60))
def test_no_content_is_void_and_a_pass_names_b(content: str) -> None:
    verdict = judge("choice", FRUIT | {"field": "whole_text"}, content)
    assert not verdict.is_void
    if verdict.is_pass:
        assert "b" in content.casefold() or "12 pears" in spaced(content)


@given(st.binary().map(lambda each: each.decode("utf-8", "surrogateescape")))
def test_any_bytes_get_a_verdict(content: str) -> None:
    for field in ("boxed", "answer_tag", "hash_line", "final_line", "whole_text"):
        assert not judge("choice", FRUIT | {"field": field}, content).is_void


@given(st.text(alphabet="AB()[]{}$.:,* \\textbf", max_size=40))
def test_dressing_of_marks_alone(content: str) -> None:
    """Whatever the marks, a pass for B never holds an A."""
    verdict = judge("choice", {"answer": "B", "field": "whole_text"}, content)
    assert not verdict.is_void
    if verdict.is_pass:
        assert "A" not in content


@pytest.mark.parametrize(
    "content", ["(" * 2_000_000, "$" * 2_000_000, "\\text{" * 500_000, "B. " * 700_000, "." * 2_000_000]
)
def test_no_content_makes_it_slow(content: str) -> None:
    start = time.process_time()
    for field in ("whole_text", "final_line"):
        assert judge("choice", FRUIT | {"field": field}, content).outcome is FAIL
    assert time.process_time() - start < 2
