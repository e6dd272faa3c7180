"""Losses of preferences: by hand, their gradients, what they may not depend on; and what training on pairs does."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from assay.core.config import LoraConfig
from assay.core.errors import RunFolderError, UsageError
from assay.core.fitting import Dpo, Hinge, Ipo, Kto, PreferenceConfig, RobustDpo, SimPo
from assay.core.types import Message
from assay.learn.prefer import prefer
from assay.learn.preference import (
    Answers,
    bradley_terry,
    dpo,
    hinge,
    ipo,
    kto,
    kto_zero,
    pair_loss_of,
    robust_dpo,
    simpo,
)
from assay.model.load import _with_lora
from assay.model.tiny import build_tiny
from assay.tasks.conversations import Labelled, Pair

LETTERS = "abcdefgh"
LOSSES = [Dpo(), Dpo(label_smoothing=0.2), RobustDpo(), Ipo(), Hinge(beta=0.3), SimPo(), SimPo(label_smoothing=0.1)]


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def log_sigmoid(value):
    return -math.log1p(math.exp(-value))


def test_by_hand():
    assert float(bradley_terry(tensor(1.0), tensor(0.0))) == pytest.approx(-log_sigmoid(1.0), abs=1e-12)  # 0.313262
    assert float(bradley_terry(tensor(1.0), tensor(0.0), 0.4, 0.01)) == pytest.approx(
        -log_sigmoid(0.6) + 0.01, abs=1e-12
    )
    assert float(dpo(tensor(0.0), 0.1)) == pytest.approx(math.log(2), abs=1e-12)
    assert float(dpo(tensor(5.0), 0.1, 0.2)) == pytest.approx(
        -0.8 * log_sigmoid(0.5) - 0.2 * log_sigmoid(-0.5), abs=1e-12
    )
    expected = (-0.8 * log_sigmoid(0.5) + 0.2 * log_sigmoid(-0.5)) / 0.6
    assert float(robust_dpo(tensor(5.0), 0.1, 0.2)) == pytest.approx(expected, abs=1e-12)
    assert float(ipo(tensor(2.0), 0.1)) == pytest.approx(9.0, abs=1e-12)  # (2 - 5)^2
    assert float(hinge(tensor(4.0), 0.1)) == pytest.approx(0.6, abs=1e-12)
    assert float(hinge(tensor(11.0), 0.1)) == 0.0
    assert float(simpo(tensor(0.75), 2.0, 1.0)) == pytest.approx(-log_sigmoid(0.5), abs=1e-12)
    found = kto(tensor(2.0, 2.0), torch.tensor([True, False]), 1.0, 0.5, 1.0, 2.0)
    assert found.tolist() == pytest.approx([1 - 1 / (1 + math.exp(-0.5)), 2 - 2 / (1 + math.exp(0.5))], abs=1e-12)
    assert float(kto_zero(tensor(1.0, -3.0))) == 0.0
    assert float(kto_zero(tensor(3.0, -1.0))) == 1.0


def answers(logprobs, reference=(0.0, 0.0, 0.0), lengths=(2.0, 3.0, 5.0)):
    return Answers(logprobs, tensor(*reference), tensor(*lengths))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.kind)
def test_gradients_match_finite_differences(loss):
    of = pair_loss_of(loss)
    chosen, rejected = tensor(-3.0, -2.5, -9.0).requires_grad_(), tensor(-4.0, -2.0, -7.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda *each: of(answers(each[0]), answers(each[1])), (chosen, rejected))
    by_chosen, by_rejected = torch.autograd.grad(of(answers(chosen), answers(rejected)).sum(), (chosen, rejected))
    assert (by_chosen <= 0).all() or isinstance(loss, Ipo)
    assert torch.allclose(by_chosen, -by_rejected)  # equal lengths: what one gains the other loses


def test_gradients_of_rewards_and_of_kto_match_finite_differences():
    one, other = tensor(0.3, -1.0).requires_grad_(), tensor(0.5, -2.0).requires_grad_()
    assert torch.autograd.gradcheck(lambda *each: bradley_terry(*each, 0.1, 0.02), (one, other))
    is_good = torch.tensor([True, False])
    assert torch.autograd.gradcheck(lambda each: kto(each, is_good, 0.2, 0.5, 1.5, 0.7), (one,))


@given(st.floats(-30, 30), st.floats(0.01, 2), st.floats(0.01, 0.45))
def test_robust_dpo_takes_wrong_labels_back_out(delta, beta, flipped):
    """Over labels of which a share is flipped, its expectation is DPO's over the right ones."""
    right, wrong = robust_dpo(tensor(delta), beta, flipped), robust_dpo(tensor(-delta), beta, flipped)
    clean = float(dpo(tensor(delta), beta))
    assert float((1 - flipped) * right + flipped * wrong) == pytest.approx(clean, rel=1e-9, abs=1e-9)


@given(st.floats(-30, 30), st.floats(0.01, 2), st.floats(0, 0.45))
def test_smoothing_mixes_dpo_with_its_mirror_image(delta, beta, share):
    mixed = (1 - share) * dpo(tensor(delta), beta) + share * dpo(tensor(-delta), beta)
    assert float(dpo(tensor(delta), beta, share)) == pytest.approx(float(mixed), rel=1e-12)


