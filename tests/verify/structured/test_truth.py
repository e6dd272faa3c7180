"""Truths that cannot be read: one sentence each, when tasks are loaded. And the author's own functions."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import TruthError
from assay.core.types import Reason
from assay.verify.base import judge, judge_case, locate, read_case

RULE = {"name": "a", "expr": "answer.a == 1"}
ORDERS = {"orders": [{"order_id": "A", "cents": 5}, {"order_id": "B", "cents": 7}]}
CITATION = {"path": "cited[*].id", "table": "orders", "key": "order_id"}


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        ("x", "a structured truth is an object with contract, schema, tables, rules"),
        ({}, "needs a schema or rules, or any object would do"),
        ({"rules": []}, "needs a schema or rules"),
        ({"rulez": [RULE]}, "unknown key 'rulez' in a structured truth; did you mean 'rules'?"),
        ({"database": {}, "rules": [RULE]}, "unknown key 'database' in a structured truth"),
        ({"rules": [RULE], "reference": [1]}, "reference: a right answer, as a JSON object"),
        ({"rules": [RULE], "contract": 5}, "contract: an object would be right"),
        ({"rules": [RULE], "contract": {"maxbytes": 5}}, "contract: unknown key 'maxbytes'; did you mean 'max_bytes'?"),
        ({"rules": [RULE], "contract": {"kind": "one_select"}}, "contract.kind: 'one_select' is none; 'one_json_object'"),
        ({"rules": [RULE], "contract": {"max_bytes": 0}}, "contract.max_bytes: a whole number from 1 to 1000000"),
        ({"rules": [RULE], "contract": {"max_bytes": 2.5}}, "contract.max_bytes: a whole number"),
        ({"rules": [RULE], "contract": {"max_depth": 65}}, "contract.max_depth: a whole number from 1 to 64"),
        ({"rules": [RULE], "contract": {"max_depth": True}}, "contract.max_depth: a whole number"),
        ({"rules": [RULE], "contract": {"fence_langs": "json"}}, "contract.fence_langs: a list of tags"),
        ({"rules": [RULE], "contract": {"fence_langs": [1]}}, "contract.fence_langs: a list of tags"),
        ({"rules": [RULE], "contract": {"prose_before_fence": 1}}, "contract.prose_before_fence: true or false"),
        ({"schema": 5}, "schema: an object would be right"),
        ({"schema": {"type": "strin"}}, "schema: "),
        ({"schema": {"pattern": "("}}, "schema: "),
        ({"schema": {"pattern": "(?=a)b"}}, "schema: "),
        ({"schema": {"$ref": "https://example.com/other.json"}}, "schema: "),
        ({"schema": {"$ref": "#/$defs/none"}}, "schema: "),
        ({"schema": {"$schema": "http://json-schema.org/draft-07/schema#"}}, "2020-12/schema would be right"),
        ({"rules": RULE}, "rules: a list of at most 200"),
        ({"rules": [{**RULE, "name": str(n)} for n in range(201)]}, "rules: a list of at most 200"),
        ({"rules": ["answer.a == 1"]}, 'rules[0]: {"name": str, "expr": str} would be right'),
        ({"rules": [{"name": "a", "exp": "true"}]}, "rules[0]: unknown key 'exp'; did you mean 'expr'?"),
        ({"rules": [{"expr": "true"}]}, "rules[0]: a name would be right, not None"),
        ({"rules": [{"name": " ", "expr": "true"}]}, "rules[0]: a name would be right"),
        ({"rules": [{"name": "a"}]}, "rule 'a': either an expr or a python function"),
        ({"rules": [{**RULE, "python": "x.py:f"}]}, "rule 'a': either an expr or a python function"),
        ({"rules": [{"name": "a", "expr": 5}]}, "rule 'a': a text would be right, not 5"),
        ({"rules": [RULE, RULE]}, "rules: two rules have the name 'a'"),
        ({"rules": [{"name": "a", "python": "no_such.py:f"}]}, "rule 'a': verifier 'no_such.py:f': there is no file"),
        ({"rules": [RULE], "tables": [1]}, "tables: an object of name to rows"),
        ({"rules": [RULE], "tables": {"t": {"a": 1}}}, "tables.t: a list of rows would be right"),
        ({"rules": [RULE], "tables": {"t": [{"a": 1}, 5]}}, "tables.t[1]: an object of column to value"),
        ({"rules": [RULE], "tables": {"t": [{"a": float("nan")}]}}, "tables.t: nan is no number"),
        ({"rules": [RULE], "tables": {"t": [{}] * 200_001}}, "tables.t: 200001 rows; at most 200000"),
    ],
)  # fmt: skip
def test_a_structured_truth_that_cannot_be_read(truth: Any, sentence: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_case("structured", truth)
    assert sentence in str(caught.value)
    assert judge("structured", truth, '{"a": 1}').reason is Reason.BAD_TRUTH


def cited(**more: Any) -> dict[str, Any]:
    return {"tables": ORDERS, "citations": [{**CITATION, **more}]}


FORCE = {"rows": [{"k": "1", "from": "2026-01-01", "to": None}, {"k": "1", "from": "2025-01-01", "to": "2026-06-01"}]}


@pytest.mark.parametrize(
    ("truth", "sentence"),
    [
        ({"tables": ORDERS}, "citations: a list of at least one"),
        ({"tables": ORDERS, "citations": []}, "citations: a list of at least one"),
        ({"tables": ORDERS, "citations": [5]}, "citations[0]: "),
        (cited(tabel="x"), "citations[0]: unknown key 'tabel'; did you mean 'table'?"),
        (cited(path=""), "citations[0].path: a text would be right, not ''"),
        (cited(key=5), "citations[0].key: a text would be right, not 5"),
        (cited(table="order"), "citations[0].table: unknown table 'order'; did you mean 'orders'?"),
        (cited(key="orderid"), "the table orders has no column 'orderid'; did you mean 'order_id'?; it has cents, order_id"),
        (cited(path="cited[0].id"), "citations[0].path: a path such as cited[*].order_id"),
        (cited(path="sum(cited)"), "citations[0].path, "),
        (cited(path="a == b"), "citations[0].path, "),
        (cited(path="cited[*"), "citations[0].path, column"),
        (cited(equal="cents"), "citations[0].equal: a list of columns"),
        (cited(equal=[5]), "citations[0].equal: a list of columns"),
        (cited(equal=["cent"]), "citations[0].equal: the table orders has no column 'cent'; did you mean 'cents'?"),
        (cited(equal=[{"total": "cent"}]), "citations[0].equal: the table orders has no column 'cent'"),
        (cited(path="cited[*]", equal=["cents"]), "no field stands beside a key"),
        (cited(complete=5), "citations[0].complete: an expression would be right"),
        (cited(complete="row.cent > 1"), "citations[0].complete, column 4: the table orders has no column 'cent'"),
        (cited(complete="cents > 1"), "citations[0].complete, column 1: unknown name 'cents'"),
        (cited(complete="tables.orders"), None),
        (cited(complete="5 > 4"), "citations[0].complete: complete: true is no list of rows or keys"),
        (cited(complete="row.cents"), "citations[0].complete: complete: 5 is not true or false"),
        (cited(complete="row.cents > 'a'"), "have no order"),
        (cited(unique=1), "citations[0].unique: true or false"),
        (cited(at_least=-1), "citations[0].at_least: a whole number"),
        (cited(at_least=True), "citations[0].at_least: a whole number"),
        (cited(in_force=5), "citations[0].in_force: "),
        (cited(in_force={"on": "2026-01-01"}), "citations[0].in_force: "),
        (cited(in_force={"on": "2026-01-01", "until": "x"}), "in_force: unknown key 'until'"),
        (cited(in_force={"on": "2026-01-01", "from": "x"}), "in_force: the table orders has no column 'x'"),
        (cited(in_force={"on": "1 May", "from": "order_id"}), "in_force.on: \"1 May\" is neither a date nor an instant"),
        (cited(in_force={"on": "2026-01-01", "from": "order_id"}), "orders.order_id: \"A\" is neither a date"),
        (cited(in_force={"on": "2026-01-01", "from": "order_id", "through": "cents", "before": "cents"}), "in_force: "),
        ({"tables": {"orders": [*ORDERS["orders"], {"order_id": "A"}]}, "citations": [{**CITATION, "equal": ["cents"]}]}, '"A" stands in two rows of orders'),
        ({"tables": FORCE, "citations": [{"path": "c[*].k", "table": "rows", "key": "k", "equal": ["from"], "in_force": {"on": "2026-05-01", "from": "from", "through": "to"}}]}, "stands in two rows"),
        ({"tables": FORCE, "citations": [{"path": "c[*]", "table": "rows", "key": "k", "in_force": {"on": "2026-05-01T00:00:00Z", "from": "from"}}]}, "not both dates or both instants"),
        ({"schema": {"properties": {"a": {}}, "additionalProperties": False}, **cited()}, "the schema knows no field 'cited'"),
        ({"tables": ORDERS, "database": 5, "citations": [CITATION]}, "database: {\"sqlite\": path}"),
        ({"database": {"sqlite": "a", "duckdb": "b"}, "citations": [CITATION]}, "database: {\"sqlite\": path}"),
        ({"database": {"sqlite": "no_such.db"}, "citations": [CITATION]}, "database: there is no file no_such.db"),
        ({"database": {"sqlite": 5}, "citations": [CITATION]}, "database.sqlite: a path would be right, not 5"),
        ({"database": {"sqlite": "x.db", "shar": ""}, "citations": [CITATION]}, "database: unknown key 'shar'; did you mean 'sha256'?"),
        ({"database": {"jsonl": "x"}, "citations": [CITATION]}, "database.jsonl: an object of table to path"),
    ],
)  # fmt: skip
def test_a_grounded_truth_that_cannot_be_read(truth: Any, sentence: str | None) -> None:
    if sentence is None:
        assert read_case("grounded", truth)
        return
    with pytest.raises(TruthError) as caught:
        read_case("grounded", truth)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("on", "passes"),
    [("2026-01-31", False), ("2026-02-01", True), ("2026-02-28", True), ("2026-03-01", False)],
)
@pytest.mark.parametrize("last", ["through", "before"])
def test_the_first_and_the_last_day_in_force(on: str, passes: bool, last: str) -> None:
    until = {"through": "2026-02-28", "before": "2026-03-01"}[last]
    force = {"on": on, "from": "from", last: "until"}
    truth = {"tables": {"p": [{"k": "1", "from": "2026-02-01", "until": until}]}}
    truth["citations"] = [{"path": "k", "table": "p", "key": "k", "in_force": force}]  # type: ignore[assignment]
    verdict = judge("grounded", truth, '{"k": "1"}')
    assert verdict.is_pass == passes
    assert passes or verdict.evidence["detail"] == '"1" is not in force'


def test_a_key_may_repeat_where_no_field_is_compared() -> None:
    truth = {"tables": {"lines": [{"order": "A", "n": 1}, {"order": "A", "n": 2}]}}
    truth["citations"] = [{"path": "ids[*]", "table": "lines", "key": "order", "complete": "row.n > 0"}]  # type: ignore[list-item]
    assert judge("grounded", truth, '{"ids": ["A"]}').is_pass
    assert not judge("grounded", truth, '{"ids": ["A", "A"]}').is_pass
    assert not judge("grounded", truth, '{"ids": []}').is_pass


def test_where_a_citation_is_wrong() -> None:
    truth = cited(equal=["cents"], complete="row.cents > 1")
    a, b = {"id": "A", "cents": 5}, {"id": "B", "cents": 7}
    for found, path, detail in (
        ([a], "answer.cited", '"B" is not cited'),
        ([a, {"id": "C", "cents": 5}], "answer.cited[1].id", '"C" is no order_id of orders'),
        ([a, {"id": "B", "cents": 5}], "answer.cited[1].id", "cents 5 is not the row's cents 7"),
        ([a, {"id": "B"}], "answer.cited[1].id", "there is no field 'cents' beside it"),
        ([b, a, b], "answer.cited[2].id", '"B" is cited already'),
        ([a, {}], "answer.cited[1].id", "there is no field 'id'"),
        (5, "answer.cited", "5 is a number, not a list"),
    ):
        evidence = judge("grounded", truth, json.dumps({"cited": found})).evidence
        assert (evidence["rule"], evidence["path"], evidence["detail"]) == ("citation cited[*].id", path, detail)
    evidence = judge("grounded", cited(at_least=2), json.dumps({"cited": [a]})).evidence
    assert (evidence["path"], evidence["detail"]) == ("answer.cited", "1 cited; at least 2 would be right")
    other = judge("grounded", cited(complete="['A']"), json.dumps({"cited": [a, b]})).evidence
    assert (other["path"], other["detail"]) == ("answer.cited", '"B" is none of those to cite')


def test_in_force_by_instants() -> None:
    row = {"k": "1", "from": "2026-02-01T00:00:00+01:00"}
    for on, passes in (
        ("2026-01-31T23:00:00Z", True),
        ("2026-01-31T22:59:59Z", False),
        ("2026-02-01T01:00:00+02:00", True),
    ):
        citation = {"path": "k", "table": "p", "key": "k", "in_force": {"on": on, "from": "from"}}
        verdict = judge("grounded", {"tables": {"p": [row]}, "citations": [citation]}, '{"k": "1"}')
        assert verdict.is_pass == passes


def test_an_id_that_only_reads_alike_is_named() -> None:
    truth = {"tables": {"o": [{"id": "A-17"}]}, "citations": [{"path": "id", "table": "o", "key": "id"}]}
    for id in ("А-17", "a-17", "A-17\u200b", " A-17", "Ａ-17", "A\u201117", "A\u030a-17"):
        verdict = judge("grounded", truth, json.dumps({"id": id}))
        assert verdict.evidence["detail"].endswith('"A-17" only reads alike')
        assert verdict.evidence["path"] == "answer.id"
    assert "alike" not in judge("grounded", truth, '{"id": "B-17"}').evidence["detail"]


CHECKS = """
from decimal import Decimal

