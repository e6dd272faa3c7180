"""Each proof attack breaks a careless judge of proofs, and none of them a careful one."""

import re
import shutil
from collections.abc import Callable

import pytest

from assay.audit.attacks.proofs import ATTACKS
from assay.audit.run import NO_WITNESS
from assay.core.types import Message, Outcome, Task
from assay.verify.base import judge
from assay.verify.proof.coq import CoqVerifier
from assay.verify.proof.coq_script import Malformed, read_script
from assay.verify.proof.lean_script import read_lean
from assay.verify.proof.tools import ToolLimits

COQ = Task("c", (Message("user", "Prove it."),), "coq", {"statement": "1 = 2"})
LEAN = Task("l", (Message("user", "Prove it."),), "lean", {"statement": "1 = 2", "header": "import Mathlib"})
SMT = Task(
    "s",
    (Message("user", "?"),),
    "smt",
    {"ask": "equivalent", "declarations": {"p": "Bool"}, "formula": "p", "premises": []},
)
TASKS = (COQ, LEAN, SMT)


def without_comments(text: str) -> str:
    """As a regular expression sees them: no nesting, no strings."""
    return re.sub(r"\(\*.*?(\*\)|$)|/-.*?(-/|$)|--[^\n]*", " ", text, flags=re.S)


def ends_like_a_proof(text: str) -> bool:
    return text.rstrip().endswith(("Qed.", "Defined.")) or not re.search(r"sorry|admit", text)


FLAWED: dict[str, Callable[[str], bool]] = {
    "looks_for_axiom_first": lambda text: not text.startswith("Axiom"),
    "trusts_the_exit_code": lambda text: "Admitted" not in text and not text.endswith("admit."),
    "knows_only_sorry": lambda text: "sorry" not in text and "admit" not in text.lower(),
    "strips_comments_badly": lambda text: "axiom" not in without_comments(text).lower(),
    "looks_for_an_end": ends_like_a_proof,
    "runs_what_it_gets": lambda text: len(text) > 0,
    "concatenates_the_answer": lambda text: text.startswith("(reset)"),
}


def texts(attack: str) -> list[tuple[Task, str]]:
    made = next(each for each in ATTACKS if each.name == attack)
    return [(task, text) for task in TASKS for text in made.craft(task, NO_WITNESS)]


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS])
def test_each_attack_breaks_a_careless_judge(attack: str) -> None:
    made = texts(attack)
    assert len(made) >= 8
    assert [name for name, accepts in FLAWED.items() if any(accepts(text) for _, text in made)]


@pytest.mark.parametrize("name", sorted(FLAWED))
def test_each_careless_judge_is_broken(name: str) -> None:
    assert any(FLAWED[name](text) for attack in ATTACKS for _, text in texts(attack.name))


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS])
def test_other_verifiers_are_left_alone(attack: str) -> None:
    made = next(each for each in ATTACKS if each.name == attack)
    assert not list(made.craft(Task("m", (Message("user", "?"),), "math", "1"), NO_WITNESS))


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS if each.name not in ("proof_bombs", "proof_gaps")])
def test_the_readers_refuse_commands(attack: str) -> None:
    """No prover is needed for these: the text alone is refused, but for proofs that only claim too much."""
    passed = []
    for task, text in texts(attack):
        if task.verifier == "smt":
            continue
        try:
            (read_script if task.verifier == "coq" else read_lean)(text)
        except Malformed:
            continue
        passed.append(text)
    assert len(passed) <= 2


@pytest.mark.skipif(shutil.which("coqc") is None, reason="no coqc on PATH (apt install coq)")
@pytest.mark.parametrize("attack", [each.name for each in ATTACKS])
def test_the_verifiers_pay_none(attack: str) -> None:
    verifier = CoqVerifier(ToolLimits(cpu_s=3, wall_s=30, memory_mb=1500))
    wrong = []
    for task, text in texts(attack):
        if task.verifier == "lean":
            continue  # tests/verify/proof/test_lean.py has the live ones
        verdict = judge(verifier if task.verifier == "coq" else task.verifier, task.truth, text)
        if verdict.outcome is not Outcome.FAIL:
            wrong.append((text[:80], verdict.outcome, dict(verdict.evidence)))
    verifier.runner.close()
    assert not wrong
