"""No text of a response crashes the verifier, keeps it busy, or grows the process; none is paid.

Times are bounded generously here; the tight figures are printed by benchmarks/math_verify.py.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from types import ModuleType

import pytest

from assay.core.types import Outcome
from assay.verify.base import judge, judge_case, read_case

FILE = Path(__file__).with_name("bombs.py")
SECONDS = 5.0
MEGABYTES = 700  # of the process that judged them all, sympy and its tables included


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bombs = load(FILE)


@pytest.mark.parametrize("truth", ["5", r"\sqrt{2}+\sqrt{3}", "x^2+1", "(1, 2)"])
@pytest.mark.parametrize("name", bombs.BOMBS)
def test_a_bomb_in_the_box_fails_in_time(name: str, truth: str) -> None:
    case = read_case("math", truth)
    text = "\\boxed{" + bombs.BOMBS[name]() + "}"
    start = perf_counter()
    verdict = judge_case(case, text)
    assert perf_counter() - start < SECONDS
    assert verdict.outcome is Outcome.FAIL, (verdict.reason, verdict.evidence)


@pytest.mark.parametrize("field", ["boxed", "answer_tag", "hash_line", "final_line", "whole_text"])
@pytest.mark.parametrize("name", bombs.RESPONSES)
def test_a_bomb_for_the_extraction_fails_in_time(name: str, field: str) -> None:
    case = read_case("math", {"answer": "5", "field": field})
    text = bombs.RESPONSES[name]()
    start = perf_counter()
    verdict = judge_case(case, text)
    assert perf_counter() - start < SECONDS
    assert verdict.outcome is Outcome.FAIL, (verdict.reason, verdict.evidence)


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_a_bomb_as_a_truth_is_an_answer_in_time_and_meets_no_other(name: str) -> None:
    """It may be unreadable (`bad_truth`), which is our fault and is said so; it is never met by 5."""
    start = perf_counter()
    verdict = judge("math", bombs.BOMBS[name](), r"\boxed{5}")
    assert perf_counter() - start < SECONDS
    assert not verdict.is_pass
    assert verdict.reason in ("wrong_value", "bad_truth", "undecided", "limit", "malformed"), verdict


def test_a_right_answer_behind_500_kilobytes_is_paid() -> None:
    text = "First we see that 2 and 3 are primes. " * 13_000
    assert judge("math", "5", text + r"\boxed{5}").is_pass


def test_200_000_digits_that_differ_in_the_last_are_never_paid() -> None:
    digits = "7" * 199_999
    assert not judge("math", digits + "7", f"\\boxed{{{digits}8}}").is_pass


def test_the_memory_of_the_process_stays_bounded() -> None:
    """In a process of its own, whose peak is then known; the address space is capped too, so that a leap is seen."""
    program = f"""
import json, resource, runpy, sys
from assay.verify.base import judge_case, read_case
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
space = runpy.run_path({str(FILE)!r})
case = read_case("math", "5")
outcomes = [judge_case(case, "\\\\boxed{{" + make() + "}}").outcome for make in space["BOMBS"].values()]
outcomes += [judge_case(case, make()).outcome for make in space["RESPONSES"].values()]
# VmHWM begins with exec; ru_maxrss would remember the process that started this one
peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
print(json.dumps([sorted(set(outcomes)), peak]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=240, check=False, cwd=FILE.parents[3]
    )
    assert done.returncode == 0, done.stderr[-2000:]
    outcomes, peak = json.loads(done.stdout)
    assert outcomes == ["fail"]
    assert peak < MEGABYTES
