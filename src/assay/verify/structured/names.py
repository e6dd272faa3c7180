"""Names that a rule cannot mean, found when tasks are loaded: a table that is not there, a column that no row has, a field
that the schema rules out, a constant that has no value.

It walks the tree with what is known of each part: a place in the schema, a table, one of its rows, a list of something.
Where nothing is known (a schema that lets other fields stand, a `oneOf`) nothing is said: the rule then FAILs answers
that lack the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.core.errors import did_you_mean
from assay.verify.structured.evaluate import Run, compiled
from assay.verify.structured.functions import MODES
from assay.verify.structured.parse import Unreadable
from assay.verify.structured.syntax import (
    Answer,
    Arithmetic,
    Call,
    Choose,
    Each,
    Field,
    Item,
    ListOf,
    Literal,
    Negative,
    Node,
    TableName,
    Variable,
    children,
)
from assay.verify.structured.tables import Table
from assay.verify.structured.value import Failure

OPEN = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "$dynamicRef"})
"""Keywords beside which `properties` and `items` do not say all that there may be."""
NO_CONDITION = (Arithmetic, Negative, ListOf, Each, Answer, TableName)


@dataclass(frozen=True)
class Place:
    """A place of the schema."""

    schema: Any
    root: Any


@dataclass(frozen=True)
class Rows:
    """A table, or (`is_row`) one of its rows."""

    table: Table
    is_row: bool = False


@dataclass(frozen=True)
class Many:
    """A list of something."""

    item: Shape


@dataclass(frozen=True)
class Entry:
    """What `indexed` makes: an index and a value."""

    value: Shape


Shape = Place | Rows | Many | Entry | None


class Names:
    """Checks one truth's rules. `shapes` of variables that the place of a rule gives, by slot."""

    def __init__(
        self, tables: Mapping[str, Table], schema: Any = None, shapes: Mapping[int, Shape] | None = None
    ) -> None:
        self._tables, self._schema = tables, schema
        self._slots: dict[int, Shape] = dict(shapes or {})

    def check(self, node: Node, *, is_condition: bool = True) -> Shape:
        """Raises Unreadable."""
        if is_condition and (
            isinstance(node, NO_CONDITION) or (isinstance(node, Literal) and type(node.value) is not bool)
        ):
            raise Unreadable(node.column, "a rule is a condition: it says what must be true")
        return self._shape(node)

    def _shape(self, node: Node) -> Shape:
        match node:
            case Answer():
                return None if self._schema is None else Place(self._schema, self._schema)
            case TableName(name=name):
                if name not in self._tables:
                    known = ", ".join(sorted(self._tables)) or "none"
                    hint = did_you_mean(name, self._tables)
                    raise Unreadable(node.column, f"unknown table {name!r}{hint}; the tables are {known}")
                return Rows(self._tables[name])
            case Variable(slot=slot):
                return self._slots.get(slot)
            case Field(base=base, name=name):
                return self._part(self._shape(base), name, node.column)
            case Item(base=base, index=index):
                self._shape(index)
                shape = self._shape(base)
                if isinstance(index, Literal) and isinstance(index.value, str):
                    return self._part(shape, index.value, node.column)
                return self._item(shape, node.column)
            case Each(element=element, clauses=clauses):
                for clause in clauses:
                    self._slots[clause.slot] = self._item(self._shape(clause.source), clause.source.column)
                    for condition in clause.conditions:
                        self._shape(condition)
                return Many(self._shape(element))
            case Choose(condition=condition, then=then, other=other):
                self._shape(condition)
                one, two = self._shape(then), self._shape(other)
                return one if one == two else None
            case ListOf(items=items):
                shapes = [self._shape(each) for each in items]
                return Many(shapes[0]) if len(shapes) == 1 else None
            case Call():
                return self._called(node)
        for each in children(node):
            self._shape(each)
        return None

    def _called(self, node: Call) -> Shape:
        shapes = [self._shape(each) for each in node.arguments]
        if node.name in ("lookup", "exists"):
            return self._looked_up(node, shapes[0])
        if node.name == "round":
            mode = node.arguments[2]
            if not isinstance(mode, Literal) or mode.value not in MODES:
                raise Unreadable(mode.column, f"the way to round is declared: {', '.join(MODES)}")
        if node.name != "has" and all(isinstance(each, Literal) for each in node.arguments):
            try:
                compiled(node)(Run(None, {}))
            except Failure as error:
                raise Unreadable(node.column, f"{node.name} of these constants: {error.detail}") from None
        if node.name in ("sort", "distinct"):
            return shapes[0]
        if node.name == "pairs":
            return Many(Many(self._item(shapes[0], node.column)))
        if node.name == "indexed":
            return Many(Entry(self._item(shapes[0], node.column)))
        return None

    def _looked_up(self, node: Call, shape: Shape) -> Shape:
        if not isinstance(shape, Rows) or shape.is_row:
            raise Unreadable(node.column, f"{node.name} looks into a table: {node.name}(tables.name, ...)")
        pairs = node.arguments[1:]
        if len(pairs) % 2:
            raise Unreadable(node.column, "a value would be right after each column")
        for column in pairs[::2]:
            if not isinstance(column, Literal) or not isinstance(column.value, str):
                raise Unreadable(column.column, "a column is a text such as 'order_id'")
            self._column(shape.table, column.value, column.column)
        return Rows(shape.table, True) if node.name == "lookup" else None

    def _column(self, table: Table, name: str, column: int) -> None:
        if table.columns and name not in table.columns:
            known = ", ".join(sorted(table.columns)[:20])
            hint = did_you_mean(name, table.columns)
            raise Unreadable(column, f"the table {table.name} has no column {name!r}{hint}; it has {known}")

    def _part(self, shape: Shape, name: str, column: int) -> Shape:
        """The field `name` of it."""
        match shape:
            case Rows(table=table, is_row=True):
                self._column(table, name, column)
                return None
            case Rows() | Many():
                raise Unreadable(column, f"a list has no field {name!r}; [*].{name} takes it of every item")
            case Entry(value=value):
                if name not in ("index", "value"):
                    raise Unreadable(column, f"an entry has no field {name!r}; it has index and value")
                return value if name == "value" else None
            case Place():
                return self._property(shape, name, column)
        return None

    def _property(self, place: Place, name: str, column: int) -> Shape:
        schema = _resolved(place)
        if not isinstance(schema, Mapping):
            return None
        if not _may_be(schema, "object"):
            hint = f"; [*].{name} takes it of every item" if _may_be(schema, "array") else ""
            raise Unreadable(column, f"by the schema that is {_types(schema)}, which has no field {name!r}{hint}")
        fields = schema.get("properties")
        fields = fields if isinstance(fields, Mapping) else {}
        if name in fields:
            return Place(fields[name], place.root)
        others = schema.get("additionalProperties")
        if others is False and not OPEN & set(schema) and "patternProperties" not in schema:
            known = ", ".join(list(fields)[:20]) or "none"
            raise Unreadable(column, f"the schema knows no field {name!r}{did_you_mean(name, fields)}; it has {known}")
        return Place(others, place.root) if isinstance(others, Mapping) and "patternProperties" not in schema else None

    def _item(self, shape: Shape, column: int) -> Shape:
        """What a `for` over it gives, and an index."""
        match shape:
            case Rows(table=table, is_row=False):
                return Rows(table, True)
            case Many(item=item):
                return item
            case Rows() | Entry():
                raise Unreadable(column, "a row is no list")
            case Place():
                schema = _resolved(shape)
                if not isinstance(schema, Mapping):
                    return None
                if not _may_be(schema, "array") and not _may_be(schema, "object"):
                    raise Unreadable(column, f"by the schema that is {_types(schema)}, not a list")
                items = schema.get("items")
                return Place(items, shape.root) if isinstance(items, Mapping) and "prefixItems" not in schema else None
        return None


def _resolved(place: Place) -> Any:
    """The schema there, behind its references within the same document."""
    schema = place.schema
    for _ in range(16):
        if not isinstance(schema, Mapping) or not isinstance(schema.get("$ref"), str):
            return schema
        path, target = schema["$ref"], place.root
        if path != "#" and not path.startswith("#/"):
            return None
        for part in path[2:].split("/") if path != "#" else ():
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, Mapping) or name not in target:
                return None
            target = target[name]
        schema = target
    return None


def _may_be(schema: Mapping[str, Any], kind: str) -> bool:
    types = schema.get("type", kind)
    return kind in types if isinstance(types, list) else types == kind


def _types(schema: Mapping[str, Any]) -> str:
    types = schema["type"]
    return " or ".join(types) if isinstance(types, list) else f"of type {types}"
