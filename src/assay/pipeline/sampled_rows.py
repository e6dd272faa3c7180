"""A row of a task set as `assay route` sees it: what it asks, and what it holds to learn from.

Columns are known by the names that the field's data sets give them; the layouts of task files (`tasks/layouts.py`) are read
as training would read them. A row may hold several kinds of evidence at once, or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from assay.core.errors import TaskFileError, UsageError
from assay.core.records import dumps
from assay.core.types import Json, Message, Task
from assay.tasks.files import FileOptions, read_lines
from assay.tasks.layouts import LAYOUTS, messages, recognise
from assay.tasks.row import Line, Row

SUFFIXES = (".jsonl", ".parquet")
PROMPTS = ("prompt", "question", "problem", "instruction", "input", "query", "text")
GOOD = ("demonstration", "reference", "completion", "output", "worked", "summary", "proof")
"""Columns that hold an answer to imitate."""
ONE_SAMPLE = ("response", "sample")
SAMPLES = ("responses", "samples", "completions", "answers")
QUERIES = ("gold_sql", "sql", "SQL", "query", "answer")
SCHEMAS = ("schema", "db_schema", "context", "create_table")
CREATES = re.compile(r"\bCREATE\s+TABLE\b", re.I)
SELECTS = re.compile(r"\s*(?:SELECT|WITH)\b", re.I)
SENTENCE = re.compile(r"[.!?。！？](?:\s|$)")
LONGEST_LABEL = 3  # words
LONGEST_NAME = 6
FEWEST_PER_LABEL = 2  # rows that a label must stand in on average, for the truths to be labels

Shape = Literal["choice", "number", "expression", "label", "name", "prose", "query", "object"]
"""What a truth looks like. Only `prose` says by itself that no comparison will do."""

LETTER = re.compile(r"\(?[A-Z]\)?")
NUMBER = re.compile(r"[-+−]?\$?\d[\d,]*(?:\.\d+)?(?:\s?%|/\d+)?")
WORDY = re.compile(r"[A-Za-z]{2,}")
COMMAND = re.compile(r"\\[A-Za-z]+")


@dataclass(frozen=True, slots=True)
class SampledRow:
    """`task` holds the truth where there is one; its verifier is "" where nothing names one. `good`: an answer to imitate.
    `is_pair`: a better and a worse answer stand beside each other. `samples`: answers that a policy gave."""

    place: str
    prompt: str
    task: Task | None = None
    good: str | None = None
    is_pair: bool = False
    samples: tuple[str, ...] = ()
    is_asked: bool = False  # reading it as a task puts the request for the answer's form behind the prompt


def read_rows(path: Path, most: int) -> list[SampledRow]:
    """The first `most` rows; rows with one prompt and truth and a response each are joined to one with their responses.

    Raises TaskFileError, MissingExtra.
    """
    if not path.name.endswith((*SUFFIXES, ".json")):
        raise TaskFileError(f"{path}: rows stand in a .jsonl, .json or .parquet file")
    lines = islice(read_lines(str(path), FileOptions()), most)
    rows = joined(read_row(line) for line in lines)
    if not rows:
        raise TaskFileError(f"{path} holds no row")
    return rows


def read_row(line: Line) -> SampledRow:
    """Raises TaskFileError for a row that holds no prompt."""
    row = line.row
    try:
        turns, good = _prompt(row)
    except UsageError as error:
        raise TaskFileError(f"{line.place}: {error}") from None
    task, is_asked = _task(line, turns)
    good = good if good is not None else _first_text(row, GOOD)
    if task is not None and good is None:
        good = _worked(row, task)
    return SampledRow(
        place=line.place,
        prompt=turns[-1].content,
        task=task,
        good=good,
        is_pair="chosen" in row and "rejected" in row,
        samples=_samples(row),
        is_asked=is_asked,
    )


def joined(rows: Iterable[SampledRow]) -> list[SampledRow]:
    """Rows that differ in their one sampled answer alone are a group."""
    found: dict[str, SampledRow] = {}
    for number, row in enumerate(rows):
        truth = row.task.truth if row.task is not None else None
        key = dumps([row.prompt, truth], sort=True) if len(row.samples) == 1 else f"row {number}"
        first = found.get(key)
        found[key] = row if first is None else replace(first, samples=first.samples + row.samples)
    return [_settled(row) for row in found.values()]


def _settled(row: SampledRow) -> SampledRow:
    """One response without a truth or a second one beside it is what supervised data sets call an answer to imitate."""
    if row.task is None and row.good is None and len(row.samples) == 1:
        return replace(row, good=row.samples[0], samples=())
    return row


def answer_of(task: Task) -> Json:
    """The right answer in a truth: the truth itself, or what its `answer` holds."""
    truth = task.truth
    if isinstance(truth, Mapping) and "answer" in truth:
        truth = truth["answer"]
    return truth[0] if isinstance(truth, list) and len(truth) == 1 else truth


def shapes_of(rows: Sequence[SampledRow]) -> dict[str, Shape]:
    """By place, what the truths look like; a few short words that come back again and again are labels."""
    answers = {row.place: answer_of(row.task) for row in rows if row.task is not None}
    shapes = {place: shape_of(answer) for place, answer in answers.items()}
    names = [str(answers[place]).casefold() for place, shape in shapes.items() if shape == "name"]
    if names and len(set(names)) * FEWEST_PER_LABEL <= len(names):
        most = max(len(each.split()) for each in names)
        if most <= LONGEST_LABEL:
            shapes = {place: "label" if shape == "name" else shape for place, shape in shapes.items()}
    return shapes


def shape_of(answer: Json) -> Shape:
    """What one truth looks like, by its text alone."""
    if isinstance(answer, bool):
        return "label"
    if isinstance(answer, (int, float)):
        return "number"
    if not isinstance(answer, str):
        return "object"
    text = answer.strip()
    if LETTER.fullmatch(text):
        return "choice"
    if NUMBER.fullmatch(text):
        return "number"
    if SELECTS.match(text):
        return "query"
    words = WORDY.findall(COMMAND.sub(" ", text))
    if len(words) > LONGEST_NAME or (len(words) > 2 and SENTENCE.search(text)):
        return "prose"
    return "name" if words else "expression"


def _prompt(row: Row) -> tuple[tuple[Message, ...], str | None]:
    """The prompt, and the assistant's last message where the row is a conversation that ends with one."""
    talk = row.get("messages") or row.get("conversations")
    if isinstance(talk, list) and talk and "prompt" not in row:
        last = talk[-1]
        if isinstance(last, Mapping) and last.get("role") == "assistant" and len(talk) > 1:
            return messages(talk[:-1]), str(last.get("content", ""))
        return messages(talk), None
    name = next((each for each in PROMPTS if row.get(each)), None)
    if name is None and isinstance(row.get("chosen"), list) and len(row["chosen"]) > 1:
        return messages(row["chosen"][:-1]), None  # a pair of conversations that part at the last message
    if name is None and isinstance(row.get("statement") or row.get("formal_statement"), str):
        return messages(row.get("statement") or row["formal_statement"]), None
    if name is None:
        raise UsageError(f"no prompt in its columns ({', '.join(row)}); one of {', '.join(PROMPTS)} would be right")
    more = row.get("input") if name == "instruction" else None  # Alpaca's two columns
    turns = messages(row[name])
    if isinstance(more, str) and more.strip():
        turns = (*turns[:-1], turns[-1]._replace(content=f"{turns[-1].content}\n\n{more}"))
    return turns, None


