"""What an audit is about, by fingerprint: verifiers, rule, tasks and battery."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Sequence
from dataclasses import is_dataclass
from pathlib import Path

from assay.audit.own import FOREIGN, fingerprint_with, own_attacks
from assay.audit.report import Subject
from assay.core.errors import AssayError
from assay.core.records import sha256_of, to_json
from assay.core.types import Json, Task
from assay.reward.rule import RewardRule
from assay.verify.base import find_verifier, label


def subject_of(tasks: Sequence[Task], rule: RewardRule) -> Subject:
    """Verifiers nested in a composite's parts, and the rule's own, count too."""
    names = {name for task in tasks for name in _verifiers(task.verifier, task.truth)}
    names |= {name for verifier, truth in rule.parts.values() for name in _verifiers(verifier, truth)}
    return Subject(
        verifiers=tuple(sorted(_label(name) for name in names)),
        rule=rule.name,
        rule_fingerprint=rule_fingerprint(rule),
        tasks=tasks_fingerprint(tasks),
        battery=fingerprint_with(own_attacks(task.verifier for task in tasks)),
    )


def tasks_fingerprint(tasks: Iterable[Task]) -> str:
    """12 hex digits over ids, prompts, verifiers and truths, in order."""
    return sha256_of([[task.id, task.prompt, task.verifier, task.truth] for task in tasks])[:12]


def rule_fingerprint(rule: RewardRule) -> str:
    """12 hex digits over the rule's numbers and the file that pays by them."""
    numbers: Json = to_json(rule) if is_dataclass(rule) else {"name": rule.name, "parts": to_json(rule.parts)}
    file = getattr(sys.modules.get(type(rule).__module__), "__file__", None)
    source = hashlib.sha256(Path(file).read_bytes()).hexdigest() if file else ""
    return sha256_of([numbers, source])[:12]


def _verifiers(name: str, truth: Json) -> Iterable[str]:
    yield name
    parts = truth.get("parts", ()) if isinstance(truth, dict) else ()
    for part in parts if isinstance(parts, (list, tuple)) else ():
        if isinstance(part, dict) and isinstance(part.get("verifier"), str):
            yield from _verifiers(part["verifier"], part.get("truth"))


def _label(name: str) -> str:
    layout, _, place = name.partition(":")
    if layout in FOREIGN:  # not ours to load: its file's hash where it is one
        file = Path(place.partition(":")[0])
        return f"{name}@foreign#{hashlib.sha256(file.read_bytes()).hexdigest()[:12] if file.is_file() else '0' * 12}"
    try:
        return label(find_verifier(name))
    except AssayError:
        return f"{name}@missing"
