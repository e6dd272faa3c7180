"""The divergence from a teacher against the plain full-vocabulary formula: values, gradients, chunks, heads of other sizes."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, Starcoder2Config

from assay.core.types import Completion
from assay.learn.batch import Sample, pack
from assay.model import divergence as module
from assay.model.divergence import divergence, token_divergence

VOCABULARY = 13
GROUPS = [
    [Sample((1, 2, 3), Completion("", tokens, (0.0,) * len(tokens)), (), 0.0) for tokens in ((4, 5, 6), (7,), (8, 9))],
    [Sample((1, 2, 9), Completion("", (5, 5, 5, 5), (0.0,) * 4), (), 0.0)],
]


def model(seed, *, width=16, tied=False, rows=VOCABULARY, dtype=torch.float64):
    """Starcoder 2: its norms compute in the weights' own precision."""
    config = Starcoder2Config(
        vocab_size=rows,
        hidden_size=width,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        sliding_window=None,
        initializer_range=0.4,
        tie_word_embeddings=tied,
        residual_dropout=0.0,
        embedding_dropout=0.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config).to(dtype).eval()


def batch(dtype=torch.float64, row_tokens=999):
    (one,) = pack(GROUPS, row_tokens=row_tokens, device=torch.device("cpu"), dtype=dtype)
    return one


def plainly(student, teacher, kind, temperature, vocabulary=VOCABULARY):
    """[M], a completion at a time, with autograd through the whole student."""
    found = []
    for group in GROUPS:
        for sample in group:
            tokens = torch.tensor([[*sample.prompt, *sample.completion.tokens]])
            at = slice(len(sample.prompt) - 1, -1)
            ours, theirs = (each(tokens).logits[0, at, :vocabulary] / temperature for each in (student, teacher))
            log_s, log_t = ours.log_softmax(-1), theirs.detach().log_softmax(-1)
            one, other = (log_s, log_t) if kind == "reverse" else (log_t, log_s)
            found.append((one.exp() * (one - other)).sum(-1))
    return torch.cat(found)


@pytest.mark.parametrize("kind", ["reverse", "forward"])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("chunk", [2**24, 3 * VOCABULARY, 1])
@pytest.mark.parametrize("tied", [False, True])
def test_values_and_gradients_are_those_of_the_plain_formula(monkeypatch, kind, temperature, chunk, tied):
    monkeypatch.setattr(module, "CHUNK_ELEMENTS", chunk)
    student, teacher = model(0, tied=tied), model(1, width=8)
    weights = torch.linspace(0.1, 0.4, 10, dtype=torch.float64)
    expected = plainly(student, teacher, kind, temperature)
    slopes = torch.autograd.grad((expected * weights).sum(), list(student.parameters()))
    assert torch.allclose(
        divergence(student, teacher, batch().row, temperature=temperature, kind=kind), expected, atol=1e-12
    )
    assert all(each.grad is None for each in student.parameters()), "no gradient was asked for"
    found = divergence(student, teacher, batch().row, weights, temperature=temperature, kind=kind)
    assert torch.allclose(found, expected, atol=1e-12)
    for parameter, slope in zip(student.parameters(), slopes, strict=True):
        assert torch.allclose(parameter.grad, slope, atol=1e-10)
    assert all(each.grad is None for each in teacher.parameters()), "the teacher never learns"


@pytest.mark.parametrize("kind", ["reverse", "forward"])
def test_its_gradient_matches_finite_differences(kind):
    draw = torch.Generator().manual_seed(0)
    student = torch.randn(3, 5, dtype=torch.float64, generator=draw, requires_grad=True)
    teacher = torch.randn(3, 5, dtype=torch.float64, generator=draw).log_softmax(-1)
    assert torch.autograd.gradcheck(lambda logits: token_divergence(logits.log_softmax(-1), teacher, kind), (student,))


def test_by_hand():
    student, teacher = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.5, 0.5]]).log()
    assert float(token_divergence(student, teacher, "reverse")) == pytest.approx(0.130812, abs=1e-6)
    assert float(token_divergence(student, teacher, "forward")) == pytest.approx(0.143841, abs=1e-6)


def test_a_student_that_is_its_teacher_has_nothing_to_learn():
    student = model(0)
    weights = torch.full((10,), 0.1, dtype=torch.float64)
    assert divergence(student, model(0), batch().row, weights).abs().max() < 1e-12
    assert all(parameter.grad is None or parameter.grad.abs().max() < 1e-12 for parameter in student.parameters())


def test_heads_with_rows_for_nothing_are_compared_over_the_tokens_that_both_have():
    student, teacher = model(0), model(1, rows=VOCABULARY + 3)
    expected = plainly(student, teacher, "reverse", 1.0).detach()
    assert torch.allclose(divergence(student, teacher, batch().row), expected, atol=1e-12)


def test_llama_too():
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2
    )
    with torch.random.fork_rng():
        torch.manual_seed(2)
        student, teacher = (AutoModelForCausalLM.from_config(config).eval() for _ in range(2))
    expected = plainly(student, teacher, "reverse", 1.0).detach()
    assert torch.allclose(divergence(student, teacher, batch(torch.float32).row), expected, atol=1e-5)


def test_no_logits_outlive_their_chunk(monkeypatch):
    """Of the tensors that the student's graph keeps, none has a vocabulary for a side but the heads' own weights."""
    monkeypatch.setattr(module, "CHUNK_ELEMENTS", VOCABULARY)
    student, kept = model(0), []
    seen = module._logprobs

    def watched(states, *rest):
        kept.append(len(states))
        return seen(states, *rest)

    monkeypatch.setattr(module, "_logprobs", watched)
    divergence(student, model(1), batch().row, torch.ones(10, dtype=torch.float64))
    assert max(kept) == 1
    assert len(kept) == 20  # each of 10 tokens, for student and teacher
