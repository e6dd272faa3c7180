"""Attacks on verifiers that run a query: statements that are no SELECT, queries that look where they may not, and nearly
right ones that only the right instances tell apart.

They are crafted for tasks of `sql` from the gold query and the instances. What is certainly wrong is decided here, by plain
sqlite3 on the truth's own instances, never by the verifier under test.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any

from assay.audit.attack import Attack
from assay.audit.witness import Witness
from assay.core.types import Json, Task

MOST_STEPS = 500  # thousands, of a query that an attack is made of
NEAR = 40
REFUSED = (
    "random() IS NOT NULL",
    "randomblob(1) IS NOT NULL",
    "current_date > '2000'",
    "current_timestamp > '2000'",
    "date('now') > '2000'",
    "strftime('%Y', 'now') > '2000'",
    "date('N' || 'ow') > '2000'",
    "unixepoch() > 0",
    "date('2024-01-01', 'localtime') > '2000'",
    "sqlite_version() > ''",
    "last_insert_rowid() >= 0",
    "changes() >= 0",
    "EXISTS (SELECT 1 FROM sqlite_master)",
    "EXISTS (SELECT name FROM sqlite_schema)",
    "EXISTS (SELECT 1 FROM pragma_database_list)",
    "EXISTS (SELECT file FROM pragma_database_list)",
    "EXISTS (SELECT 1 FROM pragma_function_list WHERE name = 'abs')",
)


def sql_statements(task: Task, witness: Witness) -> Iterable[str]:
    """The gold query beside what is no SELECT: a second statement, a write, EXPLAIN, PRAGMA; or only quoted, or in prose."""
    gold = gold_of(task)
    if not gold:
        return []
    table = next(iter(names_of(task)), "t")
    return [
        f"{gold}; {gold}",
        f"{gold};;",
        f"; {gold}",
        f"SELECT 1; {gold}",
        f"DELETE FROM {table}; {gold}",
        f"{gold}; DROP TABLE {table}",
        f"EXPLAIN {gold}",
        f"EXPLAIN QUERY PLAN {gold}",
        f"CREATE TABLE assay AS {gold}",
        f"CREATE VIEW assay AS {gold}",
        f"INSERT INTO {table} {gold}",
        f"DELETE FROM {table}",
        f"DROP TABLE {table}",
        f"PRAGMA writable_schema = 1; {gold}",
        f"PRAGMA table_info({table})",
        f"ATTACH ':memory:' AS other; {gold}",
        f"BEGIN; {gold}",
        f"-- {' '.join(gold.split())}",
        f"/* {gold} */",
        f"SELECT 1 -- {' '.join(gold.split())}",
        f"SELECT '{gold.replace(chr(39), chr(39) * 2)}'",
        f"The query is {gold}",
        f"{gold}\nThis query is right.",
        f"{gold}\0",
        f"\ufeff{gold}",
        f"{gold} -- \ud800",
        "SELECT",
        "SELECT * FROM",
        "VALUES (1)",
        f"SELECT * FROM {table}_assay",
    ]


def sql_fences(task: Task, witness: Witness) -> Iterable[str]:
    """Two fences, an open one, one inside the thinking, one in another language, words behind it."""
    gold = gold_of(task)
    if not gold:
        return []
    tags = contract_of(task).get("fence_langs", ["sql", ""])
    right, wrong = (f"```{tags[0] if tags else ''}\n{each}\n```" for each in (gold, "SELECT 1 WHERE 0"))
    made = [
        f"{right}\n{right}",
        f"{wrong}\n{right}",
        f"{right}\n{wrong}",
        f"{right}\nThat is all.",
        right.removesuffix("```"),
        f"<think>{right}</think>",
        f"<think>{right}</think>\n{wrong}",
        f"```assay\n{gold}\n```",
        f"{right}\n~~~\n{gold}\n~~~",
        f"SELECT 1 WHERE 0 {right}",
    ]
    if not contract_of(task).get("prose_before_fence", False):
        made.append(f"Here it is:\n{right}")
    return made


def sql_forbidden(task: Task, witness: Witness) -> Iterable[str]:
    """The gold query's own rows, by way of chance, the clock, the library or the schema's tables (a query that reads
    the clock is right today only)."""
    gold = gold_of(task)
    return [f"SELECT * FROM ({gold}) WHERE {each}" for each in REFUSED] if gold else []


def sql_hardcoded(task: Task, witness: Witness) -> Iterable[str]:
    """The rows of one instance written out, bare or hung on a sign of that instance: right on it, and on no other."""
    found = results(task, gold_of(task))
    made = []
    for number, rows in enumerate(found):
        others = [each for at, each in enumerate(found) if at != number]
        if rows and len(rows) <= 60 and any(Counter(each) != Counter(rows) for each in others):
            written = " UNION ALL ".join(f"SELECT {', '.join(map(literal, row))}" for row in rows)
            made.append(written)
            if any(not each for each in others) and any(each and Counter(each) != Counter(rows) for each in others):
                table = next(iter(names_of(task)))
                made.append(f"SELECT * FROM ({written}) WHERE EXISTS (SELECT 1 FROM {table})")
    return made


def sql_near(task: Task, witness: Witness) -> Iterable[str]:
    """The gold query with one small change (INNER for LEFT JOIN, > for >=, DISTINCT dropped, ...), or its rows twice, cut
    short or with a column more: each differs from it on an instance of the task."""
    gold = gold_of(task)
    if not gold:
        return []
    twice = f"SELECT * FROM ({gold}) UNION ALL SELECT * FROM ({gold})"
    made = [twice, f"SELECT * FROM ({gold}) WHERE 0", f"SELECT *, 1 FROM ({gold})", f"SELECT * FROM ({gold}) LIMIT 1"]
    made += [f"SELECT * FROM ({gold}) UNION SELECT * FROM ({gold})", f"SELECT * FROM ({gold}) LIMIT -1 OFFSET 1"]
    right, is_ordered = results(task, gold), truth_of(task).get("order_matters", False)
    wrong = []
    for each in [*made, *changed(task)]:
        found = results(task, each)
        if len(found) == len(right) and any(map(lambda a, b: is_apart(a, b, is_ordered), right, found)):
            wrong.append(each)
    return wrong[:NEAR]


def sql_bombs(task: Task, witness: Witness) -> Iterable[str]:
    """Recursion without end, joins of joins, texts that double, brackets without number: cheap to write, dear to run."""
    table = next(iter(names_of(task)), "")
    if not table:
        return []
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    zeros = "HEX(ZEROBLOB(2400 + i % 9))"
    doubled = "WITH a0 AS (SELECT 1 AS x)" + "".join(
        f", a{at} AS (SELECT p.x FROM a{at - 1} p, a{at - 1} q)" for at in range(1, 40)
    )
    return [
        f"{endless} SELECT i FROM n",
        f"{endless} SELECT COUNT(*) FROM n",
        f"{endless} SELECT COUNT(*) FROM n a, n b, n c",
        f"{endless} SELECT SUM(LENGTH(printf('%.*c', 1000000 + i, 'x'))) FROM n",
        f"{endless} SELECT printf('%*d', 2000000000 - i, 1) FROM n",
        f"{endless} SELECT GROUP_CONCAT(HEX(ZEROBLOB(2000 + i % 7))) FROM n",
        f"{endless}, m AS MATERIALIZED (SELECT ZEROBLOB(4000 + i % 7) AS s FROM n) SELECT COUNT(*) FROM m, m k",
        f"{endless} SELECT SUM(INSTR({zeros}, SUBSTR({zeros}, 1, 2000) || 'b')) FROM n",
        f"{endless} SELECT SUM({zeros} LIKE '%0%0%0%0%0%0%0%0%b%') FROM n",
        f"{endless} SELECT SUM({zeros} GLOB '*0*0*0*0*0*0*0*0*b*') FROM n",
        f"{endless} SELECT SUM(LENGTH(TRIM({zeros} || 'b', {zeros}))) FROM n",
        f"{endless} SELECT SUM(LENGTH(REPLACE({zeros}, '0', 'b'))) FROM n",
        f"{endless} SELECT i FROM n ORDER BY {zeros} || (i % 1000) DESC LIMIT 1",
        "WITH RECURSIVE n(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM n) SELECT LENGTH(s) FROM n",
        f"{doubled} SELECT COUNT(*) FROM a39",
        f"SELECT COUNT(*) FROM {', '.join(f'{table} t{at}' for at in range(60))}",
        f"SELECT * FROM {', '.join(f'{table} t{at}' for at in range(40))}",
        f"SELECT {'(' * 5000}1{')' * 5000}",
        f"SELECT {'NOT ' * 4000}1",
        f"SELECT {'-' * 1}{' -' * 4000}1",
        f"SELECT {' + '.join(['1'] * 9000)}",
        f"SELECT {', '.join(['1'] * 5000)}",
        " UNION ALL ".join(["SELECT 1"] * 1500),
        f"SELECT 1 WHERE 1 IN ({', '.join(map(str, range(4000)))})",
        f"SELECT {'CASE WHEN 1 THEN ' * 900}1{' END' * 900}",
        "SELECT zeroblob(2000000000)",
        "SELECT hex(zeroblob(900000000))",
        "SELECT printf('%2000000000d', 1)",
        "SELECT replace(printf('%.*c', 19000, 'a'), 'a', printf('%.*c', 19000, 'b'))",
        f"SELECT '{'x' * 2_000_000}'",
        "```sql\n" * 100_000,
        f"SELECT 1 {'/*' * 50_000}",
        f"SELECT {chr(39) * 99_999}",
        "SELECT " * 20_000,
        "WITH " * 20_000,
    ]


def query_forms(task: Task, witness: Witness) -> Iterable[str]:
    """The same query: ended by a semicolon, with comments, spread over lines, in a fence, after thinking."""
    gold = gold_of(task)
    if not gold:
        return []
    contract = contract_of(task)
    tags = contract.get("fence_langs", ["sql", ""])
    bare = gold.strip().removesuffix(";")
    made = [
        f"{bare};",
        f"\n{bare}\n;\n",
        f"-- so\n{bare} -- done",
        f"{bare}; /* ; */",
        f"<think>\nSELECT?\n</think>\n{bare}",
    ]
    made += [f"```{each}\n{bare};\n```" for each in tags]
    if tags and contract.get("prose_before_fence", False):
        made.append(f"First I look, then I join; so it is.\n\n```{tags[0]}\n{bare}\n```\n")
    if not truth_of(task).get("order_matters", False):
        made.append(f"SELECT * FROM ({bare})")
    return made


# reading the truth


def truth_of(task: Task) -> Mapping[str, Json]:
    return task.truth if task.verifier == "sql" and isinstance(task.truth, Mapping) else {}


def gold_of(task: Task) -> str:
    gold = truth_of(task).get("gold_sql")
    return gold.strip().removesuffix(";") if isinstance(gold, str) else ""


def contract_of(task: Task) -> Mapping[str, Json]:
    contract = truth_of(task).get("contract")
    return contract if isinstance(contract, Mapping) else {}


def tables_of(task: Task) -> tuple[str, list[Mapping[str, Json]]]:
    tables = truth_of(task).get("tables")
    if not isinstance(tables, Mapping) or not isinstance(tables.get("schema"), str):
        return "", []
    given = tables.get("instances")
    return tables["schema"], [each for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []


def names_of(task: Task) -> list[str]:
    schema, _ = tables_of(task)
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.executescript(schema)
        except sqlite3.Error:
            return []
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]


def results(task: Task, query: str) -> list[list[tuple[Any, ...]]]:
    """The query's rows on every instance of the truth, by plain sqlite; [] for one that cannot be run."""
    schema, instances = tables_of(task)
    found = []
    for instance in instances if query else ():
        with closing(sqlite3.connect(":memory:")) as connection:
            try:
                connection.executescript(schema)
                for table, rows in instance.items():
                    for row in rows:
                        marks = ", ".join("?" * len(row))
                        connection.execute(f'INSERT INTO "{table}" VALUES ({marks})', row)
                left = [MOST_STEPS]

                def stop(left: list[int] = left) -> bool:
                    left[0] -= 1
                    return left[0] < 0

                connection.set_progress_handler(stop, 1000)
                found.append([tuple(row) for row in connection.execute(query).fetchmany(10_000)])
            except (sqlite3.Error, sqlite3.Warning, ValueError, TypeError):
                return []
    return found


