"""Every example of docs/concepts/same-answer.md is run, and its policy table is the policies' own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest

from assay.verify.base import judge
from assay.verify.extract import FIELDS
from assay.verify.math import policy

PAGE = (Path(__file__).parents[3] / "docs/concepts/same-answer.md").read_text(encoding="utf-8")


class Example(NamedTuple):
    truth: Any
    expect: str
    reason: str
    answer: str


def examples() -> list[Example]:
    made: list[Example] = []
    for block in re.findall(r"^```examples\n(.*?)^```$", PAGE, re.M | re.S):
        truth: Any = None
        for line in block.splitlines():
            if line.startswith("truth: "):
                text = line.removeprefix("truth: ")
                truth = json.loads(text) if text.startswith("{") else text
                continue
            found = re.fullmatch(r"  (yes|no)(?: ([a-z]+_[a-z]+))? (.*?)(?:\s+# .*)?", line)
            assert found is not None, line
            made.append(Example(truth, found[1], found[2] or "", found[3]))
    return made


EXAMPLES = examples()


def test_the_page_has_examples_of_both_kinds() -> None:
    assert sum(each.expect == "yes" for each in EXAMPLES) >= 40
    assert sum(each.expect == "no" for each in EXAMPLES) >= 40


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{json.dumps(each.truth)} {each.answer}")
def test_an_example(example: Example) -> None:
    verdict = judge("math", example.truth, f"So \\boxed{{{example.answer}}}")
    assert verdict.outcome == {"yes": "pass", "no": "fail"}[example.expect], (verdict.reason, dict(verdict.evidence))
    if example.reason:
        assert verdict.reason == example.reason


def test_the_table_lists_the_policies_and_their_values() -> None:
    table = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", PAGE.split("## Policies")[1].split("\n## ")[0], re.M))
    assert tuple(table) == policy.KEYS
    for key, values in (
        ("field", FIELDS),
        ("percent", get_args(policy.Percent)),
        ("units", get_args(policy.Units)),
        ("form", get_args(policy.Form)),
        ("letter_case", get_args(policy.LetterCase)),
        ("locale", policy.LOCALES),
    ):
        assert tuple(re.findall(r"`([\w]+)`", table[key])) == tuple(values), key
    assert tuple(re.findall(r'"(\w+)":', table["tolerance"])) == policy.TOLERANCES
