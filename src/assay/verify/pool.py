"""Judge many, in parallel, whatever the verifiers do: a hung one is killed, a crashed one replaced, order kept.

Cases travel in small batches, sized by what waits, so that a quick verifier is not slowed by its pipes; a worker answers
each case by itself, so that deadlines hold per case and a case that kills its worker is known by name. It is tried once
more alone in a fresh worker, and then is VOID `worker_lost`. A case that exceeds its time is FAIL `timeout`: doubt never
pays. The rest of a broken batch is judged again elsewhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

from assay.core.types import Json, Outcome, Reason, Verdict
from assay.sandbox.supervisor import End, Reply, Supervisor
from assay.verify.worker import SEPARATOR

LOAD_SECONDS = 60.0  # for importing a batch's verifiers and reading its truths
LARGEST_BATCH = 32
WINDOW = 512  # cases of a stream between its source and its consumer
WINDOW_BYTES = 1 << 27


class JudgeRequest(NamedTuple):
    """`in_thread`: judge in a thread that is not the worker's main one (where signals, for one, do not work)."""

    verifier: str
    truth: Json
    response: str
    prompt: str = ""
    in_thread: bool = False


class _Case:
    """One request on its way."""

    __slots__ = ("deliver", "is_alone", "line", "losses", "name")

    def __init__(self, name: str, line: bytes, deliver: Callable[[Verdict], None]) -> None:
        self.name, self.line, self.deliver = name, line, deliver
        self.losses = 0
        self.is_alone = False  # after trouble in company: judged in a batch of one


