"""How good a SQL task's instances are: what changed gold queries they let pass.

A mutant is the gold query with one small change of the kind that models make: DISTINCT dropped, > for >=, INNER for LEFT
JOIN, NOT IN without its NULLs, a condition or a grouping column left out, an aggregate over more or fewer rows,
COUNT(*) for COUNT(column), another direction. One that passes shows what no instance tells apart. Some are equal to the
gold query and live rightly, so their number is a hint and no verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlglot import expressions as e

from assay.core.types import Outcome
from assay.verify.structured.sql import SqlTruth, judged
from assay.verify.structured.sql_instances import is_empty
from assay.verify.structured.sql_query import DEFAULT, Refused, parsed, scan

MOST_MUTANTS = 80

Node = Any  # sqlglot's Expression
COMPARED: dict[Any, Any] = {e.GT: e.GTE, e.GTE: e.GT, e.LT: e.LTE, e.LTE: e.LT, e.EQ: e.NEQ, e.NEQ: e.EQ}
ARITHMETIC: dict[Any, Any] = {e.Add: e.Sub, e.Sub: e.Add, e.Mul: e.Add, e.Div: e.Mul}
SWAPPED: dict[Any, Any] = {
    e.Sum: e.Avg,
    e.Avg: e.Sum,
    e.Max: e.Min,
    e.Min: e.Max,
    e.RowNumber: e.Rank,
    e.Rank: e.DenseRank,
    e.DenseRank: e.Rank,
}


@dataclass(frozen=True, slots=True)
class Mutant:
    sql: str
    change: str


@dataclass(frozen=True, slots=True)
class MutationReport:
    tried: int
    living: tuple[Mutant, ...]


class Edit(NamedTuple):
    """A change of one node (of a copy of the tree), and what to call it."""

    change: str
    apply: Callable[[Node], object]


def mutation_report(truth: SqlTruth, most: int = MOST_MUTANTS) -> MutationReport:
    """At most `most` mutants, evenly over the query; those that cannot run are left out."""
    found = list(mutants(truth))
    tried = [found[index * len(found) // most] for index in range(most)] if len(found) > most else found
    living, run = [], 0
    for each in tried:
        try:
            finding = judged(truth, scan(each.sql, DEFAULT.max_depth))
        except Refused:
            continue
        run += finding.reason not in ("malformed", "error")
        if finding.outcome is Outcome.PASS:
            living.append(each)
    return MutationReport(run, tuple(living))


def weaknesses(truth: SqlTruth) -> list[str]:
    """What the given instances leave open, each as a clause."""
    given = truth.expected[: truth.given]
    told = []
    if truth.given < len(truth.expected):
        told.append(f"{truth.given} instance{'s' * (truth.given != 1)} given, {len(truth.expected) - truth.given} made")
    if truth.is_blank:
        told.append("no instance gives a row")
    loose = [each.instance.label for each in given if not each.is_stable]
    if loose:
        told.append(f"the gold query's rows depend on how tables are scanned on {', '.join(loose)}")
    rows = [
        row
        for each in truth.expected
        if not is_empty(each.instance)
        for table in each.instance.rows.values()
        for row in table
    ]
    nullable = any(column.is_nullable for columns in truth.schema.tables.values() for column in columns)
    if nullable and not any(cell is None for row in rows for cell in row):
        told.append("no NULL in any instance")
    return told


def mutants(truth: SqlTruth) -> Iterator[Mutant]:
    """Every single change, in the query's order; nothing for a query that sqlglot cannot parse or write anew."""
    try:
        (tree,) = (each for each in parsed(truth.gold.text) if each is not None)
    except ValueError:
        return
    original = written(tree)
    try:
        if judged(truth, scan(original, DEFAULT.max_depth)).outcome is not Outcome.PASS and not truth.is_blank:
            return
    except Refused:
        return
    seen = {original}
    for index, node in enumerate(tree.walk()):
        for number, edit in enumerate(edits(node, truth)):
            copy = tree.copy()
            target = next(each for at, each in enumerate(copy.walk()) if at == index)
            same = edits(target, truth)[number]
            same.apply(target)
            text = written(copy)
            if text not in seen:
                seen.add(text)
                yield Mutant(text, edit.change)


def written(tree: Node) -> str:
    return str(tree.sql(dialect="sqlite"))


