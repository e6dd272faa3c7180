"""Rows of other people's data as tasks: which columns they have, and what each layout means by them.

| layout | recognised by | becomes |
|---|---|---|
| `assay` | `prompt` and `truth` | itself |
| `verl` | `prompt`, `reward_model.ground_truth` | `extra_info.split` is the split, `data_source` the source |
| `gsm8k` | `question`, `answer` with a `#### n` line | the number after `####` |
| `math` | `problem`, with `answer` or a boxed answer in `solution` | that answer |
| `openrlhf` | `label`, with `input`, `prompt`, `question` or `context_messages` | the label |
| `humaneval` | `prompt`, `entry_point`, `test` | a code task with HumanEval's assertions |
| `mbpp` | `text`, `test_list` | a code task with MBPP's assertions, the first one shown |
| `minif2f` | `formal_statement`, with `header` | a task for Lean, its binders as a `∀` |
| `ifeval` | `prompt`, `instruction_id_list`, `kwargs` | a task for `instructions`, or for the verifier that the row names |
| `trl` | `prompt`, with `solution`, `answer`, `ground_truth` or `target` | that column |
| `prompts` | by name only | a task without a rule, for the reward models of `[reward.models]` (`preference`) |

The verifier of a foreign row is `math`, in the field that the prompt asks for (`####`, `<answer>`, else `\\boxed{}`),
unless a `verifier` column (`extra_info.verifier` for verl)
or `tasks.verifier` names another. `gsm8k` and `math` prompts ask for nothing, so a sentence that asks for
`\\boxed{}` is put behind them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping

from assay.core.errors import UsageError, did_you_mean
from assay.core.types import Json, Message
from assay.tasks.code_files import read_humaneval, read_mbpp
from assay.tasks.proof_files import read_minif2f
from assay.tasks.row import Read as Read
from assay.tasks.row import Row

ASK_FOR_BOX = "Put the final answer in \\boxed{}."
ROLES = ("system", "user", "assistant", "tool", "developer")
INPUTS = ("prompt", "input", "question", "context_messages")
ANSWERS = ("solution", "answer", "ground_truth", "target", "label")
NAMES = ("id", "prompt", "verifier", "truth", "tags", "source", "split")
HASHES = re.compile(r"^####\s*(.*?)\s*$", re.MULTILINE)


def recognise(row: Row) -> str | None:
    """The layout of a file with rows like this one; None when its columns are not unmistakable."""
    if "prompt" in row and "truth" in row:
        return "assay"
    model = row.get("reward_model")
    if "prompt" in row and isinstance(model, Mapping) and "ground_truth" in model:
        return "verl"
    if "question" in row and HASHES.search(str(row.get("answer", ""))):
        return "gsm8k"
    if "problem" in row and ("answer" in row or "\\boxed" in str(row.get("solution", ""))):
        return "math"
    if "formal_statement" in row:
        return "minif2f"
    if {"prompt", "entry_point", "test"} <= set(row):
        return "humaneval"
    if {"text", "test_list"} <= set(row):
        return "mbpp"
    if {"prompt", "instruction_id_list", "kwargs"} <= set(row):
        return "ifeval"
    if "label" in row and sum(name in row for name in INPUTS) == 1:
        return "openrlhf"
    if "prompt" in row and sum(name in row for name in ANSWERS) == 1:
        return "trl"
    return None


def read_assay(row: Row) -> Read:
    return Read(
        prompt=messages(_needed(row, "prompt")),
        truth=_needed(row, "truth"),
        verifier=_text(row, "verifier"),
        id=_text(row, "id"),
        tags=_tags(row.get("tags")),
        source=_text(row, "source"),
        split=_text(row, "split"),
    )


def read_verl(row: Row) -> Read:
    model, extra = _needed(row, "reward_model"), row.get("extra_info") or {}
    if not isinstance(model, Mapping) or "ground_truth" not in model:
        raise UsageError("reward_model: an object with `ground_truth` would be right")
    if model.get("style", "rule") != "rule":
        raise UsageError(
            f"reward_model.style is {model['style']!r}: only `rule` rows have a truth that a program checks"
        )
    prompt = messages(_needed(row, "prompt"))
    index = extra.get("index") if isinstance(extra, Mapping) else None
    split = extra.get("split") if isinstance(extra, Mapping) else None
    verifier = _text(extra, "verifier") if isinstance(extra, Mapping) else None
    source = _text(row, "data_source")
    return Read(
        prompt=prompt,
        truth=foreign_truth(model["ground_truth"], prompt, verifier),
        verifier=verifier,
        id=None if index is None else "/".join(str(each) for each in (source, split, index) if each is not None),
        tags=_tags(row.get("ability")),
        source=source,
        split=split if isinstance(split, str) else None,
    )


def read_trl(row: Row) -> Read:
    prompt = messages(_needed(row, "prompt"))
    column = next((name for name in ANSWERS if name in row), None)
    if column is None:
        raise UsageError(f"no column holds the truth; one of {', '.join(ANSWERS)} would be right")
    verifier = _text(row, "verifier")
    truth = foreign_truth(row[column], prompt, verifier)
    return Read(prompt, truth, verifier, id=_text(row, "id"), split=_text(row, "split"))


def read_openrlhf(row: Row) -> Read:
    column = next((name for name in INPUTS if name in row), None)
    if column is None:
        raise UsageError(f"no column holds the prompt; one of {', '.join(INPUTS)} would be right")
    prompt = messages(row[column])
    verifier = _text(row, "verifier")
    truth = foreign_truth(_needed(row, "label"), prompt, verifier)
    return Read(prompt, truth, verifier, id=_text(row, "id"), split=_text(row, "split"))


def read_gsm8k(row: Row) -> Read:
    worked = str(_needed(row, "answer"))
    found = HASHES.findall(worked)
    if len(found) != 1 or not found[0]:
        raise UsageError(f"the answer has {len(found)} `#### n` lines where one is needed")
    number = found[0].replace(",", "").removeprefix("$")
    return Read(messages(_needed(row, "question")), number, split=_text(row, "split"), asks=False)


def read_math(row: Row) -> Read:
    truth = row.get("answer")
    if truth is None:
        truth = last_boxed(str(_needed(row, "solution")))
    subject = row.get("subject", row.get("type"))
    level = re.sub(r"\D", "", str(row.get("level", "")))
    return Read(
        prompt=messages(_needed(row, "problem")),
        truth=str(truth),
        id=_text(row, "unique_id") or _text(row, "id"),
        tags=(*_tags(subject), *((f"level-{level}",) if level else ())),
        split=_text(row, "split"),
        asks=False,
    )


def read_ifeval(row: Row) -> Read:
    return Read(
        prompt=messages(_needed(row, "prompt")),
        truth={"instruction_id_list": _needed(row, "instruction_id_list"), "kwargs": _needed(row, "kwargs")},
        verifier=_text(row, "verifier") or "instructions",
        id=_text(row, "id") or _text(row, "key"),
        tags=_tags(row.get("tags")),
        split=_text(row, "split"),
    )


def read_prompts(row: Row) -> Read:
    prompt = messages(_needed(row, "prompt"))
    verifier = _text(row, "verifier") or "preference"
    return Read(prompt, {}, verifier, id=_text(row, "id"), tags=_tags(row.get("tags")), split=_text(row, "split"))


LAYOUTS: Mapping[str, Callable[[Row], Read]] = {
    "assay": read_assay,
    "verl": read_verl,
    "trl": read_trl,
    "openrlhf": read_openrlhf,
    "gsm8k": read_gsm8k,
    "math": read_math,
    "humaneval": read_humaneval,
    "mbpp": read_mbpp,
    "minif2f": read_minif2f,
    "ifeval": read_ifeval,
    "prompts": read_prompts,
}


def mapped(columns: Mapping[str, str]) -> Callable[[Row], Read]:
    """A reader for a column map, our name = theirs; a dot goes into a nested column. Raises UsageError."""
    for name in columns:
        if name not in NAMES:
            raise UsageError(
                f"tasks.columns: unknown name {name!r}{did_you_mean(name, NAMES)}; known: layout, {', '.join(NAMES)}"
            )
    for name in ("prompt", "truth"):
        if name not in columns:
            raise UsageError(f"tasks.columns: the map must name the column that holds the {name}")

    def read(row: Row) -> Read:
        found = {name: _at(row, place) for name, place in columns.items()}
        result = read_assay(found)
        if "verifier" in columns or not isinstance(result.truth, (str, int, float, list)):
            return result
        return result._replace(truth=math_truth(result.truth, result.prompt))

    return read


def messages(prompt: Json) -> tuple[Message, ...]:
    """A string is one user message. Raises UsageError."""
    if isinstance(prompt, str) and prompt.strip():
        return (Message("user", prompt),)
    if not isinstance(prompt, list) or not prompt:
        raise UsageError("the prompt must be a text that is not empty, or a list of messages")
    turns = []
    for each in prompt:
        role = each.get("role") if isinstance(each, Mapping) else None
        content = each.get("content") if isinstance(each, Mapping) else None
        if role not in ROLES or not isinstance(content, str):
            raise UsageError(
                f'a message must be {{"role": {" | ".join(ROLES[:3])}, "content": text}}, not {str(each)[:80]}'
            )
        turns.append(Message(role, content))
    if turns[-1].role == "assistant":
        raise UsageError("the prompt ends with an assistant's message; the question must come last")
    return tuple(turns)


def foreign_truth(value: Json, prompt: tuple[Message, ...], verifier: str | None) -> Json:
    """A truth of our own that went through another layout comes back as it was; anything else is for `math`."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            own = json.loads(value)
        except ValueError:
            own = None
        if isinstance(own, dict) and ("answer" in own or verifier is not None):
            return own
    return math_truth(value, prompt) if verifier in (None, "math") else value


