"""The protocol of a task source: a finite or infinite sequence of tasks with a split and a fingerprint.

`SOURCES` holds the generators by name. A package adds its own with an entry point in the group `assay.source`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from assay.core.errors import TaskFileError, UsageError
from assay.core.layers import Layered, leaves, validate
from assay.core.registry import Registry
from assay.core.types import Json, Message, Task

Split = Literal["train", "held_out"]
Options = TypeVar("Options", bound=BaseModel)


class NoTasks(TaskFileError):
    """A source that has no task of the split that was asked for."""


@runtime_checkable
class TaskSource(Protocol):
    """`task(i)` is a pure function of i (and the source's own seed), so that runs resume from a position alone.

    `length` is None for a generator without end. `fingerprint` (12 hex digits) changes when any task would.
    `task` raises IndexError past the end.
    """

    @property
    def name(self) -> str: ...

    @property
    def split(self) -> Split: ...

    @property
    def length(self) -> int | None: ...

    @property
    def fingerprint(self) -> str: ...

    def task(self, index: int) -> Task: ...


@runtime_checkable
class Located(Protocol):
    """What a source may say besides: the problem behind a task, and where the task stands.

    Two tasks with the same `problem` are one problem in other words (3 x 12 and 12 x 3): they must not stand in both
    splits. `place` is for error messages (`tasks.jsonl:7`).
    """

    def problem(self, index: int) -> str: ...

    def place(self, index: int) -> str: ...


@dataclass(frozen=True, slots=True)
class Generator:
    """What `SOURCES` holds: `make(options, split, seed)` makes a source; the rest is for people to read."""

    about: str
    levels: Mapping[int, str]
    options: type[BaseModel]
    make: Callable[[Any, Split, int], TaskSource]


SOURCES: Registry[Generator] = Registry(
    "source",
    {
        "chain": "assay.tasks.generators.chain:CHAIN",
        "coq_statements": "assay.tasks.generators.coq_statements:COQ_STATEMENTS",
        "everyday": "assay.tasks.generators.everyday:EVERYDAY",
        "functions": "assay.tasks.generators.functions:FUNCTIONS",
        "graph_colours": "assay.tasks.generators.graph_colours:GRAPH_COLOURS",
        "invoice": "assay.tasks.generators.invoice:INVOICE",
        "job_schedule": "assay.tasks.generators.job_schedule:JOB_SCHEDULE",
        "knapsack": "assay.tasks.generators.knapsack:KNAPSACK",
        "late": "assay.tasks.late:LATE",
        "orders": "assay.tasks.generators.orders:ORDERS",
        "number_grid": "assay.tasks.generators.number_grid:NUMBER_GRID",
        "packing": "assay.tasks.generators.packing:PACKING",
        "pocket_code": "assay.tasks.generators.pocket:CODE",
        "pocket_logic": "assay.tasks.generators.pocket:LOGIC",
        "pocket_math": "assay.tasks.generators.pocket:MATH",
        "pocket_talk": "assay.tasks.generators.pocket_talk:TALK",
        "route_plan": "assay.tasks.generators.route_plan:ROUTE_PLAN",
        "shop_queries": "assay.tasks.generators.shop_queries:SHOP_QUERIES",
        "times_tables": "assay.tasks.generators.times_tables:TIMES_TABLES",
        "warehouse": "assay.tasks.generators.warehouse:WAREHOUSE",
    },
)


def read_options(schema: type[Options], options: Mapping[str, Json]) -> Options:
    """`tasks.options` as the source's own model. Raises ConfigError naming the key and the nearest valid one."""
    return validate(schema, Layered(dict(options), {key: "tasks.options" for key, _ in leaves(options)}))


def problem_of(source: TaskSource, index: int) -> str:
    """The problem behind a task: the source's own notion of it, or else its prompt with white space evened out."""
    if isinstance(source, Located):
        return source.problem(index)
    return prompt_key(source.task(index).prompt)


def place_of(source: TaskSource, index: int) -> str:
    return source.place(index) if isinstance(source, Located) else f"{source.name}: task {source.task(index).id}"


def demonstration_of(source: TaskSource, index: int) -> str:
    """A worked answer to imitate. Raises UsageError for a source that has none."""
    show = getattr(source, "demonstration", None)
    if show is None:
        raise UsageError(f"{source.name} has no worked answers for a cold start; `chain` has")
    worked: str = show(index)
    return worked


def prompt_key(prompt: tuple[Message, ...]) -> str:
    """Equal for prompts that say the same: white space evened out."""
    return "\n".join(f"{message.role}: {' '.join(message.content.split())}" for message in prompt)
