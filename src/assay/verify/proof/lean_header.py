"""The task's side of a Lean proof: the statement and the header, and the files made of them.

The header is compiled once, as a module of its own; its imports and the lines that only steer how text is read (open,
universe, variable, set_option, local notation) are said again in front of the statement and of the proof, so that both
are read in the same surroundings. A header that begins with `prelude` stays one all the way: it needs no library.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json
from assay.verify.proof.coq_script import Malformed
from assay.verify.proof.lean_script import Mode, read_lean

KEYS = ("statement", "header", "allow_axioms", "mode")
THEOREM = "assay_thm"
GOAL = "AssaySpec.goal"
STANDARD_AXIOMS = frozenset({"propext", "Classical.choice", "Quot.sound"})

_IMPORT = re.compile(r"(?:public\s+)?(?:meta\s+)?import\s+\S+")
_STEERS = re.compile(
    r"(?:open|universe|universes|variable|set_option|local|noncomputable\s+section)\b|attribute\s*\[\s*local\b"
)

_BEHIND = re.compile(r"\b(?:where|termination_by|decreasing_by|partial_fixpoint)\b")


@dataclass(frozen=True, slots=True)
class LeanTruth:
    statement: str
    header: str
    allow_axioms: frozenset[str]
    mode: Mode
    imports: tuple[str, ...]  # the header's first lines: `prelude`, and imports
    steering: str  # what is said again

    @property
    def prelude(self) -> str:
        return "prelude\n" if "prelude" in self.imports else ""

    def _begin(self, *modules: str) -> str:
        lines = [*self.imports, *(f"import {each}" for each in modules)]
        return "\n".join(lines) + "\n" + self.steering

    @property
    def spec(self) -> str:
        return f"{self._begin('AssayPre')}def {GOAL} : Prop := (\n{self.statement}\n)\n"

    def candidate(self, proof: str) -> str:
        """The proof behind the theorem; in `file` mode what follows the response's own imports and header."""
        if self.mode == "proof":
            return f"{self._begin('AssayPre')}{self.theorem(proof)}"
        return f"{self._begin('AssayPre')}\n{self.body(proof)}\n"

    def theorem(self, proof: str) -> str:
        """With the proof in brackets: no command can stand in them, known to our list of words or not. What follows a
        proof and belongs to it (`where`, a measure) cannot either, so a proof with such words goes without."""
        given = proof if _BEHIND.search(proof) else f"(\n{proof}\n)"
        return f"theorem {THEOREM} : (\n{self.statement}\n) :=\n{given}\n"

    def body(self, file: str) -> str:
        """A file's text behind its imports, which must be the header's. Raises Malformed."""
        rest = file.lstrip()
        if rest.startswith(self.header.strip()):
            return rest[len(self.header.strip()) :]
        lines = rest.split("\n")
        while lines and (not lines[0].strip() or lines[0].strip() in self.imports):
            lines.pop(0)
        return "\n".join(lines)


def check_text(truth: LeanTruth) -> tuple[str, str]:
    """Our own last file, and the name it gives the proof: one that no file could have been written for."""
    name = f"assay_check_{secrets.token_hex(8)}"
    text = f"{truth.prelude}import AssaySpec\nimport AssayCand\ntheorem {name} : {GOAL} := @{THEOREM}\n#print axioms {name}\n"
    return text, name


def read_truth(truth: Json) -> LeanTruth:
    """Raises TruthError."""
    if not isinstance(truth, dict) or not isinstance(truth.get("statement"), str) or not truth["statement"].strip():
        raise TruthError('lean: {"statement": "2 + 2 = 4", "header": "import Mathlib", "mode": "proof"} would be right')
    for key in truth:
        if key not in KEYS:
            raise TruthError(f"lean: unknown key {key!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}")
    header, axioms, mode = truth.get("header", ""), truth.get("allow_axioms"), truth.get("mode", "proof")
    if not isinstance(header, str):
        raise TruthError(f"lean: header: text would be right, not a {type(header).__name__}")
    if mode not in ("proof", "file"):
        raise TruthError(f"lean: mode: 'proof' or 'file' would be right, not {mode!r}")
    if axioms is not None and (not isinstance(axioms, list) or not all(isinstance(each, str) for each in axioms)):
        raise TruthError("lean: allow_axioms: a list of names would be right")
    try:
        read_lean(truth["statement"], "proof")
        header.encode()
    except (Malformed, UnicodeEncodeError) as error:
        raise TruthError(f"lean: the statement or the header cannot be read: {error}") from error
    imports, steering = split_header(header)
    allowed = STANDARD_AXIOMS if axioms is None else frozenset(axioms)
    return LeanTruth(truth["statement"].strip(), header, allowed, mode, imports, steering)


def split_header(header: str) -> tuple[tuple[str, ...], str]:
    """Its imports, and the lines that only steer. A line belongs to the one above when it is indented."""
    imports, steering, keeps = [], [], False
    for line in header.split("\n"):
        bare = line.rstrip()
        if bare == "prelude" or _IMPORT.fullmatch(bare):
            imports.append(bare)
        elif bare and not line[0].isspace():
            keeps = bool(_STEERS.match(bare))
            if keeps:
                steering.append(bare)
        elif keeps and bare:
            steering.append(bare)
    return tuple(imports), "".join(f"{each}\n" for each in steering)
