"""Attacks that a verifier brings along, as its attribute `attacks`: a tuple of Attack on the class, or on the function.

They are tried on that verifier's tasks, after the battery's own, in `assay audit` and in the audit before training alike.
Their files count in the fingerprint of the battery, so that a certificate of other attacks does not match.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from assay.audit.attack import Attack
from assay.audit.battery import battery_fingerprint
from assay.core.errors import AssayError, UsageError
from assay.verify.base import find_verifier

FOREIGN = frozenset({"trl", "verl", "openrlhf", "http"})
"""Layouts of foreign rewards, which stand where a verifier's name does (`audit/foreign.py`)."""


def own_attacks(verifiers: Iterable[str]) -> dict[str, tuple[Attack, ...]]:
    """By verifier, those that bring any. Raises UsageError where `attacks` is something else."""
    found = {}
    for name in sorted(set(verifiers)):
        if name.partition(":")[0] in FOREIGN:
            continue
        try:
            brought = getattr(find_verifier(name), "attacks", ())
        except AssayError:
            continue  # a verifier that cannot be found is told of when it is asked to judge
        if not isinstance(brought, (tuple, list)) or not all(isinstance(each, Attack) for each in brought):
            raise UsageError(f"verifier {name!r}: `attacks` must be a tuple of assay.audit.attack.Attack")
        if brought:
            found[name] = tuple(brought)
    return found


def fingerprint_with(own: Mapping[str, tuple[Attack, ...]]) -> str:
    """The battery's fingerprint, and with it that of the files which the verifiers' own attacks stand in."""
    if not own:
        return battery_fingerprint()
    modules = {each.craft.__module__ for attacks in own.values() for each in attacks}
    digest = hashlib.sha256(battery_fingerprint().encode())
    for name in sorted(modules):
        file = getattr(sys.modules.get(name), "__file__", None)
        digest.update(Path(file).read_bytes() if file and Path(file).is_file() else name.encode())
    return digest.hexdigest()[:12]
