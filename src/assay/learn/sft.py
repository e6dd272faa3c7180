"""Supervised fine-tuning on worked examples, the loss on the answers' tokens only (the cold start before RL).

    loss = - sum over answer tokens of log p(token) / number of answer tokens in the batch

The mean is over the batch's tokens, not over its examples' means: a long answer weighs more (as TRL's default). Rows are
packed as in RL (an example is a group of one), each example attending to itself alone, so that the loss is the unpacked
one; the head is the same fused one. A step's learning rate falls from its peak to a tenth along a cosine, as in R1
(arXiv 2501.12948, B.4.2).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor

from assay.core.errors import UsageError
from assay.core.fitting import SftConfig as SftConfig
from assay.core.records import sha256_of
from assay.core.types import Completion
from assay.learn.batch import Batch, Sample, pack
from assay.learn.fit import Fitted, Numbers, fit
from assay.learn.optimiser import autocast, checkpointed
from assay.model.load import LoadedModel
from assay.model.logprobs import chosen_logprobs, loss_of
from assay.rollout.turns import Encoded, Turns, within
from assay.tasks.conversations import Example as Example
from assay.tasks.conversations import Worked

log = logging.getLogger(__name__)

RECENT = 10  # losses whose mean is held against `target_loss`


def sft(
    loaded: LoadedModel,
    examples: Sequence[Worked],
    config: SftConfig,
    *,
    seed: int,
    validation: Sequence[Worked] = (),
    folder: Path | None = None,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> Fitted:
    """Fine-tune in place; losses are in nats per answer token. `folder` holds the state to go on from.

    Raises UsageError (no example, or none short enough), NonFiniteStep, RunFolderError, OutOfDisk.
    """
    sequences = encoded(loaded, examples, config.max_tokens)
    held_out = encoded(loaded, validation, config.max_tokens) if validation else []

    def update(step: int, chosen: Sequence[int]) -> Numbers:
        rows = [sequences[index] for index in chosen]
        tokens = sum(each.count for each in rows)
        total = 0.0
        for batch in _packed(loaded, rows, config.row_tokens):
            with autocast(loaded), checkpointed(loaded.model, config.gradient_checkpointing):
                loss, _, _ = loss_of(loaded.model, batch.row, 1.0, partial(_negative_log_likelihood, batch, tokens))
                loss.backward()
            total += loss.item()
        return {"loss": total, "tokens": tokens}

    return fit(
        loaded.model,
        update,
        len(sequences),
        config,
        seed=seed,
        name="sft",
        validate=(lambda: {"loss": mean_loss(loaded, held_out, config.row_tokens)}) if held_out else None,
        should_stop=partial(_has_reached, config.target_loss),
        folder=folder,
        key=sha256_of([[each.tokens, each.learnt] for each in (*sequences, *held_out)]) if folder else "",
        progress=lambda step, numbers: progress(step, numbers["loss"]),
    )


def encoded(loaded: LoadedModel, examples: Sequence[Worked], longest: int | None = None) -> list[Encoded]:
    """As sequences of tokens, those above `longest` left out with a warning. Raises UsageError when none is left."""
    turns = Turns(loaded.tokenizer, loaded.eos_ids)
    everything = [each for example in examples for each in turns.encode(example)]
    kept = list(within(everything, longest))
    if not kept:
        raise UsageError(
            f"no example to learn from: all {len(everything)} are longer than max_tokens = {longest}"
            if everything
            else "no example to learn from"
        )
    if len(kept) < len(everything):
        log.warning("%d of %d examples are longer than %s tokens and left out", len(everything) - len(kept), len(everything), longest)  # fmt: skip
    return kept


def mean_loss(loaded: LoadedModel, sequences: Sequence[Encoded], row_tokens: int) -> float:
    """Nats per answer token, without a gradient."""
    with autocast(loaded):
        total = sum(
            float(-(chosen_logprobs(loaded.model, batch.row).double() * batch.advantages).sum())
            for batch in _packed(loaded, sequences, row_tokens)
        )
    return total / sum(each.count for each in sequences)


def _packed(loaded: LoadedModel, sequences: Sequence[Encoded], row_tokens: int) -> list[Batch]:
    """Rows in which a token's `advantage` is 1 where it counts and 0 where it does not."""
    return pack(
        [[_sample(each)] for each in sequences], row_tokens=row_tokens, device=loaded.device, dtype=loaded.dtype
    )


def _sample(encoded: Encoded) -> Sample:
    start = encoded.start
    stop = len(encoded.learnt) - encoded.learnt[::-1].index(True)  # what follows the last answer teaches nothing
    tokens, counts = encoded.tokens[start:stop], encoded.learnt[start:stop]
    completion = Completion("", tokens, (0.0,) * len(tokens))
    return Sample(encoded.tokens[:start], completion, tuple(float(each) for each in counts), 0.0)


def _negative_log_likelihood(batch: Batch, tokens: int, logprobs: Tensor, _: Tensor, part: slice) -> Tensor:
    return -logprobs * batch.advantages[part] / tokens


def _has_reached(target: float | None, history: Sequence[Numbers]) -> str | None:
    recent = [row["loss"] for row in history[-RECENT:]]
    if target is None or len(history) < RECENT or sum(recent) > RECENT * target:
        return None
    return f"the mean of the last {RECENT} losses has reached {target:g}"
