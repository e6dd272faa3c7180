"""What the finite generators share: questions about operands, worked shots before them, and the two splits.

A question is asked in several forms (families, orders of the operands); its problem is the unordered operands. In
training every form is a task of its own. Held out, each problem stands once, its forms taken in turn, so that the
problems which an interval resamples are independent; their order is the same for every seed, so that evaluations of
different runs can be compared problem by problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from assay.core.rng import derive
from assay.core.types import Json, Message, Task
from assay.tasks.listed import ListedTasks
from assay.tasks.source import Split
from assay.tasks.split import operands, split_of

BOX = "Give the answer in \\boxed{}."


@dataclass(frozen=True, slots=True)
class Question:
    """One way to ask a problem. `operands` name the problem, in whatever order; `work` is the one line of calculation
    that a shot shows; `truth` is the math verifier's."""

    family: str
    name: str  # of these operands in this order, for ids
    operands: tuple[str, ...]
    text: str
    work: str
    truth: Json

    @property
    def problem(self) -> str:
        return operands(*self.operands)

    @property
    def answer(self) -> str:
        return str(self.truth["answer"] if isinstance(self.truth, dict) else self.truth)


def listed(
    name: str,
    questions: Iterable[Question],
    shots: Mapping[str, Sequence[Question]],
    count: int,
    split: Split,
    seed: int,
) -> ListedTasks:
    """The tasks of one split, each after the first `count` shots of its family (a small model follows shots of another
    family half as well). The problems of all shots, asked for or not, stand in neither split."""
    taken = {shot.problem for family in shots.values() for shot in family}
    forms: dict[str, list[Question]] = {}
    for question in questions:
        if question.problem not in taken and split_of(question.problem) == split:
            forms.setdefault(question.problem, []).append(question)
    if split == "held_out":
        order = sorted(forms, key=lambda problem: derive(0, name, problem))
        chosen = [_in_turn(forms[problem], rank) for rank, problem in enumerate(order)]
    else:
        chosen = [each for problem in forms for each in forms[problem]]
        chosen.sort(key=lambda each: derive(seed, name, each.family, each.name))
    before = {
        family: tuple(message for shot in each[:count] for message in _turns(shot)) for family, each in shots.items()
    }
    return ListedTasks(
        name=name,
        split=split,
        tasks=tuple(_task(name, each, before[each.family]) for each in chosen),
        problems=tuple(each.problem for each in chosen),
    )


def _in_turn(forms: Sequence[Question], rank: int) -> Question:
    """The family by turns, and within it one of the orders by hash."""
    families = sorted({each.family for each in forms})
    family = families[rank % len(families)]
    return min((each for each in forms if each.family == family), key=lambda each: derive(0, "form", each.name))


def _turns(shot: Question) -> tuple[Message, Message]:
    """The answer stands in plain text first, then in the box: computed inside the box, it is hardly ever right."""
    return Message("user", f"{shot.text} {BOX}"), Message("assistant", f"{shot.work}\n\\boxed{{{shot.answer}}}")


def _task(name: str, question: Question, before: tuple[Message, ...]) -> Task:
    return Task(
        id=f"{name}/{question.family}/{question.name}",
        prompt=(*before, Message("user", f"{question.text} {BOX}")),
        verifier="math",
        truth=question.truth,
        source=name,
        tags=(question.family,),
    )
