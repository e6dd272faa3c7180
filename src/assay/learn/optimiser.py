"""The optimiser, one guarded step of it, and gradient checkpointing: what policy, critic and fine-tuning share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from assay.core.errors import ConfigError, MissingExtra, NonFiniteStep
from assay.core.learning import OptimiserConfig
from assay.learn.parallel import ALONE, Ranks
from assay.model.attention import use_attention
from assay.model.load import LoadedModel


def make_optimiser(model: Any, config: OptimiserConfig, learning_rate: float) -> torch.optim.Optimizer:
    """Over the parameters that require a gradient. Raises ConfigError, or MissingExtra for bitsandbytes."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    settings = {"lr": learning_rate, "betas": config.betas, "weight_decay": config.weight_decay}
    if config.kind == "adamw":
        return torch.optim.AdamW(trainable, fused=True, **settings)
    if trainable and trainable[0].device.type == "cpu":
        raise ConfigError(f'learn.optimiser.kind: {config.kind} is for accelerators; on a CPU "adamw" would be right')
    try:
        from bitsandbytes import optim
    except ImportError:
        raise MissingExtra("bitsandbytes", "train", f"learn.optimiser.kind = {config.kind!r}") from None
    made: torch.optim.Optimizer = (optim.AdamW8bit if config.kind == "adamw_8bit" else optim.PagedAdamW8bit)(
        trainable, **settings
    )
    return made


def step_of(
    optimiser: torch.optim.Optimizer,
    max_norm: float,
    before: Callable[[], None] = lambda: None,
    who: str = "",
    ranks: Ranks = ALONE,
) -> float:
    """Sum over the processes, clip, step and clear the gradients; returns their norm before clipping. `before` is called just before the weights
    change. Raises NonFiniteStep, with the weights as they were."""
    trainable = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    ranks.sum_gradients(trainable)
    found = torch.nn.utils.clip_grad_norm_(trainable, max_norm)
    norm = float(found.full_tensor() if hasattr(found, "full_tensor") else found)
    if not norm < float("inf"):  # also NaN
        optimiser.zero_grad(set_to_none=True)
        raise NonFiniteStep(f"{who}the gradient's norm is {norm}: the update was refused")
    before()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    return norm


def autocast(loaded: LoadedModel) -> Any:
    """bf16 over fp32 weights where the model asks for it, on accelerators."""
    kind = loaded.device.type
    return torch.autocast(kind, torch.bfloat16) if loaded.autocast and kind != "cpu" else nullcontext()


@contextmanager
def checkpointed(model: Any, is_on: bool) -> Iterator[None]:
    """Activations are computed again in the backward pass instead of kept. Raises ConfigError.

    transformers' own switch hooks the embeddings at every call, which the non-reentrant kind has no need of; what it
    sets is set here, and put back. A layer looks whether it is training: only the layers are told so, not what is inside
    them, so that no dropout comes with it. The attention is that of the forward pass, which by then is put back.
    """
    if not is_on:
        yield
        return
    layers = [module for module in model.modules() if hasattr(module, "gradient_checkpointing")]
    if not layers:
        raise ConfigError(
            f"learn.gradient_checkpointing: {type(model).__name__} has no layers that can; false would be right"
        )
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model

    def keep_little(function: Callable[..., Any], *arguments: Any) -> Any:
        attention = inner.config._attn_implementation
        return checkpoint(
            function,
            *arguments,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), use_attention(inner, attention)),
        )

    were = [(layer.gradient_checkpointing, layer.training) for layer in layers]
    for layer in layers:
        layer._gradient_checkpointing_func = keep_little
        layer.gradient_checkpointing = layer.training = True
    try:
        yield
    finally:
        for layer, (was_on, was_training) in zip(layers, were, strict=True):
            layer.gradient_checkpointing, layer.training = was_on, was_training
