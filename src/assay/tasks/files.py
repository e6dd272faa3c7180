"""Tasks from files and data sets: JSONL, JSON, parquet, and `datasets` sets from the hub or a folder.

Which rows are held out, in this order:
1. `held_out` names a second source: its rows are all held out, this one's are all trained on;
2. the rows say so: a `split` of test, validation or held_out is held out, train is not;
3. a data set from the hub has a test or validation split;
4. otherwise a hash of each prompt holds out `held_out_share` of them (a tenth), the same ones always, so equal prompts
   never stand on both sides.

A row that cannot be read is one sentence that names the file and the line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import Field

from assay.core.config import TasksConfig
from assay.core.errors import MissingExtra, TaskFileError, UsageError, did_you_mean
from assay.core.section import Section
from assay.core.types import Message, Task
from assay.tasks.choices import shuffle_choices
from assay.tasks.layouts import ASK_FOR_BOX, LAYOUTS, Read, mapped, recognise
from assay.tasks.listed import ListedTasks
from assay.tasks.row import Line, Row
from assay.tasks.source import NoTasks, Split, prompt_key, read_options
from assay.tasks.split import split_of
from assay.verify.base import find_verifier, locate, read_case
from assay.verify.function import beside

SIDES: Mapping[str, Split] = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("held_out", "test", "testing", "validation", "valid", "val", "dev", "eval"), "held_out"),
}
"""What other people call the two splits."""

TRUTH_IS_JSON = {b"assay.truth": b"json"}
"""Metadata of a parquet file whose `truth` column holds JSON text."""


class FileOptions(Section):
    held_out_share: float = Field(0.1, gt=0, lt=1, description="share held out where no column says which rows are")
    instruction: str | None = Field(
        None, description="put behind each prompt; default: a sentence asking for a box, for gsm8k and math rows only"
    )
    system: str | None = Field(None, description="a system message before each prompt")
    shuffle_choices: int | None = Field(
        None,
        description="a seed: the options of each multiple-choice task in another order, the right letter with them",
    )
    drop_unreadable: bool = Field(False, description="leave out rows whose truth the verifier cannot read")
    subset: str | None = Field(None, description="a hub data set's configuration (`main` for openai/gsm8k)")
    train_split: str = Field("train", description="a hub data set's split to train on")
    held_out_split: str | None = Field(
        None, description="a hub data set's split to hold out; default: test or validation"
    )


def file_source(config: TasksConfig, split: Split, *, whole: bool) -> ListedTasks:
    """The rows of one split. `whole`: take every row that is not marked as the other split's, since the held-out tasks
    are another source's. Raises TaskFileError, ConfigError, MissingExtra, EnvironmentFault."""
    options = read_options(FileOptions, config.options)
    name = config.source
    lines = read_lines(name, options)
    reader = Reader(config, options)
    tasks, problems, places, ids = [], [], [], set()
    total = 0
    for line in lines:
        total += 1
        read, task = reader.task(line, total)
        problem = prompt_key(task.prompt)
        side = _side(line.place, read.split or line.split)
        if side is None:
            side = split if whole else split_of(problem, options.held_out_share)
        if side != split:
            continue
        if options.drop_unreadable and not _is_readable(task):
            continue
        if task.id in ids:
            raise TaskFileError(f"{line.place}: the id {task.id!r} stands there already; every task needs its own")
        ids.add(task.id)
        tasks.append(task if options.shuffle_choices is None else shuffle_choices(task, options.shuffle_choices))
        problems.append(problem)
        places.append(line.place)
    if not tasks:
        wanted = "held-out" if split == "held_out" else "training"
        raise NoTasks(
            f"{name} holds no {wanted} task ({total} rows in all): a `split` column, options.held_out_share, or a second "
            "source in tasks.held_out says which rows are which"
            if total
            else f"{name} holds no task"
        )
    return ListedTasks(Path(name).stem if _is_file(name) else name, split, tuple(tasks), tuple(problems), tuple(places))


def read_lines(name: str, options: FileOptions) -> Iterator[Line]:
    if _is_file(name):
        return _read_file(Path(name).expanduser())
    from assay.tasks.hub import read_hub

    return read_hub(name, options.subset, options.train_split, options.held_out_split)


