"""Proofs for Lean 4: the same design as for Coq. The statement is the task's, the proof the policy's.

The truth is `{"statement": type, "header": text, "allow_axioms": [names], "mode": "proof" | "file"}`; in `proof` mode the
response is what follows `theorem assay_thm : STATEMENT :=`, in `file` mode a whole file that proves `assay_thm`. In order:

1. the text is read and allowed or refused (`lean_script`);
2. a warm REPL refuses most failures, where one is named (`repl`);
3. `lean -o` compiles the proof on the header's compiled module, in a private folder;
4. another process imports only what was compiled: `theorem NAME : AssaySpec.goal := @assay_thm` and `#print axioms NAME`,
   under a name made for this one check; its one message must be that one;
5. `leanchecker`, where the toolchain has it, replays the compiled proof through the kernel.

This follows leanprover's comparator. The allowed axioms are propext, Classical.choice and Quot.sound unless the task says
otherwise. Lean is found as `ASSAY_LEAN` (a lean binary, with the folders of compiled libraries in `ASSAY_LEAN_PATH`), or in
the Lake project `ASSAY_LEAN_PROJECT`, or on PATH;
`ASSAY_LEAN_REPL` names a REPL. Version 4.34 or later.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import threading
from collections import OrderedDict
from dataclasses import replace
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from assay.core.types import Finding, Json
from assay.verify.proof.coq_script import Malformed
from assay.verify.proof.coqtop import OutOfStep
from assay.verify.proof.lean_header import THEOREM, LeanTruth, check_text, read_truth
from assay.verify.proof.lean_script import read_lean
from assay.verify.proof.repl import ReplSession
from assay.verify.proof.runner import ProverResult, Stage, finding, refused
from assay.verify.proof.tools import ToolLimits, ToolRun, run_tool

OLDEST = (4, 34)
MISSING = (
    "no Lean 4.34 or later on this machine: elan (https://lean-lang.org) brings it; ASSAY_LEAN_PROJECT may name a Lake project "
    "that is built, ASSAY_LEAN a lean binary"
)
FAST_SECONDS = 10.0
STAGES = 5  # runs of the full check, the truth's own two among them; each has its limits
RESULTS_KEPT = 4096
COMPILED_KEPT = 256
LIMITS = ToolLimits(
    cpu_s=120.0, wall_s=240.0, memory_mb=16384, file_mb=64
)  # address space: Lean maps its libraries whole


_WARM = replace(LIMITS, cpu_s=3600.0)  # for all the proofs of one process; each has its seconds


class Toolchain(NamedTuple):
    """`lean` and what it needs to find: the library path, and the folders a sandbox must let it read."""

    lean: str
    path: str
    version: str
    checker: str | None

    @property
    def readable(self) -> tuple[str, ...]:
        binary = Path(self.lean).resolve()
        return (str(binary.parent.parent), *filter(None, self.path.split(os.pathsep)))


@cache
def find_toolchain(lean: str | None, project: str | None, path: str = "") -> Toolchain | None:
    """None where there is no Lean, or one that is too old."""
    if lean is None and project is not None:
        lean, path = _lake(project, "which", "lean"), _lake(project, "printenv", "LEAN_PATH")
    lean = shutil.which(lean or "lean")
    if lean is None:
        return None
    found = Toolchain(lean, path, "", None)
    said = run_tool([lean, "--version"], {}, LIMITS, readable=found.readable).out
    version = re.search(r"version (\d+)\.(\d+)\.(\S+?),", said)
    if version is None or (int(version[1]), int(version[2])) < OLDEST:
        return None
    checker = Path(lean).resolve().with_name("leanchecker")
    return found._replace(version=".".join(version.groups()), checker=str(checker) if checker.is_file() else None)


def _lake(project: str, *command: str) -> str:
    """What `lake env` says in a project of the user's own (it builds nothing, and no proof is near)."""
    try:
        done = subprocess.run(["lake", "-d", project, "env", *command], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip()


class LeanRunner:
    """Judges proofs: the compiled headers and statements, the warm REPLs, and the results that were given."""

    def __init__(self, limits: ToolLimits = LIMITS) -> None:
        self.limits = limits
        self._compiled: OrderedDict[tuple[str, LeanTruth], dict[str, bytes] | ProverResult] = OrderedDict()
        self._results: OrderedDict[tuple[str, LeanTruth, str], ProverResult] = OrderedDict()
        self._repls: dict[str, ReplSession] = {}
        self._lock = threading.Lock()
        atexit.register(self.close)

    def prove(self, truth: LeanTruth, proof: str) -> ProverResult:
        """Never VOID for anything that stands in `proof`."""
        tools = find_toolchain(
            *(os.environ.get(name) for name in ("ASSAY_LEAN", "ASSAY_LEAN_PROJECT")),
            os.environ.get("ASSAY_LEAN_PATH", ""),
        )
        if tools is None:
            return refused(Stage.MISSING, MISSING)
        try:
            allow(truth, proof)
        except Malformed as error:
            return refused(Stage.STATIC if proof.strip() else Stage.EMPTY, str(error))
        key = (tools.version, truth, proof)
        with self._lock:
            result = self._results.get(key)
            if result is None:
                start = perf_counter()
                result = self._judge(tools, truth, proof)
                detail = {**result.detail, "prover": f"lean {tools.version}"}
                result = result._replace(seconds=perf_counter() - start, detail=detail)
                if result.accepted or result.stage in (Stage.SCRIPT, Stage.TYPE, Stage.AXIOMS, Stage.KERNEL):
                    self._results[key] = result
                    if len(self._results) > RESULTS_KEPT:
                        self._results.popitem(last=False)
        return result

    def close(self) -> None:
        for session in self._repls.values():
            session.close()
        self._repls.clear()

    def _judge(self, tools: Toolchain, truth: LeanTruth, proof: str) -> ProverResult:
        files = self._compile_truth(tools, truth)
        if isinstance(files, ProverResult):
            return files
        refusal = self._ask_repl(tools, truth, proof)
        if refusal is not None:
            return refused(Stage.SCRIPT, refusal, early=True)
        run, compiled = self._compile(tools, "AssayCand", truth.candidate(proof), files)
        if ended := _ended(run, Stage.SCRIPT):
            return ended
        if compiled is None:
            return refused(Stage.SCRIPT, "no compiled file where it should be")
        files = {**files, "AssayCand.olean": compiled}
        text, name = check_text(truth)
        run = self._lean(tools, ["--json", "Check.lean"], {**files, "Check.lean": text.encode()})
        if ended := _ended(run, Stage.TYPE):
            return ended
        axioms = read_axioms(run.out, name)
        if axioms is None:
            return refused(Stage.AXIOMS, f"unknown words about axioms: {run.out[:200]!r}")
        if not truth.allow_axioms.issuperset(axioms):
            return refused(Stage.AXIOMS, "axioms that the task does not allow")._replace(axioms=axioms)
        if tools.checker is None:
            return ProverResult(True, Stage.DONE, axioms=axioms, detail={"replay": "no leanchecker here"})
        run = self._run([tools.checker, "AssayCand"], tools, files)
        return _ended(run, Stage.KERNEL) or ProverResult(
            True, Stage.DONE, axioms=axioms, detail={"replay": "leanchecker"}
        )

    def _compile_truth(self, tools: Toolchain, truth: LeanTruth) -> dict[str, bytes] | ProverResult:
        key = (tools.version, truth)
        found = self._compiled.get(key)
        if found is not None:
            return found
        files: dict[str, bytes] = {}
        for module, text, what in (("AssayPre", truth.header, "header"), ("AssaySpec", truth.spec, "statement")):
            run, compiled = self._compile(tools, module, text + "\n", files)
            if run.end in ("lost", "time"):  # a machine too busy for our own text says nothing about it
                return refused(Stage.LOST, run.err or f"the task's {what} took too long to compile")
            if run.end != "exit" or run.code or compiled is None:
                return self._keep(key, refused(Stage.TRUTH, f"the {what} does not compile: {_said(run)}"))
            files[f"{module}.olean"] = compiled
        return self._keep(key, files)

    def _keep(
        self, key: tuple[str, LeanTruth], made: dict[str, bytes] | ProverResult
    ) -> dict[str, bytes] | ProverResult:
        self._compiled[key] = made
        if len(self._compiled) > COMPILED_KEPT:
            self._compiled.popitem(last=False)
        return made

    def _ask_repl(self, tools: Toolchain, truth: LeanTruth, proof: str) -> str | None:
        """A warm REPL's refusal; None when it has none, or there is no REPL."""
        command = os.environ.get("ASSAY_LEAN_REPL")
        if not command or truth.mode == "file":
            return None
        session = self._repls.pop(truth.header, None)
        try:
            if session is None:
                readable = (*tools.readable, str(Path(command).resolve().parent))
                session = ReplSession([command], truth.header, _WARM, {"LEAN_PATH": tools.path}, readable)
            refusal = session.refusal(truth.theorem(proof), FAST_SECONDS)
        except OutOfStep:
            if session is not None:
                session.close()
            return None
        while len(self._repls) >= 2:
            self._repls.pop(next(iter(self._repls))).close()
        self._repls[truth.header] = session
        return refusal

    def _compile(
        self, tools: Toolchain, module: str, text: str, files: dict[str, bytes]
    ) -> tuple[ToolRun, bytes | None]:
        run = self._lean(tools, ["-o", f"{module}.olean", f"{module}.lean"], {**files, f"{module}.lean": text.encode()})
        return run, run.files.get(f"{module}.olean")

    def _lean(self, tools: Toolchain, arguments: list[str], files: dict[str, bytes]) -> ToolRun:
        return self._run(
            [tools.lean, *arguments], tools, files, [each for each in arguments if each.endswith(".olean")]
        )

    def _run(
        self, command: list[str], tools: Toolchain, files: dict[str, bytes], keep: list[str] | None = None
    ) -> ToolRun:
        env = {"LEAN_PATH": os.pathsep.join(filter(None, (".", tools.path)))}
        return run_tool(command, files, self.limits, keep or [], env, tools.readable)


def allow(truth: LeanTruth, proof: str) -> None:
    """Raises Malformed for a text that no Lean is to see."""
    if truth.mode == "proof":
        read_lean(proof)
        return
    words = read_lean(truth.body(proof), "file")
    if not any(words[at : at + 2] in (("theorem", THEOREM), ("lemma", THEOREM)) for at in range(len(words))):
        raise Malformed(f"the file proves no theorem {THEOREM}")


def read_axioms(out: str, name: str) -> tuple[str, ...] | None:
    """The axioms in the one message that the check may give; None for any other output."""
    try:
        (message,) = [json.loads(line) for line in out.splitlines() if line.strip()]
        severity, data = message["severity"], message["data"]
    except (ValueError, KeyError, TypeError):
        return None
    if severity not in ("info", "information") or not isinstance(data, str):
        return None
    if data == f"'{name}' does not depend on any axioms":
        return ()
    found = re.fullmatch(rf"'{name}' depends on axioms: \[([^\[\]]*)\]", " ".join(data.split()))
    return tuple(each.strip() for each in found.group(1).split(",")) if found else None


def _ended(run: ToolRun, stage: Stage) -> ProverResult | None:
    if run.end == "lost":
        return refused(Stage.LOST, run.err)
    if run.end == "time":
        return refused(Stage.TIME, f"no answer in {run.seconds:.0f} s")
    if run.end == "limit":
        return refused(Stage.LIMIT, _said(run))
    if run.code or re.search(r"declaration uses .?sorry", run.out):
        return refused(stage, _said(run))
    return None


def _said(run: ToolRun) -> str:
    return " ".join((run.out + run.err).split())[:400] or f"exit code {run.code}"


class LeanVerifier:
    name = "lean"
    version = "1"

    def __init__(self, limits: ToolLimits = LIMITS) -> None:
        self.runner = LeanRunner(limits)

    def read(self, truth: Json) -> LeanTruth:
        return read_truth(truth)

    def seconds_needed(self, truth: LeanTruth) -> float:
        return FAST_SECONDS + STAGES * self.runner.limits.wall_s

    def check(self, truth: LeanTruth, response: str, prompt: str = "") -> Finding:
        return finding(self.runner.prove(truth, response), truth.allow_axioms)
