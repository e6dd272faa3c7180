"""The process that judges: `python -m assay.verify.worker`, started and held to its deadlines by the supervisor.

A request is one line of cases (JSON arrays `[verifier, truth, response, prompt, in_thread]`) with the byte RS between them, which
JSON never holds unescaped. First the verifiers are loaded and the truths read, and a line says how the verifiers sign
(their labels) and how long each case may need by the verifier's own limits; then each case is judged and answered with a line of its own, flushed at once. So loading has a deadline
apart from judging, and the supervisor's caller knows exactly which case a worker hung or died on.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import OrderedDict
from time import perf_counter
from typing import BinaryIO

from assay.core.records import to_json
from assay.core.types import Json, Verdict
from assay.sandbox.supervisor import die_with_parent
from assay.verify.base import Case, judge_case, read_case, seconds_needed, void_for

SEPARATOR = b"\x1e"
TRUTHS_KEPT = 512  # a group's samples share their truth, an evaluation comes back to it
LARGEST_KEPT = 1 << 16  # characters of a truth's JSON


class Reader:
    """Reads cases, keeping the last truths read."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Case] = OrderedDict()

    def read(self, verifier: str, truth: Json) -> Case:
        key = f"{verifier}\n{json.dumps(truth, sort_keys=False)}"
        case = self._kept.get(key)
        if case is None:
            case = read_case(verifier, truth)
            warm = getattr(case.verifier, "warm", None)
            if warm is not None:
                warm()  # slow imports belong to loading, not to the first case's seconds
            if len(key) <= LARGEST_KEPT:
                self._kept[key] = case
                if len(self._kept) > TRUTHS_KEPT:
                    self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(key)
        return case


def main() -> None:
    die_with_parent()
    requests, answers = _take_pipes()
    reader = Reader()
    _write(answers, b"ready")
    while line := requests.readline():
        prepared = [_prepare(reader, each) for each in line.rstrip(b"\n").split(SEPARATOR)]
        labels = {name: case.label for name, case, *_ in prepared if isinstance(case, Case)}
        needed = [seconds_needed(case) if isinstance(case, Case) else 0.0 for _, case, *_ in prepared]
        _write(answers, json.dumps([labels, needed]).encode())
        for name, case, response, prompt, in_thread in prepared:
            judge = _judge_in_thread if in_thread else judge_case
            verdict = judge(case, response, prompt) if isinstance(case, Case) else case
            _write(answers, encode(verdict, name))


def _judge_in_thread(case: Case, response: str, prompt: str) -> Verdict:
    found: list[Verdict] = []
    thread = threading.Thread(target=lambda: found.append(judge_case(case, response, prompt)))
    thread.start()
    thread.join()
    return found[0] if found else void_for(RuntimeError("the judging thread ended without a verdict"), case.label, 0.0)


def encode(verdict: Verdict, name: str) -> bytes:
    """A verdict as a line. Evidence that JSON cannot hold is the verifier's fault: VOID."""
    try:
        fields = (
            verdict.outcome.value,
            verdict.score,
            verdict.reason.value,
            verdict.answer if verdict.answer is None else str(verdict.answer),
            to_json(verdict.evidence),
            verdict.verifier,
            verdict.seconds,
        )
        return json.dumps(fields, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        return encode(void_for(error, name, verdict.seconds), name)


def _prepare(reader: Reader, line: bytes) -> tuple[str, Case | Verdict, str, str, bool]:
    name, start = "", perf_counter()
    try:
        name, truth, response, prompt, in_thread = json.loads(line)
        return name, reader.read(name, truth), response, prompt, in_thread
    except (Exception, SystemExit) as error:  # noqa: BLE001 - as in verify.base.judge: what cannot be read is VOID
        trouble = error if isinstance(error, Exception) else RuntimeError(f"exit({error.code}) while loading")
        return name, void_for(trouble, name, perf_counter() - start), "", "", False


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Stdin and stdout for the protocol alone: what a verifier prints goes to stderr, what it reads is empty."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    return requests, answers


def _write(answers: BinaryIO, line: bytes) -> None:
    answers.write(line + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
