r"""What a text stands for before it is compared: `1 \pm 2` is a list of two, a scaled matrix is a matrix."""

from __future__ import annotations

from itertools import permutations

from assay.verify.math.relations import is_solved, named_value
from assay.verify.math.tree import (
    Bracketed,
    Builder,
    Call,
    Combined,
    Listing,
    Matrix,
    Negative,
    Node,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Symbol,
)
from assay.verify.math.variants import has_either, variants

COLLECTIONS = (Listing, Bracketed, Combined, Builder, Matrix, Relation)
LARGEST_DETERMINANT = 4


def settled(node: Node) -> Node:
    r"""`1 \pm 2` as the list it stands for, `x = 3, -2` as a list of values, a scaled matrix as a matrix."""
    if isinstance(node, Listing):
        items: list[Node] = []
        for item in node.items:
            items += [item] if isinstance(item, (Relation, Bracketed)) and not _is_named(item) else variants(item)
        first = items[0]
        if isinstance(first, Relation) and not any(isinstance(each, Relation) for each in items[1:]):
            named = named_value(first)
            if named is not None and is_solved(named):
                items[0] = named.value
        return Listing(tuple(items), node.joiner)
    if isinstance(node, (Product, Negative, Quotient, Sum, Power)):
        return as_matrix(node) or _as_listing(node)
    if isinstance(node, Call) and node.name == "det" and isinstance(node.args[0], Matrix):
        return determinant(node.args[0])
    if isinstance(node, Matrix) and node.kind == "determinant":
        return determinant(node)
    if isinstance(node, COLLECTIONS) and not isinstance(node, Relation):
        return node
    return _as_listing(node)


def by_rows(node: Bracketed) -> Node:
    """`[[1, 2], [3, 4]]` as a matrix; anything else as it is."""
    rows = [each.items for each in node.items if isinstance(each, Bracketed) and each.left + each.right == "[]"]
    if node.left + node.right != "[]" or len(rows) != len(node.items) or len({len(row) for row in rows}) != 1:
        return node
    return Matrix(tuple(rows), "matrix")


def determinant(node: Matrix) -> Node:
    """By Leibniz' formula; left as it is when large or not square."""
    size = len(node.rows)
    if size > LARGEST_DETERMINANT or size != len(node.rows[0]):
        return node
    terms: list[Node] = []
    for order in permutations(range(size)):
        term: Node = Product(tuple(node.rows[row][column] for row, column in enumerate(order)))
        swaps = sum(order[one] > order[other] for one in range(size) for other in range(one + 1, size))
        terms.append(Negative(term) if swaps % 2 else term)
    return Sum(tuple(terms))


def _is_named(node: Node) -> bool:
    return isinstance(node, Relation) and named_value(node) is not None


def _as_listing(node: Node) -> Node:
    if isinstance(node, Relation):
        if node.signs != ("=",) or not has_either(node):
            return node
        return Listing(tuple(variants(node)), ",") if named_value(node) is not None else node
    found = variants(node)
    return found[0] if len(found) == 1 else Listing(tuple(found), ",")


def as_matrix(node: Node) -> Matrix | None:
    """A matrix times scalars, multiplied out; one or a vector, transposed."""
    if isinstance(node, Matrix):
        return node if node.kind == "matrix" else None
    if isinstance(node, Power):
        if not isinstance(node.exponent, Symbol) or node.exponent.name != "T":
            return None
        if isinstance(node.base, Bracketed) and node.base.left in ("(", "["):
            return Matrix(tuple((each,) for each in node.base.items), "matrix")
        inner = as_matrix(node.base)
        return inner and Matrix(tuple(zip(*inner.rows, strict=True)), inner.kind)
    if isinstance(node, Negative):
        inner = as_matrix(node.of)
        return inner and Matrix(tuple(tuple(Negative(cell) for cell in row) for row in inner.rows), inner.kind)
    if isinstance(node, Quotient):
        inner = as_matrix(node.top)
        return inner and Matrix(
            tuple(tuple(Quotient(cell, node.bottom) for cell in row) for row in inner.rows), inner.kind
        )
    if isinstance(node, Sum):
        parts = [as_matrix(each) for each in node.terms]
        matrices = [each for each in parts if each is not None]
        if len(matrices) != len(parts) or len({(len(each.rows), len(each.rows[0])) for each in matrices}) != 1:
            return None
        rows = zip(*(each.rows for each in matrices), strict=True)
        return Matrix(tuple(tuple(Sum(cells) for cells in zip(*row, strict=True)) for row in rows), "matrix")
    if isinstance(node, Product):
        found = [as_matrix(each) for each in node.factors]
        if sum(each is not None for each in found) != 1:
            return None
        inner = next(each for each in found if each is not None)
        rest = tuple(each for each, matrix in zip(node.factors, found, strict=True) if matrix is None)
        return Matrix(tuple(tuple(Product((*rest, cell)) for cell in row) for row in inner.rows), inner.kind)
    return None
