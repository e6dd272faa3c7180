"""The fused head against plain autograd through a whole model, in fp64: log-probs, entropies and every gradient, with an
entropy term, with an objective that wants all tokens at once, in one chunk and in many."""

import pytest
import torch
from transformers import AutoModelForCausalLM, PhiConfig, Starcoder2Config

from assay.core.types import Completion
from assay.learn.batch import Sample, pack
from assay.model.logprobs import chosen_logprobs, loss_of

SHAPE = {
    "vocab_size": 23,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "bos_token_id": None,
    "eos_token_id": 1,
    "initializer_range": 0.3,
}
# models that compute in fp64 throughout, where Llama's norms are in fp32 whatever the weights' type
MODELS = {
    "untied": Starcoder2Config(**SHAPE, num_key_value_heads=1, sliding_window=None, tie_word_embeddings=False),
    "tied": Starcoder2Config(**SHAPE, num_key_value_heads=1, sliding_window=None, tie_word_embeddings=True),
    "a bias in the head": PhiConfig(**SHAPE, num_key_value_heads=2, tie_word_embeddings=False),
}
TEMPERATURE = 0.7


def build(name):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(MODELS[name]).eval().double()
    for parameter_name, parameter in model.named_parameters():
        if parameter_name.endswith("lm_head.bias"):
            torch.nn.init.normal_(parameter, std=0.5)
    return model


def some_row(dtype=torch.float64):
    draw = torch.Generator().manual_seed(1)

    def ids(length):
        return tuple(torch.randint(2, 23, (length,), generator=draw).tolist())

    common, groups = ids(3), []
    for place, lengths in enumerate([(4, 1, 6), (2, 5)]):
        prompt = common + ids(1 + place)
        groups.append([Sample(prompt, Completion("", ids(n), (-1.0,) * n), (1.0,) * n, 0.1) for n in lengths])
    (batch,) = pack(groups, row_tokens=4096, device=torch.device("cpu"), dtype=dtype)
    return batch


BATCH = some_row()
COUNT = len(BATCH.row.targets)
WEIGHTS = torch.randn(COUNT, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def token_losses(logprobs, entropies, part):
    """Curved in both, and without a sign of its own."""
    weights = WEIGHTS[part]
    return weights * logprobs.square() + torch.exp(logprobs) - 0.3 * weights.cos() * entropies.square()


def sequence_losses(logprobs, entropies, part):
    """Each token's depends on all the tokens of its completion."""
    assert len(logprobs) == COUNT
    total = torch.zeros(5, dtype=logprobs.dtype).index_add(0, BATCH.sequence, logprobs)[BATCH.sequence]
    return WEIGHTS * torch.exp(total / 10) * logprobs + 0.2 * WEIGHTS.sin() * entropies * total


def no_entropy(logprobs, entropies, part):
    return WEIGHTS[part] * logprobs.exp()


OBJECTIVES = {
    "with an entropy term": (token_losses, False),
    "without one": (no_entropy, False),
    "all tokens at once": (sequence_losses, True),
    "at once where it need not be": (token_losses, True),
}


def plain(model):
    """Log-probs and entropies by the model's own forward, a completion at a time, with their graph."""
    logprobs, entropies = [], []
    for sequence, count in BATCH.row.paths:
        logits = model(sequence[None]).logits[0, -count - 1 : -1] / TEMPERATURE
        table = torch.log_softmax(logits, -1)
        logprobs.append(table.gather(-1, sequence[-count:, None])[:, 0])
        entropies.append(-(table.exp() * table).sum(-1))
    return torch.cat(logprobs), torch.cat(entropies)


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("chunk", [None, 23 * 4, 1])
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", MODELS)
def test_the_fused_head_is_plain_autograd(name, objective, chunk, monkeypatch):
    if chunk is not None:
        monkeypatch.setattr("assay.model.logprobs.CHUNK_ELEMENTS", chunk)
    model, (losses, whole) = build(name), OBJECTIVES[objective]
    logprobs, entropies = plain(model)
    expected_loss = losses(logprobs, entropies, slice(0, COUNT)).sum()
    expected = gradients(model, expected_loss)
    loss, found_logprobs, found_entropies = loss_of(model, BATCH.row, TEMPERATURE, losses, whole=whole)
    found = gradients(model, loss)
    assert (found_logprobs - logprobs).abs().max() < 1e-10
    assert (found_entropies - entropies).abs().max() < 1e-10
    assert abs(float(loss.detach() - expected_loss.detach())) < 1e-10 * max(1, abs(float(expected_loss.detach())))
    assert found.keys() == expected.keys()
    whole_norm = torch.cat([each.flatten() for each in expected.values()]).norm()
    for key, gradient in expected.items():
        assert (found[key] - gradient).norm() <= 1e-10 * whole_norm, key
    assert not found_logprobs.requires_grad
    assert not found_entropies.requires_grad


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_fused_heads_gradient_matches_finite_differences(objective, monkeypatch):
    """Along one direction in the space of all weights at once."""
    monkeypatch.setattr("assay.model.logprobs.CHUNK_ELEMENTS", 23 * 4)
    model, (losses, whole) = build("a bias in the head"), OBJECTIVES[objective]
    found = gradients(model, loss_of(model, BATCH.row, TEMPERATURE, losses, whole=whole)[0])
    draw = torch.Generator().manual_seed(4)
    direction = {name: torch.randn(each.shape, generator=draw, dtype=each.dtype) for name, each in found.items()}
    ends, step = [], 1e-6
    for sign in (1, -2):  # there, and back to the other side
        with torch.no_grad():
            for name, each in model.named_parameters():
                each += sign * step * direction[name]
        ends.append(float(loss_of(model, BATCH.row, TEMPERATURE, losses, whole=whole)[0].detach()))
    slope = sum(float((found[name] * direction[name]).sum()) for name in found)
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(slope, rel=1e-6)


def test_what_follows_scales_the_gradient():
    model = build("untied")
    once = gradients(model, loss_of(model, BATCH.row, 1.0, token_losses)[0])
    thrice = gradients(model, 3 * loss_of(model, BATCH.row, 1.0, token_losses)[0])
    for name, gradient in once.items():
        assert torch.allclose(thrice[name], 3 * gradient, rtol=1e-12, atol=1e-12)


def test_only_what_learns_gets_a_gradient():
    """As with a low-rank adapter on a frozen model."""
    model = build("a bias in the head")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("layers.0.mlp.fc1.weight"))
    found = gradients(model, loss_of(model, BATCH.row, 1.0, token_losses)[0])
    assert [name.split(".", 1)[1] for name in found] == ["layers.0.mlp.fc1.weight"]


def test_without_a_gradient_the_values_are_the_same():
    model = build("tied")
    found = chosen_logprobs(model, BATCH.row, TEMPERATURE)
    assert not found.requires_grad
    assert torch.equal(found, loss_of(model, BATCH.row, TEMPERATURE, token_losses)[1])


def test_single_precision_keeps_sharp_distributions_finite():
    def plus_entropy(logprobs, entropies, part):
        return logprobs + 0.1 * entropies

    model = build("untied").float()
    model.lm_head.weight.data *= 300  # probabilities of 0 and 1 to the last bit
    loss, logprobs, entropies = loss_of(model, some_row(torch.float32).row, 1.0, plus_entropy)
    found = gradients(model, loss)
    assert torch.isfinite(logprobs).all()
    assert (entropies > -1e-2).all()
    assert all(torch.isfinite(each).all() for each in found.values())