def edits(node: Node, truth: SqlTruth) -> list[Edit]:
    kind: Any = type(node)
    if kind in COMPARED:
        return [_to(COMPARED[kind], f"{node.key} to {COMPARED[kind].key}")]
    if kind in ARITHMETIC:
        return [_to(ARITHMETIC[kind], f"{node.key} to {ARITHMETIC[kind].key}")]
    if kind in (e.And, e.Or):
        other = e.Or if kind is e.And else e.And
        return [
            _to(other, f"{node.key} to {other.key}"),
            Edit(f"{_short(node.right)} left out", lambda at: _put(at, at.left)),
            Edit(f"{_short(node.left)} left out", lambda at: _put(at, at.right)),
        ]
    found = _aggregate(node, truth)
    if kind is e.Select:
        found += _select(node, truth)
    elif kind is e.Join:
        found += _join(node)
    elif kind is e.Not:
        found.append(Edit(f"NOT of {_short(node.this)} left out", lambda at: _put(at, at.this)))
        if isinstance(node.this, e.In) and node.this.args.get("query") is not None:
            found.append(Edit("NOT IN without its NULLs", lambda at: _no_nulls(at.this)))
    elif kind is e.Is and isinstance(node.expression, e.Null):
        found.append(Edit("IS NULL to IS NOT NULL", lambda at: _put(at, e.Not(this=at.copy()))))
    elif kind is e.Between:
        found += [Edit("BETWEEN without its lower end", lambda at: _put(at, _between(at, e.GT, e.LTE))),
                  Edit("BETWEEN without its upper end", lambda at: _put(at, _between(at, e.GTE, e.LT)))]  # fmt: skip
    elif kind is e.Coalesce:
        found.append(Edit(f"COALESCE of {_short(node.this)} left out", lambda at: _put(at, at.this)))
    elif kind in (e.Union, e.Except, e.Intersect):
        found += _sets(node)
    elif kind is e.Literal and _is_counted(node):
        found.append(Edit(f"{node.this} to {int(node.this) + 1}", lambda at: at.set("this", str(int(at.this) + 1))))
    elif kind is e.Window and node.args.get("partition_by"):
        found.append(Edit("PARTITION BY left out", lambda at: at.set("partition_by", None)))
    elif kind is e.Ordered and _orders(node, truth):
        found.append(
            Edit(f"{_short(node.this)} in the other direction", lambda at: at.set("desc", not at.args.get("desc")))
        )
    return found


def _select(node: Node, truth: SqlTruth) -> list[Edit]:
    found = []
    if node.args.get("distinct"):
        found.append(Edit("DISTINCT left out", lambda at: at.set("distinct", None)))
    for name, told in (("where", "WHERE"), ("having", "HAVING"), ("offset", "OFFSET")):
        if node.args.get(name):
            found.append(Edit(f"{told} left out", lambda at, name=name: at.set(name, None)))  # type: ignore[misc]
    group = node.args.get("group")
    if group is not None and len(group.expressions) > 1:
        for number, each in enumerate(group.expressions):
            found.append(
                Edit(f"{_short(each)} left out of GROUP BY", lambda at, n=number: at.args["group"].expressions.pop(n))  # type: ignore[misc]
            )
    order = node.args.get("order")
    if order is not None and (truth.is_ordered or node.args.get("limit")):
        if len(order.expressions) > 1:
            found.append(Edit("the last key left out of ORDER BY", lambda at: at.args["order"].expressions.pop()))
        if not node.args.get("limit"):
            found.append(Edit("ORDER BY left out", lambda at: at.set("order", None)))
    if node.args.get("limit"):
        found.append(Edit("LIMIT left out", lambda at: (at.set("limit", None), at.set("offset", None))))
    return found


def _aggregate(node: Node, truth: SqlTruth) -> list[Edit]:
    """Aggregates over other rows: COUNT(*) and COUNT(column), DISTINCT inside, SUM and AVG."""
    kind: Any = type(node)
    found: list[Edit] = []
    if kind is e.Count:
        if isinstance(node.this, e.Star):
            column = _nullable(node, truth)
            if column is not None:
                found.append(
                    Edit(f"COUNT(*) to COUNT({_short(column)})", lambda at: at.set("this", _nullable(at, truth)))
                )
        elif isinstance(node.this, e.Distinct):
            found.append(Edit("DISTINCT left out of COUNT", lambda at: at.set("this", at.this.expressions[0])))
        else:
            found.append(Edit(f"COUNT({_short(node.this)}) to COUNT(*)", lambda at: at.set("this", e.Star())))
            found.append(Edit(f"COUNT({_short(node.this)}) to COUNT(DISTINCT)", _distinct))
    elif kind in SWAPPED:
        found.append(_to(SWAPPED[kind], f"{node.key} to {SWAPPED[kind].key}"))
        if kind in (e.Sum, e.Avg) and not isinstance(node.this, e.Distinct) and node.this is not None:
            found.append(Edit(f"DISTINCT into {node.key}", _distinct))
    return found


