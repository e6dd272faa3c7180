"""The code verifier through `judge`: what a verdict says, and what each limit and each failure comes to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from assay.core.types import Outcome, Reason, Verdict
from assay.sandbox import probe
from assay.sandbox.program import Sandbox, SandboxLost, SandboxMissing
from assay.verify.base import judge, read_case
from assay.verify.code import verifier
from assay.verify.pool import JudgePool, JudgeRequest

SOLVE: dict[str, Any] = {
    "mode": "function",
    "entry_point": "solve",
    "tests": [{"args": [3], "expected": 16}, {"args": [10], "expected": 107}],
}
SCRIPT: dict[str, Any] = {
    "mode": "stdin",
    "tests": [{"stdin": "3\n", "stdout": "16\n"}, {"stdin": "4", "stdout": "23"}],
}
RIGHT = "def solve(n):\n    return n * n + 7"


def fenced(source: str) -> str:
    return f"Here it is.\n\n```python\n{source}\n```\n"


def code(source: str, truth: dict[str, Any] = SOLVE, **keys: Any) -> Verdict:
    return judge("code", truth | keys, fenced(source))


def test_a_right_program_passes_and_says_where_it_ran() -> None:
    verdict = code(RIGHT)
    assert verdict.outcome is Outcome.PASS
    assert verdict.answer == RIGHT + "\n"
    assert verdict.evidence["layer"] == "namespaces"
    assert verdict.evidence["passed"] == verdict.evidence["tests"] == 2
    assert verdict.verifier.startswith("code@1#")


@pytest.mark.parametrize(
    ("source", "reason", "evidence"),
    [
        ("def solve(n): return 16", Reason.WRONG_VALUE, {"failed_test": 1, "passed": 1}),
        ("def solve(n):\n    return 1 // 0", Reason.ERROR, {"exception": "ZeroDivisionError", "line": 2}),
        ("x = 1\nimport nowhere", Reason.ERROR, {"exception": "ModuleNotFoundError", "line": 2}),
        ("def solve(n) return", Reason.ERROR, {"exception": "SyntaxError", "line": 1}),
        ("def other(n): return 1", Reason.ERROR, {"missing": "solve"}),
        ("def solve(n): return object()", Reason.WRONG_VALUE, {"failed_test": 0}),
        ("def solve(n): return [0] * 10 ** 9", Reason.LIMIT, {"exception": "MemoryError"}),
        ("def solve(n):\n    while True: pass", Reason.TIMEOUT, {"limit": "cpu", "failed_test": 0}),
        ("import time\ndef solve(n): time.sleep(60)", Reason.TIMEOUT, {"limit": "wall"}),
        ("import os; os._exit(0)", Reason.ERROR, {"exit": 0}),
        ("import ctypes; ctypes.string_at(0)", Reason.ERROR, {"signal": signal.SIGSEGV}),
        ("import os\nwhile True: os.write(3, b'x' * 65536)", Reason.LIMIT, {"limit": "output"}),
    ],
)
def test_a_failure_says_why(source: str, reason: Reason, evidence: dict[str, Any]) -> None:
    verdict = code(source, limits={"cpu_s": 0.5, "wall_s": 20 if "True" in source else 1})
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, reason)
    assert evidence.items() <= dict(verdict.evidence).items()


def test_evidence_is_small_and_never_holds_an_expected_value() -> None:
    truth = SOLVE | {"tests": [{"args": [3], "expected": "the secret word"}]}
    for source in (
        "def solve(n): return 'x' * 10000",
        "class Quite" + "Long" * 100 + ": pass\nsolve = lambda n: 1",
        "",
    ):
        text = str(dict(code(source, truth).evidence))
        assert "secret" not in text
        assert len(text) < 500


def test_response_rules() -> None:
    assert judge("code", SOLVE, RIGHT).reason is Reason.NO_ANSWER
    assert judge("code", SOLVE, fenced(RIGHT) * 2).reason is Reason.AMBIGUOUS
    assert judge("code", SOLVE | {"block": "last"}, fenced("x") + fenced(RIGHT)).is_pass
    assert judge("code", SOLVE | {"block": "whole_text"}, RIGHT).is_pass
    assert judge("code", SOLVE | {"block": "whole_text"}, "\ufeff" + RIGHT.replace("\n", "\r\n")).is_pass
    assert judge("code", SOLVE | {"block": "whole_text"}, fenced(RIGHT)).reason is Reason.ERROR


def test_limits_hold_for_all_tests_together_in_function_mode_and_for_each_in_stdin_mode() -> None:
    slow = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass\n"
    four = [{"args": [n], "expected": n} for n in range(4)]
    busy = "def solve(n):\n    " + slow.replace("\n", "\n    ") + "\n    return n"
    limits = {"cpu_s": 1.0, "wall_s": 60}
    assert code(busy, SOLVE | {"tests": four, "limits": limits}).reason is Reason.TIMEOUT
    assert code(busy, SOLVE | {"tests": four[:1], "limits": limits}).is_pass
    each = [{"stdin": str(n), "stdout": str(n)} for n in range(4)]
    assert code(slow + "print(input())", SCRIPT | {"tests": each, "limits": limits}).is_pass


def test_memory_is_a_hard_limit_on_address_space() -> None:
    take = "def solve(n):\n    x = bytearray(150 << 20)\n    return n * n + 7"
    assert code(take).is_pass
    assert code(take, limits={"memory_mb": 128}).reason is Reason.LIMIT
    assert code(take.replace("150", "400"), limits={"memory_mb": 512}).is_pass


def test_scripts() -> None:
    assert code("n = int(input())\nprint(n * n + 7)", SCRIPT).is_pass
    assert code("n = int(input())\nprint(n * n + 7, ' \\n')", SCRIPT).is_pass
    assert code("print(16)", SCRIPT).evidence["failed_test"] == 1
    assert code("n = int(input())\nprint(n * n + 7)\nraise SystemExit(2)", SCRIPT).evidence["exit"] == 2
    assert code("print(", SCRIPT).evidence["exception"] == "SyntaxError"
    assert code("print(__name__)", SCRIPT | {"tests": [{"stdin": "", "stdout": "__main__"}]}).is_pass


def test_each_run_of_a_script_starts_afresh() -> None:
    source = "import os\nprint(int(os.path.exists('x')))\nopen('x', 'w').close()\nopen('/dev/shm/x', 'w').close()"
    assert code(source, SCRIPT | {"tests": [{"stdin": "", "stdout": "0"}] * 3}).is_pass


def test_nothing_is_left_for_the_next_candidate() -> None:
    leave = """
