"""Tasks to judged samples: the one path that training and evaluation share, and what training does about VOID.

`sample` keeps everything. `collect` makes groups that may be learnt from: a group with a VOID member is sampled again
with a fresh key, and dropped whole when that does not help, because a group short of a member has another baseline.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from assay.core.errors import VoidBudgetExceeded
from assay.core.rng import Key
from assay.core.run_folder import RolloutRow
from assay.core.types import Completion, Group, Json, Member, Reward, Task, Verdict
from assay.reward.learned import models_of
from assay.reward.rule import RewardRule
from assay.reward.shaping import pay
from assay.rollout.engine import Engine, Request, Sampling
from assay.rollout.preferred import request_for
from assay.verify.pool import JudgePool

log = logging.getLogger(__name__)

GRACE = 50
"""Verdicts before the VOID budget counts: one early accident is not a share of anything."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """The n judged completions of one task, VOID ones included. `void_reasons` has an entry for each VOID member."""

    task: Task
    prompt_tokens: tuple[int, ...]
    members: tuple[Member, ...]
    void_reasons: tuple[str, ...] = ()

    @property
    def is_void(self) -> bool:
        return bool(self.void_reasons)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A task whose group had a VOID member every time it was sampled, with the last reasons."""

    task: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Collected:
    """What one step of collection brought. `judged` and `voids` count completions, those sampled again included."""

    groups: tuple[Group, ...]
    dropped: tuple[Dropped, ...]
    judged: int
    voids: int
    seconds_sampling: float
    seconds_judging: float


@dataclass(slots=True)
class Clock:
    """Wall seconds spent in each phase."""

    sampling: float = 0.0
    judging: float = 0.0


@dataclass(slots=True)
class VoidBudget:
    """The share of VOID completions that a run may have; beyond it rewards cannot be trusted and the run stops."""

    share: float
    judged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def spend(self, judged: int, reasons: Iterable[str]) -> None:
        """Count a pass of completions. Raises VoidBudgetExceeded with the reasons by count."""
        self.judged += judged
        self.reasons.update(reasons)
        voids = self.reasons.total()
        if self.judged >= GRACE and voids > self.share * self.judged:
            listed = "; ".join(f"{count} x {reason}" for reason, count in self.reasons.most_common(5))
            raise VoidBudgetExceeded(
                f"{voids} of {self.judged} completions came back VOID, more than rollout.void_budget = {self.share:g} "
                f"allows, so the rewards cannot be trusted: {listed}"
            )

    def recount(self, metrics: Iterable[Mapping[str, Json]]) -> None:
        """Take up the count of a resumed run from its training metrics."""
        self.judged, self.reasons = 0, Counter()
        for row in metrics:
            self.judged += int(row.get("judged") or 0)
            if voids := int(row.get("void") or 0):
                self.reasons["before the run was resumed"] += voids


def sample(
    engine: Engine,
    tasks: Sequence[Task],
    *,
    n: int | Sequence[int],
    sampling: Sampling,
    seed: int,
    key: Key,
    judges: JudgePool,
    rule: RewardRule,
    clock: Clock | None = None,
) -> list[Sampled]:
    """`n` completions per task (or a number for each task), judged and rewarded, in order.

    Completion i of a task draws from the stream (seed, *key, task id, how often the task came before in `tasks`, i).
    """
    clock = clock if clock is not None else Clock()
    began = perf_counter()
    seen: Counter[str] = Counter()
    requests = []
    for task, count in zip(tasks, [n] * len(tasks) if isinstance(n, int) else n, strict=True):
        requests.append(Request(task.prompt, count, seed, (*key, task.id, seen[task.id])))
        seen[task.id] += 1
    completions = engine.generate(requests, sampling)
    judging = perf_counter()
    clock.sampling += judging - began
    members = judged(tasks, completions, judges, rule)
    clock.judging += perf_counter() - judging
    return [
        Sampled(
            task,
            engine.render(task.prompt),
            tuple(member for member, _ in judged),
            tuple(reason for _, reason in judged if reason is not None),
        )
        for task, judged in zip(tasks, members, strict=True)
    ]


