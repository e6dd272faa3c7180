"""Decoding through the model's own cache: exact for any causal LM of transformers, and the slower of the two ways.

Rows that start together have prompts of one length, so that nothing is ever padded: sliding windows and recurrent
states see exactly the tokens they would see alone. A model without such a cache (Mamba's state has another name, and
the first GPT has none) reads each row again from its beginning at every step.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
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
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._is_cached = "past_key_values" in signature(inner.forward).parameters
        self._cache: Any = None
        self._read = torch.zeros(0, 0, dtype=torch.long, device=device)  # [R, T] tokens so far, without a cache
        self.rows = 0

    def groups(self, prompts: Sequence[tuple[int, ...]]) -> list[list[int]]:
        """Which prompts may start together: those of one length."""
        by_length: dict[int, list[int]] = {}
        for index, prompt in enumerate(prompts):
            by_length.setdefault(len(prompt), []).append(index)
        return list(by_length.values())

    def prefill(self, prompts: Sequence[tuple[int, ...]]) -> Tensor:
        """Logits [P, V] after each prompt. All prompts have one length."""
        if not self._is_cached:
            self._read = torch.tensor(prompts, device=self._device)
            return self._read_again()
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
        self._take(owners)

    def step(self, tokens: Tensor) -> Tensor:
        """Feed one token a row [R]; logits [R, V] of the next."""
        if self._is_cached:
            return self._forward(tokens[:, None])
        self._read = torch.cat([self._read, tokens[:, None]], dim=1)
        return self._read_again()

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows only, in this order."""
        self._take(rows)

    def _take(self, rows: Sequence[int]) -> None:
        chosen = torch.tensor(rows, device=self._device, dtype=torch.long)
        if not self._is_cached:
            self._read = self._read[chosen]
        elif rows:
            self._cache.reorder_cache(chosen)
        else:
            self._cache = None
        self.rows = len(rows)

    def _read_again(self) -> Tensor:
        logits: Tensor = self._model(input_ids=self._read, use_cache=False).logits[:, -1]
        return logits

    def _forward(self, tokens: Tensor) -> Tensor:
        out = self._model(input_ids=tokens, past_key_values=self._cache, use_cache=True, logits_to_keep=1)
        self._cache = out.past_key_values
        logits: Tensor = out.logits[:, -1]
        return logits
