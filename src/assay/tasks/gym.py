"""`gym:NAME`: reasoning-gym's data sets as tasks, judged by its own scorers at exactly 1.0 (`verify.gym`).

`size` entries are made from the seed and divided by a hash of their questions, so that no question is on both sides
whatever the seed; the held-out ones are always made from the same seed. Repeated questions count once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from pydantic import Field

from assay.core.errors import ConfigError, TaskFileError
from assay.core.rng import derive
from assay.core.section import Section
from assay.core.types import Json, Message, Task
from assay.tasks.listed import ListedTasks
from assay.tasks.source import NoTasks, Split, read_options
from assay.tasks.split import split_of
from assay.verify.extract import FIELDS
from assay.verify.gym import make_dataset

ASK = {
    "answer_tag": "Put the final answer between <answer> and </answer>, and nothing else there.",
    "boxed": "Put the final answer in \\boxed{}, and nothing else there.",
    "hash_line": "End with a line of #### and the final answer.",
    "final_line": "Put the final answer on the last line, alone.",
    "whole_text": "Reply with the answer alone.",
}


class GymOptions(Section):
    size: int = Field(200, ge=2, description="entries made, before they are divided into the two splits")
    held_out_share: float = Field(0.2, gt=0, lt=1, description="share of the questions held out, by hash")
    field: str = Field("answer_tag", description="where the answer must stand")
    instruction: str | None = Field(
        None, description="put behind each question; default: a sentence asking for the field"
    )
    config: dict[str, Json] = Field(default_factory=dict, description="the data set's own keys")


def gym_source(name: str, options: Mapping[str, Json], split: Split, seed: int) -> ListedTasks:
    """Raises MissingExtra, UnknownName, ConfigError, TaskFileError."""
    chosen = read_options(GymOptions, options)
    if chosen.field not in FIELDS:
        raise ConfigError(f"tasks.options.field: {chosen.field!r} is none of {', '.join(FIELDS)}")
    ask = ASK[chosen.field] if chosen.instruction is None else chosen.instruction
    start = derive(seed if split == "train" else 0, "gym", name) % 2**31
    tasks: list[Task] = []
    questions: dict[str, None] = {}  # in order
    for entry in entries(name, json.dumps(chosen.config, sort_keys=True), start, chosen.size):
        question = str(entry["question"])
        if question in questions or split_of(question, chosen.held_out_share) != split:
            continue
        questions[question] = None
        tasks.append(
            Task(
                id=f"gym/{name}/{derive(0, question):016x}",
                prompt=(Message("user", f"{question}\n\n{ask}" if ask else question),),
                verifier="gym",
                truth={"dataset": name, "config": chosen.config, "entry": as_json(name, entry), "field": chosen.field},
                source=f"gym:{name}",
                tags=(name,),
            )
        )
    if not tasks:
        raise NoTasks(f"gym:{name}: no {split} task among {chosen.size} entries; raise options.size")
    return ListedTasks(f"gym:{name}", split, tuple(tasks), tuple(questions))


@lru_cache(maxsize=4)
def entries(name: str, config: str, seed: int, size: int) -> tuple[Mapping[str, Json], ...]:
    """Kept for the other split: some data sets take a tenth of a second for each entry."""
    dataset = make_dataset(name, json.loads(config), seed=seed, size=size)
    return tuple(dataset[index] for index in range(size))


def as_json(name: str, entry: Mapping[str, object]) -> Json:
    """The entry as JSON gives it back, since that is what a worker process will judge by."""
    try:
        return json.loads(json.dumps({key: entry[key] for key in ("question", "answer", "metadata")}))
    except (TypeError, ValueError) as error:
        raise TaskFileError(f"gym:{name}: its entries have no JSON form ({error}), so they cannot be judged") from error
