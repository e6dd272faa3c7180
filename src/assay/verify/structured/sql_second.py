"""A second engine's opinion of a query: duckdb runs it and the gold query on the same instances.

The verdict is sqlite's; this is asked beside it, to find what only sqlite's habits made the same or different (loose
types, bare columns, integer division). Both queries are written anew by sqlglot in duckdb's dialect, so an opinion can
also be that there is none: a query that duckdb does not take, or a schema that it is stricter about.

Only a query that sqlite has read as one SELECT and run within its caps gets here. duckdb holds the tables in memory and
can reach nothing else: no files, no extensions, no settings; one thread, 256 MB, and seconds that a timer ends.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from threading import Timer
from typing import Any, Literal, NamedTuple

from assay.core.errors import MissingExtra
from assay.core.types import Json
from assay.verify.structured.sql import SqlTruth, read_sql_truth
from assay.verify.structured.sql_instances import quoted
from assay.verify.structured.sql_query import PARSER_TROUBLE, Query, Refused, query_of
from assay.verify.structured.sql_rows import difference
from assay.verify.structured.sql_run import Cell, Row, run

SECONDS = 5.0
CONFIG = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": "256MB",
    "threads": "1",
}


class Opinion(NamedTuple):
    """`same`, `different` or `unknown`, and why."""

    said: Literal["same", "different", "unknown"]
    detail: str = ""


class _NoOpinion(Exception):
    pass


def second_engine(truth: Json | SqlTruth, response: str) -> Opinion:
    """What duckdb says of a reply to a `sql` truth. Raises TruthError for a truth that is none, and MissingExtra where
    duckdb is not installed."""
    try:
        import duckdb
    except ModuleNotFoundError:
        raise MissingExtra("duckdb", "sql", "the second opinion on SQL") from None
    read = truth if isinstance(truth, SqlTruth) else read_sql_truth(truth)
    try:
        query = query_of(response, read.contract)
        for each in read.expected:
            run(each.instance, query, read.contract)
    except Refused as error:
        return Opinion("unknown", f"sqlite refuses it: {error.detail}")
    seen = False
    try:
        for each in read.expected:
            with duckdb.connect(":memory:", config=CONFIG) as connection:
                _fill(connection, read, each.instance.rows)
                connection.execute("set lock_configuration = true")
                right, found = (_rows(connection, one) for one in (read.gold, query))
            seen = seen or bool(right)
            told = difference(right, found, read.is_ordered)
            if told is not None:
                return Opinion("different", f"{each.instance.label}: {told}")
    except (_NoOpinion, duckdb.Error) as error:
        return Opinion("unknown", (str(error).splitlines() or [type(error).__name__])[0][:200])
    return Opinion("same") if seen else Opinion("unknown", "nothing on every instance shows nothing")


def _fill(connection: Any, truth: SqlTruth, rows: Any) -> None:
    for statement in _translated(truth.schema.sql):
        connection.execute(statement)
    for table in truth.schema.tables:
        for row in rows.get(table, ()):
            marks = ", ".join("?" * len(row))
            names = ", ".join(quoted(each.name) for each in truth.schema.tables[table])
            connection.execute(f"insert into {quoted(table)} ({names}) values ({marks})", row)


def _rows(connection: Any, query: Query) -> list[Row]:
    (text,) = _translated(query.text)
    timer = Timer(SECONDS, connection.interrupt)
    timer.start()
    try:
        found = connection.execute(text).fetchmany(10_001)
    finally:
        timer.cancel()
    if len(found) > 10_000:
        raise _NoOpinion("more than 10000 rows")
    return [tuple(_cell(each) for each in row) for row in found]


def _translated(text: str) -> list[str]:
    import sqlglot
    from sqlglot.errors import ErrorLevel, SqlglotError

    try:
        return sqlglot.transpile(text, read="sqlite", write="duckdb", unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, *PARSER_TROUBLE) as error:
        raise _NoOpinion(f"sqlglot cannot translate it ({type(error).__name__})") from None


def _cell(value: Any) -> Cell:
    """As sqlite would have returned it."""
    if isinstance(value, (bool, Decimal)):
        whole = int(value)
        return whole if whole == value else float(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat(" ") if isinstance(value, datetime.datetime) else value.isoformat()
    if value is None or isinstance(value, (int, float, str, bytes)):
        return value
    raise _NoOpinion(f"a {type(value).__name__}, which sqlite does not have")
