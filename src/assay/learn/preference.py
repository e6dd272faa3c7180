"""Losses of preferences, as pure functions of B pairs: rewards of a model, or log-probabilities of whole answers.

With d(y) = log p(y | x) - log p_ref(y | x) summed over the answer's tokens, |y| their number, and delta = d(chosen) -
d(rejected):

    Bradley-Terry  -log sigmoid(r(chosen) - r(rejected) - margin)                     arXiv 2203.02155, equation 1
      centred      + c (r(chosen) + r(rejected))^2                                    arXiv 2312.09244, equation 2
    DPO            -log sigmoid(beta delta)                                           arXiv 2305.18290, equation 7
      smoothed     (1 - e) the same + e its mirror image                              Mitchell, 2023 (conservative DPO)
      robust       ((1 - e) the same - e its mirror image) / (1 - 2 e)                arXiv 2403.00409, equation 11
    IPO            (d(chosen) / |chosen| - d(rejected) / |rejected| - 1 / (2 beta))^2 arXiv 2310.12036, equation 17
    hinge          max(0, 1 - beta delta)                                             SLiC-HF, arXiv 2305.10425, equation 1
    SimPO          -log sigmoid(beta (mean log p chosen - of rejected) - gamma)       arXiv 2405.14734, equation 6
    KTO            1 - sigmoid(+-beta (d(y) - z0)), each answer by itself             arXiv 2402.01306, equation 8

Departures. IPO's ratios are per token, as its authors' results are and TRL's. The hinge is on log-ratios, where the paper
has log-probabilities. KTO's z0, the divergence of policy and reference, is the mean log-ratio of answers to other prompts,
at least 0 and without a gradient, as in the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from assay.core.fitting import Dpo, Hinge, Ipo, Kto, PreferenceLoss, RobustDpo, SimPo


class Answers(NamedTuple):
    """B answers to B prompts."""

    logprobs: Tensor  # [B] summed over the answer's tokens, the policy's
    reference: Tensor  # [B] the reference's; zeros where the loss has none
    lengths: Tensor  # [B] tokens

    @property
    def ratios(self) -> Tensor:
        """[B] d(y)."""
        return self.logprobs - self.reference


def bradley_terry(chosen: Tensor, rejected: Tensor, margin: Tensor | float = 0.0, centre: float = 0.0) -> Tensor:
    """Losses [B] of rewards [B]."""
    losses = -logsigmoid(chosen - rejected - margin)
    return losses + centre * (chosen + rejected).square() if centre else losses


def dpo(delta: Tensor, beta: float, smoothing: float = 0.0) -> Tensor:
    """Losses [B]."""
    return -(1 - smoothing) * logsigmoid(beta * delta) - smoothing * logsigmoid(-beta * delta)


def robust_dpo(delta: Tensor, beta: float, flipped: float) -> Tensor:
    """Losses [B]: over labels of which a share `flipped` is wrong, their expectation is DPO's over the right ones."""
    clean, mirrored = -logsigmoid(beta * delta), -logsigmoid(-beta * delta)
    return ((1 - flipped) * clean - flipped * mirrored) / (1 - 2 * flipped)


def ipo(mean_delta: Tensor, beta: float) -> Tensor:
    """Losses [B] of differences of log-ratios per token."""
    return (mean_delta - 1 / (2 * beta)).square()


def hinge(delta: Tensor, beta: float) -> Tensor:
    """Losses [B]."""
    return torch.relu(1 - beta * delta)


def simpo(mean_delta: Tensor, beta: float, gamma: float, smoothing: float = 0.0) -> Tensor:
    """Losses [B] of differences of log-probabilities per token."""
    return dpo(mean_delta - gamma / beta, beta, smoothing)


def kto(
    ratios: Tensor, is_good: Tensor, zero: Tensor | float, beta: float, good: float = 1.0, bad: float = 1.0
) -> Tensor:
    """Losses [B] of answers that are good or bad (bool [B]); `zero` is z0."""
    away = torch.where(is_good, ratios - zero, zero - ratios)
    return torch.where(is_good, good, bad) * (1 - torch.sigmoid(beta * away))


def kto_zero(mismatched: Tensor) -> Tensor:
    """z0 from the log-ratios [B] of answers under prompts that they do not belong to."""
    return mismatched.detach().mean().clamp(min=0)


PairLoss = Callable[[Answers, Answers], Tensor]
"""(chosen, rejected) -> losses [B]."""


def pair_loss_of(loss: PreferenceLoss) -> PairLoss:
    """The function of pairs that a configuration names; KTO has none, it looks at answers one at a time."""
    match loss:
        case Dpo():
            return lambda good, bad: dpo(good.ratios - bad.ratios, loss.beta, loss.label_smoothing)
        case RobustDpo():
            return lambda good, bad: robust_dpo(good.ratios - bad.ratios, loss.beta, loss.label_smoothing)
        case Ipo():
            return lambda good, bad: ipo(good.ratios / good.lengths - bad.ratios / bad.lengths, loss.beta)
        case Hinge():
            return lambda good, bad: hinge(good.ratios - bad.ratios, loss.beta)
        case SimPo():
            return lambda good, bad: simpo(
                good.logprobs / good.lengths - bad.logprobs / bad.lengths, loss.beta, loss.gamma, loss.label_smoothing
            )
        case Kto():
            raise ValueError("KTO is no loss of pairs: `kto` takes answers one at a time")


def needs_reference(loss: PreferenceLoss) -> bool:
    return not isinstance(loss, SimPo)
