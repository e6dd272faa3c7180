"""Chains of operations modulo 10, for a decoder trained from scratch over a handful of characters.

    3+4*7-2+6*3=    ->    +47*79-27+63*39
                          93797

The operations run from left to right. The answer writes each step with its result (the trace), and on its last line the
results in reverse. That line is what is judged: it can only be right when every step was, so luck pays nothing (a
single digit would pay one guess in ten, and teaches nothing). It is compared as text, by the `choice` verifier: 0349 and
349 are two answers, for `math` they are one.

The trace repeats each operation so that a step needs only what stands right before it. With the bare results as the
trace, 240 steps of SFT leave the tiny decoder at a held-out pass@1 of 0.03.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pydantic import Field

from assay.core.records import sha256_of
from assay.core.rng import stream
from assay.core.section import Section
from assay.core.types import Message, Task
from assay.tasks.source import Generator, Split
from assay.tasks.split import operands, split_of

CHARACTERS = "0123456789+-*=\n"
"""Everything that a prompt or an answer holds. `model.tiny.ALPHABET` covers it (a test says so)."""

OPERATIONS = {1: 3, 2: 5, 3: 7}
"""Operations at each level; a demonstration has 4 characters for each and one more."""


class ChainOptions(Section):
    level: int = Field(2, ge=1, le=3, description="1 to 3: three, five or seven operations")


@dataclass(frozen=True, slots=True)
class Expression:
    """A first digit, and (sign, digit) for each operation."""

    first: int
    steps: tuple[tuple[str, int], ...]

    @classmethod
    def draw(cls, random: Random, operations: int) -> Expression:
        steps = tuple((random.choice("+-*"), random.randint(1, 9)) for _ in range(operations))
        return cls(random.randint(0, 9), steps)

    @property
    def text(self) -> str:
        return f"{self.first}{''.join(f'{sign}{digit}' for sign, digit in self.steps)}="

    @property
    def problem(self) -> str:
        """The operations in any order are one problem: no held-out chain is a shuffled training chain."""
        return operands(self.first, *(f"{sign}{digit}" for sign, digit in self.steps))

    @property
    def results(self) -> tuple[int, ...]:
        """After each operation."""
        value, found = self.first, []
        for sign, digit in self.steps:
            value = (value + digit if sign == "+" else value - digit if sign == "-" else value * digit) % 10
            found.append(value)
        return tuple(found)

    @property
    def answer(self) -> str:
        """The results in reverse."""
        return "".join(str(each) for each in reversed(self.results))

    @property
    def trace(self) -> str:
        """Each operation with its result."""
        return "".join(f"{sign}{digit}{value}" for (sign, digit), value in zip(self.steps, self.results, strict=True))


@dataclass(frozen=True, slots=True)
class ChainTasks:
    """Without end. Held-out tasks are the same for every seed, so that evaluations can be compared."""

    split: Split
    seed: int
    operations: int
    name: str = "chain"

    @property
    def length(self) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        return sha256_of([self, [self.task(index) for index in range(8)]])[:12]

    def task(self, index: int) -> Task:
        chain = self.expression(index)
        return Task(
            id=f"chain/{chain.text[:-1]}",
            prompt=(Message("user", chain.text),),
            verifier="choice",
            truth={"answer": chain.answer, "field": "final_line"},
            source=self.name,
            tags=(f"operations-{self.operations}",),
        )

    def problem(self, index: int) -> str:
        return self.expression(index).problem

    def place(self, index: int) -> str:
        return f"chain: task {index}"

    def demonstration(self, index: int) -> str:
        """The worked answer, for a supervised cold start."""
        chain = self.expression(index)
        return f"{chain.trace}\n{chain.answer}"

    def expression(self, index: int) -> Expression:
        if index < 0:
            raise IndexError(index)
        seed = self.seed if self.split == "train" else 0
        random = stream(seed, "chain", self.operations, index)
        drawn = Expression.draw(random, self.operations)
        while split_of(drawn.problem) != self.split:
            drawn = Expression.draw(random, self.operations)
        return drawn


def make(options: ChainOptions, split: Split, seed: int) -> ChainTasks:
    return ChainTasks(split, seed, OPERATIONS[options.level])


CHAIN = Generator(
    about="operations modulo 10 with a written trace; the answer is all results, reversed",
    levels={level: f"{number} operations" for level, number in OPERATIONS.items()},
    options=ChainOptions,
    make=make,
)