def fits(answer, tables):
    assert type(answer["x"]) in (int, Decimal)
    return answer["x"] <= tables["limits"][0]["most"] and type(tables["limits"][0]["most"]) is Decimal

def changes(answer, tables):
    answer["x"] = 5
    return True

def raises(answer, tables):
    return tables["nope"] == 1

def nothing(answer, tables):
    pass

def leaves(answer, tables):
    raise SystemExit(0)

def writes(answer, tables):
    tables["limits"][0]["most"] = 1
    return True

def partly(answer, tables):
    return 0.5
"""


def test_functions_of_the_authors(tmp_path: Path) -> None:
    (tmp_path / "checks.py").write_text(CHECKS)

    def ask(*names: str, x: str = "1.25", rules: Any = ()) -> Any:
        python = [{"name": name, "python": f"checks.py:{name}"} for name in names]
        truth = {"tables": {"limits": [{"most": 1.25}]}, "rules": [*python, *rules]}
        return judge("structured", locate("structured", truth, tmp_path), f'{{"x": {x}}}')

    assert ask("fits").is_pass
    assert not ask("fits", x="1.250001").is_pass
    assert ask("changes", "fits", rules=[{"name": "x", "expr": "answer.x == 1.25"}]).is_pass
    for name in ("raises", "nothing", "leaves", "writes"):
        verdict = ask(name)
        assert (verdict.outcome, verdict.reason, verdict.evidence["rule"]) == ("fail", Reason.ERROR, name)
    assert ask("partly").reason is Reason.WRONG_VALUE


def test_files_are_found_from_the_task_files_folder(tmp_path: Path) -> None:
    from assay.core.config import TasksConfig
    from assay.tasks.load import load_source

    (tmp_path / "data").mkdir()
    connection = sqlite3.connect(tmp_path / "data" / "orders.db")
    connection.executescript("create table orders (order_id text, cents integer); insert into orders values ('A', 5)")
    connection.close()
    (tmp_path / "checks.py").write_text("def yes(answer, tables):\n    return len(tables['orders']) == 1\n")
    (tmp_path / "more.jsonl").write_text('{"order_id": "A", "cents": 5}\n\n{"order_id": "B", "cents": 6}\n')
    base = {"citations": [{**CITATION, "equal": ["cents"]}], "rules": [{"name": "yes", "python": "checks.py:yes"}]}
    truths = [
        {**base, "database": {"sqlite": "data/orders.db"}},
        {"citations": base["citations"], "database": {"jsonl": {"orders": "more.jsonl"}}},
    ]
    rows = [{"id": str(n), "prompt": f"p{n}", "verifier": "grounded", "truth": truth} for n, truth in enumerate(truths)]
    rows.append(
        {
            "id": "2",
            "prompt": "p2",
            "verifier": "all_of",
            "truth": {"parts": [{"verifier": "grounded", "truth": truths[0]}]},
        }
    )
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps({**row, "split": "train"}) + "\n" for row in rows))
    found = load_source(TasksConfig(source=str(tmp_path / "tasks.jsonl")), "train", 0)
    for index in range(3):
        task = found.task(index)
        case = read_case(task.verifier, task.truth)
        assert judge_case(case, '{"cited": [{"id": "A", "cents": 5}]}').is_pass
        assert not judge_case(case, '{"cited": [{"id": "A", "cents": 6}]}').is_pass


def test_reading_goes_with_any_other_truth() -> None:
    for truth in (5, {"rules": 5}, {"database": 5}, {"rules": [5]}, {"parts": 5}, {"parts": [5]}):
        for verifier in ("structured", "grounded", "all_of", "math", "no_such"):
            assert locate(verifier, truth, Path("x")) == truth