class Reader:
    """Rows to tasks, by the layout that the configuration names or the first row shows."""

    def __init__(self, config: TasksConfig, options: FileOptions) -> None:
        self._config, self._options = config, options
        self._read: Callable[[Row], Read] | None = None
        columns = dict(config.columns)
        layout = columns.pop("layout", None)
        if layout is not None and columns:
            raise UsageError("tasks.columns: name a layout or map columns, not both")
        if layout is not None and layout not in LAYOUTS:
            raise UsageError(
                f"tasks.columns.layout: unknown layout {layout!r}{did_you_mean(layout, LAYOUTS)}; known: {', '.join(LAYOUTS)}"
            )
        if layout is not None:
            self._read = LAYOUTS[layout]
        elif columns:
            self._read = mapped(columns)
        self._verifiers: set[str] = set()

    def task(self, line: Line, number: int) -> tuple[Read, Task]:
        """Raises TaskFileError naming the line."""
        try:
            if self._read is None:
                self._read = self._recognised(line.row)
            read = self._read(line.row)
            foreign = self._read is not LAYOUTS["assay"]
            verifier = self._config.verifier or read.verifier or ("math" if foreign else None)
            if verifier is None:
                raise UsageError("no `verifier`: name it in the row, or for all rows in tasks.verifier")
            if verifier == read.verifier and ":" in verifier:
                verifier = beside(verifier, Path(self._config.source).expanduser().parent)
            if verifier not in self._verifiers:
                find_verifier(verifier)
                self._verifiers.add(verifier)
        except TaskFileError:
            raise
        except UsageError as error:
            raise TaskFileError(f"{line.place}: {error}") from None
        prompt = self._asking(read)
        return read, Task(
            id=read.id or f"{Path(self._config.source).stem}-{number}",
            prompt=prompt,
            verifier=verifier,
            truth=locate(verifier, read.truth, Path(self._config.source).expanduser().parent),
            source=read.source or Path(self._config.source).stem,
            tags=read.tags,
        )

    def _recognised(self, row: Row) -> Callable[[Row], Read]:
        layout = recognise(row)
        if layout is None:
            raise UsageError(
                f"its columns ({', '.join(row)}) show no known layout: set tasks.columns.layout to one of "
                f"{', '.join(LAYOUTS)}, or map `prompt` and `truth`"
            )
        return LAYOUTS[layout]

    def _asking(self, read: Read) -> tuple[Message, ...]:
        prompt = read.prompt
        instruction = self._options.instruction
        if instruction is None and not read.asks and self._config.verifier in (None, "math"):
            instruction = ASK_FOR_BOX
        if instruction:
            last = prompt[-1]
            prompt = (*prompt[:-1], last._replace(content=f"{last.content}\n\n{instruction}"))
        if self._options.system:
            prompt = (Message("system", self._options.system), *prompt)
        return prompt


def _side(place: str, split: str | None) -> Split | None:
    if split is None:
        return None
    side = SIDES.get(split.casefold())
    if side is None:
        raise TaskFileError(
            f"{place}: the split {split!r} is neither train nor held out{did_you_mean(split, SIDES)}; known: {', '.join(SIDES)}"
        )
    return side


def _is_readable(task: Task) -> bool:
    try:
        read_case(task.verifier, task.truth)
    except UsageError:
        return False
    return True


def _is_file(name: str) -> bool:
    return name.endswith((".jsonl", ".json", ".parquet"))


def _read_file(path: Path) -> Iterator[Line]:
    if not path.is_file():
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise TaskFileError(f"{path}: no such file{did_you_mean(path.name, beside)}")
    if path.suffix == ".parquet":
        return (Line(f"{path}: row {number}", row) for number, row in enumerate(_parquet_rows(path), 1))
    if path.suffix == ".json":
        return (Line(f"{path}: row {number}", row) for number, row in enumerate(_json_rows(path), 1))
    return _jsonl_lines(path)


def _jsonl_lines(path: Path) -> Iterator[Line]:
    with path.open("rb") as file:
        for number, text in enumerate(file, 1):
            if text.strip():
                yield Line(f"{path}:{number}", _row(text, f"{path}:{number}"))


def _row(text: bytes, place: str) -> Row:
    try:
        row = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise TaskFileError(f"{place}: not a line of JSON ({error})") from None
    if not isinstance(row, dict):
        raise TaskFileError(f"{place}: a {type(row).__name__} where a JSON object is needed")
    return row


def _json_rows(path: Path) -> Iterable[Row]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise TaskFileError(f"{path}: not JSON ({error})") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TaskFileError(f"{path}: a list of JSON objects would be right")
    return rows


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ModuleNotFoundError:
        raise MissingExtra("pyarrow", "data", f"reading {path.name}") from None
    try:
        with parquet.ParquetFile(path) as file:
            said = file.schema_arrow.metadata or {}
            encoded = TRUTH_IS_JSON.items() <= said.items()
            for batch in file.iter_batches(1024):
                for row in batch.to_pylist():
                    yield {**row, "truth": json.loads(row["truth"])} if encoded else row
    except (arrow.ArrowInvalid, OSError) as error:
        raise TaskFileError(f"{path}: not a parquet file ({str(error).splitlines()[0][:160]})") from None
