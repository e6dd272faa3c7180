"""A finite source: its tasks are all there, each with the problem behind it and the place it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from assay.core.records import sha256_of
from assay.core.types import Task
from assay.tasks.source import Split, prompt_key


@dataclass(frozen=True)
class ListedTasks:
    """`problems` and `places` stand beside the tasks; where they are empty, prompts and ids serve."""

    name: str
    split: Split
    tasks: tuple[Task, ...] = field(repr=False)
    problems: tuple[str, ...] = field(default=(), repr=False)
    places: tuple[str, ...] = field(default=(), repr=False)

    @property
    def length(self) -> int:
        return len(self.tasks)

    @cached_property
    def fingerprint(self) -> str:
        return sha256_of(self.tasks)[:12]

    def task(self, index: int) -> Task:
        if index < 0:
            raise IndexError(index)
        return self.tasks[index]

    def problem(self, index: int) -> str:
        return self.problems[index] if self.problems else prompt_key(self.tasks[index].prompt)

    def place(self, index: int) -> str:
        return self.places[index] if self.places else f"{self.name}: task {self.tasks[index].id}"
