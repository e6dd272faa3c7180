"""Supervised fine-tuning on worked examples, the loss on the answer's tokens only (the cold start before RL).

    loss = - sum over answer tokens of log p(token) / number of answer tokens in the batch

The rows are packed as in RL (an example is a group of one), and the head is the same fused one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.core.learning import OptimiserConfig
from assay.core.rng import stream
from assay.core.types import Completion, Message
from assay.learn.batch import Sample, pack
from assay.learn.optimiser import make_optimiser, step_of
from assay.learn.schedule import learning_rate
from assay.model.load import LoadedModel
from assay.model.logprobs import Objective, loss_of
from assay.rollout.render import ChatRenderer


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and the answer to imitate."""

    prompt: tuple[Message, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class SftConfig:
    steps: int
    batch_size: int = 32
    learning_rate: float = 3e-3
    warmup_steps: int = 10
    row_tokens: int = 8192
    max_grad_norm: float = 1.0
    schedule: Literal["constant", "cosine"] = "cosine"
    target_loss: float | None = None  # stop early once the mean of the last RECENT losses is no higher, nats a token


RECENT = 10


def sft(
    loaded: LoadedModel,
    examples: Sequence[Example],
    config: SftConfig,
    *,
    seed: int,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> list[float]:
    """Fine-tune in place; returns the loss of each step (nats per answer token). Raises NonFiniteStep."""
    samples = [_sample(loaded, example) for example in examples]
    optimiser = make_optimiser(loaded.model, OptimiserConfig(betas=(0.9, 0.999)), config.learning_rate)
    losses = []
    for step in range(1, config.steps + 1):
        drawn = stream(seed, "sft", step).sample(range(len(samples)), min(config.batch_size, len(samples)))
        chosen = [[samples[index]] for index in drawn]
        tokens = sum(len(group[0].completion.tokens) for group in chosen)
        batches = pack(chosen, row_tokens=config.row_tokens, device=loaded.device, dtype=loaded.dtype)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(
                config.learning_rate, step, config.steps, warmup=config.warmup_steps, schedule=config.schedule
            )
        optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for batch in batches:
            loss, _, _ = loss_of(loaded.model, batch.row, 1.0, _negative_log_likelihood(tokens))
            loss.backward()
            total += loss.item()
        step_of(optimiser, config.max_grad_norm, who=f"SFT step {step}: ")
        losses.append(total)
        progress(step, total)
        if config.target_loss is not None and step >= RECENT and sum(losses[-RECENT:]) <= RECENT * config.target_loss:
            break
    return losses


def _negative_log_likelihood(tokens: int) -> Objective:
    return lambda logprobs, entropies, part: -logprobs / tokens


def _sample(loaded: LoadedModel, example: Example) -> Sample:
    prompt = ChatRenderer(loaded.tokenizer)(example.prompt)
    answer = (*loaded.tokenizer.encode(example.answer, add_special_tokens=False), min(loaded.eos_ids))
    return Sample(tuple(prompt), Completion(example.answer, answer, (0.0,) * len(answer)), (), 0.0)
