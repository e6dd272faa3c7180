"""The one owner of worker processes: starts them, feeds them, holds them to deadlines, kills and replaces them.

A worker is any command that writes one line when it is ready, then for each request line on stdin writes as many reply
lines as the request has deadlines (each deadline runs from the reply before it). Payloads and replies are bytes without
a newline; what they mean is the caller's affair. A request ends in one of three ways: `DONE`, `TIMEOUT` (the worker was
killed, with its whole process group) or `LOST` (the worker died, or never started). Either way the next request meets
a living worker.

Each worker belongs to one thread of its own, which starts it and waits on its pipes with poll: no signal is used, so
any thread may call, and several supervisors may live side by side. Whoever waits for the answer anyway (`ask`) borrows
an idle worker and talks to it itself, since waking two threads costs more than a short request. Workers are started when there is work for them, as
fresh interpreters (never a fork of this process, which may hold torch), each the leader of a new session.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import Enum
from time import monotonic
from types import TracebackType

Listener = Callable[[int, bytes], None]
"""Called with each reply line's index and bytes as it arrives, in the worker's thread: be quick and do not raise."""

CHUNK = 1 << 18
LONGEST_WAIT = 3600.0  # seconds in one poll, which takes no number of milliseconds that a C int does not hold
MAX_REPLY = 1 << 28  # bytes in one reply line; a worker that says more is lost


class End(Enum):
    DONE = "done"
    TIMEOUT = "timeout"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Reply:
    """The lines that came, how it ended, and one clause about an end that was not DONE."""

    lines: tuple[bytes, ...]
    end: End
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Job:
    payload: bytes
    timeouts: Sequence[float]
    listener: Listener | None
    future: Future[Reply]


class Supervisor:
    """Workers that all run `command`; requests go to whichever is free, in the order they were submitted.

    `start_timeout` bounds the wait for a worker's ready line, in seconds. After `requests_per_worker` requests a worker
    is replaced (0: never). `env` is the workers' whole environment (None: ours), `cwd` their folder.
    """

    def __init__(
        self,
        command: Sequence[str],
        workers: int,
        *,
        start_timeout: float = 60.0,
        requests_per_worker: int = 0,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self.command, self.env, self.cwd = tuple(command), env, cwd
        self.start_timeout, self.requests_per_worker = start_timeout, requests_per_worker
        self._jobs: deque[_Job] = deque()
        self._lock = threading.Condition()
        self._most = workers
        self._workers: list[_Worker] = []
        self._is_closed = False
        _ALIVE.add(self)

    def submit(self, payload: bytes, timeouts: Sequence[float], listener: Listener | None = None) -> Future[Reply]:
        """Send one request, and get as many reply lines as there are timeouts (seconds). Never blocks.

        The future always comes to a Reply, never to an exception. Raises ValueError for a payload with a newline, and
        RuntimeError once closed.
        """
        if b"\n" in payload:
            raise ValueError("a payload is one line: it may not hold a newline")
        job = _Job(payload, timeouts, listener, Future())
        with self._lock:
            if self._is_closed:
                raise RuntimeError("this supervisor is closed")
            self._jobs.append(job)
            if len(self._jobs) > sum(each.is_idle for each in self._workers) and len(self._workers) < self._most:
                self._workers.append(_Worker(self))
            self._lock.notify_all()
        return job.future

    def ask(self, payload: bytes, timeout: float) -> Reply:
        """One request, one reply line, waited for. Raises as `submit` does."""
        worker = None
        with self._lock:
            if not self._jobs and not self._is_closed:
                worker = next((each for each in self._workers if each.is_idle and each.is_started), None)
                if worker is not None:
                    worker.is_idle = False
        if worker is None or b"\n" in payload:
            return self.submit(payload, (timeout,)).result()
        try:
            reply = worker.answer_here(payload, timeout)
        finally:
            with self._lock:
                worker.is_idle = True
                if self._jobs or self._is_closed:
                    self._lock.notify_all()
        return self.submit(payload, (timeout,)).result() if reply is None else reply

    def pids(self) -> list[int]:
        """Of the workers that run now."""
        with self._lock:
            found = [each.pid for each in self._workers]
        return [pid for pid in found if pid is not None]

    def close(self) -> None:
        """Kill the workers and wait until they are gone. What was still asked ends LOST."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            workers, jobs = list(self._workers), list(self._jobs)
            self._jobs.clear()
            self._lock.notify_all()
        for job in jobs:
            if job.future.set_running_or_notify_cancel():
                job.future.set_result(Reply((), End.LOST, "the supervisor was closed"))
        for each in workers:
            each.stop()
        for each in workers:
            each.join()

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, worker: _Worker) -> _Job | None:
        """The next job for this worker's thread, waited for; None when there will be no more."""
        with self._lock:
            while not (worker.is_idle and (self._jobs or self._is_closed)):
                self._lock.wait()
            if self._is_closed:
                return None
            worker.is_idle = False
            return self._jobs.popleft()


