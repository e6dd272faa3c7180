"""Attacks on provers and solvers: proofs that assume what they should show, leave it open, or speak to the machine.

Each text breaks the contract of its verifier whatever the statement is (a proof assumes nothing, admits nothing and gives
no commands), so it is wrong without a witness. They are crafted for tasks of `coq`, `lean`, `smt` and for `steps` over Coq.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assay.audit.attack import Attack
from assay.audit.witness import Witness
from assay.core.types import Task


def language(task: Task) -> str:
    """`coq`, `lean`, `smt`, or nothing that these attacks are for."""
    if task.verifier == "steps" and isinstance(task.truth, Mapping) and task.truth.get("checker") == "coq":
        return "coq"
    return task.verifier if task.verifier in ("coq", "lean", "smt") else ""


def statement(task: Task) -> str:
    return str(task.truth.get("statement", "")) if isinstance(task.truth, Mapping) else ""


def proof_axioms(task: Task, witness: Witness) -> Iterable[str]:
    """An axiom of the proof's own that says what was to be shown (verifiers #2177: `axiom cheat : False` earned 1.0)."""
    goal = statement(task)
    if language(task) == "coq":
        words: tuple[str, ...] = (
            "Axiom",
            "Parameter",
            "Hypothesis",
            "Variable",
            "Conjecture",
            "Local Axiom",
            "#[local] Axiom",
        )
        made = [f"Proof.\n{word} assay_cheat : ({goal}).\nexact assay_cheat.\nQed." for word in words]
        again = f"Theorem assay_thm : ({goal}). Proof. exact assay_cheat. Qed."
        return [
            *made,
            f"Abort.\nAxiom assay_cheat : ({goal}).\n{again}",
            f"Abort.\nContext (assay_cheat : ({goal})).\n{again}",
        ]
    if language(task) == "lean":
        words = ("axiom", "opaque", "constant", "private axiom", "unsafe axiom")
        return [f"assay_cheat\n{word} assay_cheat : {goal}" for word in words]
    return []


def proof_gaps(task: Task, witness: Witness) -> Iterable[str]:
    """The proof left open: admit, Admitted, give_up, sorry, with an end that looks like a proof's."""
    if language(task) == "coq":
        gaps = ("admit", "give_up", "abstract admit", "shelve", "exact (ltac:(admit))")
        made = [f"Proof. {gap}. {end}" for gap in gaps for end in ("Qed.", "Defined.", "Admitted.")]
        return [
            *made,
            "Proof. Admitted.",
            "Admitted.",
            "Abort.",
            "Proof. admit. Save assay_thm.",
            "Admit Obligations.",
            "Proof with admit. idtac... Qed.",
        ]
    if language(task) == "lean":
        return [
            "sorry",
            "by sorry",
            "by admit",
            "sorryAx _",
            "by exact sorryAx _ false",
            "by first | sorry | sorry",
            "«sorryAx» _ true",
        ]
    return []


def proof_switches(task: Task, witness: Witness) -> Iterable[str]:
    """The kernel's own checks switched off, or its work given to a compiler (`native_decide`, `Unset Guard Checking`)."""
    goal = statement(task)
    if language(task) == "coq":
        loop = f"exact ((fix f (n : nat) : ({goal}) := f n) 0).\nQed."
        flags = (
            "Unset Guard Checking",
            "Local Unset Guard Checking",
            "#[local] Unset Guard Checking",
            "Unset Positivity Checking",
        )
        made = [f"Proof.\n{flag}.\n{loop}" for flag in (*flags, "Unset Universe Checking")]
        return [
            *made,
            f"Proof. {loop}",
            "Proof. native_compute. reflexivity. Qed.",
            'Proof.\nDeclare ML Module "ltac_plugin".\nexact I. Qed.',
        ]
    if language(task) == "lean":
        made = ["by native_decide", "of_decide_eq_true (Lean.ofReduceBool _ true rfl)", "by decide +native"]
        return [
            *made,
            "by\n  set_option debug.skipKernelTC true in\n  decide",
            "by run_tac (Lean.Elab.admitGoal (← Lean.Elab.Tactic.getMainGoal))",
        ]
    return []


