"""Group-relative advantages (DeepSeekMath, arXiv 2402.03300, section 4.1.2; R1, arXiv 2501.12948, equation 3).

    A_i = (r_i - mean(r)) / std(r)        per group of G rewards

The papers do not say which standard deviation. Ours is the population's by default, with nothing added to it; the
sample convention (n - 1) goes by its name, and `none` leaves the division out (Dr. GRPO, arXiv 2503.20783). TRL adds
1e-4 to the sample deviation, verl 1e-6, OpenRLHF 1e-9. A spread under 1e-6 counts as none: such a group has nothing to
teach, and dividing by rounding residue would make advantages of thousands out of equal rewards.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Std = Literal["population", "sample", "none"]
NO_SPREAD = 1e-6


def spread(rewards: Tensor, std: Std = "population") -> Tensor:
    """The standard deviation over the last axis, [..., G] -> [...]; 0 where it is under NO_SPREAD."""
    found = rewards.std(dim=-1, correction=1 if std == "sample" else 0)
    return torch.where(found < NO_SPREAD, torch.zeros_like(found), found)


def group_advantages(rewards: Tensor, std: Std = "population") -> Tensor:
    """Advantages [..., G] of rewards [..., G], in fp64; exactly 0 for a group without spread."""
    rewards = rewards.double()
    centred = rewards - rewards.mean(dim=-1, keepdim=True)
    scale = spread(rewards, std)[..., None]
    divided = centred if std == "none" else centred / torch.where(scale == 0, torch.ones_like(scale), scale)
    return torch.where(scale == 0, torch.zeros_like(centred), divided)
