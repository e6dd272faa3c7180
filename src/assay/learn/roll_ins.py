"""Step labels without anybody's labels: from the end of each step the policy goes on n times, and the verifier counts.

    soft   label of step i = share of the n that come out right      Math-Shepherd, arXiv 2312.08935, equation 4
    hard   1 where any of them does                                  equation 3 (core/fitting: objective.label)

The label of the last step is the verdict of the answer itself. Beginnings that several answers share are gone on from once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.core.rng import Key
from assay.core.types import Completion, Task
from assay.learn.process import Decode, last_tokens
from assay.rollout.collect import last_user_message
from assay.rollout.engine import Engine, Request, Sampling
from assay.tasks.conversations import Stepwise
from assay.verify.pool import JudgePool, JudgeRequest

EndsOf = Callable[[str], Sequence[int]]
"""A text to the places where its steps end, in order."""


@dataclass(frozen=True, slots=True)
class RolledIn:
    """Answers in labelled steps, and what it took."""

    examples: tuple[Stepwise, ...]
    roll_ins: int  # completions sampled
    tokens: int  # of them


def line_ends(text: str) -> list[int]:
    """Steps are the lines that are not blank."""
    ends, at = [], 0
    for line in text.split("\n"):
        at += len(line)
        if line.strip():
            ends.append(at)
        at += 1
    return ends


def steps_of(text: str, ends: Sequence[int]) -> tuple[str, ...]:
    """The text cut at its steps' ends; what stands behind the last of them is a step too."""
    places = [end for end in ends if 0 < end < len(text)]
    return tuple(text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True) if end > start)


def roll_in(
    engine: Engine,
    answers: Sequence[tuple[Task, Completion]],
    *,
    n: int,
    ends_of: EndsOf,
    decode: Decode,
    sampling: Sampling,
    judges: JudgePool,
    seed: int,
    key: Key = ("roll in",),
) -> RolledIn:
    """The answers with a label for each step; those of which a verdict was VOID, or that have no text, are left out."""
    cut: list[tuple[Task, tuple[str, ...], list[tuple[int, ...]]]] = []
    for task, answer in answers:
        steps = steps_of(answer.text, ends_of(answer.text))
        ends = [sum(map(len, steps[: place + 1])) for place in range(len(steps) - 1)]
        cut.append((task, steps, [answer.tokens[: at + 1] for at in last_tokens(answer.tokens, ends, decode)]))
    wanted = dict.fromkeys((task.id, begun) for task, _, beginnings in cut for begun in beginnings)
    tasks = {task.id: task for task, _ in answers}
    requests = [Request(tasks[name].prompt, n, seed, (*key, name, *begun), begun) for name, begun in wanted]
    completions = engine.generate(requests, sampling)
    asked = [
        JudgeRequest(tasks[name].verifier, tasks[name].truth, decode(begun) + each.text, last_user_message(tasks[name]))
        for (name, begun), rest in zip(wanted, completions, strict=True)
        for each in rest
    ]
    own = [JudgeRequest(task.verifier, task.truth, answer.text, last_user_message(task)) for task, answer in answers]
    verdicts = judges.judge_many([*asked, *own])
    shares: dict[tuple[str, tuple[int, ...]], float | None] = {}
    for place, each in enumerate(wanted):
        found = verdicts[place * n : (place + 1) * n]
        shares[each] = None if any(verdict.is_void for verdict in found) else sum(v.is_pass for v in found) / n
    examples = []
    for (task, steps, beginnings), verdict in zip(cut, verdicts[len(asked) :], strict=True):
        labels = [shares[task.id, begun] for begun in beginnings]
        if steps and not verdict.is_void and None not in labels:
            known = [label for label in labels if label is not None]
            examples.append(Stepwise(task.prompt, steps, (*known, float(verdict.is_pass)), separator=""))
    return RolledIn(tuple(examples), len(asked), sum(len(each.tokens) for rest in completions for each in rest))
