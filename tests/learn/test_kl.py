"""The KL estimators against the exact divergence of a small distribution, value and gradient; the adaptive coefficient."""

import pytest
import torch

from assay.core.learning import KlConfig
from assay.learn.kl import ESTIMATORS, adapted, k1, k2, k3

DRAW = torch.Generator().manual_seed(0)
LOGITS = torch.randn(6, generator=DRAW, dtype=torch.float64)
REFERENCE = torch.log_softmax(torch.randn(6, generator=DRAW, dtype=torch.float64), -1)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def divergence(one, other):
    """KL of log-probs `one` from `other`, all outcomes summed."""
    return (one.exp() * (one - other)).sum()


def sampled(estimate, logits, reference=REFERENCE):
    """The estimator's expectation over the policy's own samples, which are held fixed when it is differentiated."""
    logprobs = torch.log_softmax(logits, -1)
    return (logprobs.exp().detach() * estimate(logprobs, reference)).sum()


def slope(function):
    leaf = LOGITS.clone().requires_grad_()
    (found,) = torch.autograd.grad(function(leaf), leaf)
    return found


@pytest.mark.parametrize(
    ("difference", "value"), [(0.1, 0.00517092), (-0.1, 0.00483742), (1.0, 0.71828183), (0.0, 0.0)]
)
def test_k3(difference, value):
    assert float(k3(tensor(0.0), tensor(difference))) == pytest.approx(value, abs=5e-9)


def test_k1_and_k2():
    assert float(k1(tensor(-1.0), tensor(-1.5))) == 0.5
    assert float(k2(tensor(-1.0), tensor(-1.5))) == 0.125


def test_the_estimators_agree_to_first_order_and_k3_is_never_negative():
    policy, reference = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert (k3(policy, reference) >= 0).all()
    near = policy + 1e-4 * reference
    assert torch.allclose(k2(policy, near), k3(policy, near), atol=1e-11)
    assert torch.allclose(k1(policy, reference), policy - reference)


@pytest.mark.parametrize("estimate", [k1, k3])
def test_k1_and_k3_have_the_divergence_for_their_mean(estimate):
    exact = divergence(torch.log_softmax(LOGITS, -1), REFERENCE)
    assert float(sampled(estimate, LOGITS)) == pytest.approx(float(exact), abs=1e-12)


def test_k2_has_it_to_second_order_only():
    logprobs = torch.log_softmax(LOGITS, -1)
    apart = torch.randn(6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    errors = []
    for size in (0.1, 0.01):
        near = torch.log_softmax(LOGITS + size * apart, -1)
        errors.append(abs(float(sampled(k2, LOGITS, near) - divergence(logprobs, near))))
    assert errors[0] > 1e-9
    assert errors[1] == pytest.approx(errors[0] / 1000, rel=0.2)  # what is left is of third order


def test_the_mean_gradient_of_k2_is_that_of_the_divergence_that_one_means():
    exact = slope(lambda logits: divergence(torch.log_softmax(logits, -1), REFERENCE))
    assert torch.allclose(slope(lambda logits: sampled(k2, logits)), exact, atol=1e-12)


def test_the_mean_gradient_of_k3_is_that_of_the_divergence_the_other_way_round():
    other_way = slope(lambda logits: divergence(REFERENCE, torch.log_softmax(logits, -1)))
    assert torch.allclose(slope(lambda logits: sampled(k3, logits)), other_way, atol=1e-12)
    this_way = slope(lambda logits: divergence(torch.log_softmax(logits, -1), REFERENCE))
    assert not torch.allclose(other_way, this_way, atol=1e-2)


def test_the_mean_gradient_of_k1_is_nothing():
    assert slope(lambda logits: sampled(k1, logits)).abs().max() < 1e-12


def test_a_sample_times_its_ratio_has_another_gradient_even_where_the_ratio_is_one():
    """What codes do that multiply by p / p_old first: their k3 has the gradient that our k2 has, and ours has not."""
    old = torch.log_softmax(LOGITS, -1)

    def weighted(logits):
        logprobs = torch.log_softmax(logits, -1)
        return (old.exp() * torch.exp(logprobs - old) * k3(logprobs, REFERENCE)).sum()

    assert float(weighted(LOGITS)) == pytest.approx(float(sampled(k3, LOGITS)), abs=1e-12)
    assert torch.allclose(slope(weighted), slope(lambda logits: sampled(k2, logits)), atol=1e-12)
    assert not torch.allclose(slope(weighted), slope(lambda logits: sampled(k3, logits)), atol=1e-2)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_gradients_match_finite_differences(name):
    policy = tensor(-0.3, -1.0, -2.5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ESTIMATORS[name](x, tensor(-0.5, -1.0, -1.1)), (policy,))


@pytest.mark.parametrize(
    ("kl", "coefficient"),
    [  # 0.05 (1 + error x 20 / 100), the error held within 0.2
        (0.2, 0.052),
        (5.0, 0.052),
        (0.11, 0.051),
        (0.1, 0.05),
        (0.09, 0.049),
        (0.0, 0.048),
    ],
)
def test_an_adaptive_coefficient_follows_its_target(kl, coefficient):
    config = KlConfig(coefficient=0.05, target=0.1, horizon=100)
    assert adapted(0.05, kl, 20, config) == pytest.approx(coefficient, abs=1e-12)


def test_without_a_target_the_coefficient_stays():
    assert adapted(0.05, 100.0, 20, KlConfig(coefficient=0.05)) == 0.05
