"""Reward models: a transformer whose head gives one number, read from a folder or the hub."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from assay.core.errors import ModelError


def load_reward_model(name: str) -> tuple[Any, nn.Linear]:
    """The model (fp32) and its one-number head, as AutoModelForSequenceClassification reads them. Raises ModelError."""
    from transformers import AutoModelForSequenceClassification

    from assay.model.load import load_errors

    with load_errors(name):
        model = AutoModelForSequenceClassification.from_pretrained(
            name, num_labels=1, dtype=torch.float32, trust_remote_code=False
        )
    head = getattr(model, "score", None)
    if not isinstance(head, nn.Linear) or head.out_features != 1:
        raise ModelError(f"reward model {name}: {type(model).__name__} has no linear head `score` of one number")
    if head.bias is None:
        head.bias = nn.Parameter(torch.zeros(1))
    return model, head
