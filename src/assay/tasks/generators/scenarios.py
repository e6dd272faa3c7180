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
from assay.core.records import sha256_of
from assay.core.rng import stream
from assay.core.types import Json, Message, Task
from assay.tasks.source import Split
from assay.tasks.split import split_of

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
class ScenarioTasks:
    """Without end. Held-out tasks are the same for every seed, so that evaluations can be compared."""

    name: str
    split: Split
    seed: int
    level: int
    draw: Callable[[Random, int], Plan]

    @property
    def length(self) -> None:
        return None

    @property
    def fingerprint(self) -> str:
        tasks = [self.task(index) for index in range(3)]
        return sha256_of([self.name, self.split, self.seed, self.level, tasks])[:12]

    def plan(self, index: int) -> Plan:
        if index < 0:
            raise IndexError(index)
        random = stream(self.seed if self.split == "train" else 0, self.name, self.level, index)
        drawn = self.draw(random, self.level)
        while split_of(drawn.key) != self.split:
            drawn = self.draw(random, self.level)
        return drawn

    def task(self, index: int) -> Task:
        told = self.plan(index).tell()
        side = "" if self.split == "train" else "held_out/"
        return Task(
            id=f"{self.name}/{self.level}/{side}{self.seed if self.split == 'train' else 0}-{index}",
            prompt=(Message("user", f"{told.text}\n\n{ASK}\n{json.dumps(told.form, indent=2)}"),),
            verifier="structured",
            truth={
                "contract": dict(CONTRACT),
                "schema": told.schema,
                "tables": {name: [dict(row) for row in rows] for name, rows in told.tables.items()},
                "rules": [{"name": name, "expr": expression} for name, expression in told.rules],
                "reference": told.reference,
            },
            source=self.name,
            tags=(f"level-{self.level}", *told.tags),
        )

    def problem(self, index: int) -> str:
        return self.plan(index).key

    def place(self, index: int) -> str:
        return f"{self.name}: task {index}"

    def demonstration(self, index: int) -> str:
        """The worked answer, for a supervised cold start."""
        return f"```json\n{json.dumps(self.plan(index).tell().reference)}\n```"


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
