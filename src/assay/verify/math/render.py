"""A tree as a line of text that shows how it was read: products with `*`, powers with `^`, kinds of collection by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from assay.verify.math.tree import (
    Bracketed,
    Builder,
    Call,
    Combined,
    Constant,
    Either,
    Listing,
    Matrix,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Relation,
    Root,
    Series,
    Sum,
    Symbol,
    Unit,
    Word,
)

LONGEST = 300  # characters


def render(node: Node) -> str:
    text = shown(node)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def shown(node: Node) -> str:
    return _SHOW[type(node)](node)


def _number(node: Number) -> str:
    value = node.value
    if isinstance(value, int):
        return node.text if value < 10**12 and node.text.isdigit() else _long(value)
    return f"{_long(value.numerator)}/{_long(value.denominator)}"


def _long(value: int) -> str:
    return str(value) if value.bit_length() < 1_000 else f"<{value.bit_length()} bits>"


def _sum(node: Sum) -> str:
    text = shown(node.terms[0])
    for term in node.terms[1:]:
        if isinstance(term, Negative):
            text += f" - {_inside(term.of)}"
        elif isinstance(term, Either):
            text += f" {'±' if term.sign == 1 else '∓'} {_inside(term.of)}"
        else:
            text += f" + {shown(term)}"
    return text


def _inside(node: Node) -> str:
    """In brackets where it would fall apart without them."""
    return f"({shown(node)})" if isinstance(node, (Sum, Negative, Either, Relation)) else shown(node)


def _tight(node: Node) -> str:
    loose = (Sum, Negative, Either, Relation, Product, Quotient, Power)
    is_fraction = isinstance(node, Number) and not isinstance(node.value, int)
    return f"({shown(node)})" if isinstance(node, loose) or is_fraction else shown(node)


def _listed(nodes: tuple[Node, ...]) -> str:
    return ", ".join(map(shown, nodes))


def _relation(node: Relation) -> str:
    text = shown(node.sides[0])
    for sign, side in zip(node.signs, node.sides[1:], strict=True):
        text += f" {sign} {shown(side)}"
    return text


def _bracketed(node: Bracketed) -> str:
    left, right = (each.removeprefix("\\") for each in (node.left, node.right))
    return f"{left.replace('langle', '<')}{_listed(node.items)}{right.replace('rangle', '>')}"


_MARKS = {"union": " ∪ ", "intersection": " ∩ ", "difference": " \\ "}
_SHOW: dict[type, Callable[[Any], str]] = {
    Number: _number,
    Symbol: lambda node: node.name,
    Constant: lambda node: node.name,
    Sum: _sum,
    Product: lambda node: "*".join(map(_inside, node.factors)),
    Quotient: lambda node: f"{_tight(node.top)}/{_tight(node.bottom)}",
    Negative: lambda node: f"-{_inside(node.of)}",
    Either: lambda node: f"{'±' if node.sign == 1 else '∓'}{_inside(node.of)}",
    Power: lambda node: f"{_tight(node.base)}^{_tight(node.exponent)}",
    Root: lambda node: f"sqrt({shown(node.of)})" if node.degree == 2 else f"root({shown(node.of)}, {node.degree})",
    Call: lambda node: f"{node.name}({_listed(node.args)})",
    Series: lambda node: f"{node.kind}({shown(node.body)}, {node.variable}={shown(node.low)}..{shown(node.high)})",
    Unit: lambda node: f"[{node.name}]",
    Word: lambda node: f'"{node.text}"',
    Bracketed: _bracketed,
    Listing: lambda node: f"list of {_listed(node.items)}",
    Matrix: lambda node: f"{node.kind} [{'; '.join(_listed(row) for row in node.rows)}]",
    Relation: _relation,
    Combined: lambda node: _MARKS[node.kind].join(map(shown, node.parts)),
    Builder: lambda node: f"{{{shown(node.element)} : {_listed(node.conditions)}}}",
}
