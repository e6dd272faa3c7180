"""The verifiers that could judge these rows, tried on them: does each truth parse, is a right answer accepted, do groups differ?

A verifier that is named (by the rows or the description) is tried alone. Otherwise those are tried that truths of this shape
could be meant for. Prose is compared with nothing: a text that says the same in other words would be refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from assay.core.errors import AssayError
from assay.core.types import Json, Reason, Task, Verdict
from assay.pipeline.sampled_rows import SampledRow, Shape, shapes_of
from assay.tasks.canonical import canonical_response
from assay.verify.base import VERIFIERS, read_case
from assay.verify.pool import JudgeRequest

ENOUGH = 0.95
"""The share of truths that must be read, and of right answers that must be accepted."""

TRIED: Mapping[Shape, tuple[str, ...]] = {
    "number": ("math",),
    "expression": ("math",),
    "name": ("math",),
    "choice": ("choice",),
    "label": ("choice",),
    "query": ("sql",),
}
"""Built-in verifiers by the shape of a plain truth; an object is tried on all."""
NOT_BY_SHAPE = frozenset({"all_of", "any_of", "gate", "weighted", "gym", "math", "choice"})
BY_FORM = frozenset({Reason.NO_ANSWER, Reason.AMBIGUOUS, Reason.MALFORMED, Reason.WRONG_FORM})
"""A right answer refused for one of these stands in another form than the verifier reads: the prompt can ask for it."""


class Judges(Protocol):
    """What `verify.pool.JudgePool` is."""

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]: ...


@dataclass(frozen=True, slots=True)
class Trial:
    """One verifier on the rows. `written`: right answers written from the truths; `given`: those that the rows hold."""

    verifier: str
    truths: int
    read: int
    error: str = ""  # the first truth that could not be read
    written: int = 0
    written_accepted: int = 0
    given: int = 0
    given_accepted: int = 0
    refused_by: str = ""  # why the given answers were refused, most often
    refused_for_form: bool = False
    voids: int = 0
    void: str = ""  # the first VOID's error

    @property
    def reads(self) -> bool:
        return self.truths > 0 and self.read >= ENOUGH * self.truths

    @property
    def fits(self) -> bool:
        """Reads the truths, and accepts right answers, but for the form that they stand in."""
        if not self.reads or self.voids or self.written_accepted < ENOUGH * self.written:
            return False
        return self.refused_for_form or self.given_accepted >= ENOUGH * self.given

    def sentence(self) -> str:
        said = f"`{self.verifier}` reads {self.read} of {self.truths} truths"
        if self.error:
            said += f" (not read: {self.error})"
        if self.written:
            said += f", accepts {self.written_accepted} of {self.written} of them as their own answers"
        if self.given:
            said += f", accepts {self.given_accepted} of {self.given} reference answers"
            if self.given_accepted < self.given:
                said += f" (the others: {self.refused_by.replace('_', ' ')})"
        if self.voids:
            said += f"; {self.voids} verdicts were VOID ({self.void})"
        return said


@dataclass(frozen=True, slots=True)
class Groups:
    """The sampled groups by what their answers earn. Only a mixed group has an advantage to learn from."""

    verifier: str
    total: int = 0
    mixed: int = 0
    all_right: int = 0
    all_wrong: int = 0

    @property
    def are_equal(self) -> bool:
        return self.total > 0 and self.mixed == 0

    def sentence(self) -> str:
        if not self.total:
            return "no group of sampled answers was given: whether rewards would differ within a group is not known"
        told = f"{self.all_right} all right, {self.all_wrong} all wrong"
        if self.are_equal:
            return (
                f"every sampled group would get equal rewards under `{self.verifier}` ({told} of {self.total}): "
                "no advantage, nothing to learn from"
            )
        return f"{self.mixed} of {self.total} sampled groups differ in reward under `{self.verifier}` ({told})"


def try_verifiers(rows: Sequence[SampledRow], named: str | None, judges: Judges) -> list[Trial]:
    """The trials, the best first. `named` is the description's verifier; what it names must exist (raises UnknownName)."""
    held = [row for row in rows if row.task is not None]
    if not held:
        return []
    trials = [_try(each, held, judges) for each in _candidates(held, named)]
    return sorted(trials, key=lambda each: (not each.fits, -each.read, each.truths - each.given_accepted))


