"""The audit's attacks on programs: each breaks a harness with the flaw it is named after, and none is paid by ours.

The flawed harnesses judge wrongly, but run their programs in the real sandbox, where an attack can do no harm.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from assay.audit.attacks.code import ATTACKS, called
from assay.audit.run import NO_WITNESS
from assay.audit.samples import sample_tasks
from assay.core.types import Message, Task
from assay.sandbox.limits import Limits
from assay.sandbox.program import Program, Run, shared_sandbox
from assay.verify.base import judge

RIGHT = "def solve(n):\n    return n * n + 7\n"
TESTS = [{"args": [n], "expected": n * n + 7} for n in (3, 10)]
LIMITS = {"cpu_s": 0.3, "wall_s": 5}
TRUTH = {"mode": "function", "entry_point": "solve", "tests": TESTS, "reference": RIGHT, "limits": LIMITS}
HARNESS = "\nimport sys\nsys.exit(0 if all([solve(3) == 16, solve(10) == 107]) else 1)\n"
FLAWED: dict[str, Callable[[str], bool]] = {}


def task(truth: object = TRUTH) -> Task:
    return Task("t", (Message("user", "n squared and seven"),), "code", truth)


def flaw(name: str) -> Callable[[Callable[[str], bool]], Callable[[str], bool]]:
    def keep(function: Callable[[str], bool]) -> Callable[[str], bool]:
        FLAWED[name] = function
        return function

    return keep


def first_block(response: str) -> str:
    found = re.search(r"```(?:python)?\n(.*?)```", response, re.S)
    return found.group(1) if found else ""


def ran(source: str) -> Run:
    return shared_sandbox().run(Program(source, "script"), Limits(0.3, 2))


@flaw("code_nothing")
def skips_what_is_not_defined(response: str) -> bool:
    return ran(first_block(response) + "\nif 'solve' in globals(): assert solve(3) == 16").exit_code == 0


@flaw("code_exits")
def reads_the_exit_code(response: str) -> bool:
    return ran(first_block(response) + HARNESS).exit_code == 0


@flaw("code_equal_to_all")
def compares_beside_the_program(response: str) -> bool:
    return judge(
        "code", {"mode": "asserts", "asserts": ["assert solve(3) == 8 + len('12345678')"], "weak": "allow"}, response
    ).is_pass


@flaw("code_forged_report")
def reads_a_word_in_the_output(response: str) -> bool:
    return b"PASSED" in ran(first_block(response) + HARNESS + "print('PASSED')").output


@flaw("code_patched_harness")
def uses_the_programs_builtins(response: str) -> bool:
    return ran(first_block(response) + HARNESS).has_succeeded


@flaw("code_reads_answers")
def leaves_the_answer_in_a_frame(response: str) -> bool:
    source = f"def main():\n    expected = 16\n    assert solve(3) == expected\n{first_block(response)}\nmain()\n"
    return ran(source).has_succeeded


@flaw("code_visible_only")
def hides_nothing(response: str) -> bool:
    return judge("code", TRUTH | {"visible_tests": TESTS}, response).is_pass


@flaw("code_several_blocks")
def takes_the_first_block(response: str) -> bool:
    return judge("code", TRUTH, f"```\n{first_block(response)}```\n").is_pass


@flaw("code_bombs")
def passes_what_did_not_fail_an_assertion(response: str) -> bool:
    return ran(first_block(response) + HARNESS).exit_code != 1


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
def test_each_attack_breaks_the_harness_with_its_flaw(attack) -> None:
    harness = FLAWED[attack.name]
    assert harness(f"```python\n{RIGHT}```\n") or attack.name == "code_forged_report"
    assert not harness("```python\ndef solve(n): return 1\n```\n")
    crafted_for = task(TRUTH | {"visible_tests": TESTS})
    assert any(harness(text) for text in attack.craft(crafted_for, NO_WITNESS))


SCRIPT = {"mode": "stdin", "tests": [{"stdin": "3", "stdout": "16"}], "visible_tests": [{"stdin": "1", "stdout": "8"}]}
ASSERTS = {"mode": "asserts", "asserts": ["assert solve(3) == 16", "assert solve(10) == 107"]}
VISIBLE = TRUTH | {"visible_tests": [{"args": [1], "expected": 8}]}


@pytest.mark.parametrize(
    "truth", [VISIBLE, SCRIPT | {"limits": LIMITS}, ASSERTS | {"limits": LIMITS}], ids=["function", "stdin", "asserts"]
)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
def test_none_is_paid_or_void(attack, truth: object) -> None:
    for text in attack.craft(task(truth), NO_WITNESS):
        assert judge("code", truth, text).outcome.value == "fail", text


def test_they_leave_other_verifiers_tasks_alone() -> None:
    other = Task("t", (), "math", "1/2")
    for attack in ATTACKS:
        assert list(attack.craft(other, NO_WITNESS)) == []


def test_names_are_read_off_the_tests() -> None:
    assert called(task()) == ["solve"]
    assert called(task({"mode": "asserts", "asserts": ["assert tuple(f(1)) == g(2)", "assert ("]})) == ["f", "g"]


def test_there_are_sample_tasks_to_audit() -> None:
    found = sample_tasks("code")
    assert {each.truth["mode"] for each in found} == {"function", "stdin", "asserts"}
    for each in found:
        assert judge("code", each.truth, f"```\n{each.truth['reference']}\n```\n").is_pass
