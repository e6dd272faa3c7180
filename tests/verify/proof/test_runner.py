"""The truth table of the one function that turns a prover's result into a verdict."""

import itertools

import pytest

from assay.core.types import Outcome, Reason
from assay.verify.proof.runner import FAULTS, VOIDS, ProverResult, Stage, finding

AXIOMS = ((), ("A",), ("A", "B"), ("C",))


def test_every_stage_has_one_meaning() -> None:
    assert set(FAULTS) | set(VOIDS) | {Stage.DONE} == set(Stage)
    assert not set(FAULTS) & set(VOIDS)


@pytest.mark.parametrize(("accepted", "stage", "axioms"), list(itertools.product((True, False), Stage, AXIOMS)))
def test_truth_table(accepted: bool, stage: Stage, axioms: tuple[str, ...]) -> None:
    found = finding(ProverResult(accepted, stage, ("said",), axioms), {"A", "B"})
    may_pass = accepted and stage is Stage.DONE and "C" not in axioms
    assert (found.outcome is Outcome.PASS) == may_pass
    if stage in VOIDS:
        assert (found.outcome, found.reason) == (Outcome.VOID, VOIDS[stage])
    elif accepted != (stage is Stage.DONE):
        assert (found.outcome, found.reason) == (Outcome.VOID, Reason.VERIFIER_ERROR)
    elif stage in FAULTS:
        assert (found.outcome, found.reason) == (Outcome.FAIL, FAULTS[stage])
    elif not may_pass:
        assert (found.outcome, found.reason) == (Outcome.FAIL, Reason.WRONG_FORM)


def test_no_axiom_is_allowed_by_default() -> None:
    assert finding(ProverResult(True, Stage.DONE)).outcome is Outcome.PASS
    assert finding(ProverResult(True, Stage.DONE, axioms=("A",))).outcome is Outcome.FAIL


def test_evidence_is_small() -> None:
    found = finding(ProverResult(False, Stage.SCRIPT, ("x" * 10_000,) * 100, tuple(map(str, range(1000)))))
    assert len(str(found.evidence)) < 10_000


def test_a_missing_prover_says_how_to_install_it() -> None:
    found = finding(ProverResult(False, Stage.MISSING, ("apt install coq",)))
    assert found.evidence["error"] == "apt install coq"
