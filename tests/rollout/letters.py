"""Random models that say letters and the end only, so that a character of text is a token."""

import torch
from transformers import PhiConfig, PhiForCausalLM

from assay.model.load import describe
from assay.model.tiny import PAD, SEPARATOR, UNKNOWN, build_tiny, character_tokenizer

LETTERS = "abcdefgh"


def model_of_letters():
    loaded = build_tiny(LETTERS)
    head = torch.nn.Linear(64, len(loaded.tokenizer))
    head.weight, head.bias.data[:] = loaded.model.lm_head.weight, 0.0
    head.bias.data[[loaded.tokenizer.convert_tokens_to_ids(each) for each in (PAD, UNKNOWN, SEPARATOR)]] = -100.0
    loaded.model.lm_head = head
    return loaded


def phi_of_letters():
    """In a shape that vLLM takes: its Llama's head has no bias, and its attention wants heads of 64."""
    tokenizer = character_tokenizer(LETTERS)
    config = PhiConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.2,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = PhiForCausalLM(config).eval()
    with torch.no_grad():
        model.lm_head.bias.zero_()
        model.lm_head.bias[[tokenizer.convert_tokens_to_ids(each) for each in (PAD, UNKNOWN, SEPARATOR)]] = -100.0
        model.lm_head.bias[tokenizer.eos_token_id] = -3.0  # so that some completions are cut at the limit
    return describe(model, tokenizer, "phi of letters")
