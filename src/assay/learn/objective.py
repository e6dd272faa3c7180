"""The clipped surrogate of PPO (Schulman et al., arXiv 1707.06347, equation 7), per token.

    loss = -min(r A, clip(r, 1 - low, 1 + high) A),   r = exp(logp - logp_old)

`low` and `high` may differ (clip-higher, DAPO, arXiv 2503.14476, equation 10). Token losses are weighted by one
normaliser for the whole rollout batch (DAPO's token-level loss), so that micro-batches, packing and processes do not
change the gradient. Departure from DAPO's text: the normaliser counts the tokens of groups without spread as well
(as TRL does), so that a step with few informative groups is a smaller step.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


def ppo_clip(logprobs: Tensor, old: Tensor, advantages: Tensor, low: float, high: float) -> Tensor:
    """Token losses [M]; the gradient is zero where the ratio has left the range in the advantage's direction."""
    ratio = torch.exp(logprobs - old)
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)


class ClipCounts(NamedTuple):
    """How many tokens' gradients the clipping stopped, by side."""

    low: int
    high: int


def clip_counts(logprobs: Tensor, old: Tensor, advantages: Tensor, low: float, high: float) -> ClipCounts:
    ratio = torch.exp(logprobs - old)
    return ClipCounts(
        int(((ratio < 1 - low) & (advantages < 0)).sum()),
        int(((ratio > 1 + high) & (advantages > 0)).sum()),
    )
