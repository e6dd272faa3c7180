"""The golden sets: what the contract rules, written from it and not from the code. No false accept, no false reject.

A row is `{"truth": name, "response", "expect": "pass" | "fail", "reason"?, "rule"?, "kind", "why", "source"}`; the truths
stand beside the rows by name. The orders' database is made of orders.sql; the policies are a JSONL file.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from assay.core.types import Reason
from assay.verify.base import judge_case, locate, read_case

FOLDER = Path(__file__).parents[2] / "golden" / "structured"
Row = dict[str, Any]
VERIFIERS = ("structured", "grounded", "sql", "constraint")
LEAST = {"sql": (60, 120)}  # accepted and rejected rows; 40 and 80 of the others


def rows(verifier: str) -> list[Row]:
    return [json.loads(line) for line in (FOLDER / f"{verifier}.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("golden")
    connection = sqlite3.connect(made / "orders.db")
    connection.executescript((FOLDER / "orders.sql").read_text())
    connection.close()
    (made / "policies.jsonl").write_bytes((FOLDER / "policies.jsonl").read_bytes())
    return made


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_the_set_is_large_and_well_formed(verifier: str) -> None:
    found = rows(verifier)
    counts = Counter(row["expect"] for row in found)
    accepted, rejected = LEAST.get(verifier, (40, 80))
    assert counts["pass"] >= accepted
    assert counts["fail"] >= rejected
    assert len({(row["truth"], row["response"]) for row in found}) == len(found)
    for row in found:
        assert set(row) <= {"truth", "response", "expect", "reason", "rule", "kind", "why", "source"}, row
        assert all(row[key] for key in ("truth", "expect", "kind", "why", "source")), row
        assert "reason" not in row or Reason(row["reason"]), row


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_every_row_comes_out_as_it_must(verifier: str, folder: Path) -> None:
    truths = json.loads((FOLDER / f"{verifier}_truths.json").read_text(encoding="utf-8"))
    cases = {name: read_case(verifier, locate(verifier, truth, folder)) for name, truth in truths.items()}
    wrong = []
    for row in rows(verifier):
        verdict = judge_case(cases[row["truth"]], row["response"])
        said = (verdict.outcome, verdict.reason, verdict.evidence.get("rule"))
        must = (row["expect"], row.get("reason", verdict.reason), row.get("rule", verdict.evidence.get("rule")))
        if said != must:
            wrong.append(f"{row['truth']}: {row['why']}: must be {must}, is {said} {dict(verdict.evidence)}")
        if not verdict.is_pass:
            assert {"rule", "path", "detail"} <= set(verdict.evidence), row
            assert json.dumps(dict(verdict.evidence))
    assert not wrong, "\n".join(wrong)