def _task(line: Line, prompt: tuple[Message, ...]) -> tuple[Task | None, bool]:
    """The row as training would read it, None where it holds no truth; and whether training asks for the form itself."""
    row = line.row
    if "gold_sql" in row and isinstance(row.get("tables"), Mapping):
        truth = {
            key: row[key] for key in ("gold_sql", "tables", "order_matters", "contract") if row.get(key) is not None
        }
        return Task(line.place, prompt, "sql", truth), False
    query = _first_text(row, QUERIES)
    if query is not None and SELECTS.match(query) and "truth" not in row:
        schema = next((row[name] for name in SCHEMAS if CREATES.search(str(row.get(name, "")))), None)
        if schema is None:
            return Task(line.place, prompt, "", query), False
        return Task(line.place, prompt, "sql", {"gold_sql": query, "tables": {"schema": schema}}), False
    if "statement" in row and "truth" not in row:
        truth = {key: row[key] for key in ("statement", "preamble", "header") if row.get(key) is not None}
        return Task(line.place, prompt, str(row.get("verifier") or ""), truth), False
    layout = recognise(row)
    if layout is None and "prompt" not in row:
        row = {**row, "prompt": [each._asdict() for each in prompt]}
        for name in PROMPTS[1:]:
            row.pop(name, None)
        layout = recognise(row)
    if layout is None:
        return None, False
    try:
        read = LAYOUTS[layout](row)
    except UsageError as error:
        raise TaskFileError(f"{line.place}: {error}") from None
    return Task(line.place, read.prompt, read.verifier or "", read.truth), not read.asks


def _worked(row: Row, task: Task) -> str | None:
    """A worked answer that stands beside the truth: GSM8K's and MATH's columns, and a truth that is itself prose."""
    if isinstance(row.get("answer"), str) and "####" in row["answer"]:
        return str(row["answer"])
    solution = row.get("solution")
    if isinstance(solution, str) and solution != answer_of(task):
        return solution
    answer = answer_of(task)
    return answer if isinstance(answer, str) and shape_of(answer) == "prose" else None


def _samples(row: Row) -> tuple[str, ...]:
    for name in SAMPLES:
        found = row.get(name)
        if isinstance(found, list) and found and all(isinstance(each, str) for each in found):
            return tuple(found)
    one = _first_text(row, ONE_SAMPLE)
    return () if one is None else (one,)


def _first_text(row: Row, names: Iterable[str]) -> str | None:
    return next((row[name] for name in names if isinstance(row.get(name), str) and row[name].strip()), None)
