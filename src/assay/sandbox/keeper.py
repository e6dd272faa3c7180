"""The first process of a tool's namespace: starts one command at a time, watches all that comes of it, and wipes up.

Unlike a candidate, a tool (a compiler, a prover) must start other processes, so nothing here counts on there being one:
CPU time is summed over every process of the namespace, their number is held by the kernel (RLIMIT_NPROC, as a user
whom root has none of: see `second_user`) and to a narrower cap by watching, and afterwards all of them are killed. Requests and replies are JSON, one line each.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import resource
import select
import signal
import stat
import time
from typing import Any, NoReturn

from assay.sandbox import seccomp
from assay.sandbox.confine import drop_capabilities, limit
from assay.sandbox.folder import empty
from assay.sandbox.limits import MEBIBYTE

FOLDERS = ("/tmp", "/dev/shm")
LOOK = 0.005  # seconds between two looks at the processes
TICKS = os.sysconf("SC_CLK_TCK")


def main(settings: dict[str, Any]) -> None:
    if os.getpid() != 1:
        raise SystemExit("not the first process of a namespace")
    os.umask(0)  # what we write for a tool is the tool's, which may be another user
    programs = {alone: seccomp.tool_filter(alone=alone) for alone in (False, True)}
    os.write(1, b"ready\n")
    with os.fdopen(os.dup(0), "rb") as requests:
        for line in requests:
            wanted = json.loads(line)
            answer = json.dumps(_run(wanted, programs[wanted["processes"] == 1], settings["user"])).encode() + b"\n"
            _write(1, answer)
            for folder in FOLDERS:
                empty(folder)


def _run(wanted: dict[str, Any], program: bytes, user: int | None) -> dict[str, Any]:
    for name, content in wanted["files"].items():
        path = os.path.join("/tmp", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(content))
        os.chmod(path, 0o777)
    stdin = os.memfd_create("stdin")
    _write(stdin, base64.b64decode(wanted["stdin"]))
    os.lseek(stdin, 0, os.SEEK_SET)
    pipes = {"stdout": os.pipe(), "stderr": os.pipe()}
    before = _reaped()
    pid = os.fork()
    if pid == 0:
        _become(wanted, program, user, stdin, pipes["stdout"][1], pipes["stderr"][1])
    for _, end in pipes.values():
        os.close(end)
    os.close(stdin)
    kept = {name: bytearray() for name in pipes}
    start = time.monotonic()
    status, killed, cpu = _follow(
        pid, wanted, {start_: kept[name] for name, (start_, _) in pipes.items()}, start, before
    )
    result: dict[str, Any] = {
        "exit": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        "killed": killed,
        "cpu_s": round(cpu, 3),
        "wall_s": round(time.monotonic() - start, 3),
        "files": _collect(wanted["collect"], wanted["most_bytes"]),
    }
    for begin, _ in pipes.values():
        os.close(begin)
    return result | {name: base64.b64encode(each).decode() for name, each in kept.items()}


def _become(wanted: dict[str, Any], program: bytes, user: int | None, stdin: int, stdout: int, stderr: int) -> NoReturn:
    try:
        os.setsid()
        os.umask(0o022)
        os.chdir("/tmp")
        for target, source in enumerate((stdin, stdout, stderr)):
            os.dup2(source, target)
        os.closerange(3, 256)
        limit(resource.RLIMIT_CPU, int(wanted["cpu_s"]) + 2)
        limit(resource.RLIMIT_FSIZE, wanted["file_mb"] * MEBIBYTE)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_NOFILE, 1024)
        limit(resource.RLIMIT_NPROC, wanted["threads"])
        limit(resource.RLIMIT_AS, wanted["memory_mb"] * MEBIBYTE)
        if user is not None:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        drop_capabilities()
        seccomp.install(program)
        os.execvpe(wanted["command"][0], wanted["command"], wanted["environment"])
    except OSError as error:
        os.write(2, f"{wanted['command'][0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


def _follow(
    pid: int, wanted: dict[str, Any], pipes: dict[int, bytearray], start: float, before: float
) -> tuple[int, str, float]:
    """Until the command has ended, or broken a limit; then nothing of it is left. Returns status, limit, CPU seconds."""
    poll = select.poll()
    for each in pipes:
        os.set_blocking(each, False)
        poll.register(each, select.POLLIN)
    pidfd = os.pidfd_open(pid)
    poll.register(pidfd, select.POLLIN)
    killed, cpu = "", 0.0
    while not killed:
        ready = [each for each, _ in poll.poll(LOOK * 1000)]
        for each in ready:
            if each in pipes and not _drain(each, pipes[each]):
                poll.unregister(each)
        processes, cpu = _usage()
        cpu += _reaped() - before
        if pidfd in ready:
            break
        killed = _excess(wanted, processes, cpu, time.monotonic() - start, sum(map(len, pipes.values())))
    os.close(pidfd)
    if killed:
        _kill_everything()
    _, status = os.waitpid(pid, 0)
    _kill_everything()
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0)[0]:
            pass
    for each, kept in pipes.items():
        while len(kept) <= wanted["most_bytes"] and _drain(each, kept):
            pass
    if not killed and sum(map(len, pipes.values())) > wanted["most_bytes"]:
        killed = "output"
    return status, killed, max(cpu, _reaped() - before)


def _excess(wanted: dict[str, Any], processes: int, cpu: float, wall: float, written: int) -> str:
    if processes > wanted["processes"]:
        return "processes"
    if cpu > wanted["cpu_s"]:
        return "cpu"
    if wall > wanted["wall_s"]:
        return "wall"
    return "output" if written > wanted["most_bytes"] else ""


def _kill_everything() -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def _usage() -> tuple[int, float]:
    """How many processes there are but for ourselves, and the CPU seconds of them and of those that they have reaped."""
    count, ticks = 0, 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or name == "1":
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        count += 1
        ticks += sum(int(each) for each in fields[11:15])  # utime, stime, cutime, cstime (proc(5))
    return count, ticks / TICKS


def _reaped() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _drain(descriptor: int, kept: bytearray) -> bool:
    try:
        piece = os.read(descriptor, 1 << 16)
    except BlockingIOError:
        return False
    kept += piece
    return bool(piece)


def _collect(names: list[str], most: int) -> dict[str, str]:
    """The files asked for that are there, are plain and are not too large."""
    found = {}
    for name in names:
        with contextlib.suppress(OSError), os.fdopen(_open_below("/tmp", name), "rb") as file:
            content = file.read(most + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
            if content is not None and len(content) <= most:
                found[name] = base64.b64encode(content).decode()
    return found


def _open_below(folder: str, name: str) -> int:
    """No link is followed on the way: we may read more than the tool that could have made one."""
    *way, last = [each for each in name.split("/") if each not in ("", ".")]
    at = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        for each in way:
            inner = os.open(each, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
