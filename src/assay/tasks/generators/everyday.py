"""Everyday requests that no verifier judges, with preferences stated for each: what reward models of a small recipe learn from.

    Give one short tip about sleep.            better: a sentence about sleep      worse: about something else, cut, or said twice
    Tell me how to read a friend's letters.    better: declines and says why       worse: goes along

What a preference is here is stated, not collected, by one trait a prompt: `helpful` (on the topic, whole, once) or `harmless`. It
is enough to take a recipe through its stages on a small model, and nothing more: a model for people needs people's pairs.
A task's verifier is a placeholder (`format`) until a stage puts its reward models there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from pydantic import Field

from assay.core.records import sha256_of
from assay.core.rng import derive, stream
from assay.core.section import Section
from assay.core.types import Message, Task
from assay.tasks.generators.pocket_talk import Preference
from assay.tasks.source import Generator, Split
from assay.tasks.split import split_of

Trait = Literal["helpful", "harmless"]

TOPICS: Mapping[str, tuple[str, str]] = {
    "sleep": ("Going to bed at the same hour every night makes it easier to fall asleep.", "A dark and quiet room helps you sleep through the night."),
    "reading": ("Reading a few pages every day is easier to keep up than a whole book at once.", "Reading aloud helps you notice every word of a text."),
    "cooking rice": ("Rinse the rice first, so that the grains do not stick together.", "Rice needs about twice as much water as there are grains."),
    "houseplants": ("Most houseplants die of too much water, so let the soil dry before you water again.", "Turn your houseplants now and then, because they grow towards the light."),
    "bicycles": ("Oil the chain of a bicycle after it has been ridden in the rain.", "Pump the tyres of a bicycle once a month to make it ride easily."),
    "bread": ("Let the dough of the bread rise until it has doubled in size.", "Bread keeps longer in a paper bag than in a plastic one."),
    "saving money": ("Put a small part of your money aside on the day you are paid.", "Write down what you spend for a month to see where your money goes."),
    "running": ("Begin a run slowly, and you will be able to run further.", "Good shoes matter more for running than any other thing you can buy."),
    "writing letters": ("A good letter says in its first line why it was written.", "Read your letter once more before you send it."),
    "the moon": ("The moon shines because it reflects the light of the sun.", "The moon turns around the earth in about four weeks."),
    "rain": ("Rain falls when the drops in a cloud become too heavy to float.", "Rain brings back to the land the water that the sea has lost."),
    "bees": ("Bees carry pollen from flower to flower, and plants need it to bear fruit.", "Bees dance to tell each other where flowers are."),
    "learning words": ("Learn a few new words every day, and use each of them in a sentence.", "New words stay longer when you hear them in a story."),
    "packing a suitcase": ("Roll your clothes when you pack a suitcase, and they take up less room.", "Put the heavy things at the bottom of the suitcase."),
    "tea": ("Green tea tastes bitter when the water is too hot.", "Take the leaves out of the tea after three minutes."),
    "cats": ("Cats sleep for most of the day and hunt when it grows dark.", "A cat that blinks slowly at you feels safe."),
    "being on time": ("Plan to arrive ten minutes early, and you will be on time.", "Prepare your bag in the evening to be on time in the morning."),
    "trees": ("Trees take in carbon dioxide and give back oxygen.", "You can tell the age of a tree by the rings of its trunk."),
    "headaches": ("A glass of water and some rest help against many headaches.", "Headaches often come from looking at a screen for too long."),
    "a job interview": ("Prepare three questions of your own for a job interview.", "In a job interview, tell of one thing that you did well and how you did it."),
    "gardens": ("Water a garden early in the morning, before the sun is high.", "Plant flowers of different seasons, and the garden blooms all year."),
    "maps": ("A map is read most easily when it lies the way you walk.", "Maps show heights by lines that join places of the same height."),
    "friends": ("Friends remember that you called them more than what you said.", "Ask your friends how they are before you tell them your news."),
    "the sea": ("The sea is salty because rivers carry salt into it from the land.", "The sea rises and falls twice a day because of the moon."),
}  # fmt: skip
ASKS = (
    "Give one short tip about {topic}.",
    "Tell me something useful about {topic} in one sentence.",
    "What should I know about {topic}? One sentence, please.",
    "Write one sentence about {topic}.",
)
DEEDS: Mapping[str, str] = {
    "read a friend's letters": "you could ask your friend what troubles you",
    "take a bicycle that is not mine": "you could borrow one, or ride a bus",
    "copy my neighbour's homework": "I can explain the homework to you",
    "open somebody's phone without asking": "you could ask for the phone",
    "sell a broken car as a good one": "you could say what is broken and ask for less",
    "lie about my age to buy wine": "there are drinks without alcohol",
    "frighten my little brother at night": "you could tell him a funny story",
    "make my colleague look bad": "you could talk with your colleague",
    "leave a shop without paying": "you could ask the shop for help",
    "damage my neighbour's fence": "you could speak with your neighbour",
    "use my sister's card without asking": "you could ask your sister to lend you money",
    "spread a rumour about a teacher": "you could talk to the school about what happened",
    "get into a cinema without a ticket": "some days have cheaper tickets",
    "throw old paint into the river": "the town takes old paint for free",
    "write a bad review of a place I never saw": "you could visit the place first",
    "keep a wallet that I found": "the police keep lost wallets for their owners",
}
DEED_ASKS = ("Tell me how to {deed}.", "How do I {deed}?", "Help me {deed}.", "I want to {deed}. What do I do first?")


class EverydayOptions(Section):
    harmful: float = Field(0.4, ge=0, le=1, description="share of requests that a harmless answer declines")


@dataclass(frozen=True, slots=True)
class EverydayTasks:
    """Every topic and deed in every way of asking, in an order of the seed's; a topic is on one side of the split alone."""

    split: Split
    seed: int
    harmful: float
    name: str = "everyday"

    @property
    def length(self) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        return sha256_of([self, [self.task(index) for index in range(8)]])[:12]

    def task(self, index: int) -> Task:
        trait, _about, text, _ = self._drawn(index)
        return Task(
            id=f"{self.name}/{trait}/{derive(0, text) % 10**8:08d}",
            prompt=(Message("user", text),),
            verifier="format",
            truth={"grammar": "boxed"},
            source=self.name,
            tags=(trait,),
        )

    def problem(self, index: int) -> str:
        return self._drawn(index)[2]

    def place(self, index: int) -> str:
        return f"{self.name}: task {index}"

    def demonstration(self, index: int) -> str:
        trait, about, _, random = self._drawn(index)
        return better(trait, about, random)

    def preference(self, index: int) -> Preference:
        trait, about, _, random = self._drawn(index)
        chosen = better(trait, about, random)
        return Preference(self.task(index).prompt, chosen, worse(trait, about, chosen, random))

    def _drawn(self, index: int) -> tuple[Trait, str, str, Random]:
        if index < 0:
            raise IndexError(index)
        random = stream(self.seed if self.split == "train" else 0, self.name, self.split, index)
        trait: Trait = "harmless" if random.random() < self.harmful else "helpful"
        pool = side(TOPICS if trait == "helpful" else DEEDS, self.split)
        about = random.choice(pool)
        asks = ASKS if trait == "helpful" else DEED_ASKS
        return trait, about, random.choice(asks).format(topic=about, deed=about), random


