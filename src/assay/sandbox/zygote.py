"""The warm interpreter inside the sandbox: it forks a child for each candidate, watches it, and leaves nothing behind.

The supervisor's protocol, with one addition: a request begins with a header of fixed size, and the rest of its line is
read by the child. So the zygote's own memory, which every later child inherits, never holds a program or its arguments;
what a child reports passes through one buffer that is wiped. A reply is one line of tokens: `r` and hexadecimal for a
piece of the child's report, `o` for a piece of its output, and last `s` with the end as JSON.

A child can forge nothing but its own report: it has one or two pipes, no signal, no tracing, no new process, and the
zygote is the first process of the namespace, which no signal from inside can kill.
"""

from __future__ import annotations

import binascii
import contextlib
import ctypes
import errno
import gc
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from assay.sandbox import candidate
from assay.sandbox.candidate import NO_KEYWORDS
from assay.sandbox.confine import Confinement
from assay.sandbox.folder import bytes_below, empty
from assay.sandbox.limits import FOLDER_BYTES, OUTPUT_BYTES

HEADER = 48
CHUNK = 1 << 16
FIRST_LOOK = 0.002  # seconds; most candidates have ended by then, and one look at the end is the cheapest
SHORTEST_LOOK, LONGEST_LOOK = 0.002, 0.05
READING_SECONDS = 10.0  # for the child to read its request, which is our own code
BYTES_OBJECT_HEADER = sys.getsizeof(b"") - 1
MOST_WALL_TIMES = 6  # wall times that a busy machine may cost a program
REHEARSALS, REHEARSED = 30, "def solve(n, *more):\n    return n\n"
END = 's{"exit":%s,"signal":%s,"killed":"%s","cpu_s":%.4f,"wall_s":%.4f,"is_over":%s}\n'
_libc = ctypes.CDLL(None, use_errno=True)
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


class Request(NamedTuple):
    """The header: limits, the payload's bytes, and whether what the candidate prints is wanted."""

    cpu_s: float
    wall_s: float
    memory_mb: int
    length: int
    captures: bool


class Settings(NamedTuple):
    """What `launch` says about the layer. `folders` are emptied after each candidate, the first is its working folder."""

    readable: Sequence[str]
    folders: Sequence[str]
    confines: bool
    with_landlock: bool
    is_first: bool  # the first process of its own pid namespace: everybody else in it may be killed


def header(request: Request) -> bytes:
    text = f"{request.cpu_s:.3f} {request.wall_s:.3f} {request.memory_mb} {request.length} {int(request.captures)}"
    return text.ljust(HEADER).encode("ascii")


def main(settings: dict[str, Any]) -> None:
    Zygote(Settings(**settings)).serve()


