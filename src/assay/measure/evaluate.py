"""Evaluate a policy on held-out tasks, through the same sampling, judging and rewarding as training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

from assay.core.config import RunConfig
from assay.core.errors import TruthError, UsageError
from assay.core.run_folder import RolloutRow
from assay.core.types import Member, Task
from assay.measure.evaluation import Evaluation, Kind, Problem
from assay.reward.rule import RewardRule, find_rule
from assay.reward.shaping import rule_of
from assay.rollout.collect import Sampled, VoidBudget, last_user_message, rollout_row, sample
from assay.rollout.engine import Engine, Sampling
from assay.verify.base import find_verifier, label, read_case, read_parts
from assay.verify.pool import JudgePool, JudgeRequest

GREEDY = -1  # the sample number of a greedy completion in rollouts.jsonl


def evaluate(
    engine: Engine,
    tasks: Sequence[Task],
    *,
    samples: int = 4,
    sampling: Sampling,
    greedy: bool = True,
    k: tuple[int, ...] = (1, 4),
    seed: int = 0,
    judges: JudgePool,
    rule: RewardRule | None = None,
    step: int = 0,
    kind: Kind = "alone",
    model: str = "",
    source: str = "",
    budget: VoidBudget | None = None,
    oracle: str | None = None,
) -> tuple[Evaluation, list[RolloutRow]]:
    """`samples` completions for each task, and a greedy one; the evaluation, and a rollout row for each completion.

    A task's samples draw from streams keyed by (seed, task, sample) alone: two policies evaluated with one seed meet
    the same luck, which the paired comparison profits from. Raises UsageError for no task, two of one id, or a k above
    `samples`, TruthError where `oracle` (a verifier that judges the samples too, and pays nothing) cannot read a task's truth;
    VoidBudgetExceeded where a `budget` is given and too many verdicts are VOID.
    """
    if not tasks:
        raise UsageError("there is no held-out task to evaluate on")
    if len({task.id for task in tasks}) < len(tasks):
        raise UsageError("two held-out tasks share an id: figures are kept by id, so each must have its own")
    if max(k, default=1) > samples:
        raise UsageError(
            f"pass@{max(k)} needs at least {max(k)} samples a problem: raise evaluate.samples from {samples}"
        )
    rule = rule or find_rule("outcome")
    read_parts(rule.parts)
    if oracle is not None:
        check_oracle(oracle, tasks)
    began = perf_counter()
    drawn = sample(engine, tasks, n=samples, sampling=sampling, seed=seed, key=("evaluate",), judges=judges, rule=rule)
    best: list[Sampled | None] = [None] * len(tasks)
    if greedy:
        at_zero = replace(sampling, temperature=0.0, top_p=1.0, top_k=0)
        best = list(sample(engine, tasks, n=1, sampling=at_zero, seed=seed, key=("greedy",), judges=judges, rule=rule))
    if budget is not None:
        everything = [each for each in (*drawn, *best) if each is not None]
        reasons = [reason for each in everything for reason in each.void_reasons]
        budget.spend(sum(len(each.members) for each in everything), reasons)
    evaluation = Evaluation(
        step=step,
        kind=kind,
        model=model,
        samples=samples,
        temperature=sampling.temperature,
        k=tuple(k),
        seed=seed,
        verifiers=tuple(sorted({label(find_verifier(task.verifier)) for task in tasks})),
        problems=tuple(
            _problem(each, one, passes)
            for each, one, passes in zip(drawn, best, _by_oracle(oracle, drawn, judges), strict=True)
        ),
        tasks=source,
        oracle=label(find_verifier(oracle)) if oracle is not None else "",
        seconds=perf_counter() - began,
    )
    return evaluation, [
        row for place, each in enumerate(zip(drawn, best, strict=True)) for row in _rows(each, place, step, seed)
    ]


def evaluate_as(
    config: RunConfig,
    engine: Engine,
    tasks: Sequence[Task],
    judges: JudgePool,
    *,
    step: int = 0,
    kind: Kind = "alone",
    model: str = "",
) -> tuple[Evaluation, list[RolloutRow]]:
    """`evaluate` with the configuration's samples, temperature, rule, seed and VOID budget."""
    return evaluate(
        engine,
        tasks,
        samples=config.evaluate.samples,
        sampling=Sampling(
            config.rollout.max_new_tokens,
            temperature=config.evaluate.temperature,
            top_p=config.evaluate.top_p,
            stop=config.rollout.stop,
        ),
        greedy=config.evaluate.greedy,
        k=config.evaluate.k,
        seed=config.seed,
        judges=judges,
        rule=rule_of(config.reward, config.rollout.max_new_tokens),
        step=step,
        kind=kind,
        model=model,
        source=config.tasks.source,
        budget=VoidBudget(config.rollout.void_budget),
        oracle=config.evaluate.oracle,
    )


def check_oracle(oracle: str, tasks: Sequence[Task]) -> None:
    """Raises TruthError naming the first task whose truth the oracle cannot read, or find_verifier's errors."""
    for task in tasks:
        try:
            read_case(oracle, task.truth)
        except TruthError as error:
            raise TruthError(f"evaluate.oracle {oracle!r} cannot read the truth of task {task.id}: {error}") from error


def _by_oracle(oracle: str | None, drawn: Sequence[Sampled], judges: JudgePool) -> list[tuple[bool | None, ...]]:
    """Whether the oracle passes each sample of each task; None where it could not judge."""
    if oracle is None:
        return [()] * len(drawn)
    asked = [
        JudgeRequest(oracle, each.task.truth, member.completion.text, last_user_message(each.task))
        for each in drawn
        for member in each.members
    ]
    verdicts = iter(judges.judge_many(asked))
    judged = [[next(verdicts) for _ in each.members] for each in drawn]
    return [tuple(None if each.is_void else each.is_pass for each in row) for row in judged]


def _problem(drawn: Sampled, best: Sampled | None, oracle: tuple[bool | None, ...]) -> Problem:
    valid = [member for member in drawn.members if not _is_void(member)]
    greedy = None if best is None or _is_void(best.members[0]) else best.members[0].verdict.is_pass
    return Problem(
        task=drawn.task.id,
        passes=tuple(member.verdict.is_pass for member in valid),
        answers=tuple(member.verdict.answer for member in valid),
        lengths=tuple(len(member.completion.tokens) for member in valid),
        greedy=greedy,
        voids=len(drawn.members) - len(valid),
        rewards=tuple(member.reward.total for member in valid),
        oracle=tuple(passes for member, passes in zip(drawn.members, oracle, strict=True) if not _is_void(member))
        if oracle
        else (),
    )


def _is_void(member: Member) -> bool:
    return member.reward.is_void or member.verdict.is_void


def _rows(pair: tuple[Sampled, Sampled | None], place: int, step: int, seed: int) -> list[RolloutRow]:
    drawn, best = pair
    numbered = list(enumerate(drawn.members)) + ([] if best is None else [(GREEDY, best.members[0])])
    return [
        rollout_row(
            drawn.task,
            member,
            step=step,
            group=f"held-out-{step}-{place}",
            sample=number,
            advantage=0.0,
            seed=seed,
            split="held_out",
        )
        for number, member in numbered
    ]
