"""Sources made of a source: judged by another verifier, or cut to its first tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from assay.core.records import sha256_of
from assay.core.types import Json, Task
from assay.tasks.source import Split, TaskSource, demonstration_of, place_of, problem_of


@dataclass(frozen=True, slots=True)
class _Wrapped:
    """Says what the inner source says."""

    inner: TaskSource

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def split(self) -> Split:
        return self.inner.split

    @property
    def length(self) -> int | None:
        return self.inner.length

    @property
    def fingerprint(self) -> str:
        return sha256_of([self.inner.fingerprint, self._change()])[:12]

    def _change(self) -> Json:
        raise NotImplementedError

    def task(self, index: int) -> Task:
        return self.inner.task(index)

    def problem(self, index: int) -> str:
        return problem_of(self.inner, index)

    def place(self, index: int) -> str:
        return place_of(self.inner, index)

    def demonstration(self, index: int) -> str:
        return demonstration_of(self.inner, index)


@dataclass(frozen=True, slots=True)
class Judged(_Wrapped):
    """The tasks of a source under another verifier than their own."""

    verifier: str

    def _change(self) -> Json:
        return self.verifier

    def task(self, index: int) -> Task:
        return replace(self.inner.task(index), verifier=self.verifier)


@dataclass(frozen=True, slots=True)
class First(_Wrapped):
    """The first `most` tasks of a source without end."""

    most: int

    @property
    def length(self) -> int:
        return self.most

    def _change(self) -> Json:
        return self.most

    def task(self, index: int) -> Task:
        if not 0 <= index < self.most:
            raise IndexError(index)
        return self.inner.task(index)
