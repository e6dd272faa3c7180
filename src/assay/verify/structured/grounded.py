"""The `grounded` verifier: a structured answer whose citations are rows of real tables.

    {...as `structured`, "database": {"sqlite": path}, "citations": [{"path": "cited[*].order_id", "table": "orders",
     "key": "order_id", "equal": ["amount_cents", {"total": "amount_cents"}], "complete": "row.status == 'late'",
     "in_force": {"on": "2026-03-14", "from": "valid_from", "through": "valid_until"}, "unique": true, "at_least": 1}]}

Every value at `path` must be the `key` of a row, sign by sign; the fields that stand beside it and are named in `equal`
must equal the row's; with `complete` the cited set must be exactly the set of the rows for which the condition on `row`
holds (or of the rows, or keys, that the expression lists); with `in_force` the row must be in force on that date. What is
cited twice is refused where the set must be complete, and citing nothing is, unless it must be complete or `at_least`
is 0. Aggregates are recomputed by rules.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json
from assay.verify.structured.database import Database
from assay.verify.structured.evaluate import Program, Run, compiled, place_of, visit
from assay.verify.structured.instant import Instant, read_day, read_instant
from assay.verify.structured.names import Rows
from assay.verify.structured.rules import Broken, broken, read_expression
from assay.verify.structured.syntax import Answer, Each, Field, Node, Variable, children
from assay.verify.structured.tables import Row, Table, read_tables
from assay.verify.structured.value import Failure, Value, is_same, key_of, show
from assay.verify.structured.verifier import (
    KEYS,
    StructuredTruth,
    check_keys,
    concluded,
    located,
    located_rules,
    open_document,
    read_structured,
)

CITATION_KEYS = ("path", "table", "key", "equal", "complete", "in_force", "unique", "at_least")
FORCE_KEYS = ("on", "from", "through", "before")


@dataclass(frozen=True, slots=True)
class Citation:
    """`rows`: those that may be cited, by key; `expired`: keys of rows that are not in force. `required`: the keys that
    must all be cited, or the program that finds them."""

    name: str
    key: str
    table: Table
    node: Node
    over: Callable[[Run, Callable[[Run], None]], None]
    cited: Program
    holder: Program | None
    equal: tuple[tuple[str, str], ...]
    rows: Mapping[Hashable, Row]
    expired: frozenset[Hashable]
    required: Callable[[Run], dict[Hashable, Value]] | None
    unique: bool
    at_least: int


@dataclass(frozen=True, slots=True)
class GroundedTruth:
    base: StructuredTruth
    citations: tuple[Citation, ...]


class GroundedVerifier:
    name = "grounded"
    version = "1"

    def read(self, truth: Json) -> GroundedTruth:
        check_keys(truth, (*KEYS, "database", "citations"), self.name)
        tables: Mapping[str, Table] = read_tables(truth.get("tables"))
        if truth.get("database") is not None:
            database = Database(truth["database"])
            for name in database:
                if name in tables:
                    raise TruthError(f"tables: {name!r} stands in the database too; one of them would be right")
            tables = ChainMap(dict(tables), database)  # type: ignore[arg-type]
        citations = truth.get("citations")
        if not isinstance(citations, list) or not citations:
            raise TruthError('citations: a list of at least one {"path", "table", "key"} would be right')
        base = read_structured(truth, tables)
        return GroundedTruth(base, tuple(_read(at, each, tables, truth) for at, each in enumerate(citations)))

    def locate(self, truth: Json, folder: Path) -> Json:
        """With its files found from `folder`, where its task file lies."""
        if not isinstance(truth, Mapping) or not isinstance(truth.get("database"), Mapping):
            return located_rules(truth, folder)
        files = dict(truth["database"])
        for kind in ("sqlite", "duckdb"):
            if isinstance(files.get(kind), str):
                files[kind] = located(files[kind], folder)
        if isinstance(files.get("jsonl"), Mapping):
            files["jsonl"] = {
                name: located(path, folder) if isinstance(path, str) else path for name, path in files["jsonl"].items()
            }
        return located_rules({**truth, "database": files}, folder)

    def check(self, truth: GroundedTruth, response: str, prompt: str = "") -> Finding:
        text, found = open_document(truth.base, response)
        if isinstance(found, Finding):
            return found
        run = Run(found.value, truth.base.tables)
        wrong = [each for citation in truth.citations if (each := _unfounded(citation, run)) is not None]
        return concluded(text, [*wrong, *broken(truth.base.rules, found, run)])


def _unfounded(citation: Citation, run: Run) -> Broken | None:
    """What is wrong with the citations at one path, or None."""
    seen: dict[Hashable, Value] = {}

    def look(run: Run) -> None:
        value = citation.cited(run)
        key = key_of(value)
        row = citation.rows.get(key)
        if row is None:
            if key in citation.expired:
                raise Failure(f"{show(value)} is not in force", place())
            hint = citation.table.near((citation.key, value))
            raise Failure(f"{show(value)} is no {citation.key} of {citation.table.name}{hint}", place())
        if citation.unique and key in seen:
            raise Failure(f"{show(value)} is cited already", place())
        seen[key] = value
        holder = citation.holder(run) if citation.holder is not None and citation.equal else {}
        for field, column in citation.equal:
            if type(holder) is not dict or field not in holder:
                raise Failure(f"there is no field {field!r} beside it", place())
            if not is_same(holder[field], row.get(column)):
                raise Failure(
                    f"{field} {show(holder[field])} is not the row's {column} {show(row.get(column))}", place()
                )

    def place() -> str:
        return place_of(citation.node.element if isinstance(citation.node, Each) else citation.node, run)

    try:
        citation.over(run, look)
        if len(seen) < citation.at_least:
            raise Failure(f"{len(seen)} cited; at least {citation.at_least} would be right")
        if citation.required is not None:
            wanted = citation.required(run)
            for key, value in wanted.items():
                if key not in seen:
                    raise Failure(f"{show(value)} is not cited")
            for key, value in seen.items():
                if key not in wanted:
                    raise Failure(f"{show(value)} is none of those to cite")
    except Failure as error:
        return Broken(citation.name, error.place or place_of(citation.node, run), error.detail)
    return None


# reading


def _read(number: int, value: Json, tables: Mapping[str, Table], truth: Mapping[str, Json]) -> Citation:
    where = f"citations[{number}]"
    if not isinstance(value, Mapping):
        raise TruthError(f'{where}: {{"path", "table", "key"}} would be right, not {value!r}'[:200])
    for name in value:
        if name not in CITATION_KEYS:
            raise TruthError(f"{where}: unknown key {name!r}{did_you_mean(name, CITATION_KEYS)}")
    for name in ("path", "table", "key"):
        if not isinstance(value.get(name), str) or not value[name]:
            raise TruthError(f"{where}.{name}: a text would be right, not {value.get(name)!r}")
    if value["table"] not in tables:
        raise TruthError(f"{where}.table: unknown table {value['table']!r}{did_you_mean(value['table'], tables)}")
    table, key = tables[value["table"]], value["key"]
    _check_column(f"{where}.key", table, key)
    path = value["path"] if value["path"].startswith("answer") else f"answer.{value['path']}"
    node, cited = read_expression(f"{where}.path", path, tables, truth.get("schema"), is_condition=False)
    each = node if isinstance(node, Each) else Each(node.column, node, ())
    if not _is_path(each.element) or not all(_is_path(clause.source) for clause in each.clauses):
        raise TruthError(f"{where}.path: a path such as cited[*].order_id would be right, not {value['path']!r}")
    holder = compiled(each.element.base) if isinstance(each.element, Field) else None
    equal = _equal(where, value.get("equal", []), table)
    if equal and holder is None:
        raise TruthError(f"{where}.equal: the path ends in a list of keys, so no field stands beside a key")
    rows, expired = _citable(where, value.get("in_force"), table, key, is_unique=bool(equal))
    return Citation(
        name=f"citation {value['path']}",
        key=key,
        table=table,
        node=node,
        over=visit(each),
        cited=compiled(each.element) if isinstance(node, Each) else cited,
        holder=holder,
        equal=equal,
        rows=rows,
        expired=expired,
        required=_required(where, value.get("complete"), table, key, tables, truth),
        unique=_switch(where, value, "unique", value.get("complete") is not None),
        at_least=_at_least(where, value),
    )


def _is_path(node: Node) -> bool:
    return isinstance(node, (Answer, Variable)) or (isinstance(node, Field) and _is_path(node.base))


def _check_column(where: str, table: Table, name: str) -> None:
    if name not in table.columns:
        known = ", ".join(sorted(table.columns)[:20]) or "none"
        hint = did_you_mean(name, table.columns)
        raise TruthError(f"{where}: the table {table.name} has no column {name!r}{hint}; it has {known}")


def _equal(where: str, value: Json, table: Table) -> tuple[tuple[str, str], ...]:
    """(field of the answer, column) for each."""
    if not isinstance(value, list):
        raise TruthError(f'{where}.equal: a list of columns, or of {{"field": "column"}}, would be right')
    pairs: list[tuple[str, str]] = []
    for each in value:
        pairs += each.items() if isinstance(each, Mapping) else [(each, each)]
    for field, column in pairs:
        if not isinstance(field, str) or not isinstance(column, str):
            raise TruthError(f'{where}.equal: a list of columns, or of {{"field": "column"}}, would be right')
        _check_column(f"{where}.equal", table, column)
    return tuple(pairs)


def _citable(
    where: str, force: Json, table: Table, key: str, *, is_unique: bool
) -> tuple[dict[Hashable, Row], frozenset[Hashable]]:
    """The rows that may be cited by key, and the keys that are only in rows out of force. `is_unique`: a key must mean one
    row, since fields are compared with it."""
    rows: dict[Hashable, Row] = {}
    others: set[Hashable] = set()
    is_in_force = _force(where, force, table) if force is not None else None
    for row in table:
        value = row.get(key)
        if value is None:
            continue
        if is_in_force is not None and not is_in_force(row):
            others.add(key_of(value))
        elif is_unique and key_of(value) in rows:
            raise TruthError(f"{where}.key: {show(value)} stands in two rows of {table.name} that could be meant")
        else:
            rows[key_of(value)] = row
    return rows, frozenset(others - set(rows))


def _force(where: str, value: Json, table: Table) -> Callable[[Row], bool]:
    """Whether a row is in force on the date: from its first day, through its last day or before the next one's."""
    known = f'{where}.in_force: {{"on": date, "from": column, "through": column}} would be right'
    if not isinstance(value, Mapping) or not isinstance(value.get("on"), str):
        raise TruthError(known)
    for name in value:
        if name not in FORCE_KEYS:
            raise TruthError(f"{where}.in_force: unknown key {name!r}{did_you_mean(name, FORCE_KEYS)}")
    columns = {name: value[name] for name in FORCE_KEYS[1:] if name in value}
    if not columns or ("through" in columns and "before" in columns):
        raise TruthError(known)
    for column in columns.values():
        _check_column(f"{where}.in_force", table, column)
    now = _point(f"{where}.in_force.on", value["on"])

    def holds(row: Row) -> bool:
        for name, column in columns.items():
            if row.get(column) is None:  # open at this end
                continue
            point = _point(f"{where}.in_force: {table.name}.{column}", row[column])
            if type(point) is not type(now):
                raise TruthError(
                    f"{where}.in_force: {table.name}.{column} and `on` are not both dates or both instants"
                )
            if (name == "from" and now < point) or (name == "through" and now > point):
                return False
            if name == "before" and now >= point:
                return False
        return True

    return holds


