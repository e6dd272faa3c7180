"""The golden set: what a strict but fair mathematician rules, written from the contract and not from the code.

A row is `{"truth", "answer" or "response", "expect": "pass" | "fail", "reason"?, "kind", "why", "source"}`; an `answer`
stands in one `\\boxed{}` after a word of reasoning. False accepts: none. False rejects: at most 1 %. A failure prints
the rows.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assay.core.types import Outcome, Reason, Verdict
from assay.verify.base import judge

FOLDER = Path(__file__).parents[2] / "golden" / "math"
FALSE_REJECTS = 0.01  # of the rows that must pass

Row = dict[str, Any]


def rows() -> list[Row]:
    return [
        json.loads(line)
        for file in sorted(FOLDER.glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def response_of(row: Row) -> str:
    return row["response"] if "response" in row else f"So it is\n\n\\boxed{{{row['answer']}}}"


ROWS = rows()


@pytest.fixture(scope="module")
def judged() -> list[tuple[Row, Verdict]]:
    return [(row, judge("math", row["truth"], response_of(row))) for row in ROWS]


def shown(judged: list[tuple[Row, Verdict]]) -> str:
    lines = [f"{len(judged)} rows:"]
    for row, verdict in judged:
        text = row.get("answer", row.get("response"))
        lines.append(
            f"  {row['kind']}: truth {json.dumps(row['truth'])[:120]} answer {text[:120]!r} must {row['expect']}"
            f" {row.get('reason', '')}: {row['why']}; is {verdict.outcome} {verdict.reason} {dict(verdict.evidence)}"[
                :600
            ]
        )
    return "\n".join(lines)


def test_the_set_is_large_and_well_formed() -> None:
    counts = Counter(row["expect"] for row in ROWS)
    assert counts["pass"] >= 400
    assert counts["fail"] >= 600
    for row in ROWS:
        assert set(row) <= {"truth", "answer", "response", "expect", "reason", "kind", "why", "source"}, row
        assert ("answer" in row) != ("response" in row), row
        assert row["expect"] in ("pass", "fail"), row
        assert all(row[key] for key in ("kind", "why", "source")), row
        assert "reason" not in row or (row["expect"] == "fail" and Reason(row["reason"])), row


def test_no_two_rows_contradict_each_other() -> None:
    expected: dict[str, str] = {}
    for row in ROWS:
        key = json.dumps([row["truth"], response_of(row)])
        assert expected.setdefault(key, row["expect"]) == row["expect"], row


def test_nothing_wrong_is_accepted(judged: list[tuple[Row, Verdict]]) -> None:
    wrong = [each for each in judged if each[0]["expect"] == "fail" and each[1].is_pass]
    assert not wrong, shown(wrong)


def test_nothing_is_void(judged: list[tuple[Row, Verdict]]) -> None:
    voids = [each for each in judged if each[1].is_void]
    assert not voids, shown(voids)


def test_at_most_one_percent_of_the_right_answers_is_lost(judged: list[tuple[Row, Verdict]]) -> None:
    right = [each for each in judged if each[0]["expect"] == "pass"]
    lost = [each for each in right if not each[1].is_pass]
    assert len(lost) <= FALSE_REJECTS * len(right), shown(lost)


def test_the_stated_reasons_are_given(judged: list[tuple[Row, Verdict]]) -> None:
    other = [
        each
        for each in judged
        if "reason" in each[0] and each[1].outcome is Outcome.FAIL and each[1].reason != each[0]["reason"]
    ]
    assert not other, shown(other)
