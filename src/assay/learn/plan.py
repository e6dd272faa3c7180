"""`--dry-run`: what a run will take, from the model's shape and a half-second measurement of this machine.

Memory is counted, not measured: weights, gradients, AdamW's two moments, a reference when KL is on, and the largest
of the activations of one packed row and the cache of one rollout batch. Time is floating-point work over the speed of
a matrix product measured here, times the share of it that such loops reach (0.4 in training, 0.15 in decoding, on
CPUs): an estimate to plan with, good to about a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch

from assay.core.config import RunConfig
from assay.core.drawing import Dynamic
from assay.core.learning import GaeAdvantage

TRAIN_SHARE, DECODE_SHARE = 0.4, 0.15
ACTIVATION_COPIES = 34  # tensors of [tokens, hidden] that one layer keeps for its backward, without checkpointing


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes, tokens and seconds of a run."""

    parameters: int
    trainable: int
    weights: int
    gradients: int
    optimiser: int
    reference: int
    critic: int  # weights, gradients and moments of PPO's value model
    activations: int
    cache: int
    tokens_per_step: int  # at most: completions at their longest, every round of dynamic sampling
    steps: int
    evaluation_tokens: int
    matmul_gflops: float
    seconds: float

    @property
    def peak(self) -> int:
        kept = self.weights + self.gradients + self.optimiser + self.reference + self.critic
        return kept + max(self.activations, self.cache)


def plan(config: RunConfig, shape: Any, prompt_tokens: int, gflops: float | None = None) -> Plan:
    """`shape` is a transformers config; `prompt_tokens` the length of a typical prompt."""
    hidden, layers = shape.hidden_size, shape.num_hidden_layers
    heads = getattr(shape, "num_key_value_heads", None) or shape.num_attention_heads
    head_dim = getattr(shape, "head_dim", None) or hidden // shape.num_attention_heads
    count = count_parameters(shape)
    lora, has_kl = config.model.lora, config.learn.kl.coefficient > 0
    trainable = count if lora is None else 2 * lora.rank * hidden * 7 * layers
    completion, group = config.rollout.max_new_tokens, config.rollout.group_size
    row = min(config.learn.microbatch_tokens, config.rollout.prompts_per_step * (prompt_tokens + group * completion))
    tokens = config.rollout.prompts_per_step * group * completion
    evaluation = config.evaluate.problems * (config.evaluate.samples + config.evaluate.greedy) * completion
    evaluations = 2 + (config.learn.steps // config.learn.eval_every if config.learn.eval_every else 0)
    speed = (gflops or measure_gflops(config.model.threads)) * 1e9
    prompts = config.rollout.prompts_per_step * prompt_tokens
    has_critic = isinstance(config.learn.advantage, GaeAdvantage)
    trained = 6 * (1 + has_critic) * (tokens + prompts) * config.learn.epochs
    training = (trained + 2 * (tokens + prompts) * (has_kl + has_critic)) * count
    dynamic = config.rollout.dynamic
    sampled = tokens * (dynamic.max_rounds if isinstance(dynamic, Dynamic) else 1)
    decoding = 2 * sampled * count
    seconds = config.learn.steps * (training / TRAIN_SHARE + decoding / DECODE_SHARE) / speed
    seconds += evaluations * 2 * evaluation * count / DECODE_SHARE / speed
    return Plan(
        parameters=count,
        trainable=trainable,
        weights=4 * count,
        gradients=4 * trainable,
        optimiser=8 * trainable,
        reference=4 * count if has_kl and lora is None else 0,
        critic=4 * count + 12 * trainable if has_critic else 0,
        activations=4 * row * hidden * layers * ACTIVATION_COPIES,
        cache=4 * 2 * config.rollout.batch_size * (prompt_tokens + completion) * heads * head_dim * layers,
        tokens_per_step=sampled,
        steps=config.learn.steps,
        evaluation_tokens=evaluations * evaluation,
        matmul_gflops=speed / 1e9,
        seconds=seconds,
    )


def count_parameters(shape: Any) -> int:
    """Parameters of a model of this shape, counted on the meta device: nothing is allocated."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(shape)
    return sum(parameter.numel() for parameter in model.parameters())


def measure_gflops(threads: int = 0, seconds: float = 0.5) -> float:
    """Speed of an fp32 matrix product of 1024 x 1024 on this CPU."""
    if threads:
        torch.set_num_threads(threads)
    left, right = torch.ones(1024, 1024), torch.ones(1024, 1024)
    left @ right
    start, products = perf_counter(), 0
    while perf_counter() - start < seconds:
        left @ right
        products += 1
    return products * 2 * 1024**3 / (perf_counter() - start) / 1e9
