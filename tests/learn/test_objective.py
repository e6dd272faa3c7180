"""The losses: goldens by hand, gradients against finite differences and by hand, and what clipping may not do."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.core.learning import Cispo, Gspo, PolicyGradient, PpoClip, SequenceMean, TokenMean
from assay.learn.advantage import grpo
from assay.learn.kl import k3
from assay.learn.objective import (
    cispo,
    clip_counts,
    gspo,
    policy_gradient,
    ppo_clip,
    sequence_mean,
    sequence_sum,
    surrogate_of,
)
from assay.learn.weights import token_weights


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def logs(*ratios):
    return tensor(*map(math.log, ratios))


def slope(function, at):
    leaf = at.clone().requires_grad_()
    (found,) = torch.autograd.grad(function(leaf).sum(), leaf)
    return found.tolist()


ZERO = torch.zeros(1, dtype=torch.float64)
ONE_SEQUENCE = torch.zeros(6, dtype=torch.long)


@pytest.mark.parametrize(
    ("ratio", "advantage", "surrogate"),
    [(1.5, 1.0, 1.28), (1.5, -1.0, -1.5), (0.5, 1.0, 0.5), (0.5, -1.0, -0.8), (1.25, 1.0, 1.25)],
)
def test_clip_low_and_high(ratio, advantage, surrogate):
    assert -float(ppo_clip(logs(ratio), ZERO, tensor(advantage), 0.2, 0.28)) == pytest.approx(surrogate, abs=1e-12)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (5.0, -1.0, 3.0, 0.0),  # -min(-5, -1.28) = 5, held at 3 times the advantage
        (2.0, -1.0, 2.0, 2.0),  # below it nothing changes
        (0.5, -2.0, 1.6, 0.0),
        (5.0, 1.0, -1.28, 0.0),  # nor for a positive advantage
    ],
)
def test_dual_clip(ratio, advantage, loss, gradient):
    def of(now):
        return ppo_clip(now, ZERO, tensor(advantage), 0.2, 0.28, 3.0)

    assert float(of(logs(ratio))) == pytest.approx(loss, abs=1e-12)
    assert slope(of, logs(ratio)) == pytest.approx([gradient], abs=1e-12)


def test_one_sgd_step_moves_each_log_prob_by_an_eightieth():
    rewards = torch.tensor([1.0, 0, 0, 1, 0, 1, 0, 1], dtype=torch.float64)
    advantages = grpo(rewards)
    logprobs = torch.zeros(8, dtype=torch.float64, requires_grad=True)
    old = reference = torch.zeros(8, dtype=torch.float64)
    loss = (ppo_clip(logprobs, old, advantages, 0.2, 0.2) + 0.01 * k3(logprobs, reference)).mean()
    loss.backward()
    torch.optim.SGD([logprobs], lr=0.1).step()
    assert logprobs.tolist() == pytest.approx([0.0125 if reward else -0.0125 for reward in rewards], abs=1e-12)


def test_the_gradient_stops_outside_the_range_and_not_on_the_way_back():
    old = torch.zeros(6, dtype=torch.float64)
    now = torch.tensor([-0.5, -0.1, 0.0, 0.1, 0.3, -0.5], dtype=torch.float64, requires_grad=True)
    advantages = torch.tensor([1.0, -1, 2, 1, 1, -1], dtype=torch.float64)
    (found,) = torch.autograd.grad(ppo_clip(now, old, advantages, 0.2, 0.28).sum(), now)
    assert found[4] == 0  # ratio 1.35, wants up: stopped by the upper bound
    assert found[5] == 0  # ratio 0.61, wants down: stopped by the lower bound
    assert found[0] == pytest.approx(-math.exp(-0.5))  # ratio 0.61, wants up: the way back stays open


SEQUENCES = torch.tensor([0, 0, 1, 1, 1])
LOG_RATIOS = tensor(0.2, 0.4, -0.1, -0.2, 0.0)
ADVANTAGES = tensor(1, 1, -2, -2, -2)


def test_sums_and_means_of_sequences():
    assert sequence_sum(LOG_RATIOS, SEQUENCES).tolist() == pytest.approx([0.6, 0.6, -0.3, -0.3, -0.3])
    assert sequence_mean(LOG_RATIOS, SEQUENCES).tolist() == pytest.approx([0.3, 0.3, -0.1, -0.1, -0.1])


def test_gspo_by_hand():
    old = tensor(-1, -2, -3, -4, -5)
    found = gspo(old + LOG_RATIOS, old, ADVANTAGES, SEQUENCES, 0.2, 0.28)
    # s = exp(0.3) = 1.34985880758, clipped to 1.28; s = exp(-0.1) = 0.90483741804, inside
    assert found.tolist() == pytest.approx([-1.28] * 2 + [1.80967483607] * 3, abs=1e-10)


def test_gspo_by_sequence_mean_is_the_papers_sum():
    """Equation 5: the mean over completions of min(s A, clip(s) A), with s = (p(y) / p_old(y)) ** (1 / |y|), equation 7."""
    weights = tensor(
        *(w for w, n in zip(token_weights([2, 3], SequenceMean(), 9), (2, 3), strict=True) for _ in range(n))
    )

    def ours(now):
        return gspo(now, torch.zeros(5, dtype=torch.float64), ADVANTAGES, SEQUENCES, 0.2, 0.28) * weights

    def papers(now):
        terms = []
        for members, advantage in ((slice(0, 2), 1.0), (slice(2, 5), -2.0)):
            likelihood = torch.exp(now[members]).prod()
            ratio = likelihood ** (1 / len(now[members]))
            terms.append(torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.28) * advantage))
        return -torch.stack(terms).mean()

    assert float(ours(LOG_RATIOS).sum()) == pytest.approx(float(papers(LOG_RATIOS)), abs=1e-12)
    assert slope(ours, LOG_RATIOS) == pytest.approx(slope(papers, LOG_RATIOS), abs=1e-12)
    # the first is clipped; -s A / (N |y|) = 0.9048 x 2 / 6 for each token of the second
    assert slope(ours, LOG_RATIOS) == pytest.approx([0, 0] + [0.90483741804 / 3] * 3, abs=1e-10)


def test_cispo_bounds_the_weight_and_never_stops_the_gradient():
    now, advantages = logs(0.5, 1, 8, 8), tensor(1, -1, 2, -2)

    def of(x):
        return cispo(x, torch.zeros(4, dtype=torch.float64), advantages, 0.0, 5.0)

    # -clip(r) A, the ratio a constant
    assert slope(of, now) == pytest.approx([-0.5, 1, -10, 10], abs=1e-12)
    assert of(now).tolist() == pytest.approx([-0.5 * math.log(0.5), 0, -10 * math.log(8), 10 * math.log(8)], abs=1e-12)
    bounded = slope(lambda x: cispo(x, torch.zeros(4, dtype=torch.float64), advantages, 0.75, 5.0), now)
    assert bounded == pytest.approx([-0.75, 1, -10, 10], abs=1e-12)


def test_plain_policy_gradient():
    assert policy_gradient(tensor(-1, -2), tensor(1, -3)).tolist() == [1, -6]
    assert slope(lambda x: policy_gradient(x, tensor(1, -3)), tensor(-1, -2)) == [-1, 3]


EVERY = [PpoClip(), PpoClip(clip_low=0.1, clip_high=0.1, dual_clip=2.0), Gspo(), Cispo(), PolicyGradient()]


@pytest.mark.parametrize("loss", EVERY, ids=lambda loss: loss.kind)
def test_before_the_first_update_every_loss_has_the_policy_gradient(loss):
    """Summed over tokens; GSPO's spreads a completion's advantage evenly, as it is the same for all of its tokens."""
    old = tensor(-1, -2, -3, -4, -5)
    found = slope(lambda x: surrogate_of(loss)(x, old, ADVANTAGES, SEQUENCES), old)
    assert found == pytest.approx([-1, -1, 2, 2, 2], abs=1e-12)


@pytest.mark.parametrize("loss", EVERY, ids=lambda loss: loss.kind)
def test_a_configuration_names_its_function(loss):
    old = tensor(-1, -2, -3, -4, -5)
    now = old + LOG_RATIOS
    found = surrogate_of(loss)(now, old, ADVANTAGES, SEQUENCES)
    match loss:
        case PpoClip():
            expected = ppo_clip(now, old, ADVANTAGES, loss.clip_low, loss.clip_high, loss.dual_clip)
        case Gspo():
            expected = gspo(now, old, ADVANTAGES, SEQUENCES, 3e-4, 4e-4)
        case Cispo():
            expected = cispo(now, old, ADVANTAGES, 0.0, 5.0)
        case PolicyGradient():
            expected = policy_gradient(now, ADVANTAGES)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    "loss",
    [
        PpoClip(),
        PpoClip(dual_clip=1.2),
        Gspo(clip_low=0.05, clip_high=0.05),
        Gspo(clip_low=0.5, clip_high=0.5),
        PolicyGradient(),
    ],
)
def test_gradients_match_finite_differences(loss):
    old = torch.zeros(6, dtype=torch.float64)
    now = torch.tensor([-0.5, -0.1, 0.05, 0.1, 0.3, -0.4], dtype=torch.float64, requires_grad=True)
    advantages = torch.tensor([1.0, -1, 2, 1, -1, -1], dtype=torch.float64)
    sequence = torch.tensor([0, 0, 0, 1, 1, 2])
    assert torch.autograd.gradcheck(lambda x: surrogate_of(loss)(x, old, advantages, sequence), (now,))


def test_cispos_gradient_matches_finite_differences_with_its_weights_held():
    old = torch.zeros(4, dtype=torch.float64)
    now, advantages = logs(0.5, 1.1, 7, 9), tensor(1, -1, 2, -2)
    held = torch.exp(now).clamp(0, 5)
    step, found = 1e-6, []
    for place in range(4):
        ends = []
        for sign in (1, -1):
            moved = now.clone()
            moved[place] += sign * step
            ends.append(float((-held * advantages * moved).sum()))
        found.append((ends[0] - ends[1]) / (2 * step))
    assert slope(lambda x: cispo(x, old, advantages, 0.0, 5.0), now) == pytest.approx(found, abs=1e-6)


pairs = st.lists(st.tuples(st.floats(-2, 2), st.floats(-3, 3)), min_size=1, max_size=6)


@given(pairs)
def test_clipping_only_ever_makes_a_loss_larger(points):
    now, advantages = (tensor(*each) for each in zip(*points, strict=True))
    old = torch.zeros_like(now)
    unclipped = -torch.exp(now) * advantages
    assert (ppo_clip(now, old, advantages, 0.2, 0.28) >= unclipped - 1e-12).all()
    held = ppo_clip(now, old, advantages, 0.2, 0.28, 3.0)
    assert (held <= 3 * advantages.abs() + 1e-12).all()


@given(pairs, st.randoms())
def test_sequences_do_not_see_each_other(points, random):
    now, advantages = (tensor(*each) for each in zip(*points, strict=True))
    sequence = torch.tensor(sorted(random.randrange(3) for _ in points))
    sequence = torch.unique(sequence, return_inverse=True)[1]
    whole = gspo(now, torch.zeros_like(now), advantages, sequence, 0.2, 0.28)
    for place in range(int(sequence.max()) + 1):
        own = sequence == place
        alone = gspo(
            now[own], torch.zeros_like(now[own]), advantages[own], torch.zeros(int(own.sum()), dtype=int), 0.2, 0.28
        )
        assert torch.allclose(whole[own], alone, atol=1e-12)


def test_clip_counts_by_side():
    now = torch.tensor([0.5, 0.5, -0.5, -0.5, 0.0])
    old, advantages = torch.zeros(5), torch.tensor([1.0, -1, 1, -1, 1])
    one = torch.zeros(5, dtype=torch.long)
    assert clip_counts(now, old, advantages, one, PpoClip()) == (1, 1)
    assert clip_counts(now, old, advantages, one, PpoClip(dual_clip=1.5)) == (1, 2)  # exp(0.5) = 1.65
    assert clip_counts(now, old, advantages, one, Cispo(min_ratio=0.7, max_ratio=1.5)) == (2, 2)
    assert clip_counts(now, old, advantages, one, PolicyGradient()) == (0, 0)
    # GSPO: of two sequences, exp(0.5) and exp(-1/3), all of whose tokens go together
    two = torch.tensor([0, 0, 1, 1, 1])
    assert clip_counts(now, old, torch.tensor([1.0, 1, -1, -1, -1]), two, Gspo()) == (3, 2)
    assert clip_counts(now, old, torch.tensor([-1.0, -1, 1, 1, 1]), two, Gspo()) == (0, 0)


@pytest.mark.parametrize("loss", EVERY, ids=lambda loss: loss.kind)
def test_what_is_counted_is_what_has_no_gradient(loss):
    draw = torch.Generator().manual_seed(5)
    now = torch.randn(400, generator=draw, dtype=torch.float64) * 0.5
    advantages = torch.randn(400, generator=draw, dtype=torch.float64)
    sequence = torch.arange(100).repeat_interleave(4)
    if isinstance(loss, Gspo):
        advantages = advantages[::4].repeat_interleave(4)
    old = torch.zeros_like(now)
    stopped = sum(each == 0 for each in slope(lambda x: surrogate_of(loss)(x, old, advantages, sequence), now))
    counts = clip_counts(now, old, advantages, sequence, loss)
    assert stopped == (0 if isinstance(loss, Cispo) else sum(counts))
    assert (sum(counts) > 0) == (not isinstance(loss, Cispo | PolicyGradient))


def test_an_objective_by_hand():
    """Two completions, ratios 1.5 and 0.5 throughout, in the three aggregations."""
    now = logs(1.5, 1.5, 0.5, 0.5, 0.5, 0.5)
    losses = ppo_clip(now, torch.zeros(6, dtype=torch.float64), tensor(1, 1, -1, -1, -1, -1), 0.2, 0.28)
    assert losses.tolist() == pytest.approx([-1.28] * 2 + [0.8] * 4, abs=1e-12)
    for aggregation, expected in ((TokenMean(), (4 * 0.8 - 2 * 1.28) / 6), (SequenceMean(), (0.8 - 1.28) / 2)):
        first, second = token_weights([2, 4], aggregation, 8)
        assert float(losses @ tensor(*[first] * 2, *[second] * 4)) == pytest.approx(expected, abs=1e-12)
