"""What a run tells whoever listens (the command line, a notebook): one small frozen value per thing that happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.audit.run import AuditReport
from assay.measure.alarms.watch import Raised
from assay.measure.compare import Comparison
from assay.measure.evaluation import Evaluation, Kind
from assay.tasks.check import CheckReport

Phase = Literal["load", "check", "audit", "evaluate", "sample", "learn", "save"]


@dataclass(frozen=True, slots=True)
class Began:
    """A phase began; `detail` says what on, in a few words."""

    phase: Phase
    detail: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    report: CheckReport


@dataclass(frozen=True, slots=True)
class Audited:
    report: AuditReport | None  # None: a matching certificate was there already
    accepted: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluated:
    kind: Kind
    evaluation: Evaluation
    gain: Comparison | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Stepped:
    step: int
    steps: int
    metrics: Mapping[str, float | None]
    note: str | None  # why there was nothing to learn, when there was not
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Saved:
    checkpoint: Path


@dataclass(frozen=True, slots=True)
class Alarmed:
    raised: Raised


Event = Began | Checked | Audited | Evaluated | Stepped | Saved | Alarmed
Listener = Callable[[Event], None]


def silent(event: Event) -> None:
    """Listen to nothing."""
