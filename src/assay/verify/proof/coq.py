"""Proofs for Rocq/Coq: the statement is the task's, the script the policy's, and PASS needs every check to agree.

The truth is `{"statement": type, "preamble": text, "allow_axioms": [full names]}`; the response is what follows
`Theorem assay_thm : STATEMENT.` In order: the script is read and allowed or refused (`coq_script`, microseconds), a warm
coqtop refuses most failures (`coqtop`, milliseconds), and what survives pays the full check (`coq_check`).

A machine without coqc is VOID `prover_missing`, a statement that does not compile VOID `bad_truth`; nothing that a
response holds leads to VOID. Verdicts are remembered by statement, preamble, script and the prover's version.
"""

from __future__ import annotations

import atexit
import threading
from collections import OrderedDict
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from assay.core.types import Finding, Json
from assay.verify.proof.coq_check import MISSING, Compiler, coq_version, home_of, program
from assay.verify.proof.coq_header import CoqTruth, read_truth
from assay.verify.proof.coq_script import Item, Malformed, read_script
from assay.verify.proof.coqtop import MOST_SCRIPTS, Answer, CoqSession, OutOfStep
from assay.verify.proof.runner import ProverResult, Stage, finding, refused
from assay.verify.proof.tools import ToolLimits

FAST_SECONDS = 2.0  # a script that takes longer is left to the full check
STAGES = 6  # runs of the full check, the truth's own two among them; each has its limits
SESSIONS = 4  # warm processes kept, by preamble (`coq_statements` has four): 60 MB each, 250 MB with lia
RESULTS_KEPT = 4096


LIMITS = ToolLimits(cpu_s=20.0, wall_s=120.0, memory_mb=3072, file_mb=32)  # of each run
_WARM = replace(LIMITS, cpu_s=600.0)  # for all the scripts of one process; each has its seconds


class CoqRunner:
    """Judges scripts: the warm sessions, the compiler, and the results that both have given."""

    def __init__(self, limits: ToolLimits | None = None) -> None:
        self.limits = limits or LIMITS
        self._compiler: Compiler | None = None
        self._sessions: OrderedDict[str, CoqSession] = OrderedDict()
        self._results: OrderedDict[tuple[CoqTruth, str, str], ProverResult] = OrderedDict()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def prove(self, truth: CoqTruth, proof: str) -> ProverResult:
        """Never VOID for anything that stands in `proof`."""
        coqc = program("coqc")
        if coqc is None:
            return refused(Stage.MISSING, MISSING)
        if not proof.strip():
            return refused(Stage.EMPTY, "no proof")
        try:
            items = read_script(proof)
        except Malformed as error:
            return refused(Stage.STATIC, str(error))
        version = coq_version(coqc)
        key = (truth, proof, version)
        with self._lock:
            result = self._results.get(key)
            if result is None:
                result = self._judge(coqc, truth, proof, items)
                result = result._replace(detail={**result.detail, "prover": f"coq {version}"})
                if result.accepted or result.stage in (Stage.SCRIPT, Stage.TYPE, Stage.AXIOMS, Stage.KERNEL):
                    self._results[key] = result
                    if len(self._results) > RESULTS_KEPT:
                        self._results.popitem(last=False)
        return result

    def check_sentences(
        self, truth: CoqTruth, sentences: Sequence[str], seconds: float, probes: Container[int] = ()
    ) -> list[Answer] | ProverResult:
        """A warm coqtop's answers to sentences said after the theorem, up to the first refusal; or why there are none."""
        coqc = program("coqc")
        if coqc is None:
            return refused(Stage.MISSING, MISSING)
        with self._lock:
            compiler = self._compiler_for(coqc)
            trouble = compiler.compiled(truth).trouble
            if trouble is not None:
                return trouble
            answers = self._ask(
                compiler, truth, sentences, seconds, {at + 1 for at in range(len(sentences)) if at in probes}
            )
        return answers[1:] if answers is not None else refused(Stage.TIME, f"no answer in {seconds:g} s")

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    def _compiler_for(self, coqc: str) -> Compiler:
        if self._compiler is None or self._compiler.coqc != coqc:
            self._compiler = Compiler(coqc, self.limits)
        return self._compiler

    def _judge(self, coqc: str, truth: CoqTruth, proof: str, items: tuple[Item, ...]) -> ProverResult:
        compiler = self._compiler_for(coqc)
        trouble = compiler.compiled(truth).trouble
        if trouble is not None:
            return trouble
        answers = self._ask(compiler, truth, [item.text for item in items], FAST_SECONDS)
        if answers and answers[-1].error is not None:
            detail: Mapping[str, Json] = {"sentence": len(answers) - 1, "early": True}
            return ProverResult(False, Stage.SCRIPT, (answers[-1].error,), detail=detail)
        return compiler.check(truth, proof)

    def _ask(
        self,
        compiler: Compiler,
        truth: CoqTruth,
        sentences: Sequence[str],
        seconds: float,
        probes: Container[int] = (),
    ) -> list[Answer] | None:
        """None: undecided (no coqtop, no answer in time, out of step, or an error that is not the script's)."""
        coqtop = program("coqtop")
        if coqtop is None:
            return None
        key = f"{truth.preamble}\0{truth.header}"
        session = self._sessions.pop(key, None)
        try:
            if session is None:
                session = CoqSession(coqtop, truth.header, compiler.compiled(truth).files, _WARM, home_of(coqtop))
            answers = session.run([truth.theorem, *sentences], seconds, probes)
        except OutOfStep:
            if session is not None:
                session.close()
            return None
        if session.scripts >= MOST_SCRIPTS:
            session.close()
        else:
            self._sessions[key] = session
            if len(self._sessions) > SESSIONS:
                self._sessions.popitem(last=False)[1].close()
        return None if answers[0].error is not None else answers


class CoqVerifier:
    name = "coq"
    version = "1"

    def __init__(self, limits: ToolLimits | None = None) -> None:
        self.runner = CoqRunner(limits)

    def read(self, truth: Json) -> CoqTruth:
        return read_truth(truth)

    def seconds_needed(self, truth: CoqTruth) -> float:
        return FAST_SECONDS + STAGES * self.runner.limits.wall_s

    def check(self, truth: CoqTruth, response: str, prompt: str = "") -> Finding:
        return finding(self.runner.prove(truth, response), truth.allow_axioms)