import os, builtins, sys
open('solve.py', 'w').write(SOURCE); open('math.py', 'w').write(SOURCE); open('/dev/shm/found', 'w').write('x')
os.mkdir('deep'); os.symlink('/usr', 'link'); os.makedirs('locked/in'); os.chmod('locked', 0)
builtins.left = sys.left = 1; os.environ['LEFT'] = '1'
""".replace("SOURCE", repr("def solve(n): return n * n + 7"))
    code(leave)
    find = """
import builtins, os, sys
def solve(n):
    return [os.listdir('.'), os.listdir('/dev/shm'), hasattr(builtins, 'left'), hasattr(sys, 'left'), 'LEFT' in os.environ]
"""
    truth = SOLVE | {"tests": [{"args": [1], "expected": [["main.py"], [], False, False, False]}]}
    assert code(find, truth).is_pass


def test_a_later_candidate_cannot_find_an_earlier_program_or_its_results_in_memory() -> None:
    """The zygote's memory is every child's memory; it must never have held them."""
    mark = "EARLIERMARK"
    code(f"X = '{mark}' * 50\ndef solve(n): return '{mark}' * 500\n# {mark}" + "\n#" + mark * 500)
    scan = f"""
import ctypes, gc, sys
WANTED = '{mark[:7]}'.encode() + '{mark[7:]}'.encode()
HEX = WANTED.hex().encode()
def solve(n):
    found = 0
    heap = ctypes.CDLL(None).sbrk
    heap.restype = ctypes.c_void_p
    top = heap(0)
    start = min(id(object()), id([]), id(sys)) & ~0xfffff
    for text in (WANTED, HEX):
        for begin in range(top - (4 << 20), top - 4096, 4096):
            try: page = ctypes.string_at(begin, 4096)
            except Exception: continue
            found += page.count(text + text)
    return found