def collect(
    engine: Engine,
    tasks: Sequence[Task],
    *,
    group_size: int | Sequence[int],
    sampling: Sampling,
    seed: int,
    step: int,
    judges: JudgePool,
    rule: RewardRule,
    retries: int,
    budget: VoidBudget,
    round_number: int = 0,
) -> Collected:
    """One group per task, in the tasks' order, without the dropped ones. Raises VoidBudgetExceeded.

    `group_size` may be a number for each task. `round_number` counts a step's calls, so that each has samples of its own.
    """
    clock = Clock()
    sizes = [group_size] * len(tasks) if isinstance(group_size, int) else group_size
    done: list[Sampled | None] = [None] * len(tasks)
    judged = voids = 0
    for attempt in range(retries + 1):
        places = [place for place, each in enumerate(done) if each is None or each.is_void]
        if not places:
            break
        again = sample(
            engine,
            [tasks[place] for place in places],
            n=[sizes[place] for place in places],
            sampling=sampling,
            seed=seed,
            key=("rollout", step, attempt, round_number) if round_number else ("rollout", step, attempt),
            judges=judges,
            rule=rule,
            clock=clock,
        )
        reasons = [reason for each in again for reason in each.void_reasons]
        count = sum(len(each.members) for each in again)
        judged, voids = judged + count, voids + len(reasons)
        budget.spend(count, reasons)
        for place, each in zip(places, again, strict=True):
            done[place] = each
    kept = [each for each in done if each is not None and not each.is_void]
    dropped = [Dropped(each.task.id, each.void_reasons) for each in done if each is not None and each.is_void]
    for lost in dropped:
        log.warning("step %d: dropped the group of task %s: %s", step, lost.task, "; ".join(sorted(set(lost.reasons))))
    return Collected(
        tuple(Group(each.task, each.prompt_tokens, each.members) for each in kept),
        tuple(dropped),
        judged,
        voids,
        clock.sampling,
        clock.judging,
    )


def rollout_row(
    task: Task,
    member: Member,
    *,
    step: int,
    group: str,
    sample: int,
    advantage: float,
    seed: int,
    split: str = "train",
    kept: bool = True,
) -> RolloutRow:
    """A member as a row of rollouts.jsonl."""
    completion, verdict, reward = member
    return RolloutRow(
        step=step,
        group=group,
        sample=sample,
        task=task.id,
        prompt="\n\n".join(f"{role}: {content}" for role, content in task.prompt),
        text=completion.text,
        answer=verdict.answer,
        truth=task.truth,
        outcome=str(verdict.outcome),
        reason=str(verdict.reason),
        verifier=verdict.verifier,
        evidence=verdict.evidence,
        reward=reward.total,
        parts=reward.parts,
        advantage=advantage,
        tokens=len(completion.tokens),
        finish=completion.finish,
        policy=completion.policy,
        seed=seed,
        seconds=verdict.seconds,
        split=split,
        kept=kept,
    )


def last_user_message(task: Task) -> str:
    """What verifiers get as the prompt."""
    return next((content for role, content in reversed(task.prompt) if role == "user"), "")


def judged(
    tasks: Sequence[Task], completions: Sequence[Sequence[Completion]], judges: JudgePool, rule: RewardRule
) -> list[list[tuple[Member, str | None]]]:
    """Per task, each completion with its verdict and reward, and why it is VOID when it is."""
    names, models = tuple(rule.parts), models_of(rule)
    requests = []
    for task, answers in zip(tasks, completions, strict=True):
        prompt = last_user_message(task)
        for answer in answers:
            wanted = [(task.verifier, task.truth), *(rule.parts[name] for name in names)]
            requests += [request_for(task, *each, answer.text, prompt, models) for each in wanted]
    verdicts = iter(judges.judge_many(requests))
    judged = []
    for answers in completions:
        members = []
        for answer in answers:
            own = next(verdicts)
            parts = {name: next(verdicts) for name in names}
            members.append(_rewarded(answer, own, parts, rule))
        judged.append(members)
    return judged


def _rewarded(
    answer: Completion, own: Verdict, parts: Mapping[str, Verdict], rule: RewardRule
) -> tuple[Member, str | None]:
    why = next((_why_void(verdict) for verdict in (own, *parts.values()) if verdict.is_void), None)
    if why is None:
        try:
            reward = pay(rule, own, parts, len(answer.tokens))
            why = f"the rule {rule.name} gave no reward" if reward.is_void else None
        except Exception as error:  # noqa: BLE001 - the named boundary: a rule that fails is our fault, not the answer's
            why = f"the rule {rule.name} raised {type(error).__name__}: {str(error)[:200]}"
    if why is not None:
        reward = Reward(0.0, {}, is_void=True)
    return Member(answer, own, reward), why


def _why_void(verdict: Verdict) -> str:
    detail = verdict.evidence.get("error")
    return f"{verdict.reason} ({detail})" if detail else str(verdict.reason)
