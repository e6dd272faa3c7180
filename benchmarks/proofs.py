"""What careless judges of Coq proofs accept, what ours accepts, and how long it takes.

    python benchmarks/proofs.py [--sample N]

Over tests/golden/proof/coq_cheats.jsonl: `coqc` exiting 0, `Print Assumptions` said at the end of the same file, our checks
without the script reader, and the verifier whole. Times are of this machine, one script at a time.
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from statistics import median
from time import perf_counter

from assay.verify.base import judge
from assay.verify.proof.coq import LIMITS, CoqVerifier
from assay.verify.proof.coq_check import OPTIONS, Compiler, home_of, program
from assay.verify.proof.coq_header import read_truth
from assay.verify.proof.tools import run_tool

GOLDEN = Path(__file__).parents[1] / "tests/golden/proof"


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, default=0, help="cheats to try; 0: all but the bombs")
    sample = parser.parse_args().sample
    coqc = program("coqc")
    if coqc is None:
        raise SystemExit("no coqc on PATH: apt install coq")
    cheats = [row for row in rows("coq_cheats") if row["kind"] != "bomb" and "\ud800" not in row["response"]]
    if sample:
        cheats = random.Random(0).sample(cheats, sample)
    compiler, verifier = Compiler(coqc, LIMITS), CoqVerifier()
    counts = dict.fromkeys(
        ("coqc exits 0", "and Print Assumptions is closed", "our checks without the reader", "the verifier"), 0
    )
    for row in cheats:
        truth = read_truth(row["truth"])
        files = compiler.compiled(truth).files
        naive = f"{truth.candidate(row['response'])}Print Assumptions assay_thm.\n"
        run = run_tool([coqc, *OPTIONS, "Cand.v"], {**files, "Cand.v": naive.encode()}, LIMITS, readable=home_of(coqc))
        accepted = run_tool(
            [coqc, *OPTIONS, "Cand.v"],
            {**files, "Cand.v": truth.candidate(row["response"]).encode()},
            LIMITS,
            readable=home_of(coqc),
        )
        counts["coqc exits 0"] += accepted.end == "exit" and accepted.code == 0
        counts["and Print Assumptions is closed"] += run.code == 0 and run.out.rstrip().endswith(
            "Closed under the global context"
        )
        if compiler.check(truth, row["response"]).accepted:
            counts["our checks without the reader"] += 1
            print(f"  only the reader refuses: {row['why']}")
        counts["the verifier"] += judge(verifier, row["truth"], row["response"]).is_pass
    for name, count in counts.items():
        print(f"{count:4} of {len(cheats)} cheats accepted: {name}")
    plain = [row for row in rows("coq_honest") if "preamble" not in row["truth"]][:30]
    times, early = [], []
    for row in plain:
        judge(verifier, row["truth"], "Proof. exact nothing_of_that_name. Qed.")  # compiles the statement
        start = perf_counter()
        judge(verifier, row["truth"], "Proof. exact no_such_name_at_all. Qed.")
        early.append(perf_counter() - start)
        start = perf_counter()
        assert judge(verifier, row["truth"], row["response"]).is_pass
        times.append(perf_counter() - start)
    print(f"small proofs: median {median(times):.2f} s; early refusals: median {1000 * median(early):.1f} ms")


if __name__ == "__main__":
    main()
