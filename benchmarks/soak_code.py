"""A soak of the code sandbox: many candidates, a tenth of them attacks, for hours if need be; it resumes where it stopped.

    nohup nice -n 10 python benchmarks/soak_code.py --candidates 100000 --state soak.json &

After every thousand it writes what it has seen to the state file: verdicts lost or wrong, and this process's and the
zygotes' memory and descriptors, of which the first thousand sets the mark. It ends with exit code 1 when a verdict was
wrong, or memory or descriptors have grown.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/attacks/code"))

from programs_honest import HONEST
from programs_system import ATTACKS as SYSTEM
from programs_values import ATTACKS as VALUES

from assay.sandbox.program import shared_sandbox
from assay.verify.base import judge

TRUTH = {
    "mode": "function",
    "entry_point": "solve",
    "tests": [{"args": [n], "expected": n * n + 7} for n in (3, 10, -4)],
    "limits": {"cpu_s": 5, "wall_s": 60},
    "block": "whole_text",
}
ATTACK_LIMITS = {"cpu_s": 0.2, "wall_s": 1}
STEP = 1000
MOST_GROWTH = 16 << 20  # bytes of resident memory, of the judge or of a zygote, after the first thousand
SLOW = ("threads/", "time/", "disk/", "memory/", "output/", "recursion/", "signals/")  # one in ten of these is enough


def candidate(number: int, quick: bool) -> tuple[str, bool]:
    """The source of candidate `number`, the same on every run, and whether it should be paid."""
    draw = random.Random(number)  # a fixed sequence of programs, whatever happened before
    if draw.random() < 0.1:
        name, source = draw.choice(ATTACK_LIST)
        if name.startswith(SLOW) and (quick or draw.random() < 0.9):
            name, source = draw.choice(QUICK_LIST)
        return source, False
    if draw.random() < 0.1:
        return HONEST[draw.choice(sorted(QUICK_HONEST))], True
    return f"# {number}\ndef solve(n):\n    return n * n + 7\n", True


ATTACK_LIST = sorted((VALUES | SYSTEM).items())
QUICK_LIST = [each for each in ATTACK_LIST if not each[0].startswith(SLOW)]
QUICK_HONEST = {
    name for name in HONEST if not name.startswith(("sleeps", "many_threads", "thread_pool", "much_", "large_"))
}


def sizes() -> dict[str, int]:
    """Resident bytes and descriptors of this process, and the largest zygote's resident bytes."""
    zygotes = [grandchild for pid in shared_sandbox().pids() for grandchild in children(pid)]
    return {
        "judge": resident(os.getpid()),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "zygote": max(map(resident, zygotes), default=0),
    }


def children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def soak(candidates: int, state: Path, quick: bool = False) -> dict[str, object]:
    """Judge up to `candidates`, writing the state as it goes; returns the last state."""
    kept = (
        json.loads(state.read_text())
        if state.exists()
        else {"done": 0, "wrong": [], "void": 0, "sizes": [], "seconds": 0.0}
    )
    while kept["done"] < candidates:
        start = time.monotonic()
        end = min(candidates, kept["done"] + STEP)
        for number in range(kept["done"], end):
            source, is_paid = candidate(number, quick)
            truth = TRUTH if is_paid else TRUTH | {"limits": ATTACK_LIMITS}
            verdict = judge("code", truth, source)
            kept["void"] += verdict.is_void
            if verdict.is_pass != is_paid:
                kept["wrong"].append([number, verdict.reason.value, source[:200]])
        kept["done"] = end
        kept["sizes"].append(sizes())
        kept["seconds"] += time.monotonic() - start
        part = state.with_suffix(".part")
        part.write_text(json.dumps(kept))
        part.replace(state)
    return kept


def troubles(kept: dict[str, object]) -> list[str]:
    """What is not as it should be, in words. Sizes: the largest of the last five looks but the first of all (when the judge
    still holds what its imports took; and a zygote that was just replaced has none), against the smaller of the first two.
    """
    found = [f"candidate {number}: {reason}" for number, reason, _ in kept["wrong"]]  # type: ignore[attr-defined]
    if kept["void"]:
        found.append(f"{kept['void']} verdicts were VOID")
    sizes: list[dict[str, int]] = kept["sizes"]  # type: ignore[assignment]
    first = {name: min(each[name] for each in sizes[:2]) for name in sizes[0]}
    last = {name: max(each[name] for each in sizes[1:][-5:] or sizes) for name in first}
    for name in ("judge", "zygote"):
        if last[name] - first[name] > MOST_GROWTH:
            found.append(f"the {name} grew from {first[name]} to {last[name]} bytes")
    if last["descriptors"] > first["descriptors"] + 4:
        found.append(f"descriptors grew from {first['descriptors']} to {last['descriptors']}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--state", type=Path, default=Path("soak_code.json"))
    arguments = parser.parse_args()
    kept = soak(arguments.candidates, arguments.state)
    found = troubles(kept)
    print(f"{kept['done']} candidates in {kept['seconds']:.0f} s; first {kept['sizes'][0]}, last {kept['sizes'][-1]}")  # type: ignore[index]
    print("\n".join(found) or "nothing lost, nothing paid wrongly, nothing grew")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
