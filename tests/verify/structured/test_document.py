"""The strict reading itself, and what costs much to read."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Reason
from assay.verify.base import judge_case, read_case
from assay.verify.structured.document import Malformed, exact, read_document, read_json
from assay.verify.structured.reply import Contract, cut_document


def test_numbers_are_exact() -> None:
    document = read_document('{"a": 0.1, "b": 1.0, "c": 1e2, "d": [12345678901234567890.5], "e": -0.0, "f": 1e308}', 16)
    assert document.decimals["a"] == Decimal("0.1")
    assert document.value == {
        "a": Fraction(1, 10), "b": 1, "c": 100, "d": [Fraction("12345678901234567890.5")], "e": 0, "f": 10**308,
    }  # fmt: skip
    assert type(document.value["b"]) is int
    assert exact(0.1) == Fraction(1, 10)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"a": 1e309}', "too large"),
        ('{"a": -1.8e308}', "too large"),
        ('{"a": 1e-401}', "too small"),
        ('{"a": 1e-99999999999999999999}', "too small"),
        ('{"a": 0e999999}', "too small"),
        ('{"a": 0.' + "1" * 400 + "}", "too large"),
        ('{"a": ' + "1" * 310 + "}", "too large"),
        ('{"a": NaN}', "NaN is no JSON value"),
        ('{"a": {"b": 1, "b": 1}}', "the key 'b' stands there twice"),
        ('{"\\u0061": 1, "a": 1}', "the key 'a' stands there twice"),
        ('{"a": "\\ud800"}', "a lone surrogate"),
        ('{"\\udc00": 1}', "a lone surrogate"),
        ('{"a": "\ud800"}', "a lone surrogate"),
        ("\ufeff{}", "a byte order mark"),
        ("[" * 100_000, "nested too deep"),
        ("{} {}", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ('{"a": "\t"}', "not JSON"),
    ],
)
def test_what_is_malformed(text: str, sentence: str) -> None:
    with pytest.raises(Malformed, match=sentence):
        read_json(text)


def test_what_is_no_object() -> None:
    for text, kind in (
        ("[]", "a list"),
        ("1", "a number"),
        ("1.5", "a number"),
        ('"a"', "a text"),
        ("true", "a boolean"),
        ("null", "null"),
    ):
        with pytest.raises(Malformed, match=f"^{kind} where one object is wanted"):
            read_document(text, 16)


def test_depth() -> None:
    for depth in (1, 2, 5):
        text = '{"a": ' * (depth - 1) + "{}" + "}" * (depth - 1)
        assert read_document(text, depth)
        if depth > 1:
            with pytest.raises(Malformed, match=f"nested deeper than {depth - 1}"):
                read_document(text, depth - 1)
    assert read_document('{"a": [[]], "b": 1}', 3)
    assert read_document('{"a": "\\ud83d\\ude00"}', 1).value == {"a": "😀"}


@given(st.recursive(st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=5).filter(lambda text: text.isascii()),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8))  # fmt: skip
def test_what_json_writes_is_read(value: object) -> None:
    assert read_json(json.dumps(value)) == value


def test_the_whole_reply_wins_over_its_own_fences() -> None:
    assert cut_document('{"a": "\\n```\\n"}', Contract()).text == '{"a": "\\n```\\n"}'
    assert cut_document('{"a": "<think>"}', Contract()).text == '{"a": "<think>"}'
    assert cut_document("<think>a</think> \n {}", Contract()).text == " \n {}"
    prose = Contract(prose_before_fence=True)
    assert cut_document("Well.\n<think>a</think>\n```json\n{}\n```", prose).text == "{}"
    assert cut_document("```json\n<think>a</think>{}\n```", prose).text == "<think>a</think>{}"


BOMBS = [
    "{" * 2_000_000,
    '{"a":' * 400_000,
    "[" * 2_000_000,
    "```\n" * 500_000,
    "```json\n{\n" * 200_000,
    "~" * 2_000_000,
    "<think>" * 300_000,
    "</think>" * 300_000,
    '{"a": "' + "\\" * 2_000_000,
    '{"a": ' + "9" * 2_000_000 + "}",
    '{"a": 1e' + "9" * 15_000 + "}",
    '{"a": 0.' + "9" * 15_000 + "}",
    '{"a": "' + "a" * 19_000 + '!"}',
    '{"a": [' + "0," * 9_000 + "0]}",
    "{" + ", ".join(f'"k{n}": {n}' for n in range(1500)) + "}",
    " " * 3_000_000 + "{}",
    "\n" * 3_000_000,
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_no_reply_is_slow(text: str) -> None:
    pattern = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}, "required": ["a"]}
    case = read_case("structured", {"schema": pattern, "rules": [{"name": "r", "expr": "unique(answer.a)"}]})
    start = time.process_time()
    verdict = judge_case(case, text)
    assert time.process_time() - start < 2
    assert verdict.outcome == "fail"
    assert verdict.reason in (Reason.MALFORMED, Reason.NO_ANSWER, Reason.AMBIGUOUS, Reason.WRONG_FORM)
