"""Answers for provers, solvers and step checkers: right ones in other clothes, and wrong ones that look like them.

A right proof cannot be read off a statement. It is known for the statements of `coq_statements`, for the small Lean
statements below, for a formula (which is its own right answer) and for a chain from its start to its answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assay.audit.attack import Attack
from assay.audit.attacks.proofs import language, statement
from assay.audit.witness import Witness
from assay.core.types import Json, Task
from assay.tasks.generators.coq_statements import statements

LEAN_HEADER = """prelude
universe u
unsafe axiom lcErased : Type
inductive Eq {α : Sort u} : α → α → Prop where
  | refl (a : α) : Eq a a
inductive True : Prop where
  | intro : True
inductive And (a b : Prop) : Prop where
  | intro (left : a) (right : b) : And a b
"""
"""Lean without its library: any Lean 4 checks what is stated in it."""

LEAN_PROOFS: Mapping[str, str] = {
    "True": "True.intro",
    "∀ (p : Prop), p → p": "fun p h => h",
    "∀ (p q : Prop), And p q → And q p": "fun p q h => And.rec (motive := fun _ => And q p) (fun a b => And.intro b a) h",
    "∀ (p : Prop), Eq p p": "fun p => Eq.refl p",
}


def known_proof(task: Task) -> str | None:
    """A proof of the task's own statement, where one is known."""
    truth: Mapping[str, Json] = task.truth if isinstance(task.truth, Mapping) else {}
    if language(task) == "coq":
        shown = (statement(task), truth.get("preamble", ""))
        return next((each.proof for each in statements() if (each.statement, each.preamble) == shown), None)
    if language(task) == "lean" and truth.get("header") == LEAN_HEADER and truth.get("mode", "proof") == "proof":
        return LEAN_PROOFS.get(statement(task))
    return None


def right_formula(task: Task) -> str | None:
    """What an `equivalent` or `entails` task asks for, in its own words."""
    truth = task.truth
    if task.verifier != "smt" or not isinstance(truth, Mapping) or "vocabulary" in truth:
        return None
    found = truth.get({"equivalent": "formula", "entails": "conclusion"}.get(str(truth.get("ask")), ""))
    return found if isinstance(found, str) and truth.get("field", "whole_text") == "whole_text" else None


def chain_of(task: Task) -> tuple[str, str] | None:
    """The start and the answer of a chain of expressions."""
    truth = task.truth
    if task.verifier != "steps" or not isinstance(truth, Mapping) or truth.get("checker") != "math":
        return None
    start, answer = truth.get("start"), truth.get("answer")
    return (start, answer) if isinstance(start, str) and isinstance(answer, str) and "=" not in start else None


def proof_clothes(task: Task, witness: Witness) -> Iterable[str]:
    """A right proof with comments, blanks and ends of its own."""
    proof = known_proof(task)
    if proof is None:
        return []
    if language(task) == "lean":
        return [proof, f"  {proof}\n\n", f"-- axiom sorry\n{proof}", f"/- /- native_decide -/ -/ {proof}", f"({proof})"]
    return [
        proof,
        f"\n\n  {proof}\n\n",
        f"(* Axiom cheat : False. (* Admitted. *) *)\n{proof} (* Qed. *)",
        proof.replace(". ", ".\r\n"),
        proof.removeprefix("Proof.").strip(),
        proof.removesuffix("Qed.") + "Defined.",
    ]


def formula_clothes(task: Task, witness: Witness) -> Iterable[str]:
    """The formula itself, in brackets, twice negated, and beside what is always true."""
    formula = right_formula(task)
    if formula is None:
        return []
    return [formula, f"(({formula}))", f"not not ({formula})", f"¬(¬({formula}))", f"({formula}) and true"]


def chain_clothes(task: Task, witness: Witness) -> Iterable[str]:
    """A chain from the start to the answer, on one line or on two."""
    ends = chain_of(task)
    if ends is None:
        return []
    start, answer = ends
    box = f"\\boxed{{{answer}}}"
    return [f"{start} = {answer}\n{box}", f"First, we work it out:\n${start}$\n= {answer}.\n\nSo it is {box}."]


def proof_negations(task: Task, witness: Witness) -> Iterable[str]:
    """The opposite of the formula that is asked for."""
    formula = right_formula(task)
    return [] if formula is None else [f"not ({formula})", f"({formula}) xor true", f"({formula}) -> false"]


def proof_chains(task: Task, witness: Witness) -> Iterable[str]:
    """The right answer behind steps that do not follow, behind steps that say nothing, or behind none."""
    ends = chain_of(task)
    if ends is None:
        return []
    start, answer = ends
    box = f"\\boxed{{{answer}}}"
    return [
        box,
        f"The answer is {answer}.\n{box}",
        f"{start} = {start}\n{box}",
        f"{start} = ({answer}) + 1 = {answer}\n{box}",
        f"{start} = 0*({answer}) + 1/0 = {answer}\n{box}",
        f"{start} = x = {answer}\n{box}",
        f"{start} = {answer} = ({answer}) + 1\n{box}",
    ]


EQUIVALENTS = (
    Attack("proof_clothes", "proof clothes", proof_clothes, expect="paid", is_blind=True),
    Attack("formula_clothes", "proof clothes", formula_clothes, expect="paid", is_blind=True),
    Attack("chain_clothes", "proof clothes", chain_clothes, expect="paid", is_blind=True),
)
ATTACKS = (
    Attack("proof_negations", "proofs", proof_negations, is_blind=True),
    Attack("proof_chains", "proofs", proof_chains, is_blind=True),
)
