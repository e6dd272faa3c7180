"""Judge every program of the suite, and write what came out as JSON: run by the tests as root and as other users."""

from __future__ import annotations

import json
import os
import sys
import time

from programs_honest import HONEST, SCRIPTS
from programs_scripts import SCRIPT_ATTACKS
from programs_system import ATTACKS as SYSTEM
from programs_values import ATTACKS as VALUES

from assay.sandbox.program import shared_sandbox
from assay.verify.base import judge

LIMITS = {"cpu_s": 0.3, "wall_s": 1.5}
HONEST_LIMITS = {"cpu_s": 10, "wall_s": 60}
FUNCTION = {
    "mode": "function",
    "entry_point": "solve",
    "tests": [{"args": [n], "expected": n * n + 7} for n in (3, 10, -4)],
    "block": "whole_text",
}
SCRIPT = {
    "mode": "stdin",
    "tests": [{"stdin": f"{n}\n", "stdout": f"{n * n + 7}\n"} for n in (3, 10, -4)],
    "block": "whole_text",
}


def judge_all(only: str = "") -> dict[str, dict[str, list[object]]]:
    found: dict[str, dict[str, list[object]]] = {}
    for group, truth, limits, programs in (
        ("attacks", FUNCTION, LIMITS, VALUES | SYSTEM),
        ("script_attacks", SCRIPT, LIMITS, SCRIPT_ATTACKS),
        ("honest", FUNCTION, HONEST_LIMITS, HONEST),
        ("honest_scripts", SCRIPT, HONEST_LIMITS, SCRIPTS),
    ):
        rows = found[group] = {}
        for name, source in programs.items():
            if not name.startswith(only):
                continue
            start = time.monotonic()
            verdict = judge("code", truth | {"limits": limits}, source)
            rows[name] = [verdict.outcome.value, verdict.reason.value, time.monotonic() - start, verdict.evidence]
    return found


if __name__ == "__main__":
    result = judge_all(*sys.argv[1:2])
    sandbox = shared_sandbox()
    extra = {"layer": sandbox.layer.value, "uid": os.getuid(), "is_alive": sandbox.is_alive()}
    json.dump(result | {"about": extra}, sys.stdout)
