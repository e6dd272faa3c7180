"""Fields of a reference that may be changed without any rule noticing: what the rules forgot, or what is free.

Every value is changed a little within its own kind (a number by one, a text by its last sign, a truth value turned about),
every list loses its last item, and the document is judged as it would be. A change that passes is reported with its path.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from assay.core.types import Json
from assay.verify.base import Case, judge_case
from assay.verify.structured.schema import path_text

MOST_CHANGES = 200


def loose_fields(case: Case, reference: Json) -> list[str]:
    """The paths whose change passes, each once, in order."""
    found: dict[str, None] = {}
    for number, (path, changed) in enumerate(changes(reference, ())):
        if number == MOST_CHANGES:
            break
        if judge_case(case, json.dumps(changed)).is_pass:
            found[path_text(path)] = None
    return list(found)


def changes(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """(path, the whole value with what stands there changed)."""
    if isinstance(value, dict):
        for name, inner in value.items():
            for at, changed in changes(inner, (*path, name)):
                yield at, {**value, name: changed}
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            for at, changed in changes(inner, (*path, number)):
                yield at, [*value[:number], changed, *value[number + 1 :]]
        if value:
            yield path, value[:-1]
    elif isinstance(value, bool):
        yield path, not value
    elif isinstance(value, (int, float)):
        yield from ((path, value + 1), (path, value - 1))
    elif isinstance(value, str) and value:
        last = value[-1]
        new = str((int(last) + 1) % 10) if last in "0123456789" else "b" if last == "a" else "a"
        yield path, value[:-1] + new
