"""Would they be paid whatever the truth is? Paid completions of a step, judged and rewarded against another task's truth.

The path is the one that pays (verifier, parts, rule), so that a hole in any of them shows. A completion counts as paid when it
earns at least half of what its own truth brought it: under R1's sum of accuracy and format a right answer earns half of its
2 for the form alone. The truths are those of the same step's tasks, where they differ and the verifier is the same; and only
those that name an answer, tests or a query: one proof may prove many statements, one text keep many rules of form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from assay.core.records import dumps
from assay.core.rng import stream
from assay.core.types import Group, Json, Member, Task
from assay.measure.alarms.facts import JUDGED, PAID, expected_answer
from assay.reward.rule import RewardRule
from assay.rollout.collect import judged
from assay.verify.pool import JudgePool

HALF = 0.5
OF_ONE_TASK = ("code", "sql")
"""Verifiers whose truths name no answer, and which an answer to one task passes for that task alone."""


def scramble(
    groups: Sequence[Group], step: int, *, samples: int, seed: int, judges: JudgePool, rule: RewardRule
) -> dict[str, int]:
    """How many of at most `samples` paid completions were judged so, and how many were paid; drawn by (seed, step) alone."""
    draw = stream(seed, "scrambled", step)
    paid = [(group.task, member) for group in groups for member in group.members if member.reward.total > 0]
    paid = [(task, member) for task, member in paid if is_for_one_task(task.verifier, task.truth)]
    chosen = [paid[place] for place in sorted(draw.sample(range(len(paid)), min(samples, len(paid))))]
    swapped: list[tuple[Task, Member]] = []
    for task, member in chosen:
        others = [group.task for group in groups if is_other(group.task, task)]
        if others:
            swapped.append((replace(task, truth=draw.choice(others).truth), member))
    if not swapped:
        return {}
    again = judged([task for task, _ in swapped], [[member.completion] for _, member in swapped], judges, rule)
    counted = [
        (own, other)
        for (_, own), ((other, why),) in zip(swapped, again, strict=True)
        if why is None  # a truth of another kind may be VOID for this prompt: that says nothing
    ]
    return {
        JUDGED: len(counted),
        PAID: sum(other.reward.total >= HALF * own.reward.total for own, other in counted),
    }


def is_for_one_task(verifier: str, truth: Json) -> bool:
    """Would an honest verifier refuse an answer to this task for another one?"""
    return verifier in OF_ONE_TASK or expected_answer(truth) is not None


def is_other(one: Task, two: Task) -> bool:
    return one.verifier == two.verifier and dumps(one.truth, sort=True) != dumps(two.truth, sort=True)
