"""Every architecture: the packed row, its gradient and decoding come to what the plain forward of transformers comes to.

Built at random and small. A model that cannot take a fast path must say so in one line, and be exact all the same.
"""

import logging
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM

from assay.core.types import Completion, Message
from assay.learn.batch import Sample, pack
from assay.model import logprobs
from assay.model.attention import takes_tree_attention
from assay.model.head import find_head
from assay.model.load import describe
from assay.model.logprobs import chosen_logprobs, loss_of
from assay.model.tiny import character_tokenizer
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine

TOKENIZER = character_tokenizer("abcdefghijklmnopqrstuvwxyz0123456789")
SHAPE = {
    "vocab_size": len(TOKENIZER),
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "pad_token_id": TOKENIZER.pad_token_id,
    "eos_token_id": TOKENIZER.eos_token_id,
    "bos_token_id": None,
}
GROUPED = {"num_key_value_heads": 2}


@dataclass(frozen=True)
class Case:
    config: str  # of transformers
    settings: dict[str, Any]
    packs: bool = True  # takes the packed row
    shares: bool = True  # decodes from the shared cache
    head: tuple[float, float | None] | None = (1.0, None)  # scale and cap; None: its own logits


CASES = {
    "llama": Case("Llama", {}),
    "llama, grouped queries, tied": Case("Llama", {**GROUPED, "tie_word_embeddings": True}),
    "llama, biases": Case("Llama", {**GROUPED, "attention_bias": True, "mlp_bias": True}),
    "qwen2": Case("Qwen2", GROUPED),
    "qwen2, tied, one key-value head": Case("Qwen2", {"num_key_value_heads": 1, "tie_word_embeddings": True}),
    "qwen2, window": Case(
        "Qwen2", {**GROUPED, "use_sliding_window": True, "sliding_window": 6, "max_window_layers": 0}, False, False
    ),
    "qwen3": Case("Qwen3", {**GROUPED, "head_dim": 16}),
    "qwen3, biases, tied": Case("Qwen3", {**GROUPED, "attention_bias": True, "tie_word_embeddings": True}),
    "mistral, no window": Case("Mistral", {**GROUPED, "sliding_window": None}),
    "mistral, long window": Case("Mistral", {**GROUPED, "sliding_window": 48}),
    "mistral, short window": Case("Mistral", {**GROUPED, "sliding_window": 6}, False, False),
    "mixtral": Case("Mixtral", {**GROUPED, "num_local_experts": 4, "sliding_window": None}),
    "gemma": Case("Gemma", {"num_key_value_heads": 1, "head_dim": 8}),
    "gemma2": Case("Gemma2", {**GROUPED, "head_dim": 8}, False, False, (1.0, 30.0)),
    "gemma2, scores not capped": Case(
        "Gemma2", {**GROUPED, "head_dim": 8, "attn_logit_softcapping": None}, head=(1.0, 30.0)
    ),
    "gemma3": Case("Gemma3Text", {**GROUPED, "head_dim": 8, "sliding_window": 48}),
    "gemma3, short window": Case("Gemma3Text", {**GROUPED, "head_dim": 8, "sliding_window": 6}, False, False),
    "phi, partial rotary": Case("Phi", {"partial_rotary_factor": 0.5}),
    "phi3": Case("Phi3", GROUPED),
    "gpt-neox, partial rotary": Case("GPTNeoX", {"rotary_pct": 0.5}),
    "gpt-neox, sequential": Case("GPTNeoX", {"use_parallel_residual": False}),
    "gpt2": Case("GPT2", {}),
    "gpt-bigcode": Case("GPTBigCode", {}),
    "opt": Case("OPT", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    "olmo": Case("Olmo", {}),
    "olmo2": Case("Olmo2", GROUPED),
    "olmo3": Case("Olmo3", {**GROUPED, "sliding_window": 48}),
    "granite": Case(
        "Granite",
        {**GROUPED, "logits_scaling": 6.0, "embedding_multiplier": 3.0, "attention_multiplier": 0.2},
        head=(1 / 6, None),
    ),
    "cohere": Case("Cohere", {**GROUPED, "logit_scale": 0.0625}, head=(0.0625, None)),
    "cohere2": Case("Cohere2", {**GROUPED, "logit_scale": 0.25, "sliding_window": 48}, head=(0.25, None)),
    "hyperclovax": Case("HyperCLOVAX", {**GROUPED, "logits_scaling": 0.5}, head=(0.5, None)),
    "nanochat": Case("NanoChat", GROUPED, head=(1.0, 15.0)),
    "smollm3": Case("SmolLM3", GROUPED),
    "starcoder2": Case("Starcoder2", {**GROUPED, "sliding_window": None}),
    "glm": Case("Glm", {**GROUPED, "head_dim": 8}),
    "helium": Case("Helium", {**GROUPED, "head_dim": 8}),
    "gpt-oss, sinks": Case("GptOss", {**GROUPED, "head_dim": 8, "num_local_experts": 4}, False, False),
    "bloom, alibi": Case("Bloom", {}, False, False),
    "mpt, alibi": Case("Mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2}, False, False),
    "stablelm": Case("StableLm", GROUPED, False, False),
    "nemotron": Case("Nemotron", GROUPED, False, False),
    "mamba, no attention": Case("Mamba", {"state_size": 4}, False, False),
    "modernbert": Case(
        "ModernBertDecoder", {"bos_token_id": 1, "cls_token_id": 1, "sep_token_id": 1}, False, False, None
    ),
}


def build(case):
    torch.manual_seed(3)
    config = getattr(transformers, f"{case.config}Config")(**{**SHAPE, **case.settings})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # logits apart, so that a wrong attention shows
            if parameter.dim() > 1:
                parameter.normal_(0, 0.2)
            else:
                parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


def some_groups():
    draw = torch.Generator().manual_seed(0)

    def ids(length):
        return tuple(torch.randint(4, len(TOKENIZER), (length,), generator=draw).tolist())

    common = ids(4)
    return [
        [
            Sample(common + own, Completion("", ids(length), (-1.0,) * length), (advantage,) * length, 1.0)
            for length, advantage in zip((3, 7, 1), (1.0, -0.5, 0.3), strict=True)
        ]
        for own in (ids(2), ids(5))
    ]


def plain_logprobs(model, groups, temperature):
    found = []
    for sample in (each for group in groups for each in group):
        tokens = torch.tensor([[*sample.prompt, *sample.completion.tokens]])
        logits = model(tokens, use_cache=False).logits[0, len(sample.prompt) - 1 : -1] / temperature
        found.append(torch.log_softmax(logits, -1).gather(-1, tokens[0, len(sample.prompt) :, None])[:, 0])
    return torch.cat(found)


def gradient(model):
    flat = torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])
    model.zero_grad()
    return flat