class Zygote:
    def __init__(self, settings: Settings) -> None:
        if settings.is_first and os.getpid() != 1:
            raise SystemExit("not the first process of a namespace")
        if not settings.is_first:  # zygotes side by side share the machine's folders
            settings = settings._replace(folders=[_make_folder(settings.folders[0])])
            os.environ["HOME"] = os.environ["TMPDIR"] = settings.folders[0]
        self._settings, self._is_first = settings, settings.is_first
        self._buffer = bytearray(CHUNK)
        self._view = memoryview(self._buffer)
        self._pending: list[bytes] = []
        self._nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        self._path = os.path.join(settings.folders[0], "main.py")
        os.environ.pop("ASSAY_PARENT", None)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(settings.folders[0])
        self._confinement: Confinement | None = None
        if settings.confines:
            devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
            self._confinement = Confinement.begin(
                [*settings.readable, *devices[3:]],
                [*settings.folders, *devices[:3]],
                with_landlock=settings.with_landlock,
                namespace=settings.is_first,
            )

    def serve(self) -> None:
        self._rehearse()
        os.write(1, b"ready\n")
        gc.collect()
        gc.freeze()  # so that a child's collections do not touch, and thereby copy, what it inherits
        gc.disable()
        while request := self._next():
            if not self._run(request):
                return

    def _rehearse(self) -> None:
        """Do here what every child does, so that it finds its code specialised and its caches filled, and need not copy
        the pages they lie in."""
        names = set(sys.modules)
        calls = [{"call": "solve", "args": '["l",1,"a",["l",2]]', "kwargs": NO_KEYWORDS}] * 3
        request = json.dumps({"mode": "function", "source": REHEARSED, "setup": "", "tests": calls}).encode()
        for _ in range(REHEARSALS):
            begin, end = os.pipe2(os.O_CLOEXEC)
            os.write(end, request)
            os.close(end)
            wanted = candidate.take(begin, len(request))
            os.close(begin)
            source = candidate.place(wanted["source"], self._path)
            candidate.run_function(wanted, source, self._path, candidate.Report(self._nothing))
        for name in set(sys.modules) - names:
            del sys.modules[name]
        self._empty_folders()

    def _next(self) -> Request | None:
        head = b""
        while len(head) < HEADER:
            more = os.read(0, HEADER - len(head))
            if not more:
                return None
            head += more
        cpu_s, wall_s, memory_mb, length, captures = head.split()
        return Request(float(cpu_s), float(wall_s), int(memory_mb), int(length), captures == b"1")

    def _run(self, request: Request) -> bool:
        """Run one candidate and reply; returns whether this zygote is as good as new."""
        report, report_in = os.pipe2(os.O_CLOEXEC)
        output, output_in = os.pipe2(os.O_CLOEXEC) if request.captures else (-1, -1)
        pid = os.fork()
        if pid == 0:
            self._be_child(request, report_in, output_in)
        os.close(report_in)
        if output_in >= 0:
            os.close(output_in)
        watch = _Watch(pid, request, report, output, self)
        try:
            watch.follow()
            self._kill_rest(pid)
            is_clean = watch.finish()  # the answer first, the cleaning after it
        finally:
            for descriptor in (report, output, watch.pidfd):
                if descriptor >= 0:
                    os.close(descriptor)
        return is_clean and self._empty_folders()

    def emit(self, *parts: bytes, is_last: bool = False) -> None:
        """To the supervisor, in large pieces; whatever is sent is wiped."""
        self._pending += parts
        if is_last or len(parts[1]) >= CHUNK:
            line = b"".join(self._pending)
            candidate.write_whole(1, line)
            wipe(line)
            for each in self._pending:
                wipe(each)
            self._pending.clear()

    def folder_is_full(self) -> bool:
        """Only where no mount of its own holds the folder to its size."""
        return not self._settings.is_first and bytes_below(self._settings.folders[0]) > FOLDER_BYTES

    def _kill_rest(self, pid: int) -> None:
        """Kill and reap everything but ourselves."""
        if self._is_first:  # nobody but those inside our namespace; without an exception, which would cost pages
            while _libc.kill(-1, signal.SIGKILL) == 0:
                os.waitpid(-1, 0)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # a group exists only where nothing confines
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass

    def _empty_folders(self) -> bool:
        try:
            for folder in self._settings.folders:
                empty(folder)
        except OSError:
            return False
        return True

    def _be_child(self, request: Request, report: int, output: int) -> NoReturn:
        code = 1
        try:
            code = self._prepare_and_run(request, report, output)
        finally:
            os._exit(code)

    def _prepare_and_run(self, request: Request, report: int, output: int) -> int:
        cpu_s, _, memory_mb, length, _ = request
        wanted = candidate.take(0, length + 1)  # the newline that ends the line, too
        candidate.arrange(wanted.get("stdin"), output, self._nothing)
        source = candidate.place(wanted["source"], self._path)
        sys.path.insert(
            0, self._settings.folders[0]
        )  # never the zygote's: a program could have it import a file of its own
        os.write(report, b"R")  # from here on, what goes wrong is the candidate's
        gc.enable()
        if self._confinement is not None:
            self._confinement.enter(cpu_s, memory_mb)
        else:
            os.setsid()
        os.dup2(report, 3)
        os.closerange(4, 64)
        run = candidate.run_script if wanted["mode"] == "script" else candidate.run_function
        return run(wanted, source, self._path, candidate.Report(3))


