r"""Matrices (`\begin{pmatrix}`), finite sums and products (`\sum_{k=1}^{n}`), names of angles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assay.verify.math.atoms import ATOMS, Atoms
from assay.verify.math.names import DOTS
from assay.verify.math.tree import Constant, Matrix, Node, Series, Unreadable, Word
from assay.verify.math.words import spaced

MATRICES = frozenset(
    ("matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "psmallmatrix", "bsmallmatrix", "array")
)
DETERMINANTS = frozenset(("vmatrix",))


class Blocks(Atoms):
    if TYPE_CHECKING:

        def product(self) -> Node: ...

    def matrix(self, token: str) -> Node:
        name = spaced(self.raw())
        if name not in MATRICES and name not in DETERMINANTS:
            raise Unreadable(f"\\begin{{{name}}}")
        if name == "array" and self.tokens[self.at] == "{":
            self.raw()
        rows: list[tuple[Node, ...]] = []
        row: list[Node] = []
        while True:
            if self.tokens[self.at] == "\\end" and not row and rows:  # a `\\` behind the last row
                break
            row.append(self.relation())
            token = self.tokens[self.at]
            if token == "&":
                self.at += 1
                continue
            rows.append(tuple(row))
            row = []
            if token != "\\\\":
                break
            self.at += 1
        self.expect("\\end")
        if spaced(self.raw()) != name:
            raise Unreadable(f"\\begin{{{name}}} ends as something else")
        if len({len(each) for each in rows}) != 1:
            raise Unreadable("a matrix whose rows differ in length")
        return Matrix(tuple(rows), "determinant" if name in DETERMINANTS else "matrix")

    def angle(self, token: str) -> Node:
        r"""`\angle ABC`, which is a name."""
        label = self.tokens[self.at]
        if not label.isalpha() or len(label) > 3:
            raise Unreadable("an angle without its name")
        self.at += 1
        return Word(f"angle {label}")

    def series(self, token: str) -> Node:
        low: Node | None = None
        high: Node | None = None
        variable = ""
        for _ in range(2):
            sign = self.tokens[self.at]
            if sign == "_" and low is None and self.tokens[self.at + 1] == "{":
                variable = self.tokens[self.at + 2]
                if len(variable) != 1 or not variable.isalpha() or self.tokens[self.at + 3] != "=":
                    raise Unreadable("a sum whose variable is not told")
                self.at += 4
                low = self.sum()
                self.expect("}")
            elif sign == "^" and high is None:
                self.at += 1
                high = self.braced()
            else:
                raise Unreadable("a sum without its bounds")
        assert low is not None
        assert high is not None
        self.bound.append(variable)
        body = self.product()
        self.bound.pop()
        return Series("product" if token == "\\prod" else "sum", variable, low, high, body)


BLOCKS: dict[str, Callable[[Any, str], Node]] = {
    **ATOMS,
    "\\begin": Blocks.matrix,
    "\\angle": Blocks.angle,
    "\\sum": Blocks.series,
    "\\prod": Blocks.series,
    **dict.fromkeys(DOTS, lambda reader, token: Constant("dots")),
}
