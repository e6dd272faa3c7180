"""Estimators of KL(policy || reference) from samples of the policy (J. Schulman, "Approximating KL divergence", 2020).

With d = log(reference / policy) at a sampled token: k1 = -d, k2 = d^2 / 2, k3 = exp(d) - d - 1 (R1's equation 2).
k1 and k3 have the divergence for their expectation, k2 to second order in d; k3 is never negative.

In the loss each is differentiated as written, with the samples held fixed. On average the gradient of k2 is that of
KL(policy || reference), that of k3 the one of KL(reference || policy), the two being equal near d = 0, and that of k1
is zero, which the configuration refuses. Some codes multiply the sampled KL by the ratio p / p_old before
differentiating: at a ratio of 1 the value is ours, but the gradient has a term more, k grad log p, which makes that of k3
the gradient of KL(policy || reference). Here that is k2's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from assay.core.learning import KlConfig


def k1(logprobs: Tensor, reference: Tensor) -> Tensor:
    return logprobs - reference


def k2(logprobs: Tensor, reference: Tensor) -> Tensor:
    return (reference - logprobs).square() / 2


def k3(logprobs: Tensor, reference: Tensor) -> Tensor:
    difference = reference - logprobs
    return torch.expm1(difference) - difference


ESTIMATORS = {"k1": k1, "k2": k2, "k3": k3}


def adapted(coefficient: float, kl: float, completions: int, config: KlConfig) -> float:
    """The coefficient after a rollout batch of `completions` whose mean KL per completion was `kl`, in nats.

    Ziegler et al., arXiv 1909.08593, section 2.2: the error is clipped to +-0.2 of the target, so that one strange
    batch moves little. Without a target the coefficient stays.
    """
    if config.target is None:
        return coefficient
    error = min(max(kl / config.target - 1, -0.2), 0.2)
    return coefficient * (1 + error * completions / config.horizon)
