"""One token per row from its logits, by inverse transform: the token where the cumulative probability passes u.

Each row's u comes from a counter-based stream of its own, so that a sample is a function of (weights, prompt, seed, key)
and not of the batch it was decoded in. The log-probability recorded is that of the distribution drawn from: softmax
over the whole vocabulary of logits / temperature, in fp32 or wider; over the kept tokens only under top-k or top-p
(evaluation only: training refuses both).
"""

from __future__ import annotations

import numpy
import torch
from torch import Tensor

from assay.core.errors import NonFiniteStep
from assay.core.rng import Key, derive
from assay.rollout.engine import Sampling

BLOCK = 256  # the cumulative sum runs over sums of blocks first, then inside one block


def uniforms(seed: int, key: Key, sample: int, count: int) -> Tensor:
    """The first `count` uniforms in [0, 1) of the stream `(seed, *key, sample)`: float64 [count]."""
    generator = numpy.random.Generator(numpy.random.Philox(key=derive(seed, *key, sample)))
    return torch.from_numpy(generator.random(count))


def draw(logits: Tensor, uniform: Tensor, sampling: Sampling) -> tuple[Tensor, Tensor]:
    """(tokens [R], log-probs [R]) from logits [R, V] (overwritten) and uniforms [R]. Temperature 0 is greedy.

    Raises NonFiniteStep when the logits are not finite.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    if sampling.temperature > 0 and sampling.temperature != 1.0:
        logits = logits.div_(sampling.temperature)
    if sampling.temperature > 0:
        logits = _truncate(logits, sampling.top_k, sampling.top_p)
    largest, best = logits.max(dim=-1)  # [R]
    weights = logits.sub_(largest[:, None]).exp_()  # [R, V] unnormalised probabilities
    sums, total = _block_sums(weights)
    if not total.isfinite().all():
        raise NonFiniteStep(
            "the policy's logits are not finite, so nothing can be sampled: its weights have diverged. Go back to an earlier "
            "checkpoint with a lower learn.learning_rate"
        )
    tokens = best if sampling.temperature == 0 else _invert(weights, sums, uniform.to(logits.device) * total)
    chosen = weights.gather(-1, tokens[:, None])[:, 0].to(torch.float64)
    return tokens, chosen.log() - total.log()


def _block_sums(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over blocks of the vocabulary, float64 [R, blocks], and over all of it [R]."""
    rows, vocabulary = weights.shape
    whole = vocabulary - vocabulary % BLOCK
    sums = weights[:, :whole].reshape(rows, -1, BLOCK).sum(-1, dtype=weights.dtype)
    if whole < vocabulary:
        sums = torch.cat([sums, weights[:, whole:].sum(-1, keepdim=True)], dim=1)
    sums = sums.to(torch.float64)
    return sums, sums.sum(-1)


def _invert(weights: Tensor, sums: Tensor, target: Tensor) -> Tensor:
    """The token in which the cumulative weight passes `target` [R]; never one of weight zero."""
    vocabulary = weights.shape[-1]
    before = sums.cumsum(-1)  # [R, blocks]
    block = _first_above(before, sums, target)  # [R]
    left = target - (before.gather(-1, block[:, None]) - sums.gather(-1, block[:, None]))[:, 0]
    places = block[:, None] * BLOCK + torch.arange(BLOCK, device=weights.device)  # [R, BLOCK]
    inside = weights.gather(-1, places.clamp(max=vocabulary - 1)).to(torch.float64)
    inside = inside.masked_fill(places >= vocabulary, 0.0)
    return block * BLOCK + _first_above(inside.cumsum(-1), inside, left)


def _first_above(cumulative: Tensor, weights: Tensor, target: Tensor) -> Tensor:
    """The first index of positive weight with cumulative > target; rounding past the end gives the last such index."""
    passes = (cumulative > target[:, None]) & (weights > 0)
    first = passes.int().argmax(-1)
    width = weights.shape[-1]
    last = width - 1 - (weights > 0).int().flip(-1).argmax(-1)
    return torch.where(passes.any(-1), first, last)


def _truncate(logits: Tensor, top_k: int, top_p: float) -> Tensor:
    """-inf outside the `top_k` likeliest tokens, and outside the smallest set whose probability reaches `top_p`."""
    if 0 < top_k < logits.shape[-1]:
        smallest = logits.topk(top_k, dim=-1).values[:, -1:]
        logits = logits.masked_fill(logits < smallest, float("-inf"))
    if top_p < 1.0:
        ordered, order = logits.sort(dim=-1, descending=True)
        before = ordered.softmax(-1).cumsum(-1) - ordered.softmax(-1)  # probability of the likelier tokens
        ordered = ordered.masked_fill(before >= top_p, float("-inf"))
        logits = torch.empty_like(logits).scatter_(-1, order, ordered)
    return logits
