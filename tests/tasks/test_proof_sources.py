"""Statements for Coq with their proofs, and miniF2F's rows as tasks for Lean."""

import shutil

import pytest

from assay.core.errors import UsageError
from assay.tasks.generators.coq_statements import CoqStatementOptions, make, statements
from assay.tasks.proof_files import read_minif2f, statement_of
from assay.tasks.source import demonstration_of
from assay.verify.base import find_verifier, read_task
from assay.verify.proof.coq import CoqVerifier
from assay.verify.proof.coq_script import read_script

TOPICS = ("logic", "nat", "arithmetic", "lists", "integers")


def test_there_are_enough_and_no_two_are_the_same() -> None:
    assert len(statements()) >= 120
    assert len({each.statement for each in statements()}) == len(statements())
    assert {each.topic for each in statements()} == set(TOPICS)
    assert {each.level for each in statements()} == {1, 2, 3, 4}


def test_the_splits_share_no_statement_and_lose_none() -> None:
    train, held_out = (make(CoqStatementOptions(level=4), split, 0) for split in ("train", "held_out"))  # type: ignore[arg-type]
    assert not set(train.problems) & set(held_out.problems)
    assert len(train.tasks) + len(held_out.tasks) == len(statements())
    assert min(len(train.tasks), len(held_out.tasks)) >= 50


def test_a_task_hides_its_proof_and_can_be_read() -> None:
    for process in (False, True):
        source = make(CoqStatementOptions(level=4, process=process), "train", 0)
        for index, task in enumerate(source.tasks):
            shown = task.prompt[-1].content
            assert source.problem(index) in shown
            assert demonstration_of(source, index) not in shown
            assert task.verifier == ("steps" if process else "coq")
            read_task(task)


@pytest.mark.skipif(shutil.which("coqc") is None, reason="no coqc on PATH (apt install coq)")
@pytest.mark.parametrize("topic", TOPICS)
def test_our_proofs_are_accepted(topic: str) -> None:
    """By a warm coqtop, a few of each topic; the full check of such proofs is tested with the verifier."""
    verifier = find_verifier("coq")
    assert isinstance(verifier, CoqVerifier)
    for each in [each for each in statements() if each.topic == topic][::5]:
        truth = verifier.read({"statement": each.statement, "preamble": each.preamble})
        answers = verifier.runner.check_sentences(truth, [item.text for item in read_script(each.proof)], 60)
        assert isinstance(answers, list)
        assert answers[-1] == (None, False)


@pytest.mark.parametrize(
    ("formal", "statement"),
    [
        ("theorem t (x : ℕ) (h : x = 1) : x + 1 = 2 := by sorry", "∀ (x : ℕ) (h : x = 1), x + 1 = 2"),
        ("theorem t : 1 + 1 = 2 := by\n  sorry", "1 + 1 = 2"),
        (
            "theorem t {a b : ℝ} [inst : Foo a] (h : ∃ c : ℝ, c = a) :\n  a = b :=",
            "∀ {a b : ℝ} [inst : Foo a] (h : ∃ c : ℝ, c = a), a = b",
        ),
        ("lemma t (f : ℕ → ℕ := id) : f 0 = 0", "∀ (f : ℕ → ℕ := id), f 0 = 0"),
    ],
)
def test_the_statement_of_a_theorem(formal: str, statement: str) -> None:
    assert statement_of(formal) == statement


@pytest.mark.parametrize("formal", ["def x : ℕ := 1", "theorem t (x : ℕ)", "theorem t : := by sorry", ""])
def test_what_is_no_theorem(formal: str) -> None:
    with pytest.raises(UsageError):
        statement_of(formal)


def test_a_row() -> None:
    row = {
        "name": "mathd_algebra_1",
        "split": "valid",
        "informal_prefix": "/-- Show that it is 2. -/",
        "header": "import Mathlib\nopen Real\n",
        "formal_statement": "theorem mathd_algebra_1 (x : ℝ) (h : x = 1) : x + 1 = 2 := by sorry",
    }
    read = read_minif2f(row)
    assert (read.verifier, read.id, read.split) == ("lean", "mathd_algebra_1", "valid")
    assert read.truth == {"statement": "∀ (x : ℝ) (h : x = 1), x + 1 = 2", "header": "import Mathlib\nopen Real"}
    assert "Show that it is 2." in read.prompt[0].content
    find_verifier("lean").read(read.truth)
    with pytest.raises(UsageError):
        read_minif2f({"header": "import Mathlib"})