class JudgePool:
    """`workers` processes (0: one per core), started with the first case; `timeout` seconds per case, or what its
    verifier says that its truth may need (a sandbox's own limits), whichever is longer.

    Safe from any thread. Use it as a context manager, or close it.
    """

    def __init__(self, workers: int = 0, timeout: float = 10.0) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout must be above 0 s, not {timeout}")
        self.workers = workers or cores()
        self.timeout = timeout
        self._supervisor: Supervisor | None = None
        self._lock = threading.Lock()
        self._waiting: deque[_Case] = deque()
        self._in_flight = 0  # batches
        self._is_closed = False

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        """A verdict for each request, in order. Never raises for a bad case."""
        verdicts: list[Verdict | None] = [None] * len(requests)
        left, lock, done = len(requests), threading.Lock(), threading.Event()

        def keep(index: int, verdict: Verdict) -> None:
            nonlocal left
            verdicts[index] = verdict
            with lock:
                left -= 1
                if left == 0:
                    done.set()

        cases = []
        for index, request in enumerate(requests):
            case = _encode(request, lambda verdict, index=index: keep(index, verdict))  # type: ignore[misc]
            if case is not None:
                cases.append(case)
        self._enqueue(cases)
        if requests:
            done.wait()
        return [verdict for verdict in verdicts if verdict is not None]

    def stream(
        self, requests: Iterable[JudgeRequest | Verdict], order: Literal["input", "done"] = "input"
    ) -> Iterator[tuple[int, Verdict]]:
        """(index, verdict) as they are judged, or in the order of the requests; a Verdict among them passes through.

        A thread reads `requests` ahead by at most WINDOW cases or WINDOW_BYTES, so an endless source needs no endless
        memory. An exception in `requests` is raised here, after the verdicts of what came before it.
        """
        results: queue.SimpleQueue[tuple[int, Verdict] | _Ending] = queue.SimpleQueue()
        window = _Window(WINDOW, WINDOW_BYTES)

        def feed() -> None:
            index, failure = 0, None
            try:
                for index, request in enumerate(requests, 1):
                    weight = len(request.response) if isinstance(request, JudgeRequest) else 0
                    if not window.enter(index - 1, weight):
                        return
                    if isinstance(request, Verdict):
                        results.put((index - 1, request))
                        continue
                    case = _encode(request, lambda verdict, index=index - 1: results.put((index, verdict)))  # type: ignore[misc]
                    if case is not None:
                        self._enqueue([case])
            except BaseException as error:  # noqa: BLE001 - handed to the consumer's thread, which raises it
                failure = error
            results.put(_Ending(index, failure))

        threading.Thread(target=feed, name="assay-feed", daemon=True).start()
        early: dict[int, Verdict] = {}
        given, ending = 0, None
        try:
            while ending is None or given < ending.total:
                result = results.get()
                if isinstance(result, _Ending):
                    ending = result
                    continue
                early[result[0]] = result[1]
                while early:
                    index = given if order == "input" else next(iter(early))
                    if index not in early:
                        break
                    given += 1
                    verdict = early.pop(index)
                    yield index, verdict
                    window.leave(index)
        finally:
            window.close()
        if ending.failure is not None:
            raise ending.failure

    def peak_memory(self) -> int:
        """The largest resident size that a worker alive now has had, bytes; 0 where the system does not say."""
        with self._lock:
            pids = self._supervisor.pids() if self._supervisor is not None else []
        return max((_peak_memory(pid) for pid in pids), default=0)

    def close(self) -> None:
        """Kill the workers; what was not judged yet is VOID."""
        with self._lock:
            self._is_closed = True
            supervisor, waiting = self._supervisor, list(self._waiting)
            self._waiting.clear()
        if supervisor is not None:
            supervisor.close()
        for case in waiting:
            case.deliver(_lost(case.name, "the pool was closed"))

    def __enter__(self) -> JudgePool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enqueue(self, cases: Iterable[_Case], first: bool = False) -> None:
        with self._lock:
            refused = list(cases) if self._is_closed else []
            if not self._is_closed:
                if first:
                    self._waiting.extendleft(reversed(list(cases)))
                else:
                    self._waiting.extend(cases)
                self._send()
        for case in refused:
            case.deliver(_lost(case.name, "the pool was closed"))

    def _send(self) -> None:
        """Give waiting cases to the workers, one batch being judged and one queued for each. Called under the lock."""
        while self._waiting and self._in_flight < 2 * self.workers:
            size = max(1, min(LARGEST_BATCH, len(self._waiting) // (3 * self.workers)))
            batch = [self._waiting.popleft()]
            while len(batch) < size and self._waiting and not (batch[0].is_alone or self._waiting[0].is_alone):
                batch.append(self._waiting.popleft())
            if self._supervisor is None:
                self._supervisor = Supervisor(_COMMAND, self.workers, env=_environment())
            self._in_flight += 1
            _Batch(self, batch).submit(self._supervisor)

    def _finished(self, again: list[_Case]) -> None:
        with self._lock:
            self._in_flight -= 1
        self._enqueue(again, first=True)


class _Batch:
    """Cases that one worker is given together."""

    def __init__(self, pool: JudgePool, cases: list[_Case]) -> None:
        self._pool, self._cases = pool, cases
        self._labels: dict[str, str] = {}
        self._timeouts = [LOAD_SECONDS, *[pool.timeout] * len(cases)]
        self._judged = 0

    def submit(self, supervisor: Supervisor) -> None:
        payload = SEPARATOR.join(case.line for case in self._cases)
        supervisor.submit(payload, self._timeouts, self._hear).add_done_callback(
            lambda done: self._close(done.result())
        )

    def _hear(self, index: int, line: bytes) -> None:
        if index == 0:
            with contextlib.suppress(ValueError):
                self._labels, needed = json.loads(line)
                # a sandbox holds its own, longer limits: it must be the one to say that they were reached
                self._timeouts[1:] = [max(self._pool.timeout, each) for each in needed]
        else:
            self._cases[index - 1].deliver(decode(line))
            self._judged = index

    def _close(self, reply: Reply) -> None:
        again = self._cases[self._judged :]
        if reply.end is not End.DONE and again:
            if not reply.lines and len(again) > 1:  # in loading: which of them it was shows when each is alone
                for case in again:
                    case.is_alone = True
            elif (verdict := self._verdict(again[0], reply)) is not None:
                again.pop(0).deliver(verdict)
        self._pool._finished(again)

    def _verdict(self, case: _Case, reply: Reply) -> Verdict | None:
        """What a case that its worker did not answer comes to; None: it is to be tried again, alone."""
        label = self._labels.get(case.name, case.name)
        if reply.end is End.TIMEOUT:
            if reply.lines:
                seconds = self._timeouts[len(reply.lines)]
                return Verdict(Outcome.FAIL, 0.0, Reason.TIMEOUT, None, {"limit_seconds": seconds}, label, seconds)
            return _lost(label, f"loading the verifier or reading the truth took more than {LOAD_SECONDS:g} s")
        case.losses += 1
        case.is_alone = True
        return _lost(label, reply.detail) if case.losses > 1 else None


class _Ending(NamedTuple):
    """After the last request of a stream: how many there were, and the exception that ended them."""

    total: int
    failure: BaseException | None


class _Window:
    """Lets at most so many cases, and so many bytes, be on their way; one is let in however large."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._inside: dict[int, int] = {}
        self._bytes = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def enter(self, index: int, weight: int) -> bool:
        with self._changed:
            while not self._is_closed and self._inside:
                if len(self._inside) < self._most and self._bytes + weight <= self._most_bytes:
                    break
                self._changed.wait()
            self._inside[index] = weight
            self._bytes += weight
            return not self._is_closed

    def leave(self, index: int) -> None:
        with self._changed:
            self._bytes -= self._inside.pop(index)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify()


def decode(line: bytes) -> Verdict:
    """A worker's line as the verdict it wrote; a line that is none is VOID."""
    try:
        outcome, score, reason, answer, evidence, label, seconds = json.loads(line)
        return Verdict(Outcome(outcome), score, Reason(reason), answer, evidence, label, seconds)
    except (ValueError, TypeError, RecursionError) as error:
        return _lost("", f"the worker wrote something else than a verdict ({error})"[:300])


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _peak_memory(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:  # it has just ended, or there is no /proc
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def _encode(request: JudgeRequest, deliver: Callable[[Verdict], None]) -> _Case | None:
    """The request as a case; one that JSON cannot hold is VOID on the spot."""
    try:
        return _Case(request.verifier, json.dumps(request).encode(), deliver)
    except (TypeError, ValueError, RecursionError) as error:
        evidence = {"error": f"the request is not JSON: {error}"[:300]}
        deliver(Verdict(Outcome.VOID, 0.0, Reason.BAD_INPUT, None, evidence, str(request.verifier)))
        return None


def _lost(label: str, detail: str) -> Verdict:
    return Verdict(Outcome.VOID, 0.0, Reason.WORKER_LOST, None, {"error": detail}, label)


# -P: the working folder is no place to import our own modules' namesakes from
_COMMAND = (sys.executable, "-P", "-m", "assay.verify.worker")


def _environment() -> dict[str, str]:
    """Ours, with the module path as it stands in this process, so that a user's module is found there too."""
    path = os.pathsep.join(os.path.abspath(each) for each in sys.path)
    return os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "ASSAY_PARENT": str(os.getpid())}
