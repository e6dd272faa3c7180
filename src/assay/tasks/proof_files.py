"""Rows of miniF2F, and of what is written in its style, as tasks for Lean.

Columns as in the JSONL files: `name`, `split`, `header`, `formal_statement` (`theorem NAME BINDERS : TYPE := by sorry`, or
cut off behind `:=` or `by`), and `informal_prefix` (a comment with the problem in words). The theorem's binders become a
`∀` in front of its type, since the truth holds a statement alone. miniF2F's test split is a public benchmark: do not train
on it.
"""

from __future__ import annotations

import re

from assay.core.errors import UsageError
from assay.core.types import Json, Message
from assay.tasks.row import Read, Row

ASK = (
    "Answer with what follows `:=` alone (a term, or `by` and tactics). The hypotheses stand behind `∀`: introduce them "
    "first."
)
_BEGIN = re.compile(r"\s*(?:theorem|lemma)\s+(\S+)\s*", re.DOTALL)
_PAIRS = {"(": ")", "{": "}", "[": "]", "⦃": "⦄", "⟨": "⟩"}


def read_minif2f(row: Row) -> Read:
    """Raises UsageError."""
    formal, header = row.get("formal_statement"), row.get("header", "")
    if not isinstance(formal, str) or not isinstance(header, str):
        raise UsageError("formal_statement and header: texts would be right")
    statement = statement_of(formal)
    words = str(row.get("informal_prefix") or "").strip().removeprefix("/--").removesuffix("-/").strip()
    shown = f"{header.strip()}\n\ntheorem assay_thm : {statement} :="
    asked = f"Prove this in Lean 4.\n\n{words}\n\n" if words else "Prove this in Lean 4.\n\n"
    name, split = row.get("name"), row.get("split")
    truth: dict[str, Json] = {"statement": statement, "header": header.strip()}
    return Read(
        prompt=(Message("user", f"{asked}```lean\n{shown}\n```\n\n{ASK}"),),
        truth=truth,
        verifier="lean",
        id=name if isinstance(name, str) else None,
        source="minif2f",
        split=split if isinstance(split, str) else None,
    )


def statement_of(formal: str) -> str:
    """The type of a theorem, its binders as a `∀`. Raises UsageError.

    >>> statement_of("theorem t (x : ℕ) (h : x = 1) : x + 1 = 2 := by sorry")
    '∀ (x : ℕ) (h : x = 1), x + 1 = 2'
    """
    begin = _BEGIN.match(formal)
    if begin is None:
        raise UsageError("formal_statement: `theorem NAME ... : TYPE := by` would be right")
    colon = _outside(formal, begin.end(), ":")
    end = _outside(formal, colon + 1, ":=") if colon >= 0 else -1
    if colon < 0:
        raise UsageError("formal_statement: no type behind the theorem's name")
    binders = formal[begin.end() : colon].strip()
    type_ = formal[colon + 1 : end if end >= 0 else len(formal)].strip()
    if not type_:
        raise UsageError("formal_statement: the type is empty")
    return f"∀ {binders}, {type_}" if binders else type_


def _outside(text: str, start: int, wanted: str) -> int:
    """Where `wanted` first stands outside all brackets, or -1. A `:` that begins `:=` is no `:`."""
    waiting: list[str] = []
    for at in range(start, len(text)):
        sign = text[at]
        if sign in _PAIRS:
            waiting.append(_PAIRS[sign])
        elif waiting and sign == waiting[-1]:
            waiting.pop()
        elif not waiting and text.startswith(wanted, at) and not (wanted == ":" and text.startswith(":=", at)):
            return at
    return -1
