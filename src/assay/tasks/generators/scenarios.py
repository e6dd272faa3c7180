"""What the scenarios share: plans drawn without end, told as tables, answered by one JSON object, judged by rules.

A plan is drawn together with an answer that keeps all of its rules, so every task can be answered. Its `key` names the
problem: the numbers, without the words, the dates and the order in which they are told. A hash of it decides the split.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import NamedTuple, Protocol

from assay.core.errors import MissingExtra
from assay.core.types import Json
from assay.tasks.generators.drawn import DrawnTasks, Posed
from assay.tasks.source import Split

ASK = (
    "Think first if you like. End with one JSON object in a ```json fence, and nothing after it, in exactly this form:"
)
CONTRACT: Mapping[str, Json] = {"kind": "one_json_object", "prose_before_fence": True}
AMOUNT = r"^(0|[1-9]\d*)\.\d{2}$"


class Told(NamedTuple):
    """A plan as a task: what is asked, the truth's schema, tables and rules, and an answer that keeps them."""

    text: str
    form: Json  # the shape of an answer, shown in the prompt
    schema: Json
    tables: Mapping[str, Sequence[Mapping[str, Json]]]
    rules: Sequence[tuple[str, str]]  # (name, expression)
    reference: Json
    tags: tuple[str, ...] = ()


class Plan(Protocol):
    @property
    def key(self) -> str: ...

    def tell(self) -> Told: ...


@dataclass(frozen=True, slots=True)
class Scenario:
    """A plan as a problem that rules judge."""

    plan: Plan

    @property
    def key(self) -> str:
        return self.plan.key

    def pose(self) -> Posed:
        told = self.plan.tell()
        truth = {
            "contract": dict(CONTRACT),
            "schema": told.schema,
            "tables": {name: [dict(row) for row in rows] for name, rows in told.tables.items()},
            "rules": [{"name": name, "expr": expression} for name, expression in told.rules],
            "reference": told.reference,
        }
        prompt = f"{told.text}\n\n{ASK}\n{json.dumps(told.form, indent=2)}"
        return Posed(prompt, truth, f"```json\n{json.dumps(told.reference)}\n```", told.tags)


def scenario_tasks(name: str, split: Split, seed: int, level: int, draw: Callable[[Random, int], Plan]) -> DrawnTasks:
    return DrawnTasks(name, split, seed, level, lambda random, at: Scenario(draw(random, at)), "structured")


def shown(rows: Sequence[Mapping[str, Json]]) -> str:
    """A table as text: a line of columns, a line for each row."""
    columns = list(rows[0])
    lines = [columns, *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def plain(value: Decimal) -> float:
    """A decimal of at most 15 digits as the float that is written the same way."""
    return float(value)


def form_of(fields: Mapping[str, Json], required: Iterable[str] | None = None) -> dict[str, Json]:
    """A closed object's schema: these fields, all of them, and no other."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields if required is None else required),
        "additionalProperties": False,
    }


def need_solver(wanted_by: str) -> None:
    """Raises MissingExtra where ortools is not installed."""
    try:
        import ortools  # noqa: F401
    except ModuleNotFoundError:
        raise MissingExtra("ortools", "constraint", wanted_by) from None
