"""From last hidden states to logits: the output embedding, and what some architectures do to its result.

Cohere multiplies the logits by a constant, Granite divides them, Gemma 2 bends them with a tanh. The settings' names mean
different things in different models (`logits_scaling` divides in Granite and multiplies in HyperCLOVA X), so no name is
believed: numbers are put in the place of the embedding's output, and what the model makes of them is read off. A model
whose logits come about in another way has no `Head`, and is asked for its logits itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

HUGE, SMALL = 2.0**20, 2.0**-10
POINTS = (HUGE, 2 * HUGE, SMALL, 1.0, -1.0, 7.0, -20.0, 60.0, 150.0, 0.0)
REFUSALS = (RuntimeError, TypeError, ValueError, AttributeError, IndexError, KeyError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Head:
    """logits = cap * tanh(scale * raw / cap) of raw = embedding(hidden); without a cap, scale * raw."""

    embedding: nn.Linear  # weight [V, d]
    scale: float = 1.0
    cap: float | None = None

    def __call__(self, hidden: Tensor) -> Tensor:
        return self.bend(self.embedding(hidden))

    def bend(self, raw: Tensor) -> Tensor:
        """Logits of the embedding's output [.., V]; `raw` itself where nothing is done to it."""
        if self.cap is not None:
            return self.cap * torch.tanh(raw * (self.scale / self.cap))
        return raw if self.scale == 1.0 else raw * self.scale

    def bend_(self, raw: Tensor) -> Tensor:
        """`bend` in the place of `raw`."""
        if self.cap is not None:
            return raw.mul_(self.scale / self.cap).tanh_().mul_(self.cap)
        return raw if self.scale == 1.0 else raw.mul_(self.scale)

    def slope(self, logits: Tensor) -> Tensor | float:
        """d logits / d raw where `bend` came to `logits`."""
        if self.cap is not None:
            return self.scale * (1 - (logits / self.cap).square())
        return self.scale


_found: WeakKeyDictionary[Any, tuple[Any, Head | None]] = WeakKeyDictionary()


def find_head(model: Any) -> Head | None:
    """The head of a transformers causal LM (not of an adapter around it); None when it is not of the form of Head."""
    embedding = model.get_output_embeddings()
    known = _found.get(model)
    if known is None or known[0] is not embedding:
        known = _found[model] = embedding, _measured(model)
    return known[1]


def _measured(model: Any) -> Head | None:
    embedding = model.get_output_embeddings()
    if not isinstance(embedding, nn.Linear):
        return None  # an adapter around it, or a head of several layers
    inputs: list[Tensor] = []

    def put_points(_: Any, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
        inputs.append(given[0])
        wide = torch.float32 if output.device.type == "mps" else torch.float64
        made = torch.zeros(output.shape, dtype=wide, device=output.device)
        made.view(-1, output.shape[-1])[-1, : len(POINTS)] = made.new_tensor(POINTS[: output.shape[-1]])
        return made

    ids = ordinary_tokens(model, 3)[None]
    try:
        with torch.no_grad(), evaluating(model):
            hidden = model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
            handle = embedding.register_forward_hook(put_points)
            try:
                logits = model(input_ids=ids, use_cache=False).logits
            finally:
                handle.remove()
    except REFUSALS:
        return None
    if len(inputs) != 1 or not _is_close(inputs[0][:, -1], hidden[:, -1]):
        return None  # something stands between the decoder and the embedding
    points = torch.tensor(POINTS[: logits.shape[-1]], dtype=torch.float64)
    found = logits[0, -1, : len(points)].double().cpu()
    capped = bool(found[0] == found[1])
    scale = float(found[2] / SMALL) if capped else float(found[3])
    head = Head(embedding, 1.0 if abs(scale - 1) < 1e-5 else scale, float(found[0]) if capped else None)
    return head if torch.allclose(head.bend(points), found, rtol=1e-4, atol=1e-6) else None


def _is_close(one: Tensor, other: Tensor) -> bool:
    size = other.float().abs().max()
    return bool(one.shape == other.shape and (one.float() - other.float()).abs().max() <= 1e-2 * size)


def ordinary_tokens(model: Any, count: int) -> Tensor:
    """`count` token ids [count] spread over the vocabulary, on the model's device.

    The first ones are special tokens, whose huge activations round coarsely.
    """
    weight = model.get_input_embeddings().weight
    shares = [(11 + 37 * place) % 89 + 8 for place in range(count)]  # per cent, none twice below 89
    return torch.tensor([len(weight) * share // 100 for share in shares], device=weight.device)


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """No dropout; each module's own mode comes back."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
