"""Run a program of our own choosing (a compiler, a prover) on untrusted input: the `tool` profile.

    result = run_tool(["gcc", "-o", "main", "main.c"], {"main.c": source}, collect=["main"])

It may start other programs, so it is confined by namespaces alone: no network, nothing of the file system but /usr, the
folders named `readable` and its own empty working folder /tmp, no capabilities, no tracing, no namespaces of its own,
and caps on processes, CPU time over all of them, wall time, memory, files and output. Where namespaces do not work, or
the kernel does not hold the number of processes (which a first run attempts), it does not run: SandboxMissing, which
`judge` makes VOID.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from types import MappingProxyType

from assay.sandbox import second_user
from assay.sandbox.layers import ENVIRONMENT, INSIDE, Layer, bubblewrap, interpreter, python, show, source
from assay.sandbox.limits import MEBIBYTE
from assay.sandbox.probe import choose_layer
from assay.sandbox.program import SandboxLost, SandboxMissing
from assay.sandbox.supervisor import End, Supervisor

FOLDER_BYTES = 512 * MEBIBYTE
RUNS_PER_WORKER = 1000
GRACE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """`cpu_s` is that of all processes together, `memory_mb` the address space of each. The kernel refuses more than
    `threads` processes and threads together; more than `processes` processes are killed when they are seen (and where one
    is allowed, the kernel refuses another). `most_bytes` holds for what it prints, and for each file collected."""

    cpu_s: float = 10.0
    wall_s: float = 60.0
    memory_mb: int = 2048
    processes: int = 64
    threads: int = 256
    file_mb: int = 256
    most_bytes: int = 16 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class ToolResult:
    """`killed` is the limit it broke: `cpu`, `wall`, `processes`, `output`, or nothing. `files` are those collected."""

    exit_code: int | None
    signal: int | None
    killed: str
    stdout: bytes
    stderr: bytes
    cpu_s: float
    wall_s: float
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def has_succeeded(self) -> bool:
        return self.exit_code == 0 and not self.killed


def run_tool(
    command: Sequence[str],
    files: Mapping[str, bytes | str] | None = None,
    limits: ToolLimits = ToolLimits(),
    *,
    stdin: bytes = b"",
    collect: Sequence[str] = (),
    readable: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> ToolResult:
    """Run `command` in a folder that holds `files` (names relative to it), and give back what it printed and made.

    `readable` are folders of this machine that the tool is shown at their own paths (its installation). A command that is
    not there ends with exit code 127. Raises SandboxMissing without namespaces or a kernel-held number of processes,
    SandboxLost when the sandbox itself dies on harmless commands too, and ValueError for a file name that leads out of
    the folder, or a folder that cannot be shown.
    """
    for name in (*(files or {}), *collect):
        if os.path.isabs(name) or ".." in name.split("/"):
            raise ValueError(f"{name!r}: a file's name must lie in the tool's own folder")
    for folder in readable:
        if os.path.realpath(folder).startswith(("/tmp/", "/dev/")):
            raise ValueError(f"{folder}: /tmp is the tool's own folder; an installation elsewhere could be shown to it")
        wanted = 0o005 if os.path.isdir(folder) else 0o004  # a file may be shown too: findlib's configuration
        if second_user.is_needed() and os.stat(folder).st_mode & wanted != wanted:
            raise ValueError(
                f"{folder}: root's tools run as another user, who cannot read it; chmod o+rx would be right"
            )
    if answer := attempt_processes():
        raise SandboxMissing(f"the kernel does not hold the number of a tool's processes on this machine ({answer})")
    return _run(
        command,
        {name: _base64(content) for name, content in (files or {}).items()},
        limits,
        stdin,
        collect,
        tuple(sorted(os.path.realpath(each) for each in readable)),
        ENVIRONMENT | {"HOME": "/tmp", "TMPDIR": "/tmp"} | dict(environment or {}),
    )


def _run(
    command: Sequence[str],
    files: Mapping[str, str] = MappingProxyType({}),
    limits: ToolLimits = ToolLimits(),
    stdin: bytes = b"",
    collect: Sequence[str] = (),
    readable: tuple[str, ...] = (),
    environment: Mapping[str, str] = ENVIRONMENT,
) -> ToolResult:
    request = asdict(limits) | {
        "command": list(command),
        "files": dict(files),
        "stdin": _base64(stdin),
        "collect": list(collect),
        "environment": dict(environment),
    }
    payload = json.dumps(request).encode()
    supervisor = _supervisor(readable)
    detail = ""
    for _ in range(2):
        reply = supervisor.ask(payload, limits.wall_s + GRACE_SECONDS)
        if reply.end is End.DONE:
            return _read(json.loads(reply.lines[0]))
        detail = reply.detail
    if list(command) != HARMLESS and _run(HARMLESS, readable=readable).has_succeeded:
        return ToolResult(None, None, "lost", b"", b"", 0.0, 0.0)
    raise SandboxLost(f"the sandbox for tools does not answer: {detail}")


HARMLESS = ["/usr/bin/env", "true"]
CAP = 8  # processes and threads, in the attempt
ATTEMPT = f"""
import errno, os, time
for _ in range({3 * CAP}):
    try:
        if os.fork() == 0:
            time.sleep(2)
            os._exit(0)
    except OSError as error:
        print(errno.errorcode[error.errno])
        break