def _join(node: Node) -> list[Edit]:
    side = (node.args.get("side") or "").upper()
    found = []
    if side == "LEFT":
        found.append(Edit("LEFT JOIN to INNER JOIN", lambda at: (at.set("side", None), at.set("kind", None))))
        if node.args.get("on") is not None:
            found.append(Edit("the condition of LEFT JOIN into WHERE", _on_to_where))
    elif not side and (node.args.get("on") or node.args.get("using")):
        found.append(Edit("INNER JOIN to LEFT JOIN", lambda at: (at.set("side", "LEFT"), at.set("kind", None))))
    return found


def _sets(node: Node) -> list[Edit]:
    kind: Any = type(node)
    if kind is e.Union:
        is_all = not node.args.get("distinct")
        return [
            Edit(f"UNION{' ALL' * is_all} to UNION{' ALL' * (not is_all)}", lambda at: at.set("distinct", not at.args.get("distinct"))),
            _to(e.Intersect, "UNION to INTERSECT"),
        ]  # fmt: skip
    return [
        _to(e.Union, f"{kind.key.upper()} to UNION"),
        Edit(f"{kind.key.upper()} left out", lambda at: _put(at, at.this)),
    ]


def _to(kind: Any, change: str) -> Edit:
    def apply(at: Node) -> None:
        _put(at, kind(**{name: each for name, each in at.args.items() if name in kind.arg_types}))

    return Edit(change, apply)


def _put(at: Node, new: Node) -> None:
    at.replace(new.copy())


def _distinct(at: Node) -> None:
    at.set("this", e.Distinct(expressions=[at.this.copy()]))


def _between(at: Node, low: Any, high: Any) -> Node:
    return e.And(
        this=low(this=at.this.copy(), expression=at.args["low"].copy()),
        expression=high(this=at.this.copy(), expression=at.args["high"].copy()),
    )


def _no_nulls(at: Node) -> None:
    inner = at.args["query"]
    select = inner.this if isinstance(inner, e.Subquery) else inner
    if isinstance(select, e.Select) and len(select.expressions) == 1:
        there = e.Not(this=e.Is(this=select.expressions[0].unalias().copy(), expression=e.Null()))
        if there not in (select.args["where"].find_all(e.Not) if select.args.get("where") else ()):
            select.where(there, copy=False)


def _on_to_where(at: Node) -> None:
    select, condition = at.parent, at.args["on"].copy()
    if isinstance(select, e.Select):
        select.where(condition, copy=False)


def _nullable(node: Node, truth: SqlTruth) -> Node | None:
    """A column of the select's tables that may be NULL."""
    select = node.find_ancestor(e.Select)
    tables = {name.lower(): columns for name, columns in truth.schema.tables.items()}
    for table in select.find_all(e.Table) if select is not None else ():
        if table.find_ancestor(e.Select) is select:
            for column in tables.get(table.name.lower(), ()):
                if column.is_nullable:
                    return e.column(column.name, table=table.alias_or_name, quoted=True)
    return None


def _is_counted(node: Node) -> bool:
    """A whole number that decides something: not the 1 of EXISTS (SELECT 1 ...), nor a column's number in ORDER BY."""
    holder = node.parent
    return (
        not node.is_string
        and node.this.isdigit()
        and not isinstance(holder, (e.Ordered, e.Group))
        and not (isinstance(holder, e.Select) and isinstance(holder.parent, e.Exists))
    )


def _orders(node: Node, truth: SqlTruth) -> bool:
    """Does this key decide anything? Not in the ORDER BY of a result whose order does not matter."""
    holder = node.find_ancestor(e.Select, e.Window, e.SetOperation, e.GroupConcat)
    return (
        truth.is_ordered or isinstance(holder, (e.Window, e.GroupConcat)) or bool(holder and holder.args.get("limit"))
    )


def _short(node: Node) -> str:
    text = written(node)
    return text if len(text) <= 40 else f"{text[:37]}..."