class _Watch:
    """Follows one child to its end: relays what it says, holds it to its time, and says how it ended."""

    def __init__(self, pid: int, request: Request, report: int, output: int, zygote: Zygote) -> None:
        self._pid, self._request, self._zygote = pid, request, zygote
        self._open = {report: b"r"} | ({output: b"o"} if output >= 0 else {})
        self._sent = dict.fromkeys(self._open, 0)
        self._report = report
        self._clock = ((~pid) << 3) | 2  # the child's CPU time, all its threads together
        self._start = time.monotonic()
        self._wall_s = request.wall_s
        self._granted = (0.0, 0.0)  # CPU and wall seconds when more time was last given
        self._killed = ""
        self._cpu = 0.0
        self._status = 0
        self.has_read_request = False
        self.pidfd = os.pidfd_open(pid)

    def follow(self) -> None:
        """Until it is dead and reaped. Its pipes may still hold something."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        if not poll.poll(FIRST_LOOK * 1000):
            for descriptor in self._open:
                poll.register(descriptor, select.POLLIN)
                os.set_blocking(descriptor, False)
            while self.pidfd not in (ready := [each for each, _ in poll.poll(self._until_next_look() * 1000 + 1)]):
                for descriptor in ready:
                    if not self._relay(descriptor):
                        poll.unregister(descriptor)
                if not self._killed and (why := self._excess()):
                    self._killed = why
                    os.kill(self._pid, signal.SIGKILL)
        _, self._status, usage = os.wait4(self._pid, 0)
        self._cpu = usage.ru_utime + usage.ru_stime
        if not self._killed and os.WIFSIGNALED(self._status) and self._cpu > self._request.cpu_s:
            self._killed = "cpu"  # by the kernel's own, coarser limit

    def finish(self) -> bool:
        """Relay the rest, and say how it ended. False: somebody still holds a pipe, or the request was not read."""
        for descriptor in list(self._open):
            os.set_blocking(descriptor, False)
            while self._relay(descriptor):
                pass
        end = END % (
            os.WEXITSTATUS(self._status) if os.WIFEXITED(self._status) else "null",
            os.WTERMSIG(self._status) if os.WIFSIGNALED(self._status) else "null",
            self._killed,
            self._cpu,
            time.monotonic() - self._start,
            "false" if self._open else "true",
        )
        if self.has_read_request:
            self._zygote.emit(b"", end.encode(), is_last=True)
        return self.has_read_request and not self._open

    def _relay(self, descriptor: int) -> bool:
        """One piece, read and sent on. False: there is no more now, or at all."""
        view = self._zygote._view
        try:
            size = os.readv(descriptor, [view])
        except OSError as error:
            if error.errno == errno.EAGAIN:
                return False
            raise
        if size == 0:
            del self._open[descriptor]
            return False
        start = 0
        if descriptor == self._report and not self.has_read_request:
            self.has_read_request, start = True, 1
        self._sent[descriptor] += size
        if self._sent[descriptor] > OUTPUT_BYTES:
            self._killed = self._killed or "output"
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        elif size > start:
            self._zygote.emit(self._open[descriptor], binascii.hexlify(view[start:size]), b" ")
        view[:size] = bytes(size)
        return True

    def _excess(self) -> str:
        wall = time.monotonic() - self._start
        if not self.has_read_request:
            return "reading" if wall > READING_SECONDS else ""
        if time.clock_gettime(self._clock) >= self._request.cpu_s:
            return "cpu"
        if wall >= self._wall_s and not self._wait_longer(wall):
            return "wall"
        return "files" if self._zygote.folder_is_full() else ""

    def _wait_longer(self, wall: float) -> bool:
        """Whether its time is up only because the machine is busy: it wants the processor and does not get it."""
        cpu = time.clock_gettime(self._clock)
        progress, since = cpu - self._granted[0], wall - self._granted[1]
        if not starves(load_per_core(), progress / max(since, 1e-9), self._wall_s / self._request.wall_s):
            return False
        self._granted = (cpu, wall)
        self._wall_s += self._request.wall_s
        return True

    def _until_next_look(self) -> float:
        """Seconds in which no limit can be reached: CPU time runs at most as fast as all cores together."""
        left = (self._request.cpu_s - time.clock_gettime(self._clock)) / CORES
        left = min(left, self._wall_s - (time.monotonic() - self._start))
        if not self._zygote._settings.is_first:
            left = min(left, LONGEST_LOOK)  # for the folder's size
        return max(left, SHORTEST_LOOK)


def starves(load: float, share: float, given: float) -> bool:
    """A program with `share` of a processor, on a machine where `load` processes want each: is it kept waiting?

    `given` is how many times its wall time it has had. A sleeper uses next to nothing, whatever the load.
    """
    return load > 1.5 and share > 0.01 and given < MOST_WALL_TIMES


def load_per_core() -> float:
    """The last minute's load average over the cores (by sysinfo: there is no /proc here)."""
    words = (ctypes.c_long * 32)()
    if _libc.sysinfo(words):
        return 0.0
    return words[1] / 65536 / CORES


def wipe(text: bytes) -> None:
    """Zero a bytes object that nobody needs again: a later child could find it in the memory it inherits."""
    if len(text) > 1:
        ctypes.memset(id(text) + BYTES_OBJECT_HEADER, 0, len(text))


def _make_folder(parent: str) -> str:
    folder = os.path.join(parent, f"{os.getpid()}-{os.urandom(8).hex()}")
    os.mkdir(folder, 0o700)
    return folder