"""
    verdict = code(scan, SOLVE | {"tests": [{"args": [1], "expected": 0}]})
    assert verdict.is_pass or verdict.evidence.get("signal") == signal.SIGSEGV  # an unmapped page ends the scan


def checker_of_sorted(given: list[Any], got: Any, expected: Any) -> bool:
    return got == sorted(given[0], key=abs) and expected is None


def checker_of_two(given: Any, got: Any) -> bool:
    return int(got) > int(given)


def checker_that_raises(given: Any, got: Any, expected: Any) -> bool:
    raise RuntimeError(got)


def checker_that_is_vague(given: Any, got: Any, expected: Any) -> Any:
    return "yes"


@pytest.fixture
def checkers(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(sys.modules, "checkers_of_test_code", sys.modules[__name__])
    return "checkers_of_test_code"


def test_an_authors_checker_runs_on_our_side(checkers: str) -> None:
    truth = SOLVE | {"tests": [{"args": [[3, -1, 2]]}], "checker": f"{checkers}:checker_of_sorted"}
    assert code("def solve(x): return sorted(x, key=abs)", truth).is_pass
    assert code("def solve(x): return x", truth).reason is Reason.WRONG_VALUE
    script = SCRIPT | {"tests": [{"stdin": "3"}], "checker": f"{checkers}:checker_of_two"}
    assert code("print(int(input()) + 5)", script).is_pass
    assert code("print(1)", script).reason is Reason.WRONG_VALUE


@pytest.mark.parametrize("name", ["checker_that_raises", "checker_that_is_vague", "checker_of_two"])
def test_what_a_checker_raises_or_mumbles_never_pays_and_never_buys_a_void(checkers: str, name: str) -> None:
    truth = SCRIPT | {"tests": [{"stdin": "3", "stdout": "4"}], "checker": f"{checkers}:{name}"}
    verdict = code("print('not a number')", truth)
    assert (verdict.outcome, verdict.reason) == (Outcome.FAIL, Reason.WRONG_VALUE)


def test_asserts() -> None:
    truth = {"mode": "asserts", "asserts": ["assert f(2) == [4, 8]", "assert abs(f(1)[0] - 1) < 0.1"]}
    assert judge("code", truth, fenced("def f(n): return [n * n, n ** 3]")).reason is Reason.BAD_TRUTH
    truth = truth | {"weak": "allow"}
    verdict = judge("code", truth, fenced("def f(n): return [n * n, n ** 3]"))
    assert verdict.is_pass
    assert verdict.evidence["weak"] is True
    assert judge("code", truth, fenced("def f(n): return (n * n, n ** 3)")).reason is Reason.WRONG_VALUE


def test_strict_assertions_are_not_marked_weak() -> None:
    truth = {"mode": "asserts", "asserts": ["assert f(2) == 4", "assert not f(0)", "assert f(1.0)"]}
    verdict = judge("code", truth, fenced("def f(n): return n * n"))
    assert verdict.is_pass
    assert "weak" not in verdict.evidence


def test_visible_tests_are_reported_and_do_not_pay() -> None:
    memorised = "def solve(n): return {3: 16}[n]"
    verdict = code(memorised, visible_tests=[{"args": [3], "expected": 16}])
    assert verdict.outcome is Outcome.FAIL
    assert verdict.evidence["visible"] == "pass"
    assert code(RIGHT, visible_tests=[{"args": [3], "expected": 17}]).evidence["visible"] == "fail"
    assert code(RIGHT, visible_tests=[{"args": [3], "expected": 17}]).is_pass


def test_the_pool_waits_for_the_programs_own_limits() -> None:
    with JudgePool(workers=1, timeout=1.0) as pool:
        slow = fenced("import time\ntime.sleep(2.5)\n" + RIGHT)
        stuck = fenced("import time\ntime.sleep(60)\n" + RIGHT)
        truth = SOLVE | {"limits": {"wall_s": 5}}
        first, second = pool.judge_many([JudgeRequest("code", truth, slow), JudgeRequest("code", truth, stuck)])
    assert first.is_pass
    assert second.reason is Reason.TIMEOUT
    assert second.evidence["limit"] == "wall"


def test_many_threads_may_judge() -> None:
    from concurrent.futures import ThreadPoolExecutor

    sources = [f"def solve(n): return n * n + {7 if i % 2 else 8}" for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        assert [each.is_pass for each in pool.map(code, sources)] == [bool(i % 2) for i in range(40)]


def test_missing_isolation_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Sandbox:
        raise SandboxMissing("nothing works here")

    monkeypatch.setattr(verifier, "shared_sandbox", missing)
    verdict = code(RIGHT)
    assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.SANDBOX_MISSING)
    assert "nothing works here" in verdict.evidence["error"]
    assert judge("code", SOLVE, "no program").reason is Reason.NO_ANSWER  # which needs no sandbox


def test_a_dead_sandbox_is_void(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(self: Sandbox, *_: Any) -> None:
        raise SandboxLost("gone")

    monkeypatch.setattr(Sandbox, "run", lost)
    verdict = code(RIGHT)
    assert (verdict.outcome, verdict.reason) == (Outcome.VOID, Reason.SANDBOX_LOST)


def test_unsafe_is_said_in_every_verdict() -> None:
    source = (
        "from assay.verify.base import judge; print(dict(judge('code', "
        f"{SOLVE | {'block': 'whole_text'}!r}, {RIGHT!r}).evidence)['layer'])"
    )
    environment = os.environ | {probe.VARIABLE: "unsafe", "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", source], env=environment, capture_output=True, text=True, timeout=120)
    assert found.stdout.strip() == "unsafe", found.stderr


def test_killing_the_judge_kills_its_sandbox() -> None:
    source = (
        "import time; from assay.sandbox.program import shared_sandbox; s = shared_sandbox(); s.is_alive(); "
        "print(*s.pids(), flush=True); time.sleep(100)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    judge_process = subprocess.Popen([sys.executable, "-c", source], env=environment, stdout=subprocess.PIPE, text=True)
    assert judge_process.stdout is not None
    with judge_process.stdout:
        pids = [int(each) for each in judge_process.stdout.readline().split()]
        assert pids
        judge_process.kill()
        judge_process.wait()
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return
        time.sleep(0.1)
    raise AssertionError(f"the sandbox outlived its judge: {pids}")


def test_the_fingerprint_covers_the_sandbox() -> None:
    case = read_case("code", SOLVE)
    assert case.label == f"code@1#{verifier._fingerprint()}"
    assert len(verifier._fingerprint()) == 12
