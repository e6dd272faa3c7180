"""Warehouse word problems: shelves of boxes, trips, a subtotal with tax, minutes left before a cutoff.

    14 shelves with 12 boxes each            168
    96 packages at 8 a trip                   12
    a subtotal of 47.50 plus 6 % tax       50.35
    it is 15:40, the cutoff is 17:00          80

Shelves and trips at level 2 are the demo's tasks. Two worked shots stand before each question, the same for every task of
a family, so that their prefill is shared. SmolLM2-135M-Instruct then has a held-out pass@1 of 0.40 on shelves and 0.08 on
trips (20 and 16 problems x 4 samples); with the shots of the two families mixed 0.19 and 0.07, and with shots that box the
answer without the line of work 0.00 and 0.02.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from pydantic import Field

from assay.core.section import Section
from assay.tasks.generators import products
from assay.tasks.generators.questions import Question, listed
from assay.tasks.listed import ListedTasks
from assay.tasks.source import Generator, Split

Family = Literal["shelves", "trips", "tax", "cutoff"]
CENT = {"absolute": 0.001}


class WarehouseOptions(Section):
    level: int = Field(2, ge=1, le=3, description="1 to 3: the size of the numbers")
    families: tuple[Family, ...] = Field(("shelves", "trips"), min_length=1, description="which questions are asked")
    shots: int = Field(2, ge=0, le=4, description="worked examples before each question")


def money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def clock(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02d}"


def shelves(a: int, b: int) -> Question:
    text = f"A warehouse has {a} shelves with {b} boxes each. How many boxes are there?"
    return Question("shelves", f"{a}x{b}", (str(a), str(b)), text, f"{a} * {b} = {a * b}", str(a * b))


def trips(a: int, b: int) -> Question:
    text = f"A van carries {a} packages a trip. How many trips does it take to carry {a * b} packages?"
    return Question("trips", f"{a}x{b}", (str(a), str(b)), text, f"{a * b} / {a} = {b}", str(b))


def tax(cents: int, percent: int) -> Question:
    """The total must come out in whole cents."""
    text = f"An order has a subtotal of {money(cents)}. What is the total with {percent} % tax added?"
    total = cents + cents * percent // 100
    plain = str(cents // 100) if cents % 100 == 0 else money(cents)
    truth = {"answer": money(total), "tolerance": CENT}
    work = f"{money(cents)} + {money(total - cents)} = {money(total)}"
    return Question("tax", f"{money(cents)}+{percent}%", (plain, str(percent)), text, work, truth)


def cutoff(now: int, end: int) -> Question:
    """Both in minutes after midnight."""
    text = f"It is {clock(now)}. The cutoff for today's orders is {clock(end)}. How many minutes are left?"
    work = f"{clock(end)} - {clock(now)} = {end - now} minutes"
    return Question("cutoff", f"{clock(now)}-{clock(end)}", (clock(now), clock(end)), text, work, str(end - now))


def tax_problems(level: int) -> Iterator[Question]:
    step, last, rates = {1: (1000, 10_000, (5, 10, 20)), 2: (50, 10_000, range(2, 13)), 3: (25, 20_000, range(2, 26))}[
        level
    ]
    for cents in range(1000, last, step):
        for percent in rates:
            if cents * percent % 100 == 0:
                yield tax(cents, percent)


def cutoff_problems(level: int) -> Iterator[Question]:
    step, longest, ends = {1: (5, 60, 60), 2: (5, 180, 30), 3: (1, 300, 15)}[level]
    for end in range(12 * 60, 18 * 60 + 1, ends):
        for now in range(end - longest + step, end - step + 1, step):
            yield cutoff(now, end)


def product_problems(ask: Callable[[int, int], Question]) -> Callable[[int], Iterator[Question]]:
    return lambda level: (ask(a, b) for a, b in products.pairs(level))


PROBLEMS: Mapping[Family, Callable[[int], Iterator[Question]]] = {
    "shelves": product_problems(shelves),
    "trips": product_problems(trips),
    "tax": tax_problems,
    "cutoff": cutoff_problems,
}

SHOTS: Mapping[str, tuple[Question, ...]] = {
    "shelves": tuple(shelves(a, b) for a, b in products.SHOTS),
    "trips": tuple(trips(a, b) for a, b in products.SHOTS),
    "tax": tuple(tax(*each) for each in ((4000, 5), (2500, 8), (6050, 10), (1200, 25))),
    "cutoff": tuple(cutoff(*each) for each in ((990, 1020), (875, 960), (700, 720), (765, 840))),
}


def make(options: WarehouseOptions, split: Split, seed: int) -> ListedTasks:
    questions = (each for family in dict.fromkeys(options.families) for each in PROBLEMS[family](options.level))
    return listed("warehouse", questions, SHOTS, options.shots, split, seed)


WAREHOUSE = Generator(
    about="word problems: shelves of boxes, trips, a subtotal with tax, minutes before a cutoff",
    levels={
        1: f"{products.describe(1)}; tax on whole tens; within the hour",
        2: f"{products.describe(2)}; tax on half units; within three hours",
        3: f"{products.describe(3)}; tax on quarter units; within five hours, to the minute",
    },
    options=WarehouseOptions,
    make=make,
)
