"""The leanprover-community REPL: a header loaded once in a process, so that failing proofs are refused quickly.

The protocol is the REPL's: a JSON object and a blank line in, a JSON object and a blank line out. Commands only
(`{"cmd": text, "env": n}`): tactic mode answers with proof states that no kernel has seen. As with coqtop, a session only
rejects; what it accepts pays the full check, and one that answers late or strangely is dropped, undecided.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

from assay.core.types import Json
from assay.verify.proof.coqtop import OutOfStep
from assay.verify.proof.tools import ToolLimits, start_tool, stop

MOST_OUTPUT = 1 << 22
HEADER_SECONDS = 120.0  # `import Mathlib` reads gigabytes


class ReplSession:
    """One REPL with a header as its environment. Raises OutOfStep; then it must be closed."""

    def __init__(
        self,
        command: Sequence[str],
        header: str,
        limits: ToolLimits,
        env: Mapping[str, str] | None = None,
        readable: Sequence[str] = (),
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="assay-repl-"))
        self._buffer = bytearray()
        self.proofs = 0
        try:
            self._process = start_tool(command, self._folder, limits, env, readable)
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise OutOfStep(str(error)) from error
        try:
            answer = self._ask({"cmd": header}, monotonic() + HEADER_SECONDS)
            if errors(answer) or not isinstance(answer.get("env"), int):
                raise OutOfStep(f"the header was refused: {errors(answer) or answer}"[:300])
            self._env = answer["env"]
        except OutOfStep:
            self.close()
            raise

    def refusal(self, command: str, seconds: float) -> str | None:
        """The first error that a command gives in the header's environment; None when there is none."""
        self.proofs += 1
        answer = self._ask({"cmd": command, "env": self._env}, monotonic() + seconds)
        found = errors(answer)
        if not found and "env" not in answer:
            raise OutOfStep(f"neither an environment nor an error: {answer}"[:300])
        return found[0] if found else None

    def close(self) -> None:
        stop(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, request: Json, until: float) -> Mapping[str, Json]:
        data = memoryview(json.dumps(request, ensure_ascii=False).encode() + b"\n\n")
        assert self._process.stdin is not None
        into = self._process.stdin.fileno()
        os.set_blocking(into, False)
        while data:
            try:
                data = data[os.write(into, data) :]
            except BlockingIOError:
                self._drain(until, [into])
            except OSError as error:
                raise OutOfStep(f"it no longer reads: {error}") from error
        while (end := self._buffer.find(b"\n\n")) < 0:
            if len(self._buffer) > MOST_OUTPUT:
                raise OutOfStep("too much output")
            self._drain(until, [])
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise OutOfStep(f"not JSON: {line[:200]!r}") from error
        if not isinstance(answer, dict):
            raise OutOfStep(f"not an object: {line[:200]!r}")
        return answer

    def _drain(self, until: float, writable: list[int]) -> None:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        out, err = self._process.stdout.fileno(), self._process.stderr.fileno()
        left = until - monotonic()
        ready, can_write, _ = select.select([out, err], writable, [], max(0.0, left))
        if left <= 0 or not (ready or can_write):
            raise OutOfStep("no answer in time")
        for each in ready:
            got = os.read(each, 1 << 16)
            if not got:
                raise OutOfStep("it ended")
            if each == out:
                self._buffer += got


def errors(answer: Mapping[str, Json]) -> list[str]:
    """The messages of severity error, and every `sorry` that was seen: that one is an error to us."""
    if isinstance(answer.get("message"), str):  # the REPL's own: an unknown environment, a command it cannot parse
        return [answer["message"]]
    messages = answer.get("messages") or []
    found = [str(each.get("data", "")) for each in messages if each.get("severity") == "error"]
    return found + ["sorry" for _ in answer.get("sorries") or []]
