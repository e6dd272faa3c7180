"""One training step: draw tasks, collect groups, turn rewards into advantages, update, and say what happened.

A step is a function of (weights, optimiser state, seed, step): tasks are drawn by position from a permutation per
epoch, samples from streams keyed by (seed, step, task, sample). Nothing else carries over, which is what makes
`--resume` exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch

from assay.core.config import RunConfig
from assay.core.errors import NonFiniteStep
from assay.core.rng import stream
from assay.core.run_folder import RolloutRow
from assay.core.types import Group, Task
from assay.learn.advantage import group_advantages, spread
from assay.learn.batch import Sample
from assay.learn.policy import Policy, Update
from assay.learn.schedule import learning_rate
from assay.measure.signals import CAUSES, explain_nothing_to_learn, group_cause
from assay.reward.rule import RewardRule
from assay.rollout.collect import Collected, VoidBudget, collect, rollout_row
from assay.rollout.engine import Engine, Sampling
from assay.tasks.source import TaskSource
from assay.verify.pool import JudgePool


@dataclass(frozen=True, slots=True)
class Learner:
    """What every step needs and no step changes (but for the policy's weights and the VOID count)."""

    config: RunConfig
    policy: Policy
    engine: Engine
    source: TaskSource
    judges: JudgePool
    rule: RewardRule
    budget: VoidBudget


@dataclass(frozen=True, slots=True)
class StepResult:
    metrics: Mapping[str, float | None]
    rows: tuple[RolloutRow, ...]
    note: str | None  # why nothing could be learnt, when nothing could


def train_step(learner: Learner, step: int) -> StepResult:
    """Raises VoidBudgetExceeded, NonFiniteStep (with the step's rows in `rows`), OutOfMemory by the caller."""
    config, policy = learner.config, learner.policy
    began = perf_counter()
    tasks = draw_tasks(learner.source, config, step)
    learner.engine.policy = policy.version
    collected = collect(
        learner.engine,
        tasks,
        group_size=config.rollout.group_size,
        sampling=training_sampling(config),
        seed=config.seed,
        step=step,
        judges=learner.judges,
        rule=learner.rule,
        retries=config.rollout.retries,
        budget=learner.budget,
    )
    groups = collected.groups
    advantages = [
        group_advantages(torch.tensor(group.rewards), config.learn.advantage_std).tolist() for group in groups
    ]
    rows = tuple(_rows(groups, advantages, config.seed, step))
    teaching = [
        [
            Sample(group.prompt_tokens, member.completion, value)
            for member, value in zip(group.members, values, strict=True)
        ]
        for group, values in zip(groups, advantages, strict=True)
        if config.learn.kl_coefficient > 0 or any(values)  # no spread and no KL: no gradient, so no backward
    ]
    rate = learning_rate(
        config.learn.learning_rate,
        step,
        config.learn.steps,
        warmup=config.learn.warmup_steps,
        schedule=config.learn.schedule,
    )
    learning = perf_counter()
    update, note = None, None
    if teaching:
        tokens = sum(len(member.completion.tokens) for group in groups for member in group.members)
        try:
            update = policy.learn(teaching, rate, tokens)
        except NonFiniteStep as error:
            raise NonFiniteBatch(f"step {step}: {error}", rows) from error
        policy.version += 1
    if not any(any(values) for values in advantages):
        note = explain_nothing_to_learn(_causes(groups))
    ended = perf_counter()
    times = {"time/learn": ended - learning, "time/step": ended - began}
    return StepResult(_metrics(collected, config, update, rate, policy.version) | times, rows, note)


class NonFiniteBatch(NonFiniteStep):
    """A refused update, with the rows of the batch that caused it."""

    def __init__(self, message: str, rows: Sequence[RolloutRow]) -> None:
        super().__init__(message)
        self.rows = tuple(rows)


def draw_tasks(source: TaskSource, config: RunConfig, step: int) -> list[Task]:
    """The tasks of a step (from 1): the next P positions of an endless walk, reshuffled each epoch."""
    first = (step - 1) * config.rollout.prompts_per_step
    length = source.length
    if length is not None and config.tasks.limit is not None:
        length = min(length, config.tasks.limit)
    positions = range(first, first + config.rollout.prompts_per_step)
    if length is None:
        return [source.task(position) for position in positions]
    return [
        source.task(_shuffled(config.seed, position // length, length)[position % length]) for position in positions
    ]


def _shuffled(seed: int, epoch: int, length: int) -> list[int]:
    order = list(range(length))
    stream(seed, "tasks", epoch).shuffle(order)
    return order


def training_sampling(config: RunConfig) -> Sampling:
    return Sampling(
        max_new_tokens=config.rollout.max_new_tokens, temperature=config.rollout.temperature, stop=config.rollout.stop
    )


def _rows(groups: Sequence[Group], advantages: Sequence[Sequence[float]], seed: int, step: int) -> list[RolloutRow]:
    return [
        rollout_row(group.task, member, step=step, group=f"{step}-{place}", sample=sample, advantage=value, seed=seed)
        for place, (group, values) in enumerate(zip(groups, advantages, strict=True))
        for sample, (member, value) in enumerate(zip(group.members, values, strict=True))
    ]


def _causes(groups: Sequence[Group]) -> dict[str, int]:
    counts = dict.fromkeys(CAUSES, 0)
    for group in groups:
        counts[group_cause(group)] += 1
    return counts


def _metrics(
    collected: Collected, config: RunConfig, update: Update | None, rate: float, version: int
) -> dict[str, float | None]:
    members = [member for group in collected.groups for member in group.members]
    lengths = [len(member.completion.tokens) for member in members]
    rewards = torch.tensor([group.rewards for group in collected.groups], dtype=torch.float64)
    spreads = spread(rewards, config.learn.advantage_std) if len(rewards) else torch.zeros(0)
    causes = _causes(collected.groups)
    count = max(1, len(members))
    return {
        "reward": float(rewards.mean()) if members else None,
        "reward_std": float(spreads.mean()) if members else None,
        "frac_reward_zero_std": float((spreads == 0).double().mean()) if members else None,
        "pass_rate": sum(member.verdict.is_pass for member in members) / count,
        "format_rate": sum(member.verdict.answer is not None for member in members) / count,
        "completions/mean_length": sum(lengths) / count,
        "completions/min_length": min(lengths, default=None),
        "completions/max_length": max(lengths, default=None),
        "completions/clipped_ratio": sum(member.completion.finish == "length" for member in members) / count,
        **{f"groups/{cause}": causes[cause] for cause in CAUSES},
        "groups/dropped": len(collected.dropped),
        "judged": collected.judged,
        "void": collected.voids,
        "loss": update.loss if update else 0.0,
        "grad_norm": update.grad_norm if update else 0.0,
        "entropy": update.entropy if update else None,
        "kl": update.kl if update else None,
        "clip_ratio/low_mean": update.clip_low if update else None,
        "clip_ratio/high_mean": update.clip_high if update else None,
        "clip_ratio/region_mean": update.clip_low + update.clip_high if update else None,
        "logprob_difference": update.logprob_difference if update else None,
        "learning_rate": rate,
        "updates": update.updates if update else 0,
        "policy": version,
        "time/rollout": collected.seconds_sampling,
        "time/judge": collected.seconds_judging,
    }
