"""What careless judges of Coq proofs accept, what ours accepts, and how long judging takes.

    python benchmarks/proofs.py cheats [--sample N]    # every row of tests/golden/proof/coq_cheats.jsonl, bombs included
    python benchmarks/proofs.py times                  # small proofs, proofs by lia and ring, early refusals, the solver

Cheats are put before four judges: `coqc` exiting 0, `Print Assumptions` said at the end of the same file, our checks without
the script reader, and the verifier whole. Times are of this machine, one script at a time, in wall seconds and in CPU
seconds of the prover's programs; the load average says how far wall time is to be trusted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

from assay.sandbox import tool
from assay.verify.base import judge
from assay.verify.proof import tools
from assay.verify.proof.coq import LIMITS, CoqVerifier
from assay.verify.proof.coq_check import OPTIONS, Compiler, home_of, program
from assay.verify.proof.coq_header import read_truth
from assay.verify.proof.tools import ToolLimits, run_tool

GOLDEN = Path(__file__).parents[1] / "tests/golden/proof"
SHORT = ToolLimits(cpu_s=5.0, wall_s=60.0, memory_mb=1500, file_mb=32)  # for bombs


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def cheats(sample: int) -> None:
    chosen = [row for row in rows("coq_cheats") if "\ud800" not in row["response"]]  # which no file can hold
    if sample:
        chosen = random.Random(0).sample(chosen, sample)
    coqc = str(program("coqc"))
    judges = ("coqc exits 0", "and Print Assumptions is closed", "our checks without the reader", "the verifier")
    counts = dict.fromkeys(judges, 0)
    verifiers = {limits: (CoqVerifier(limits), Compiler(coqc, limits)) for limits in (LIMITS, SHORT)}
    for row in chosen:
        limits = SHORT if row["kind"] == "bomb" else LIMITS
        verifier, compiler = verifiers[limits]
        truth = read_truth(row["truth"])
        files = compiler.compiled(truth).files
        text = truth.candidate(row["response"])

        def compiled(text: str, files: Mapping[str, bytes] = files, limits: ToolLimits = limits) -> tools.ToolRun:
            sources = {**files, "Cand.v": text.encode()}
            return run_tool([coqc, *OPTIONS, "Cand.v"], sources, limits, readable=home_of(coqc))

        plain = compiled(text)
        if plain.end == "exit" and plain.code == 0:  # else the others refuse it too
            counts[judges[0]] += 1
            said = compiled(f"{text}Print Assumptions assay_thm.\n")
            is_closed = said.out.rstrip().endswith("Closed under the global context")
            counts[judges[1]] += said.end == "exit" and said.code == 0 and is_closed
            if compiler.check(truth, row["response"]).accepted:
                counts[judges[2]] += 1
                print(f"  only the reader refuses: {row['why']}", flush=True)
        counts[judges[3]] += judge(verifier, row["truth"], row["response"]).is_pass
    for name, count in counts.items():
        print(f"{count:4} of {len(chosen)} cheats accepted: {name}")


class Clock:
    """Wall seconds, and the CPU seconds of the programs that ran in the sandbox meanwhile (a warm coqtop's aside)."""

    cpu_s = 0.0  # of every program so far

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def judge(self, verifier: Any, row: dict[str, Any], passes: bool) -> None:
        cpu, start = Clock.cpu_s, perf_counter()
        verdict = judge(verifier, row["truth"], row["response"])
        self.wall.append(perf_counter() - start)
        self.cpu.append(Clock.cpu_s - cpu)
        assert verdict.is_pass == passes, (row, verdict)

    def report(self, what: str) -> None:
        print(f"{what}: {len(self.wall)} judged, wall {spread(self.wall)}; CPU {spread(self.cpu)}")


def count_cpu() -> None:
    inner = tool.run_tool

    def counted(*arguments: Any, **more: Any) -> tool.ToolResult:
        result = inner(*arguments, **more)
        Clock.cpu_s += result.cpu_s
        return result

    tools.tool.run_tool = counted  # type: ignore[assignment]


def spread(seconds: Sequence[float]) -> str:
    cuts = quantiles(seconds, n=20)
    return f"median {1000 * median(seconds):.1f} ms, 95 % under {1000 * cuts[18]:.1f} ms"


def times() -> None:
    print(f"load before: {os.getloadavg()[0]:.1f}")
    count_cpu()
    honest, verifier = rows("coq_honest"), CoqVerifier()
    for what, chosen in (
        (
            "small proofs (nothing required)",
            [row for row in honest if "Require" not in row["truth"].get("preamble", "")],
        ),
        (
            "proofs with Lia, ZArith or ring loaded",
            [
                row
                for row in honest
                if any(each in row["truth"].get("preamble", "") for each in ("Lia", "ZArith", "Ring"))
            ],
        ),
    ):
        chosen = list({json.dumps(row["truth"]): row for row in chosen}.values())[:60]
        clock, early, read, again = Clock(), Clock(), Clock(), Clock()
        for row in chosen:  # the first compiles the statement and warms coqtop: once per task in a training run
            judge(verifier, row["truth"], "Proof. exact nothing_of_that_name. Qed.")
            early.judge(verifier, {**row, "response": "Proof. exact no_such_name_at_all. Qed."}, passes=False)
            read.judge(verifier, {**row, "response": "Proof. Admitted. Qed."}, passes=False)
            clock.judge(verifier, row, passes=True)
            again.judge(verifier, row, passes=True)
        clock.report(what)
        early.report("  early refusals by a warm coqtop")
        read.report("  refusals by the reader")
        again.report("  the same proofs again (remembered)")
    clock = Clock()
    for row in rows("smt"):
        clock.judge("smt", row, passes=row["expect"] == "pass")
    clock.report("smt answers, the truth's own checks included at first")
    print(f"load after: {os.getloadavg()[0]:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("cheats", "times"))
    parser.add_argument("--sample", type=int, default=0, help="cheats to try; 0: all")
    arguments = parser.parse_args()
    if program("coqc") is None:
        raise SystemExit("no coqc on PATH: apt install coq")
    if arguments.part == "cheats":
        cheats(arguments.sample)
    else:
        times()


if __name__ == "__main__":
    main()
