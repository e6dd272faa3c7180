"""Every example of the pages on SQL and constraints is run: the tasks, the tables of replies, and what the pages list."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from assay.tasks.source import SOURCES
from assay.verify.base import judge, read_case
from assay.verify.structured.puzzles import PUZZLES
from assay.verify.structured.sql_query import SqlContract, read_sql_contract

DOCS = Path(__file__).parents[3] / "docs" / "concepts"
PAGES = {name: (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("sql", "constraints")}


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGES[page], flags=re.M | re.S)


@pytest.mark.parametrize("page", ["sql", "constraints"])
def test_the_table_of_replies(page: str) -> None:
    (row,) = (json.loads(each) for each in blocks(page, "task"))
    read_case(row["verifier"], row["truth"])
    told: list[Any] = re.findall(r"^\| `(.+)` \| (PASS|FAIL) (\w+) \|", PAGES[page], flags=re.M)
    assert len(told) >= 10
    for reply, outcome, reason in told:
        verdict = judge(row["verifier"], row["truth"], reply.replace("⏎", "\n"))
        assert (verdict.outcome.upper(), verdict.reason) == (outcome, reason), (reply, dict(verdict.evidence))


def test_the_contract_of_the_page_is_the_default() -> None:
    (shown,) = (json.loads(each) for each in blocks("sql", "json"))
    assert read_sql_contract(shown) == SqlContract() == read_sql_contract(None)


def test_the_python_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("duckdb")
    (code,) = blocks("sql", "python")
    exec(compile(code, "page", "exec"), {})
    assert "different" in capsys.readouterr().out


def test_every_kind_and_source_stands_on_the_page() -> None:
    for kind in PUZZLES:
        assert f"| `{kind}` |" in PAGES["constraints"]
    for name in ("knapsack", "job_schedule", "graph_colours", "number_grid"):
        assert f"| `{name}` |" in PAGES["constraints"]
        assert name in SOURCES
    assert "`shop_queries`" in PAGES["sql"]
