"""Tasks as rows of a file, in our own layout or another framework's, written as JSONL or parquet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from assay.core.errors import ConfigError, MissingExtra, UsageError
from assay.core.records import dumps, write_jsonl, write_whole
from assay.core.types import Json, Task
from assay.tasks.files import TRUTH_IS_JSON
from assay.tasks.source import Split, TaskSource

ENDLESS = 1000  # tasks written from a source without end when nobody says how many

OUTSIDE = {"train": "train", "held_out": "test"}
"""Our splits as the others call them."""


def as_assay(task: Task, split: Split, index: int) -> dict[str, Json]:
    return {
        "id": task.id,
        "prompt": _messages(task),
        "verifier": task.verifier,
        "truth": task.truth,
        "tags": list(task.tags),
        "source": task.source,
        "split": split,
    }


def as_verl(task: Task, split: Split, index: int) -> dict[str, Json]:
    return {
        "data_source": task.source,
        "prompt": _messages(task),
        "ability": task.tags[0] if task.tags else task.verifier,
        "reward_model": {"style": "rule", "ground_truth": _text(task)},
        "extra_info": {"split": OUTSIDE[split], "index": index, "id": task.id, "verifier": task.verifier},
    }


def as_trl(task: Task, split: Split, index: int) -> dict[str, Json]:
    return {
        "prompt": _messages(task),
        "solution": _text(task),
        "id": task.id,
        "verifier": task.verifier,
        "split": OUTSIDE[split],
    }


def as_openrlhf(task: Task, split: Split, index: int) -> dict[str, Json]:
    return {
        "context_messages": _messages(task),
        "label": _text(task),
        "id": task.id,
        "verifier": task.verifier,
        "split": OUTSIDE[split],
    }


WRITERS: Mapping[str, Callable[[Task, Split, int], dict[str, Json]]] = {
    "assay": as_assay,
    "verl": as_verl,
    "trl": as_trl,
    "openrlhf": as_openrlhf,
}


def convert_sources(
    sources: Sequence[TaskSource], out: Path, layout: str, *, number: int | None = None
) -> dict[str, int]:
    """Write the tasks of these sources, at most `number` of each; returns how many of each split. Raises UsageError for an ending that is no format."""
    if out.suffix not in (".jsonl", ".parquet"):
        raise UsageError(f"{out}: a name that ends in .jsonl or .parquet would be right")
    counts: dict[str, int] = {}
    rows = []
    for source in sources:
        for row in _rows(source, layout, number):
            rows.append(row)
            counts[source.split] = counts.get(source.split, 0) + 1
    if out.suffix == ".jsonl":
        write_jsonl(out, rows)
    else:
        write_parquet(out, rows)
    return counts


def _rows(source: TaskSource, layout: str, number: int | None) -> Iterator[dict[str, Json]]:
    length = number or ENDLESS if source.length is None else min(source.length, number or source.length)
    for index in range(length):
        yield WRITERS[layout](source.task(index), source.split, index)


def write_parquet(out: Path, rows: Sequence[Mapping[str, Json]]) -> None:
    """Truths of our own layout that are objects stand as JSON text, and the file's metadata says so: a parquet column
    has one type."""
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtra("pyarrow", "data", f"writing {out.name}") from None
    encoded = any("truth" in row and not isinstance(row["truth"], str) for row in rows)
    if encoded:
        rows = [{**row, "truth": dumps(row["truth"])} for row in rows]
    try:
        table = arrow.Table.from_pylist([dict(row) for row in rows])
        if encoded:
            table = table.replace_schema_metadata(TRUTH_IS_JSON)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
        raise ConfigError(f"{out}: these rows have no common parquet form ({error}); .jsonl would be right") from None

    def write(file: IO[bytes]) -> None:
        parquet.write_table(table, file)

    write_whole(out, write)


def _messages(task: Task) -> list[dict[str, str]]:
    return [message._asdict() for message in task.prompt]


def _text(task: Task) -> str:
    """A ground truth as the others want it, a string; an object keeps its policies as JSON."""
    return task.truth if isinstance(task.truth, str) else json.dumps(json.loads(dumps(task.truth)))
