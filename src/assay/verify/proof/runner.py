"""What a prover says, and what that makes the verdict: one small pure function, tested by a truth table.

A prover's exit code is not a verdict: of 90 cheating or invalid scripts `coqc` accepts 62. So a runner does not return a
verdict but a `ProverResult`: how far the answer came, and the axioms that the proof rests on. `finding` is the only place
that turns one into PASS, and looks at the axioms itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

from assay.core.types import NOTHING, Finding, Json, Reason
from assay.verify.base import failed, passed, voided

LONGEST_MESSAGE = 600  # characters of a prover's message kept as evidence


class Stage(StrEnum):
    """Where the judging of a proof ended."""

    DONE = "done"  # every check was passed
    # the answer's fault
    EMPTY = "empty"  # nothing but white space
    STATIC = "static"  # refused before any prover saw it
    SCRIPT = "script"  # the prover did not accept the proof
    TYPE = "type"  # it proves something else
    AXIOMS = "axioms"  # it rests on axioms that the task does not allow
    KERNEL = "kernel"  # a second kernel did not accept the compiled proof
    TIME = "time"
    LIMIT = "limit"  # memory, output, file size, processes
    # ours
    MISSING = "missing"  # no prover on this machine
    TRUTH = "truth"  # the statement or its preamble does not compile
    LOST = "lost"  # the sandbox failed


class ProverResult(NamedTuple):
    """`accepted` only with stage DONE. `axioms`: full names, of an accepted or AXIOMS result."""

    accepted: bool
    stage: Stage
    messages: tuple[str, ...] = ()
    axioms: tuple[str, ...] = ()
    seconds: float = 0.0
    detail: Mapping[str, Json] = NOTHING


class Prover(Protocol):
    """A runner: the task's statement is ours, the proof is the policy's."""

    def prove(self, truth: Json, proof: str) -> ProverResult: ...


FAULTS: Mapping[Stage, Reason] = {
    Stage.EMPTY: Reason.NO_ANSWER,
    Stage.STATIC: Reason.MALFORMED,
    Stage.SCRIPT: Reason.ERROR,
    Stage.TYPE: Reason.WRONG_VALUE,
    Stage.AXIOMS: Reason.WRONG_FORM,
    Stage.KERNEL: Reason.ERROR,
    Stage.TIME: Reason.TIMEOUT,
    Stage.LIMIT: Reason.LIMIT,
}
VOIDS: Mapping[Stage, Reason] = {
    Stage.MISSING: Reason.PROVER_MISSING,
    Stage.TRUTH: Reason.BAD_TRUTH,
    Stage.LOST: Reason.SANDBOX_LOST,
}


def finding(result: ProverResult, allowed: Collection[str] = ()) -> Finding:
    """The verdict's content. PASS only for an accepted result that came through every stage on allowed axioms alone."""
    evidence: dict[str, Json] = {"stage": result.stage.value, **result.detail}
    if result.messages:
        evidence["messages"] = [each[:LONGEST_MESSAGE] for each in result.messages[:8]]
    if result.axioms:
        evidence["axioms"] = list(result.axioms[:50])
    if result.stage in VOIDS:
        error = result.messages[0][:LONGEST_MESSAGE] if result.messages else result.stage.value
        return voided(VOIDS[result.stage], **{**evidence, "error": error})
    if result.accepted != (result.stage is Stage.DONE):
        return voided(Reason.VERIFIER_ERROR, **evidence, error="the runner contradicts itself: accepted and refused")
    if result.stage in FAULTS:
        return failed(FAULTS[result.stage], **evidence)
    if not set(result.axioms) <= set(allowed):
        return failed(Reason.WRONG_FORM, **evidence)
    return passed(**evidence)


def refused(stage: Stage, *messages: str, **detail: Json) -> ProverResult:
    return ProverResult(False, stage, messages, detail=detail or NOTHING)
