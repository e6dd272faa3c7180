"""The task's side of a Coq proof: the statement and the preamble, and the files made of them.

`Pre.v` is the preamble, compiled once. What only steers how text is read (Require, Import, open scopes, options, local
notations) does not reach the files that import it, so `header` says those sentences again, in front of the statement
(`Spec.v`) and of the theorem (`Cand.v`) alike: both files read the same words in the same surroundings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json
from assay.verify.proof.coq_script import Malformed, sentence_end, skip_blanks

KEYS = ("statement", "preamble", "allow_axioms")
FOLDER = "Assay"  # the logical folder of our files
THEOREM = "assay_thm"

_ATTRIBUTES = re.compile(r"(?:#\[[^\]]*\]\s*)+")
_OPENS = re.compile(r"(?:Module(?!\s+Type\b)|Module\s+Type|Section)\s+(?:(?:Import|Export)\s+)?(\w+)")
_STEERS = re.compile(
    r"(?:(?:Local|Global)\s+)?(?:Open\s+Scope|Close\s+Scope|Set|Unset|Generalizable|Opaque|Transparent)\b"
    r"|Local\s+(?:Notation|Infix|Ltac|Hint|Arguments|Tactic|Strategy)\b"
)
_STEERS_IF_LOCAL = re.compile(
    r"(?:Notation|Infix|Ltac|Hint|Arguments|Tactic|Set|Unset|Open\s+Scope|Opaque|Transparent)\b"
)
_LOCAL = re.compile(r"#\[[^\]]*\blocal\b")


@dataclass(frozen=True, slots=True)
class CoqTruth:
    statement: str
    preamble: str
    allow_axioms: frozenset[str]
    header: str  # what Spec.v and Cand.v begin with

    @property
    def spec(self) -> str:
        return f"{self.header}Definition goal : Type := (\n{self.statement}\n).\n"

    @property
    def theorem(self) -> str:
        return f"Theorem {THEOREM} : (\n{self.statement}\n)."

    def candidate(self, script: str) -> str:
        return f"{self.header}{self.theorem}\n{script}\n"


CHECK = f"""Require {FOLDER}.Pre {FOLDER}.Spec {FOLDER}.Cand.
Definition check : {FOLDER}.Spec.goal := @{FOLDER}.Cand.{THEOREM}.
Print Assumptions check.
"""


def read_truth(truth: Json) -> CoqTruth:
    """Raises TruthError."""
    if not isinstance(truth, dict) or not isinstance(truth.get("statement"), str):
        raise TruthError(
            'coq: {"statement": "forall n : nat, n = n", "preamble": "", "allow_axioms": []} would be right'
        )
    for key in truth:
        if key not in KEYS:
            raise TruthError(f"coq: unknown key {key!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}")
    statement, preamble, axioms = truth["statement"].strip(), truth.get("preamble", ""), truth.get("allow_axioms", [])
    if not isinstance(preamble, str):
        raise TruthError(f"coq: preamble: text would be right, not a {type(preamble).__name__}")
    if not isinstance(axioms, list) or not all(isinstance(each, str) for each in axioms):
        raise TruthError("coq: allow_axioms: a list of full names would be right")
    if not statement:
        raise TruthError("coq: statement: it is empty")
    try:
        statement.encode(), preamble.encode()
        is_one = sentence_end(statement + " .", 0, frozenset()) == len(statement) + 2
        header = header_of(preamble)
    except (Malformed, UnicodeEncodeError) as error:
        raise TruthError(f"coq: the statement or the preamble cannot be read: {error}") from error
    if not is_one:
        raise TruthError("coq: statement: a type without a full stop at its end would be right")
    return CoqTruth(statement, preamble, frozenset(axioms), header)


def header_of(preamble: str) -> str:
    """The lines that put a file into the preamble's surroundings. Raises Malformed."""
    before: list[str] = []
    after: list[str] = []
    modules, depth = set(), 0
    for sentence in sentences(preamble):
        bare = _ATTRIBUTES.sub("", sentence, count=1) if sentence.startswith("#[") else sentence
        opens = _OPENS.match(bare)
        if opens:
            modules.add(opens.group(1))
            depth += ":=" not in bare or bare.startswith("Section")
        elif re.match(r"End\b", bare):
            depth = max(0, depth - 1)
        elif depth:
            continue
        elif re.match(r"(?:From|Require)\b", bare):
            before.append(sentence)
        elif imports := re.match(r"(?:Import|Export)\s+(?:\([^)]*\)\s*)?(\w+)", bare):
            (after if imports.group(1) in modules else before).append(sentence)
        elif _STEERS.match(bare) or (_LOCAL.match(sentence) and _STEERS_IF_LOCAL.match(bare)):
            after.append(sentence)
    return "\n".join([*before, f"Require Import {FOLDER}.Pre.", *after, ""])


def sentences(text: str) -> list[str]:
    """The sentences of any Coq text, comments between them left out. Raises Malformed."""
    found = []
    at = skip_blanks(text, 0)
    while at < len(text):
        end = sentence_end(text, at, frozenset())
        found.append(text[at:end])
        at = skip_blanks(text, end)
    return found
