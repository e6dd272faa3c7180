"""Groups to what each token of each completion is worth: the estimator that the configuration names, with its KL.

The reward of a completion stands at its last token. A KL term placed in the reward is taken off token by token: summed
into the completion's reward for the group estimators (as RLOO's authors do, arXiv 2402.14740, section 2), and left at
its tokens for REINFORCE++ and GAE (arXiv 2203.02155, section 3.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assay.core.learning import (
    Advantage,
    DrGrpoAdvantage,
    GaeAdvantage,
    GrpoAdvantage,
    ReinforcePlusPlusAdvantage,
    RlooAdvantage,
)
from assay.core.types import Group, Member
from assay.learn.advantage import dr_grpo, gae, grpo, returns, rloo, whiten
from assay.learn.process import Decode, process_advantages


@dataclass(frozen=True, slots=True)
class Credit:
    """Of one completion of T tokens: advantages [T], and with a critic the returns [T] that it is fitted to."""

    advantages: tuple[float, ...]
    returns: tuple[float, ...] = ()

    @property
    def mean(self) -> float:
        return sum(self.advantages) / max(1, len(self.advantages))

    @property
    def is_zero(self) -> bool:
        return not any(self.advantages)


Nested = Sequence[Sequence[Tensor]]
"""Per group, per completion, something per token [T]."""


def credit(
    groups: Sequence[Group],
    how: Advantage,
    *,
    penalties: Nested | None = None,
    values: Nested | None = None,
    decode: Decode | None = None,
) -> list[list[Credit]]:
    """The credit of every member, in order. `penalties` are what a KL term takes off each token; GAE needs `values`,
    process supervision `decode`."""
    match how:
        case GrpoAdvantage(process=True):
            assert decode is not None
            return [
                [Credit(tuple(each.tolist())) for each in process_advantages(group, decode, how.std, taken.tolist())]
                for group, taken in zip(groups, _summed(groups, penalties), strict=True)
            ]
        case GrpoAdvantage() | DrGrpoAdvantage() | RlooAdvantage():
            return [
                [
                    _everywhere(value, member)
                    for value, member in zip(_of_group(group, how, taken), group.members, strict=True)
                ]
                for group, taken in zip(groups, _summed(groups, penalties), strict=True)
            ]
        case ReinforcePlusPlusAdvantage():
            flat = [returns(rewards) for group in _token_rewards(groups, penalties, how.baseline) for rewards in group]
            return _nested(groups, [Credit(tuple(each.tolist())) for each in whiten(flat)])
        case GaeAdvantage():
            assert values is not None
            found = [
                gae(rewards, value.double(), how.gamma, how.lam)
                for group, of_group in zip(_token_rewards(groups, penalties), values, strict=True)
                for rewards, value in zip(group, of_group, strict=True)
            ]
            advantages = [each.advantages for each in found]
            advantages = whiten(advantages) if how.whiten else advantages
            return _nested(
                groups,
                [
                    Credit(tuple(advantage.tolist()), tuple(each.returns.tolist()))
                    for advantage, each in zip(advantages, found, strict=True)
                ],
            )


def _of_group(group: Group, how: GrpoAdvantage | DrGrpoAdvantage | RlooAdvantage, taken: Tensor) -> list[float]:
    rewards = torch.tensor(group.rewards, dtype=torch.float64) - taken
    match how:
        case GrpoAdvantage(each_part=True):
            names = list(dict.fromkeys(name for member in group.members for name in member.reward.parts))
            parts = [[member.reward.parts.get(name, 0.0) for member in group.members] for name in names]
            table = torch.tensor(parts, dtype=torch.float64)  # [parts, G]
            found = grpo(table, how.std).sum(0) - grpo(taken, how.std)
        case GrpoAdvantage():
            found = grpo(rewards, how.std)
        case DrGrpoAdvantage():
            found = dr_grpo(rewards)
        case RlooAdvantage():
            found = rloo(rewards)
    return [float(value) for value in found]


def _everywhere(value: float, member: Member) -> Credit:
    return Credit((value,) * len(member.completion.tokens))


def _summed(groups: Sequence[Group], penalties: Nested | None) -> list[Tensor]:
    """Per group [G], what a KL term takes off each completion."""
    if penalties is None:
        return [torch.zeros(len(group.members), dtype=torch.float64) for group in groups]
    return [torch.stack([each.double().sum() for each in group]) for group in penalties]


def _token_rewards(groups: Sequence[Group], penalties: Nested | None, baseline: str = "none") -> list[list[Tensor]]:
    """Per group, per completion, the reward of each token [T]."""
    found = []
    for place, group in enumerate(groups):
        base = sum(group.rewards) / len(group.rewards) if baseline == "group" else 0.0
        inner = []
        for index, member in enumerate(group.members):
            rewards = torch.zeros(len(member.completion.tokens), dtype=torch.float64)
            if penalties is not None:
                rewards -= penalties[place][index].double()
            rewards[-1] += member.reward.total - base
            inner.append(rewards)
        found.append(inner)
    return found


def _nested(groups: Sequence[Group], flat: Sequence[Credit]) -> list[list[Credit]]:
    each = iter(flat)
    return [[next(each) for _ in group.members] for group in groups]
