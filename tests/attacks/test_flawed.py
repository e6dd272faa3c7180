"""The battery finds the flaw in every deliberately flawed verifier, and none in the careful one they are made from."""

import importlib.util
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from assay.audit.battery import ATTACKS
from assay.audit.report import AuditReport
from assay.audit.run import audit
from assay.core.types import Message, Task, Verdict
from assay.verify.base import Verifier, judge
from assay.verify.pool import JudgeRequest


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


flawed = _load(Path(__file__).with_name("flawed.py"))

NUMBERS = ("168", "12", "50.35", "1/3", "-7", "2500", "162", "7", "0.5", "405")
TEXTS = ("2x+1", "Paris", "x^2", "north-east")
TASKS = tuple(
    Task(f"t{i}", (Message("system", "Solve."), Message("user", f"Problem {i}: box the answer.")), verifier, truth)
    for i, (verifier, truth) in enumerate(
        [("flawed", each) for each in (*NUMBERS, *TEXTS)] + [("choice", each) for each in "ABCD"]
    )
)


class InThisProcess:
    """Every request to one verifier, in order, as a single worker would."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [self._judge_in_thread(each) if each.in_thread else self._judge(each) for each in requests]

    def _judge(self, request: JudgeRequest) -> Verdict:
        return judge(self._verifier, request.truth, request.response, prompt=request.prompt)

    def _judge_in_thread(self, request: JudgeRequest) -> Verdict:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._judge, request).result()


@cache
def audited(name: str) -> AuditReport:
    verifier = flawed.careful() if name == "careful" else flawed.FLAWED[name]()
    return audit(TASKS, level="quick", judges=InThisProcess(verifier))


def test_there_are_enough() -> None:
    assert len(flawed.FLAWED) >= 25


def test_the_careful_one_is_clean() -> None:
    report = audited("careful")
    assert report.is_clean, [(hole.sentence(), hole.truth, hole.text[:80]) for hole in report.holes]
    assert report.attacks_paid == 0
    assert report.recall[0] > 0.8 * report.recall[1]


@pytest.mark.parametrize("name", sorted(flawed.FLAWED))
def test_each_flaw_is_found(name: str) -> None:
    kinds = {hole.kind for hole in audited(name).holes} - {"truth"}
    assert kinds, "no attack broke it"
    wanted = {"surrogates_raise": "void", "deep_nesting_raises": "void", "poisoned_by_a_response": "leak"}
    wanted |= {"rolls_dice": "unstable", "needs_the_main_thread": "thread"}
    if name in wanted:
        assert wanted[name] in kinds


# proofs, programs, documents and instructions have flawed verifiers of their own: tests/attacks/{proof,code,structured,text}
@pytest.mark.parametrize(
    "attack",
    [
        each.name
        for each in ATTACKS
        if not each.family.startswith(
            ("proof", "program", "structured", "sql", "constraint", "instruction", "language", "form")
        )
    ],
)
def test_each_attack_breaks_something(attack: str) -> None:
    broken = [name for name in flawed.FLAWED if any(hole.attack == attack for hole in audited(name).holes)]
    assert broken, f"no flawed verifier falls to {attack}: it proves nothing"
