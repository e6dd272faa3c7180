"""The full check of a Coq proof: four runs of real programs, each in a private folder, and none trusted alone.

1. `coqc Cand.v`: the statement with the policy's script; a `.vo` that is not where it should be is a reject.
2. A fresh `coqc` with our text only: `Definition check : Spec.goal := @Cand.assay_thm.` and `Print Assumptions check.`
   What it prints is read strictly: anything but the two known forms is a reject. (Print Assumptions alone accepts 10 of
   90 cheats on 8.16.1, four of which prove False by commands that the script reader refuses.)
3. Printed axioms get their full names from `Locate`, and are compared with the task's.
4. `coqchk -norec` on the three compiled files: a second kernel.

`Pre.v` and `Spec.v` are compiled once per truth and kept; they are ours.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import NamedTuple, TypeVar

from assay.verify.proof.coq_header import CHECK, FOLDER, CoqTruth
from assay.verify.proof.runner import ProverResult, Stage, refused
from assay.verify.proof.tools import ToolLimits, ToolRun, run_tool

MISSING = (
    "no coqc on this machine: `apt install coq` (or opam) brings it; ASSAY_COQ may name the folder that holds coqc, coqtop and "
    "coqchk"
)
OPTIONS = ("-q", "-w", "none", "-Q", ".", FOLDER)
COMPILED_KEPT = 256
OURS = ToolLimits(cpu_s=120.0, wall_s=600.0, memory_mb=4096)  # for the preamble and the statement

_NAME = re.compile(r"[^\W\d][\w'.]*")


class Compiled(NamedTuple):
    """A truth's own files, or why there are none."""

    files: dict[str, bytes]
    trouble: ProverResult | None = None


@cache
def find_program(name: str, folder: str | None) -> str | None:
    """`coqc`, `coqtop` or `coqchk` in ASSAY_COQ's folder where that is set, else on PATH."""
    if folder:
        path = Path(folder).expanduser() / name
        return str(path) if os.access(path, os.X_OK) else None
    return shutil.which(name)


def program(name: str) -> str | None:
    return find_program(name, os.environ.get("ASSAY_COQ"))


def home_of(binary: str) -> tuple[str, ...]:
    """What a Coq needs to read besides /usr: where it is installed (opam's), and findlib's configuration (Debian's)."""
    return (str(Path(binary).resolve().parent.parent), "/etc/ocamlfind.conf", "/etc/ocamlfind.conf.d")


@cache
def coq_version(coqc: str) -> str:
    """As `coqc --print-version` says it."""
    run = run_tool([coqc, "--print-version"], {}, ToolLimits(), readable=home_of(coqc))
    return " ".join(run.out.split())


