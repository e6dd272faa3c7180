"""Knapsacks: which items to take, within a capacity, so that their value is the best there is; CP-SAT certifies it.

A greedy choice is drawn against: the best by value per weight is not the best plan on most problems of levels 2 and 3.
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
from assay.tasks.generators.puzzles import certified, need_solver_at, posed
from assay.tasks.generators.scenarios import shown
from assay.tasks.source import Generator, Split

COUNTS = {1: (4, 5), 2: (6, 8), 3: (9, 12)}
FORM = {"items": ["..."], "value": 0}


class KnapsackOptions(Section):
    level: int = Field(1, ge=1, le=3, description="more items; at level 3 some that do not go together")


@dataclass(frozen=True, slots=True)
class Load:
    level: int
    capacity: int
    items: tuple[tuple[str, int, int], ...]  # id, weight, value
    apart: tuple[tuple[str, str], ...]

    @property
    def key(self) -> str:
        numbers = {each: [weight, value] for each, weight, value in self.items}
        pairs = sorted(sorted([numbers[one], numbers[other]]) for one, other in self.apart)
        return dumps([self.capacity, sorted(numbers.values()), pairs])

    @property
    def problem(self) -> dict[str, Json]:
        items = [{"id": each, "weight": weight, "value": value} for each, weight, value in self.items]
        found: dict[str, Json] = {"kind": "knapsack", "capacity": self.capacity, "items": items}
        return {**found, "apart": [list(each) for each in self.apart]} if self.apart else found

    def pose(self) -> Posed:
        problem, answer = certified(self.problem, "value")
        rows = [{"item": each, "weight": weight, "value": value} for each, weight, value in self.items]
        apart = "".join(f" {one} and {other} must not be taken together." for one, other in self.apart)
        text = (
            f"Choose which of these items to take, each at most once, so that their weights add up to at most "
            f"{self.capacity} and the sum of their values is as large as it can be.{apart} Say which, and the sum of their "
            f"values.\n\n{shown(rows)}"
        )
        return posed(text, FORM, problem, "optimal", answer)


def draw(random: Random, level: int) -> Load:
    count = random.randint(*COUNTS[level])
    items = []
    for at in range(count):
        weight = random.randint(2, 12 if level == 1 else 40)
        items.append((f"I{at + 1}", weight, max(1, weight + random.randint(-3, 6 + 3 * level))))
    capacity = max(max(each[1] for each in items), sum(each[1] for each in items) * random.randint(35, 60) // 100)
    names = [each[0] for each in items]
    apart = [tuple(sorted(random.sample(names, 2))) for _ in range(3)] if level == 3 else []
    return Load(level, capacity, tuple(items), tuple((one, other) for one, other in dict.fromkeys(apart)))


def make(options: KnapsackOptions, split: Split, seed: int) -> DrawnTasks:
    need_solver_at(options.level, 1, "knapsack")
    return DrawnTasks("knapsack", split, seed, options.level, draw, "constraint")


LEVELS: Mapping[int, str] = {
    1: "4 or 5 items, the most valuable choice (needs ortools)",
    2: "6 to 8 items (needs ortools)",
    3: "9 to 12 items, some of which do not go together (needs ortools)",
}

KNAPSACK = Generator(
    about="which items to take within a capacity, as JSON: the weights are added up, the value must be the best",
    levels=LEVELS,
    options=KnapsackOptions,
    make=make,
)
