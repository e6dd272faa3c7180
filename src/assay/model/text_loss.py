"""The loss of a text under a model, in bits per byte: what models with different tokenizers can be compared by.

The first token has nothing before it and is left out, with its bytes. A text longer than the model's positions is read in
windows that do not overlap.
"""

from __future__ import annotations

import math

import torch

from assay.core.errors import UsageError
from assay.model.load import LoadedModel

WINDOW = 2048


def bits_per_byte(loaded: LoadedModel, text: str) -> float:
    """Raises UsageError for a text of fewer than two tokens."""
    tokens = [int(each) for each in loaded.tokenizer.encode(text, add_special_tokens=False)]
    if len(tokens) < 2:
        raise UsageError(
            f"a text of {len(tokens)} tokens has no loss: the first token is not predicted ({text[:40]!r})"
        )
    limit = getattr(loaded.model.config, "max_position_embeddings", None) or WINDOW
    size = min(int(limit), WINDOW)
    nats, skipped = 0.0, 0
    was_training = loaded.model.training
    loaded.model.eval()
    try:
        for start in range(0, len(tokens), size):
            part = tokens[start : start + size]
            skipped += len(loaded.tokenizer.decode(part[:1]).encode())
            if len(part) > 1:
                nats += _nats(loaded, part)
    finally:
        loaded.model.train(was_training)
    counted = len(text.encode()) - skipped
    return nats / math.log(2) / max(1, counted)


def _nats(loaded: LoadedModel, tokens: list[int]) -> float:
    ids = torch.tensor([tokens], device=loaded.device)  # [1, N]
    autocast = torch.autocast(loaded.device.type, torch.bfloat16, enabled=loaded.autocast)
    with torch.no_grad(), autocast:
        logits = loaded.model(input_ids=ids, use_cache=False).logits[0, :-1]  # [N - 1, V]
        return float(torch.nn.functional.cross_entropy(logits.float(), ids[0, 1:], reduction="sum"))
