"""Every example of the two pages is run: what an expression comes to, what has no value, and the scenario from nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from assay.verify.base import judge, read_case
from assay.verify.structured.document import exact
from assay.verify.structured.evaluate import Run, compiled
from assay.verify.structured.functions import FUNCTIONS, MODES
from assay.verify.structured.parse import ESCAPES, LONGEST, WORDS, parse
from assay.verify.structured.tables import read_tables
from assay.verify.structured.value import Failure

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "reference" / "rules.md").read_text(encoding="utf-8")
CONCEPT = (DOCS / "concepts" / "structured.md").read_text(encoding="utf-8")


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page, flags=re.M | re.S)


WORLD = json.loads(blocks(PAGE, "world")[0])
EXAMPLES = [line for block in blocks(PAGE, "examples") for line in block.splitlines()]
SCENARIO = json.loads(blocks(PAGE, "scenario")[0])
CHANGES = re.findall(r"^\| `(\{.*\})` \| `(.*?)` \| `(.*?)` \|$", PAGE, flags=re.M)


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example(line: str) -> None:
    run = Run(exact(WORLD["answer"]), read_tables(WORLD["tables"]))
    if " fails " in line:
        expression, detail = line.split(" fails ")
        with pytest.raises(Failure) as caught:
            compiled(parse(expression))(run)
        assert caught.value.detail == detail
    else:
        expression, expected = line.split(" -> ")
        found = compiled(parse(expression))(run)
        assert found == exact(json.loads(expected))
        assert isinstance(found, bool) == (expected in ("true", "false"))


def test_there_are_enough_examples() -> None:
    assert len(EXAMPLES) > 70


def test_every_function_and_every_way_to_round_stands_on_the_page() -> None:
    for name in FUNCTIONS:
        assert re.search(rf"`{name}\(", PAGE), name
    for mode in MODES:
        assert f"`'{mode}'`" in PAGE
    assert " ".join(sorted(WORDS)) == " ".join(
        sorted(["and", "or", "not", "in", "if", "else", "for", "implies", "true", "false", "null"])
    )
    assert f"{LONGEST:,} characters" in PAGE
    assert all(rf"`\{each}`" in PAGE for each in ESCAPES if each not in "\n")


def test_the_scenario_from_nothing() -> None:
    assert judge("structured", SCENARIO, json.dumps(SCENARIO["reference"])).is_pass
    assert len(CHANGES) == 7
    for change, rule, path in CHANGES:
        verdict = judge("structured", SCENARIO, json.dumps(SCENARIO["reference"] | json.loads(change)))
        assert (verdict.evidence["rule"], verdict.evidence["path"]) == (rule, path), change


def test_the_truths_of_the_concept_page() -> None:
    lines = [json.loads(each) for each in blocks(CONCEPT, "task")]
    assert len(lines) == 2
    for row in lines:
        read_case(row["verifier"], row["truth"])
        assert judge(row["verifier"], row["truth"], json.dumps(row["truth"]["reference"])).is_pass


def test_the_table_of_replies() -> None:
    (row, _) = (json.loads(each) for each in blocks(CONCEPT, "task"))
    told: list[Any] = re.findall(r"^\| `(.+?)` \| (PASS|FAIL) (\w+) \|", CONCEPT, flags=re.M)
    assert len(told) >= 12
    for reply, outcome, reason in told:
        text = reply.replace("⏎", "\n")
        verdict = judge(row["verifier"], row["truth"], text)
        assert (verdict.outcome.upper(), verdict.reason) == (outcome, reason), (reply, dict(verdict.evidence))
