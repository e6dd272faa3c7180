"""Judging many at once: whatever one case does, every other gets its own verdict, in its own place."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from assay.core.types import Outcome, Reason, Verdict
from assay.verify.base import judge
from assay.verify.pool import WINDOW, JudgePool, JudgeRequest, cores, decode

SHOWN = {"outcome", "score", "reason", "answer", "evidence", "verifier"}


@pytest.fixture(scope="module")
def pool() -> Iterator[JudgePool]:
    with JudgePool(2, timeout=20.0) as made:
        yield made


@pytest.fixture(scope="module")
def quick() -> Iterator[JudgePool]:
    """One whose patience is short."""
    with JudgePool(2, timeout=1.0) as made:
        yield made


def same(verdict: Verdict) -> dict[str, object]:
    return {name: getattr(verdict, name) for name in SHOWN}


def odd(checks: str, *responses: str) -> list[JudgeRequest]:
    return [JudgeRequest(f"{checks}:odd", "right", response) for response in responses]


# --- order and equality ---


def test_nothing_asked_nothing_answered(pool: JudgePool) -> None:
    assert pool.judge_many([]) == []


def test_thousands_in_order_as_judge_would_say(pool: JudgePool, checks: str) -> None:
    requests = [JudgeRequest(f"{checks}:equal", n % 7, n % 5) for n in range(3000)]  # type: ignore[arg-type]
    requests[1000] = JudgeRequest("choice", "B", r"\boxed{B}")
    requests[2000] = JudgeRequest("chioce", "B", r"\boxed{B}")
    verdicts = pool.judge_many(requests)
    assert len(verdicts) == 3000
    for n, verdict in enumerate(verdicts):
        if n not in (1000, 2000):
            assert verdict.is_pass == (n % 7 == n % 5), n
    assert same(verdicts[1000]) == same(judge("choice", "B", r"\boxed{B}"))
    assert same(verdicts[2000]) == same(judge("chioce", "B", r"\boxed{B}"))
    assert verdicts[2000].reason is Reason.UNKNOWN_VERIFIER


def test_quick_and_slow_mixed_keep_their_places(pool: JudgePool, checks: str) -> None:
    requests = [JudgeRequest(f"{checks}:slow", "0.05" if n % 10 == 0 else "0", "x") for n in range(100)]
    requests = [request._replace(prompt=str(n)) for n, request in enumerate(requests)]
    requests[50] = JudgeRequest(f"{checks}:sees_prompt", None, "50", "50")
    requests[51] = JudgeRequest(f"{checks}:sees_prompt", None, "50", "51")
    verdicts = pool.judge_many(requests)
    assert [n for n, verdict in enumerate(verdicts) if not verdict.is_pass] == [51]


def test_huge_and_strange_responses(pool: JudgePool, checks: str) -> None:
    texts = ["", "\x00", "\ud800", "\x1e\n\r\u2028", "x" * 8_000_000, "\\" * 100_000, "é😀" * 10]
    requests = [JudgeRequest(f"{checks}:equal", text, text) for text in texts]
    requests += [JudgeRequest(f"{checks}:equal", text + "y", text) for text in texts]
    assert [verdict.is_pass for verdict in pool.judge_many(requests)] == [True] * 7 + [False] * 7


def test_a_verdict_says_who_judged_and_for_how_long(pool: JudgePool, checks: str) -> None:
    (verdict,) = pool.judge_many([JudgeRequest(f"{checks}:slow", "0.1", "x")])
    name, _, rest = verdict.verifier.partition("@")
    assert name == "my_checks.py:slow"
    assert len(rest.partition("#")[2]) == 12
    assert 0.1 <= verdict.seconds < 5


# --- trouble ---


@pytest.mark.parametrize("trouble", ["hang", "sleep", "lock"])
def test_a_hung_case_fails_by_timeout_and_the_rest_is_judged(quick: JudgePool, checks: str, trouble: str) -> None:
    texts = ["right"] * 5 + [trouble] + ["right"] * 5 + ["wrong"]
    verdicts = quick.judge_many(odd(checks, *texts))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS] * 5 + [Outcome.FAIL] + [Outcome.PASS] * 5 + [
        Outcome.FAIL
    ]
    assert verdicts[5].reason is Reason.TIMEOUT
    assert verdicts[5].evidence == {"limit_seconds": 1.0}
    assert verdicts[5].verifier == verdicts[0].verifier
    assert verdicts[11].reason is Reason.WRONG_VALUE


@pytest.mark.parametrize("trouble", ["_exit", "segfault", "kill", "interrupt"])
def test_a_case_that_kills_its_worker_twice_is_void(pool: JudgePool, checks: str, trouble: str) -> None:
    verdicts = pool.judge_many(odd(checks, *["right"] * 4, trouble, *["right"] * 4))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS] * 4 + [Outcome.VOID] + [Outcome.PASS] * 4
    assert verdicts[4].reason is Reason.WORKER_LOST
    assert verdicts[4].score == 0.0
    assert "the worker ended" in verdicts[4].evidence["error"]


def test_a_case_lost_once_is_judged_at_the_second_try(pool: JudgePool, checks: str, tmp_path: object) -> None:
    requests = [JudgeRequest(f"{checks}:equal", "a", "a")] * 3
    requests.append(JudgeRequest(f"{checks}:once", f"{tmp_path}/been-here", "x"))
    assert [verdict.outcome for verdict in pool.judge_many(requests)] == [Outcome.PASS] * 4


@pytest.mark.parametrize("trouble", ["raise", "exit", "recurse"])
def test_an_exception_is_void_and_the_worker_lives_on(pool: JudgePool, checks: str, trouble: str) -> None:
    verdicts = pool.judge_many(odd(checks, trouble, "right"))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.VOID, Outcome.PASS]
    assert verdicts[0].reason is Reason.VERIFIER_ERROR


def test_what_a_verifier_prints_is_no_verdict(pool: JudgePool, checks: str) -> None:
    verdicts = pool.judge_many(odd(checks, "print", "read", "right"))
    assert [verdict.outcome for verdict in verdicts] == [Outcome.FAIL, Outcome.PASS, Outcome.PASS]


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("{checks}:no_such", Reason.BAD_INPUT),
        ("/no/such/file.py:check", Reason.BAD_INPUT),
        ("no_such_verifier", Reason.UNKNOWN_VERIFIER),
    ],
)
def test_a_verifier_that_is_not_there_is_void(pool: JudgePool, checks: str, place: str, reason: Reason) -> None:
    good = JudgeRequest(f"{checks}:equal", "a", "a")
    verdicts = pool.judge_many([good, JudgeRequest(place.format(checks=checks), "a", "a"), good])
    assert [verdict.is_pass for verdict in verdicts] == [True, False, True]
    assert verdicts[1].is_void
    assert verdicts[1].reason is reason


def test_a_file_that_ends_the_process_as_it_loads(pool: JudgePool, checks: str, tmp_path: object) -> None:
    for name, code in (("quits", "import os; os._exit(0)"), ("raises", "1/0"), ("exits", "raise SystemExit(2)")):
        place = f"{tmp_path}/{name}.py"
        with open(place, "w") as file:
            file.write(code + "\ndef check(response, truth): return True\n")
        good = JudgeRequest(f"{checks}:equal", "a", "a")
        verdicts = pool.judge_many([good, JudgeRequest(f"{place}:check", "a", "a"), good])
        assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS, Outcome.VOID, Outcome.PASS], name


def test_a_truth_that_cannot_be_read_is_void(pool: JudgePool, checks: str) -> None:
    whole = f"{checks}:Whole"
    verdicts = pool.judge_many(
        [JudgeRequest(whole, 3, "3"), JudgeRequest(whole, "3", "3"), JudgeRequest(whole, 3, "4")]
    )
    assert [verdict.outcome for verdict in verdicts] == [Outcome.PASS, Outcome.VOID, Outcome.FAIL]
    assert verdicts[1].reason is Reason.BAD_TRUTH
    assert verdicts[1].evidence == {"error": "whole: an integer would be right"}


def test_a_request_that_json_cannot_hold_is_void(pool: JudgePool, checks: str) -> None:
    requests = [JudgeRequest(f"{checks}:equal", truth, "a") for truth in ({1, 2}, object(), "a")]
    verdicts = pool.judge_many(requests)
    assert [verdict.outcome for verdict in verdicts] == [Outcome.VOID, Outcome.VOID, Outcome.PASS]
    assert verdicts[0].reason is Reason.BAD_INPUT


def test_evidence_that_json_cannot_hold_is_the_verifiers_fault(pool: JudgePool, checks: str) -> None:
    text = "Finding(Outcome.PASS, Reason.CORRECT, 'x', {'bad': object()})"
    (verdict,) = pool.judge_many([JudgeRequest(f"{checks}:returns", None, text)])
    assert verdict.is_void
    assert verdict.reason is Reason.VERIFIER_ERROR


# --- streams ---


def equal_stream(checks: str, count: int) -> Iterator[JudgeRequest]:
    return (JudgeRequest(f"{checks}:equal", str(n % 3), str(n % 2)) for n in range(count))


@pytest.mark.parametrize("order", ["input", "done"])
def test_a_stream_gives_every_index_once(pool: JudgePool, checks: str, order: str) -> None:
    results = list(pool.stream(equal_stream(checks, 1500), order))  # type: ignore[arg-type]
    indices = [index for index, _ in results]
    assert (indices if order == "input" else sorted(indices)) == list(range(1500))
    assert all(verdict.is_pass == (n % 3 == n % 2) for n, verdict in results)


def test_done_first_is_given_first(pool: JudgePool, checks: str) -> None:
    requests = [JudgeRequest(f"{checks}:slow", "1.0", "x"), *equal_stream(checks, 1)]
    assert [index for index, _ in pool.stream(requests, "done")] == [1, 0]
    assert [index for index, _ in pool.stream(requests, "input")] == [0, 1]


def test_an_endless_source_and_a_slow_consumer(pool: JudgePool, checks: str) -> None:
    read = 0

    def endless() -> Iterator[JudgeRequest]:
        nonlocal read
        while True:
            read += 1
            yield JudgeRequest(f"{checks}:equal", "a", "a")

    stream = pool.stream(endless())
    for index, verdict in itertools.islice(stream, 20):
        assert verdict.is_pass
        time.sleep(0.005)
        assert read <= index + 1 + WINDOW + 1, "no more is read than the window lets in"
    stream.close()  # type: ignore[attr-defined]
    time.sleep(0.1)
    stopped = read
    time.sleep(0.1)
    assert read == stopped, "a closed stream reads no further"


def test_large_cases_are_let_in_by_their_bytes(checks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.verify.pool.WINDOW_BYTES", 1000)
    inside, most = 0, 0

    def source() -> Iterator[JudgeRequest]:
        nonlocal inside, most
        for _ in range(30):
            inside += 1
            most = max(most, inside)
            yield JudgeRequest(f"{checks}:equal", "a", "x" * 600)

    with JudgePool(1) as pool:
        for _, verdict in pool.stream(source()):
            assert not verdict.is_pass
            inside -= 1
    assert most <= 4, "the one being judged, the one at the door, and those between the two counters"


def test_verdicts_pass_through_in_their_place(pool: JudgePool, checks: str) -> None:
    ready = Verdict(Outcome.VOID, 0.0, Reason.BAD_INPUT)
    mixed = [*equal_stream(checks, 2), ready, *equal_stream(checks, 2), ready]
    assert [verdict is ready for _, verdict in pool.stream(mixed)] == [False, False, True, False, False, True]


def test_what_breaks_the_source_is_raised_after_its_verdicts(pool: JudgePool, checks: str) -> None:
    def broken() -> Iterator[JudgeRequest]:
        yield from equal_stream(checks, 3)
        raise OSError("the source broke")

    got: list[int] = []
    with pytest.raises(OSError, match="the source broke"):
        got.extend(index for index, _ in pool.stream(broken()))
    assert got == [0, 1, 2]


def test_an_empty_stream(pool: JudgePool) -> None:
    assert list(pool.stream([])) == []


def test_trouble_in_a_stream_keeps_its_place(quick: JudgePool, checks: str) -> None:
    texts = ["right", "hang", "right", "_exit", "right", "raise", "wrong"]
    outcomes = [verdict.outcome.value for _, verdict in quick.stream(odd(checks, *texts))]
    assert outcomes == ["pass", "fail", "pass", "void", "pass", "void", "fail"]


# --- lifetimes ---


def test_many_threads_share_a_pool(pool: JudgePool, checks: str) -> None:
    wrong: list[object] = []

    def ask(thread: int) -> None:
        requests = [JudgeRequest(f"{checks}:equal", f"{thread}-{n}", f"{thread}-{n - n % 2}") for n in range(200)]
        wrong.extend(n for n, verdict in enumerate(pool.judge_many(requests)) if verdict.is_pass != (n % 2 == 0))

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert wrong == []


def test_closing_leaves_nobody_waiting(checks: str) -> None:
    pool = JudgePool(1, timeout=600)
    verdicts: list[Verdict] = []
    waiting = threading.Thread(target=lambda: verdicts.extend(pool.judge_many(odd(checks, *["sleep"] * 5))))
    waiting.start()
    time.sleep(0.5)
    pool.close()
    waiting.join(10)
    assert not waiting.is_alive()
    assert [verdict.reason for verdict in verdicts] == [Reason.WORKER_LOST] * 5
    assert pool.judge_many(odd(checks, "right"))[0].evidence == {"error": "the pool was closed"}
    pool.close()


def test_a_pool_not_used_starts_nothing() -> None:
    threads = threading.active_count()
    with JudgePool(4):
        assert threading.active_count() == threads


def test_options() -> None:
    assert JudgePool().workers == cores() >= 1
    for timeout in (0, -1):
        with pytest.raises(ValueError, match="timeout must be above 0 s"):
            JudgePool(1, timeout)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'["pass", 1.0, "correct", null, {}, "v"]',
        b'["pass", 2.0, "correct", null, {}, "v", 0.0]',
        b'["pass", 1.0, "wrong_value", null, {}, "v", 0.0]',
        b'["maybe", 1.0, "correct", null, {}, "v", 0.0]',
    ],
)
def test_a_line_that_is_no_verdict_is_void(line: bytes) -> None:
    verdict = decode(line)
    assert verdict.is_void
    assert verdict.reason is Reason.WORKER_LOST
