"""The `sql` verifier: one SELECT whose rows are the gold query's on every instance.

    {"gold_sql": "SELECT ...", "order_matters": false,
     "tables": {"schema": "CREATE TABLE ...;", "instances": [{"table": [[row], ...]}, ...]}, "contract": {...}}

A query is right for what it gives, never for how it is written. Both run on at least three instances, one of them empty
(`sql_instances`); rows are compared as multisets, or in order where that matters (`sql_rows`). Each query runs twice, the
second time with its tables scanned from their end: where the gold query's rows do not depend on how tables are scanned,
no other query's may (ORDER BY left out, LIMIT without an order). Two queries that return nothing on every instance do
not match: nothing was seen of either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed
from assay.verify.structured.sql_instances import LEAST, Schema, made_instances, read_instances, read_schema
from assay.verify.structured.sql_query import Query, Refused, SqlContract, query_of, read_query, read_sql_contract
from assay.verify.structured.sql_rows import difference
from assay.verify.structured.sql_run import Cell, Instance, Ran, run

KEYS = ("gold_sql", "order_matters", "tables", "contract")
ROOM = 10  # times a reply's caps: a gold query beyond those is no reason for VOID, it is for the check to say
LONGEST_GOLD = 200_000  # bytes of a value or a row of the gold query
SHOWN = 2000  # characters of the query kept in a verdict
TRIED = 20  # made instances looked at for those that are missing


class Expected(NamedTuple):
    """The gold query's rows on an instance. `is_stable`: they are the same whichever way tables are scanned."""

    instance: Instance
    ran: Ran
    is_stable: bool


@dataclass(frozen=True, slots=True)
class SqlTruth:
    gold: Query
    schema: Schema
    is_ordered: bool
    contract: SqlContract
    expected: tuple[Expected, ...]
    given: int  # so many of them the truth gave; the rest were made

    @property
    def is_blank(self) -> bool:
        """No instance gives a row: there is nothing to compare."""
        return not any(each.ran.rows for each in self.expected)


class SqlVerifier:
    name = "sql"
    version = "1"

    def read(self, truth: Json) -> SqlTruth:
        return read_sql_truth(truth)

    def check(self, truth: SqlTruth, response: str, prompt: str = "") -> Finding:
        try:
            query = query_of(response, truth.contract)
        except Refused as error:
            return failed(error.reason, error.text[:SHOWN] or None, rule="contract", path="", detail=error.detail)
        return judged(truth, query)


def judged(truth: SqlTruth, query: Query) -> Finding:
    """A query on every instance: the first difference is the reason."""
    shown = query.text[:SHOWN]
    for right in truth.expected:
        try:
            found = differing(truth, right, query)
        except Refused as error:
            return failed(error.reason, shown, rule=_rule(error.reason), path=right.instance.label, detail=error.detail)
        if found is not None:
            return failed(Reason.WRONG_VALUE, shown, rule="rows", path=right.instance.label, detail=found)
    if truth.is_blank:
        return failed(Reason.WRONG_VALUE, shown, rule="rows", path="", detail="nothing on every instance shows nothing")
    return passed(shown)


def differing(truth: SqlTruth, right: Expected, query: Query) -> str | None:
    """How the query's rows differ from the gold query's on one instance. Raises Refused."""
    width = right.ran.width
    found = run(right.instance, query, truth.contract, width=width)
    told = difference(right.ran.rows, found.rows, truth.is_ordered)
    if told is not None or not right.is_stable:
        return told
    again = run(right.instance, query, truth.contract, width=width, is_reversed=True)
    told = difference(right.ran.rows, again.rows, truth.is_ordered)
    return None if told is None else f"with its tables scanned from their end, {told}"


def read_sql_truth(truth: Json) -> SqlTruth:
    """Raises TruthError."""
    if not isinstance(truth, Mapping):
        raise TruthError(f"a sql truth is an object with {', '.join(KEYS)}, not {truth!r}"[:200])
    for key in truth:
        if key not in KEYS:
            raise TruthError(f"unknown key {key!r} in a sql truth{did_you_mean(key, KEYS)}")
    contract, is_ordered = read_sql_contract(truth.get("contract")), truth.get("order_matters", False)
    if not isinstance(is_ordered, bool):
        raise TruthError(f"order_matters: true or false would be right, not {is_ordered!r}"[:200])
    gold, tables = read_gold(truth.get("gold_sql")), truth.get("tables")
    if not isinstance(tables, Mapping) or not set(tables) <= {"schema", "instances"}:
        raise TruthError('tables: {"schema": "CREATE TABLE ...;", "instances": [...]} would be right')
    schema = read_schema(tables.get("schema"))
    given = read_instances(schema, tables.get("instances", []))
    expected = [expect(each, gold, contract, is_ordered) for each in given]
    missing = max(LEAST - len(given), 0 if any(not any(each.rows.values()) for each in given) else 1)
    made = made_instances(schema, given, literals(gold), gold.text)
    for instance in islice(made, TRIED):
        if missing == 0:
            break
        found = expect(instance, gold, contract, is_ordered)
        if found.is_stable:
            expected.append(found)
            missing -= 1
    if missing:
        raise TruthError(
            f"tables.instances: {len(given)} given, and no others could be made on which gold_sql is stable"
        )
    return SqlTruth(gold, schema, is_ordered, contract, tuple(expected), len(given))


def read_gold(sql: Json) -> Query:
    if not isinstance(sql, str):
        raise TruthError(f"gold_sql: a SELECT would be right, not {sql!r}"[:200])
    try:
        return read_query(sql)
    except Refused as error:
        raise TruthError(f"gold_sql: {error.detail}") from None


def expect(instance: Instance, gold: Query, contract: SqlContract, is_ordered: bool) -> Expected:
    contract = replace(contract, max_rows=ROOM * contract.max_rows, max_steps=ROOM * contract.max_steps)
    roomy = instance._replace(longest=max(instance.longest, LONGEST_GOLD // 8))
    try:
        ran = run(roomy, gold, contract)
        longest = max((len(cell) for row in ran.rows for cell in row if isinstance(cell, (str, bytes))), default=0)
        instance = instance._replace(longest=max(instance.longest, longest))
        again = run(instance, gold, contract, is_reversed=True)
    except Refused as error:
        raise TruthError(f"gold_sql: {instance.label}: {error.detail}") from None
    return Expected(instance, ran, difference(ran.rows, again.rows, is_ordered) is None)


def literals(query: Query) -> Sequence[Cell]:
    """The texts and numbers that a query compares with."""
    from sqlglot import expressions

    from assay.verify.structured.sql_query import parsed

    found: list[Cell] = []
    try:
        trees = parsed(query.text)
    except ValueError:
        return found
    for each in (each for tree in trees if tree is not None for each in tree.find_all(expressions.Literal)):
        if each.is_string:
            found.append(each.this)
        elif each.this.isdigit() and len(each.this) < 18:
            found.append(int(each.this))
    return found


def _rule(reason: Reason) -> str:
    return {Reason.MALFORMED: "contract", Reason.WRONG_VALUE: "columns", Reason.ERROR: "query"}.get(reason, "caps")