class _Worker:
    """One thread, and the process that it owns. `is_idle` changes hands under the owner's lock: whoever made it False,
    the thread or a borrower, is alone with the process."""

    def __init__(self, owner: Supervisor) -> None:
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()  # the process is reaped, and signalled from outside, only under it
        self._stopped = False
        self._served = 0
        self._buffer = bytearray()
        self.is_idle = True
        self._thread = threading.Thread(target=self._serve, name="assay-worker", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        with self._guard:
            return None if self._process is None else self._process.pid

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            if self._process is not None:
                _kill_group(self._process.pid)

    def join(self) -> None:
        if threading.current_thread() is not self._thread:
            self._thread.join()

    @property
    def is_started(self) -> bool:
        return self._process is not None

    def answer_here(self, payload: bytes, timeout: float) -> Reply | None:
        """In the borrower's thread. None when the process is not fit for it: only its own thread may start another,
        since the kernel ties a process's life to the thread that started it."""
        try:
            return self._answer(payload, (timeout,), None) if self._is_fit() else None
        except BaseException:  # a KeyboardInterrupt, say: the reply to come must not be taken for another's
            self._end()
            raise

    def _serve(self) -> None:
        while (job := self._owner.take(self)) is not None:
            reply = None
            if job.future.set_running_or_notify_cancel():  # from here on it can no longer be cancelled
                trouble = "" if self._is_fit() else self._start()
                reply = (
                    Reply((), End.LOST, trouble) if trouble else self._answer(job.payload, job.timeouts, job.listener)
                )
            with self._owner._lock:
                self.is_idle = True
            if reply is not None:
                job.future.set_result(reply)
        self._end()

    def _is_fit(self) -> bool:
        if self._process is not None and (self._process.poll() is not None or self._has_spoken()):
            self._end()  # it died, or spoke unasked, between two requests: no fault of this one, and no reply to it
        return self._process is not None

    def _answer(self, payload: bytes, timeouts: Sequence[float], listener: Listener | None) -> Reply:
        lines: list[bytes] = []
        unsent = memoryview(payload + b"\n")
        for index, timeout in enumerate(timeouts):
            line, unsent = self._exchange(unsent, monotonic() + timeout)
            if line is None:
                self._end()
                return Reply(tuple(lines), End.TIMEOUT, f"no answer within {timeout:g} s")
            if isinstance(line, str):
                return Reply(tuple(lines), End.LOST, line + self._end(has_ended=True))
            lines.append(line)
            if listener is not None:
                listener(index, line)
        self._served += 1
        if 0 < self._owner.requests_per_worker <= self._served:
            self._end()
        return Reply(tuple(lines), End.DONE)

    def _has_spoken(self) -> bool:
        """Whether there is something to read that no request has asked for."""
        assert self._process is not None
        assert self._process.stdout is not None
        poll = select.poll()
        poll.register(self._process.stdout.fileno(), select.POLLIN)
        return bool(self._buffer or poll.poll(0))

    def _start(self) -> str:
        """Start the process and wait for its first line; returns what went wrong, or nothing."""
        owner = self._owner
        with self._guard:
            if self._stopped:
                return "the supervisor was closed"
            try:
                self._process = subprocess.Popen(
                    owner.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    bufsize=0,
                    env=None if owner.env is None else dict(owner.env),
                    cwd=owner.cwd,
                    start_new_session=True,
                )
            except OSError as error:
                return f"{owner.command[0]} cannot be started: {error.strerror or error}"
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
        self._served = 0
        line, _ = self._exchange(memoryview(b""), monotonic() + owner.start_timeout)
        if line is None:
            self._end()
            return f"the worker was not ready within {owner.start_timeout:g} s"
        return line + self._end(has_ended=True) if isinstance(line, str) else ""

    def _exchange(self, unsent: memoryview, until: float) -> tuple[bytes | str | None, memoryview]:
        """Write what is unsent and read the next line: the line, None when the time is over, or why it is lost."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        into, out = self._process.stdin.fileno(), self._process.stdout.fileno()
        searched = 0
        poll = select.poll()
        poll.register(out, select.POLLIN)
        while True:
            at = self._buffer.find(b"\n", searched)
            if at >= 0:
                line = bytes(self._buffer[:at])
                del self._buffer[: at + 1]
                return line, unsent
            searched = len(self._buffer)
            if searched > MAX_REPLY:
                return f"the worker wrote a line of more than {MAX_REPLY} bytes", unsent
            try:
                if unsent:
                    unsent = unsent[os.write(into, unsent[:CHUNK]) :]
            except BlockingIOError:
                poll.register(into, select.POLLOUT)
            except OSError:
                unsent = memoryview(b"")  # it no longer reads; reading says whether it still lives
            else:
                if unsent:
                    poll.register(into, select.POLLOUT)
                else:
                    with contextlib.suppress(KeyError):
                        poll.unregister(into)
            left = until - monotonic()
            if left <= 0:
                return None, unsent
            if any(fd == out for fd, _ in poll.poll(min(left, LONGEST_WAIT) * 1000 + 1)):
                got = os.read(out, CHUNK)
                if not got:
                    return "the worker ended", unsent
                self._buffer += got

    def _end(self, has_ended: bool = False) -> str:
        """Kill the process and all of its group, reap it, and say how it ended if it did so by itself."""
        process = self._process
        if process is None:
            return ""
        with self._guard:
            if has_ended:  # its pipes are closed: give it a moment to be gone, so that its exit code is its own
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
            _kill_group(process.pid)  # the group outlives its leader, and must not outlive this line
            code = process.wait()
            self._process = None
        self._buffer.clear()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return f" (killed by {_signal_name(-code)})" if code < 0 else f" (exit code {code})"


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


_ALIVE: weakref.WeakSet[Supervisor] = weakref.WeakSet()


def _close_all() -> None:
    for each in list(_ALIVE):
        each.close()


atexit.register(_close_all)  # an exit leaves no hung worker behind


def die_with_parent() -> None:
    """Called by a worker of ours as it starts: the kernel kills it when the thread that started it is gone (Linux).

    Elsewhere a worker ends when its stdin does.
    """
    if sys.platform == "linux":
        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == 1 and os.environ.get("ASSAY_PARENT", "1") != "1":  # it died before the line above
            os._exit(1)
