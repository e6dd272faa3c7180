"""The line protocol: one answer for each line, whatever the line holds; then the same through the real command."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from assay.core.types import Outcome, Reason, Verdict
from assay.verify.pool import JudgePool, JudgeRequest
from assay.verify.protocol import LONGEST_LINE, answer_line, parse_line, prompt_text, read_lines, serve

KEYS = ["id", "outcome", "reward", "reason", "answer", "evidence", "seconds"]
GOOD = {"id": "a", "verifier": "choice", "truth": "B", "response": r"so \boxed{B}"}


@pytest.fixture(scope="module")
def pool() -> Iterator[JudgePool]:
    with JudgePool(2, timeout=20.0) as made:
        yield made


def line(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def without(key: str) -> bytes:
    return json.dumps({name: value for name, value in GOOD.items() if name != key}).encode()


def ask(pool: JudgePool, lines: Sequence[bytes], order: str = "input", ending: bytes = b"\n") -> list[dict[str, Any]]:
    sink = io.BytesIO()
    count = serve(io.BytesIO(b"\n".join(lines) + ending), sink, pool, order)  # type: ignore[arg-type]
    answers = sink.getvalue()
    assert answers.isascii()
    assert answers.endswith(b"\n")
    rows = [json.loads(each, parse_constant=pytest.fail) for each in answers.splitlines()]
    assert count == len(rows) == len(lines), "an answer for each line"
    for row in rows:
        assert list(row) == KEYS
        assert row["reward"] == (1.0 if row["outcome"] == "pass" else 0.0)
    return rows


# --- one line ---


def test_a_pass_a_fail_a_void(pool: JudgePool) -> None:
    rows = ask(pool, [line(), line(id="b", response="C"), line(id="c", truth="")])
    assert [(row["id"], row["outcome"], row["reason"]) for row in rows] == [
        ("a", "pass", "correct"),
        ("b", "fail", "no_answer"),
        ("c", "void", "bad_truth"),
    ]
    assert rows[0]["answer"] == "B"
    assert rows[2]["answer"] is None
    assert rows[2]["evidence"]["error"].startswith("choice: answer")
    assert all(isinstance(row["seconds"], float) for row in rows)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "not JSON"),
        (b"   ", "not JSON"),
        (b"hello", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"[1, 2]", "a list where a JSON object is needed"),
        (b"null", "a NoneType where a JSON object is needed"),
        (b'"text"', "a str where a JSON object is needed"),
        (b"\xff\xfe", "not UTF-8: invalid start byte at byte 0"),
        (line()[:-1] + b', "x": NaN}', "NaN is no JSON value"),
        (line()[:-1] + b', "x": -Infinity}', "-Infinity is no JSON value"),
        (line()[:-1] + b', "x": 1e999}', "the number 1e999 is too large"),
        (b"[" * 200_000, "not JSON"),
        (b'{"id": ' + b"9" * 5000 + b"}", "not JSON"),
    ],
)
def test_what_is_no_object_has_no_id(text: bytes, error: str) -> None:
    identity, refusal = parse_line(text)
    assert identity is None
    assert isinstance(refusal, Verdict)
    assert (refusal.outcome, refusal.reason) == (Outcome.VOID, Reason.BAD_INPUT)
    assert error in refusal.evidence["error"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (without("verifier"), "the key 'verifier' is missing"),
        (without("truth"), "the key 'truth' is missing"),
        (without("response"), "the key 'response' is missing"),
        (line(response=3), "response is a int, not a string"),
        (line(response=None), "response is a NoneType, not a string"),
        (line(response=["x"]), "response is a list, not a string"),
        (line(verifier=None), "verifier is a NoneType, not a string"),
        (line(prompt=3), "prompt is neither a string nor a list of messages"),
        (line(prompt=["x"]), "prompt is neither a string nor a list of messages"),
        (line(prompt=[{"role": "user", "content": 3}]), "prompt is neither"),
    ],
)
def test_an_object_that_cannot_be_judged_keeps_its_id(text: bytes, error: str) -> None:
    identity, refusal = parse_line(text)
    assert identity == "a"
    assert isinstance(refusal, Verdict)
    assert error in refusal.evidence["error"]


def test_a_line_without_an_id_is_refused() -> None:
    identity, refusal = parse_line(without("id"))
    assert identity is None
    assert isinstance(refusal, Verdict)
    assert refusal.evidence["error"] == "the key 'id' is missing"


def test_a_task_files_line_is_read_as_it_is() -> None:
    messages = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "last"},
    ]
    text = line(prompt=messages, tags=["t"], source="s", split="train", truth={"answer": "B"})
    assert parse_line(text) == ("a", JudgeRequest("choice", {"answer": "B"}, GOOD["response"], "last"))


@pytest.mark.parametrize(
    ("prompt", "text"),
    [(None, ""), ("", ""), ("q", "q"), ([], ""), ([{"role": "system", "content": "s"}], ""), ({"role": "user"}, None)],
)
def test_prompts(prompt: Any, text: str | None) -> None:
    assert prompt_text(prompt) == text


@pytest.mark.parametrize(
    "identity",
    [
        None,
        0,
        -7,
        2**80,
        1.5,
        True,
        "",
        "a\x00b",
        "\ud800",
        "é",
        [1, {"a": None}],
        {"deep": {"er": [1]}},
        "x" * 100_000,
    ],
)
def test_ids_come_back_as_they_went(pool: JudgePool, identity: Any) -> None:
    (row,) = ask(pool, [line(id=identity)])
    assert row["id"] == identity
    assert type(row["id"]) is type(identity)
    assert row["outcome"] == "pass"


def test_an_id_too_deep_to_be_written_is_null() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    row = json.loads(answer_line(deep, Verdict(Outcome.FAIL, 0.0, Reason.NO_ANSWER)))
    assert row["id"] is None
    assert row["outcome"] == "fail"


# --- streams ---


def test_blank_lines_are_answered_too(pool: JudgePool) -> None:
    rows = ask(pool, [line(), b"", b"  ", line(id="b"), b""])
    assert [row["id"] for row in rows] == ["a", None, None, "b", None]
    assert [row["outcome"] for row in rows] == ["pass", "void", "void", "pass", "void"]


def test_a_last_line_without_its_newline(pool: JudgePool) -> None:
    assert [row["id"] for row in ask(pool, [line(), line(id="b")], ending=b"")] == ["a", "b"]


def test_windows_line_ends(pool: JudgePool) -> None:
    assert [row["outcome"] for row in ask(pool, [line() + b"\r", line(id="b") + b"\r"])] == ["pass", "pass"]


def test_nothing_in_nothing_out(pool: JudgePool) -> None:
    sink = io.BytesIO()
    assert serve(io.BytesIO(b""), sink, pool) == 0
    assert sink.getvalue() == b""


def test_two_lines_may_share_an_id(pool: JudgePool) -> None:
    rows = ask(pool, [line(), line(response="C"), line()])
    assert [(row["id"], row["outcome"]) for row in rows] == [("a", "pass"), ("a", "fail"), ("a", "pass")]


@pytest.mark.parametrize("order", ["input", "done"])
def test_thousands_each_with_its_own_id(pool: JudgePool, order: str) -> None:
    lines = [line(id=n, response=rf"\boxed{{{'AB'[n % 2]}}}") if n % 10 else b"{" for n in range(2000)]
    rows = ask(pool, lines, order)
    if order == "input":
        assert [row["id"] for row in rows] == [n if n % 10 else None for n in range(2000)]
    outcomes = {row["id"]: row["outcome"] for row in rows if row["id"] is not None}
    assert outcomes == {n: "pass" if n % 2 else "fail" for n in range(2000) if n % 10}


def test_lines_of_a_megabyte(pool: JudgePool, checks: str) -> None:
    texts = ["x" * 1_000_000, "\x00" * 200_000, "\ud800" * 150_000, "é" * 500_000]
    lines = [line(id=n, verifier=f"{checks}:equal", truth=text, response=text) for n, text in enumerate(texts)]
    assert [row["outcome"] for row in ask(pool, lines)] == ["pass"] * 4


class Long(io.RawIOBase):
    """Lines longer than is kept, made as they are read."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self._parts = [part for size in sizes for part in (size, b"\n")]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._parts:
            return 0
        first = self._parts[0]
        if isinstance(first, bytes):
            self._parts.pop(0)
            buffer[:1] = first
            return 1
        count = min(first, len(buffer))
        buffer[:count] = b"x" * count
        if count == first:
            self._parts.pop(0)
        else:
            self._parts[0] = first - count
        return count


