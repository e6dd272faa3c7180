"""The configurations that come with the program, by name."""

from __future__ import annotations

import tomllib
from pathlib import Path

from assay.core.types import Json

FOLDER = Path(__file__).parent


def built_in(name: str) -> dict[str, Json]:
    """The values of `name`.toml."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find_recipe(layer: str | Path) -> Path:
    """The file that `layer` means: itself, or the built-in recipe of that name where there is no such file."""
    path = Path(layer)
    if not path.is_file() and str(layer) in names():
        return FOLDER / f"{layer}.toml"
    return path


def is_built_in(path: Path) -> bool:
    return path.parent == FOLDER


PIPELINES = FOLDER / "pipelines"


def pipeline_names() -> list[str]:
    return sorted(path.stem for path in PIPELINES.glob("*.toml"))


def find_pipeline(layer: str | Path) -> Path:
    """The file that `layer` means: itself, or the built-in pipeline of that name where there is no such file."""
    path = Path(layer)
    if not path.is_file() and str(layer) in pipeline_names():
        return PIPELINES / f"{layer}.toml"
    return path