def try_groups(rows: Sequence[SampledRow], verifier: str, judges: Judges) -> Groups:
    """Judge the rows' sampled answers. A VOID answer is left out of its group."""
    asked: list[tuple[int, JudgeRequest]] = []
    for number, row in enumerate(rows):
        if row.task is not None and len(row.samples) > 1:
            task = with_verifier(row.task, verifier)
            asked += [(number, JudgeRequest(verifier, task.truth, text, row.prompt)) for text in row.samples]
    verdicts = judges.judge_many([request for _, request in asked])
    passes: dict[int, list[bool]] = {}
    for (number, _), verdict in zip(asked, verdicts, strict=True):
        if not verdict.is_void:
            passes.setdefault(number, []).append(verdict.is_pass)
    full = [each for each in passes.values() if len(each) > 1]
    right, wrong = sum(map(all, full)), sum(not any(each) for each in full)
    return Groups(verifier, len(full), len(full) - right - wrong, right, wrong)


def with_verifier(task: Task, verifier: str) -> Task:
    """The task for that verifier: a plain number becomes the text that verifiers of text read."""
    truth = task.truth
    if isinstance(truth, (int, float)) and not isinstance(truth, bool):
        truth = str(truth)
    elif isinstance(truth, bool):
        truth = "yes" if truth else "no"
    return replace(task, verifier=verifier, truth=truth)


def _candidates(rows: Sequence[SampledRow], named: str | None) -> list[str]:
    if named is not None:
        return [named]
    own = Counter(row.task.verifier for row in rows if row.task is not None)
    if own.get("", 0) == 0:
        return list(own)
    shapes = Counter(shapes_of(rows).values())
    found: list[str] = [each for each in own if each]
    for shape, _ in shapes.most_common():
        if shape == "object":
            truths = [row.task.truth for row in rows if row.task is not None]
            found += [name for name in VERIFIERS if name not in NOT_BY_SHAPE and _reads(name, truths[0])]
        else:
            found += [name for name in TRIED.get(shape, ()) if name in VERIFIERS]
    return list(dict.fromkeys(found))


def _reads(verifier: str, truth: Json) -> bool:
    try:
        read_case(verifier, truth)
    except AssayError:
        return False
    return True


def _try(verifier: str, rows: Sequence[SampledRow], judges: Judges) -> Trial:
    own = [row for row in rows if row.task is not None and row.task.verifier in ("", verifier)] or list(rows)
    trial = Trial(verifier, len(own), 0)
    requests: list[JudgeRequest] = []
    is_written: list[bool] = []
    for row in own:
        assert row.task is not None
        task = with_verifier(row.task, verifier)
        try:
            read_case(verifier, task.truth)
        except AssayError as error:
            trial = replace(trial, error=trial.error or str(error)[:200])
            continue
        trial = replace(trial, read=trial.read + 1)
        for text, written in ((right_answer(task), True), (row.good, False)):
            if text is not None:
                requests.append(JudgeRequest(verifier, task.truth, text, row.prompt))
                is_written.append(written)
    verdicts = judges.judge_many(requests)
    wrote = [each for each, written in zip(verdicts, is_written, strict=True) if written]
    given = [each for each, written in zip(verdicts, is_written, strict=True) if not written]
    reasons = Counter(each.reason for each in given if not each.is_pass and not each.is_void)
    voids = [each for each in verdicts if each.is_void]
    return replace(
        trial,
        written=len(wrote),
        written_accepted=sum(each.is_pass for each in wrote),
        given=len(given),
        given_accepted=sum(each.is_pass for each in given),
        refused_by=reasons.most_common(1)[0][0].value if reasons else "",
        refused_for_form=bool(reasons) and set(reasons) <= BY_FORM,
        voids=len(voids),
        void=str(voids[0].evidence.get("error", voids[0].reason.value))[:200] if voids else "",
    )


def right_answer(task: Task) -> str | None:
    """A right answer written from the truth alone; a program's reference solution too."""
    reference = task.truth.get("reference") if isinstance(task.truth, Mapping) else None
    if task.verifier == "code" and isinstance(reference, str):
        return f"```python\n{reference}\n```"
    return canonical_response(task)