else:
    print("allowed")
"""


@lru_cache(maxsize=1)
def attempt_processes() -> str:
    """Whether the kernel holds a tool to its number of processes: a tool starts three times as many as it may, each of
    which ends by itself. Returns nothing if the kernel refused, or what happened. Raises SandboxMissing and SandboxLost.
    """
    result = _run([interpreter(), "-I", "-S", "-c", ATTEMPT], limits=ToolLimits(threads=CAP))
    said = result.stdout.decode(errors="replace").strip()
    if said == "EAGAIN":
        return ""
    return (
        said
        or f"the attempt ended with {result.killed or result.exit_code}: {result.stderr[:200].decode(errors='replace')}"
    )


def _read(answer: dict[str, object]) -> ToolResult:
    files = answer["files"]
    assert isinstance(files, dict)
    return ToolResult(
        exit_code=answer["exit"],  # type: ignore[arg-type]
        signal=answer["signal"],  # type: ignore[arg-type]
        killed=str(answer["killed"]),
        stdout=base64.b64decode(str(answer["stdout"])),
        stderr=base64.b64decode(str(answer["stderr"])),
        cpu_s=float(str(answer["cpu_s"])),
        wall_s=float(str(answer["wall_s"])),
        files={name: base64.b64decode(content) for name, content in files.items()},
    )


_lock = threading.Lock()
_supervisors: dict[tuple[int, tuple[str, ...]], Supervisor] = {}


def _supervisor(readable: tuple[str, ...]) -> Supervisor:
    """One for each set of folders and process (a fork's child has none of its parent's threads)."""
    layer = choose_layer()
    if layer is not Layer.NAMESPACES:
        raise SandboxMissing(f"tools run in namespaces only, and this machine gives no more than {layer}")
    key = (os.getpid(), readable)
    with _lock:
        if key not in _supervisors:
            shown = [part for folder in readable for part in show(folder)]
            has_second = second_user.is_needed()
            settings = {"user": second_user.TOOL if has_second else None}
            command = (*bubblewrap(["--proc", "/proc", *shown], FOLDER_BYTES), *python("keeper", settings, INSIDE))
            if has_second:
                command = python("second_user", {"command": command}, source())
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
            _supervisors[key] = Supervisor(
                command,
                max(2, cores),
                env=ENVIRONMENT | {"HOME": "/tmp", "ASSAY_PARENT": str(os.getpid())},
                requests_per_worker=RUNS_PER_WORKER,
                cwd="/",
            )
        return _supervisors[key]


def _base64(content: bytes | str) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()
