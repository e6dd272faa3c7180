"""What each sampled token is worth, compared with what was to be expected: the estimators, as pure functions.

    GRPO          A_i = (r_i - mean(r)) / std(r)                  DeepSeekMath, arXiv 2402.03300, section 4.1.2
    Dr. GRPO      A_i = r_i - mean(r)                             arXiv 2503.20783, section 3.2
    RLOO          A_i = r_i - mean of the group's others          arXiv 2402.14740, equation 6
    REINFORCE++   A_t = whiten(return from t on)                  arXiv 2501.03262, equations 5 and 6
    GAE           A_t = sum_l (gamma lambda)^l delta_{t+l}        arXiv 1506.02438, equation 16
                  delta_t = r_t + gamma V_{t+1} - V_t

The papers do not say which standard deviation GRPO's is. Ours is the population's by default, with nothing added to it;
the sample convention (n - 1) goes by its name. TRL adds 1e-4 to the sample deviation, verl 1e-6, OpenRLHF 1e-9. A
spread under 1e-6 counts as none: such a group has nothing to teach, and dividing by rounding residue would make
advantages of thousands out of equal rewards. Whitening follows the same rule, and weighs each token of the rollout
batch the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

Std = Literal["population", "sample"]
NO_SPREAD = 1e-6


def spread(rewards: Tensor, std: Std = "population") -> Tensor:
    """The standard deviation over the last axis, [..., G] -> [...]; 0 where it is under NO_SPREAD."""
    found = rewards.double().std(dim=-1, correction=1 if std == "sample" else 0)
    return torch.where(found < NO_SPREAD, torch.zeros_like(found), found)


def grpo(rewards: Tensor, std: Std = "population") -> Tensor:
    """Advantages [..., G] of rewards [..., G], in fp64; exactly 0 for a group without spread."""
    scale = spread(rewards, std)[..., None]
    divided = dr_grpo(rewards) / torch.where(scale == 0, torch.ones_like(scale), scale)
    return torch.where(scale == 0, torch.zeros_like(divided), divided)


def dr_grpo(rewards: Tensor) -> Tensor:
    """Advantages [..., G], in fp64; exactly 0 for a group without spread."""
    rewards = rewards.double()
    centred = rewards - rewards.mean(dim=-1, keepdim=True)
    return torch.where(spread(rewards)[..., None] == 0, torch.zeros_like(centred), centred)


def rloo(rewards: Tensor) -> Tensor:
    """Advantages [..., G]: G / (G - 1) times Dr. GRPO's."""
    size = rewards.shape[-1]
    return dr_grpo(rewards) * (size / (size - 1))


def returns(rewards: Tensor, gamma: float = 1.0) -> Tensor:
    """Discounted sums of what comes from each token on: [T] -> [T]."""
    found, ahead = torch.empty_like(rewards), rewards.new_zeros(())
    for t in range(len(rewards) - 1, -1, -1):
        ahead = rewards[t] + gamma * ahead
        found[t] = ahead
    return found


class Gae(NamedTuple):
    """Advantages [T], and the returns [T] that the critic is fitted to."""

    advantages: Tensor
    returns: Tensor


def gae(rewards: Tensor, values: Tensor, gamma: float = 1.0, lam: float = 1.0) -> Gae:
    """Of one completion: rewards [T] per token, values [T] before each token; nothing is to come after the last."""
    ahead, advantage = values.new_zeros(()), values.new_zeros(())
    found = torch.empty_like(values)
    for t in range(len(values) - 1, -1, -1):
        delta = rewards[t] + gamma * ahead - values[t]
        advantage = delta + gamma * lam * advantage
        found[t], ahead = advantage, values[t]
    return Gae(found, found + values)


def whiten(parts: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of several completions shifted and scaled together to mean 0 and population deviation 1 over all tokens;
    all 0 when they have no spread."""
    if not parts:
        return []
    whole = torch.cat([part.double() for part in parts])
    scale = spread(whole)
    centred = whole - whole.mean()
    whitened = torch.zeros_like(centred) if scale == 0 else centred / scale
    return list(whitened.split([len(part) for part in parts]))
