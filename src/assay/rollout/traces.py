"""Checked traces of a teacher: its answers that pass, as examples for a student (whose tokenizer may be another).

R1's distillation is plain SFT on such samples (arXiv 2501.12948, section 2.4 and B.4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.core.rng import Key
from assay.core.types import Task
from assay.reward.rule import RewardRule, find_rule
from assay.rollout.collect import sample
from assay.rollout.engine import Engine, Sampling
from assay.tasks.conversations import Example
from assay.verify.pool import JudgePool


@dataclass(frozen=True, slots=True)
class Traced:
    """What a teacher said to some tasks: the answers that passed, and what sampling them cost in tokens."""

    examples: tuple[Example, ...]
    sampled: int  # answers
    passed: int
    tokens: int  # prompts once each, and completions


def checked_traces(
    engine: Engine,
    tasks: Sequence[Task],
    *,
    samples: int,
    sampling: Sampling,
    judges: JudgePool,
    seed: int,
    key: Key = ("traces",),
    per_task: int | None = None,
    rule: RewardRule | None = None,
) -> Traced:
    """`samples` answers to each task, judged; those that pass, the same text once, at most `per_task` of a task."""
    rule = rule or find_rule("outcome")
    drawn = sample(engine, tasks, n=samples, sampling=sampling, seed=seed, key=key, judges=judges, rule=rule)
    examples: list[Example] = []
    passed = tokens = 0
    for each in drawn:
        right = [member.completion.text for member in each.members if member.verdict.is_pass]
        passed += len(right)
        tokens += len(each.prompt_tokens) + sum(len(member.completion.tokens) for member in each.members)
        examples += [Example(each.task.prompt, text) for text in list(dict.fromkeys(right))[:per_task]]
    return Traced(tuple(examples), samples * len(tasks), passed, tokens)
