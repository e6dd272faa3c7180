"""How much each token's loss weighs in the sum: aggregation over the rollout batch, and importance correction.

    token mean      1 / all tokens of the rollout batch          DAPO, arXiv 2503.14476, equation 8
    sequence mean   1 / (completions x this one's tokens)        GRPO, arXiv 2402.03300, equation 3
    constant        1 / (completions x a constant length)        Dr. GRPO, arXiv 2503.20783, section 3.2

A weight is fixed before anything is cut into minibatches, rows or processes, so that none of these changes the
gradient. Completions left out of the loss for want of spread count all the same (as in TRL), so that a step with few
informative groups is a smaller step; those masked for being truncated do not.

Correction for log-probs that an engine sampled under but training would not give (another kernel, older weights):
w = p_train / p_sampled at the weights of before the update, truncated (Yao et al., "Your efficient RL framework secretly
brings you off-policy RL training", 2025; TIS) or masked outside a range (IcePop, arXiv 2510.18855), by token or by sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from assay.core.learning import (
    Aggregation,
    ConstantLength,
    Correction,
    MaskCorrection,
    NoCorrection,
    SequenceMean,
    TokenMean,
    TruncateCorrection,
)
from assay.learn.objective import sequence_sum


def token_weights(lengths: Sequence[int], aggregation: Aggregation, longest: int) -> list[float]:
    """What a token of each completion weighs; `longest` is rollout.max_new_tokens. Lengths of 0 weigh nothing."""
    counted = [length for length in lengths if length]
    match aggregation:
        case TokenMean():
            total = sum(counted)
            return [1 / total if length else 0.0 for length in lengths]
        case SequenceMean():
            return [1 / (len(counted) * length) if length else 0.0 for length in lengths]
        case ConstantLength():
            constant = len(counted) * (aggregation.length or longest)
            return [1 / constant if length else 0.0 for length in lengths]


def importance(before: Tensor, sampled: Tensor, sequence: Tensor, correction: Correction) -> Tensor | None:
    """Weights [M] for log-probs `before` the update against those `sampled` under; None: no correction."""
    if isinstance(correction, NoCorrection):
        return None
    difference = before - sampled
    ratio = torch.exp(sequence_sum(difference, sequence) if correction.level == "sequence" else difference)
    match correction:
        case TruncateCorrection():
            return ratio.clamp(max=correction.cap)
        case MaskCorrection():
            is_kept = (ratio >= correction.low) & (ratio <= correction.high)
            return torch.where(is_kept, ratio, torch.zeros_like(ratio))  # a product would make NaN of an infinite ratio
