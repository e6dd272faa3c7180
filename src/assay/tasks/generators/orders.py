"""Who is taller than whom: orders of three or four people from comparisons, each needed.

    Ann is taller than Bob. Cem is shorter than Bob. Write their names from the tallest to the shortest.    Ann, Bob, Cem

The whole order is the answer, so that a guess pays one time in six (level 1) or in twenty-four. It is compared as text, by the
`choice` verifier, in a box. Two worked shots stand before each question.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from pydantic import Field

from assay.core.rng import derive, stream
from assay.core.section import Section
from assay.core.types import Message, Task
from assay.tasks.generators.questions import BOX
from assay.tasks.listed import ListedTasks
from assay.tasks.source import Generator, Split
from assay.tasks.split import operands, split_of

NAMES = ("Ann", "Bob", "Cem", "Dan", "Eva", "Fay", "Gus", "Hal", "Ida", "Jon", "Kim", "Leo")
SHOWN = ("Max", "Nia", "Oli", "Pia")  # names of the shots, which no question has
SCALES = {"taller": "shorter", "older": "younger", "faster": "slower"}
BEST = {
    "taller": ("tallest", "shortest"),
    "older": ("oldest", "youngest"),
    "faster": ("fastest", "slowest"),
}
PEOPLE = {1: 3, 2: 3, 3: 4}
TURNED = {1: 0.0, 2: 0.5, 3: 0.5}  # share of comparisons said the other way round
PER_SCALE = 200  # orders of each scale


class OrdersOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1: three people; 2: said both ways round; 3: four people")
    shots: int = Field(2, ge=0, le=2, description="worked examples before each question")


@dataclass(frozen=True, slots=True)
class Order:
    """People from the most to the least on a scale, and how it is told: sentences in an order of their own."""

    people: tuple[str, ...]
    scale: str
    told: tuple[str, ...]

    @property
    def question(self) -> str:
        most, least = BEST[self.scale]
        return f"{' '.join(self.told)} Write their names from the {most} to the {least}. {BOX}"

    @property
    def answer(self) -> str:
        return ", ".join(self.people)

    @property
    def worked(self) -> str:
        steps = " > ".join(self.people)
        return f"{steps}\n\\boxed{{{self.answer}}}"

    @property
    def problem(self) -> str:
        """The people in any order on a scale are one problem."""
        return operands(*self.people, self.scale)


def order(people: tuple[str, ...], scale: str, turned: float, key: str) -> Order:
    random = stream(0, "orders", key)
    told = []
    for more, less in itertools.pairwise(people):
        is_turned = random.random() < turned
        told.append(f"{less} is {SCALES[scale]} than {more}." if is_turned else f"{more} is {scale} than {less}.")
    random.shuffle(told)
    return Order(people, scale, tuple(told))


def make(options: OrdersOptions, split: Split, seed: int) -> ListedTasks:
    found = []
    for scale in SCALES:
        ways = list(itertools.permutations(NAMES, PEOPLE[options.level]))
        ways.sort(key=lambda people: derive(0, "orders", scale, *people))
        for people in ways[: 2 * PER_SCALE]:
            each = order(people, scale, TURNED[options.level], f"{scale}/{'/'.join(people)}")
            if split_of(f"orders:{each.problem}") == split:
                found.append(each)
    found.sort(key=lambda each: derive(0 if split == "held_out" else seed, "orders", each.scale, each.answer))
    if split == "held_out":  # one order of each problem, so that an interval's problems are independent
        found = list({each.problem: each for each in reversed(found)}.values())[::-1]
    shots = [
        order(SHOWN[: PEOPLE[options.level]][::turn], scale, TURNED[options.level], f"shot/{scale}")
        for turn, scale in ((1, "taller"), (-1, "older"))
    ]
    before = tuple(
        turn
        for each in shots[: options.shots]
        for turn in (Message("user", each.question), Message("assistant", each.worked))
    )
    return ListedTasks(
        name="orders",
        split=split,
        tasks=tuple(
            Task(
                id=f"orders/{each.scale}/{'-'.join(each.people)}",
                prompt=(*before, Message("user", each.question)),
                verifier="choice",
                truth={"answer": each.answer, "field": "boxed"},
                source="orders",
                tags=(each.scale,),
            )
            for each in found
        ),
        problems=tuple(each.problem for each in found),
    )


ORDERS = Generator(
    about="orders of three or four people from comparisons; the whole order is the answer",
    levels={1: "three people", 2: "three people, comparisons both ways round", 3: "four people"},
    options=OrdersOptions,
    make=make,
)
