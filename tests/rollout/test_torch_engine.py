"""TorchEngine against the plain forward of transformers: the same log-probabilities, the same samples, either cache."""

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    GemmaConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from assay.core.config import LoraConfig
from assay.core.errors import UsageError
from assay.core.types import Message
from assay.model import packed
from assay.model.load import _with_lora, describe
from assay.model.tiny import build_tiny, character_tokenizer
from assay.rollout.engine import Request, Sampling
from assay.rollout.plain_cache import PlainCache
from assay.rollout.shared_cache import SharedCache, _Step
from assay.rollout.torch_engine import TorchEngine

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
TOKENIZER = character_tokenizer(LETTERS)
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
    "initializer_range": 0.3,  # logits apart, so that a wrong attention shows
}
SHARED = {
    "llama, grouped queries, tied": LlamaConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen2": Qwen2Config(**SHAPE, num_key_value_heads=2),
    "qwen3": Qwen3Config(**SHAPE, num_key_value_heads=2, head_dim=16),
    "gemma": GemmaConfig(**SHAPE, num_key_value_heads=1, head_dim=8),
    "phi3": Phi3Config(**SHAPE, num_key_value_heads=2),
    "gpt-neox": GPTNeoXConfig(**SHAPE, rotary_pct=0.5),
    "gpt2": GPT2Config(**SHAPE),
}
PLAIN = {
    "mistral, a short sliding window": MistralConfig(**SHAPE, num_key_value_heads=2, sliding_window=6),
    "gemma2, capped scores": Gemma2Config(**SHAPE, num_key_value_heads=2, head_dim=8),
}
PROMPTS = ("abcde", "abcdefg", "abx", "q", "abcde")  # of several lengths, with and without a common beginning
REQUESTS = [Request((Message("user", text),), 3 + i % 2, 5, (i,)) for i, text in enumerate(PROMPTS)]


def load(config):
    torch.manual_seed(1)
    return describe(AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval(), TOKENIZER, config.model_type)


def teacher_forced(model, prompt, tokens, temperature=1.0):
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1] / temperature
    return torch.log_softmax(logits, -1).gather(-1, torch.tensor(tokens)[:, None])[:, 0].tolist()


def assert_exact(engine, model, requests, groups, temperature=1.0):
    for request, group in zip(requests, groups, strict=True):
        prompt = engine.render(request.prompt)
        for each in group:
            expected = teacher_forced(model, prompt, each.tokens, temperature)
            assert each.logprobs == pytest.approx(expected, abs=1e-4)


def caches_used(monkeypatch):
    """The kinds of cache that decoded a step, recorded as they run."""
    used = set()
    for kind in (SharedCache, PlainCache):
        step = kind.step

        def recorded(self, tokens, step=step, name=kind.__name__):
            used.add(name)
            return step(self, tokens)

        monkeypatch.setattr(kind, "step", recorded)
    return used


@pytest.mark.parametrize("batch_size", [4, 64])
@pytest.mark.parametrize("name", [*SHARED, *PLAIN])
def test_log_probs_as_sampled_are_those_of_the_plain_forward(name, batch_size, monkeypatch):
    loaded = load({**SHARED, **PLAIN}[name])
    engine = TorchEngine(loaded, batch_size=batch_size)
    used = caches_used(monkeypatch)
    for temperature in (1.0, 0.6) if batch_size == 4 else (1.0,):
        groups = engine.generate(REQUESTS, Sampling(12, temperature=temperature))
        assert_exact(engine, loaded.model, REQUESTS, groups, temperature)
    # a model that falls back to the slower cache without need should be seen here
    assert used == ({"SharedCache"} if name in SHARED else {"PlainCache"})


@pytest.mark.parametrize("name", SHARED)
def test_both_caches_give_the_same_samples(name):
    loaded = load(SHARED[name])
    one, other = TorchEngine(loaded), TorchEngine(loaded, batch_size=3)
    other._agrees = False  # as for a model whose attention has terms of its own
    for a, b in zip(one.generate(REQUESTS, Sampling(14)), other.generate(REQUESTS, Sampling(14)), strict=True):
        assert [each.tokens for each in a] == [each.tokens for each in b]
        for x, y in zip(a, b, strict=True):
            assert x.logprobs == pytest.approx(y.logprobs, abs=1e-4)


def test_greedy_is_the_models_own_greedy_decoding():
    loaded = load(SHARED["qwen2"])
    engine = TorchEngine(loaded)
    groups = engine.generate(REQUESTS, Sampling(12, temperature=0.0))
    for request, group in zip(REQUESTS, groups, strict=True):
        prompt = engine.render(request.prompt)
        theirs = loaded.model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            do_sample=False,
            max_new_tokens=12,
        )[0, len(prompt) :]
        assert {each.tokens for each in group} == {tuple(theirs.tolist())}
    assert_exact(engine, loaded.model, REQUESTS, groups)  # recorded at temperature 1


