"""Worked answers, preferences and labelled steps from files: TRL's usual columns, and the hub's, as they are.

| columns | becomes |
|---|---|
| `messages`, or `conversations` with `from` and `value` | `Conversation`: every turn of the assistant is learnt |
| `prompt`, `completion` | `Example` (a `Conversation` where the completion has several turns) |
| `prompt`, `completion`, `label` | `Labelled` |
| `prompt`, `completions`, `labels` | `Stepwise` |
| `chosen`, `rejected`, with `prompt` or with a beginning in common | `Pair` |
| `text` | `Passage` |
| `instruction` (with `input`), `output` | `Example` |
| `prompt` alone | `Asked` |

A list of messages goes through the chat template. A text is plain text and goes through none, as in TRL; `as_chat` makes a
plain prompt the user's message, which is what a policy is asked in RL. No column of a data set is executed or looked up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from assay.core.errors import TaskFileError, UsageError
from assay.core.types import Json, Message
from assay.tasks.files import FileOptions, read_lines
from assay.tasks.layouts import ROLES
from assay.tasks.row import Row

Prompt = tuple[Message, ...] | str
"""Messages for the chat template, or plain text."""

FROM = {"human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant", "system": "system"}
"""ShareGPT's names for roles."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the answer to imitate."""

    prompt: Prompt
    answer: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages to imitate the assistant's turns of, from message `learn_from` on."""

    messages: tuple[Message, ...]
    learn_from: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """Plain text, all of it to be learnt."""

    text: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt, the first preferred. `margin`: by how much, where the data says so."""

    prompt: Prompt
    chosen: str
    rejected: str
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Labelled:
    """An answer that is good or bad by itself."""

    prompt: Prompt
    answer: str
    is_good: bool


@dataclass(frozen=True, slots=True)
class Stepwise:
    """An answer in steps, each with its label in [0, 1]: whether it holds, or the chance that it leads to a right answer.

    The answer's text is `separator.join(steps)`.
    """

    prompt: Prompt
    steps: tuple[str, ...]
    labels: tuple[float, ...]
    separator: str = "\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt without an answer."""

    prompt: Prompt


Worked = Example | Conversation | Passage
"""What SFT imitates."""
Item = Worked | Pair | Labelled | Stepwise | Asked
Kind = TypeVar("Kind", Example, Conversation, Passage, Pair, Labelled, Stepwise, Asked)


def read_conversations(source: str | os.PathLike[str], *, as_chat: bool = False, split: str = "train") -> list[Item]:
    """Every row of a file (.jsonl, .json, .parquet) or data set, of a split where rows or the set have some.

    Raises TaskFileError naming the line; MissingExtra, EnvironmentFault as for tasks.
    """
    items: list[Item] = []
    for line in read_lines(os.fspath(source), FileOptions(train_split=split)):
        said = line.split or line.row.get("split")
        if isinstance(said, str) and said != split:
            continue
        try:
            item = READERS[recognise(line.row)](line.row)
        except UsageError as error:
            raise TaskFileError(f"{line.place}: {error}") from None
        items.append(chat(item) if as_chat else item)
    if not items:
        raise TaskFileError(f"{source} holds no row of the split {split!r}")
    return items


def of_kind(items: Sequence[Item], *kinds: type[Kind], where: str) -> list[Kind]:
    """The items, which must all be of these kinds. Raises UsageError."""
    for number, item in enumerate(items, 1):
        if not isinstance(item, kinds):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise UsageError(f"{where}: row {number} is a {type(item).__name__}, and {names} is needed here")
    return list(items)  # type: ignore[arg-type]


def chat(item: Item) -> Item:
    """With a plain prompt made the user's message."""
    match item:
        case Example(str() as prompt, answer):
            return Example(_user(prompt), answer)
        case Pair(str() as prompt, chosen, rejected, margin):
            return Pair(_user(prompt), chosen, rejected, margin)
        case Labelled(str() as prompt, answer, is_good):
            return Labelled(_user(prompt), answer, is_good)
        case Stepwise(str() as prompt, steps, labels, separator):
            return Stepwise(_user(prompt), steps, labels, separator)
        case Asked(str() as prompt):
            return Asked(_user(prompt))
    return item


def recognise(row: Row) -> str:
    """The name of the reader for a row with these columns. Raises UsageError."""
    for name, columns in COLUMNS.items():
        if all(row.get(column) is not None for column in columns):
            return name
    raise UsageError(
        f"its columns ({', '.join(row)}) are none of TRL's: messages; prompt and completion; text; chosen and rejected; "
        f"prompt, completions and labels; or prompt alone would be right"
    )


def read_messages(row: Row) -> Item:
    if row.get("messages") is None:
        turns = row["conversations"]
        if not isinstance(turns, list) or not all(isinstance(each, Mapping) for each in turns):
            raise UsageError("conversations: a list of objects with `from` and `value` would be right")
        named = [
            each if "role" in each else {"role": FROM.get(str(each.get("from"))), "content": each.get("value")}
            for each in turns
        ]
        found = conversation(named, "conversations")
    else:
        found = conversation(row["messages"], "messages")
    if not any(each.role == "assistant" for each in found):
        raise UsageError("messages: no turn is the assistant's, so there is nothing to imitate")
    return Conversation(found)


