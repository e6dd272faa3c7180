"""Reference tables: rows that a rule may look up, indexed by the columns that it asks for.

A table is a list of objects. Its values are exact (a float is what its shortest decimal says), and its ids are compared
sign by sign: case, blanks, look-alike letters and zero-width characters all count.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from assay.core.errors import TruthError
from assay.core.types import Json
from assay.verify.structured.document import Malformed, exact
from assay.verify.structured.value import Value, key_of, show

MOST_ROWS = 200_000  # of one table
ALIKE_ROWS = 2_000  # rows looked through for an id that reads like the one that is not there

Row = dict[str, Value]


class Table(list[Row]):
    """The rows, in order. `columns`: every name that a row has, or that its database declares."""

    def __init__(self, name: str, rows: Iterable[Row], columns: Iterable[str] = ()) -> None:
        super().__init__(rows)
        self.name = name
        self.columns = frozenset(columns) | {column for row in self for column in row}
        self.indexes: dict[tuple[str, ...], dict[tuple[Hashable, ...], list[Row]]] = {}

    def find(self, columns: tuple[str, ...], keys: tuple[Hashable, ...]) -> list[Row]:
        """The rows that hold these values (`value.key_of`) in these columns; a row without one of them is none."""
        index = self.indexes.get(columns)
        if index is None:
            index = self.indexes[columns] = {}
            for row in self:
                if all(column in row for column in columns):
                    index.setdefault(tuple(key_of(row[column]) for column in columns), []).append(row)
        return index.get(keys, [])

    def near(self, pairs: Sequence[Value]) -> str:
        """`; 'A-17' reads alike`: what a person would have taken the id for, in a sentence."""
        if len(pairs) != 2 or not isinstance(pairs[1], str):
            return ""
        column, wanted = pairs[0], _plain(pairs[1])
        for row in self[:ALIKE_ROWS]:
            if isinstance(row.get(column), str) and row[column] != pairs[1] and _plain(row[column]) == wanted:
                return f"; {show(row[column])} only reads alike"
        return ""


def read_tables(value: Json) -> dict[str, Table]:
    """`{name: [rows]}` of a truth. Raises TruthError."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TruthError("tables: an object of name to rows would be right")
    return {name: read_rows(name, rows, f"tables.{name}") for name, rows in value.items()}


def read_rows(name: str, rows: Any, where: str, columns: Iterable[str] = ()) -> Table:
    if not isinstance(rows, list):
        raise TruthError(f"{where}: a list of rows would be right, not {rows!r}"[:200])
    if len(rows) > MOST_ROWS:
        raise TruthError(f"{where}: {len(rows)} rows; at most {MOST_ROWS} would be right")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TruthError(f"{where}[{number}]: an object of column to value would be right, not {row!r}"[:200])
    try:
        return Table(name, [exact(row) for row in rows], columns)
    except Malformed as error:
        raise TruthError(f"{where}: {error}") from None


ALIKE = str.maketrans(
    "АВЕКМНОРСТХаеорсхуіјѕԁΑΒΕΖΗΙΚΜΝΟΡΤΥΧοІЅ‐‑‒–—−",
    "ABEKMHOPCTXaeopcxyijsdABEZHIKMNOPTYXoIS------",
)
"""Cyrillic and Greek letters, and dashes, that read like a Latin one (Unicode TR 39 lists more)."""


def _plain(text: str) -> str:
    """As a hurried reader sees it: no case, blanks, zero-width signs, wide or look-alike letters."""
    shown = unicodedata.normalize("NFKD", text[:200]).translate(ALIKE).casefold()
    return "".join(each for each in shown if unicodedata.category(each) not in ("Cf", "Cc", "Zs", "Mn"))
