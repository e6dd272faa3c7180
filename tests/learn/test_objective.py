"""The clipped surrogate and the KL estimators: goldens by hand, finite differences, and one step of SGD."""

import math

import pytest
import torch

from assay.core.learning import PpoClip
from assay.learn.advantage import grpo
from assay.learn.kl import k1, k2, k3
from assay.learn.objective import clip_counts, ppo_clip


@pytest.mark.parametrize(
    ("ratio", "advantage", "surrogate"),
    [(1.5, 1.0, 1.28), (1.5, -1.0, -1.5), (0.5, 1.0, 0.5), (0.5, -1.0, -0.8), (1.25, 1.0, 1.25)],
)
def test_clip_low_and_high(ratio, advantage, surrogate):
    now = torch.tensor([math.log(ratio)], dtype=torch.float64)
    loss = ppo_clip(now, torch.zeros(1, dtype=torch.float64), torch.tensor([advantage], dtype=torch.float64), 0.2, 0.28)
    assert -float(loss) == pytest.approx(surrogate, abs=1e-12)


@pytest.mark.parametrize(
    ("difference", "value"), [(0.1, 0.00517092), (-0.1, 0.00483742), (1.0, 0.71828183), (0.0, 0.0)]
)
def test_k3(difference, value):
    reference = torch.tensor([difference], dtype=torch.float64)
    assert float(k3(torch.zeros(1, dtype=torch.float64), reference)) == pytest.approx(value, abs=5e-9)


def test_the_estimators_agree_to_first_order_and_k3_is_never_negative():
    policy, reference = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (k3(policy, reference) >= 0).all()
    near = policy + 1e-4 * reference
    assert torch.allclose(k2(policy, near), k3(policy, near), atol=1e-11)
    assert torch.allclose(k1(policy, reference), policy - reference)


def test_one_sgd_step_moves_each_log_prob_by_an_eightieth():
    rewards = torch.tensor([1.0, 0, 0, 1, 0, 1, 0, 1], dtype=torch.float64)
    advantages = grpo(rewards)
    logprobs = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    old = reference = torch.zeros(8, dtype=torch.float64)
    loss = (ppo_clip(logprobs, old, advantages, 0.2, 0.2) + 0.01 * k3(logprobs, reference)).mean()
    loss.backward()
    torch.optim.SGD([logprobs], lr=0.1).step()
    assert logprobs.tolist() == pytest.approx([0.0125 if reward else -0.0125 for reward in rewards], abs=1e-12)


def test_gradients_match_finite_differences_and_stop_outside_the_range():
    old = torch.zeros(6, dtype=torch.float64)
    now = torch.tensor([-0.5, -0.1, 0.0, 0.1, 0.3, -0.5], dtype=torch.float64, requires_grad=True)
    advantages = torch.tensor([1.0, -1, 2, 1, 1, -1], dtype=torch.float64)

    def total(x):
        return (ppo_clip(x, old, advantages, 0.2, 0.28) + 0.1 * k3(x, old - 0.2)).sum()

    assert torch.autograd.gradcheck(total, (now,))
    (slope,) = torch.autograd.grad(ppo_clip(now, old, advantages, 0.2, 0.28).sum(), now)
    assert slope[4] == 0  # ratio 1.35, wants up: stopped by the upper bound
    assert slope[5] == 0  # ratio 0.61, wants down: stopped by the lower bound
    assert slope[0] != 0  # ratio 0.61, wants up: the way back stays open


def test_clip_counts_by_side():
    now = torch.tensor([0.5, 0.5, -0.5, -0.5, 0.0])
    one = torch.zeros(5, dtype=torch.long)
    counts = clip_counts(now, torch.zeros(5), torch.tensor([1.0, -1, 1, -1, 1]), one, PpoClip())
    assert counts == (1, 1)
