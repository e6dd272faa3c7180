"""Reward models: a transformer whose head gives one number, read from a folder or the hub."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from assay.core.errors import ModelError
from assay.model.load import load_errors, quiet


def load_reward_model(name: str, vocabulary: dict[str, int] | None = None) -> tuple[Any, nn.Linear]:
    """The model (fp32) and its one-number head, as AutoModelForSequenceClassification reads them.

    `vocabulary` is what the tokens mean that the model will be given; a model that reads them otherwise is refused.
    Raises ModelError.
    """
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with load_errors(name), quiet():
        model, found = AutoModelForSequenceClassification.from_pretrained(
            name,
            num_labels=1,
            dtype=torch.float32,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    head = getattr(model, "score", None)
    if not isinstance(head, nn.Linear):
        raise ModelError(f"reward model {name}: {type(model).__name__} has no linear head `score`")
    if found["mismatched_keys"]:
        key, theirs, _ = sorted(found["mismatched_keys"])[0]
        raise ModelError(f"reward model {name}: its {key} has the shape {list(theirs)}, not that of one number")
    if found["missing_keys"]:
        raise ModelError(
            f"reward model {name}: it has no weights for {', '.join(sorted(found['missing_keys'])[:3])}: a model trained "
            f"to give one number (LlamaForSequenceClassification and the like) would be right"
        )
    if vocabulary is not None:
        with load_errors(name, "its tokenizer"):
            theirs = AutoTokenizer.from_pretrained(name, trust_remote_code=False).get_vocab()
        _same_tokens(name, theirs, vocabulary, model.get_input_embeddings().weight.shape[0])
    if head.bias is None:
        head.bias = nn.Parameter(torch.zeros(1))
    return model, head


def _same_tokens(name: str, theirs: dict[str, int], ours: dict[str, int], rows: int) -> None:
    another = f"reward model {name}: it has another vocabulary than the policy"
    if not theirs.keys() & ours.keys():
        raise ModelError(f"{another}: the two share no token")
    for token, place in sorted(ours.items(), key=lambda each: each[1]):
        if place >= rows:
            raise ModelError(f"{another}: {token!r} is token {place} to the policy, and the reward model has {rows}")
        if theirs.get(token, place) != place:
            raise ModelError(
                f"{another}: {token!r} is token {place} to the policy and {theirs[token]} to the reward model"
            )
