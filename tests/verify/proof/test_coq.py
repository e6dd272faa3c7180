"""The coq verifier over real Coq: every honest script passes, no cheat does, and nothing in a response makes a VOID."""

import json
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge
from assay.verify.pool import JudgePool, JudgeRequest
from assay.verify.proof import coq_check
from assay.verify.proof.coq import CoqVerifier
from assay.verify.proof.coq_check import Compiler, home_of, read_assumptions
from assay.verify.proof.coq_header import read_truth
from assay.verify.proof.coqtop import CoqSession, OutOfStep
from assay.verify.proof.runner import Stage
from assay.verify.proof.tools import ToolLimits

GOLDEN = Path(__file__).parents[2] / "golden/proof"
CHUNKS = 24  # small tests run beside each other
HONEST = [json.loads(line) for line in (GOLDEN / "coq_honest.jsonl").read_text(encoding="utf-8").splitlines()]
CHEATS = [json.loads(line) for line in (GOLDEN / "coq_cheats.jsonl").read_text(encoding="utf-8").splitlines()]
PATIENT = ToolLimits(cpu_s=90, wall_s=250, memory_mb=3072)
needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="no coqc on PATH (apt install coq)")


@pytest.fixture(scope="module")
def verifier() -> Iterator[CoqVerifier]:
    """Patient limits: a busy machine makes no false time-out."""
    made = CoqVerifier(PATIENT)
    yield made
    made.runner.close()


def test_there_are_enough() -> None:
    assert len(HONEST) >= 60
    assert len(CHEATS) >= 90
    assert len({row["response"] + str(row["truth"]) for row in CHEATS}) == len(CHEATS)


@needs_coq
@pytest.mark.timeout(900)
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_honest_scripts_pass(chunk: int, verifier: CoqVerifier) -> None:
    lost = []
    for row in HONEST[chunk::CHUNKS]:
        verdict = judge(verifier, row["truth"], row["response"])
        if not verdict.is_pass:
            lost.append((row["why"], verdict.reason, dict(verdict.evidence)))
    assert not lost


by_kind: dict[str, list[dict[str, str]]] = defaultdict(list)
for each in CHEATS:
    by_kind[each["kind"]].append(each)


@needs_coq
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", sorted(by_kind))
def test_no_cheat_passes(kind: str) -> None:
    limits = ToolLimits(cpu_s=3, wall_s=30, memory_mb=1500) if kind == "bomb" else PATIENT
    verifier = CoqVerifier(limits)
    wrong = []
    for row in by_kind[kind]:
        verdict = judge(verifier, row["truth"], row["response"])
        if verdict.outcome is not Outcome.FAIL:
            wrong.append((row["why"], verdict.outcome, dict(verdict.evidence)))
    verifier.runner.close()
    assert not wrong


# without the row that writes a file by Extraction: its proof is one, and the file is written where nothing reads it
BEHIND = ("an axiom declared inside the proof", "a functor's parameter", "another theorem of the same name", "False shadowed by a new False",
          "Local Unset Guard Checking inside the proof", "bypass_check(positivity)", "Notation that hides a sentence",
          "eq shadowed by a notation")  # fmt: skip


@needs_coq
@pytest.mark.parametrize("why", BEHIND)
def test_the_later_checks_hold_without_the_reader(why: str) -> None:
    """What coqc accepts is refused by the type, the assumptions or the second kernel, were the script reader not there."""
    row = next(each for each in CHEATS if each["why"] == why)
    coqc = shutil.which("coqc")
    assert coqc is not None
    result = Compiler(coqc, PATIENT).check(read_truth(row["truth"]), row["response"])
    assert not result.accepted


@needs_coq
def test_a_bad_truth_is_void_and_says_why(verifier: CoqVerifier) -> None:
    for truth in ({"statement": "no_such_thing"}, {"statement": "True", "preamble": "Definition x : nat := true."}):
        verdict = judge(verifier, truth, "exact I. Qed.")
        assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.BAD_TRUTH)
        assert "does not compile" in str(verdict.evidence["error"])


