r"""`\pm`: one text, two values. All signs in an expression go together: `\pm` above, `\mp` below."""

from __future__ import annotations

from assay.verify.math.tree import (
    Bracketed,
    Builder,
    Call,
    Combined,
    Either,
    Listing,
    Matrix,
    Negative,
    Node,
    Power,
    Product,
    Quotient,
    Relation,
    Root,
    Series,
    Sum,
    children,
)


def has_either(node: Node) -> bool:
    return isinstance(node, Either) or any(has_either(each) for each in children(node))


def variants(node: Node) -> list[Node]:
    """The values that an expression stands for: itself, or one for each sign."""
    if not has_either(node):
        return [node]
    return [signed(node, 1), signed(node, -1)]


def signed(node: Node, sign: int) -> Node:
    """With every `\\pm` taken as that sign. None is left: what still had one would be taken apart for ever."""
    if isinstance(node, Either):
        inner = signed(node.of, sign)
        return inner if node.sign == sign else Negative(inner)
    if isinstance(node, Sum):
        return Sum(tuple(signed(each, sign) for each in node.terms))
    if isinstance(node, Product):
        return Product(tuple(signed(each, sign) for each in node.factors))
    if isinstance(node, Negative):
        return Negative(signed(node.of, sign))
    if isinstance(node, Quotient):
        return Quotient(signed(node.top, sign), signed(node.bottom, sign))
    if isinstance(node, Power):
        return Power(signed(node.base, sign), signed(node.exponent, sign))
    if isinstance(node, Root):
        return Root(signed(node.of, sign), node.degree)
    if isinstance(node, Call):
        return Call(node.name, tuple(signed(each, sign) for each in node.args))
    if isinstance(node, Relation):
        return Relation(tuple(signed(each, sign) for each in node.sides), node.signs)
    if isinstance(node, Bracketed):
        return Bracketed(node.left, tuple(signed(each, sign) for each in node.items), node.right)
    if isinstance(node, Listing):
        return Listing(tuple(signed(each, sign) for each in node.items), node.joiner)
    if isinstance(node, Matrix):
        return Matrix(tuple(tuple(signed(each, sign) for each in row) for row in node.rows), node.kind)
    if isinstance(node, Series):
        low, high, body = (signed(each, sign) for each in (node.low, node.high, node.body))
        return Series(node.kind, node.variable, low, high, body)
    if isinstance(node, Combined):
        return Combined(node.kind, tuple(signed(each, sign) for each in node.parts))
    if isinstance(node, Builder):
        return Builder(signed(node.element, sign), tuple(signed(each, sign) for each in node.conditions))
    return node
