"""The sha256 of a model's weights: which model it was, whatever its folder is called."""

from __future__ import annotations

import hashlib

import torch

from assay.model.load import LoadedModel


def weights_sha256(loaded: LoadedModel) -> str:
    """Over each parameter's and buffer's name, shape, type and bytes, in the order of their names.

    Weights that are shared (a tied head) count under each of their names.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(loaded.model.state_dict().items()):
        plain = tensor.detach().to("cpu").contiguous()
        digest.update(f"{name} {tuple(plain.shape)} {plain.dtype}\0".encode())
        if plain.numel():
            digest.update(plain.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
