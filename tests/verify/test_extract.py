"""Exactly one field, or none: what counts as a field, what hides one, and that no text makes it slow."""

from __future__ import annotations

from time import process_time

import pytest

from assay.core.types import Reason
from assay.verify.extract import FIELDS, extract

NO, TWO, BAD = Reason.NO_ANSWER, Reason.AMBIGUOUS, Reason.MALFORMED


@pytest.mark.parametrize(
    ("response", "text"),
    [
        (r"so \boxed{5}", "5"),
        (r"\boxed{ 5 }.", "5"),
        (r"\boxed {5}", "5"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\}}", r"\}"),
        (r"a line\\\boxed{5}", "5"),
        ("<think>perhaps \\boxed{4}</think>\\boxed{5}", "5"),
        ("perhaps \\boxed{4}</think>\\boxed{5}", "5"),  # the template opened the thinking
        ("<think>a <think>b</think> \\boxed{4}</think>\\boxed{5}", "5"),
        ("```\n\\boxed{4}\n```\n\\boxed{5}", "5"),
        ("~~~\n\\boxed{4}\n~~~\n\\boxed{5}", "5"),
        ("inline ```\\boxed{4}``` and \\boxed{5}", "5"),
        ("\\begin{verbatim}\\boxed{4}\\end{verbatim} \\boxed{5}", "5"),
        (r"\verb|\boxed{4}| \boxed{5}", "5"),
        ("<!-- \\boxed{4} --> \\boxed{5}", "5"),
        ("% \\boxed{4}\n\\boxed{5}", "5"),
        ("\\boxed{5} % \\boxed{4}", "5"),
        ("20% of 25 is \\boxed{5}", "5"),
        ("$20$ % of 25 is \\boxed{5}", "5"),
        ("20\\% of 25 is \\boxed{5}", "5"),
        (r"\boxed{50\%}", r"50\%"),
        (r"if a < b then \boxed{5}", "5"),
    ],
)
def test_the_only_box(response: str, text: str) -> None:
    assert extract(response, "boxed") == (text, None)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("5", NO),
        ("", NO),
        (r"\boxed{}", NO),
        (r"\boxed{  }", NO),
        (r"\\boxed{5}", NO),  # a line break, and the word boxed
        (r"\boxedtext{5}", NO),
        (r"\boxed{5} \boxed{6}", TWO),
        (r"\boxed{5} \boxed{5}", TWO),
        (r"\boxed 5 or \boxed{5}", TWO),
        (r"\boxed{\boxed{5}}", BAD),
        (r"\boxed{5", BAD),
        (r"\boxed{\frac{1}{2}", BAD),
        (r"\boxed 5", BAD),
        (r"\boxed5", BAD),
        (r"\boxed", BAD),
        (r"\boxed{5 <!-- or --> 6}", BAD),
        ("<think>\\boxed{5}", NO),
        ("\\boxed{5}<think>but wait", NO),
        ("<think>\\boxed{5}</think>", NO),
        ("<think><think>\\boxed{5}</think>", NO),
        ("<THINK>\\boxed{5}</THINK>", NO),
        ("```\n\\boxed{5}\n```", NO),
        ("```python\nprint('\\boxed{5}')", NO),
        ("```\ncode ``` \n\\boxed{5}\n```", NO),
        ("\\begin{lstlisting}\n\\boxed{5}\n\\end{lstlisting}", NO),
        ("<!-- \\boxed{5}", NO),
        ("<code>\\boxed{5}</code>", NO),
        ("%\\boxed{5}", NO),
    ],
)
def test_no_box_or_more_than_one(response: str, reason: Reason) -> None:
    assert extract(response, "boxed") == (None, reason)


@pytest.mark.parametrize(
    ("field", "response", "text", "reason"),
    [
        ("answer_tag", "<answer> 5 </answer>", "5", None),
        ("answer_tag", "<think><answer>4</answer></think><answer>5</answer>", "5", None),
        ("answer_tag", "5", None, NO),
        ("answer_tag", "<answer></answer>", None, NO),
        ("answer_tag", "<answer>5</answer><answer>5</answer>", None, TWO),
        ("answer_tag", "<answer>5", None, BAD),
        ("answer_tag", "<answer>5</ANSWER>", None, BAD),
        ("answer_tag", "<answer>5</answer><ANSWER>6</ANSWER>", None, TWO),
        ("answer_tag", "</answer>5<answer>", None, BAD),
        ("answer_tag", r"\boxed{5}", None, NO),
        ("hash_line", "so\n#### 5", "5", None),
        ("hash_line", "so\n####5\n", "5", None),
        ("hash_line", "#### 4\n#### 5", None, TWO),
        ("hash_line", "##### 5", None, NO),
        ("hash_line", "see #### 5", None, NO),
        ("hash_line", "####", None, NO),
        ("final_line", "thinking\n\n5\n \n", "5", None),
        ("final_line", "<think>5\n</think>\n6", "6", None),
        ("final_line", " \n", None, NO),
        ("whole_text", "  5 ", "5", None),
        ("whole_text", "<think>no</think> 5", "5", None),
        ("whole_text", "<think>no 5", None, NO),
        ("whole_text", "5 % of it", "5 % of it", None),
    ],
)
def test_the_other_fields(field: str, response: str, text: str | None, reason: Reason | None) -> None:
    assert extract(response, field) == (text, reason)


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(KeyError):
        extract("5", "last_number")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    "piece",
    ["\\boxed{", "{", "}", "\\boxed{}", "<think>", "</think>", "```", "``` ", "~~~\n", "%", " %", "<!--", "\\verb!", "$%",
     "\\begin{verbatim}", "####", "\n####", "<answer>", "<code>", "\\", " ", "\n", "<", "\\verb\u00e9", "```a\n"],
)  # fmt: skip
def test_half_a_megabyte_of_anything_takes_no_time(piece: str, field: str) -> None:
    response = piece * (500_000 // len(piece))
    start = process_time()
    extract(response, field)
    assert process_time() - start < 3.0  # linear: quadratic work on this much takes minutes
