"""The process that judges, spoken to by hand: one line of cases in, a line of labels and a line for each case out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.core.types import Outcome, Reason, Verdict
from assay.verify.worker import LARGEST_KEPT, SEPARATOR, TRUTHS_KEPT, Reader, encode


class Talk:
    """A worker and its two pipes."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "assay.verify.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "ASSAY_PARENT": str(os.getpid())},
        )
        assert self.line() == b"ready"

    def line(self) -> bytes:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip(b"\n")

    def ask(self, *cases: Any, in_thread: bool = False) -> tuple[dict[str, str], list[Any]]:
        raw = [case if isinstance(case, bytes) else json.dumps([*case, in_thread]).encode() for case in cases]
        assert self.process.stdin is not None
        self.process.stdin.write(SEPARATOR.join(raw) + b"\n")
        self.process.stdin.flush()
        labels, _ = json.loads(self.line())
        return labels, [json.loads(self.line()) for _ in cases]

    def end(self) -> tuple[bytes, bytes]:
        return self.process.communicate(timeout=10)


@pytest.fixture
def talk() -> Iterator[Talk]:
    made = Talk()
    yield made
    if made.process.poll() is None:
        made.end()


def test_a_case_may_be_judged_in_another_thread(talk: Talk, tmp_path: Path) -> None:
    file = tmp_path / "threads.py"
    file.write_text(
        "import threading\n\ndef main_only(truth, response):\n"
        "    return threading.current_thread() is threading.main_thread()\n"
    )
    case = [f"{file}:main_only", "a", "b", ""]
    assert [talk.ask(case, in_thread=asked)[1][0][0] for asked in (False, True, False)] == ["pass", "fail", "pass"]


def test_a_batch(talk: Talk, checks: str) -> None:
    labels, answers = talk.ask(
        ["choice", "B", r"\boxed{B}", ""],
        [f"{checks}:equal", "a", "b", ""],
        ["nothing", "a", "b", ""],
        ["choice", "", "b", ""],
    )
    assert set(labels) == {"choice", f"{checks}:equal"}
    assert [answer[0] for answer in answers] == ["pass", "fail", "void", "void"]
    assert [answer[2] for answer in answers] == ["correct", "wrong_value", "unknown_verifier", "bad_truth"]
    assert answers[0][3] == "B"
    assert answers[0][5] == labels["choice"]


def test_a_broken_case_does_not_break_its_batch(talk: Talk) -> None:
    good = ["choice", "B", r"\boxed{B}", ""]
    _, answers = talk.ask(good, b"not json", good, b'["choice", "B"]', b"{}", b"", good)
    assert [answer[0] for answer in answers] == ["pass", "void", "pass", "void", "void", "void", "pass"]


def test_stdout_holds_the_protocol_alone(talk: Talk, checks: str) -> None:
    _, answers = talk.ask([f"{checks}:odd", "right", "print", ""], [f"{checks}:odd", "right", "right", ""])
    assert [answer[0] for answer in answers] == ["fail", "pass"]
    out, err = talk.end()
    assert out == b""
    assert b"noise at import" in err
    assert err.count(b"noise by descriptor") == 2


def test_it_ends_when_its_stdin_does(talk: Talk) -> None:
    assert talk.end() == (b"", b"")
    assert talk.process.returncode == 0


def test_what_a_verifier_reads_is_empty(talk: Talk, checks: str) -> None:
    _, answers = talk.ask([f"{checks}:odd", "x", "read", ""], ["choice", "B", r"\boxed{B}", ""])
    assert [answer[0] for answer in answers] == ["pass", "pass"]


def test_the_last_truths_read_are_kept() -> None:
    reader = Reader()
    first = reader.read("choice", "B")
    assert reader.read("choice", "B") is first
    assert reader.read("choice", {"answer": "B"}) is not first
    for number in range(TRUTHS_KEPT - 2):
        reader.read("choice", f"N{number}")
    assert reader.read("choice", "B") is first, "asked for again, it stays"
    reader.read("choice", "one more")
    reader.read("choice", "and one")
    assert reader.read("choice", "B") is first
    for number in range(TRUTHS_KEPT):
        reader.read("choice", f"M{number}")
    assert reader.read("choice", "B") is not first


def test_truths_are_told_apart_by_kind() -> None:
    reader = Reader()
    assert reader.read("format", "boxed").truth is not reader.read("format", "think_answer").truth
    one, other = (reader.read("choice", {"answer": "A", "choices": {"A": text}}) for text in ("1", "2"))
    assert one.truth != other.truth


def test_a_huge_truth_is_read_but_not_kept() -> None:
    reader = Reader()
    truth = {"answer": "A", "choices": {"A": "x" * LARGEST_KEPT}}
    assert reader.read("choice", truth) is not reader.read("choice", truth)


@pytest.mark.parametrize("evidence", [{"bad": object()}, {"deep": None}])
def test_what_cannot_be_written_is_void(evidence: dict[str, Any]) -> None:
    if "deep" in evidence:
        inner: list[Any] = []
        for _ in range(100_000):
            inner = [inner]
        evidence = {"deep": inner}
    verdict = Verdict(Outcome.PASS, 1.0, Reason.CORRECT, "x", evidence, "v@1#0", 0.5)
    outcome, score, reason, answer, _, label, _ = json.loads(encode(verdict, "v"))
    assert (outcome, score, reason, answer, label) == ("void", 0.0, "verifier_error", None, "v")


def test_numbers_that_json_has_no_word_for_are_null() -> None:
    verdict = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE, "\ud800", {"nan": float("nan")}, "v@1#0")
    line = encode(verdict, "v")
    assert line.isascii()
    assert b"\n" not in line
    assert json.loads(line)[3:5] == ["\ud800", {"nan": None}]
