"""A row of a file or data set, before it is a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from assay.core.types import Json

Row = Mapping[str, Json]


class Line(NamedTuple):
    """A row, where it stands, and the split it came in, if any."""

    place: str
    row: Row
    split: str | None = None
