"""The battery: every attack and every equivalent, and a fingerprint that changes when any of them does."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from assay.audit.attack import Attack
from assay.audit.attacks import (
    answers,
    code,
    constraint,
    format,
    injection,
    instructions,
    persuasion,
    proof_answers,
    proofs,
    sql,
    structured,
)
from assay.audit.equivalents import EQUIVALENTS

ATTACKS: tuple[Attack, ...] = (
    *format.ATTACKS,
    *answers.ATTACKS,
    *injection.ATTACKS,
    *persuasion.ATTACKS,
    *proofs.ATTACKS,
    *proof_answers.ATTACKS,
    *code.ATTACKS,
    *structured.ATTACKS,
    *sql.ATTACKS,
    *constraint.ATTACKS,
    *instructions.ATTACKS,
)
BATTERY: tuple[Attack, ...] = (
    *EQUIVALENTS,
    *proof_answers.EQUIVALENTS,
    *structured.EQUIVALENTS,
    *sql.EQUIVALENTS,
    *instructions.EQUIVALENTS,
    *ATTACKS,
)


@cache
def battery_fingerprint() -> str:
    """12 hex digits over the source of the whole room: an audit by another battery is another audit."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(here.rglob("*.py")):
        digest.update(f"{file.relative_to(here)}".encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
