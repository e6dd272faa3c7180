"""The one owner of worker processes, driven with real ones: small Python programs that misbehave on request."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from pathlib import Path

import pytest

from assay.sandbox.supervisor import MAX_REPLY, End, Reply, Supervisor, _Worker

WORKER = r"""
import os, signal, subprocess, sys, time
out = sys.stdout.buffer
def say(line):
    out.write(line + b"\n"); out.flush()
say(b"ready")
for line in sys.stdin.buffer:
    word, _, rest = line.rstrip(b"\n").partition(b" ")
    if word == b"echo": say(rest)
    elif word == b"pid": say(str(os.getpid()).encode())
    elif word == b"count":
        for number in range(int(rest)): say(str(number).encode())
    elif word == b"sleep": time.sleep(float(rest)); say(b"slept")
    elif word == b"hang": say(b"first"); time.sleep(600)
    elif word == b"child":
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        say(str(child.pid).encode()); time.sleep(600)
    elif word == b"deaf": signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)
    elif word == b"exit": os._exit(int(rest))
    elif word == b"kill": os.kill(os.getpid(), signal.SIGKILL)
    elif word == b"big": say(b"x" * int(rest))
    elif word == b"twice": say(b"one"); say(b"unasked")
    elif word == b"half": out.write(b"half a line"); out.flush(); time.sleep(600)
    elif word == b"die-later": say(b"ok"); os._exit(3)
    elif word == b"length": say(str(len(rest)).encode())
"""
COMMAND = (sys.executable, "-S", "-c", WORKER)


@pytest.fixture
def make() -> Iterator[Callable[..., Supervisor]]:
    made: list[Supervisor] = []

    def one(workers: int = 1, command: tuple[str, ...] = COMMAND, **options: object) -> Supervisor:
        made.append(Supervisor(command, workers, **options))  # type: ignore[arg-type]
        return made[-1]

    yield one
    for each in made:
        each.close()


def is_alive(pid: int) -> bool:
    """And not only waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return state != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.01)


# --- asking ---


def test_one_request_one_reply(make: Callable[..., Supervisor]) -> None:
    reply = make().ask(b"echo hello", 10)
    assert reply == Reply((b"hello",), End.DONE)


def test_as_many_lines_as_deadlines_and_a_listener_as_they_come(make: Callable[..., Supervisor]) -> None:
    heard: list[tuple[int, bytes]] = []
    reply = make().submit(b"count 5", [10.0] * 5, lambda *each: heard.append(each)).result()
    assert reply.lines == (b"0", b"1", b"2", b"3", b"4")
    assert heard == list(enumerate(reply.lines))


def test_workers_start_with_the_work(make: Callable[..., Supervisor]) -> None:
    supervisor = make(3)
    assert supervisor.pids() == []
    supervisor.ask(b"echo x", 10)
    assert len(supervisor.pids()) == 1
    supervisor.ask(b"echo x", 10)
    assert len(supervisor.pids()) == 1, "an idle worker is used before another is started"


def test_requests_run_side_by_side(make: Callable[..., Supervisor]) -> None:
    supervisor = make(3)
    supervisor.ask(b"echo warm", 10)
    start = time.monotonic()
    replies = [each.result() for each in [supervisor.submit(b"sleep 1", (20.0,)) for _ in range(3)]]
    assert time.monotonic() - start < 2.7, "3 s one after the other"
    assert [reply.end for reply in replies] == [End.DONE] * 3


def test_one_worker_serves_in_order(make: Callable[..., Supervisor]) -> None:
    order: list[bytes] = []
    supervisor = make(1)
    futures = [supervisor.submit(b"echo %d" % n, (10.0,), lambda _, line: order.append(line)) for n in range(200)]
    assert [each.result().lines[0] for each in futures] == [b"%d" % n for n in range(200)]
    assert order == [b"%d" % n for n in range(200)]


