"""One gradient for each loss, aggregation and correction, however the batch is cut: that of the objective written out
plainly, a completion at a time, with autograd through the whole model."""

import math
from dataclasses import replace
from functools import cache
from itertools import product

import pytest
import torch
from transformers import AutoModelForCausalLM, Starcoder2Config

from assay.core.learning import (
    Cispo,
    ConstantLength,
    Gspo,
    LearnConfig,
    MaskCorrection,
    NoCorrection,
    PolicyGradient,
    PpoClip,
    SequenceMean,
    TokenMean,
    TruncateCorrection,
)
from assay.core.types import Completion
from assay.learn.batch import Sample
from assay.learn.policy import Policy
from assay.learn.weights import token_weights
from assay.model.load import describe
from assay.model.tiny import build_tiny, character_tokenizer

TEMPERATURE, LONGEST, KL, ENTROPY = 0.8, 6, 0.1, 0.02
LOSSES = [
    PpoClip(),
    PpoClip(clip_low=0.1, clip_high=0.1, dual_clip=1.15),
    Gspo(clip_low=0.1, clip_high=0.1),
    Cispo(max_ratio=1.1),
    PolicyGradient(),
]
AGGREGATIONS = [TokenMean(), SequenceMean(), ConstantLength()]
CORRECTIONS = [
    NoCorrection(),
    TruncateCorrection(cap=1.1),
    TruncateCorrection(cap=1.2, level="sequence"),
    MaskCorrection(low=0.9, high=1.15),
    MaskCorrection(low=0.8, high=1.5, level="sequence"),
]
EVERY = list(product(LOSSES, AGGREGATIONS, CORRECTIONS))
NAMES = [
    f"{loss.kind}{'-dual' * bool(getattr(loss, 'dual_clip', None))}-{aggregation.kind}-{correction.kind}"
    f"{'-' + correction.level if hasattr(correction, 'level') else ''}"
    for loss, aggregation, correction in EVERY
]


@cache
def loaded(dtype):
    """In fp64 a model whose norms compute in fp64 too (Llama's do so in fp32, whatever the weights' type)."""
    if dtype is torch.float32:
        return build_tiny("abcdefgh", width=16, layers=1, heads=2)
    shape = {
        "vocab_size": 12,
        "bos_token_id": None,
        "eos_token_id": 1,
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
    }
    config = Starcoder2Config(
        **shape, num_attention_heads=2, num_key_value_heads=1, sliding_window=None, initializer_range=0.3
    )
    torch.manual_seed(0)
    return describe(AutoModelForCausalLM.from_config(config).eval().double(), character_tokenizer("abcdefgh"), "small")


@cache
def groups_of(dtype):
    """Three groups of unequal completions, advantages per token; sampled under other weights, so that ratios are not 1."""
    draw = torch.Generator().manual_seed(2)

    def ids(length):
        return tuple(torch.randint(4, 12, (length,), generator=draw).tolist())

    common, groups = ids(3), []
    for place, lengths in enumerate([(1, 4, 2), (5, 3), (2, 6, 1)]):
        prompt, group = common + ids(1 + place), []
        for length in lengths:
            tokens = ids(length)
            noise = 0.3 * torch.randn(length, generator=draw, dtype=torch.float64)
            sampled = chosen_of(log_softmax_of(dtype, prompt, tokens), tokens).detach().double() + noise
            worth = tuple(torch.randn(length, generator=draw, dtype=torch.float64).tolist())
            group.append(Sample(prompt, Completion("", tokens, tuple(sampled.tolist())), worth, 0.0))
        groups.append(group)
    return groups


@cache
def log_softmax_of(dtype, prompt, tokens):
    """[T, V] by the model's own forward, kept with its graph."""
    logits = loaded(dtype).model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits / TEMPERATURE, -1)


def chosen_of(table, tokens):
    return table.gather(-1, torch.tensor(tokens)[:, None])[:, 0]


def old_of(sampled):
    """Log-probs of before the update: off those sampled, by a rule of the token alone."""
    return sampled + 0.3 * torch.sin(40 * sampled)


def reference_of(sampled):
    return sampled + 0.3 * torch.cos(30 * sampled)


