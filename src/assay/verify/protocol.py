"""The line protocol of `assay verify -`: one JSON object in per line, one out, whatever the line holds.

In: `{"id", "verifier", "truth", "response"}`, `"prompt"` if wanted; other keys (a task file's) are passed over.
Out: `{"id", "outcome", "reward", "reason", "answer", "evidence", "seconds"}`, ASCII, flushed as judged. A line that cannot
be judged is answered with VOID `bad_input`, its id where one could be read, and the stream goes on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import BinaryIO, Literal

from assay.core.records import finite, refuse_constant
from assay.core.types import Json, Outcome, Reason, Verdict
from assay.verify.pool import JudgePool, JudgeRequest

LONGEST_LINE = 1 << 26  # bytes; a longer line is answered, but not kept in memory


def serve(source: BinaryIO, sink: BinaryIO, judges: JudgePool, order: Literal["input", "done"] = "input") -> int:
    """Answer every line of `source` on `sink`, and return how many there were."""
    ids: dict[int, Json] = {}
    guard = threading.Lock()

    def requests() -> Iterator[JudgeRequest | Verdict]:
        for index, line in enumerate(read_lines(source)):
            identity, request = parse_line(line)
            with guard:
                ids[index] = identity
            yield request

    count = 0
    for index, verdict in judges.stream(requests(), order):
        with guard:
            identity = ids.pop(index)
        sink.write(answer_line(identity, verdict))
        sink.flush()
        count += 1
    return count


def read_lines(source: BinaryIO) -> Iterator[bytes | None]:
    """Lines without their newline; None for one of more than LONGEST_LINE bytes."""
    while line := source.readline(LONGEST_LINE):
        if line.endswith(b"\n") or len(line) < LONGEST_LINE:
            yield line.removesuffix(b"\n")
            continue
        while (rest := source.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def parse_line(line: bytes | None) -> tuple[Json, JudgeRequest | Verdict]:
    """The line's id, and what is to be judged or the VOID that answers it."""
    if line is None:
        return None, refused(f"the line is longer than {LONGEST_LINE} bytes")
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=refuse_constant, parse_float=finite)
    except UnicodeDecodeError as error:
        return None, refused(f"not UTF-8: {error.reason} at byte {error.start}")
    except (ValueError, RecursionError) as error:
        return None, refused(f"not JSON: {error}")
    if not isinstance(row, dict):
        return None, refused(f"a {type(row).__name__} where a JSON object is needed")
    identity = row.get("id")
    for key in ("id", "verifier", "truth", "response"):
        if key not in row:
            return identity, refused(f"the key {key!r} is missing")
    for key in ("verifier", "response"):
        if not isinstance(row[key], str):
            return identity, refused(f"{key} is a {type(row[key]).__name__}, not a string")
    prompt = prompt_text(row.get("prompt"))
    if prompt is None:
        return identity, refused("prompt is neither a string nor a list of messages")
    return identity, JudgeRequest(row["verifier"], row["truth"], row["response"], prompt)


def prompt_text(prompt: Json) -> str | None:
    """A prompt as verifiers get it: the last user message. A task file's list of messages is read too."""
    if prompt is None:
        return ""
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not all(isinstance(each, dict) for each in prompt):
        return None
    users = [each.get("content") for each in prompt if each.get("role") == "user"]
    text = users[-1] if users else ""
    return text if isinstance(text, str) else None


def answer_line(identity: Json, verdict: Verdict) -> bytes:
    row = {"id": identity} | answer(verdict)
    try:
        return json.dumps(row).encode() + b"\n"
    except RecursionError:  # an id that JSON could just be read from
        return json.dumps(row | {"id": None}).encode() + b"\n"


def answer(verdict: Verdict) -> dict[str, Json]:
    """A verdict in the protocol's words. Only PASS pays."""
    return {
        "outcome": verdict.outcome.value,
        "reward": 1.0 if verdict.is_pass else 0.0,
        "reason": verdict.reason.value,
        "answer": verdict.answer,
        "evidence": dict(verdict.evidence),
        "seconds": verdict.seconds,
    }


def refused(why: str) -> Verdict:
    return Verdict(Outcome.VOID, 0.0, Reason.BAD_INPUT, None, {"error": why[:300]})
