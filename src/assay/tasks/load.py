"""`load_source`: the task source that a configuration names. `select`: some of its tasks, always the same ones.

warehouse                      a generator (`SOURCES`; other packages add theirs by entry point)
tasks.jsonl, data.parquet      a file: our own form, or a layout of TRL, verl, OpenRLHF, GSM8K or MATH
gym:chain_sum                  a reasoning-gym data set
openai/gsm8k, ./saved_set      a `datasets` set by hub name, or one saved in a folder
warehouse:0.5,times_tables:0.5 a mixture (also `mixture` with `options.weights`)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError
from assay.core.rng import derive
from assay.core.types import Task
from assay.tasks.source import SOURCES, NoTasks, Split, TaskSource, read_options
from assay.tasks.wrapped import First, Judged
from assay.verify.base import find_verifier

SPLITS: tuple[Split, Split] = ("train", "held_out")
FILES = (".jsonl", ".json", ".parquet")
TRIES = 20  # draws per task wanted from a source without end, before its duplicates are taken to be all there is


def load_source(config: TasksConfig, split: Split, seed: int) -> TaskSource:
    """The tasks of one split.

    A generator holds out by its problems' operands; a file by its `split` column, else by a hash of each prompt
    (`options.held_out_share`, a tenth by default). With `held_out` set, that source gives the held-out tasks and
    `source` is trained on whole.

    Raises UnknownName, ConfigError, TaskFileError (a line that cannot be read, a split without tasks), MissingExtra.
    """
    if config.verifier is not None:
        find_verifier(config.verifier)
    has_other = config.held_out is not None
    if split == "held_out" and config.held_out is not None:
        # options and column map are about files when both are files; a generator's say nothing of another source
        both = config.held_out == config.source or (is_place(config.source) and is_place(config.held_out))
        own: dict[str, Any] = {} if both else {"options": {}, "columns": {}}
        config = config.model_copy(update={"source": config.held_out, "held_out": None, **own})
    found = _find(config, split, seed, whole=has_other)
    if config.verifier is not None:
        found = Judged(found, config.verifier)
    if split == "train" and config.limit is not None and found.length is None:
        found = First(found, config.limit)
    return found


def load_sides(config: TasksConfig, seed: int) -> tuple[TaskSource, ...]:
    """Both splits, or the one that the source has. Raises as `load_source` does, NoTasks when it has neither."""
    found: list[TaskSource] = []
    missing: NoTasks | None = None
    for split in SPLITS:
        try:
            found.append(load_source(config, split, seed))
        except NoTasks as error:
            missing = error
    if missing is not None and not found:
        raise missing
    return tuple(found)


def _find(config: TasksConfig, split: Split, seed: int, *, whole: bool) -> TaskSource:
    name = config.source
    if name == "mixture" or is_mixture(name):
        from assay.tasks.mixture import mix

        return mix(config, split, seed)
    if name.startswith("gym:"):
        from assay.tasks.gym import gym_source

        return gym_source(name.removeprefix("gym:"), config.options, split, seed)
    if is_place(name):
        from assay.tasks.files import file_source

        return file_source(config, split, whole=whole)
    generator = SOURCES.get(name)
    if config.columns:
        raise ConfigError(f"tasks.columns: {name} is a generator; a column map is for files and data sets")
    return generator.make(read_options(generator.options, config.options), split, seed)


def is_place(name: str) -> bool:
    """Does the name mean a file, a folder or a hub name, rather than a generator?"""
    return name.endswith(FILES) or "/" in name or Path(name).is_dir()


def is_mixture(name: str) -> bool:
    return "," in name and not is_place(name)


def select(source: TaskSource, n: int) -> Sequence[Task]:
    """At most n tasks with different prompts, the same ones each time; more tasks include the fewer.

    From a finite source they are spread over it (a file may be sorted) and keep its order; from one without end they
    are the first ones.
    """
    length = source.length
    if length is None:
        order: Sequence[int] = range(n * TRIES)
    else:
        order = sorted(range(length), key=lambda index: derive(0, "select", index)) if n < length else range(length)
    chosen: dict[int, Task] = {}
    prompts = set()
    for index in order:
        if len(chosen) == n:
            break
        task = source.task(index)
        if task.prompt not in prompts:
            prompts.add(task.prompt)
            chosen[index] = task
    return [chosen[index] for index in sorted(chosen)]
