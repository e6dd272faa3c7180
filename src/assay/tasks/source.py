"""The protocol of a task source: a finite or infinite sequence of tasks with a split and a fingerprint."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

from assay.core.types import Task

Split = Literal["train", "held_out"]


@runtime_checkable
class TaskSource(Protocol):
    """`task(i)` is a pure function of i (and the source's own seed), so that runs resume from a position alone.

    `length` is None for a generator without end. `fingerprint` (12 hex digits) changes when any task would.
    `task` raises IndexError past the end.
    """

    name: str
    split: Split
    length: int | None

    @property
    def fingerprint(self) -> str: ...

    def task(self, index: int) -> Task: ...
