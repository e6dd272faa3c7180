"""Run a prover's program in a private folder, confined, with limits: files in, files out.

The sandbox's `tool` profile: namespaces of its own (no network, nothing of the file system but the system's programs and
what the prover needs, read-only), the filter of system calls for programs that may start others, and limits on time,
memory, file size, output and processes. Where namespaces do not work nothing is run, and the verdict is VOID.

How a program ended says whose fault that is: `lost` alone is ours, and is never read off what the program wrote.
"""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple

from assay.sandbox.layers import ENVIRONMENT, bubblewrap
from assay.sandbox.seccomp import tool_filter

MEBIBYTE = 1 << 20
INSIDE = "/proof"  # where the private folder lies in the sandbox
PROCESSES = 64
LOST_PROBE_SECONDS = 20.0

# dash calls the limit on processes -p, bash -u; it is set inside, where the user's other processes do not count
_START = f'cd {INSIDE} && {{ ulimit -p {PROCESSES} || ulimit -u {PROCESSES}; }} 2>/dev/null; exec "$@"'

End = Literal["exit", "time", "limit", "lost"]


@dataclass(frozen=True, slots=True)
class ToolLimits:
    """`cpu_s` is judged first, `wall_s` generously: a busy machine makes no false time-out."""

    cpu_s: float = 30.0
    wall_s: float = 60.0
    memory_mb: int = 3072  # address space
    file_mb: int = 32  # the largest file it may write
    output_bytes: int = 1 << 20  # stdout and stderr together


class ToolRun(NamedTuple):
    """`limit`: killed, or out of memory, output or file size."""

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
    """`keep` names the files to bring back; those that are no plain file, or too large, are not brought. `readable`:
    folders outside /usr that the program needs."""
    start = monotonic()
    if trouble := sandbox_trouble():
        return ToolRun("lost", -1, "", trouble, {}, 0.0)
    folder = Path(tempfile.mkdtemp(prefix="assay-proof-"))
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
        process = start_tool(command, folder, limits, env, readable)
        assert process.stdin is not None
        process.stdin.close()
        end, out, err = _watch(process, start + limits.wall_s, limits.output_bytes)
        kept = _bring(folder, keep, limits.file_mb * MEBIBYTE) if end == "exit" else {}
        texts = out.decode(errors="replace"), err.decode(errors="replace")
        return ToolRun(end, process.returncode, *texts, kept, monotonic() - start)
    except OSError as error:
        return ToolRun("lost", -1, "", f"the sandbox failed: {error}", {}, monotonic() - start)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
    for each in readable:
        if each != "/usr" and not each.startswith("/usr/"):
            confined += ["--ro-bind-try", each, each]
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


@cache
def sandbox_trouble() -> str:
    """Why programs cannot be confined here; empty where they can. Tried once, with a program that does nothing."""
    folder = Path(tempfile.mkdtemp(prefix="assay-proof-"))
    try:
        process = start_tool(["/bin/sh", "-c", "exit 7"], folder, ToolLimits())
        _, _, err = _watch(process, monotonic() + LOST_PROBE_SECONDS, 1 << 16)
        said = err.decode(errors="replace").strip()[:200]
        return "" if process.returncode == 7 else f"provers run in namespaces, which do not work here: {said}"
    except OSError as error:
        return f"provers run in namespaces, which do not work here: {error}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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


def _watch(process: subprocess.Popen[bytes], until: float, most: int) -> tuple[End, bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = bytearray(), bytearray()
    end: End = "exit"
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        while selector.get_map() and end == "exit":
            left = until - monotonic()
            for key, _ in selector.select(max(0.0, left)):
                got = os.read(key.fd, 1 << 16)
                if not got:
                    selector.unregister(key.fileobj)
                key.data.extend(got)
            if len(out) + len(err) > most:
                end = "limit"
            elif left <= 0:
                end = "time"
    if end == "exit":
        try:
            process.wait(max(0.0, until - monotonic()))
        except subprocess.TimeoutExpired:
            end = "time"
    stop(process)
    killed = -process.returncode if process.returncode < 0 else process.returncode - 128  # as bubblewrap reports it
    if end == "exit" and killed in (signal.SIGKILL, signal.SIGXCPU):
        end = "time"  # of the processor; memory and file size do not end in these
    elif end == "exit" and killed > 0:
        end = "limit"
    return end, bytes(out), bytes(err)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Kill it and all it started, reap it, close its pipes."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def _bring(folder: Path, names: Sequence[str], most: int) -> dict[str, bytes]:
    found = {}
    for name in names:
        with contextlib.suppress(OSError):
            path = folder / name
            about = path.lstat()
            if stat.S_ISREG(about.st_mode) and about.st_size <= most:
                found[name] = path.read_bytes()
    return found
