"""Warm `coqtop` processes: a preamble's surroundings loaded once, so that most failing scripts are refused in about 10 ms.

They only reject. What they accept pays the full check, so nothing is lost when a script deceives one, and a session that
answers late or out of step is thrown away, undecided. A script's sentences go in one by one, each answered by a prompt
on stderr (`<prompt>...</prompt>`); `BackTo` undoes them all.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import tempfile
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from assay.verify.proof.coq_header import FOLDER
from assay.verify.proof.tools import ToolLimits, start_tool, stop

MOST_OUTPUT = 1 << 20  # bytes a sentence may print
MOST_SCRIPTS = 500  # then a fresh process takes over
START_SECONDS = 30.0

_PROMPT = re.compile(rb"<prompt>(.*?) < (\d+) \|(.*?)\| \d+ < </prompt>", re.DOTALL)


class OutOfStep(Exception):
    """The session did not answer as one should: nothing is known about the script, and the session is to be dropped."""


class Answer(NamedTuple):
    """`error` is None for a sentence that was accepted."""

    error: str | None
    is_proving: bool


class CoqSession:
    """One coqtop with a header read. Raises OutOfStep whenever it is not in step; then it must be closed."""

    def __init__(
        self, coqtop: str, header: str, files: Mapping[str, bytes], limits: ToolLimits, readable: Sequence[str] = ()
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="assay-coqtop-"))
        self.scripts = 0
        self._buffer = bytearray()
        try:
            for name, content in files.items():
                (self._folder / name).write_bytes(content)
            command = [coqtop, "-q", "-quiet", "-emacs", "-w", "none", "-Q", ".", FOLDER]
            self._process = start_tool(command, self._folder, limits, readable=readable)
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise OutOfStep(str(error)) from error
        try:
            until = monotonic() + START_SECONDS
            self._state = self._read(until)[1]
            for line in header.split("\n"):
                if line.strip():
                    self._write((line + "\n").encode(), until)
            self._write(b"Check assay_no_such_name.\n", until)
            while True:
                text, state, _ = self._read(until)
                if b"assay_no_such_name" in text:
                    break
                if b"Error" in text:
                    raise OutOfStep(text.decode(errors="replace")[:300])
                self._state = state
            self._state = state
        except (OutOfStep, OSError):
            self.close()
            raise

    def run(self, sentences: Iterable[str], seconds: float, probes: Container[int] = ()) -> list[Answer]:
        """Say them in order until one is refused that is no probe (by number); then forget them all."""
        until = monotonic() + seconds
        answers = []
        self.scripts += 1
        for number, sentence in enumerate(sentences):
            self._write(sentence.encode() + b"\n", until)
            text, _, proof = self._read(until)
            at = text.find(b"Error:")
            error = None if at < 0 else " ".join(text[at:].decode(errors="replace").split())[:400]
            answers.append(Answer(error, bool(proof)))
            if error is not None and number not in probes:
                break
        self._write(f"BackTo {self._state}.\n".encode(), until)
        text, state, proof = self._read(until)
        if state != self._state or proof:
            raise OutOfStep(f"state {state} where {self._state} should be")
        return answers

    def close(self) -> None:
        stop(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, data: bytes, until: float) -> None:
        assert self._process.stdin is not None
        into = self._process.stdin.fileno()
        os.set_blocking(into, False)
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(into, left) :]
            except BlockingIOError:
                self._drain(until, into)
            except OSError as error:
                raise OutOfStep(f"it no longer reads: {error}") from error

    def _read(self, until: float) -> tuple[bytes, int, bytes]:
        """Up to the next prompt: what was said on stderr before it, the state's number, the proofs that are open."""
        while True:
            found = _PROMPT.search(self._buffer)
            if found:
                text = bytes(self._buffer[: found.start()])
                state, proof = int(found.group(2)), found.group(3)
                del self._buffer[: found.end()]
                return text, state, proof
            if len(self._buffer) > MOST_OUTPUT:
                raise OutOfStep("too much output")
            self._drain(until)

    def _drain(self, until: float, writable: int | None = None) -> None:
        """Read what there is on both pipes: stderr is kept, stdout (goals, messages) is not looked at."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        out, err = self._process.stdout.fileno(), self._process.stderr.fileno()
        left = until - monotonic()
        if left <= 0:
            raise OutOfStep("no answer in time")
        ready, can_write, _ = select.select([out, err], [] if writable is None else [writable], [], left)
        if not ready and not can_write:
            raise OutOfStep("no answer in time")
        for each in ready:
            got = os.read(each, 1 << 16)
            if not got:
                raise OutOfStep("it ended")
            if each == err:
                self._buffer += got
