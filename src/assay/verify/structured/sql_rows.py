"""When two results are the same: as multisets, or row by row where order matters.

A cell is NULL, a number, a text or a blob. NULL equals NULL; an integer equals a real of the same value, exactly; a text
is never a number, and is compared as it is. Two reals are one where rounding alone can part them (a sum of the same
numbers in another order): sqlite before 3.43 adds as it comes. The columns' names do not count, their number and order do.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from assay.verify.structured.sql_run import Cell, Row

SLACK = 1e-11  # of two reals, relative (and absolute beside 0)
SHOWN = 120


def difference(gold: Sequence[Row], rows: Sequence[Row], is_ordered: bool) -> str | None:
    """None when they are the same; else a sentence's end."""
    if len(gold) != len(rows):
        return f"{counted(len(rows))} where {counted(len(gold))} would be right"
    if is_ordered:
        for number, (right, found) in enumerate(zip(gold, rows, strict=True), 1):
            if not is_same_row(right, found):
                return f"row {number} is {shown(found)}"
        return None
    left = Counter(gold)  # 2 and 2.0 are one key in Python already; a text and a blob never are
    left.subtract(rows)
    if not any(left.values()):
        return None
    if all(is_same_row(*pair) for pair in zip(sorted(gold, key=_place), sorted(rows, key=_place), strict=True)):
        return None
    extra = next(row for row in rows if left[row] < 0)
    return f"the row {shown(extra)} stands there too often"


def is_same_row(left: Row, right: Row) -> bool:
    return len(left) == len(right) and all(map(is_same, left, right))


def is_same(left: Cell, right: Cell) -> bool:
    if type(left) is float and type(right) is float:
        return left == right or math.isclose(left, right, rel_tol=SLACK, abs_tol=SLACK)
    return left == right  # exact for int and float; no text equals a number in Python either


def _place(row: Row) -> Any:
    """Rows sorted by what is exact in them first, so that a last bit does not change who meets whom."""
    rest = [(type(cell).__name__, repr(cell)) for cell in row if not isinstance(cell, (int, float))]
    kinds = [isinstance(cell, (int, float)) for cell in row]
    numbers = [round(cell, 7) if isinstance(cell, float) else cell for cell in row if isinstance(cell, (int, float))]
    return kinds, rest, numbers


def shown(row: Row) -> str:
    text = ascii(tuple(cell if not isinstance(cell, bytes) else cell[:20] for cell in row))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows} rows"
