"""Checkable prompts, joined late by general ones that reward models judge: the tasks of R1's last stage.

R1 let general prompts and preference rewards into the last 400 of 1,700 steps only, because more of them hacked the reward
(arXiv 2501.12948 v2, section 3.2.2 and B.5). So the mix depends on the position: up to `joins_at` every task is checkable, and
from there on a share of them is general, evenly spread. Held out there are the checkable ones alone: a learned preference is
no measure.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import Field

from assay.core.config import TasksConfig
from assay.core.records import sha256_of
from assay.core.section import Section
from assay.core.types import Json, Task
from assay.tasks.source import Generator, Split, TaskSource, place_of, problem_of


class LateOptions(Section):
    checkable: dict[str, Any] = Field(
        default_factory=lambda: {"source": "warehouse"}, description="[tasks] of one part"
    )
    general: dict[str, Any] = Field(
        default_factory=lambda: {"source": "pocket_talk"}, description="[tasks] of the other"
    )
    joins_at: int = Field(0, ge=0, description="position of the first task that may be general")
    share: float = Field(0.25, gt=0, lt=1, description="of the tasks from there on that are general")
    verifier: str = Field("format", description="what judges the general ones")
    models: dict[str, dict[str, Json]] = Field(
        default_factory=dict, description="their truth: name = model, scale, scope, and the tag that it is for"
    )


@dataclass(frozen=True)
class LateTasks:
    checkable: TaskSource
    general: TaskSource = field(repr=False)
    options: LateOptions = field(repr=False)
    split: Split = "train"
    name: str = "late"

    @property
    def length(self) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        return sha256_of([self.checkable.fingerprint, self.general.fingerprint, self.options.model_dump()])[:12]

    def task(self, index: int) -> Task:
        source, position = self._find(index)
        task = source.task(position)
        if source is self.checkable:
            return task
        judging = {
            name: {key: value for key, value in model.items() if key != "tag"}
            for name, model in self.options.models.items()
            if model.get("tag") in (None, *task.tags)
        }
        return replace(task, verifier=self.options.verifier, truth=judging or task.truth)

    def problem(self, index: int) -> str:
        return problem_of(*self._find(index))

    def place(self, index: int) -> str:
        return place_of(*self._find(index))

    def _find(self, index: int) -> tuple[TaskSource, int]:
        """Of the tasks from `joins_at` on, the n-th is general when n x share passes a whole number."""
        if index < 0:
            raise IndexError(index)
        late = index - self.options.joins_at
        if late < 0:
            return self._round(self.checkable, index)
        before, after = int(late * self.options.share), int((late + 1) * self.options.share)
        if after > before:
            return self._round(self.general, before)
        return self._round(self.checkable, index - before)

    def _round(self, source: TaskSource, position: int) -> tuple[TaskSource, int]:
        return source, position if source.length is None else position % source.length


def make(options: LateOptions, split: Split, seed: int) -> TaskSource:
    from assay.tasks.load import load_source

    checkable = load_source(TasksConfig(**options.checkable), split, seed)
    if split == "held_out":
        return checkable
    return LateTasks(checkable, load_source(TasksConfig(**options.general), split, seed), options)


LATE = Generator(
    about="checkable prompts, joined late by general ones: the tasks of a recipe's last stage (options.checkable, options.general)",
    levels={},
    options=LateOptions,
    make=make,
)
