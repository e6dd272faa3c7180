"""Sudoku-like grids: every row, column and box holds each number once; at level 3 the diagonals too, and cages add up.

A full grid is drawn first, then cells are blanked. A grid may have more than one right answer: each is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from pydantic import Field

from assay.core.records import dumps
from assay.core.section import Section
from assay.core.types import Json
from assay.tasks.generators.drawn import DrawnTasks, Posed
from assay.tasks.generators.puzzles import posed
from assay.tasks.source import Generator, Split

SHAPES = {1: (2, 2), 2: (2, 3), 3: (2, 2)}  # rows and columns of a box
GIVEN = {1: (7, 9), 2: (18, 22), 3: (2, 4)}

Grid = tuple[tuple[int, ...], ...]


class NumberGridOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1: 4 by 4; 2: 6 by 6; 3: 4 by 4 with diagonals and cages")


@dataclass(frozen=True, slots=True)
class NumberGrid:
    level: int
    box: tuple[int, int]
    full: Grid
    blank: frozenset[tuple[int, int]]
    cages: tuple[tuple[tuple[int, int], ...], ...]

    @property
    def size(self) -> int:
        return len(self.full)

    @property
    def givens(self) -> list[list[int]]:
        return [
            [0 if (row, column) in self.blank else value for column, value in enumerate(line)]
            for row, line in enumerate(self.full)
        ]

    @property
    def key(self) -> str:
        """The same under other digits, where no sums tell them apart."""
        names: dict[int, int] = {}
        given = [[0 if not each else names.setdefault(each, len(names) + 1) for each in line] for line in self.givens]
        return dumps([self.level, self.givens if self.cages else given, sorted(map(sorted, self.cages)), self.sums])

    @property
    def sums(self) -> list[int]:
        return [sum(self.full[row][column] for row, column in cage) for cage in sorted(self.cages)]

    @property
    def problem(self) -> dict[str, Json]:
        found: dict[str, Json] = {
            "kind": "sudoku", "size": self.size, "box": list(self.box), "givens": self.givens,
        }  # fmt: skip
        if self.level == 3:
            cages = [
                {"cells": [list(cell) for cell in cage], "sum": total}
                for cage, total in zip(sorted(self.cages), self.sums, strict=True)
            ]
            found |= {"diagonals": True, "cages": cages}
        return found

    def pose(self) -> Posed:
        lines = "\n".join(" ".join(str(each) if each else "." for each in line) for line in self.givens)
        tall, wide = self.box
        also = ""
        if self.level == 3:
            also = " and both diagonals"
        text = (
            f"Fill the grid so that every row, every column and every box of {tall} rows and {wide} columns{also} holds "
            f"each number from 1 to {self.size} once. Dots are blanks; the given numbers stay.\n\n{lines}"
        )
        for cage, total in zip(sorted(self.cages), self.sums, strict=True):
            cells = ", ".join(f"row {row + 1} column {column + 1}" for row, column in cage)
            text += f"\n\nThe numbers at {cells} are different and add up to {total}."
        return posed(
            text, {"grid": [[0] * self.size]}, self.problem, "feasible", {"grid": [list(each) for each in self.full]}
        )


def draw(random: Random, level: int) -> NumberGrid:
    tall, wide = SHAPES[level]
    size = tall * wide
    full = solved(random, tall, wide, level == 3)
    cells = [(row, column) for row in range(size) for column in range(size)]
    given = frozenset(random.sample(cells, random.randint(*GIVEN[level])))
    cages = tuple(caged(random, full) for _ in range(3)) if level == 3 else ()
    return NumberGrid(level, (tall, wide), full, frozenset(cells) - given, tuple(dict.fromkeys(cages)))


def solved(random: Random, tall: int, wide: int, diagonals: bool) -> Grid:
    """A full grid: cell by cell, the numbers in a drawn order, back where none fits."""
    size = tall * wide
    grid = [[0] * size for _ in range(size)]

    def fits(row: int, column: int, value: int) -> bool:
        if value in grid[row] or any(grid[other][column] == value for other in range(row)):
            return False
        top, left = row - row % tall, column - column % wide
        if any(grid[r][c] == value for r in range(top, top + tall) for c in range(left, left + wide)):
            return False
        if diagonals and row == column and any(grid[each][each] == value for each in range(row)):
            return False
        return not (
            diagonals and row + column == size - 1 and any(grid[each][size - 1 - each] == value for each in range(row))
        )

    def fill(at: int) -> bool:
        if at == size * size:
            return True
        row, column = divmod(at, size)
        for value in random.sample(range(1, size + 1), size):
            if fits(row, column, value):
                grid[row][column] = value
                if fill(at + 1):
                    return True
                grid[row][column] = 0
        return False

    fill(0)
    return tuple(map(tuple, grid))


def caged(random: Random, full: Grid) -> tuple[tuple[int, int], ...]:
    """Two or three cells side by side that hold different numbers."""
    size = len(full)
    while True:
        row, column, long = random.randrange(size), random.randrange(size), random.choice((2, 3))
        down = random.random() < 0.5
        cells = [(row + step * down, column + step * (not down)) for step in range(long)]
        if all(r < size and c < size for r, c in cells) and len({full[r][c] for r, c in cells}) == long:
            return tuple(cells)


def make(options: NumberGridOptions, split: Split, seed: int) -> DrawnTasks:
    return DrawnTasks("number_grid", split, seed, options.level, draw, "constraint")


LEVELS: Mapping[int, str] = {
    1: "4 by 4, half of it given",
    2: "6 by 6, more than half of it given",
    3: "4 by 4 with diagonals and sums, almost nothing given",
}

NUMBER_GRID = Generator(
    about="a sudoku-like grid, as JSON: rows, columns, boxes, diagonals and sums are checked",
    levels=LEVELS,
    options=NumberGridOptions,
    make=make,
)
