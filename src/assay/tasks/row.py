"""A row of a file or data set, before it is a task, and as far as its layout has been read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from assay.core.types import Json, Message

Row = Mapping[str, Json]


class Line(NamedTuple):
    """A row, where it stands, and the split it came in, if any."""

    place: str
    row: Row
    split: str | None = None


class Read(NamedTuple):
    """A row as far as its own columns say; what is None is filled in by the reader of the file."""

    prompt: tuple[Message, ...]
    truth: Json
    verifier: str | None = None
    id: str | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None
    split: str | None = None
    asks: bool = True  # the prompt says itself where the answer goes