class Gathering(torch.optim.SGD):
    """Adds up the gradients of all updates and moves nothing."""

    def step(self, closure=None):
        gradient = [
            (torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in self.param_groups[0]["params"]
        ]
        self.seen = getattr(self, "seen", 0) + torch.cat(gradient)


def weighted(groups, aggregation):
    flat = [len(each.completion.tokens) for group in groups for each in group]
    weights = iter(token_weights(flat, aggregation, LONGEST))
    return [[replace(each, weight=next(weights)) for each in group] for group in groups]


def gradient(monkeypatch, dtype, loss, aggregation, correction, backwards=False, chunk=None, **learn):
    """Of all updates, over their number."""
    config = LearnConfig(
        loss=loss,
        aggregation=aggregation,
        correction=correction,
        kl={"coefficient": KL},
        entropy_coefficient=ENTROPY,
        optimiser={"max_grad_norm": 1e9},
        **learn,
    )
    policy = Policy(loaded(dtype), config, TEMPERATURE)
    policy.optimiser = Gathering(policy.loaded.model.parameters(), lr=0.0)

    def prepared(batch, updates):
        old = batch.sampled if isinstance(correction, NoCorrection) else old_of(batch.sampled)
        return replace(batch, old=old, reference=reference_of(batch.sampled))

    monkeypatch.setattr(policy, "_prepared", prepared)
    if chunk is not None:
        monkeypatch.setattr("assay.model.logprobs.CHUNK_ELEMENTS", chunk)
    groups = weighted(groups_of(dtype), aggregation)
    policy.learn(groups[::-1] if backwards else groups, 0.0)
    monkeypatch.undo()
    return policy.optimiser.seen / (config.minibatches * config.epochs)


def plain_gradient(dtype, loss, aggregation, correction):
    """The objective as the papers have it, in loops."""
    total = torch.zeros((), dtype=dtype)
    members = [each for group in groups_of(dtype) for each in group]
    count, tokens = len(members), sum(len(each.completion.tokens) for each in members)
    for each in members:
        y = each.completion.tokens
        table = log_softmax_of(dtype, each.prompt, y)
        new = chosen_of(table, y)
        sampled = torch.tensor(each.completion.logprobs, dtype=dtype)
        old = sampled if isinstance(correction, NoCorrection) else old_of(sampled)
        advantage = torch.tensor(each.advantages, dtype=dtype)
        ratio = torch.exp((new - old).mean()).expand(len(y)) if isinstance(loss, Gspo) else torch.exp(new - old)
        losses = []
        for t in range(len(y)):
            r, a = ratio[t], advantage[t]
            if isinstance(loss, PpoClip | Gspo):
                one = torch.min(r * a, torch.clamp(r, 1 - loss.clip_low, 1 + loss.clip_high) * a)
                if isinstance(loss, PpoClip) and loss.dual_clip and a < 0:
                    one = torch.max(one, loss.dual_clip * a)
                losses.append(-one)
            elif isinstance(loss, Cispo):
                losses.append(-r.detach().clamp(loss.min_ratio, loss.max_ratio) * a * new[t])
            else:
                losses.append(-a * new[t])
        apart = (old - sampled).tolist()
        if not isinstance(correction, NoCorrection):
            if correction.level == "sequence":
                apart = [sum(apart)] * len(y)
            for t, difference in enumerate(apart):
                weight = math.exp(difference)
                if isinstance(correction, TruncateCorrection):
                    weight = min(weight, correction.cap)
                elif not correction.low <= weight <= correction.high:
                    weight = 0.0
                losses[t] = losses[t] * weight
        away = reference_of(sampled) - new
        entropy = -(table.exp() * table).sum(-1)
        losses = torch.stack(losses) + KL * (away.exp() - away - 1) - ENTROPY * entropy
        if isinstance(aggregation, TokenMean):
            total = total + losses.sum() / tokens
        elif isinstance(aggregation, SequenceMean):
            total = total + losses.mean() / count
        else:
            total = total + losses.sum() / LONGEST / count
    found = torch.autograd.grad(total, list(loaded(dtype).model.parameters()), retain_graph=True)
    return torch.cat([each.flatten() for each in found])


CUTS = {
    "one row": {},
    "a row per completion, groups in another order": {"microbatch_tokens": 1, "backwards": True},
    "a head chunk per two tokens, checkpointed": {"chunk": 24, "gradient_checkpointing": True, "microbatch_tokens": 20},
    "minibatches of one group": {"minibatches": 3, "epochs": 2},
}


@pytest.mark.parametrize(("loss", "aggregation", "correction"), EVERY, ids=NAMES)
def test_every_cut_has_the_gradient_of_the_plain_objective(loss, aggregation, correction, monkeypatch):
    expected = plain_gradient(torch.float64, loss, aggregation, correction)
    assert expected.norm() > 1e-3
    for name, cut in CUTS.items():
        found = gradient(monkeypatch, torch.float64, loss, aggregation, correction, **cut)
        assert (found - expected).norm() <= 1e-10 * expected.norm(), name


@pytest.mark.parametrize(("loss", "aggregation", "correction"), EVERY, ids=NAMES)
def test_and_in_single_precision(loss, aggregation, correction, monkeypatch):
    expected = plain_gradient(torch.float32, loss, aggregation, correction)
    found = gradient(
        monkeypatch, torch.float32, loss, aggregation, correction, backwards=True, minibatches=2, microbatch_tokens=12
    )
    # three groups in two minibatches: the sum of their gradients is what is the same
    assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_the_cases_stand_on_both_sides_of_every_bound():
    """Or the tests above would pass with a formula that is wrong beyond a bound, or within."""
    for dtype in (torch.float64, torch.float32):
        tokens, means, signs, corrections, products = [], [], [], [], []
        for each in [each for group in groups_of(dtype) for each in group]:
            y, sampled = each.completion.tokens, torch.tensor(each.completion.logprobs, dtype=torch.float64)
            apart = chosen_of(log_softmax_of(dtype, each.prompt, y), y).detach() - sampled
            tokens += apart.exp().tolist()
            means += [float(apart.mean().exp())] * len(y)
            signs += [value > 0 for value in each.advantages]
            corrections += (old_of(sampled) - sampled).exp().tolist()
            products.append(float((old_of(sampled) - sampled).sum().exp()))
        for ratios, low, high in ((tokens, 0.8, 1.28), (tokens, 0.9, 1.15), (means, 0.9, 1.1)):
            for is_up in (True, False):
                here = [ratio for ratio, up in zip(ratios, signs, strict=True) if up == is_up]
                assert min(here) < low
                assert max(here) > high
            assert any(low < ratio < high for ratio in ratios)
        for weights, low, high in ((corrections, 0.9, 1.15), (products, 0.8, 1.2)):
            assert min(weights) < low
            assert max(weights) > high
            assert any(low < weight < high for weight in weights)
