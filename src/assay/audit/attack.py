"""The noun: a named way to earn a reward without earning it, or to be refused one that was earned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from assay.audit.witness import Witness
from assay.core.types import Task

Expect = Literal["unpaid", "paid"]
Craft = Callable[[Task, Witness], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Attack:
    """`craft(task, witness)` makes responses out of this task's own truth.

    `expect` "unpaid": every one of them is wrong, or no answer at all, by construction, so none may earn anything.
    `expect` "paid": every one of them is a right answer in other clothes (an equivalent).
    `is_blind`: needs no right answer, so it is tried where none is known too. `is_heavy`: slow or large by intent, and
    tried on few tasks. `is_form`: made for verifiers of form, which look for no answer; only such attacks are tried on them,
    because to them "no answer" and "a wrong answer" are not wrong by construction.
    """

    name: str
    family: str
    craft: Craft
    expect: Expect = "unpaid"
    is_blind: bool = False
    is_heavy: bool = False
    is_form: bool = False
