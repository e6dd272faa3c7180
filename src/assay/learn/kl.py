"""Estimators of KL(policy || reference) from samples of the policy (J. Schulman, "Approximating KL divergence", 2020).

With d = log(reference / policy) at a sampled token: k1 = -d, k2 = d^2 / 2, k3 = exp(d) - d - 1 (R1's equation 2).
All have the same expectation near d = 0 or in general (k1, k3); k3 is never negative. As a term of the loss, k3 is
differentiated as written: its gradient is that of the estimator, not of the KL divergence itself.
"""

from __future__ import annotations

import torch
from torch import Tensor


def k1(logprobs: Tensor, reference: Tensor) -> Tensor:
    return logprobs - reference


def k2(logprobs: Tensor, reference: Tensor) -> Tensor:
    return (reference - logprobs).square() / 2


def k3(logprobs: Tensor, reference: Tensor) -> Tensor:
    difference = reference - logprobs
    return torch.expm1(difference) - difference
