"""A model's configuration and tokenizer without its weights: what a dry run needs, also for models too large to load."""

from __future__ import annotations

from typing import Any

from assay.core.config import ModelConfig
from assay.core.errors import ModelError
from assay.model.load import smollm2_folder


def read_shape(config: ModelConfig) -> tuple[Any, Any]:
    """(transformers config, tokenizer) of a model by name. Raises ModelError."""
    if config.name == "tiny":
        from assay.model.tiny import ALPHABET, build_tiny

        tiny = build_tiny(ALPHABET)
        return tiny.model.config, tiny.tokenizer
    from transformers import AutoConfig, AutoTokenizer

    place = str(smollm2_folder()) if config.name == "smollm2" else config.name
    try:
        return AutoConfig.from_pretrained(place), AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"model {config.name}: its config.json and tokenizer cannot be read ({str(error).splitlines()[0][:160]})"
        ) from error
