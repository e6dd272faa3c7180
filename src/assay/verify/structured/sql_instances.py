"""The instances of a SQL truth: read from its rows, and made from its schema where there are too few.

At least three are judged on, one of them empty. Where the truth gives fewer, the empty one is added, and then variants of
its own rows (or, without any, rows drawn from the column types and the gold query's literals): values taken from another
row so that ties arise, a row twice (but for its key), NULL wherever the schema lets it stand. sqlite holds every row to
the schema's own constraints. A made instance on which the gold query has no single answer (a tie before LIMIT) is left
out. What an author gives is judged as it is, and what is missing in it is for `assay tasks check` to say.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from random import Random
from typing import NamedTuple

from assay.core.errors import TruthError, did_you_mean
from assay.core.rng import stream
from assay.core.types import Json
from assay.verify.structured.sql_run import Cell, Instance, Row

LEAST = 3
MADE_ROWS = 8  # of a table that no instance has rows for
MOST_ROWS = 100_000  # of one instance
LARGEST = 2**63
CREATES = frozenset(
    {
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_CREATE_VIEW,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_REINDEX,
        sqlite3.SQLITE_RECURSIVE,
    }
)


class Column(NamedTuple):
    """`is_key`: part of the primary key, which we never make NULL (sqlite itself lets some be)."""

    name: str
    type: str
    is_nullable: bool
    is_key: bool


class Schema(NamedTuple):
    """`sql` as it was written; the columns of each table, and its views."""

    sql: str
    tables: Mapping[str, tuple[Column, ...]]
    views: frozenset[str]


def read_schema(sql: Json) -> Schema:
    """Raises TruthError."""
    if not isinstance(sql, str) or not sql.strip():
        raise TruthError('tables.schema: CREATE TABLE statements would be right, such as "CREATE TABLE t (a INTEGER);"')
    with closing(sqlite3.connect(":memory:")) as connection:
        _create(connection, sql)
        names = connection.execute("select name, type from sqlite_master where name not like 'sqlite~_%' escape '~'")
        found = names.fetchall()
        tables: dict[str, tuple[Column, ...]] = {}
        for name, kind in found:
            if kind == "table":
                if connection.execute(f"select 1 from {quoted(name)} limit 1").fetchone():
                    raise TruthError(f"tables.schema: rows of {name}; they belong into the instances")
                columns = connection.execute(f"pragma table_info({quoted(name)})").fetchall()
                tables[name] = tuple(
                    Column(name, kind.upper(), not is_set and not key, bool(key))
                    for _, name, kind, is_set, _, key in columns
                )
        if not tables:
            raise TruthError("tables.schema: no table is created there")
        return Schema(sql, tables, frozenset(name for name, kind in found if kind == "view"))


def read_instances(schema: Schema, value: Json) -> tuple[Instance, ...]:
    """Those that the truth gives. Raises TruthError."""
    if not isinstance(value, list):
        raise TruthError('tables.instances: a list of {"table": [[row], ...]} would be right')
    return tuple(_read(schema, each, number) for number, each in enumerate(value))


def made_instances(
    schema: Schema, given: Sequence[Instance], literals: Sequence[Cell], seed: str
) -> Iterator[Instance]:
    """The empty one where it is missing, then variants without end."""
    if not any(is_empty(each) for each in given):
        yield build(schema, {}, "the empty instance")
    full = [each for each in given if not is_empty(each)]
    number = 0
    while True:
        number += 1
        random = stream(0, "sql instance", seed, number)
        base = random.choice(full).rows if full else {}
        yield build(schema, dict(_varied(schema, base, literals, random)), f"made instance {number}", is_checked=True)


def is_empty(instance: Instance) -> bool:
    return not any(instance.rows.values())


def build(schema: Schema, rows: Mapping[str, Iterable[Row]], label: str, *, is_checked: bool = False) -> Instance:
    """`is_checked`: a row that breaks a constraint is left out; otherwise it raises TruthError."""
    kept: dict[str, tuple[Row, ...]] = {}
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("pragma page_size = 512")
        _create(connection, schema.sql)
        connection.execute(f"pragma foreign_keys = {'on' if is_checked else 'off'}")
        for table in _parents_first(connection, schema):
            columns = schema.tables[table]
            names = ", ".join(quoted(each.name) for each in columns)
            insert = f"insert into {quoted(table)} ({names}) values ({', '.join('?' * len(columns))})"
            inserted = []
            for row in rows.get(table, ()):
                try:
                    connection.execute(insert, row)
                except sqlite3.Error as error:
                    if not is_checked:
                        raise TruthError(f"tables.instances: {label}: {table}: {row!r}"[:160] + f" ({error})") from None
                else:
                    inserted.append(row)
            kept[table] = tuple(inserted)
        connection.commit()
        image = connection.serialize()
    longest = max(
        (len(cell) for each in kept.values() for row in each for cell in row if isinstance(cell, str)), default=0
    )
    known = frozenset(name.lower() for name in (*schema.tables, *schema.views))
    return Instance(label, bytes(image), known, kept, longest)


def _create(connection: sqlite3.Connection, sql: str) -> None:
    denied = []

    def allow(action: int, *what: str | None) -> int:
        if action in CREATES or (action == sqlite3.SQLITE_PRAGMA and what[0] == "foreign_keys"):
            return sqlite3.SQLITE_OK
        denied.append(action)
        return sqlite3.SQLITE_DENY

    connection.set_authorizer(allow)
    try:
        connection.executescript(sql)
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        why = "only tables, views and indexes may be created" if denied else error
        raise TruthError(f"tables.schema: {why}"[:300]) from None
    finally:
        connection.set_authorizer(None)


def _parents_first(connection: sqlite3.Connection, schema: Schema) -> list[str]:
    """Tables after those that they refer to (in circles as they come)."""
    parents = {
        table: {row[2].lower() for row in connection.execute(f"pragma foreign_key_list({quoted(table)})")}
        for table in schema.tables
    }
    order: list[str] = []
    left = list(schema.tables)
    while left:
        waiting = {each.lower() for each in left}
        ready = [each for each in left if not (parents[each] & waiting) - {each.lower()}] or left[:1]
        order += ready
        left = [each for each in left if each not in ready]
    return order


def _read(schema: Schema, value: Json, number: int) -> Instance:
    where = f"instance {number}"
    if not isinstance(value, Mapping):
        raise TruthError(f'tables.instances[{number}]: {{"table": [[row], ...]}} would be right, not {value!r}'[:200])
    known = {name.lower(): name for name in schema.tables}
    rows: dict[str, list[Row]] = {}
    for name, given in value.items():
        table = known.get(name.lower())
        if table is None:
            raise TruthError(f"tables.instances[{number}]: no table {name!r}{did_you_mean(name, schema.tables)}")
        if not isinstance(given, list) or len(given) > MOST_ROWS:
            raise TruthError(f"tables.instances[{number}].{name}: a list of at most {MOST_ROWS} rows would be right")
        rows[table] = [_row(each, schema.tables[table], f"tables.instances[{number}].{name}") for each in given]
    return build(schema, rows, where)


def _row(value: Json, columns: Sequence[Column], where: str) -> Row:
    if isinstance(value, Mapping) and set(value) <= {each.name for each in columns}:
        value = [value.get(each.name) for each in columns]
    if not isinstance(value, list) or len(value) != len(columns):
        raise TruthError(f"{where}: a row of {len(columns)} values would be right, not {value!r}"[:200])
    return tuple(_cell(each, where) for each in value)


def _cell(value: Json, where: str) -> Cell:
    if value is None or (isinstance(value, str) and _is_text(value)):
        return value
    if isinstance(value, int) and -LARGEST <= value < LARGEST:
        return int(value)  # a truth value is 1 or 0
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping) and set(value) == {"__bytes__"}:
        try:
            return bytes.fromhex(value["__bytes__"])
        except (TypeError, ValueError):
            pass
    raise TruthError(f"{where}: {value!r} is no value of sqlite"[:200])


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _varied(
    schema: Schema, base: Mapping[str, Sequence[Row]], literals: Sequence[Cell], random: Random
) -> Iterator[tuple[str, list[Row]]]:
    for table, columns in schema.tables.items():
        rows = list(base.get(table, ())) or _drawn(columns, literals, random)
        made: list[Row] = []
        for row in rows:
            cells = list(row)
            for at, column in enumerate(columns):
                chance = random.random()
                if column.is_nullable and chance < 0.15:
                    cells[at] = None
                elif not column.is_key and chance < 0.4:
                    cells[at] = random.choice(rows)[at]
            made.append(tuple(cells))
        keys = [at for at, column in enumerate(columns) if column.is_key]
        numbers = [row[keys[0]] for row in made] if len(keys) == 1 else []
        most = max((each for each in numbers if isinstance(each, int)), default=0)
        for again, row in enumerate(random.sample(made, min(2, len(made))), 1):
            is_numbered = len(keys) == 1 and isinstance(row[keys[0]], int)
            # the same but for its key
            made.append((*row[: keys[0]], most + again, *row[keys[0] + 1 :]) if is_numbered else row)
        random.shuffle(made)
        yield table, made


def _drawn(columns: Sequence[Column], literals: Sequence[Cell], random: Random) -> list[Row]:
    texts = [each for each in literals if isinstance(each, str)] + ["a", "b", "c"]
    numbers = [each for each in literals if isinstance(each, (int, float))] + [0, 1, 2, 3]

    def draw(column: Column, number: int) -> Cell:
        if re.search("CHAR|TEXT|CLOB|DATE|TIME", column.type):
            return random.choice(texts)
        if re.search("REAL|FLOA|DOUB|DEC|NUM", column.type):
            return random.choice(numbers) + random.choice((0, 0.5))
        return random.choice((number, random.choice(numbers)))

    return [tuple(draw(column, number) for column in columns) for number in range(1, MADE_ROWS + 1)]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