@pytest.mark.parametrize("name", CASES)
def test_the_packed_row_and_its_gradient_are_those_of_the_plain_forward(name, caplog, monkeypatch):
    monkeypatch.setattr(logprobs, "_said", set())
    case = CASES[name]
    model, groups = build(case), some_groups()
    (batch,) = pack(groups, row_tokens=4096, device=torch.device("cpu"))
    with caplog.at_level(logging.WARNING, "assay"):
        for temperature in (1.0, 0.7):
            with torch.no_grad():
                expected = plain_logprobs(model, groups, temperature)
            assert (chosen_logprobs(model, batch.row, temperature) - expected).abs().max() < 5e-5
            assert expected.std() > 0.05  # else the comparison says little
    said = [each for each in caplog.records if each.name == "assay.model.logprobs"]
    assert len(said) == (0 if case.packs else 1)
    assert (takes_tree_attention(model, batch.row.tree.depth) is None) == case.packs

    def objective(values, entropies, part):
        return batch.advantages[part] * values.exp() - 0.1 * entropies  # a slope of its own for each token

    loss_of(model, batch.row, 0.7, objective)[0].backward()
    found = gradient(model)
    values = plain_logprobs(model, groups, 0.7)
    entropies = []
    for sample in (each for group in groups for each in group):
        tokens = torch.tensor([[*sample.prompt, *sample.completion.tokens]])
        logits = model(tokens, use_cache=False).logits[0, len(sample.prompt) - 1 : -1] / 0.7
        entropies.append(torch.distributions.Categorical(logits=logits).entropy())
    objective(values, torch.cat(entropies), slice(None)).sum().backward()
    expected = gradient(model)
    assert (found - expected).norm() < 2e-5 * expected.norm()


@pytest.mark.parametrize("name", CASES)
def test_decoding_records_the_log_probs_of_the_plain_forward(name, caplog):
    case = CASES[name]
    model = build(case)
    engine = TorchEngine(describe(model, TOKENIZER, name), batch_size=4)
    requests = [Request((Message("user", text),), 3, 0, (text,)) for text in ("abcde", "abcdefg", "abx")]
    with caplog.at_level(logging.WARNING, "assay"):
        groups = engine.generate(requests, Sampling(8, temperature=0.9))
        engine.generate(requests[:1], Sampling(2))
    said = [each for each in caplog.records if "from its own cache" in each.getMessage()]
    assert len(said) == (0 if case.shares else 1)
    for request, group in zip(requests, groups, strict=True):
        samples = [Sample(engine.render(request.prompt), each, (), 1.0) for each in group]
        with torch.no_grad():
            expected = plain_logprobs(model, [samples], 0.9)
        assert torch.tensor([value for each in group for value in each.logprobs]) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("name", CASES)
def test_what_the_head_does_is_read_off(name):
    head = find_head(build(CASES[name]))
    assert (head is None) == (CASES[name].head is None)
    if head is not None:
        scale, cap = CASES[name].head
        assert head.scale == pytest.approx(scale, rel=1e-6)
        assert head.cap == cap