def math_truth(value: Json, prompt: tuple[Message, ...]) -> Json:
    """A foreign truth for the math verifier, in the field that the prompt asks for."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, list)):
        raise UsageError(f"the truth is {_kind(value)}; a text or a number would be right")
    many = [str(each) for each in value] if isinstance(value, list) else None
    answer: Json = many[0] if many is not None and len(many) == 1 else many if many is not None else str(value)
    asked = " ".join(message.content for message in prompt if message.role != "assistant")
    field = "hash_line" if "####" in asked else "answer_tag" if "<answer>" in asked else "boxed"
    if "\\boxed" in asked:
        field = "boxed"
    return answer if field == "boxed" and isinstance(answer, str) else {"answer": answer, "field": field}


def last_boxed(text: str) -> str:
    """The content of the last `\\boxed{...}` of a worked solution. Raises UsageError."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if start < 0:
        raise UsageError("the solution has no \\boxed{} answer")
    begin = text.index("{", start) + 1
    depth, at = 1, begin
    while at < len(text):
        sign = text[at]
        if sign == "\\":
            at += 2
            continue
        depth += (sign == "{") - (sign == "}")
        if depth == 0:
            return text[begin:at]
        at += 1
    raise UsageError("the solution's \\boxed{ is never closed")


def _needed(row: Row, name: str) -> Json:
    value = row.get(name)
    if value is None:
        hint = did_you_mean(name, row) or f"; it has {', '.join(row) or 'none'}"
        raise UsageError(f"no column {name!r}{hint}")
    return value


def _text(row: Row, name: str) -> str | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return str(value)
    raise UsageError(f"{name}: {_kind(value)} where a text is needed")


def _tags(value: Json) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise UsageError(f"tags: {_kind(value)} where a list of texts is needed")


def _at(row: Row, place: str) -> Json:
    if place in row:
        return row[place]
    value: Json = row
    for part in place.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise UsageError(f"no column {place!r}{did_you_mean(place, row) or f'; it has {chr(44).join(row)}'}")
        value = value[part]
    return value


def _kind(value: Json) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
