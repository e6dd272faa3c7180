"""The losses of sampled tokens, as pure functions of log-probabilities: ours, those before the update, advantages.

    PPO-clip         -min(r A, clip(r, 1 - low, 1 + high) A)      arXiv 1707.06347, equation 7
      clip-higher    high > low                                   DAPO, arXiv 2503.14476, equation 10
      dual clip      at most -c A where A < 0                     arXiv 1912.09729, equation 5
    GSPO             the same with s = exp(mean of log r)         arXiv 2507.18071, equations 5 and 7
    CISPO            -sg(clip(r, lowest, highest)) A log p        MiniMax-M1, arXiv 2506.13585, equations 4 and 5
    policy gradient  -A log p                                     REINFORCE (Williams, 1992)

with r = p / p_old per token. GSPO's ratio belongs to the sequence: each of its T tokens carries the sequence's
surrogate, so that under SequenceMean the sum is the paper's. Other weightings are possible, and weigh long sequences
more. Its gradient flows to every token of the sequence, which is why it needs all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from assay.core.learning import Cispo, Gspo, Loss, PolicyGradient, PpoClip


def ppo_clip(
    logprobs: Tensor, old: Tensor, advantages: Tensor, low: float, high: float, dual: float | None = None
) -> Tensor:
    """Token losses [M]; the gradient is zero where the ratio has left the range in the advantage's direction."""
    ratio = torch.exp(logprobs - old)
    surrogate = torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
    if dual is not None:
        surrogate = torch.where(advantages < 0, torch.maximum(surrogate, dual * advantages), surrogate)
    return -surrogate


def gspo(logprobs: Tensor, old: Tensor, advantages: Tensor, sequence: Tensor, low: float, high: float) -> Tensor:
    """Token losses [M]; `sequence` [M] numbers the completion that a token belongs to, from 0 without gaps."""
    return ppo_clip(sequence_mean(logprobs - old, sequence), torch.zeros_like(old), advantages, low, high)


def cispo(logprobs: Tensor, old: Tensor, advantages: Tensor, lowest: float, highest: float) -> Tensor:
    """Token losses [M]; no token's gradient is stopped, only its weight is bounded."""
    weight = torch.exp(logprobs - old).clamp(lowest, highest).detach()
    return -weight * advantages * logprobs


def policy_gradient(logprobs: Tensor, advantages: Tensor) -> Tensor:
    """Token losses [M]."""
    return -advantages * logprobs


def sequence_mean(values: Tensor, sequence: Tensor) -> Tensor:
    """At each token the mean over its completion: [M] -> [M]."""
    return sequence_sum(values, sequence) / torch.bincount(sequence)[sequence]


def sequence_sum(values: Tensor, sequence: Tensor) -> Tensor:
    """At each token the sum over its completion: [M] -> [M]."""
    count = int(sequence.max()) + 1
    sums = torch.zeros(count, dtype=values.dtype, device=values.device).index_add(0, sequence, values)
    return sums[sequence]


Surrogate = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(log-probs [M], old [M], advantages [M], sequence [M]) -> losses [M]."""


def surrogate_of(loss: Loss) -> Surrogate:
    """The function that a configuration names."""
    match loss:
        case PpoClip():
            return lambda new, old, adv, _: ppo_clip(new, old, adv, loss.clip_low, loss.clip_high, loss.dual_clip)
        case Gspo():
            return lambda new, old, adv, sequence: gspo(new, old, adv, sequence, loss.clip_low, loss.clip_high)
        case Cispo():
            return lambda new, old, adv, _: cispo(new, old, adv, loss.min_ratio, loss.max_ratio)
        case PolicyGradient():
            return lambda new, old, adv, _: policy_gradient(new, adv)


class ClipCounts(NamedTuple):
    """How many tokens' gradients the clipping stopped (CISPO: how many weights it bounded), by side."""

    low: int
    high: int


def clip_counts(logprobs: Tensor, old: Tensor, advantages: Tensor, sequence: Tensor, loss: Loss) -> ClipCounts:
    difference = logprobs - old
    match loss:
        case PpoClip() | Gspo():
            ratio = torch.exp(sequence_mean(difference, sequence) if isinstance(loss, Gspo) else difference)
            low, high = (ratio < 1 - loss.clip_low) & (advantages < 0), (ratio > 1 + loss.clip_high) & (advantages > 0)
            if isinstance(loss, PpoClip) and loss.dual_clip is not None:
                high = high | ((ratio > loss.dual_clip) & (advantages < 0))
        case Cispo():
            ratio = torch.exp(difference)
            low, high = ratio < loss.min_ratio, ratio > loss.max_ratio
        case PolicyGradient():
            return ClipCounts(0, 0)
    return ClipCounts(int(low.sum()), int(high.sum()))
