"""What a pipeline says while it runs: values for whoever listens; a training run inside a stage says its own (learn/events)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from assay.core.pipeline_folder import Manifest


@dataclass(frozen=True, slots=True)
class StageBegan:
    name: str
    kind: str
    place: int  # from 1
    count: int


@dataclass(frozen=True, slots=True)
class StageTaken:
    """It was done before, with the same configuration and inputs."""

    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Doing:
    """One part of a stage: `sample`, `filter`, `fit`, `examine`, `gate`. `done` of `total`, where that is known."""

    stage: str
    what: str
    detail: str = ""
    done: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """An event of the training run that a stage makes."""

    stage: str
    event: Any


@dataclass(frozen=True, slots=True)
class StageDone:
    manifest: Manifest


PipelineEvent = StageBegan | StageTaken | Doing | Inside | StageDone
PipelineListener = Callable[[PipelineEvent], None]


def silent(event: PipelineEvent) -> None:
    """Nobody listens."""
