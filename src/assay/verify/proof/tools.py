"""A prover's programs, confined: one run with files in and files out, or a process that answers while it lives.

`run_tool` is the sandbox's tool profile with the question that a proof asks: whose fault was the end? `lost` alone is
ours, and is never read off what the program wrote. `start_tool` starts the warm ones (coqtop, a REPL) in namespaces of
their own, with the same filter; what they say only ever rejects.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from assay.core.errors import EnvironmentFault
from assay.sandbox import tool
from assay.sandbox.layers import ENVIRONMENT, bubblewrap
from assay.sandbox.seccomp import tool_filter
from assay.sandbox.tool import ToolLimits as ToolLimits

MEBIBYTE = 1 << 20
INSIDE = "/proof"  # where a warm process's folder lies in its sandbox
PROCESSES = 64

# dash calls the limit on processes -p, bash -u; it is set inside, where the user's other processes do not count
_START = f'cd {INSIDE} && {{ ulimit -p {PROCESSES} || ulimit -u {PROCESSES}; }} 2>/dev/null; exec "$@"'

End = Literal["exit", "time", "limit", "lost"]
_BROKEN: Mapping[str, End] = {"cpu": "time", "wall": "time"}


class ToolRun(NamedTuple):
    """`limit`: killed, or out of memory, output, file size or processes."""

    end: End
    code: int
    out: str
    err: str
    files: Mapping[str, bytes]
    seconds: float


def run_tool(
    command: Sequence[str],
    files: Mapping[str, bytes],
    limits: ToolLimits,
    keep: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    readable: Sequence[str] = (),
) -> ToolRun:
    """`keep` names the files to bring back. `readable`: what the program needs outside /usr."""
    try:
        result = tool.run_tool(
            command, files, limits, collect=keep, readable=_outside_usr(readable), environment=env or {}
        )
    except (EnvironmentFault, ValueError, OSError) as error:
        return ToolRun("lost", -1, "", f"the sandbox failed: {error}", {}, 0.0)
    end: End = "exit"
    if result.killed:
        end = _BROKEN.get(result.killed, "limit")
    elif result.exit_code is None or result.signal:
        end = "limit"
    out, err = result.stdout.decode(errors="replace"), result.stderr.decode(errors="replace")
    return ToolRun(end, result.exit_code or 0, out, err, result.files if end == "exit" else {}, result.wall_s)


def start_tool(
    command: Sequence[str],
    folder: Path,
    limits: ToolLimits,
    env: Mapping[str, str] | None = None,
    readable: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """The confined program with pipes; `folder` is its working folder. Raises OSError."""
    # behind the sandbox's own mounts, which would hide what lies below /tmp
    *confined, remount, root, end = bubblewrap()
    for each in _outside_usr(readable):
        confined += ["--ro-bind", each, each]
    # there is no /proc, but Lean asks it where its own program lies (and is process 1)
    confined += ["--bind", str(folder), INSIDE, "--symlink", command[0], "/proc/1/exe"]
    program = os.memfd_create("assay-filter")
    try:
        os.write(program, tool_filter())
        os.lseek(program, 0, os.SEEK_SET)
        inside = [remount, root, "--seccomp", str(program), end, "/bin/sh", "-c", _START, "sh", *command]
        return subprocess.Popen(
            [*confined, *inside],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[program],
            preexec_fn=_limiter(limits),
            env=ENVIRONMENT | {"HOME": INSIDE, "TMPDIR": "/tmp", **(env or {})},
        )
    finally:
        os.close(program)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill it and all it started, reap it, close its pipes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _outside_usr(folders: Sequence[str]) -> list[str]:
    return [each for each in folders if each != "/usr" and not each.startswith("/usr/") and os.path.exists(each)]


def _limiter(limits: ToolLimits) -> Callable[[], None]:
    kinds = [
        (resource.RLIMIT_AS, limits.memory_mb * MEBIBYTE),
        (resource.RLIMIT_FSIZE, limits.file_mb * MEBIBYTE),
        (resource.RLIMIT_CPU, int(limits.cpu_s) + 1),
        (resource.RLIMIT_CORE, 0),
    ]

    def limit() -> None:
        for kind, value in kinds:
            resource.setrlimit(kind, (value, value))

    return limit
