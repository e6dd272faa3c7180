"""One training step: draw tasks, collect groups, turn rewards into advantages, update, and say what happened.

A step is a function of (weights, optimiser state, seed, step): tasks are drawn by position from a permutation per
epoch, samples from streams keyed by (seed, step, task, sample). Where the configuration draws by difficulty, it is also one
of the rows that the run folder holds of the steps before (learn/draw). Nothing else carries over, which is what makes
`--resume` exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import torch

from assay.core.config import RunConfig
from assay.core.drawing import NoDynamic
from assay.core.errors import LogprobMismatch, NonFiniteStep
from assay.core.learning import GaeAdvantage, GrpoAdvantage, NoCorrection
from assay.core.rng import Key
from assay.core.run_folder import RolloutRow
from assay.core.types import Group, Task
from assay.learn.advantage import spread
from assay.learn.credit import Credit
from assay.learn.draw import Drawer
from assay.learn.dynamic import Gathered, cut_short, gather
from assay.learn.lesson import teach
from assay.learn.policy import Policy, Update
from assay.learn.schedule import learning_rate
from assay.learn.value import Critic
from assay.measure.signals import CAUSES, explain_nothing_to_learn, group_cause
from assay.model.load import LoadedModel
from assay.reward.control import Control, controlled
from assay.reward.rule import RewardRule
from assay.rollout.collect import Collected, VoidBudget, collect, rollout_row
from assay.rollout.engine import Engine, Sampling, follow
from assay.rollout.overlap import Overlap, weights_of
from assay.verify.pool import JudgePool


@dataclass(frozen=True, slots=True)
class Learner:
    """What every step needs and no step changes (but for the policy's weights, the VOID count and what is drawn next)."""

    config: RunConfig
    policy: Policy
    engine: Engine
    drawer: Drawer
    judges: JudgePool
    rule: RewardRule
    budget: VoidBudget
    critic: Critic | None = None
    overlap: Overlap[Collected] | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    metrics: Mapping[str, float | None]
    rows: tuple[RolloutRow, ...]
    groups: tuple[Group, ...]  # all that were sampled, for those who only watch
    note: str | None  # why nothing could be learnt, or less than was wanted


def train_step(learner: Learner, step: int) -> StepResult:
    """Raises VoidBudgetExceeded, NonFiniteStep (with the step's rows in `rows`), OutOfMemory by the caller."""
    config, policy = learner.config, learner.policy
    began = perf_counter()
    gathered = _gathered(learner, step)
    collected = gathered.collected
    learning = perf_counter()
    lesson = teach(policy, learner.critic, config.learn, gathered.groups, config.rollout.max_new_tokens)
    rate = learning_rate(
        config.learn.learning_rate,
        step,
        config.learn.steps,
        warmup=config.learn.warmup_steps,
        schedule=config.learn.schedule,
    )
    rows = tuple(_rows(gathered, lesson.credits, config.seed, step))
    update, of_critic = None, None
    try:
        if learner.critic is not None and lesson.whole:
            policy.dirty = True  # from here on the step is done whole or again: the critic has moved
            of_critic = learner.critic.learn(lesson.whole)
        if lesson.groups and not is_critic_warming_up(config, step):
            update = policy.learn(lesson.groups, rate)
            policy.version += 1
    except NonFiniteStep as error:
        raise NonFiniteBatch(f"step {step}: {error}", rows) from error
    _check_logprobs(config, policy, update)
    if lesson.kl is not None:
        policy.adapt_kl(lesson.kl.total, lesson.kl.completions)
    if config.learn.kl.reset_every and step % config.learn.kl.reset_every == 0:
        policy.reset_reference()
    note = cut_short(gathered, config.rollout.prompts_per_step, config.rollout.dynamic)
    if all(credit.is_zero for credits in lesson.credits for credit in credits):
        note = explain_nothing_to_learn(_causes(collected.groups))
    ended = perf_counter()
    metrics = _metrics(collected, config, update, rate, policy.version) | learner.drawer.state()
    if not isinstance(config.rollout.dynamic, NoDynamic):
        metrics |= gathered.metrics()
    if lesson.kl is not None:
        metrics["kl"] = lesson.kl.per_token
    if config.learn.kl.target is not None:
        metrics["kl_coefficient"] = policy.kl_coefficient
    if of_critic is not None:
        metrics |= {
            "critic/loss": of_critic.loss,
            "critic/grad_norm": of_critic.grad_norm,
            "critic/explained_variance": of_critic.explained_variance,
            "critic/mean_value": of_critic.mean_value,
            "critic/bytes": of_critic.bytes,
        }
    times = {"time/learn": ended - learning, "time/step": ended - began}
    learner.drawer.record({"step": step, **metrics}, rows)
    if learner.overlap is not None:
        learner.overlap.learnt(step, weights_of(policy.whole().model, policy.version))
    return StepResult(metrics | times, rows, collected.groups, note)


def _gathered(learner: Learner, step: int) -> Gathered:
    """The step's groups, sampled and judged in as many rounds as the configuration wants, or ahead of time."""
    drawer, how = learner.drawer, learner.config.rollout.dynamic
    if (overlap := learner.overlap) is not None:
        return gather(drawer.draw(step), lambda n: drawer.draw_more(step, n), lambda *_: overlap.take(step), how)
    follow(learner.engine, learner.policy.whole(), learner.policy.version)

    def collect_round(tasks: Sequence[Task], number: int) -> Collected:
        return _round(learner, step, tasks, number)()

    return gather(drawer.draw(step), lambda n: drawer.draw_more(step, n), collect_round, how)


def _round(learner: Learner, step: int, tasks: Sequence[Task], number: int = 0) -> Callable[[], Collected]:
    """What samples and judges these tasks, when it is called."""
    config = learner.config
    plain = partial(
        collect,
        learner.engine,
        tasks,
        group_size=learner.drawer.sizes(tasks),
        sampling=training_sampling(config),
        seed=config.seed,
        step=step,
        judges=learner.judges,
        rule=learner.rule,
        retries=config.rollout.retries,
        budget=learner.budget,
        round_number=number,
    )
    control = config.reward.control
    return plain if control == "none" else lambda: _paid_by(control, plain(), config.seed, (step, number))


def _paid_by(control: Control, collected: Collected, seed: int, key: Key) -> Collected:
    """A control arm's groups: sampled and judged like any others, and paid by the control."""
    groups = [controlled(group, control, seed, (*key, place)) for place, group in enumerate(collected.groups)]
    return replace(collected, groups=tuple(groups))


def overlapped(learner: Learner, copy: LoadedModel) -> Learner:
    """The learner with its batches sampled ahead, by an engine that samples from `copy`."""
    config = learner.config

    def prepare(step: int) -> Callable[[], Collected]:
        return _round(learner, step, learner.drawer.draw(step))

    overlap = Overlap(learner.engine, copy, prepare, lag=config.rollout.max_lag, last=config.learn.steps)
    return replace(learner, overlap=overlap)


def ready_to_evaluate(learner: Learner) -> None:
    """The engine samples from the policy as it is now, and nothing else uses it."""
    loaded, version = learner.policy.whole(), learner.policy.version
    if learner.overlap is not None:
        learner.overlap.settle(weights_of(loaded.model, version))
    else:
        follow(learner.engine, loaded, version)


def is_critic_warming_up(config: RunConfig, step: int) -> bool:
    how = config.learn.advantage
    return isinstance(how, GaeAdvantage) and step <= how.critic.warmup_steps


def _check_logprobs(config: RunConfig, policy: Policy, update: Update | None) -> None:
    """On a CPU, sampling and training are one model: log-probs that differ by more than rounding are a bug of ours."""
    if update is None or policy.loaded.device.type != "cpu" or not isinstance(config.learn.correction, NoCorrection):
        return
    if policy.dtype is torch.float32 and update.mean_logprob_difference > config.learn.logprob_tolerance:
        raise LogprobMismatch(
            f"sampled and training log-probs differ by {update.mean_logprob_difference:.2g} nats a token on average "
            f"(at most {update.logprob_difference:.2g}), more than learn.logprob_tolerance = "
            f"{config.learn.logprob_tolerance:g}: the importance ratio would be wrong. An engine other than our own needs "
            f"learn.correction.kind = truncate or mask"
        )


class NonFiniteBatch(NonFiniteStep):
    """A refused update, with the rows of the batch that caused it."""

    def __init__(self, message: str, rows: Sequence[RolloutRow]) -> None:
        super().__init__(message)
        self.rows = tuple(rows)


def training_sampling(config: RunConfig) -> Sampling:
    return Sampling(
        max_new_tokens=config.rollout.max_new_tokens, temperature=config.rollout.temperature, stop=config.rollout.stop
    )


def _rows(gathered: Gathered, credits: Sequence[Sequence[Credit]], seed: int, step: int) -> list[RolloutRow]:
    """Every completion that was sampled; `credits` are those of the groups that are learnt from."""
    of_kept = iter(credits)
    rows = []
    for place, (group, kept) in enumerate(zip(gathered.collected.groups, gathered.kept, strict=True)):
        advantages = [credit.mean for credit in next(of_kept)] if kept else [0.0] * len(group.members)
        rows += [
            rollout_row(
                group.task,
                member,
                step=step,
                group=f"{step}-{place}",
                sample=sample,
                advantage=advantage,
                seed=seed,
                kept=kept,
            )
            for sample, (member, advantage) in enumerate(zip(group.members, advantages, strict=True))
        ]
    return rows


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
    rewards = torch.tensor([reward for group in collected.groups for reward in group.rewards], dtype=torch.float64)
    how = config.learn.advantage
    std = how.std if isinstance(how, GrpoAdvantage) else "population"
    spreads = torch.tensor([float(spread(torch.tensor(group.rewards), std)) for group in collected.groups])
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
        "logprob_difference/mean": update.mean_logprob_difference if update else None,
        **({"importance": update.importance} if update and update.importance is not None else {}),
        "learning_rate": rate,
        "updates": update.updates if update else 0,
        "policy": version,
        "time/rollout": collected.seconds_sampling,
        "time/judge": collected.seconds_judging,
    }