@pytest.mark.parametrize(
    "truth",
    [
        "True",
        {},
        {"statement": ""},
        {"statement": "True."},
        {"statement": "True. Axiom x : False"},
        {"statement": "(* True"},
        {"statement": "True", "extra": 1},
        {"statement": "True", "allow_axioms": "classic"},
        {"statement": "True", "preamble": 3},
        {"statement": "True", "preamble": "Definition x"},
        {"statement": "\ud800"},
    ],
)
def test_unreadable_truths(truth: object) -> None:
    with pytest.raises(TruthError):
        CoqVerifier().read(truth)


def test_a_missing_prover_is_void(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_COQ", str(tmp_path))
    for response in ("exact I. Qed.", "", "Axiom x : False."):
        verdict = judge(CoqVerifier(), {"statement": "True"}, response)
        assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.PROVER_MISSING)
        assert "apt install coq" in str(verdict.evidence["error"])


@needs_coq
def test_results_are_remembered(verifier: CoqVerifier, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, script = {"statement": "1 + 2 = 3"}, "Proof. reflexivity. Qed."
    first = judge(verifier, truth, script)
    monkeypatch.setattr(Compiler, "check", lambda *_: pytest.fail("checked again"))
    assert judge(verifier, truth, script).outcome is first.outcome is Outcome.PASS


@needs_coq
def test_an_early_refusal_is_quick_and_says_where(verifier: CoqVerifier) -> None:
    truth = {"statement": "forall n : nat, n = n"}
    judge(verifier, truth, "Proof. intros n. reflexivity. Qed.")
    verdict = judge(verifier, truth, "Proof. intros n. exact nothing. Qed.")
    assert verdict.evidence["early"] is True
    assert verdict.evidence["sentence"] == 3  # counted from 1
    assert "nothing" in str(verdict.evidence["messages"])


@needs_coq
def test_through_the_pool() -> None:
    truth = {"statement": "forall n : nat, n = n"}
    with JudgePool(workers=1) as pool:
        verdicts = pool.judge_many(
            [
                JudgeRequest("coq", truth, text)
                for text in ("Proof. reflexivity. Qed.", "Proof. admit. Qed.", "Admitted.")
            ]
        )
    assert [each.outcome for each in verdicts] == [Outcome.PASS, Outcome.FAIL, Outcome.FAIL]


@needs_coq
def test_a_session_forgets_every_script() -> None:
    coqtop = str(shutil.which("coqtop"))
    session = CoqSession(coqtop, "Require Import List.\n", {}, PATIENT, home_of(coqtop))
    try:
        for _ in range(3):
            assert session.run(["Theorem t : True.", "Proof.", "exact I.", "Qed."], 20)[-1] == (None, False)
            refused = session.run(["Theorem t : True.", "exact nothing."], 20)
            assert refused[-1].error is not None
            assert session.run(["Theorem t : True."], 20)[-1] == (None, True)
        with pytest.raises(OutOfStep):
            session.run(["Theorem t : True.", "do 1000000000 idtac."], 0.5)
    finally:
        session.close()


@pytest.mark.parametrize(
    ("printed", "names"),
    [
        ("Closed under the global context\n", []),
        ("Axioms:\nClassical_Prop.classic : forall P : Prop, P \\/ ~ P\n", ["Classical_Prop.classic"]),
        ("Axioms:\nlong_name\n  : forall x : nat,\n    x = x\nb : nat\n", ["long_name", "b"]),
        ("Axioms:\nf is assumed to be guarded.\n", None),
        ("Axioms:\nbad is assumed to be positive.\n", None),
        ("Axioms:\n", None),
        ("", None),
        ("Closed under the global context\nClosed under the global context\n", None),
        ("Theory:\nSet is impredicative\n", None),
        ("Axioms:\nb : nat\nf relies on an unsafe hierarchy.\n", None),
    ],
)
def test_reading_assumptions(printed: str, names: list[str] | None) -> None:
    assert read_assumptions(printed) == names


def test_the_sandbox_that_fails_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coq_check, "run_tool", lambda *_, **__: coq_check.ToolRun("lost", -1, "", "no room", {}, 0.0))
    compiled = Compiler("coqc", ToolLimits()).compiled(read_truth({"statement": "True"}))
    assert compiled.trouble is not None
    assert compiled.trouble.stage is Stage.LOST
