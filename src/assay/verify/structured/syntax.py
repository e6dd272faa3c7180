"""The tree of a rule: what `parse` makes, `names` checks and `evaluate` runs. Every node knows its column."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Node:
    column: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Literal(Node):
    value: bool | int | Fraction | str | None


@dataclass(frozen=True, slots=True)
class Answer(Node):
    """The document."""


@dataclass(frozen=True, slots=True)
class TableName(Node):
    """`tables.orders`."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """What a `for` gives; `slot` is its number in the rule, the same for no other `for`, `source` what it runs over."""

    name: str
    slot: int
    source: Node | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Field(Node):
    base: Node
    name: str


@dataclass(frozen=True, slots=True)
class Item(Node):
    base: Node
    index: Node


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Clause:
    """`for name in source if condition if condition`."""

    name: str
    slot: int
    source: Node
    conditions: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Each(Node):
    """`[element for ... for ...]`, also as the argument of a function, and what `a[*].b` means."""

    element: Node
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """`first op next op next`: each neighbour pair must hold."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Negative(Node):
    inner: Node


@dataclass(frozen=True, slots=True)
class Not(Node):
    inner: Node


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`and`, `or`, `implies`: the right side is looked at only when the left does not decide."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Choose(Node):
    """`then if condition else other`."""

    condition: Node
    then: Node
    other: Node


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below, as they are written."""
    match node:
        case Field(base=base):
            return (base,)
        case Item(base=base, index=index):
            return (base, index)
        case ListOf(items=items):
            return items
        case Each(element=element, clauses=clauses):
            return (element, *(each for clause in clauses for each in (clause.source, *clause.conditions)))
        case Call(arguments=arguments):
            return arguments
        case Compare(first=first, rest=rest):
            return (first, *(each for _, each in rest))
        case Arithmetic(left=left, right=right) | Logic(left=left, right=right):
            return (left, right)
        case Negative(inner=inner) | Not(inner=inner):
            return (inner,)
        case Choose(condition=condition, then=then, other=other):
            return (condition, then, other)
    return ()
