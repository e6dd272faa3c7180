"""One SELECT, its rows on every instance: what the golden rows do not say (truths, made instances, caps, hostile queries)."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.audit.samples import QUERIES
from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.tasks.canonical import canonical_response
from assay.tasks.check import check_sources
from assay.verify.base import judge, judge_case, read_case
from assay.verify.structured.sql import read_sql_truth
from assay.verify.structured.sql_instances import is_empty
from assay.verify.structured.sql_mutate import mutants, mutation_report, weaknesses
from assay.verify.structured.sql_query import Refused, read_query
from assay.verify.structured.sql_rows import difference
from assay.verify.structured.sql_run import Row, run

HOSTILE = Path(__file__).parents[2] / "attacks" / "structured" / "hostile_queries.jsonl"
SCHEMA = "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, b TEXT NOT NULL);"
FULL = {"t": [[1, 5, "x"], [2, None, "x"], [3, 5, "y"]]}


def truth(gold: str = "SELECT a, b FROM t", instances: Any = None, schema: str = SCHEMA, **more: Any) -> Any:
    tables = {"schema": schema, "instances": [{}, FULL, FULL] if instances is None else instances}
    return {"gold_sql": gold, "tables": tables, **more}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gold_sql": "DELETE FROM t"}, "gold_sql: 'delete' begins no SELECT"),
        ({"gold_sql": "SELECT 1; SELECT 2"}, "gold_sql: a second statement"),
        ({"gold_sql": "SELECT nope FROM t"}, "no such column: nope"),
        ({"gold_sql": "SELECT random()"}, "random is not open"),
        ({"gold_sql": 5}, "gold_sql: a SELECT would be right"),
        ({"order_maters": True}, "did you mean 'order_matters'"),
        ({"order_matters": 1}, "order_matters: true or false"),
        ({"contract": {"fence_lang": []}}, "did you mean 'fence_langs'"),
        ({"contract": {"max_rows": 0}}, "contract.max_rows"),
        ({"contract": {"kind": "one_json_object"}}, "contract.kind"),
        ({"tables": {"schema": SCHEMA, "instances": [{"s": []}]}}, "no table 's'"),
        ({"tables": {"schema": SCHEMA, "instances": [{"t": [[1, 2]]}]}}, "a row of 3 values"),
        ({"tables": {"schema": SCHEMA, "instances": [{"t": [[1, 2, None]]}]}}, "NOT NULL constraint failed"),
        ({"tables": {"schema": SCHEMA, "instances": [{"t": [[1, 2, "x"], [1, 2, "x"]]}]}}, "UNIQUE constraint failed"),
        ({"tables": {"schema": SCHEMA, "instances": [{"t": [[1, [2], "x"]]}]}}, "is no value of sqlite"),
        ({"tables": {"schema": SCHEMA, "instances": [{"t": [[1, 2**63, "x"]]}]}}, "is no value of sqlite"),
        ({"tables": {"schema": "CREATE TABLE t (a); INSERT INTO t VALUES (1);", "instances": []}}, "rows of t"),
        ({"tables": {"schema": "ATTACH 'x' AS y;", "instances": []}}, "only tables, views and indexes"),
        ({"tables": {"schema": "CREATE TABEL t (a);", "instances": []}}, "syntax error"),
        ({"tables": {"schema": "SELECT 1;", "instances": []}}, "no table is created"),
        ({"tables": [1]}, "tables:"),
    ],
)
def test_a_truth_that_cannot_be_read_says_why(change: dict[str, Any], told: str) -> None:
    with pytest.raises(TruthError) as caught:
        read_sql_truth({**truth(), **change})
    assert told in str(caught.value)


def test_a_contract_of_any_name_for_one_select_is_read() -> None:
    for kind in ("one_select", "one_sql_query", "single_select", "read_only_select"):
        assert judge("sql", truth(contract={"kind": kind}), "SELECT a, b FROM t").is_pass
    capped = truth("SELECT a, b FROM t LIMIT 1", contract={"max_rows": 2})
    assert judge("sql", capped, "SELECT a, b FROM t").reason is Reason.LIMIT


def test_a_gold_query_beyond_the_caps_of_a_reply_fails_its_own_reply_and_voids_none() -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) SELECT COUNT(*) FROM n"
    verdict = judge("sql", truth(endless), endless)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, Reason.LIMIT)
    with pytest.raises(TruthError, match="more than 3000000 steps"):
        read_sql_truth(truth(endless.replace("60000", "6000000")))


# instances


def test_three_instances_are_judged_on_one_of_them_empty() -> None:
    for some in ([], [FULL], [{}], [FULL, FULL], [FULL, FULL, FULL]):
        read = read_sql_truth(truth(instances=some))
        assert read.given == len(some)
        assert len(read.expected) >= 3
        assert sum(is_empty(each.instance) for each in read.expected) >= 1
        assert all(each.is_stable for each in read.expected)
    assert len(read_sql_truth(truth(instances=[{}, FULL, FULL])).expected) == 3  # what is enough is left alone


def test_made_instances_keep_the_schema_and_hold_nulls_and_ties() -> None:
    schema = (
        "CREATE TABLE p (id INTEGER PRIMARY KEY, n TEXT NOT NULL, m TEXT); "
        "CREATE TABLE c (id INTEGER PRIMARY KEY, p INTEGER NOT NULL REFERENCES p (id), k INTEGER CHECK (k > 0));"
    )
    rows = {"p": [[1, "a", "u"], [2, "b", "v"], [3, "c", "w"]], "c": [[1, 1, 5], [2, 2, 7], [3, 3, 9]]}
    made = [
        each.instance
        for each in read_sql_truth(truth("SELECT n, k FROM p JOIN c ON c.p = p.id", [rows], schema)).expected
        if each.instance.label.startswith("made")
    ]
    again = read_sql_truth(truth("SELECT n, k FROM p JOIN c ON c.p = p.id", [rows], schema))
    assert [each.rows for each in made] == [
        each.instance.rows for each in again.expected if "made" in each.instance.label
    ]
    for instance in made:
        parents = {row[0] for row in instance.rows["p"]}
        assert all(row[1] in parents and (row[2] is None or row[2] > 0) for row in instance.rows["c"])  # type: ignore[operator]
        assert all(row[1] is not None for row in instance.rows["p"])
        values = [cell for table in instance.rows.values() for row in table for cell in row[1:]]
        assert None in values
        assert len(set(values)) < len(values)
    from_nothing = read_sql_truth(truth("SELECT a FROM t WHERE b = 'zebra'", []))
    assert any(each.ran.rows for each in from_nothing.expected)  # the query's own values are drawn


def test_a_tie_before_limit_is_told_and_made_instances_have_none() -> None:
    gold = "SELECT id FROM t LIMIT 1"
    assert "depend on how tables are scanned on instance 1" in "; ".join(weaknesses(read_sql_truth(truth(gold))))
    with pytest.raises(TruthError, match="no others could be made"):
        read_sql_truth(truth(gold, [FULL]))


def test_an_order_left_to_the_tables_is_seen_by_scanning_them_from_their_end() -> None:
    ordered = truth("SELECT id, b FROM t ORDER BY id", order_matters=True)
    verdict = judge("sql", ordered, "SELECT id, b FROM t")
    assert verdict.reason is Reason.WRONG_VALUE
    assert "from their end" in str(verdict.evidence["detail"])
    assert judge("sql", ordered, "SELECT id, b FROM t ORDER BY id").is_pass
    first = truth("SELECT MIN(id) FROM t")
    assert not judge("sql", first, "SELECT id FROM (SELECT id FROM t UNION ALL SELECT NULL) LIMIT 1").is_pass


def test_rows_by_name_and_views_and_generated_columns() -> None:
    schema = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, twice INTEGER GENERATED ALWAYS AS (a * 2)); "
        "CREATE VIEW big AS SELECT * FROM t WHERE a > 5; CREATE INDEX i ON t (a);"
    )
    made = truth("SELECT id, twice FROM big", [{}, {"t": [{"id": 1, "a": 9}, [2, 3]]}, {"T": [[1, 7]]}], schema)
    assert judge("sql", made, "SELECT id, a + a FROM t WHERE a >= 6").is_pass
    assert not judge("sql", made, "SELECT id, twice FROM t").is_pass


def test_blobs_truth_values_and_large_numbers() -> None:
    schema = "CREATE TABLE v (x);"
    made = truth("SELECT x FROM v", [{}, {"v": [[{"__bytes__": "00ff"}], [True], [2**53 + 1]]}, {"v": [[0.5]]}], schema)
    assert judge("sql", made, "SELECT x FROM v WHERE 1").is_pass
    assert not judge("sql", made, "SELECT CASE WHEN typeof(x) = 'integer' THEN x + 0.0 ELSE x END FROM v").is_pass


def test_the_gold_query_may_return_longer_values_than_a_reply_otherwise_might() -> None:
    long = "x" * 4000
    made = truth("SELECT b || b FROM t", [{}, {"t": [[1, 1, long]]}, FULL])
    assert judge("sql", made, "SELECT b || b FROM t").is_pass
    assert judge("sql", truth(), "SELECT a, hex(zeroblob(4000)) FROM t").reason is Reason.LIMIT


# what may be written


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FILTER (WHERE a > 1) FROM t GROUP BY b HAVING count(*) > 1 ORDER BY 1 DESC NULLS LAST LIMIT 2, 3",
        "SELECT x'00ff', 0x1F, 1e3, .5, 'it''s', \"a\", [a], `a` FROM t",
        "SELECT a FROM t WHERE a ISNULL OR b NOTNULL OR (a, b) IN (VALUES (1, 'x')) AND a IS NOT 5",
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5), d AS MATERIALIZED (SELECT 2) SELECT n FROM c, d",
        "SELECT sum(a) OVER (ORDER BY id GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM t",
        "SELECT b GLOB 'x*', b LIKE 'a%' ESCAPE '!', a == 5, a << 2, ~a, a COLLATE NOCASE FROM t NATURAL JOIN t AS u",
        "SELECT json_extract('{\"a\":1}', '$.a'), value FROM json_each('[1,2]')",
        "SELECT strftime('%Y-%m', '2024-03-09'), date('2024-01-31', '+1 month'), julianday('2024-01-01') FROM t",
        "SELECT iif(a, 1, 2), printf('%05.2f|%-8s', a, b), round(1.5), CAST(a AS TEXT), a IN () FROM t",
        "SELECT a FROM t EXCEPT SELECT a FROM t INTERSECT SELECT a FROM t UNION SELECT a FROM t ORDER BY a LIMIT 1",
        "SELECT t.*, t.rowid FROM main.t AS t CROSS JOIN (SELECT 1 AS one) LEFT JOIN t AS u USING (id)",
        "SELECT a FROM t WINDOW w AS (PARTITION BY b)",
        "SELECT CAST(a AS UNSIGNED BIG INT) FROM t",  # sqlglot cannot parse it, sqlite can
    ],
)
def test_what_sqlite_reads_is_run(query: str) -> None:
    read = read_sql_truth(truth())
    for each in read.expected:
        assert run(each.instance, read_query(query), read.contract).width > 0


def test_the_words_of_the_present_are_texts_like_any_other_without_a_date_function() -> None:
    assert judge("sql", truth(), "SELECT a, b FROM t WHERE b NOT IN ('now', 'utc')").is_pass
    assert not judge(
        "sql", truth(), "SELECT a, b FROM t WHERE b NOT IN ('now', 'utc') AND date('2024-01-01') > ''"
    ).is_pass
    assert judge("sql", truth(), "SELECT a, b FROM t WHERE date('2024-01-01') > ''").is_pass


def test_hostile_queries_are_refused_and_none_holds_us() -> None:
    rows = [json.loads(line) for line in HOSTILE.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 40
    cases = [read_case("sql", each) for each in QUERIES]
    for row in rows:
        for case in cases:
            verdict = judge_case(case, row["response"])
            assert verdict.outcome is Outcome.FAIL, (row["why"], dict(verdict.evidence))


@given(text=st.text(max_size=60) | st.text(alphabet="SELECTfromtab *,()'\";-/`[]0123456789=<>\n", max_size=60))
@settings(max_examples=150, deadline=None)
def test_any_text_is_judged(text: str) -> None:
    for reply in (text, f"SELECT {text}", f"SELECT a, b FROM t {text}", f"```sql\n{text}\n```"):
        verdict = judge("sql", TRUTH, reply)
        assert not verdict.is_void, dict(verdict.evidence)


TRUTH = truth()
CELLS = st.none() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, "", "a", "1", b"a", 0.1 + 0.2, 0.3])
ROWS = st.lists(st.tuples(CELLS, CELLS), max_size=6)


@given(rows=ROWS, chance=st.randoms(use_true_random=False))
def test_a_bag_is_itself_in_any_order_and_no_other(rows: list[Row], chance: Any) -> None:
    turned = list(rows)
    chance.shuffle(turned)
    assert difference(rows, turned, is_ordered=False) is None
    assert difference(rows, rows, is_ordered=True) is None
    assert difference(rows, [*turned, (None, None)], is_ordered=False)
    if rows:
        assert difference(rows, rows[1:], is_ordered=False)
        assert difference(rows, [("other", "other"), *rows[1:]], is_ordered=False)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (2, 2.0, True), (2, "2", False), (None, None, True), (None, 0, False), ("a", b"a", False), (2**53 + 1, float(2**53), False),
        (0.1 + 0.2, 0.3, True), (0.3, 0.3001, False), (1e300, 1e300 * (1 + 1e-15), True), ("a", "A", False), ("a", "a ", False),
        (float("inf"), float("inf"), True), (1, 1.0000000000001, False), ("", None, False),
    ],
)  # fmt: skip
def test_when_two_cells_are_the_same(left: Any, right: Any, same: bool) -> None:
    assert (difference([(left,)], [(right,)], is_ordered=False) is None) is same
    assert (difference([(left,)], [(right,)], is_ordered=True) is None) is same


# mutants


def changes(gold: str, ordered: bool = False) -> set[str]:
    return {each.change for each in mutants(read_sql_truth(truth(gold, order_matters=ordered)))}


@pytest.mark.parametrize(
    ("gold", "change"),
    [
        ("SELECT DISTINCT b FROM t", "DISTINCT left out"),
        ("SELECT b FROM t WHERE a > 4", "gt to gte"),
        ("SELECT t.b FROM t JOIN t AS u ON u.id = t.a", "INNER JOIN to LEFT JOIN"),
        ("SELECT t.b FROM t LEFT JOIN t AS u ON u.id = t.a", "LEFT JOIN to INNER JOIN"),
        ("SELECT t.b FROM t LEFT JOIN t AS u ON u.id = t.a", "the condition of LEFT JOIN into WHERE"),
        ("SELECT b FROM t WHERE id NOT IN (SELECT a FROM t)", "NOT IN without its NULLs"),
        ("SELECT b, SUM(a) FROM t GROUP BY b, id", "id left out of GROUP BY"),
        ("SELECT b, SUM(a) FROM t GROUP BY b HAVING SUM(a) > 3", "HAVING left out"),
        ("SELECT SUM(a) FROM t", "sum to avg"),
        ("SELECT COUNT(*) FROM t", 'COUNT(*) to COUNT("t"."a")'),
        ("SELECT COUNT(a) FROM t", "COUNT(a) to COUNT(*)"),
        ("SELECT COUNT(DISTINCT a) FROM t", "DISTINCT left out of COUNT"),
        ("SELECT b FROM t WHERE a = 5 AND b = 'x'", "and to or"),
        ("SELECT b FROM t WHERE a = 5 AND b = 'x'", "a = 5 left out"),
        ("SELECT b FROM t WHERE a BETWEEN 1 AND 5", "BETWEEN without its upper end"),
        ("SELECT b FROM t UNION SELECT b FROM t", "UNION to UNION ALL"),
        ("SELECT COALESCE(a, 0) FROM t", "COALESCE of a left out"),
        ("SELECT RANK() OVER (PARTITION BY b ORDER BY a) FROM t", "PARTITION BY left out"),
        ("SELECT b FROM t WHERE a IS NULL", "IS NULL to IS NOT NULL"),
    ],
)
def test_a_change_that_models_make(gold: str, change: str) -> None:
    assert change in changes(gold)


def test_directions_are_changed_only_where_they_decide() -> None:
    assert "id in the other direction" in changes("SELECT b FROM t ORDER BY id", ordered=True)
    assert "ORDER BY left out" in changes("SELECT b FROM t ORDER BY id", ordered=True)
    assert "id in the other direction" not in changes("SELECT b FROM t ORDER BY id")
    assert "id in the other direction" in changes("SELECT b FROM t ORDER BY id LIMIT 1")


def test_thin_instances_let_mutants_live_and_full_ones_do_not() -> None:
    thin = [{}, {"t": [[1, 1, "x"]]}, {"t": [[1, 9, "y"]]}]
    gold = "SELECT DISTINCT b FROM t WHERE a > 4"
    living = {each.change for each in mutation_report(read_sql_truth(truth(gold, thin))).living}
    assert living == {"DISTINCT left out", "gt to gte", "4 to 5"}
    full = [{}, {"t": [[1, 4, "x"], [2, 5, "y"], [3, 5, "y"]]}, FULL]
    assert not mutation_report(read_sql_truth(truth(gold, full))).living


def test_the_check_names_what_no_instance_tells(tmp_path: Path) -> None:
    file = tmp_path / "tasks.jsonl"
    thin = truth("SELECT DISTINCT b FROM t WHERE a > 4", [{"t": [[1, 9, "x"]]}])
    blank = truth("SELECT b FROM t WHERE 1 = 0")
    rows = [
        {"id": f"q{at}", "prompt": f"Query {at}.", "verifier": "sql", "truth": each, "split": "train"}
        for at, each in enumerate([thin, blank])
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    source = loaded(file)
    assert canonical_response(source.task(0)) == thin["gold_sql"]
    report = check_sources(source)
    assert any("does not accept the truth" in each for each in report.problems)  # nothing on every instance
    told = " ".join(report.notes)
    assert "let a changed gold query pass" in told
    assert "1 instance given, 2 made" in told


def loaded(file: Path) -> Any:
    from assay.core.config import TasksConfig
    from assay.tasks.load import load_source

    return load_source(TasksConfig(source=str(file)), "train", 0)


# the engine beside it


def test_the_verdict_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case = read_case("sql", truth())
    for query in ("ATTACH 'x.db' AS x", "VACUUM INTO 'y.db'", "SELECT writefile('z', 'z')", "SELECT a, b FROM t"):
        judge_case(case, query)
    assert not list(tmp_path.iterdir())
    with closing(sqlite3.connect(":memory:")) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_tables_that_double_are_refused_before_sqlite_copies_them() -> None:
    with pytest.raises(Refused) as caught:
        read_query("WITH a0 AS (SELECT 1 AS x)" + "".join(
            f", a{at} AS (SELECT p.x FROM a{at - 1} p, a{at - 1} q)" for at in range(1, 30)) + " SELECT COUNT(*) FROM a29")  # fmt: skip
    assert caught.value.reason is Reason.LIMIT
