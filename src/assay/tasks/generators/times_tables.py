"""Times tables: `a * b = ?`, with the warehouse's ranges and splits, so that the one never leaks into the other."""

from __future__ import annotations

from pydantic import Field

from assay.core.section import Section
from assay.tasks.generators import products
from assay.tasks.generators.questions import Question, listed
from assay.tasks.listed import ListedTasks
from assay.tasks.source import Generator, Split

SMALLEST = range(2, 13)


class TimesTablesOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1 to 3: the size of the numbers")
    shots: int = Field(2, ge=0, le=4, description="worked examples before each question")


def times(a: int, b: int) -> Question:
    return Question("times", f"{a}x{b}", (str(a), str(b)), f"What is {a} * {b}?", f"{a} * {b} = {a * b}", str(a * b))


def make(options: TimesTablesOptions, split: Split, seed: int) -> ListedTasks:
    pairs = ((a, b) for a in SMALLEST for b in SMALLEST) if options.level == 1 else products.pairs(options.level)
    shots = {"times": [times(a, b) for a, b in products.SHOTS]}
    return listed("times_tables", (times(a, b) for a, b in pairs), shots, options.shots, split, seed)


TIMES_TABLES = Generator(
    about="the product of two small numbers, asked bare",
    levels={1: "a and b in 2..12", 2: products.describe(2), 3: products.describe(3)},
    options=TimesTablesOptions,
    make=make,
)