def test_a_line_too_long_is_answered_and_not_kept() -> None:
    sizes = [10, LONGEST_LINE, 5, 70 * 2**20, LONGEST_LINE - 1, 3]
    lengths = [None if each is None else len(each) for each in read_lines(io.BufferedReader(Long(sizes)))]
    assert lengths == [10, None, 5, None, LONGEST_LINE - 1, 3]
    _, refusal = parse_line(None)
    assert isinstance(refusal, Verdict)
    assert refusal.evidence["error"] == f"the line is longer than {LONGEST_LINE} bytes"


# --- the real command ---


def command(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "assay", "verify", "-", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_command(text: bytes, *arguments: str) -> tuple[list[dict[str, Any]], bytes, int]:
    process = command("--workers", "2", *arguments)
    out, err = process.communicate(text, timeout=60)
    return [json.loads(each) for each in out.splitlines()], err, process.returncode


def test_the_command_answers_every_line_and_nothing_else(checks: str) -> None:
    odd = {"verifier": f"{checks}:odd", "truth": "right"}
    lines = [
        line(),
        b"not json",
        line(id="noise", response="print", **odd),
        line(id="raise", response="raise", **odd),
        line(id="gone", response="_exit", **odd),
        line(id="hang", response="hang", **odd),
        b"",
        line(id={"n": 7}, response=r"\boxed{C}"),
        b'{"id": 1, "verifier": "no_such", "truth": 1, "response": "x"}',
        b'{"id": "long", "verifier": "choice", "truth": "B", "response": "' + b"x" * (70 * 2**20) + b'"}',
        line(id="last", response="right", **odd),
    ]
    rows, err, code = run_command(b"\n".join(lines), "--timeout", "1.5")
    assert code == 0, "a void is an answer"
    assert [list(row) for row in rows] == [KEYS] * len(lines)
    assert [(row["id"], row["outcome"], row["reason"]) for row in rows] == [
        ("a", "pass", "correct"),
        (None, "void", "bad_input"),
        ("noise", "fail", "wrong_value"),
        ("raise", "void", "verifier_error"),
        ("gone", "void", "worker_lost"),
        ("hang", "fail", "timeout"),
        (None, "void", "bad_input"),
        ({"n": 7}, "fail", "wrong_value"),
        (1, "void", "unknown_verifier"),
        (None, "void", "bad_input"),
        ("last", "pass", "correct"),
    ]
    assert b"noise by descriptor" in err


def test_answers_come_as_they_are_judged() -> None:
    """A caller that waits for each answer before it asks again: nothing may sit in a buffer."""
    process = command("--workers", "1")
    assert process.stdin is not None
    assert process.stdout is not None
    for number in range(5):
        process.stdin.write(line(id=number) + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == number
    assert process.communicate(timeout=30)[0] == b""
    assert process.returncode == 0


def test_order_done_lets_a_quick_one_by(checks: str) -> None:
    slow = line(id="slow", verifier=f"{checks}:slow", truth="1.5")
    text = b"\n".join([slow, line(id="quick")])
    rows, _, code = run_command(text, "--order", "done")
    assert [row["id"] for row in rows] == ["quick", "slow"]
    assert code == 0
    assert [row["id"] for row in run_command(text)[0]] == ["slow", "quick"]


def test_nothing_to_answer_is_no_error() -> None:
    assert run_command(b"") == ([], b"", 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--timeout", "0"), b"--timeout 0: seconds above 0 would be right"),
        (("--timeout", "nan"), b"--timeout nan"),
        (("--verifier", "choice"), b"lines on stdin name their own verifier"),
        (("--truth", "B"), b"--truth and --response judge one answer"),
        (("--order", "sideways"), b"sideways"),
        (("--workers", "-1"), b"greater than or equal to 0"),
        (("--no-such-option",), b"No such option"),
    ],
)
def test_usage_is_exit_2(arguments: tuple[str, ...], sentence: bytes) -> None:
    rows, err, code = run_command(b"", *arguments)
    assert (rows, code) == ([], 2)
    assert sentence in err
    assert b"Traceback" not in err


def test_a_reader_that_leaves_is_exit_141(checks: str) -> None:
    process = command("--workers", "1")
    assert process.stdin is not None
    assert process.stdout is not None
    stdin = process.stdin

    def feed() -> None:
        try:
            for number in range(100_000):
                stdin.write(line(id=number) + b"\n")
        except BrokenPipeError:
            pass

    feeder = threading.Thread(target=feed)
    feeder.start()
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 141
    feeder.join(10)
    assert not feeder.is_alive()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    with open(os.devnull) as _, pytest.raises(BrokenPipeError):
        stdin.close()


def test_ctrl_c_is_exit_130_without_a_traceback(checks: str) -> None:
    process = command("--workers", "1")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line() + b"\n" + line(id="b", verifier=f"{checks}:odd", response="sleep") + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["outcome"] == "pass"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert err.endswith(b"assay: stopped\n")
    assert b"Traceback" not in err
