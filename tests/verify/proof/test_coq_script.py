"""What the script reader allows and refuses, before any prover runs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.verify.proof.coq_header import header_of
from assay.verify.proof.coq_script import LONGEST, Malformed, read_script

GOLDEN = Path(__file__).parents[2] / "golden/proof"


def rows(name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (GOLDEN / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def kinds(script: str) -> list[str]:
    return [each.kind for each in read_script(script)]


@pytest.mark.parametrize("row", rows("coq_honest"), ids=lambda row: row["why"])
def test_honest_scripts_are_allowed(row: dict[str, str]) -> None:
    items = read_script(row["response"])
    assert items
    for each in items:
        assert row["response"][each.start : each.start + len(each.text)] == each.text


def test_commands_are_refused() -> None:
    refused = 0
    for row in rows("coq_cheats"):
        if row["kind"] in ("command", "axiom", "switch", "admit", "lexing"):
            try:
                read_script(str(row["response"]))
            except Malformed:
                refused += 1
    assert refused >= 120


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("exact I. Qed.", ["tactic", "end"]),
        ("Proof. exact I. Defined.", ["proof", "tactic", "end"]),
        ("Proof (I).", ["term"]),
        ("Proof I.", ["term"]),
        ("Proof using. exact I. Qed.", ["proof", "tactic", "end"]),
        ("-- + * exact I. Qed.", ["bullet", "bullet", "bullet", "tactic", "end"]),
        ("{ exact I. } Qed.", ["open", "tactic", "close", "end"]),
        ("2-3, 5: { exact I. } Qed.", ["open", "tactic", "close", "end"]),
        ("[name]: exact I. Qed.", ["tactic", "end"]),
        ("intros x.y. Qed.", ["tactic", "end"]),
        ("auto... Qed.", ["tactic", "end"]),
        ("[> auto .. ]. Qed.", ["tactic", "end"]),
        ("exists 1. Qed.", ["tactic", "end"]),
        ("exact 1.5. Qed.", ["tactic", "end"]),
        ('(* Qed. *) exact I. (* "*)" *) Qed. (**)', ["tactic", "end"]),
        ('idtac "a ""Qed."" b". Qed.', ["tactic", "end"]),
        ("exact I.\nQed.", ["tactic", "end"]),
        ("exact I.\r\nQed.\r\n", ["tactic", "end"]),
    ],
)
def test_items(script: str, expected: list[str]) -> None:
    assert kinds(script) == expected


@pytest.mark.parametrize(
    "script",
    [
        "",
        "Qed",
        "exact I.",
        "exact I. Qed. Qed.",
        "Qed. exact I.",
        "Proof. Proof. exact I. Qed.",
        "exact I. Proof. Qed.",
        "Proof I. Qed.",
        "exact I. Qed now.",
        "Axiom a : False.",
        "- Axiom a : False. Qed.",
        "1: Axiom a : False. Qed.",
        "idtac.\nAxiom a : False. Qed.",
        "idtac.(* *) exact I. Qed.",
        "idtac `(* *). Qed.",
        "idtac.... Qed.",
        "idtac...exact I. Qed.",
        "idtac \x00. Qed.",
        "idtac \x0c. Qed.",
        "idtac \u00a0. Qed.",
        "idtac \u200b. Qed.",
        "(* exact I. Qed.",
        'idtac ". Qed.',
        "native_compute. Qed.",
        "exact (native_cast_no_check I). Qed.",
        "#[local] exact I. Qed.",
        "{| exact I. Qed.",
        "\u0410xiom. Qed.",
        "x" * (LONGEST + 1),
    ],
)
def test_refused(script: str) -> None:
    with pytest.raises(Malformed):
        read_script(script)


@given(st.text(alphabet='aAQed.Proof()*"{}[]:-+ \n1,', max_size=60))
def test_whatever_is_allowed_begins_no_sentence_with_a_capital(text: str) -> None:
    try:
        items = read_script(text)
    except Malformed:
        return
    for each in items:
        if each.kind == "tactic":
            head = each.text.split(":", 1)[-1].lstrip() if each.text[:1] in "[0123456789ap!" else each.text
            assert not head[:1].isupper() or each.text[:1].islower()
    assert items[-1].kind in ("end", "term")


@pytest.mark.parametrize(
    "words", ["Axiom", "Parameter", "Require Import", "Set", "Unset", "Notation", "Module", "Load"]
)
@given(before=st.sampled_from(["", "- ", "+ { ", "1: ", "all: ", "(* x *) ", "idtac. ", "idtac.\n", "{ ", "} "]))
def test_a_command_is_refused_wherever_a_sentence_may_begin(words: str, before: str) -> None:
    with pytest.raises(Malformed):
        read_script(f"Proof. {before}{words} x. exact I. Qed.")


def test_linear_time() -> None:
    with pytest.raises(Malformed):
        read_script("(" * (LONGEST - 1))
    with pytest.raises(Malformed):
        read_script("(*" * (LONGEST // 2))
    with pytest.raises(Malformed):
        read_script('"' * (LONGEST - 1))
    assert len(read_script("- " * (LONGEST // 2 - 10) + "Qed.")) > 1000


def test_a_header_says_again_what_steers() -> None:
    header = header_of(
        "Require Import List. Import ListNotations. Module M. Require Import Lia. Definition Set_ := 1. End M.\n"
        'Import M. Open Scope Z_scope. Definition x := 1. #[local] Hint Resolve I : core. Local Notation "a # b" := (a + b) '
        "(at level 50). Set Implicit Arguments. Lemma l : True. Proof. { exact I. } Qed."
    )
    assert header.split("\n") == [
        "Require Import List.",
        "Import ListNotations.",
        "Require Import Assay.Pre.",
        "Import M.",
        "Open Scope Z_scope.",
        "#[local] Hint Resolve I : core.",
        'Local Notation "a # b" := (a + b) (at level 50).',
        "Set Implicit Arguments.",
        "",
    ]