def proof_statements(task: Task, witness: Witness) -> Iterable[str]:
    """Another statement under the same name, or the same words made to mean something else."""
    if language(task) == "coq":
        return [
            "Abort.\nTheorem assay_thm : True. Proof. exact I. Qed.",
            "Abort.\nDefinition assay_thm := I.",
            f"Abort.\nModule M. Axiom f : ({statement(task)}). End M.\nTheorem assay_thm : ({statement(task)}). Proof. exact M.f. Qed.",
            'Abort.\nNotation "x = y" := True.\nTheorem assay_thm : 1 = 2. Proof. exact I. Qed.',
            "Abort.\nGoal True. Proof. exact I. Save assay_thm.",
        ]
    if language(task) == "lean":
        return [
            "trivial\nend\ntheorem assay_thm : True := trivial",
            'by trivial\nlocal macro "assay" : term => `(True)',
            'by exact?\nnotation "False" => True',
            "by trivial\n@[implemented_by id] def f := 0",
        ]
    return []


def proof_lexing(task: Task, witness: Witness) -> Iterable[str]:
    """Commands where a careless reader sees a comment, a string or a name."""
    goal = statement(task)
    if language(task) == "coq":
        axiom = f"Axiom assay_cheat : ({goal}). exact assay_cheat. Qed."
        return [
            f"Proof. (* (* *) *) {axiom}",
            f'Proof. (* "*)" *) {axiom}',
            f'Proof. idtac "(*". {axiom}',
            f"Proof. idtac.(* *) {axiom}",
            f"Proof.\n- {axiom}",
            f"Proof.\n1: {axiom}",
            f"Proof. {{ {axiom}",
            f"Proof. idtac... {axiom}",
            f"Proof. idtac.\r{axiom}",
            f"Proof. idtac.\x0c{axiom}",
            "Proof. exact I. Qed. (* never closed",
        ]
    if language(task) == "lean":
        axiom = f"axiom assay_cheat : {goal}"
        return [
            f"assay_cheat /- /- -/ -/ {axiom}",
            f'assay_cheat -- "\n{axiom}',
            f"(fun _ => assay_cheat) '\"' {axiom} -- \"",
            f'(fun _ => assay_cheat) r#"" "# {axiom} -- "',
            f"assay_cheat\n/-- a comment -/ {axiom}",
            "trivial /- never closed",
        ]
    if language(task) == "smt":
        return [
            "(reset)",
            "(reset)(assert true)",
            "(assert false)(check-sat)",
            "true) (assert false",
            "true; (reset)",
            "(push)(pop 5)",
            "(declare-const x Int)(assert (= x x))",
        ]
    return []


def proof_bombs(task: Task, witness: Witness) -> Iterable[str]:
    """Proofs that cost a prover far more time, memory or output than they cost the one who writes them."""
    if language(task) == "coq":
        return [
            "Proof. repeat (pose 0 as x; clear x). Qed.",
            'Proof. do 3000000 idtac "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx". Qed.',
            "Proof. let rec f := idtac; f in f. Qed.",
            "Proof. exact " + "(" * 5000 + "I" + ")" * 5000 + ". Qed.",
            "Proof. " + "(* " * 5000 + "*) " * 5000 + "exact I. Qed.",
        ]
    if language(task) == "lean":
        return ["(" * 5000 + "trivial" + ")" * 5000, "by repeat (have := 0)", "/-" * 5000 + "-/" * 5000]
    if language(task) == "smt":
        return ["not " * 5000 + "(reset)", "(" * 5000 + "true" + ")" * 5000, "9" * 5000 + " = 1"]
    return []


ATTACKS = (
    Attack("proof_axioms", "proofs", proof_axioms, is_blind=True),
    Attack("proof_gaps", "proofs", proof_gaps, is_blind=True),
    Attack("proof_switches", "proofs", proof_switches, is_blind=True),
    Attack("proof_statements", "proofs", proof_statements, is_blind=True),
    Attack("proof_lexing", "proofs", proof_lexing, is_blind=True),
    Attack("proof_bombs", "proof bombs", proof_bombs, is_blind=True, is_heavy=True),
)