def read_completion(row: Row) -> Item:
    prompt, completion = _prompt(row["prompt"]), row["completion"]
    if isinstance(prompt, str):
        return Example(prompt, _text(completion, "completion"))
    if isinstance(completion, str):
        return Example(prompt, completion)
    turns = conversation(completion, "completion")
    if len(turns) == 1 and turns[0].role == "assistant":
        return Example(prompt, turns[0].content)
    return Conversation((*prompt, *turns), len(prompt))


def read_labelled(row: Row) -> Item:
    label = row["label"]
    if not isinstance(label, bool):
        raise UsageError(f"label: true or false would be right, not {str(label)[:40]!r}")
    prompt = _prompt(row["prompt"])
    return Labelled(prompt, _answer(row["completion"], "completion"), label)


def read_pair(row: Row) -> Item:
    chosen, rejected = row["chosen"], row["rejected"]
    margin = row.get("margin")
    if margin is not None and (isinstance(margin, bool) or not isinstance(margin, (int, float))):
        raise UsageError(f"margin: a number would be right, not {str(margin)[:40]!r}")
    if row.get("prompt") is not None:
        prompt = _prompt(row["prompt"])
        if isinstance(prompt, tuple):  # some sets repeat the prompt in both answers
            chosen, rejected = (_without(each, prompt) for each in (chosen, rejected))
    else:
        prompt, chosen, rejected = _common(chosen, rejected)
    return Pair(prompt, _answer(chosen, "chosen"), _answer(rejected, "rejected"), float(margin or 0.0))


def read_stepwise(row: Row) -> Item:
    steps, labels = row["completions"], row["labels"]
    if not isinstance(steps, list) or not all(isinstance(each, str) for each in steps) or not steps:
        raise UsageError("completions: a list of texts, one a step, would be right")
    good = isinstance(labels, list) and len(labels) == len(steps)
    if not good or not all(isinstance(each, (bool, int, float)) and 0 <= each <= 1 for each in labels):
        raise UsageError("labels: a list of true and false (or numbers from 0 to 1), one a step, would be right")
    return Stepwise(_prompt(row["prompt"]), tuple(steps), tuple(float(each) for each in labels))


def read_text(row: Row) -> Item:
    return Passage(_text(row["text"], "text"))


def read_instruction(row: Row) -> Item:
    asked = _text(row["instruction"], "instruction")
    if isinstance(given := row.get("input"), str) and given.strip():
        asked = f"{asked}\n\n{given}"
    return Example(_user(asked), _text(row["output"], "output"))


def read_asked(row: Row) -> Item:
    return Asked(_prompt(row["prompt"]))


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "conversations": ("conversations",),
    "pair": ("chosen", "rejected"),
    "stepwise": ("prompt", "completions", "labels"),
    "labelled": ("prompt", "completion", "label"),
    "completion": ("prompt", "completion"),
    "instruction": ("instruction", "output"),
    "text": ("text",),
    "asked": ("prompt",),
}
"""In the order of recognition."""

READERS: Mapping[str, Callable[[Row], Item]] = {
    "messages": read_messages,
    "conversations": read_messages,
    "pair": read_pair,
    "stepwise": read_stepwise,
    "labelled": read_labelled,
    "completion": read_completion,
    "instruction": read_instruction,
    "text": read_text,
    "asked": read_asked,
}


def conversation(value: Json, column: str) -> tuple[Message, ...]:
    """A column of messages. Raises UsageError."""
    if not isinstance(value, list) or not value:
        raise UsageError(f"{column}: a list of messages would be right")
    turns = []
    for each in value:
        role = each.get("role") if isinstance(each, Mapping) else None
        content = each.get("content") if isinstance(each, Mapping) else None
        if role not in ROLES or not isinstance(content, str):
            raise UsageError(
                f'{column}: a message must be {{"role": {" | ".join(ROLES[:3])}, "content": text}}, not {str(each)[:80]}'
            )
        turns.append(Message(role, content))
    return tuple(turns)


def _prompt(value: Json) -> Prompt:
    return value if isinstance(value, str) else conversation(value, "prompt")


def _answer(value: Json, column: str) -> str:
    if isinstance(value, str):
        return value
    turns = conversation(value, column)
    if len(turns) != 1 or turns[0].role != "assistant":
        raise UsageError(
            f"{column}: one turn of the assistant behind the prompt would be right, not {', '.join(each.role for each in turns)}"
        )
    return turns[0].content


def _without(value: Json, prompt: tuple[Message, ...]) -> Json:
    if isinstance(value, list) and len(value) > len(prompt):
        begins = conversation(value[: len(prompt)], "chosen") == prompt
        return value[len(prompt) :] if begins else value
    return value


def _common(chosen: Json, rejected: Json) -> tuple[Prompt, Json, Json]:
    """The beginning that both have, and what each goes on with (TRL's `extract_prompt`: a space belongs to the answer)."""
    if isinstance(chosen, str) and isinstance(rejected, str):
        at = _alike(chosen, rejected)
        if at and chosen[at - 1] == " ":
            at -= 1
        return chosen[:at], chosen[at:], rejected[at:]
    first, second = conversation(chosen, "chosen"), conversation(rejected, "rejected")
    at = min(_alike(first, second), len(first) - 1, len(second) - 1)  # equal answers are still answers
    if at == 0:
        raise UsageError("chosen and rejected have no beginning in common, and there is no prompt")
    return first[:at], chosen[at:], rejected[at:]


def _alike(one: Sequence[object], other: Sequence[object]) -> int:
    """How many of the first are the same."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _text(value: Json, column: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{column}: a {type(value).__name__} where a text is needed")
    return value


def _user(text: str) -> tuple[Message, ...]:
    return (Message("user", text),)
