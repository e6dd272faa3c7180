"""Decoding through the model's own cache: exact for any causal LM of transformers, and the slower of the two ways.

Rows that start together have prompts of one length, so that nothing is ever padded: sliding windows and recurrent
states see exactly the tokens they would see alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from assay.model.attention import common_prefix


class PlainCache:
    """One batch of rows: `prefill`, then `add_rows` once, then `step` and `keep` until no row is left."""

    admits = False  # new rows enter only when all have left

    def __init__(self, model: Any, device: torch.device) -> None:
        self._model, self._device = model, device
        self._cache: Any = None
        self.rows = 0

    def groups(self, prompts: Sequence[tuple[int, ...]]) -> list[list[int]]:
        """Which prompts may start together: those of one length."""
        by_length: dict[int, list[int]] = {}
        for index, prompt in enumerate(prompts):
            by_length.setdefault(len(prompt), []).append(index)
        return list(by_length.values())

    def prefill(self, prompts: Sequence[tuple[int, ...]]) -> Tensor:
        """Logits [P, V] after each prompt. All prompts have one length."""
        shared = common_prefix(prompts) if len(prompts) > 1 else 0
        self._cache = DynamicCache(config=self._model.config)
        if shared and all(type(layer) is DynamicLayer for layer in self._cache.layers):
            self._forward(torch.tensor([prompts[0][:shared]], device=self._device))
            self._cache.reorder_cache(torch.zeros(len(prompts), dtype=torch.long, device=self._device))
        else:
            shared = 0
        return self._forward(torch.tensor([prompt[shared:] for prompt in prompts], device=self._device))

    def add_rows(self, owners: Sequence[int]) -> None:
        """One row for each entry of `owners`, the index of its prompt in the last `prefill`."""
        self._cache.reorder_cache(torch.tensor(owners, device=self._device, dtype=torch.long))
        self.rows = len(owners)

    def step(self, tokens: Tensor) -> Tensor:
        """Feed one token a row [R]; logits [R, V] of the next."""
        return self._forward(tokens[:, None])

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        if rows:
            self._cache.reorder_cache(torch.tensor(rows, device=self._device, dtype=torch.long))
        else:
            self._cache = None
        self.rows = len(rows)

    def _forward(self, tokens: Tensor) -> Tensor:
        out = self._model(input_ids=tokens, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        self._cache = out.past_key_values
        logits: Tensor = out.logits[:, -1]
        return logits
