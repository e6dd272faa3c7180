"""A policy's weights, gradients and optimiser state sharded over the processes (FSDP2, `learn.parallel = "fsdp2"`).

Each decoder layer is gathered when it runs and let go again; what stands outside the layers (embeddings, norm, head) is
gathered for the length of one call of `gathered`, because the packed forward calls the decoder and reads the head's weight
past the model's own forward (model/logprobs). Gradients are summed, not averaged: the weights of tokens are those of
the whole rollout batch. A checkpoint holds whole tensors in the order of one process, so any number of processes loads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MethodType
from typing import Any

import torch
from torch import Tensor

from assay.core.errors import ConfigError
from assay.model.attention import takes_tree_attention
from assay.model.head import find_head
from assay.model.logprobs import GATHERED, inner_model


def shard(model: Any) -> None:
    """Shard a transformers model in place, over all processes. Raises ConfigError."""
    from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method

    layers = getattr(inner_model(model).get_decoder(), "layers", None)
    if layers is None:
        raise ConfigError(
            f'learn.parallel: {type(model).__name__} has no list of layers to shard; "ddp" would be right for it'
        )
    inner = inner_model(model)
    find_head(inner)  # both look at the model by running it, which they remember, and which it must be whole for
    takes_tree_attention(inner, 1)
    for layer in layers:
        fully_shard(layer)
    fully_shard(model)
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)  # gloo has no other
    setattr(model, GATHERED, MethodType(lambda _, work: work(), model))
    register_fsdp_forward_method(model, GATHERED)


def gather(model: Any, whole: Any) -> None:
    """Copy what is trained from a sharded model into a whole one of the same shape; every process must take part."""
    targets = dict(whole.named_parameters())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            targets[name].data.copy_(parameter.detach().full_tensor())


def scatter(whole: Any, model: Any) -> None:
    """The other way round: each process takes its part."""
    sources = dict(whole.named_parameters())
    for name, parameter in model.named_parameters():
        parameter.data.copy_(_part(sources[name].detach(), parameter))


def whole_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """An optimiser's state with whole tensors, on the CPU; every process must take part."""
    return {
        "param_groups": state["param_groups"],
        "state": {
            place: {name: _whole(value) for name, value in of_one.items()} for place, of_one in state["state"].items()
        },
    }


def sharded_state(state: Mapping[str, Any], optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """The state of a checkpoint, cut as the optimiser's parameters are."""
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    return {
        "param_groups": state["param_groups"],
        "state": {
            place: {
                name: _part(value.to(parameters[place].device), parameters[place])
                if torch.is_tensor(value) and value.shape == parameters[place].shape
                else value
                for name, value in of_one.items()
            }
            for place, of_one in state["state"].items()
        },
    }


def _whole(value: Any) -> Any:
    if not torch.is_tensor(value):
        return value
    return (value.full_tensor() if hasattr(value, "full_tensor") else value).cpu()


def _part(value: Tensor, like: Any) -> Any:
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value, like.device_mesh, like.placements, src_data_rank=None)  # all hold the same already