def test_large_payloads_and_replies(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    assert supervisor.ask(b"length " + b"y" * 30_000_000, 30).lines == (b"30000000",)
    assert supervisor.ask(b"big 30000000", 30).lines[0] == b"x" * 30_000_000


def test_a_payload_is_one_line(make: Callable[..., Supervisor]) -> None:
    with pytest.raises(ValueError, match="may not hold a newline"):
        make().submit(b"a\nb", (1.0,))
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        make(0)


@pytest.mark.parametrize("timeout", [1e9, float("inf")])
def test_a_deadline_may_be_far(make: Callable[..., Supervisor], timeout: float) -> None:
    assert make().ask(b"sleep 0.05", timeout).end is End.DONE


# --- deadlines ---


def test_a_hung_worker_is_killed_and_replaced(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    pid = int(supervisor.ask(b"pid", 10).lines[0])
    start = time.monotonic()
    reply = supervisor.ask(b"sleep 600", 0.3)
    assert 0.3 <= time.monotonic() - start < 10
    assert reply == Reply((), End.TIMEOUT, "no answer within 0.3 s")
    assert not is_alive(pid)
    assert int(supervisor.ask(b"pid", 10).lines[0]) != pid


def test_each_line_has_its_own_deadline(make: Callable[..., Supervisor]) -> None:
    reply = make().submit(b"hang", (10.0, 0.2)).result()
    assert (reply.lines, reply.end) == ((b"first",), End.TIMEOUT)


def test_half_a_line_is_no_reply(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    assert supervisor.ask(b"half", 0.3) == Reply((), End.TIMEOUT, "no answer within 0.3 s")
    assert supervisor.ask(b"echo whole", 10).lines == (b"whole",)


def test_the_whole_process_group_is_killed(make: Callable[..., Supervisor]) -> None:
    children: list[int] = []
    reply = make().submit(b"child", (10.0, 0.3), lambda _, line: children.append(int(line))).result()
    assert reply.end is End.TIMEOUT
    wait_until(lambda: not is_alive(children[0]))


def test_no_signal_can_be_ignored(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    pid = int(supervisor.ask(b"pid", 10).lines[0])
    assert supervisor.ask(b"deaf", 0.2).end is End.TIMEOUT
    assert not is_alive(pid)


def test_a_worker_that_reads_nothing_meets_the_deadline_too(make: Callable[..., Supervisor]) -> None:
    command = (sys.executable, "-S", "-c", "import time; print('ready', flush=True); time.sleep(600)")
    assert make(command=command).ask(b"x" * 10_000_000, 0.3).end is End.TIMEOUT


# --- losses ---


@pytest.mark.parametrize(
    ("request_line", "detail"),
    [(b"exit 7", "the worker ended (exit code 7)"), (b"kill", "the worker ended (killed by SIGKILL)")],
)
def test_a_lost_worker_is_told_and_replaced(make: Callable[..., Supervisor], request_line: bytes, detail: str) -> None:
    supervisor = make()
    assert supervisor.ask(request_line, 10) == Reply((), End.LOST, detail)
    assert supervisor.ask(b"echo again", 10).lines == (b"again",)


def test_what_was_said_before_the_loss_is_kept(make: Callable[..., Supervisor]) -> None:
    reply = make().submit(b"die-later", (10.0, 10.0)).result()
    assert reply == Reply((b"ok",), End.LOST, "the worker ended (exit code 3)")


def test_a_death_between_requests_is_no_fault_of_the_next(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    for _ in range(5):
        assert supervisor.ask(b"die-later", 10).end is End.DONE
        time.sleep(0.02)
        assert supervisor.ask(b"echo fine", 10) == Reply((b"fine",), End.DONE)


def test_an_unasked_line_is_never_taken_for_the_next_answer(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    assert supervisor.ask(b"twice", 10).lines == (b"one",)
    time.sleep(0.05)
    assert supervisor.ask(b"echo mine", 10).lines == (b"mine",)


def test_a_worker_killed_from_outside(make: Callable[..., Supervisor]) -> None:
    supervisor = make()
    pid = int(supervisor.ask(b"pid", 10).lines[0])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    assert supervisor.ask(b"echo fine", 10).end is End.DONE


def test_a_command_that_cannot_be_started(make: Callable[..., Supervisor]) -> None:
    reply = make(command=("/no/such/program",)).ask(b"x", 10)
    assert reply == Reply((), End.LOST, "/no/such/program cannot be started: No such file or directory")


def test_a_worker_that_never_gets_ready(make: Callable[..., Supervisor]) -> None:
    silent = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
    reply = make(command=silent, start_timeout=0.3).ask(b"x", 10)
    assert reply == Reply((), End.LOST, "the worker was not ready within 0.3 s")
    dead = (sys.executable, "-S", "-c", "raise SystemExit(4)")
    assert make(command=dead).ask(b"x", 10) == Reply((), End.LOST, "the worker ended (exit code 4)")


def test_a_line_without_end_is_lost_not_kept(make: Callable[..., Supervisor], monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_REPLY >= 1 << 26
    monkeypatch.setattr("assay.sandbox.supervisor.MAX_REPLY", 1 << 20)
    supervisor = make()
    assert "a line of more than 1048576 bytes" in supervisor.ask(b"big 5000000", 10).detail
    assert supervisor.ask(b"echo fine", 10).end is End.DONE


# --- lifetimes ---


def test_workers_are_replaced_after_their_share(make: Callable[..., Supervisor]) -> None:
    supervisor = make(requests_per_worker=3)
    pids = [supervisor.ask(b"pid", 10).lines[0] for _ in range(7)]
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]


def test_environment_and_folder(make: Callable[..., Supervisor], tmp_path: Path) -> None:
    code = "import os, json\nprint('ready', flush=True)\ninput()\nprint(json.dumps([dict(os.environ), os.getcwd()]), flush=True)"
    command = (sys.executable, "-S", "-c", code)
    reply = make(command=command, env={"ONLY": "this"}, cwd=str(tmp_path)).ask(b"x", 10)
    environment, folder = json.loads(reply.lines[0])
    assert environment.pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"  # Python's own
    assert environment == {"ONLY": "this"}
    assert folder == str(tmp_path.resolve())


def test_close_kills_what_runs_and_answers_what_waits(make: Callable[..., Supervisor]) -> None:
    supervisor = make(1)
    pid = int(supervisor.ask(b"pid", 10).lines[0])
    futures = [supervisor.submit(b"sleep 600", (600.0,)) for _ in range(3)]
    time.sleep(0.1)
    start = time.monotonic()
    supervisor.close()
    assert time.monotonic() - start < 10
    assert [each.result(1).end for each in futures] == [End.LOST] * 3
    assert futures[2].result().detail == "the supervisor was closed"
    assert not is_alive(pid)
    assert supervisor.pids() == []
    with pytest.raises(RuntimeError, match="closed"):
        supervisor.submit(b"echo x", (1.0,))
    supervisor.close()


def test_closed_from_a_callback_of_its_own(make: Callable[..., Supervisor]) -> None:
    supervisor, closed = make(2), threading.Event()

    def close(_: Future[Reply]) -> None:
        supervisor.close()
        closed.set()

    supervisor.submit(b"echo x", (10.0,)).add_done_callback(close)
    assert closed.wait(5)


def test_a_cancelled_request_is_not_run_and_hurts_nobody(make: Callable[..., Supervisor]) -> None:
    supervisor = make(1)
    running = supervisor.submit(b"sleep 0.4", (10.0,))
    time.sleep(0.1)
    waiting = supervisor.submit(b"exit 1", (10.0,))
    assert waiting.cancel()
    assert not running.cancel(), "what runs already cannot be cancelled"
    assert supervisor.ask(b"echo fine", 10).lines == (b"fine",)
    assert running.result().lines == (b"slept",)
    with pytest.raises(CancelledError):
        waiting.result()
    running = supervisor.submit(b"sleep 600", (600.0,))
    waiting = supervisor.submit(b"echo x", (10.0,))
    assert waiting.cancel()
    supervisor.close()
    assert running.result(10).end is End.LOST


def test_many_threads_share_one(make: Callable[..., Supervisor]) -> None:
    supervisor, wrong = make(2), []

    def ask(thread: int) -> None:
        for number in range(40):
            word = b"%d-%d" % (thread, number)
            request = b"exit 1" if number % 20 == 7 else b"echo " + word
            reply = supervisor.ask(request, 20)
            if reply.end is not (End.LOST if request == b"exit 1" else End.DONE) or word not in (*reply.lines, word):
                wrong.append((request, reply))
            if reply.end is End.DONE and reply.lines != (word,):
                wrong.append((request, reply))

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []
    assert len(supervisor.pids()) <= 2


def test_who_waits_anyway_borrows_an_idle_worker(make: Callable[..., Supervisor]) -> None:
    supervisor, threads = make(2), set()
    exchange = _Worker._exchange

    def watched(self: _Worker, *rest: object) -> object:
        threads.add(threading.current_thread().name)
        return exchange(self, *rest)  # type: ignore[arg-type]

    supervisor.ask(b"echo first", 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Worker, "_exchange", watched)
        assert supervisor.ask(b"echo x", 10).lines == (b"x",)
        assert threads == {threading.current_thread().name}
        threads.clear()
        assert supervisor.submit(b"echo y", (10.0,)).result().lines == (b"y",)
        assert threads == {"assay-worker"}


def test_a_borrowed_worker_keeps_nobody_waiting(make: Callable[..., Supervisor]) -> None:
    supervisor = make(2)
    supervisor.ask(b"echo warm", 10)
    borrower = threading.Thread(target=supervisor.ask, args=(b"sleep 2", 10))
    borrower.start()
    time.sleep(0.2)
    start = time.monotonic()
    assert supervisor.submit(b"echo x", (10.0,)).result().lines == (b"x",)
    assert time.monotonic() - start < 1.5, "another worker was started"
    borrower.join()
    assert len(supervisor.pids()) == 2


def test_an_interrupted_borrower_leaves_no_answer_to_the_next(
    make: Callable[..., Supervisor],
) -> None:
    supervisor = make()
    pid = int(supervisor.ask(b"pid", 10).lines[0])

    def interrupt(signal_number: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGUSR1, interrupt)
    try:
        threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(KeyboardInterrupt):
            supervisor.ask(b"sleep 1", 10)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert not is_alive(pid)
    assert supervisor.ask(b"echo mine", 10).lines == (b"mine",)


def test_closing_ends_what_is_borrowed(make: Callable[..., Supervisor]) -> None:
    supervisor, replies = make(), []
    supervisor.ask(b"echo warm", 10)
    borrower = threading.Thread(target=lambda: replies.append(supervisor.ask(b"sleep 600", 600)))
    borrower.start()
    time.sleep(0.2)
    supervisor.close()
    borrower.join(10)
    assert [each.end for each in replies] == [End.LOST]


def test_a_worker_lives_when_the_thread_that_asked_has_ended(make: Callable[..., Supervisor]) -> None:
    supervisor, pids = make(), []
    for _ in range(3):
        asker = threading.Thread(target=lambda: pids.append(supervisor.ask(b"pid", 10).lines[0]))
        asker.start()
        asker.join()
        time.sleep(0.05)
    assert len(pids) == 3
    assert len(set(pids)) == 1


def test_several_live_side_by_side(make: Callable[..., Supervisor]) -> None:
    one, other = make(), make()
    slow = one.submit(b"sleep 600", (0.4,))
    assert other.ask(b"echo x", 10).end is End.DONE
    assert slow.result().end is End.TIMEOUT


def run_parent(code: str) -> tuple[subprocess.Popen[str], int]:
    """A Python process that owns a supervisor, and the pid of its worker."""
    start = (
        "import sys, os, signal, time\nfrom assay.sandbox.supervisor import Supervisor\n"
        f"supervisor = Supervisor({COMMAND!r}, 1)\n"
        "print(supervisor.ask(b'pid', 10).lines[0].decode(), flush=True)\n"
        "supervisor.submit(b'sleep 600', (600.0,))\ntime.sleep(0.1)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", start + code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


@pytest.mark.parametrize("code", ["", "sys.exit(3)", "raise KeyboardInterrupt"])
def test_an_exit_leaves_no_hung_worker(code: str) -> None:
    parent, worker = run_parent(code)
    with parent:
        parent.communicate(timeout=10)
    wait_until(lambda: not is_alive(worker))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker ends when its stdin does")
def test_our_own_workers_die_with_a_killed_parent() -> None:
    """`die_with_parent`, called by the judging worker, against kill -9 of the process that owns it."""
    code = (
        "import os, time\nfrom assay.verify.pool import JudgePool, JudgeRequest\n"
        "pool = JudgePool(1, 600)\npool.judge_many([JudgeRequest('builtins:max', 1, 'x')])\n"
        "print(pool._supervisor.pids()[0], flush=True)\ntime.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_alive(worker)
        parent.kill()
    wait_until(lambda: not is_alive(worker))
