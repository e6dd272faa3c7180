"""The `code` verifier: a program against hidden tests.

PASS claims: the program ran in isolation, came to a clean end within its limits, and gave a value for every hidden test,
and each of them met the expected one in a comparison outside the sandbox. Expected values never enter it, so a program
cannot read them, and whatever it does to its own report is only another way of returning a value. Everything else a
program does is FAIL. VOID is left for what no program can cause: no isolation on this machine, or a sandbox that does not
even run a harmless program.

Asserts that are not literal are the exception, and marked `weak` in the evidence: they run beside the program.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from assay.core.errors import EnvironmentFault
from assay.core.types import Finding, Json, Reason
from assay.sandbox.program import Program, Sandbox, SandboxLost, longest_run, shared_sandbox
from assay.verify.base import failed, passed, voided
from assay.verify.code.asserts import Pair, Weak
from assay.verify.code.block import find_block
from assay.verify.code.compiled import run_compiled_tests
from assay.verify.code.outcome import Tested, judge_calls, judge_script
from assay.verify.code.truth import CodeTruth, Script, Test, read_truth


class CodeVerifier:
    """Judges programs in this process's own sandbox; safe from any thread."""

    name = "code"
    version = "1"

    @property
    def fingerprint(self) -> str:
        return _fingerprint()

    def warm(self) -> None:
        """Choose the layer and start a zygote, so that the first program does not wait for them."""
        with contextlib.suppress(EnvironmentFault):  # `check` will say it
            shared_sandbox().is_alive()

    def read(self, truth: Json) -> CodeTruth:
        return read_truth(truth)

    def seconds_needed(self, truth: CodeTruth) -> float:
        """The longest that `check` may take before it says `timeout` by itself."""
        runs = len(truth.tests) + len(truth.visible) if truth.mode == "stdin" else 2
        return 30.0 + runs * longest_run(truth.limits)

    def check(self, truth: CodeTruth, response: str, prompt: str = "") -> Finding:
        block = find_block(response, truth.block)
        if block.source is None:
            return failed(block.reason or Reason.NO_ANSWER)
        try:
            return judge_source(truth, block.source)
        except SandboxLost as error:
            return voided(Reason.SANDBOX_LOST, error=str(error))


def judge_source(truth: CodeTruth, source: str) -> Finding:
    """The finding for a program's source. Raises SandboxMissing and SandboxLost."""
    sandbox = shared_sandbox()
    hidden = run_tests(sandbox, truth, source, truth.tests)
    evidence: dict[str, Json] = hidden.evidence | {"layer": str(sandbox.layer)}
    if truth.is_weak:
        evidence["weak"] = True
    if truth.visible:
        visible = run_tests(sandbox, truth, source, truth.visible)
        evidence["visible"] = "fail" if visible.reason else "pass"
    if hidden.reason is None:
        return passed(source, **evidence)
    return failed(hidden.reason, source, **evidence)


def run_tests(sandbox: Sandbox, truth: CodeTruth, source: str, tests: Sequence[Test]) -> Tested:
    """One run for all calls, or one for each script, up to the first that fails."""
    if truth.language == "c":
        return run_compiled_tests(truth, source, tests)
    if truth.mode != "stdin":
        calls = [each for each in tests if isinstance(each, (Pair, Weak))]
        wanted = [each.call if isinstance(each, Pair) else each.source for each in calls]
        run = sandbox.run(Program(source, tests=wanted, setup=truth.setup), truth.limits)
        return judge_calls(truth, calls, run)
    cpu_s = 0.0
    for index, test in enumerate(each for each in tests if isinstance(each, Script)):
        run = sandbox.run(Program(source, "script", stdin=test.stdin), truth.limits)
        cpu_s += run.cpu_s
        tested = judge_script(truth, test, run)
        if tested.reason is not None:
            found: dict[str, Json] = {
                "tests": len(tests),
                "passed": index,
                "failed_test": index,
                "cpu_s": round(cpu_s, 4),
            }
            return Tested(tested.reason, found | tested.evidence)
    return Tested(None, {"tests": len(tests), "passed": len(tests), "cpu_s": round(cpu_s, 4)})


@cache
def _fingerprint() -> str:
    """12 hex digits over the source of this folder and of the sandbox: what a verdict rests on."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in [
        *sorted(here.glob("*.py")),
        *sorted((here.parent.parent / "sandbox").glob("*.py")),
        here.parent / "base.py",
    ]:
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