def _point(where: str, value: Value) -> Any:
    found = (read_day(value) or read_instant(value)) if isinstance(value, str) else None
    if found is None:
        raise TruthError(f"{where}: {show(value)} is neither a date nor an instant with an offset")
    return found.seconds if isinstance(found, Instant) else found


def _required(
    where: str, text: Json, table: Table, key: str, tables: Mapping[str, Table], truth: Mapping[str, Json]
) -> Callable[[Run], dict[Hashable, Value]] | None:
    """The keys that must all be cited. Found once, where the answer has no say in it."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise TruthError(f"{where}.complete: an expression would be right, not {text!r}"[:200])
    shapes = {"row": Rows(table, is_row=True)}
    node, program = read_expression(f"{where}.complete", text, tables, truth.get("schema"), shapes, is_condition=False)

    def of_list(run: Run) -> dict[Hashable, Value]:
        found = program(run)
        if not isinstance(found, list):
            raise Failure(f"complete: {show(found)} is no list of rows or keys")
        keys = [each.get(key) if type(each) is dict else each for each in found]
        return {key_of(each): each for each in keys}

    def of_condition(run: Run) -> dict[Hashable, Value]:
        found: dict[Hashable, Value] = {}
        for row in table:
            run.spend(1)
            run.values[0] = row
            holds = program(run)
            if type(holds) is not bool:
                raise Failure(f"complete: {show(holds)} is not true or false")
            if holds:
                found[key_of(row.get(key))] = row.get(key)
        return found

    required = of_condition if _mentions(node, Variable, "row") else of_list
    if _mentions(node, Answer):
        return required
    try:
        keys = required(Run(None, tables))
    except Failure as error:
        raise TruthError(f"{where}.complete: {error.detail}") from None
    return lambda run: keys


def _mentions(node: Node, kind: type[Node], name: str = "") -> bool:
    is_it = isinstance(node, kind) and (not name or getattr(node, "name", "") == name)
    return is_it or any(_mentions(each, kind, name) for each in children(node))


def _switch(where: str, value: Mapping[str, Json], name: str, default: bool) -> bool:
    found = value.get(name, default)
    if not isinstance(found, bool):
        raise TruthError(f"{where}.{name}: true or false would be right, not {found!r}")
    return found


def _at_least(where: str, value: Mapping[str, Json]) -> int:
    found = value.get("at_least", 0 if value.get("complete") is not None else 1)
    if type(found) is not int or found < 0:
        raise TruthError(f"{where}.at_least: a whole number would be right, not {found!r}")
    return found
