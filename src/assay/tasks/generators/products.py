"""Products of two small numbers: the ranges of each level, and the pairs kept for worked shots.

Every generator that asks for a product (or for the division that undoes it) takes its operands and shots from here, so
that a shot of one is never a task of another.
"""

from __future__ import annotations

from collections.abc import Iterator

SHOTS = ((8, 4), (15, 3), (6, 11), (9, 7))
"""(a, b) of the worked examples, first to last."""

LEVELS: dict[int, tuple[range, range]] = {
    1: (range(3, 13), range(3, 13)),
    2: (range(3, 20), range(3, 13)),
    3: (range(6, 30), range(6, 20)),
}
"""The ranges of a and b."""


def pairs(level: int) -> Iterator[tuple[int, int]]:
    first, second = LEVELS[level]
    return ((a, b) for a in first for b in second)


def describe(level: int) -> str:
    first, second = LEVELS[level]
    return f"a in {first[0]}..{first[-1]}, b in {second[0]}..{second[-1]}"
