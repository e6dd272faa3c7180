"""What a model says behind a plain text, greedily: no chat template, no sampling."""

from __future__ import annotations

import torch

from assay.model.load import LoadedModel

TOKENS_PER_WORD = 10  # at most: a tokenizer of single characters takes about six


def continue_text(loaded: LoadedModel, text: str, most_words: int) -> str:
    """The text that follows, until `most_words` words are whole or the model ends it."""
    tokens = loaded.tokenizer(text, return_tensors="pt").input_ids.to(loaded.device)  # [1, N]
    new = TOKENS_PER_WORD * most_words + 4
    limit = getattr(loaded.model.config, "max_position_embeddings", None)
    if limit is not None:
        tokens = tokens[:, -max(1, int(limit) - new) :]
    made: list[int] = []
    autocast = torch.autocast(loaded.device.type, torch.bfloat16, enabled=loaded.autocast)
    with torch.no_grad(), autocast:
        given, cache = tokens, None
        for _ in range(new):
            out = loaded.model(input_ids=given, past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            token = int(out.logits[0, -1].argmax())
            if token in loaded.eos_ids:
                break
            made.append(token)
            if len(_text(loaded, made).split()) > most_words:
                break
            given = torch.tensor([[token]], device=loaded.device)
    return _text(loaded, made)


def _text(loaded: LoadedModel, tokens: list[int]) -> str:
    return str(loaded.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))
