"""Groups to samples that can be learnt from: a KL in the reward, the critic's values, credit, and each token's weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from assay.core.learning import LearnConfig
from assay.core.types import Group
from assay.learn.batch import Sample
from assay.learn.credit import Credit, Nested, credit
from assay.learn.kl import ESTIMATORS, k3
from assay.learn.policy import Policy
from assay.learn.process import decoder
from assay.learn.value import Critic
from assay.learn.weights import token_weights


class MeasuredKl(NamedTuple):
    """k3 of a rollout batch against the reference, as sampled."""

    total: float
    tokens: int
    completions: int

    @property
    def per_token(self) -> float:
        return self.total / max(1, self.tokens)


@dataclass(frozen=True, slots=True)
class Lesson:
    """`groups` are what the policy learns from, `whole` all completions with values and returns for a critic;
    `credits` go with every member of every group."""

    groups: list[list[Sample]]
    whole: list[list[Sample]]
    credits: list[list[Credit]]
    kl: MeasuredKl | None


def teach(policy: Policy, critic: Critic | None, config: LearnConfig, groups: Sequence[Group], longest: int) -> Lesson:
    """`longest` is rollout.max_new_tokens."""
    plain = [[Sample(group.prompt_tokens, member.completion, (), 0.0) for member in group.members] for group in groups]
    penalties, kl = None, None
    if config.kl.coefficient > 0 and config.kl.place == "reward" and plain:
        reference = policy.reference_logprobs(plain)
        penalties, kl = penalise(plain, reference, config, policy.kl_coefficient)
    values = critic.values(plain) if critic is not None and plain else None
    credits = credit(
        groups, config.advantage, penalties=penalties, values=values, decode=decoder(policy.loaded.tokenizer)
    )
    samples = weighted(plain, credits, config, longest)
    whole = [] if values is None else with_values(plain, credits, values)
    always = (config.kl.coefficient > 0 and config.kl.place == "loss") or config.entropy_coefficient > 0
    teaching = [
        kept
        for group in samples
        # no spread, no KL and no entropy term: no gradient, so no backward
        if (kept := [each for each in group if each.weight]) and (always or any(any(each.advantages) for each in kept))
    ]
    return Lesson(teaching, whole, credits, kl)


def penalise(
    samples: Sequence[Sequence[Sample]], reference: Nested, config: LearnConfig, coefficient: float
) -> tuple[Nested, MeasuredKl]:
    """What the KL term takes off each token, and how far the policy has gone."""
    estimate, taken, total = ESTIMATORS[config.kl.estimator], [], 0.0
    for group, of_group in zip(samples, reference, strict=True):
        inner = []
        for sample, theirs in zip(group, of_group, strict=True):
            ours = torch.tensor(sample.completion.logprobs, dtype=torch.float64)
            inner.append(coefficient * estimate(ours, theirs))
            total += float(k3(ours, theirs).sum())
        taken.append(inner)
    members = [sample for group in samples for sample in group]
    return taken, MeasuredKl(total, sum(len(each.completion.tokens) for each in members), len(members))


def weighted(
    samples: Sequence[Sequence[Sample]], credits: Sequence[Sequence[Credit]], config: LearnConfig, longest: int
) -> list[list[Sample]]:
    """With advantages, and the weight of each token over the whole rollout batch; 0 for what is masked."""
    flat = [sample for group in samples for sample in group]
    lengths = [
        0 if config.mask_truncated and each.completion.finish == "length" else len(each.completion.tokens)
        for each in flat
    ]
    weights = iter(token_weights(lengths, config.aggregation, longest))
    return [
        [
            replace(sample, advantages=each.advantages, weight=next(weights))
            for sample, each in zip(group, inner, strict=True)
        ]
        for group, inner in zip(samples, credits, strict=True)
    ]


def with_values(
    samples: Sequence[Sequence[Sample]], credits: Sequence[Sequence[Credit]], values: Nested
) -> list[list[Sample]]:
    return [
        [
            replace(sample, advantages=each.advantages, returns=each.returns, values=tuple(value.tolist()))
            for sample, each, value in zip(group, inner, of_group, strict=True)
        ]
        for group, inner, of_group in zip(samples, credits, values, strict=True)
    ]
