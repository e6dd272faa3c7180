"""`judge` is the one boundary: whatever a verifier does, a verdict comes out, and only a PASS says PASS."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.core.errors import ConfigError, MissingExtra, ModelError, TruthError, UnknownName, UsageError
from assay.core.types import Finding, Message, Outcome, Reason, Task, Verdict
from assay.verify import base
from assay.verify.base import (
    VERIFIERS,
    Case,
    Verifier,
    failed,
    find_verifier,
    fingerprint,
    judge,
    judge_case,
    label,
    passed,
    read_case,
    read_task,
    void_for,
    voided,
)


class Scripted:
    """A verifier whose check does what it is told."""

    name, version, fingerprint = "scripted", "3", "0123456789ab"

    def __init__(self, do: Callable[[], Any], read: Callable[[], Any] = lambda: None) -> None:
        self._do, self._read = do, read

    def read(self, truth: Any) -> Any:
        self._read()
        return truth

    def check(self, truth: Any, response: str, prompt: str = "") -> Any:
        return self._do()


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def throw(error: BaseException) -> Any:
    raise error


CORRECT = Finding(Outcome.PASS, Reason.CORRECT, "2")


def test_a_pass() -> None:
    verdict = judge(Scripted(lambda: passed("2", seen=1)), "2", "2")
    assert verdict == Verdict(
        Outcome.PASS, 1.0, Reason.CORRECT, "2", {"seen": 1}, "scripted@3#0123456789ab", verdict.seconds
    )
    assert 0 <= verdict.seconds < 1


@pytest.mark.parametrize(
    ("finding", "outcome", "score", "reason"),
    [
        (passed(), Outcome.PASS, 1.0, Reason.CORRECT),
        (failed(Reason.NO_ANSWER), Outcome.FAIL, 0.0, Reason.NO_ANSWER),
        (voided(Reason.BAD_TRUTH), Outcome.VOID, 0.0, Reason.BAD_TRUTH),
        (CORRECT._replace(score=0.75), Outcome.PASS, 0.75, Reason.CORRECT),
        (failed(Reason.WRONG_VALUE)._replace(score=0.5), Outcome.FAIL, 0.5, Reason.WRONG_VALUE),
        (("fail", "wrong_value", None, {}, None), Outcome.FAIL, 0.0, Reason.WRONG_VALUE),
    ],
)
def test_findings_become_verdicts(finding: Finding, outcome: Outcome, score: float, reason: Reason) -> None:
    verdict = judge(Scripted(lambda: finding), None, "x")
    assert (verdict.outcome, verdict.score, verdict.reason) == (outcome, score, reason)
    assert verdict.outcome is outcome


@pytest.mark.parametrize(
    "finding",
    [
        None,
        True,
        1.0,
        "pass",
        (),
        CORRECT._replace(score=2.0),
        CORRECT._replace(score=float("nan")),
        CORRECT._replace(score="1"),  # type: ignore[arg-type]
        CORRECT._replace(reason=Reason.WRONG_VALUE),
        CORRECT._replace(outcome=Outcome.FAIL),
        CORRECT._replace(outcome="PASS"),  # type: ignore[arg-type]
        CORRECT._replace(evidence=None),  # type: ignore[arg-type]
        CORRECT._replace(evidence=3),  # type: ignore[arg-type]
        (*CORRECT, "more"),
    ],
)
def test_what_is_no_finding_is_void(finding: object) -> None:
    verdict = judge(Scripted(lambda: finding), None, "x")
    assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.VERIFIER_ERROR)
    assert verdict.evidence["error"]


def test_an_answer_is_text() -> None:
    assert judge(Scripted(lambda: CORRECT._replace(answer=2)), None, "x").answer == "2"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "reason", "text"),
    [
        (TruthError("no truth"), Reason.BAD_TRUTH, "no truth"),
        (UnknownName("verifier", "maht", ["math"]), Reason.UNKNOWN_VERIFIER, "unknown verifier 'maht'"),
        (MissingExtra("z3", "proofs", "smt"), Reason.MISSING_EXTRA, "smt needs z3"),
        (ModelError("no model"), Reason.SANDBOX_MISSING, "no model"),
        (UsageError("not so"), Reason.BAD_INPUT, "not so"),
        (ConfigError("not so"), Reason.BAD_INPUT, "not so"),
        (ValueError("broken"), Reason.VERIFIER_ERROR, "ValueError: broken"),
        (RecursionError("deep"), Reason.VERIFIER_ERROR, "RecursionError: deep"),
        (MemoryError(), Reason.VERIFIER_ERROR, "MemoryError: "),
        (Unprintable(), Reason.VERIFIER_ERROR, "Unprintable"),
        (ValueError("x" * 10_000), Reason.VERIFIER_ERROR, "ValueError: xxx"),
        (ValueError("\ud800\x00"), Reason.VERIFIER_ERROR, "ValueError: \ud800"),
    ],
)
def test_every_exception_is_void_with_its_reason(error: Exception, reason: Reason, text: str) -> None:
    for verdict in (
        judge(Scripted(lambda: throw(error)), None, "x"),
        judge(Scripted(lambda: CORRECT, read=lambda: throw(error)), None, "x"),
        void_for(error, "scripted"),
    ):
        assert (verdict.outcome, verdict.score, verdict.reason) == (Outcome.VOID, 0.0, reason)
        assert verdict.evidence["error"].startswith(text)
        assert len(verdict.evidence["error"]) <= 300
        assert verdict.verifier.startswith("scripted")


def test_only_the_interpreters_own_exits_pass_through() -> None:
    for error in (KeyboardInterrupt(), SystemExit(1)):
        with pytest.raises(type(error)):
            judge(Scripted(lambda error=error: throw(error)), None, "x")  # type: ignore[misc]


@pytest.mark.parametrize("verifier", ["", "no_such", ":", "a:", ":b", "no.such.module:check", None, 3, object()])
def test_what_is_no_verifier_is_void(verifier: Any) -> None:
    verdict = judge(verifier, "1", "1")
    assert verdict.is_void
    assert verdict.reason in (Reason.UNKNOWN_VERIFIER, Reason.BAD_INPUT, Reason.VERIFIER_ERROR)


def test_an_unknown_verifier_comes_with_the_nearest() -> None:
    assert "did you mean 'choice'" in judge("chioce", "B", "B").evidence["error"]
    with pytest.raises(UnknownName, match="did you mean 'choice'"):
        find_verifier("chioce")


@pytest.mark.parametrize("name", sorted(VERIFIERS))
def test_every_built_in_is_a_verifier(name: str) -> None:
    found = find_verifier(name)
    assert isinstance(found, Verifier)
    assert found.name == name
    assert len(fingerprint(found)) == 12
    int(fingerprint(found), 16)


@pytest.mark.parametrize("name", sorted(set(VERIFIERS) - {"preference"}))  # nothing: [reward.models] says it
@pytest.mark.parametrize(
    "truth", [None, True, [], {}, {"no_such_key": 1}, {"parts": []}, {"answer": None}, float("inf"), [[[]]]]
)
def test_no_built_in_takes_just_any_truth(name: str, truth: Any) -> None:
    with pytest.raises(TruthError):
        read_case(name, truth)
    assert judge(name, truth, "x").reason is Reason.BAD_TRUTH


@pytest.mark.parametrize(
    "truth", [True, [], {"no_such_key": 1}, {"parts": []}, {"helpful": {"model": "m", "scale": 2}}]
)
def test_reward_models_are_named_as_they_must_be(truth: Any) -> None:
    with pytest.raises(TruthError):
        read_case("preference", truth)
    assert judge("preference", truth, "x").reason is Reason.BAD_TRUTH


def test_a_task_with_an_unreadable_truth_is_named() -> None:
    task = Task("t-17", (Message("user", "?"),), "choice", "")
    with pytest.raises(TruthError, match=r"^task t-17: choice: answer"):
        read_task(task)
    assert read_task(Task("t", (), "choice", "B")).truth.answer == "b"


def test_a_case_is_read_once_and_judged_often() -> None:
    reads: list[int] = []
    case = read_case(Scripted(lambda: CORRECT, read=lambda: reads.append(1)), "2")
    assert isinstance(case, Case)
    assert [judge_case(case, "x").is_pass for _ in range(3)] == [True] * 3
    assert reads == [1]


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A verify folder of our own, with one verifier in it."""
    import sys
    import types

    for name, text in (("base.py", "base"), ("extract.py", "extract"), ("one.py", "one"), ("other.py", "other")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(base, "__file__", str(tmp_path / "base.py"))
    module = types.ModuleType("assay_test_verifier")
    module.__file__ = str(tmp_path / "one.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    base._source_hash.cache_clear()
    yield tmp_path
    base._source_hash.cache_clear()


def test_a_fingerprint_changes_with_the_source_it_stands_for(sources: Path) -> None:
    def now() -> str:
        base._source_hash.cache_clear()
        return base._source_hash("assay_test_verifier")

    first = now()
    assert now() == first
    (sources / "other.py").write_text("changed")
    assert now() == first, "another verifier's file is no part of it"
    for name in ("one.py", "extract.py", "base.py"):
        before = now()
        (sources / name).write_text(f"changed {name}")
        assert now() != before


def test_labels() -> None:
    assert label(Scripted(lambda: None)) == "scripted@3#0123456789ab"
    name, _, rest = label(find_verifier("choice")).partition("@")
    version, _, digest = rest.partition("#")
    assert (name, version, len(digest)) == ("choice", "1", 12)
