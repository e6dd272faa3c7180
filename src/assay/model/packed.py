"""Linear layers with their weights packed for oneDNN, for the length of one call of `generate`.

A matrix product of 16 to 64 rows, which is what decoding is made of, spends a third of its time on one core, and half
of it on two, on laying out the weight anew each time. Packed once per call (0.3 s and one copy of the weights for
SmolLM2-135M), the products run at 180 to 200 GFLOP/s instead of 80 to 110 on two cores. The arithmetic stays fp32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor

WORTH_PACKING = 2**15  # elements of a weight; below it the call costs more than the layout
ROWS = 64  # the number of rows that the layout is chosen for; any other works too


@contextmanager
def packed_linears(model: Any) -> Iterator[None]:
    """Run the linear layers of a CPU model in fp32 from packed weights. No weight may change meanwhile."""
    layers = [module for module in model.modules() if _is_worth_packing(module)] if packs_exactly() else []
    for layer in layers:
        layer.forward = _packed_forward(layer.weight.detach(), layer.bias)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own shows again


def _is_worth_packing(module: Any) -> bool:
    if type(module) is not torch.nn.Linear or "forward" in vars(module):
        return False
    weight = module.weight
    return bool(weight.device.type == "cpu" and weight.dtype == torch.float32 and weight.numel() >= WORTH_PACKING)


def _packed_forward(weight: Tensor, bias: Tensor | None) -> Callable[[Tensor], Tensor]:
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, ROWS)

    def forward(states: Tensor) -> Tensor:
        if states.dtype != torch.float32:
            return torch.nn.functional.linear(states, weight.to(states.dtype), bias)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(states, packed, bias, "none", [], "")
        return out

    return forward


@cache
def packs_exactly() -> bool:
    """Whether this build of torch has oneDNN's packed product and it comes to the plain one's result."""
    if not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(48, 64, generator=generator), torch.randn(48, generator=generator)
    states = torch.randn(2, 5, 64, generator=generator)
    try:
        found = _packed_forward(weight, bias)(states)
    except (AttributeError, RuntimeError, TypeError):  # the operator is torch's own affair and may change
        return False
    return bool(torch.allclose(found, torch.nn.functional.linear(states, weight, bias), atol=1e-4))
