"""Run a candidate program in the sandbox, and get back what it reported and how it ended. The trusted side.

A worker that is lost on a program is replaced and the program tried again; when that one is lost too, a harmless program
decides whose fault it was: if it runs, the candidate broke its limits (`Run.killed` is `lost`), and if it does not,
SandboxLost is raised. So no program can make its own failure look like ours.
"""

from __future__ import annotations

import binascii
import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from assay.core.errors import EnvironmentFault
from assay.sandbox.encoding import encode
from assay.sandbox.layers import Layer, launch
from assay.sandbox.limits import Limits
from assay.sandbox.supervisor import End, Supervisor
from assay.sandbox.zygote import MOST_WALL_TIMES, READING_SECONDS, Request, header

RUNS_PER_WORKER = 5000
GRACE_SECONDS = 10.0  # beyond the limits, before the worker itself is given up


class SandboxMissing(EnvironmentFault):
    """No layer of isolation works here; the message says what was tried."""


class SandboxLost(EnvironmentFault):
    """The sandbox does not even run a harmless program any more."""


@dataclass(frozen=True, slots=True)
class Call:
    """`name(*arguments, **keywords)`, both in the sandbox's encoding."""

    name: str
    arguments: str
    keywords: str = '["d"]'

    @classmethod
    def of(cls, name: str, *arguments: Any, **keywords: Any) -> Call:
        return cls(name, encode(list(arguments)), encode(keywords))

    def to_json(self) -> dict[str, str]:
        return {"call": self.name, "args": self.arguments, "kwargs": self.keywords}


@dataclass(frozen=True, slots=True)
class Program:
    """A source file. Mode `function`: loaded as a module, after which `setup` runs in it, then each test in order, a Call
    or an assertion's source. Mode `script`: run as `__main__` with `stdin`."""

    source: str
    mode: Literal["function", "script"] = "function"
    tests: Sequence[Call | str] = ()
    setup: str = ""
    stdin: str = ""

    def to_bytes(self) -> bytes:
        fields: dict[str, Any] = {"mode": self.mode, "source": self.source}
        if self.mode == "script":
            fields["stdin"] = self.stdin
        else:
            fields["setup"] = self.setup
            fields["tests"] = [each.to_json() if isinstance(each, Call) else {"assert": each} for each in self.tests]
        return json.dumps(fields).encode()


@dataclass(frozen=True, slots=True)
class Run:
    """`report` holds the lines as (tag, text); `killed` is why we killed it: `cpu`, `wall`, `output`, `files`, `memory`
    (the kernel did), `lost`, or nothing. `is_whole`: the report ends as it should. `is_over`: nobody holds its pipes any more."""

    report: tuple[tuple[str, bytes], ...] = ()
    output: bytes = b""
    is_whole: bool = False
    is_over: bool = False
    exit_code: int | None = None
    signal: int | None = None
    killed: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    layer: Layer = field(default=Layer.NAMESPACES)

    @property
    def has_succeeded(self) -> bool:
        """It ended by itself, with exit code 0."""
        return self.exit_code == 0 and self.is_over and not self.killed

    @property
    def is_clean(self) -> bool:
        """It ended by itself, with exit code 0, after its last test."""
        return self.has_succeeded and self.is_whole

    @property
    def is_timeout(self) -> bool:
        return self.killed in ("cpu", "wall")

    @property
    def is_over_limit(self) -> bool:
        return self.killed in ("output", "files", "memory", "processes", "lost")


def longest_run(limits: Limits) -> float:
    """Seconds after which a zygote that has not answered never will, on a busy machine too."""
    return READING_SECONDS + MOST_WALL_TIMES * limits.wall_s + GRACE_SECONDS


HARMLESS = Program("def one():\n    return 1\n", tests=(Call.of("one"),))


class Sandbox:
    """Up to `workers` zygotes in one layer, each started when there is work for it. Safe from any thread."""

    def __init__(self, layer: Layer, workers: int = 1) -> None:
        self.layer = layer
        made = launch(layer)
        self._supervisor = Supervisor(
            made.command, workers, env=made.environment, requests_per_worker=RUNS_PER_WORKER, cwd="/"
        )

    def run(self, program: Program, limits: Limits = Limits()) -> Run:  # noqa: B008 - frozen
        """Raises SandboxLost when the sandbox, and not the program, is at fault."""
        payload = program.to_bytes()
        captures = program.mode == "script"
        request = Request(limits.cpu_s, limits.wall_s, limits.memory_mb, len(payload), captures)
        line = header(request) + payload
        seconds = longest_run(limits)
        run = trouble = None
        for _ in range(2):
            reply = self._supervisor.ask(line, seconds)
            trouble = reply.detail
            if reply.end is End.DONE:
                run = self._read(reply.lines[0])
                if run is not None and run.killed != "memory":
                    return run
        if run is not None:
            return run
        if program is not HARMLESS and self.is_alive():
            return Run(killed="lost", layer=self.layer)
        raise SandboxLost(f"the sandbox ({self.layer}) does not answer: {trouble}")

    def is_alive(self) -> bool:
        """Whether a harmless program runs."""
        try:
            run = self.run(HARMLESS)
        except SandboxLost:
            return False
        return run.is_clean and run.report == (("v", b"1"),)

    def pids(self) -> list[int]:
        return self._supervisor.pids()

    def close(self) -> None:
        self._supervisor.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, line: bytes) -> Run | None:
        """The zygote's reply; None for a line that is none."""
        *pieces, status = line.split(b" ")
        try:
            report = b"".join(binascii.unhexlify(each[1:]) for each in pieces if each[:1] == b"r")
            output = b"".join(binascii.unhexlify(each[1:]) for each in pieces if each[:1] == b"o")
            end = json.loads(status[1:])
            lines = tuple(_tagged(each) for each in report.split(b"\n")[:-1])
            killed = end["killed"]
            if not killed and end["signal"] == 9:
                killed = "memory"  # by nobody of ours: the kernel wanted its memory
            is_whole = bool(lines) and lines[-1] == (".", b"") and report.endswith(b"\n")
            return Run(
                lines[:-1] if is_whole else lines,
                output,
                is_whole,
                end["is_over"],
                end["exit"],
                end["signal"],
                killed,
                end["cpu_s"],
                end["wall_s"],
                self.layer,
            )
        except (ValueError, KeyError, TypeError, IndexError):
            return None


def _tagged(line: bytes) -> tuple[str, bytes]:
    return line[:1].decode("latin-1"), line[2:]


_lock = threading.Lock()
_shared: dict[int, Sandbox] = {}  # by process: a fork's child has none of its parent's threads


def shared_sandbox() -> Sandbox:
    """This process's sandbox, in the strongest layer that works here. Raises SandboxMissing."""
    sandbox = _shared.get(os.getpid())
    if sandbox is None:
        from assay.sandbox.probe import choose_layer

        layer = choose_layer()
        with _lock:
            sandbox = _shared.get(os.getpid())
            if sandbox is None:
                _shared.clear()
                cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
                sandbox = _shared[os.getpid()] = Sandbox(layer, workers=max(2, cores))
    return sandbox
