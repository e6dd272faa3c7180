"""What a text is read as: a small typed tree. Parsers make it, judges compare it, nothing changes it.

Nodes are tuples for speed, so two of them must never be compared with `==` (a tuple does not know its own kind).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple


class Unreadable(Exception):
    """The text is no answer this parser knows. The message is one clause."""


class TooLarge(Exception):
    """Reading or computing it would exceed a limit. The message names the limit."""


class Number(NamedTuple):
    value: int | Fraction
    text: str  # as written, without separators


class Symbol(NamedTuple):
    name: str


class Constant(NamedTuple):
    name: str  # pi, e, i, inf, emptyset, reals, integers, naturals, rationals, complex, undefined


class Sum(NamedTuple):
    terms: tuple[Node, ...]


class Product(NamedTuple):
    factors: tuple[Node, ...]


class Quotient(NamedTuple):
    top: Node
    bottom: Node


class Negative(NamedTuple):
    of: Node


class Either(NamedTuple):
    r"""A term under `\\pm` (sign 1) or `\\mp` (sign -1)."""

    sign: int
    of: Node


class Power(NamedTuple):
    base: Node
    exponent: Node


class Root(NamedTuple):
    of: Node
    degree: int


class Call(NamedTuple):
    name: str
    args: tuple[Node, ...]


class Series(NamedTuple):
    """A finite sum or product over an integer."""

    kind: str  # sum, product
    variable: str
    low: Node
    high: Node
    body: Node


class Unit(NamedTuple):
    name: str  # canonical where the table knows it


class Word(NamedTuple):
    text: str


class Bracketed(NamedTuple):
    """`(a, b)`, `[a, b)`, `\\{a, b\\}`, `<a, b>`: a tuple, an interval, a set or a vector, as its brackets and use say."""

    left: str
    items: tuple[Node, ...]
    right: str


class Listing(NamedTuple):
    """Answers with commas (or `and`, `or`) between them, without brackets."""

    items: tuple[Node, ...]
    joiner: str  # what stands before the last: `,` `and` `or`


class Matrix(NamedTuple):
    rows: tuple[tuple[Node, ...], ...]
    kind: str  # matrix, determinant


class Relation(NamedTuple):
    """`a < b <= c`: one more side than signs. Signs: = != < > <= >= in notin ~ approx ..."""

    sides: tuple[Node, ...]
    signs: tuple[str, ...]


class Combined(NamedTuple):
    r"""Sets under `\\cup`, `\\cap`, `\\setminus`."""

    kind: str  # union, intersection, difference
    parts: tuple[Node, ...]


class Builder(NamedTuple):
    """`{element : conditions}`."""

    element: Node
    conditions: tuple[Node, ...]


Node = (
    Number | Symbol | Constant | Sum | Product | Quotient | Negative | Either | Power | Root | Call | Series | Unit | Word
    | Bracketed | Listing | Matrix | Relation | Combined | Builder
)  # fmt: skip
"""Any of them."""


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly under it."""
    kind = type(node)
    if kind is Number or kind is Symbol or kind is Constant or kind is Unit or kind is Word:
        return ()
    if isinstance(node, (Sum, Product)):
        return node[0]
    if isinstance(node, Quotient):
        return (node.top, node.bottom)
    if isinstance(node, (Negative, Root)):
        return (node.of,)
    if isinstance(node, Either):
        return (node.of,)
    if isinstance(node, Power):
        return (node.base, node.exponent)
    if isinstance(node, Call):
        return node.args
    if isinstance(node, Series):
        return (node.low, node.high, node.body)
    if isinstance(node, Bracketed):
        return node.items
    if isinstance(node, Listing):
        return node.items
    if isinstance(node, Matrix):
        return tuple(cell for row in node.rows for cell in row)
    if isinstance(node, Relation):
        return node.sides
    if isinstance(node, Combined):
        return node.parts
    if isinstance(node, Builder):
        return (node.element, *node.conditions)
    return ()


def are_alike(left: Any, right: Any) -> bool:
    """Built alike, of nodes of the same kinds. Numbers by value: how they were written does not count."""
    if type(left) is not type(right):
        return False
    if isinstance(left, Number):
        return bool(left.value == right.value)
    if isinstance(left, tuple):
        return len(left) == len(right) and all(map(are_alike, left, right))
    return bool(left == right)
