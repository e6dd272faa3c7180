"""Tables from files: sqlite, duckdb, or one JSONL file for each table. Attached read-only; loaded when a rule names them.

`{"sqlite": path}`, `{"duckdb": path}` or `{"jsonl": {table: path}}`, with `"sha256"` beside the first two to pin the
file's content. A loaded table is kept for as long as its file does not change, and shared by all truths.

Values: integers and texts as they are, reals by their shortest decimal, DECIMAL exactly, dates as `YYYY-MM-DD`,
timestamps with a zone as RFC 3339 in UTC, without one as text without an offset (so that no rule takes it for an
instant). A blob has no place in a table that rules look at.
"""

from __future__ import annotations

import datetime
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from assay.core.errors import MissingExtra, TruthError, did_you_mean
from assay.core.types import Json
from assay.verify.structured.document import Malformed, read_json
from assay.verify.structured.tables import MOST_ROWS, Table, read_rows

KINDS = ("sqlite", "duckdb", "jsonl")
TABLES_KEPT = 64


class Database(Mapping[str, Table]):
    """The tables of a database by name; each is read when it is first asked for. Raises TruthError."""

    def __init__(self, value: Json) -> None:
        kinds = [each for each in KINDS if isinstance(value, Mapping) and each in value]
        if len(kinds) != 1:
            raise TruthError('database: {"sqlite": path}, {"duckdb": path} or {"jsonl": {table: path}} would be right')
        known = (kinds[0], "sha256")
        for key in value:
            if key not in known:
                raise TruthError(f"database: unknown key {key!r}{did_you_mean(key, known)}")
        self._kind = kinds[0]
        self._files: dict[str, Path] = {}
        self._names: tuple[str, ...]
        place = value[self._kind]
        if self._kind == "jsonl":
            if not isinstance(place, Mapping) or not all(isinstance(each, str) for each in place.values()):
                raise TruthError("database.jsonl: an object of table to path would be right")
            self._files = {name: _file(path) for name, path in place.items()}
            self._names = tuple(place)
            return
        if not isinstance(place, str):
            raise TruthError(f"database.{self._kind}: a path would be right, not {place!r}"[:200])
        self._path = _file(place)
        if "sha256" in value and value["sha256"] != hashlib.sha256(self._path.read_bytes()).hexdigest():
            raise TruthError(f"database: {place} is not the file with the sha256 {str(value['sha256'])[:16]}...")
        self._names = _names(self._kind, *_signed(self._path))

    def __getitem__(self, name: str) -> Table:
        if name not in self._names:
            raise KeyError(name)
        if self._kind == "jsonl":
            return _jsonl(name, *_signed(self._files[name]))
        return _load(self._kind, name, *_signed(self._path))

    def __contains__(self, name: object) -> bool:
        return name in self._names  # without reading the table

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _file(path: str) -> Path:
    found = Path(path).expanduser()
    if not found.is_file():
        beside = [each.name for each in found.parent.iterdir()] if found.parent.is_dir() else []
        raise TruthError(f"database: there is no file {path}{did_you_mean(found.name, beside)}")
    return found


def _signed(path: Path) -> tuple[Path, int, int]:
    """The file and what tells that it changed."""
    told = path.stat()
    return path.resolve(), told.st_mtime_ns, told.st_size


@lru_cache(maxsize=TABLES_KEPT)
def _names(kind: str, path: Path, *signature: int) -> tuple[str, ...]:
    if kind == "sqlite":
        rows, _ = _sqlite(path, "select name from sqlite_master where type in ('table', 'view')")
    else:
        rows, _ = _duckdb(path, "select table_name from information_schema.tables where table_schema = 'main'")
    return tuple(str(name) for (name,) in rows)


@lru_cache(maxsize=TABLES_KEPT)
def _load(kind: str, name: str, path: Path, *signature: int) -> Table:
    quoted = name.replace('"', '""')
    run = _sqlite if kind == "sqlite" else _duckdb
    rows, columns = run(path, f'select * from "{quoted}" limit {MOST_ROWS + 1}')
    where = f"table {name} of {path.name}"
    made = [{column: _plain(value, where) for column, value in zip(columns, row, strict=True)} for row in rows]
    return read_rows(name, made, where, columns)


def _sqlite(path: Path, query: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
        try:
            connection.execute("pragma query_only = on")
            found = connection.execute(query)
            return found.fetchall(), [each[0] for each in found.description]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise TruthError(f"database: {path.name} cannot be read as sqlite ({error})") from None


def _duckdb(path: Path, query: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    try:
        import duckdb
    except ModuleNotFoundError:
        raise MissingExtra("duckdb", "sql", f"the database {path.name}") from None
    try:
        with duckdb.connect(str(path), read_only=True, config={"enable_external_access": False}) as connection:
            connection.execute("set timezone = 'UTC'")
            found = connection.execute(query)
            return found.fetchall(), [each[0] for each in found.description or ()]
    except duckdb.Error as error:
        raise TruthError(f"database: {path.name} cannot be read as duckdb ({str(error).splitlines()[0]})") from None


@lru_cache(maxsize=TABLES_KEPT)
def _jsonl(name: str, path: Path, *signature: int) -> Table:
    rows = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                rows.append(read_json(line.decode()))
            except (Malformed, UnicodeDecodeError) as error:
                raise TruthError(f"database: {path.name}:{number}: {error}") from None
    return read_rows(name, rows, f"table {name} of {path.name}")


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, Decimal)):
        return value
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return value.isoformat()
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, (datetime.date, UUID)):
        return str(value)
    if isinstance(value, list):
        return [_plain(each, where) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each, where) for key, each in value.items()}
    raise TruthError(f"{where} holds a {type(value).__name__}, which no rule can look at")
