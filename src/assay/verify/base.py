"""The verifier protocol, and `judge`: the one place where an exception becomes VOID.

A verifier reads a truth once (`read`, when tasks are loaded) and judges many responses against what it read (`check`).
`check` returns a Finding; only `judge` makes Verdicts, adding who judged and how long it took.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, runtime_checkable

from assay.core.errors import (
    AssayError,
    ConfigError,
    EnvironmentFault,
    MissingExtra,
    TruthError,
    UnknownName,
    UsageError,
)
from assay.core.registry import Registry
from assay.core.types import NOTHING, Finding, Json, Outcome, Reason, Task, Verdict


@runtime_checkable
class Verifier(Protocol):
    """Text in, Finding out. Holds no state between calls; the same input always gets the same finding.

    `read(truth)` turns JSON into whatever `check` wants, and raises TruthError with a sentence when it cannot.
    `check(truth, response, prompt)` must not raise, whatever the response: an exception here is VOID, and a response
    that causes one is a hole that `assay audit` looks for. `prompt` is the last user message, for verifiers that use it.
    """

    name: str
    version: str

    def read(self, truth: Json) -> Any: ...

    def check(self, truth: Any, response: str, prompt: str = "") -> Finding: ...


VERIFIERS: Registry[type[Verifier]] = Registry(
    "verifier",
    {
        "math": "assay.verify.math.verifier:MathVerifier",
        "choice": "assay.verify.text.choice:ChoiceVerifier",
        "format": "assay.verify.text.format:FormatVerifier",
        "instructions": "assay.verify.text.instructions:InstructionsVerifier",
        "language": "assay.verify.text.language:LanguageVerifier",
        "preference": "assay.verify.preference:PreferenceVerifier",
        "code": "assay.verify.code:CodeVerifier",
        "coq": "assay.verify.proof.coq:CoqVerifier",
        "lean": "assay.verify.proof.lean:LeanVerifier",
        "smt": "assay.verify.proof.smt:SmtVerifier",
        "steps": "assay.verify.proof.steps:StepsVerifier",
        "all_of": "assay.verify.compose:AllOf",
        "any_of": "assay.verify.compose:AnyOf",
        "gate": "assay.verify.compose:Gate",
        "weighted": "assay.verify.compose:Weighted",
        "structured": "assay.verify.structured.verifier:StructuredVerifier",
        "grounded": "assay.verify.structured.grounded:GroundedVerifier",
        "sql": "assay.verify.structured.sql:SqlVerifier",
        "constraint": "assay.verify.structured.constraint:ConstraintVerifier",
        "gym": "assay.verify.gym:GymVerifier",
    },
)


@dataclass(frozen=True, slots=True)
class Case:
    """A verifier with a truth it has read: ready to judge any number of responses."""

    verifier: Verifier
    truth: Any
    label: str  # name@version#fingerprint


def passed(answer: str | None = None, **evidence: Json) -> Finding:
    return Finding(Outcome.PASS, Reason.CORRECT, answer, evidence or NOTHING)


def failed(reason: Reason, answer: str | None = None, **evidence: Json) -> Finding:
    return Finding(Outcome.FAIL, reason, answer, evidence or NOTHING)


def voided(reason: Reason, **evidence: Json) -> Finding:
    return Finding(Outcome.VOID, reason, None, evidence or NOTHING)


@lru_cache(maxsize=256)
def find_verifier(name: str) -> Verifier:
    """The verifier of that name; `path/to/file.py:function` and `package.module:function` name a user's own function.

    Raises UnknownName, MissingExtra, or UsageError (a file or function that is not there).
    """
    if ":" in name:
        from assay.verify.function import FunctionVerifier

        return FunctionVerifier.load(name)
    return VERIFIERS.get(name)()


def read_case(verifier: str | Verifier, truth: Json) -> Case:
    """Read a truth. Raises TruthError (or find_verifier's errors): call it when tasks are loaded, not during a run."""
    found = find_verifier(verifier) if isinstance(verifier, str) else verifier
    return Case(found, found.read(truth), label(found))


def judge_case(case: Case, response: str, prompt: str = "") -> Verdict:
    """Judge one response. Never raises (but for the interpreter's own exits): what goes wrong in a verifier is VOID."""
    start = perf_counter()
    try:
        finding = case.verifier.check(case.truth, response, prompt)
        outcome, reason, answer, evidence, score = finding
        outcome, reason = Outcome(outcome), Reason(reason)  # a user's class may write their plain strings
        if score is None:
            score = 1.0 if outcome is Outcome.PASS else 0.0
        answer = None if answer is None else str(answer)
        evidence = evidence if evidence is NOTHING else dict(evidence)
        return Verdict(outcome, score, reason, answer, evidence, case.label, perf_counter() - start)
    except Exception as error:  # noqa: BLE001 - the named boundary: whatever a verifier raises is our fault, not the answer's
        return void_for(error, case.label, perf_counter() - start)


def seconds_needed(case: Case) -> float:
    """What a verifier that holds limits of its own (a sandbox's) may need for this truth; 0 when it does not say."""
    needed = getattr(case.verifier, "seconds_needed", None)
    return 0.0 if needed is None else float(needed(case.truth))


def judge(verifier: str | Verifier, truth: Json, response: str, *, prompt: str = "") -> Verdict:
    """Judge one response against one truth. Never raises: an unreadable truth or an unknown verifier is a VOID verdict.

    >>> judge("math", "1/2", r"so it is \\boxed{0.5}").outcome
    <Outcome.PASS: 'pass'>
    """
    start = perf_counter()
    try:
        case = read_case(verifier, truth)
    except Exception as error:  # noqa: BLE001 - the named boundary
        name = verifier if isinstance(verifier, str) else str(getattr(verifier, "name", type(verifier).__name__))
        return void_for(error, name, perf_counter() - start)
    return judge_case(case, response, prompt)


def locate(verifier: str, truth: Json, folder: Path) -> Json:
    """The truth with the files that it names found from `folder`, where its task file lies. Never raises: a verifier
    that cannot be found is reported when the truth is read."""
    try:
        move = getattr(find_verifier(verifier), "locate", None)
    except AssayError:
        return truth
    return truth if move is None else move(truth, folder)


def read_parts(parts: Mapping[str, tuple[str, Json]]) -> None:
    """Read the truths that a reward rule's parts are judged by, before anything is sampled: a language that nobody knows
    would otherwise void each completion. Raises ConfigError."""
    for name, (verifier, truth) in parts.items():
        try:
            read_case(verifier, truth)
        except (TruthError, UnknownName) as error:
            raise ConfigError(f"reward.options: the part {name!r} cannot be judged: {error}") from error


def read_task(task: Task) -> Case:
    """Read a task's truth. Raises TruthError naming the task."""
    try:
        return read_case(task.verifier, task.truth)
    except TruthError as error:
        raise TruthError(f"task {task.id}: {error}") from error


def void_for(error: Exception, label: str, seconds: float = 0.0) -> Verdict:
    """The VOID verdict for an exception: its reason by kind, its first 300 characters as evidence."""
    if isinstance(error, TruthError):
        reason = Reason.BAD_TRUTH
    elif isinstance(error, UnknownName):
        reason = Reason.UNKNOWN_VERIFIER
    elif isinstance(error, MissingExtra):
        reason = Reason.MISSING_EXTRA
    elif isinstance(error, EnvironmentFault):
        reason = Reason.SANDBOX_MISSING
    elif isinstance(error, UsageError):
        reason = Reason.BAD_INPUT
    else:
        reason = Reason.VERIFIER_ERROR
    try:
        text = str(error) if isinstance(error, (UsageError, EnvironmentFault)) else f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - an exception of a user's may not even be printable
        text = type(error).__name__
    return Verdict(Outcome.VOID, 0.0, reason, None, {"error": text[:300]}, label, seconds)


def label(verifier: Verifier) -> str:
    """`name@version#fingerprint`: the fingerprint changes when the verifier's source does."""
    return f"{verifier.name}@{verifier.version}#{fingerprint(verifier)}"


def fingerprint(verifier: Verifier) -> str:
    """12 hex digits over the source the verifier is made of (its own `fingerprint` attribute where it has one)."""
    own = getattr(verifier, "fingerprint", None)
    return own if isinstance(own, str) else _source_hash(type(verifier).__module__)


@lru_cache(maxsize=256)
def _source_hash(module: str) -> str:
    """Over the module's package when that is a verifier's own folder, else over its file; `extract` and `fence` count for all."""
    file = getattr(sys.modules[module], "__file__", None)
    if file is None:
        return "0" * 12
    path = Path(file)
    ours = Path(__file__).parent
    files = sorted(path.parent.glob("*.py")) if path.parent.parent == ours and path.parent.name != "text" else [path]
    if ours in path.parents:
        files += [ours / "base.py", ours / "extract.py", ours / "fence.py"]
    digest = hashlib.sha256()
    for each in files:
        if each.is_file():
            digest.update(each.name.encode() + b"\0" + each.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
