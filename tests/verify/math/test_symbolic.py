"""sympy's process: what is asked of it, how it is held to its CPU time, and that a busy machine changes no verdict."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from assay.core.types import Outcome, Reason
from assay.verify.base import judge
from assay.verify.math import symbolic
from assay.verify.math.parse import parse
from assay.verify.math.scalar import compare_scalars


@pytest.fixture
def own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process of its own for this test, ended behind it."""
    monkeypatch.setattr(symbolic, "_supervisor", None)
    yield
    if symbolic._supervisor is not None:
        symbolic._supervisor.close()


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (r"\ln(x-100)", r"\ln(-100+x)", True),
        (r"\arcsin(x-10)", r"\arcsin(-10+x)", True),
        (r"\sin^2 x+\cos^2 x", "1", True),
        (r"\ln(x-100)+\pi", r"\pi+\ln(-100+x)", True),
        (r"(x-100)^3 e", r"e (x-100)^3", True),
        ("x^{300}", "x^{300}", None),
        (r"\ln(x-100)", r"\ln(x-101)", False),
        (r"\sqrt[3]{x^3}", "x", None),  # odd roots have another value there
        (r"x^{1/3}", r"\sqrt[3]{x}", None),
        (r"x!", r"x \cdot (x-1)!", None),  # not among what is sent
    ],
)
def test_identity(left: str, right: str, same: bool | None) -> None:
    assert symbolic.are_identical(parse(left), parse(right)) is same


@pytest.mark.parametrize(
    ("truth", "answer", "reason"),
    [
        (r"\ln(x-100)", r"\ln(-100+x)", "correct"),
        (r"\ln(x-100)", r"\ln(x-101)", "undecided"),
        (r"\ln(x-100)", r"2\ln\sqrt{x-100}", "correct"),
        (r"\sqrt{x-10}", r"\sqrt{-10+x}", "correct"),
        (r"\sqrt{x-10}", r"\sqrt{x-11}", "wrong_value"),
        (r"\ln(x^2)", r"2\ln x", "undecided"),  # the second has no value below 0: not asked
    ],
)
def test_it_decides_what_has_too_few_points(truth: str, answer: str, reason: str) -> None:
    found = judge("math", truth, f"so \\boxed{{{answer}}}")
    if reason == "undecided":
        assert found.outcome is Outcome.FAIL
    else:
        assert found.reason == reason


@pytest.mark.usefixtures("own_process")
def test_a_question_that_computes_too_long_is_not_answered_and_the_next_one_is() -> None:
    hard = parse("(x+y+z+u+v+w+1)^{60}-1")
    start = time.perf_counter()
    assert symbolic.is_irreducible(hard) is None
    assert time.perf_counter() - start < symbolic.WALL_SECONDS
    assert symbolic.is_irreducible(parse("x^2+1")) is True
    assert symbolic.is_irreducible(parse("x^2-1")) is False


@pytest.mark.usefixtures("own_process")
def test_a_process_that_waits_its_turn_is_waited_for() -> None:
    """Stopped for longer than its CPU time would last: a machine that is busy elsewhere decides nothing."""
    assert symbolic.is_irreducible(parse("x^2+1")) is True
    assert symbolic._supervisor is not None
    (pid,) = symbolic._supervisor.pids()
    os.kill(pid, signal.SIGSTOP)
    pause = symbolic.CPU_SECONDS + 0.5
    again = threading.Timer(pause, os.kill, (pid, signal.SIGCONT))
    again.start()
    try:
        start = time.perf_counter()
        assert compare_scalars(parse(r"\ln(x-100)"), parse(r"\ln(-100+x)")) is Reason.CORRECT
        assert time.perf_counter() - start > pause - 0.1
    finally:
        again.join()