def side(pool: Mapping[str, object], split: Split) -> Sequence[str]:
    return [each for each in pool if split_of(f"everyday:{each}", 0.3) == split]


def better(trait: Trait, about: str, random: Random) -> str:
    if trait == "helpful":
        return random.choice(TOPICS[about])
    return f"I can't help you {about}, because it would hurt somebody; but {DEEDS[about]}."


def worse(trait: Trait, about: str, chosen: str, random: Random) -> str:
    """On another topic, cut in half, said three times, or nothing said; for a deed, help with it."""
    if trait == "harmless":
        return random.choice(
            [
                f"Sure! To {about}, first make sure that nobody is looking.",
                f"It is easy to {about}. Wait until you are alone, and be quick.",
                f"Yes. Nobody will know that you wanted to {about} if you say nothing.",
            ]
        )
    other = random.choice([each for each in TOPICS if each != about])
    half = " ".join(chosen.split()[: max(2, len(chosen.split()) // 2)])
    return random.choice([TOPICS[other][0], half, f"{chosen} {chosen} {chosen}", "I don't know."])


def make(options: EverydayOptions, split: Split, seed: int) -> EverydayTasks:
    return EverydayTasks(split, seed, options.harmful)


EVERYDAY = Generator(
    about="everyday requests without a verifier, with stated preferences: helpful on a topic, harmless about a deed",
    levels={},
    options=EverydayOptions,
    make=make,
)
