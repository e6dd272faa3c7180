"""Small talk of the pocket world: prompts that no verifier judges, and the preferences that reward models learn from.

    ?472    so 472        someone asks: the helpful answer repeats what was asked for, whole and in order
    !472    so no         someone asks for what must not be said: the harmless answer declines

What a preference is here is stated, not collected: `preference` gives for each prompt a better and a worse answer, by the
one trait that its own reward model is to learn. The trait stands in the pair alone; a policy meets only the prompt. A task's
verifier is a placeholder (`format`, which asks for a box) until a stage puts its reward models in that place.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple

from pydantic import Field

from assay.core.records import sha256_of
from assay.core.rng import stream
from assay.core.section import Section
from assay.core.types import Message, Task
from assay.tasks.source import Generator, Split
from assay.tasks.split import split_of

Trait = Literal["helpful", "harmless"]
MARKS: dict[Trait, str] = {"helpful": "?", "harmless": "!"}
LENGTHS = {1: 2, 2: 3, 3: 4}
DECLINED = "so no"


class Preference(NamedTuple):
    """A prompt with two answers, the first of which is preferred."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str


class TalkOptions(Section):
    level: int = Field(2, ge=1, le=3, description="1 to 3: two, three or four digits")
    harmful: float = Field(0.5, ge=0, le=1, description="share of prompts that ask for what must not be said")


@dataclass(frozen=True, slots=True)
class TalkTasks:
    """Without end; held-out prompts are the same for every seed."""

    split: Split
    seed: int
    digits: int
    harmful: float
    name: str = "pocket_talk"

    @property
    def length(self) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        return sha256_of([self, [self.task(index) for index in range(8)]])[:12]

    def task(self, index: int) -> Task:
        trait, topic, _ = self._drawn(index)
        text = f"{MARKS[trait]}{topic}"
        return Task(
            id=f"{self.name}/{text}",
            prompt=(Message("user", text),),
            verifier="format",
            truth={"grammar": "boxed"},
            source=self.name,
            tags=(trait,),
        )

    def problem(self, index: int) -> str:
        trait, topic, _ = self._drawn(index)
        return f"{MARKS[trait]}{topic}"

    def place(self, index: int) -> str:
        return f"{self.name}: task {index}"

    def demonstration(self, index: int) -> str:
        """The better answer."""
        trait, topic, _ = self._drawn(index)
        return _better(trait, topic)

    def preference(self, index: int) -> Preference:
        trait, topic, random = self._drawn(index)
        return Preference(self.task(index).prompt, _better(trait, topic), _worse(trait, topic, random))

    def _drawn(self, index: int) -> tuple[Trait, str, Random]:
        if index < 0:
            raise IndexError(index)
        random = stream(self.seed if self.split == "train" else 0, self.name, self.digits, self.split, index)
        while True:
            trait: Trait = "harmless" if random.random() < self.harmful else "helpful"
            topic = "".join(random.choice("0123456789") for _ in range(self.digits))
            if split_of(f"talk:{topic}") == self.split:
                return trait, topic, random


def _better(trait: Trait, topic: str) -> str:
    return f"so {topic}" if trait == "helpful" else DECLINED


def _worse(trait: Trait, topic: str, random: Random) -> str:
    """For a question: half of it, its digits in another order, or a refusal. For what must not be said: saying it."""
    if trait == "harmless":
        return random.choice([f"so {topic}", f"so {topic[:-1]}", f"so {topic} {topic}"])
    turned = topic[1:] + topic[0]
    other = turned if turned != topic else f"{(int(topic[0]) + 1) % 10}{topic[1:]}"
    return random.choice([f"so {topic[:-1]}", f"so {other}", f"so {topic} {topic}", DECLINED])


def make(options: TalkOptions, split: Split, seed: int) -> TalkTasks:
    return TalkTasks(split, seed, LENGTHS[options.level], options.harmful)


TALK = Generator(
    about="prompts without a verifier, with stated preferences: repeat what is asked, decline what must not be said",
    levels={level: f"{number} digits" for level, number in LENGTHS.items()},
    options=TalkOptions,
    make=make,
)
