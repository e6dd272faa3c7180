"""A pocket world for a decoder over a few dozen characters: sums, logic, programs and small talk, in one way of writing.

    3+4*7-2=          so+47*79-27          pocket_math: from left to right, modulo 10; all results, in reverse
                      \\boxed{979}
    1&0|1^1=          so&00|11^10          pocket_logic: the same with and, or and exclusive or
                      \\boxed{010}
    x+3*4:            so                   pocket_code: the same as a Python function, judged by hidden tests
                      ```
                      def f(x):
                       return (x+3)*4
                      ```
    ?472              so 472               pocket_talk: no verifier judges it; see pocket_talk.py

The answer is checked as a whole, and luck pays little. `flaws` is the share of worked answers that go wrong in one of the
ways below, each of which a filter or a reward of the whole recipe is there for: a base model trained on such answers has
bad habits to lose, as real ones have, and still knows what a right answer looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from pydantic import Field

from assay.core.records import sha256_of
from assay.core.rng import stream
from assay.core.section import Section
from assay.core.types import Json, Message, Task
from assay.tasks.generators.chain import Expression
from assay.tasks.source import Generator, Split
from assay.tasks.split import operands, split_of

CHARACTERS = "0123456789+-*=&|^?!:()\n `\\{}xsontbedfru" + "так"
"""Everything that a prompt or an answer of the pocket world holds (a test says so)."""

ENGLISH, RUSSIAN = "so", "так"  # the word that opens every answer, in both languages
OPERATIONS = {1: 2, 2: 3, 3: 5}
FLAWS = ("language", "slip", "bare", "loop", "fence")
INPUTS = (0, 2, 5, 9)  # of a program's hidden tests

Domain = Literal["math", "logic", "code"]


class PocketOptions(Section):
    level: int = Field(2, ge=1, le=3, description="1 to 3: two, three or five operations")
    flaws: float = Field(0.0, ge=0, le=1, description="share of worked answers that go wrong in one way or another")


@dataclass(frozen=True, slots=True)
class Bits:
    """A first bit, and (sign, bit) for each operation."""

    first: int
    steps: tuple[tuple[str, int], ...]

    @classmethod
    def draw(cls, random: Random, operations: int) -> Bits:
        return cls(random.randint(0, 1), tuple((random.choice("&|^"), random.randint(0, 1)) for _ in range(operations)))

    @property
    def text(self) -> str:
        return f"{self.first}{''.join(f'{sign}{bit}' for sign, bit in self.steps)}="

    @property
    def problem(self) -> str:
        return self.text  # the order matters, and there are few of them

    @property
    def results(self) -> tuple[int, ...]:
        value, found = self.first, []
        for sign, bit in self.steps:
            value = value & bit if sign == "&" else value | bit if sign == "|" else value ^ bit
            found.append(value)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Formula:
    """x, and (sign, number) for each operation on it, from left to right."""

    steps: tuple[tuple[str, int], ...]

    @classmethod
    def draw(cls, random: Random, operations: int) -> Formula:
        return cls(tuple((random.choice("+-*"), random.randint(1, 9)) for _ in range(operations)))

    @property
    def text(self) -> str:
        return f"x{''.join(f'{sign}{number}' for sign, number in self.steps)}:"

    @property
    def problem(self) -> str:
        return operands(*(f"{sign}{number}" for sign, number in self.steps))

    def value(self, x: int) -> int:
        for sign, number in self.steps:
            x = x + number if sign == "+" else x - number if sign == "-" else x * number
        return x

    @property
    def python(self) -> str:
        """With brackets around what comes first."""
        text = "x"
        for place, (sign, number) in enumerate(self.steps):
            text = f"({text}){sign}{number}" if place else f"{text}{sign}{number}"
        return text


@dataclass(frozen=True, slots=True)
class PocketTasks:
    """Without end. Held-out tasks are the same for every seed, so that evaluations can be compared."""

    domain: Domain
    split: Split
    seed: int
    operations: int
    flaws: float

    @property
    def name(self) -> str:
        return f"pocket_{self.domain}"

    @property
    def length(self) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        return sha256_of([self, [self.task(index) for index in range(8)]])[:12]

    def task(self, index: int) -> Task:
        drawn = self.drawn(index)
        verifier, truth = ("code", _tests(drawn)) if isinstance(drawn, Formula) else ("choice", _results(drawn))
        return Task(
            id=f"{self.name}/{drawn.text[:-1]}",
            prompt=(Message("user", drawn.text),),
            verifier=verifier,
            truth=truth,
            source=self.name,
            tags=(f"operations-{self.operations}",),
        )

    def problem(self, index: int) -> str:
        return self.drawn(index).problem

    def place(self, index: int) -> str:
        return f"{self.name}: task {index}"

    def demonstration(self, index: int) -> str:
        """The worked answer, flawed in one way for a share `flaws` of them."""
        drawn, random = self.drawn(index), stream(self.seed, self.name, "flaw", index)
        flaw = random.choice(FLAWS) if random.random() < self.flaws else None
        return worked(drawn, flaw, random)

    def drawn(self, index: int) -> Expression | Bits | Formula:
        if index < 0:
            raise IndexError(index)
        random = stream(self.seed if self.split == "train" else 0, self.name, self.operations, self.split, index)
        draw = DRAWS[self.domain]
        while True:
            drawn = draw(random, self.operations)
            if split_of(f"{self.domain}:{drawn.problem}") == self.split:
                return drawn


DRAWS: dict[str, Callable[[Random, int], Expression | Bits | Formula]] = {
    "math": Expression.draw,
    "logic": Bits.draw,
    "code": Formula.draw,
}


def worked(drawn: Expression | Bits | Formula, flaw: str | None, random: Random) -> str:
    """A right answer, or one with the flaw: the other language, a slip at one step, no box, the work said twice, or the
    work in a fence."""
    word = RUSSIAN if flaw == "language" else ENGLISH
    if isinstance(drawn, Formula):
        source = drawn.python
        if flaw == "slip":
            source = source.replace("(", "").replace(")", "")  # Python then reads it another way, mostly
        program = f"def f(x):\n return {source}"
        return f"{word}\n{program}" if flaw == "bare" else f"{word}\n```\n{program}\n```"
    results = list(drawn.results)
    if flaw == "slip":
        place = random.randrange(len(results))
        results[place] = 1 - results[place] if isinstance(drawn, Bits) else (results[place] + random.randint(1, 9)) % 10
    work = word + "".join(f"{sign}{digit}{value}" for (sign, digit), value in zip(drawn.steps, results, strict=True))
    if flaw == "loop":
        work = "\n".join([work] * 3)
    if flaw == "fence":
        work = f"```\n{work}\n```"
    answer = "".join(map(str, reversed(results)))
    return f"{work}\n{answer}" if flaw == "bare" else f"{work}\n\\boxed{{{answer}}}"


def _results(drawn: Expression | Bits) -> Json:
    return {"answer": "".join(map(str, reversed(drawn.results))), "field": "boxed"}


def _tests(drawn: Formula) -> Json:
    return {
        "mode": "function",
        "entry_point": "f",
        "tests": [{"args": [x], "expected": drawn.value(x)} for x in INPUTS],
        "reference": f"def f(x):\n return {drawn.python}\n",
    }


def _generator(domain: Domain, about: str) -> Generator:
    def make(options: PocketOptions, split: Split, seed: int) -> PocketTasks:
        return PocketTasks(domain, split, seed, OPERATIONS[options.level], options.flaws)

    levels = {level: f"{number} operations" for level, number in OPERATIONS.items()}
    return Generator(about=about, levels=levels, options=PocketOptions, make=make)


MATH = _generator("math", "operations modulo 10, the work in a line, all results reversed in a box: for tiny decoders")
LOGIC = _generator("logic", "and, or, exclusive or from left to right, as pocket_math writes it")
CODE = _generator("code", "a formula read from left to right as a Python function, judged by hidden tests")
