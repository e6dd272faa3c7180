"""Programs in C: compiled by gcc and run, both in the sandbox's `tool` profile.

The seam for another language is this file's two commands: one that makes a program out of a source file, and one that
runs it on a test's input. What it prints is compared outside, as for Python.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.core.errors import EnvironmentFault
from assay.core.types import Json, Reason
from assay.sandbox.limits import Limits
from assay.sandbox.program import Run
from assay.sandbox.tool import ToolLimits, ToolResult, run_tool
from assay.verify.code.outcome import Tested, judge_script
from assay.verify.code.truth import CodeTruth, Script, Test

COMPILE = ("gcc", "-O2", "-std=gnu17", "-x", "c", "-o", "main", "main.c", "-lm")
COMPILE_LIMITS = ToolLimits(cpu_s=20.0, wall_s=60.0)


def run_compiled_tests(truth: CodeTruth, source: str, tests: Sequence[Test]) -> Tested:
    """Raises EnvironmentFault where there are no namespaces or no compiler."""
    made = run_tool(COMPILE, {"main.c": source}, COMPILE_LIMITS, collect=["main"])
    if made.exit_code == 127:
        raise EnvironmentFault("C programs need gcc, which is not installed here")
    program = made.files.get("main")
    if not made.has_succeeded or program is None:
        reason = Reason.TIMEOUT if made.killed in ("cpu", "wall") else Reason.LIMIT if made.killed else Reason.ERROR
        return Tested(reason, {"compile": made.stderr[:200].decode("utf-8", "replace")})
    for index, test in enumerate(each for each in tests if isinstance(each, Script)):
        run = as_run(run_tool(["./main"], {"main": program}, _limits(truth.limits), stdin=test.stdin.encode()))
        tested = judge_script(truth, test, run)
        if tested.reason is not None:
            found: dict[str, Json] = {"tests": len(tests), "passed": index, "failed_test": index}
            return Tested(tested.reason, found | tested.evidence)
    return Tested(None, {"tests": len(tests), "passed": len(tests)})


def as_run(result: ToolResult) -> Run:
    return Run(
        output=result.stdout,
        is_over=True,
        exit_code=result.exit_code,
        signal=result.signal,
        killed=result.killed,
        cpu_s=result.cpu_s,
        wall_s=result.wall_s,
    )


def _limits(limits: Limits) -> ToolLimits:
    return ToolLimits(limits.cpu_s, limits.wall_s, limits.memory_mb, processes=1, most_bytes=8 << 20)
