"""The form of a response: each grammar's yes and no, and nothing of being right."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge, read_case
from assay.verify.text.format import GRAMMARS

PASS, FAIL = Outcome.PASS, Outcome.FAIL


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (r"\boxed{7}", Reason.CORRECT),
        (r"so \boxed{\frac{1}{2}}.", Reason.CORRECT),
        (r"wrong but boxed: \boxed{anything}", Reason.CORRECT),
        ("7", Reason.NO_ANSWER),
        ("", Reason.NO_ANSWER),
        (r"\boxed{}", Reason.NO_ANSWER),
        (r"\boxed{ }", Reason.NO_ANSWER),
        (r"\boxed{7} \boxed{7}", Reason.AMBIGUOUS),
        (r"\boxed{7", Reason.MALFORMED),
        (r"\boxed 7", Reason.MALFORMED),
    ],
)
def test_boxed(response: str, reason: Reason) -> None:
    verdict = judge("format", "boxed", response)
    assert verdict.reason is reason
    assert verdict.is_pass == (reason is Reason.CORRECT)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("<think>a</think><answer>b</answer>", Reason.CORRECT),
        ("  <think>\na\n</think>\n\n<answer> b </answer>\n", Reason.CORRECT),
        ("<think>a < b > c</think><answer>\\boxed{1}</answer>", Reason.CORRECT),
        ("<think>a</think>", Reason.NO_ANSWER),
        ("<answer>b</answer>", Reason.NO_ANSWER),
        ("", Reason.NO_ANSWER),
        ("a b", Reason.NO_ANSWER),
        ("<think></think><answer>b</answer>", Reason.NO_ANSWER),
        ("<think> </think><answer>b</answer>", Reason.NO_ANSWER),
        ("<think>a</think><answer>\n</answer>", Reason.NO_ANSWER),
        ("<think>a</answer><answer>b</think>", Reason.MALFORMED),
        ("<answer>b</answer><think>a</think>", Reason.MALFORMED),
        ("<think>a<answer>b</answer></think>", Reason.MALFORMED),
        ("Sure! <think>a</think><answer>b</answer>", Reason.MALFORMED),
        ("<think>a</think> so <answer>b</answer>", Reason.MALFORMED),
        ("<think>a</think><answer>b</answer> Done.", Reason.MALFORMED),
        ("<think>a</think><think>c</think><answer>b</answer>", Reason.AMBIGUOUS),
        ("<think>a</think><answer>b</answer><answer>b</answer>", Reason.AMBIGUOUS),
        ("<think>a</think></think><answer>b</answer>", Reason.AMBIGUOUS),
        ("<think>I may write <answer> here</think><answer>b</answer>", Reason.AMBIGUOUS),
        ("<THINK>a</THINK><answer>b</answer>", Reason.NO_ANSWER),
        ("<think >a</think><answer>b</answer>", Reason.NO_ANSWER),
        ("<think>a</think><answer>b", Reason.NO_ANSWER),
        ("<think>a</think><answer>b<Answer>c</ANSWER></answer>", Reason.AMBIGUOUS),
        ("<think>a</ think ></think><answer>b</answer>", Reason.AMBIGUOUS),
        ("<think>a <answers> </thinking></think><answer>b</answer>", Reason.CORRECT),
        ("＜think＞a</think><answer>b</answer>", Reason.NO_ANSWER),
    ],
)
def test_think_answer(response: str, reason: Reason) -> None:
    verdict = judge("format", {"grammar": "think_answer"}, response)
    assert verdict.reason is reason
    assert verdict.is_pass == (reason is Reason.CORRECT)


def test_the_answer_is_given_without_its_tags() -> None:
    assert judge("format", "think_answer", "<think>a</think><answer> 7 </answer>").answer == "7"
    assert judge("format", "boxed", r"\boxed{ 7 }").answer == "7"


def test_evidence_says_what_is_in_the_way() -> None:
    for response, evidence in (
        ("<think>a</think>", {"missing": "<answer>"}),
        ("<think>a</think><answer>b</answer><answer>", {"repeated": "<answer>"}),
        ("x<think>a</think><answer>b</answer>", {"found": "text before <think>"}),
        ("<answer>b</answer><think>a</think>", {"found": "tags out of order"}),
    ):
        assert judge("format", "think_answer", response).evidence == evidence


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        ("boxd", "unknown grammar 'boxd'; did you mean 'boxed'?; known: boxed, think_answer"),
        ("", "unknown grammar ''"),
        (None, '{"grammar": one of boxed, think_answer} would be right'),
        ({"grammar": 3}, "would be right"),
        ({"grammar": "boxed", "more": 1}, "would be right"),
        (["boxed"], "would be right"),
    ],
)
def test_a_truth_that_cannot_be_read(truth: Any, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("format", truth)
    assert str(caught.value).startswith("format: ")
    assert sentence in str(caught.value)


@given(st.one_of(st.text(), st.binary().map(lambda each: each.decode("utf-8", "surrogateescape"))))
def test_any_text_gets_a_verdict(response: str) -> None:
    for grammar in GRAMMARS:
        assert not judge("format", grammar, response).is_void


PIECES = st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "x", " ", "\n", r"\boxed{1}"])


@given(st.lists(PIECES, max_size=10).map("".join))
def test_a_pass_has_each_tag_once_and_in_order(response: str) -> None:
    verdict = judge("format", "think_answer", response)
    assert not verdict.is_void
    if verdict.is_pass:
        tags = ("<think>", "</think>", "<answer>", "</answer>")
        assert [response.count(tag) for tag in tags] == [1, 1, 1, 1]
        assert response.strip().startswith(tags[0])
        assert response.strip().endswith(tags[-1])
        assert [response.index(tag) for tag in tags] == sorted(response.index(tag) for tag in tags)


@pytest.mark.parametrize("grammar", sorted(GRAMMARS))
@pytest.mark.parametrize(
    "piece", ["<think>", "</think>", "<answer>", "<", r"\boxed{", r"\boxed", "{", "}", "\\", " ", "```\n"]
)
def test_no_response_makes_it_slow(grammar: str, piece: str) -> None:
    start = time.process_time()
    assert judge("format", grammar, piece * (600_000 // len(piece))).outcome is FAIL
    assert time.process_time() - start < 3
