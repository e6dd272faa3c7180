"""The configurations that come with the program, by name."""

from __future__ import annotations

import tomllib
from importlib.resources import files

from assay.core.types import Json


def built_in(name: str) -> dict[str, Json]:
    """The values of `name`.toml."""
    return tomllib.loads((files(__name__) / f"{name}.toml").read_text(encoding="utf-8"))