class Compiler:
    """Runs the checks. Keeps the compiled truths, which no proof can change."""

    def __init__(self, coqc: str, limits: ToolLimits) -> None:
        self.coqc, self.limits = coqc, limits
        self._preambles: OrderedDict[str, Compiled] = OrderedDict()
        self._compiled: OrderedDict[CoqTruth, Compiled] = OrderedDict()

    def compiled(self, truth: CoqTruth) -> Compiled:
        """Pre.vo and Spec.vo. A truth that does not compile is remembered too; a lost sandbox is not."""
        preamble = _kept(self._preambles, truth.preamble, lambda: self._compile("Pre", truth.preamble + "\n", {}))
        if preamble.trouble is not None:
            return preamble
        return _kept(self._compiled, truth, lambda: self._compile("Spec", truth.spec, preamble.files))

    def _compile(self, name: str, text: str, files: dict[str, bytes]) -> Compiled:
        run = self._coqc(name, text, files, OURS)
        vo = run.files.get(f"{name}.vo")
        if run.end in ("lost", "time"):  # a machine too busy for our own text says nothing about it
            return Compiled({}, refused(Stage.LOST, run.err or f"the task's own files took more than {OURS.cpu_s:g} s"))
        if run.end != "exit" or run.code or vo is None:
            what = "preamble" if name == "Pre" else "statement"
            return Compiled({}, refused(Stage.TRUTH, f"the {what} does not compile: {said(run)}"))
        return Compiled({**files, f"{name}.vo": vo})

    def check(self, truth: CoqTruth, script: str) -> ProverResult:
        """All of it. The script has been read and allowed."""
        start = perf_counter()
        result = self._check(truth, script)
        return result._replace(seconds=perf_counter() - start)

    def _check(self, truth: CoqTruth, script: str) -> ProverResult:
        files, trouble = self.compiled(truth)
        if trouble is not None:
            return trouble
        run = self._coqc("Cand", truth.candidate(script), files)
        if ended := _ended(run, Stage.SCRIPT):
            return ended
        if "Cand.vo" not in run.files:
            return refused(Stage.SCRIPT, "no compiled file where it should be")
        files = {**files, "Cand.vo": run.files["Cand.vo"]}
        run = self._coqc("Check", CHECK, files)
        if ended := _ended(run, Stage.TYPE):
            return ended
        printed = read_assumptions(run.out)
        if printed is None:
            return refused(Stage.AXIOMS, f"unknown words about assumptions: {run.out[:200]!r}")
        axioms: tuple[str, ...] = ()
        if printed:
            located = self._locate(printed, files)
            if isinstance(located, ProverResult):
                return located
            axioms = tuple(_named(full, short, truth) for full, short in zip(located, printed, strict=True))
            if not truth.allow_axioms.issuperset(axioms):
                return refused(Stage.AXIOMS, "axioms that the task does not allow")._replace(axioms=axioms)
        chk = program("coqchk")
        if chk is None:
            return refused(Stage.MISSING, MISSING.replace("no coqc", "no coqchk", 1))
        modules = [word for name in ("Pre", "Spec", "Cand") for word in ("-norec", f"{FOLDER}.{name}")]
        run = run_tool([chk, "-Q", ".", FOLDER, *modules], files, self.limits, readable=home_of(chk))
        if ended := _ended(run, Stage.KERNEL):
            return ended
        if "Modules were successfully checked" not in run.out + run.err:
            return refused(Stage.KERNEL, said(run))
        return ProverResult(True, Stage.DONE, axioms=axioms)

    def _locate(self, names: list[str], files: dict[str, bytes]) -> list[str] | ProverResult:
        """The full names of what Print Assumptions printed, asked one by one."""
        lines = "".join(f"Locate {name}.\n" for name in names)
        run = self._coqc("Names", f"Require {FOLDER}.Pre {FOLDER}.Spec {FOLDER}.Cand.\n{lines}", files)
        if ended := _ended(run, Stage.AXIOMS):
            return ended
        found = re.findall(r"^(?:Constant|Inductive|Constructor) (\S+)(?:$|\s)", run.out, re.MULTILINE)
        if len(found) != len(names):
            return refused(Stage.AXIOMS, f"axioms whose names are not clear: {', '.join(names)}")
        return found

    def _coqc(self, name: str, text: str, files: dict[str, bytes], limits: ToolLimits | None = None) -> ToolRun:
        sources = {**files, f"{name}.v": text.encode()}
        return run_tool(
            [self.coqc, *OPTIONS, f"{name}.v"],
            sources,
            limits or self.limits,
            keep=[f"{name}.vo"],
            readable=home_of(self.coqc),
        )


K = TypeVar("K")


def _kept(known: OrderedDict[K, Compiled], key: K, make: Callable[[], Compiled]) -> Compiled:
    """As compiled before, else now. What does not compile is remembered too; a lost sandbox is not."""
    found = known.get(key)
    if found is None:
        found = make()
        if found.trouble is None or found.trouble.stage is Stage.TRUTH:
            known[key] = found
            if len(known) > COMPILED_KEPT:
                known.popitem(last=False)
    else:
        known.move_to_end(key)
    return found


def read_assumptions(out: str) -> list[str] | None:
    """The names that `Print Assumptions` printed; None for anything that it does not print about sound proofs."""
    out = out.strip()
    if out == "Closed under the global context":
        return []
    head, _, rest = out.partition("\n")
    if head != "Axioms:":
        return None
    names = []
    for line in rest.split("\n"):
        if line[:1] == " ":
            continue  # a type goes on
        name, _, after = line.partition(" ")
        if not _NAME.fullmatch(name) or (after and not after.startswith(":")):
            return None
        names.append(name)
    return names or None


def _named(full: str, printed: str, truth: CoqTruth) -> str:
    """The name under which the task allows an axiom, else its full name. It may stand there as Print Assumptions prints
    it; one of the preamble's own also by the name it has in the preamble."""
    own = full.removeprefix(f"{FOLDER}.Pre.")
    names = (own, f"Top.{own}", full) if own != full else (full, printed)
    return next((each for each in names if each in truth.allow_axioms), full)


def _ended(run: ToolRun, stage: Stage) -> ProverResult | None:
    """What a run that did not end well comes to; `stage` when the program itself refused."""
    if run.end == "lost":
        return refused(Stage.LOST, run.err)
    if run.end == "time":
        return refused(Stage.TIME, f"no answer in {run.seconds:.0f} s")
    if run.end == "limit" or re.search(r"(?i)out of memory|stack overflow", run.err[-4000:]):
        return refused(Stage.LIMIT, said(run))
    return refused(stage, said(run)) if run.code else None


def said(run: ToolRun) -> str:
    """The error in a run's words: what follows the place, on one line."""
    text = run.err or run.out
    at = text.find("Error:")
    words = " ".join((text[at:] if at >= 0 else text).split())
    return words[:400] or f"exit code {run.code}"
