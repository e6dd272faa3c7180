"""Tasks drawn without end: problem by problem, each on the side that a hash of it decides."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import NamedTuple, Protocol

from assay.core.records import sha256_of
from assay.core.rng import stream
from assay.core.types import Json, Message, Task
from assay.tasks.source import Split
from assay.tasks.split import split_of


class Posed(NamedTuple):
    """A problem as a task: its prompt, its truth, and a worked answer for a supervised cold start."""

    prompt: str
    truth: Json
    demonstration: str
    tags: Sequence[str] = ()


class Problem(Protocol):
    """`key` names the problem: what makes it this one, without the words and the order in which it is told."""

    @property
    def key(self) -> str: ...

    def pose(self) -> Posed: ...


@dataclass(frozen=True, slots=True)
class DrawnTasks:
    """Without end. Held-out tasks are the same for every seed, so that evaluations can be compared."""

    name: str
    split: Split
    seed: int
    level: int
    draw: Callable[[Random, int], Problem]
    verifier: str

    @property
    def length(self) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        tasks = [self.task(index) for index in range(3)]
        return sha256_of([self.name, self.split, self.seed, self.level, tasks])[:12]

    def drawn(self, index: int) -> Problem:
        if index < 0:
            raise IndexError(index)
        random = stream(self.seed if self.split == "train" else 0, self.name, self.level, index)
        found = self.draw(random, self.level)
        while split_of(found.key) != self.split:
            found = self.draw(random, self.level)
        return found

    def task(self, index: int) -> Task:
        posed = self.drawn(index).pose()
        side = "" if self.split == "train" else "held_out/"
        return Task(
            id=f"{self.name}/{self.level}/{side}{self.seed if self.split == 'train' else 0}-{index}",
            prompt=(Message("user", posed.prompt),),
            verifier=self.verifier,
            truth=posed.truth,
            source=self.name,
            tags=(f"level-{self.level}", *posed.tags),
        )

    def problem(self, index: int) -> str:
        return self.drawn(index).key

    def place(self, index: int) -> str:
        return f"{self.name}: task {index}"

    def demonstration(self, index: int) -> str:
        """The worked answer, for a supervised cold start."""
        return self.drawn(index).pose().demonstration