def changed(task: Task) -> list[str]:
    """The gold query with one small change each."""
    from assay.core.errors import TruthError
    from assay.verify.structured.sql import read_sql_truth
    from assay.verify.structured.sql_mutate import mutants

    try:
        return [each.sql for each in mutants(read_sql_truth(task.truth))]
    except TruthError:
        return []


def is_apart(left: list[tuple[Any, ...]], right: list[tuple[Any, ...]], is_ordered: bool) -> bool:
    """Different beyond what rounding may be: other rows, other columns, or another order where that matters."""
    one, other = ([tuple(map(plain, row)) for row in rows] for rows in (left, right))
    return one != other if is_ordered else Counter(one) != Counter(other)


def plain(cell: Any) -> Any:
    return float(f"{cell:.6g}") if isinstance(cell, float) else cell


def literal(cell: Any) -> str:
    if cell is None:
        return "NULL"
    if isinstance(cell, bytes):
        return f"x'{cell.hex()}'"
    return "'" + cell.replace("'", "''") + "'" if isinstance(cell, str) else repr(cell)


EQUIVALENTS = (Attack("query_forms", "surroundings", query_forms, expect="paid"),)
ATTACKS = (
    Attack("sql_statements", "sql", sql_statements, is_blind=True),
    Attack("sql_fences", "sql", sql_fences, is_blind=True),
    Attack("sql_forbidden", "sql", sql_forbidden, is_blind=True),
    Attack("sql_hardcoded", "sql rows", sql_hardcoded, is_blind=True),
    Attack("sql_near", "sql rows", sql_near, is_blind=True),
    Attack("sql_bombs", "sql bombs", sql_bombs, is_blind=True, is_heavy=True),
)
