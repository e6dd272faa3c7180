"""A from-scratch decoder of about 100,000 parameters over a character alphabet: a whole run in minutes, and in tests.

It is an ordinary Llama (d = 64, two layers, four heads) with an ordinary fast tokenizer, so that everything which works
on a hub model works on it, and the other way round. Its chat template shows the last user message and a separator.
"""

from __future__ import annotations

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assay.core.errors import UsageError
from assay.core.rng import derive
from assay.model.load import LoadedModel, describe

ALPHABET = "0123456789+-*=\n"
"""What the chain task is written in."""

PAD, END, UNKNOWN, SEPARATOR = "<pad>", "<end>", "<unk>", "<answer>"
TEMPLATE = (
    "{{ (messages | selectattr('role', 'equalto', 'user') | list | last)['content'] }}"
    "{% if add_generation_prompt %}" + SEPARATOR + "{% endif %}"
)


def build_tiny(
    characters: str, seed: int = 0, *, width: int = 64, layers: int = 2, heads: int = 4, positions: int = 1024
) -> LoadedModel:
    """A randomly initialised decoder over `characters`; the same seed gives the same weights. Raises UsageError."""
    tokenizer = character_tokenizer(characters)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=width * 11 // 4,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=positions,
        initializer_range=width**-0.5 / 2,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng():
        torch.manual_seed(derive(seed, "tiny"))
        model = LlamaForCausalLM(config)
    return describe(model.eval(), tokenizer, "tiny")


def character_tokenizer(characters: str) -> PreTrainedTokenizerFast:
    """One token per character; a character outside the alphabet becomes `<unk>`."""
    if not characters or len(set(characters)) != len(characters):
        raise UsageError(f"the alphabet {characters!r} of a character tokenizer must name each character once")
    vocabulary = {token: index for index, token in enumerate((PAD, END, UNKNOWN, SEPARATOR, *characters))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        additional_special_tokens=[SEPARATOR],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast
