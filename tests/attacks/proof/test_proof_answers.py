"""Right proofs in other clothes are paid, wrong answers that look like them are not; each attack breaks a careless judge."""

import re
import shutil
from collections.abc import Callable

import pytest

from assay.audit.attacks.proof_answers import ATTACKS, EQUIVALENTS, known_proof
from assay.audit.attacks.proofs import ATTACKS as PROOF_ATTACKS
from assay.audit.run import NO_WITNESS
from assay.audit.samples import sample_tasks
from assay.core.types import Message, Outcome, Task
from assay.verify.base import judge
from assay.verify.proof.coq_check import OPTIONS, home_of
from assay.verify.proof.coq_header import read_truth
from assay.verify.proof.tools import ToolLimits, run_tool

TASKS = [task for name in ("smt", "steps") for task in sample_tasks(name)]
needs_coq = pytest.mark.skipif(shutil.which("coqc") is None, reason="no coqc on PATH (apt install coq)")


def texts(attack: str, tasks: list[Task] = TASKS) -> list[tuple[Task, str]]:
    made = next(each for each in (*ATTACKS, *EQUIVALENTS) if each.name == attack)
    return [(task, text) for task in tasks for text in made.craft(task, NO_WITNESS)]


def ends_right(task: Task, text: str) -> bool:
    """Looks at the box alone, as an outcome reward does."""
    found = re.search(r"\\boxed\{(.*)\}", text)
    return found is not None and found.group(1) == task.truth.get("answer")


def mentions_the_truth(task: Task, text: str) -> bool:
    """A judge that looks for the truth's text in the answer."""
    return any(str(task.truth.get(key, "\0")) in text for key in ("formula", "conclusion"))


CARELESS: dict[str, Callable[[Task, str], bool]] = {"proof_chains": ends_right, "proof_negations": mentions_the_truth}


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS])
def test_each_breaks_a_careless_judge(attack: str) -> None:
    made = texts(attack)
    assert len(made) >= 6
    assert all(CARELESS[attack](task, text) for task, text in made)


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS])
def test_ours_pays_none(attack: str) -> None:
    for task, text in texts(attack):
        assert judge(task.verifier, task.truth, text).outcome is Outcome.FAIL, text


@pytest.mark.parametrize("attack", ["formula_clothes", "chain_clothes"])
def test_right_answers_in_other_clothes_are_paid(attack: str) -> None:
    made = texts(attack)
    assert len(made) >= 6
    for task, text in made:
        assert judge(task.verifier, task.truth, text).is_pass, text


@needs_coq
def test_right_proofs_in_other_clothes_are_paid() -> None:
    task = next(each for each in sample_tasks("coq") if "preamble" not in each.truth or not each.truth["preamble"])
    made = texts("proof_clothes", [task])
    assert len(made) == 6
    for _, text in made:
        assert judge("coq", task.truth, text).is_pass, text


def test_every_sample_of_a_prover_has_a_known_proof() -> None:
    for name in ("coq", "lean"):
        tasks = sample_tasks(name)
        assert len(tasks) >= 4
        assert all(known_proof(task) for task in tasks)


def test_nothing_is_made_for_other_tasks() -> None:
    other = Task("m", (Message("user", "?"),), "math", "1")
    strange = Task("c", (Message("user", "?"),), "coq", {"statement": "no_such_statement"})
    for task in (other, strange):
        assert not [text for each in (*ATTACKS, *EQUIVALENTS) for text in each.craft(task, NO_WITNESS)]


@needs_coq
@pytest.mark.parametrize("attack", [each.name for each in PROOF_ATTACKS if each.name != "proof_bombs"])
def test_the_exit_code_of_coqc_is_broken_by(attack: str) -> None:
    """The careless judge of the issue, for real: `coqc` exits 0 on one of each attack's texts against `1 = 2`."""
    coqc = str(shutil.which("coqc"))
    truth = read_truth({"statement": "1 = 2"})
    task = Task("c", (Message("user", "?"),), "coq", {"statement": "1 = 2"})
    craft = next(each.craft for each in PROOF_ATTACKS if each.name == attack)

    def accepts(text: str) -> bool:
        source = f"{truth.theorem}\n{text}\n".encode("utf-8", "replace")
        run = run_tool([coqc, *OPTIONS, "Cand.v"], {"Cand.v": source}, ToolLimits(), readable=home_of(coqc))
        return run.end == "exit" and run.code == 0

    assert any(accepts(text) for text in craft(task, NO_WITNESS))
