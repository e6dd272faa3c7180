"""One-line Python functions asked for in words: code at the level of a model of a hundred million parameters.

    Write a Python function f(x) that returns x times 3 plus 4.        def f(x): return x * 3 + 4
    Write a Python function f(s) that returns s with "ing" at its end.  def f(s): return s + "ing"

The program is judged by hidden tests in the sandbox (`code`). Two worked shots stand before each question, the same for all
questions about numbers, texts and lists, so that their prefill is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from assay.core.rng import derive
from assay.core.section import Section
from assay.core.types import Json, Message, Task
from assay.tasks.listed import ListedTasks
from assay.tasks.source import Generator, Split
from assay.tasks.split import split_of

Family = Literal["numbers", "texts", "lists"]
ASK = "Answer with the program in one fenced Python code block."
RANGES = {1: range(2, 8), 2: range(2, 13), 3: range(2, 26)}
NUMBERS, TEXTS, LISTS = (
    (0, 1, 7, 12, -3),
    ("walk", "a", "hello world", "Zoo"),
    ([3, 9, 1], [5], [2, 2, 8, 14], list(range(1, 27))),  # the last has a neighbour of every threshold
)
ENDINGS = ("ing", "ed", "!", "s", "er", "?", "ly", "...")


class FunctionsOptions(Section):
    level: int = Field(1, ge=1, le=3, description="1 to 3: the size of the numbers in a question")
    families: tuple[Family, ...] = Field(
        ("numbers", "texts", "lists"), min_length=1, description="what the functions take"
    )
    shots: int = Field(2, ge=0, le=2, description="worked examples before each question")


@dataclass(frozen=True, slots=True)
class Function:
    """What is asked for (`returns ...`), and the expression that does it."""

    family: Family
    name: str
    asked: str
    expression: str
    does: Callable[..., Json]

    @property
    def argument(self) -> str:
        return {"numbers": "x", "texts": "s", "lists": "xs"}[self.family]

    @property
    def question(self) -> str:
        return f"Write a Python function f({self.argument}) that returns {self.asked}. {ASK}"

    @property
    def program(self) -> str:
        return f"def f({self.argument}):\n    return {self.expression}\n"

    @property
    def answer(self) -> str:
        return f"f returns {self.asked}.\n```python\n{self.program}```"

    @property
    def truth(self) -> Json:
        inputs: Mapping[str, tuple[Json, ...]] = {"numbers": NUMBERS, "texts": TEXTS, "lists": LISTS}
        tests = [{"args": [each], "expected": self.does(each)} for each in inputs[self.family]]
        return {"mode": "function", "entry_point": "f", "tests": tests, "reference": self.program}


def numbers(a: int, b: int) -> Iterator[Function]:
    def made(name: str, asked: str, expression: str, does: Callable[[int], Json]) -> Function:
        return Function("numbers", f"{name}-{a}-{b}", asked, expression, does)

    yield made("times-plus", f"x times {a} plus {b}", f"x * {a} + {b}", lambda x: x * a + b)
    yield made("plus-times", f"the sum of x and {a}, times {b}", f"(x + {a}) * {b}", lambda x: (x + a) * b)
    yield made("square", f"the square of x, plus {a}, minus {b}", f"x ** 2 + {a} - {b}", lambda x: x**2 + a - b)
    yield made("rest", f"the remainder of x plus {a} divided by {b}", f"(x + {a}) % {b}", lambda x: (x + a) % b)
    yield made("larger", f"the larger of x times {a} and {b}", f"max(x * {a}, {b})", lambda x: max(x * a, b))


def texts(a: int, b: int) -> Iterator[Function]:
    def made(name: str, asked: str, expression: str, does: Callable[[str], Json]) -> Function:
        return Function("texts", f"{name}-{a}-{b}", asked, expression, does)

    end = ENDINGS[b % len(ENDINGS)]
    yield made(
        "end", f'the first {a} letters of s with "{end}" at their end', f's[:{a}] + "{end}"', lambda s: s[:a] + end
    )
    yield made("times", f'"{end}" followed by s, {a} times over', f'("{end}" + s) * {a}', lambda s: (end + s) * a)
    yield made("length", f"the length of s plus {a + b}", f"len(s) + {a + b}", lambda s: len(s) + a + b)


def lists(a: int, b: int) -> Iterator[Function]:
    def made(name: str, asked: str, expression: str, does: Callable[[list[int]], Json]) -> Function:
        return Function("lists", f"{name}-{a}-{b}", asked, expression, does)

    yield made("sum", f"the sum of the list xs times {a}, plus {b}", f"sum(xs) * {a} + {b}", lambda xs: sum(xs) * a + b)
    yield made(
        "largest", f"the largest number of the list xs plus {a * b}", f"max(xs) + {a * b}", lambda xs: max(xs) + a * b
    )
    yield made(
        "count",
        f"how many numbers of the list xs are greater than {a}, plus {b}",
        f"len([x for x in xs if x > {a}]) + {b}",
        lambda xs: len([x for x in xs if x > a]) + b,
    )


FAMILIES: Mapping[Family, Callable[[int, int], Iterator[Function]]] = {
    "numbers": numbers,
    "texts": texts,
    "lists": lists,
}
SHOTS = (2, 2)  # operands of the shots, which no question has


def shots_of(family: Family, count: int) -> tuple[Message, ...]:
    return tuple(
        turn
        for each, _ in zip(FAMILIES[family](*SHOTS), range(count), strict=False)
        for turn in (Message("user", each.question), Message("assistant", each.answer))
    )


def make(options: FunctionsOptions, split: Split, seed: int) -> ListedTasks:
    sizes = RANGES[options.level]
    found = [
        each
        for family in dict.fromkeys(options.families)
        for a in sizes
        for b in sizes
        if a != b
        for each in FAMILIES[family](a, b)
        if split_of(f"functions:{each.asked}") == split
    ]
    unique = list({each.question: each for each in found}.values())
    unique.sort(key=lambda each: derive(0 if split == "held_out" else seed, "functions", each.family, each.name))
    before = {family: shots_of(family, options.shots) for family in FAMILIES}
    return ListedTasks(
        name="functions",
        split=split,
        tasks=tuple(
            Task(
                id=f"functions/{each.family}-{each.name}",
                prompt=(*before[each.family], Message("user", each.question)),
                verifier="code",
                truth=each.truth,
                source="functions",
                tags=(each.family,),
            )
            for each in unique
        ),
        problems=tuple(each.asked for each in unique),
    )


FUNCTIONS = Generator(
    about="one-line Python functions asked for in words, judged by hidden tests",
    levels={level: f"numbers of {sizes[0]} to {sizes[-1]}" for level, sizes in RANGES.items()},
    options=FunctionsOptions,
    make=make,
)
