"""Running one SELECT on one instance: sqlite in memory, with nothing open to it but reading.

An authorizer lets through reading the instance's own tables and functions that are a list of their own; whatever depends
on chance, the clock, the machine or the library is not on it (`random`, `current_date`, `last_insert_rowid`,
`load_extension`, `sqlite_*`, `pragma_*`). The date functions are on it, and refuse the present at run time, where alone
it can be seen (`date('n' || 'ow')`). Caps: rows, virtual-machine steps (the same count on every machine), the size of one
value or row, and as a last resort seconds of this thread's processor time.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from time import thread_time
from typing import Any, NamedTuple

from assay.core.types import Reason
from assay.verify.structured.sql_query import DATES, Query, Refused, SqlContract

Cell = int | float | str | bytes | None
Row = tuple[Cell, ...]

TICK = 50  # steps between two looks at the caps
SECONDS = 1.0  # of processor time
LONGEST_VALUE = (
    5_000  # bytes of a value or a row, or several times the longest text of the instance and of the gold rows
)
MOST_TEXT = 20_000_000  # bytes of text in a result
CAPS = {
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 300,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 200,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 50_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 100,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}

NAMES_OF_FUNCTIONS = (
    "-> ->> abs acos acosh asin asinh atan atan2 atanh avg ceil ceiling char coalesce concat concat_ws cos cosh count "
    "cume_dist date datetime degrees dense_rank exp first_value floor format glob group_concat hex if ifnull iif instr json "
    "json_array json_array_length json_each json_error_position json_extract json_group_array json_group_object "
    "json_insert json_object json_patch json_quote json_remove json_replace json_set json_tree json_type json_valid "
    "julianday lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim max median min mod "
    "nth_value ntile nullif octet_length percent_rank percentile percentile_cont percentile_disc pi pow power printf "
    "quote radians rank replace round row_number rtrim sign sin sinh soundex sqrt strftime string_agg substr substring "
    "subtype sum tan tanh time timediff total trim trunc typeof unhex unicode unistr unixepoch unlikely upper "
    "zeroblob"
)
FUNCTIONS = frozenset(NAMES_OF_FUNCTIONS.split())
FORMATS = ("printf", "format")
WIDE = re.compile(r"\*|[0-9]{4}")  # a width that sqlite counts out, sign by sign, before it looks at any cap
NOW = ("now", "localtime", "utc")  # the clock, and this machine's time zone
HELD = frozenset(DATES) | frozenset(FORMATS)
TABLE_FUNCTIONS = frozenset({"json_each", "json_tree"})
OUR_OWN = ("sqlite_", "pragma_", "fts", "rtree")
NO_TABLES = frozenset({"dbstat", "bytecode", "tables_used"})
BIG = ("too big", "too many", "too large", "too deep", "stack overflow", "at most", "out of memory", "too complex")
UNREADABLE = ("syntax error", "incomplete input", "unrecognized token", "one statement", "binding", "parameter")


class Instance(NamedTuple):
    """A database as bytes, with its own tables and views by name (in lower case) and its rows."""

    label: str
    image: bytes
    tables: frozenset[str]
    rows: dict[str, tuple[Row, ...]]
    longest: int = 0  # characters of the longest text


class Ran(NamedTuple):
    width: int
    rows: list[Row]


class _Guard:
    """What a run has used, and why it was stopped."""

    def __init__(self, contract: SqlContract, tables: frozenset[str]) -> None:
        self.ticks_left = max(1, contract.max_steps // TICK)
        self.deadline = thread_time() + SECONDS
        self.tables = tables
        self.stopped: Reason | None = None
        self.denied = ""

    def tick(self) -> int:
        self.ticks_left -= 1
        if self.ticks_left < 0:
            self.stopped = Reason.LIMIT
        elif thread_time() > self.deadline:
            self.stopped = Reason.TIMEOUT
        return self.stopped is not None

    def allow(self, action: int, first: str | None, second: str | None, base: str | None, inside: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            if (second or "").lower() in FUNCTIONS:
                return sqlite3.SQLITE_OK
            self.denied = f"the function {str(second)[:40]}"
        elif action == sqlite3.SQLITE_READ:
            name = (first or "").lower()
            # a query's own names (of a CTE) come without a column
            if name in self.tables or name in TABLE_FUNCTIONS or (second == "" and not is_reserved(name)):
                return sqlite3.SQLITE_OK
            self.denied = f"the table {name[:40]}"
        else:
            self.denied = f"what only reads may not do (sqlite's action {action})"
        return sqlite3.SQLITE_DENY

    def deny(self, what: str) -> None:
        self.denied = what
        raise ValueError(what)


def is_reserved(name: str) -> bool:
    return name.startswith(OUR_OWN) or name in NO_TABLES


def run(
    instance: Instance, query: Query, contract: SqlContract, *, is_reversed: bool = False, width: int | None = None
) -> Ran:
    """All rows of a query. `is_reversed`: tables are scanned from their end where no order is asked for. `width`: how
    many columns there must be. Raises Refused."""
    guard = _Guard(contract, instance.tables)
    with ExitStack() as open_ones:
        connection = open_ones.enter_context(closing(opened(instance)))
        if is_reversed:
            connection.execute("pragma reverse_unordered_selects = on")
        if query.words & HELD:
            clock = open_ones.enter_context(closing(sqlite3.connect(":memory:")))
            for name in query.words & HELD:
                _hold(connection, clock, name, guard)
        for name in query.words & TABLE_FUNCTIONS:
            connection.execute(f"select 1 from {name}('[]')")  # sqlite sets one up when it is first named, by writing
        connection.set_authorizer(guard.allow)
        connection.set_progress_handler(guard.tick, TICK)
        try:
            return _fetched(connection.execute(query.text), contract, width)
        except MemoryError:
            raise Refused(Reason.LIMIT, "memory", query.text) from None
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            raise _refusal(error, guard, query, contract) from None
        finally:
            connection.set_progress_handler(None, 0)


def opened(instance: Instance) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", cached_statements=0)
    connection.deserialize(instance.image)
    connection.execute("pragma temp_store = memory")
    for cap, value in CAPS.items():
        connection.setlimit(cap, value)
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max(LONGEST_VALUE, 8 * instance.longest))
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    return connection


def _fetched(cursor: sqlite3.Cursor, contract: SqlContract, width: int | None) -> Ran:
    found = len(cursor.description or ())
    if width is not None and found != width:
        raise Refused(Reason.WRONG_VALUE, f"{found} column{'s' * (found != 1)} where {width} would be right")
    rows: list[Row] = []
    room = MOST_TEXT
    for row in cursor:
        rows.append(row)
        room -= sum(len(cell) for cell in row if isinstance(cell, (str, bytes)))
        if len(rows) > contract.max_rows:
            raise Refused(Reason.LIMIT, f"more than {contract.max_rows} rows")
        if room < 0:
            raise Refused(Reason.LIMIT, f"more than {MOST_TEXT} bytes of text")
    return Ran(found, rows)


def _refusal(error: Exception, guard: _Guard, query: Query, contract: SqlContract) -> Refused:
    said = str(error)
    if guard.stopped is Reason.LIMIT:
        return Refused(Reason.LIMIT, f"more than {contract.max_steps} steps", query.text)
    if guard.stopped is not None:
        return Refused(guard.stopped, f"more than {SECONDS:g} s", query.text)
    if guard.denied:
        return Refused(Reason.MALFORMED, f"{guard.denied} is not open to a query", query.text)
    if any(each in said for each in BIG) or isinstance(error, OverflowError):
        return Refused(Reason.LIMIT, said[:200], query.text)
    reason = Reason.MALFORMED if any(each in said for each in UNREADABLE) else Reason.ERROR
    return Refused(reason, said[:200], query.text)


def _hold(connection: sqlite3.Connection, clock: sqlite3.Connection, name: str, guard: _Guard) -> None:
    """The function as it is, but for the present, this machine's time zone, and widths beyond any table's."""

    def call(*arguments: Cell) -> Cell:
        if name in FORMATS:
            if arguments and isinstance(arguments[0], str) and any(map(WIDE.search, _directives(arguments[0]))):
                guard.deny(f"{name} of such a width")
        else:
            times = [each.strip().casefold() if isinstance(each, str) else each for each in arguments[DATES[name] :]]
            if not times or times[0] in ("subsec", "subsecond") or any(each in times for each in NOW):
                guard.deny(f"{name} of the present")
        marks = ", ".join("?" * len(arguments))
        found: Sequence[Any] = clock.execute(f"select {name}({marks})", arguments).fetchone()
        return found[0]  # type: ignore[no-any-return]

    connection.create_function(name, -1, call, deterministic=True)


def _directives(text: str) -> list[str]:
    return re.findall(r"%[^a-zA-Z%]*", text)
