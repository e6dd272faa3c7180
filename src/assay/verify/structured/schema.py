"""JSON Schema 2020-12 over a document, by jsonschema-rs: exact numbers, ECMA-262 patterns, formats asserted.

Its patterns are JavaScript's: `\\d` is an ASCII digit and `$` the very end, where Python's `re` (and so the `jsonschema`
package) takes full-width digits and a line feed before the end. Patterns run in linear time, so no lookaround and no
backreference. `format` is asserted, since an author who writes it means it. References stay inside the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jsonschema_rs

from assay.core.errors import TruthError
from assay.core.types import Json

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SHOWN = 200  # characters of an error


class Mismatch(NamedTuple):
    path: str
    detail: str


class Schema:
    """A compiled schema; `source` is its JSON. Raises TruthError for one that is none."""

    def __init__(self, source: Json) -> None:
        if not isinstance(source, (dict, bool)):
            raise TruthError(f"schema: an object would be right, not {source!r}"[:SHOWN])
        if isinstance(source, dict) and source.get("$schema", DRAFT).rstrip("#") != DRAFT:
            raise TruthError(f"schema: $schema is {source['$schema']!r}; {DRAFT} would be right")
        self.source = source
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                source, validate_formats=True, offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError, TypeError) as error:
            raise TruthError(f"schema: {_line(error)}") from None

    def mismatch(self, document: Any) -> Mismatch | None:
        """The first thing that is wrong, or None. `document` holds int and Decimal for numbers."""
        if self._validator.is_valid(document):
            return None
        error = next(iter(self._validator.iter_errors(document)))
        return Mismatch(path_text(error.instance_path), error.message[:SHOWN])


def path_text(parts: Sequence[str | int]) -> str:
    """As the rules write it: `answer.items[2].sku`."""
    text = "answer"
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if part.isidentifier() and len(part) < 60 else f"[{part[:60]!r}]"
    return text


def _line(error: Exception) -> str:
    where = getattr(error, "instance_path", None)
    at = f" at {'/'.join(map(str, where))}" if where else ""
    return f"{str(error).splitlines()[0][:SHOWN]}{at}"
