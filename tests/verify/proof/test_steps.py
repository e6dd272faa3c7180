"""The steps verifier: outcomes, and the process reward beside them."""

import json
import shutil
from pathlib import Path

import pytest

from assay.core.errors import TruthError
from assay.core.types import Outcome, Reason
from assay.verify.base import judge, read_case

GOLDEN = Path(__file__).parents[2] / "golden/proof/steps.jsonl"
ROWS = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="no coqc on PATH (apt install coq)")
ADD = {"checker": "coq", "statement": "forall n : nat, n + 0 = n"}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["why"])
def test_chains(row: dict[str, object]) -> None:
    verdict = judge("steps", row["truth"], str(row["response"]))
    shown = dict(verdict.evidence)
    assert verdict.outcome.value == row["expect"], shown
    assert (shown["checked"], shown["of"]) == (row["checked"], row["of"])
    if verdict.outcome is Outcome.FAIL:
        assert verdict.score == pytest.approx(shown["checked"] / (shown["of"] + 1))
        assert verdict.score < 1
    for each in shown["steps"]:
        assert str(row["response"])[each["start"] : each["end"]].strip()


def test_padding_buys_nothing() -> None:
    truth = {"checker": "math", "start": "12*7+3", "answer": "87"}
    plain = judge("steps", truth, "12*7+3 = 84+3 = 90\n\\boxed{90}")
    padded = judge("steps", truth, "12*7+3 = 84+3" + " = 84 + 3" * 20 + " = 90\n\\boxed{90}")
    assert padded.score == plain.score


@needs_coq
@pytest.mark.parametrize(
    ("script", "outcome", "checked", "of"),
    [
        ("Proof. intros n. induction n. - reflexivity. - simpl. rewrite IHn. reflexivity. Qed.", Outcome.PASS, 6, 6),
        ("Proof. intros n. induction n. - reflexivity. - simpl. reflexivity. Qed.", Outcome.FAIL, 4, 5),
        ("Proof. intros n. induction n. - reflexivity. - simpl. idtac. idtac. reflexivity. Qed.", Outcome.FAIL, 4, 5),
        ("Proof. intros n. exact nothing. induction n. reflexivity. Qed.", Outcome.FAIL, 1, 4),
        ("Proof. intros n. Qed.", Outcome.FAIL, 1, 1),
        ("Proof. idtac. idtac. Qed.", Outcome.FAIL, 0, 0),
        ("Proof. admit. Qed.", Outcome.FAIL, 0, 1),
        ("Proof. Admitted.", Outcome.FAIL, 0, 0),
        ("Proof (fun n => eq_refl).", Outcome.FAIL, 0, 1),
        ("", Outcome.FAIL, 0, 0),
    ],
)
def test_scripts(script: str, outcome: Outcome, checked: int, of: int) -> None:
    verdict = judge("steps", ADD, script)
    assert (verdict.outcome, verdict.evidence["checked"], verdict.evidence["of"]) == (outcome, checked, of)
    assert verdict.score == (1.0 if outcome is Outcome.PASS else pytest.approx(checked / (of + 1)))
    for each in verdict.evidence["steps"]:
        assert script[each["start"] : each["end"]].endswith(".")


def test_a_missing_prover_is_void(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_COQ", str(tmp_path))
    assert judge("steps", ADD, "Proof. auto. Qed.").reason is Reason.PROVER_MISSING


@pytest.mark.parametrize(
    "truth",
    [
        "87",
        {"checker": "lean"},
        {"checker": "math", "answer": "87"},
        {"checker": "math", "start": "1", "answer": None},
        {"checker": "math", "start": " ", "answer": "1"},
        {"checker": "math", "start": "1", "answer": "1", "extra": 1},
        {"checker": "coq", "statement": "True."},
        {"checker": "coq", "statement": "True", "start": "1"},
    ],
)
def test_unreadable_truths(truth: object) -> None:
    with pytest.raises(TruthError):
        read_case("steps", truth)
