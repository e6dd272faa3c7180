"""What another engine sampled, as a Completion: tokens and log-probs as they came, and the text that our own engine
would show for them. And the seed by which such an engine draws a sample.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from assay.core.rng import derive
from assay.core.types import Completion, Finish
from assay.rollout.engine import Request

SEEDS = 2**31 - 1
"""Engines differ in how wide a seed they take; all take 31 bits."""


def seed_of(request: Request, sample: int) -> int:
    """A seed that depends on the sample's own key only, so that no batch, order or retry changes what is drawn."""
    return derive(request.seed, *request.key, sample) % SEEDS


def completion_of(
    tokens: Sequence[int],
    logprobs: Sequence[float],
    finish: Finish,
    *,
    tokenizer: Any,
    eos_ids: Collection[int],
    stop: Sequence[str],
    policy: int,
) -> Completion:
    """`tokens` include the end token, or those that came to a stop string; the text shows neither."""
    ended = bool(tokens) and tokens[-1] in eos_ids
    text = str(
        tokenizer.decode(
            tokens[:-1] if ended else tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
    )
    if finish == "stop" and not ended:
        found = [place for each in stop if (place := text.find(each)) >= 0]
        text = text[: min(found)] if found else text
    return Completion(text, tuple(tokens), tuple(logprobs), finish, policy)
