"""Drawing tokens: the right distribution, never a token of weight zero, and log-probs of what was drawn from."""

import pytest
import torch
from scipy.stats import chisquare

from assay.rollout.engine import Sampling
from assay.rollout.sampling import draw, uniforms

ROWS = 4000


def drawn(logits, sampling, rows=ROWS):
    uniform = uniforms(0, ("test",), 0, rows)
    return draw(torch.tensor(logits).expand(rows, -1).clone(), uniform, sampling)


@pytest.mark.parametrize("temperature", [1.0, 0.5, 2.0])
@pytest.mark.parametrize("vocabulary", [5, 256, 300, 1000])  # one block, exactly one, and two kinds of several
def test_the_distribution_is_that_of_the_logits(temperature, vocabulary):
    logits = torch.randn(vocabulary, generator=torch.Generator().manual_seed(vocabulary))
    tokens, logprobs = drawn(logits.tolist(), Sampling(1, temperature=temperature))
    expected = (logits.double() / temperature).softmax(-1)
    assert torch.allclose(logprobs, expected.log()[tokens], atol=1e-5)
    seen = torch.bincount(tokens, minlength=vocabulary)
    often = expected * ROWS >= 5  # the chi-square's own condition; the rest count as one cell
    cells = [seen[often].tolist(), (expected[often] * ROWS).tolist()]
    if not often.all():
        cells = [cells[0] + [int(seen[~often].sum())], cells[1] + [float(expected[~often].sum()) * ROWS]]
    assert chisquare(*cells).pvalue > 1e-3


def test_top_k_and_top_p_renormalise_over_what_they_keep():
    probs = torch.tensor([0.5, 0.25, 0.15, 0.1])
    tokens, logprobs = drawn(probs.log().tolist(), Sampling(1, top_k=2))
    assert set(tokens.tolist()) == {0, 1}
    assert torch.allclose(logprobs.exp(), torch.tensor([2 / 3, 1 / 3], dtype=torch.float64)[tokens], atol=1e-6)
    tokens, logprobs = drawn(probs.log().tolist(), Sampling(1, top_p=0.8))  # 0.5 + 0.25 do not reach it, 0.15 does
    assert set(tokens.tolist()) == {0, 1, 2}
    assert torch.allclose(logprobs.exp(), probs.double()[tokens] / 0.9, atol=1e-6)
    tokens, _ = drawn(probs.log().tolist(), Sampling(1, top_p=1e-9))
    assert set(tokens.tolist()) == {0}


def test_greedy_takes_the_likeliest_at_the_log_prob_of_temperature_one():
    tokens, logprobs = drawn([0.1, 2.0, 0.3], Sampling(1, temperature=0.0), rows=3)
    assert tokens.tolist() == [1, 1, 1]
    assert logprobs.tolist() == pytest.approx([torch.tensor([0.1, 2.0, 0.3]).log_softmax(-1)[1].item()] * 3, abs=1e-6)


@pytest.mark.parametrize("u", [0.0, 1e-18, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("first", [0, 3, 255, 256, 599])
def test_never_a_token_of_weight_zero_however_extreme_the_uniform(u, first):
    logits = torch.full((1, 600), float("-inf"))
    logits[0, first] = 1.0
    logits[0, 40] = logits[0, 300] = -200.0  # its weight underflows to zero
    tokens, logprobs = draw(logits, torch.tensor([u], dtype=torch.float64), Sampling(1))
    assert tokens.item() == first
    assert logprobs.item() == pytest.approx(0.0, abs=1e-12)


def test_uniforms_are_a_function_of_seed_key_and_sample():
    one = uniforms(3, ("rollout", 1, "t"), 2, 8)
    assert torch.equal(one[:5], uniforms(3, ("rollout", 1, "t"), 2, 5))
    others = [
        uniforms(4, ("rollout", 1, "t"), 2, 8),
        uniforms(3, ("rollout", 2, "t"), 2, 8),
        uniforms(3, ("rollout", 1, "t"), 3, 8),
    ]
    assert all(not torch.equal(one, other) for other in others)
    assert 0 <= float(one.min()) <= float(one.max()) < 1


def test_half_precision_logits_are_widened_first():
    logits = torch.randn(1, 500).to(torch.bfloat16)
    token, logprob = draw(logits.clone(), torch.tensor([0.7]), Sampling(1))
    assert logprob.item() == pytest.approx(logits.float().log_softmax(-1)[0, token].item(), abs=1e-5)