def test_an_end_token_that_is_also_the_pad_is_kept_and_learnt():
    loaded = load(LlamaConfig(**{**SHAPE, "pad_token_id": TOKENIZER.eos_token_id}))
    assert loaded.model.config.pad_token_id == TOKENIZER.eos_token_id
    engine = TorchEngine(loaded)
    groups = engine.generate([Request(REQUESTS[0].prompt, 60, 0, (0,))], Sampling(20))
    ended = [each for each in groups[0] if each.finish == "stop"]
    assert ended
    for each in ended:
        assert each.tokens[-1] == TOKENIZER.eos_token_id
        assert TOKENIZER.eos_token not in each.text
        assert len(each.text) == len(each.tokens) - 1 - sum(token < 4 for token in each.tokens[:-1]) or "<" in each.text
    assert_exact(engine, loaded.model, REQUESTS[:1], groups)


def test_completions_longer_than_the_first_buffer():
    loaded = build_tiny(LETTERS, positions=512)
    engine = TorchEngine(loaded, batch_size=3)
    requests = [Request((Message("user", "abc"),), 7, 0, (0,))]
    groups = engine.generate(requests, Sampling(150))
    assert max(len(each.tokens) for each in groups[0]) > 64
    assert_exact(engine, loaded.model, requests, groups)


def test_more_positions_than_the_model_has_are_refused():
    engine = TorchEngine(load(SHARED["qwen2"]))
    with pytest.raises(UsageError, match="64 positions"):
        engine.generate(REQUESTS, Sampling(63))


def test_the_models_own_mode_and_gradients_are_left_alone():
    loaded = build_tiny(LETTERS)
    loaded.model.train()
    TorchEngine(loaded).generate(REQUESTS, Sampling(4))
    assert loaded.model.training
    assert all(parameter.grad is None for parameter in loaded.model.parameters())
    assert not any("forward" in vars(module) for module in loaded.model.modules())


def test_an_adapter_is_sampled_with_its_update():
    loaded = build_tiny(LETTERS)
    model = _with_lora(loaded.model, LoraConfig(rank=4))
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.3)
    adapted = describe(model.eval(), loaded.tokenizer, "tiny with an adapter")
    engine = TorchEngine(adapted)
    groups = engine.generate(REQUESTS, Sampling(10))
    assert_exact(engine, model, REQUESTS, groups)
    with model.disable_adapter():
        plain = teacher_forced(model, engine.render(REQUESTS[0].prompt), groups[0][0].tokens)
    assert groups[0][0].logprobs != pytest.approx(plain, abs=1e-2)


def test_new_weights_are_used_at_once(monkeypatch):
    monkeypatch.setattr(packed, "WORTH_PACKING", 1)  # also the tiny model's layers
    loaded = build_tiny(LETTERS)
    engine = TorchEngine(loaded)
    engine.generate(REQUESTS, Sampling(8))
    with torch.no_grad():
        for parameter in loaded.model.parameters():
            parameter.mul_(1.5)
    assert_exact(engine, loaded.model, REQUESTS, engine.generate(REQUESTS, Sampling(8)))


@pytest.mark.parametrize("batch_size", [4, 64])
@pytest.mark.parametrize("name", ["llama, grouped queries, tied", "gemma", "gpt2"])
def test_a_long_prefix_is_a_level_of_its_own_and_as_exact(name, batch_size, monkeypatch):
    monkeypatch.setattr("assay.rollout.shared_cache.FEW_TOKENS", 0)
    loaded = load(SHARED[name])
    requests = REQUESTS[:3]  # with a common beginning
    engine = TorchEngine(loaded, batch_size=batch_size)
    prefixes = []
    plan = _Step.plan
    monkeypatch.setattr(_Step, "plan", lambda *given: (prefixes.append(given[2]), plan(*given))[1])
    assert_exact(engine, loaded.model, requests, engine.generate(requests, Sampling(12)))
    assert min(prefixes) > 0


@pytest.mark.parametrize("batch_size", [4, 64])
def test_families_of_prompts_share_their_own_beginnings_exactly(batch_size, monkeypatch):
    first, second = "s1" + "abcdefghi" * 4, "s2" + "zyx" * 10
    texts = [f"{first}x", f"{first}yz", "q", f"{second}a", f"{second}bc", f"{second}d"]
    requests = [Request((Message("user", text),), 3, 5, (text,)) for text in texts]
    loaded = load(SHARED["qwen2"])
    engine = TorchEngine(loaded, batch_size=batch_size)
    engine.generate(requests[:1], Sampling(1))  # the check that comes before the first use
    read = []
    forward = SharedCache._forward

    def recorded(self, tokens, positions):
        read.append(tuple(tokens.shape))
        return forward(self, tokens, positions)

    monkeypatch.setattr(SharedCache, "_forward", recorded)
    assert_exact(engine, loaded.model, requests, engine.generate(requests, Sampling(12)))
    if batch_size == 64:  # all prompts enter together: each family's beginning is read once
        apart = sum(len(engine.render(request.prompt)) for request in requests)
        assert sum(rows * width for rows, width in read if width > 1) < 0.6 * apart
