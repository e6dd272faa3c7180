"""The second engine's opinion: the same, different, or none, and nothing of this machine within its reach."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from assay.audit.samples import QUERIES
from assay.core.config import TasksConfig
from assay.core.errors import MissingExtra
from assay.tasks.load import load_source
from assay.verify.base import judge
from assay.verify.structured.sql_second import CONFIG, second_engine

duckdb = pytest.importorskip("duckdb")
SPEND = QUERIES[0]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (SPEND["gold_sql"], "same"),  # type: ignore[index]
        ("SELECT name, (SELECT SUM(amount) FROM orders WHERE customer_id = c.id) FROM customers c WHERE id IN "
         "(SELECT customer_id FROM orders)", "same"),
        ("SELECT c.name, MAX(o.amount) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id, c.name", "different"),
        ("SELECT c.name, COUNT(*) OVER () FROM customers c", "different"),
        ("SELECT c.name, SUM(o.amount) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.city", "unknown"),
        ("SELECT name, random() FROM customers", "unknown"),
        ("I cannot say", "unknown"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i FROM n", "unknown"),
    ],
)  # fmt: skip
def test_an_opinion(reply: str, said: str) -> None:
    truth: Any = {**SPEND, "gold_sql": SPEND["gold_sql"].replace("GROUP BY c.id", "GROUP BY c.id, c.name")}  # type: ignore[index,union-attr]
    reply = reply.replace("GROUP BY c.id", "GROUP BY c.id, c.name") if reply == SPEND["gold_sql"] else reply  # type: ignore[index]
    assert second_engine(truth, reply).said == said


def test_nothing_on_every_instance_is_no_opinion() -> None:
    blank = {**SPEND, "gold_sql": "SELECT id FROM customers WHERE id < 0"}  # type: ignore[dict-item]
    assert second_engine(blank, "SELECT id FROM orders WHERE id < 0").said == "unknown"


@pytest.mark.parametrize(
    "query",
    [
        "select * from read_csv('/etc/passwd')", "select * from '/etc/passwd'", "select * from read_text('/etc/passwd')",
        "set enable_external_access = true", "install httpfs", "copy (select 1) to 'x.csv'", "attach 'x.db'",
        "select * from glob('/*')", "set memory_limit = '4GB'", "export database 'x'",
    ],
)  # fmt: skip
def test_no_file_and_no_setting_is_within_reach(query: str) -> None:
    with duckdb.connect(":memory:", config=CONFIG) as connection:
        connection.execute("set lock_configuration = true")
        with pytest.raises(duckdb.Error):
            connection.execute(query).fetchall()


def test_both_engines_agree_about_the_generated_questions() -> None:
    found = load_source(TasksConfig(source="shop_queries", options={"level": 2}), "train", 0)
    said = []
    for index in range(6):
        task = found.task(index)
        assert judge("sql", task.truth, found.demonstration(index)).is_pass  # type: ignore[attr-defined]
        said.append(second_engine(task.truth, found.demonstration(index)).said)  # type: ignore[attr-defined]
    assert "different" not in said
    assert said.count("same") >= 3


def test_without_duckdb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtra, match=r"assay\[sql\]"):
        second_engine(SPEND, "SELECT 1")
