"""Names to objects, loaded when first asked for, and open to other packages through entry points.

A built-in is written as `"module:attribute"`, so that listing names imports nothing. A package adds its own with
an entry point in the group `assay.<kind>` (for verifiers: `[project.entry-points."assay.verifier"]`).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from assay.core.errors import UnknownName

T = TypeVar("T")


class Registry(Generic[T]):
    """A kind of thing by name. `get` raises UnknownName with the nearest name."""

    def __init__(self, kind: str, built_in: Mapping[str, str]) -> None:
        self.kind = kind
        self._places = dict(built_in)
        self._loaded: dict[str, T] = {}
        self._plugins_read = False

    def add(self, name: str, thing: T) -> None:
        """Register an object made at run time (tests, notebooks)."""
        self._loaded[name] = thing

    def __contains__(self, name: str) -> bool:
        return name in self._loaded or name in self._places or name in set(self)

    def __iter__(self) -> Iterator[str]:
        self._read_plugins()
        return iter(sorted({*self._places, *self._loaded}))

    def get(self, name: str) -> T:
        found = self._loaded.get(name)
        if found is None:
            if name not in self._places:
                self._read_plugins()
            if name not in self._places:
                raise UnknownName(self.kind, name, self)
            found = self._loaded[name] = load_object(self._places[name])
        return found

    def _read_plugins(self) -> None:
        if not self._plugins_read:
            self._plugins_read = True
            from importlib.metadata import entry_points  # slow to import, and only wanted here

            for point in entry_points(group=f"assay.{self.kind}"):
                self._places.setdefault(point.name, point.value)


def load_object(place: str) -> Any:
    """The object that `"module:attribute"` names."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