@given(st.lists(st.floats(-20, 0), min_size=3, max_size=3), st.floats(-5, 5))
def test_what_moves_policy_and_reference_alike_changes_no_loss(values, shift):
    base, other = tensor(*values), tensor(-4.0, -2.0, -7.0)
    for loss in LOSSES:
        if isinstance(loss, SimPo):
            continue
        of = pair_loss_of(loss)
        moved = of(answers(base + shift, (shift,) * 3), answers(other))
        assert torch.allclose(moved, of(answers(base), answers(other)), atol=1e-9)


def asked(text):
    return (Message("user", text),)


PAIRS = [Pair(asked(text), text[::-1], text) for text in ("ab", "cd", "efg", "gha", "bc", "dhf")]
OTHERS = [Pair(asked(text), text[::-1], text) for text in ("ac", "fb")]


@pytest.mark.parametrize("loss", [Dpo(), RobustDpo(), Ipo(beta=1.0), Hinge(), SimPo()], ids=lambda loss: loss.kind)
def test_it_comes_to_prefer_what_is_preferred(loss):
    config = PreferenceConfig(loss=loss, steps=30, batch_size=4, learning_rate=3e-3, validate_every=10)
    fitted = prefer(build_tiny(LETTERS), PAIRS, config, seed=0, validation=OTHERS)
    assert fitted.history[-1]["accuracy"] == 1.0
    assert fitted.history[-1]["margin"] > fitted.history[0]["margin"] + 0.1
    assert [row["step"] for row in fitted.validations] == [0, 10, 20, 30]
    if not isinstance(loss, SimPo):
        assert fitted.history[0]["margin"] == pytest.approx(0.0, abs=1e-5), "the policy is its own reference"


def test_kto_learns_from_answers_that_were_never_paired():
    single = [Labelled(asked("ab"), "ba", True), Labelled(asked("cd"), "cc", False), Labelled(asked("ef"), "fe", True)]
    config = PreferenceConfig(loss=Kto(beta=0.5), steps=30, batch_size=3, learning_rate=3e-3)
    fitted = prefer(build_tiny(LETTERS), single, config, seed=0)
    assert fitted.losses[-1] < fitted.losses[0] - 0.1
    assert fitted.history[-1]["chosen"] > 0 > fitted.history[-1]["rejected"]
    assert all(row["zero"] >= 0 for row in fitted.history)


def test_the_reference_is_the_policy_as_it_came_in_however_rows_are_cut():
    for row_tokens in (8192, 1):
        config = PreferenceConfig(steps=3, batch_size=6, learning_rate=1e-3, row_tokens=row_tokens)
        found = prefer(build_tiny(LETTERS), PAIRS, config, seed=0)
        if row_tokens == 8192:
            whole = found
    assert found.losses == pytest.approx(whole.losses, abs=1e-6)
    assert found.losses[0] == pytest.approx(math.log(2), abs=1e-6)


def test_imitation_adds_the_likelihood_of_what_was_chosen():
    plain, mixed = (
        prefer(build_tiny(LETTERS), PAIRS, PreferenceConfig(steps=1, batch_size=6, imitation=weight), seed=0).losses[0]
        for weight in (0.0, 0.5)
    )
    assert mixed - plain == pytest.approx(0.5 * math.log(len(build_tiny(LETTERS).tokenizer)), rel=0.1)


def test_an_adapter_learns_and_its_base_is_the_reference():
    loaded = build_tiny(LETTERS)
    loaded = replace(loaded, model=_with_lora(loaded.model, LoraConfig(rank=4)))
    config = PreferenceConfig(steps=20, batch_size=6, learning_rate=1e-2)
    fitted = prefer(loaded, PAIRS, config, seed=0)
    assert fitted.losses[0] == pytest.approx(math.log(2), abs=1e-6)
    assert fitted.history[-1]["accuracy"] == 1.0


def test_killed_at_any_step_it_goes_on_to_the_same_bits(tmp_path):
    config = PreferenceConfig(epochs=2, batch_size=4, learning_rate=1e-3, save_every=1, warmup_steps=1)
    loaded = build_tiny(LETTERS)
    whole = prefer(loaded, PAIRS, config, seed=0)
    assert len(whole.history) == 3
    for last in (1, 2, 3):
        folder = tmp_path / str(last)

        def killed(step, numbers, last=last):
            if step == last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            prefer(build_tiny(LETTERS), PAIRS, config, seed=0, folder=folder, progress=killed)
        again = build_tiny(LETTERS)
        resumed = prefer(again, PAIRS, config, seed=0, folder=folder)
        assert resumed == whole
        for one, other in zip(again.model.parameters(), loaded.model.parameters(), strict=True):
            assert torch.equal(one, other)


def test_a_state_of_other_data_is_refused(tmp_path):
    config = PreferenceConfig(steps=1, batch_size=2, save_every=1)
    prefer(build_tiny(LETTERS), PAIRS, config, seed=0, folder=tmp_path)
    with pytest.raises(RunFolderError, match="the state of another fit"):
        prefer(build_tiny(LETTERS), OTHERS, config, seed=0, folder=tmp_path)


def test_answers_without_a_partner_are_refused_where_pairs_are_needed():
    with pytest.raises(UsageError, match=r"dpo learns from pairs: .*kto would be right"):
        prefer(build_tiny(LETTERS), [Labelled(asked("ab"), "ba", True)], PreferenceConfig(), seed=0)
    with pytest.raises(UsageError, match="none has at most 3 tokens"):
        prefer(build_tiny(LETTERS), PAIRS, PreferenceConfig(max_tokens=3), seed=0)
