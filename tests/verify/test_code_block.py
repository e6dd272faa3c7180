"""Exactly one fenced block, by CommonMark's rules, or none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Reason
from assay.verify.code.block import Block, find_block

ONE = "Here it is:\n```python\nx = 1\n```\nDone."


@pytest.mark.parametrize(
    ("response", "source"),
    [
        (ONE, "x = 1\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("```py\nx = 1\n```  ", "x = 1\n"),
        ("~~~python\nx = 1\n~~~", "x = 1\n"),
        ("````python\nx = '''\n```\n'''\n````", "x = '''\n```\n'''\n"),
        ("   ```python\n   x = 1\n     y = 2\n   ```", "x = 1\n  y = 2\n"),
        ("```python\nx = 1\n`````", "x = 1\n"),
        ("```\n```", ""),
        ("text with ``` inside\n```\nx = 1\n```", "x = 1\n"),
        ("```not`a`fence\n```\nx\n```", "x\n"),
        ("~~~\n```\n~~~", "```\n"),
        ("    ```\nindented code is no fence\n```\nx\n```", "x\n"),
    ],
)
def test_the_only_block_is_the_program(response: str, source: str) -> None:
    assert find_block(response, "only") == Block(source)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        ("", Reason.NO_ANSWER),
        ("x = 1", Reason.NO_ANSWER),
        ("`x = 1`", Reason.NO_ANSWER),
        ("```python\nx = 1", Reason.MALFORMED),
        ("```python\nx = 1\n``", Reason.MALFORMED),
        ("```python\nx = 1\n```text", Reason.MALFORMED),
        (f"{ONE}\n{ONE}", Reason.AMBIGUOUS),
        (f"{ONE}\n```\n```", Reason.AMBIGUOUS),
        (f"{ONE}\n```json", Reason.MALFORMED),
        ("```\n\ud800\n```", Reason.MALFORMED),
    ],
)
def test_everything_else_is_no_program(response: str, reason: Reason) -> None:
    assert find_block(response, "only") == Block(None, reason)


def test_last_takes_the_last_when_every_fence_closes() -> None:
    assert find_block("```\na\n```\n```\nb\n```", "last") == Block("b\n")
    assert find_block("```\na\n```\n```\nb", "last") == Block(None, Reason.MALFORMED)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_whole_text_is_the_response_itself(response: str) -> None:
    assert find_block(response, "whole_text") == Block(response)


def test_whole_text_that_utf8_cannot_hold_is_malformed() -> None:
    assert find_block("x = '\ud800'", "whole_text") == Block(None, Reason.MALFORMED)


@given(st.text(alphabet="`~ \npyx=1", max_size=60))
def test_no_text_raises(response: str) -> None:
    for rule in ("only", "last"):
        block = find_block(response, rule)
        assert (block.source is None) == (block.reason is not None)
