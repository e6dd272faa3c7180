"""Updates of a policy: clipping over several updates, refused non-finite steps, LoRA's reference, the exact gradient."""

from dataclasses import replace

import pytest
import torch

from assay.core.config import LoraConfig, ModelConfig
from assay.core.errors import ConfigError, NonFiniteStep
from assay.core.learning import LearnConfig
from assay.core.types import Completion
from assay.learn.batch import Sample
from assay.learn.policy import Policy
from assay.model.load import load_model, save_model
from assay.model.tiny import build_tiny


def groups_of(policy, count=4, size=4, length=6):
    """Random completions with the log-probs that the policy gives them now, advantages +1 and -1 in turn."""
    draw = torch.Generator().manual_seed(1)
    groups = []
    for _ in range(count):
        prompt = tuple(torch.randint(4, 14, (5,), generator=draw).tolist())
        group = []
        for place in range(size):
            tokens = tuple(torch.randint(4, 14, (length,), generator=draw).tolist())
            with torch.no_grad():
                logits = policy.loaded.model(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
            logprobs = torch.log_softmax(logits, -1).gather(-1, torch.tensor(tokens)[:, None])[:, 0]
            advantages = (1.0 if place % 2 else -1.0,) * length
            group.append(
                Sample(
                    prompt, Completion("", tokens, tuple(logprobs.tolist())), advantages, 1 / (count * size * length)
                )
            )
        groups.append(group)
    return groups


def make_policy(**learn):
    return Policy(build_tiny("0123456789"), LearnConfig(**{"learning_rate": 1e-2, **learn}), temperature=1.0)


def weights(policy):
    return torch.cat([parameter.detach().flatten().clone() for parameter in policy.loaded.model.parameters()])


def test_one_update_is_on_policy_and_several_are_clipped():
    policy = make_policy()
    groups = groups_of(policy)
    first = policy.learn(groups, 1e-2)
    assert first.updates == 1
    assert first.clip_low == first.clip_high == 0
    assert first.logprob_difference < 1e-4

    policy = make_policy(epochs=3, minibatches=2)
    groups = groups_of(policy)
    several = policy.learn(groups, 1e-2)
    assert several.updates == 6
    assert several.clip_low > 0
    assert several.clip_high > 0


def test_a_step_raises_what_was_rewarded():
    policy = make_policy()
    groups = groups_of(policy)
    policy.learn(groups, 1e-2)
    after = groups_of(policy)  # the same tokens, under the new weights
    gain = [
        sum(new.completion.logprobs) - sum(old.completion.logprobs)
        for before, now in zip(groups, after, strict=True)
        for old, new in zip(before, now, strict=True)
    ]
    good = sum(gain[1::2])
    bad = sum(gain[0::2])
    assert good > bad


def test_the_update_does_not_depend_on_row_size():
    results = []
    for row_tokens in (4096, 40, 1):
        policy = make_policy(microbatch_tokens=row_tokens)
        groups = groups_of(policy)
        policy.learn(groups, 1e-3)
        results.append(weights(policy))
    # AdamW's first step divides each gradient by its own size, so only gradients of rounding size may differ
    for other in results[1:]:
        assert (other - results[0]).abs().mean() < 1e-6


def test_kl_pulls_back_to_the_reference():
    free, held = make_policy(epochs=8), make_policy(epochs=8, kl={"coefficient": 5.0})
    start = weights(free)
    for policy in (free, held):
        groups = groups_of(policy)
        update = policy.learn(groups, 1e-3)
    assert update.kl is not None
    assert update.kl > 0
    assert (weights(held) - start).norm() < (weights(free) - start).norm()


def test_left_out_groups_make_a_smaller_step_of_the_gradient():
    policy = make_policy(optimiser={"max_grad_norm": 1e9})
    groups = groups_of(policy)
    whole = policy.learn(groups, 0.0).grad_norm
    lighter = [[replace(each, weight=each.weight / 2) for each in group] for group in groups]
    half = policy.learn(lighter, 0.0).grad_norm
    assert half == pytest.approx(whole / 2, rel=1e-4)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_non_finite_step_is_refused_and_changes_nothing(poison):
    policy = make_policy()
    groups = groups_of(policy)
    before = weights(policy)
    spoilt = [[replace(each, advantages=(poison,) * len(each.advantages)) for each in groups[0]]]
    with pytest.raises(NonFiniteStep, match="refused"):
        policy.learn(spoilt, 1e-2)
    assert torch.equal(weights(policy), before)
    assert not policy.dirty


def test_dirty_from_the_first_change_until_the_trainer_says_otherwise():
    policy = make_policy()
    groups = groups_of(policy)
    assert not policy.dirty
    policy.learn(groups, 1e-2)
    assert policy.dirty


def test_an_adaptive_coefficient_counts_each_completion_once_however_many_epochs():
    kl = {"coefficient": 0.1, "target": 1e-6, "horizon": 100}
    found = []
    for epochs in (1, 3):
        policy = make_policy(kl=kl, epochs=epochs)
        groups = groups_of(policy)
        policy.reference.load_state_dict(build_tiny("0123456789", seed=1).model.state_dict())  # far from the policy
        policy.learn(groups, 1e-3)
        found.append(policy.kl_coefficient)
    # far above its target: 0.1 (1 + 0.2 x 16 completions / 100)
    assert found == pytest.approx([0.1032, 0.1032], abs=1e-12)


def test_the_policy_becomes_its_own_reference():
    policy = make_policy(kl={"coefficient": 0.1, "reset_every": 1})
    groups = groups_of(policy)
    policy.learn(groups, 1e-2)
    moved = policy.reference_logprobs(groups)
    policy.reset_reference()
    assert all(map(torch.equal, policy.reference.parameters(), policy.loaded.model.parameters()))
    assert not any(each.requires_grad for each in policy.reference.parameters())
    again = policy.reference_logprobs(groups)
    assert not torch.allclose(again[0][0], moved[0][0], atol=1e-3)
    at_reset = weights(policy)
    policy.learn(groups, 1e-2)
    assert not torch.equal(weights(policy), at_reset), "the policy goes on"
    assert all(map(torch.equal, *(policy.reference_logprobs(groups)[0], again[0]))), "and leaves its reference behind"


def test_with_an_adapter_the_reference_is_the_base_and_cannot_move(tmp_path):
    tiny = build_tiny("0123456789")
    save_model(tiny.model, tiny.tokenizer, tmp_path)
    loaded = load_model(ModelConfig(name=str(tmp_path), device="cpu", threads=1, lora=LoraConfig(rank=4)))
    with pytest.raises(ConfigError, match=r"learn\.kl\.reset_every: with LoRA the reference is the base"):
        Policy(loaded, LearnConfig(kl={"coefficient": 0.1, "reset_every": 5}), 1.0)
    policy = Policy(loaded, LearnConfig(kl={"coefficient": 0.1}, gradient_checkpointing=True), 1.0)
    assert policy.reference is None
    groups = groups_of(make_policy())
    before = policy.reference_logprobs(groups)
    for _ in range(2):
        update = policy.learn(groups, 1e-2)
    assert update.kl > 0
    after = policy.reference_logprobs(groups)
    assert all(torch.equal(a, b) for x, y in zip(before, after, strict=True) for a, b in zip(x, y, strict=True))


def test_an_entropy_bonus_raises_the_entropy():
    found = []
    for coefficient in (0.0, 1.0):
        policy = make_policy(entropy_coefficient=coefficient)
        groups = [[replace(each, advantages=(0.0,) * 6) for each in group] for group in groups_of(policy)]
        policy.loaded.model.lm_head.weight.data *= 3  # away from uniform
        first = policy.learn(groups, 1e-3).entropy
        found.append(policy.learn(groups, 1e-3).entropy - first)
    assert found[0] == 0
    assert found[1] > 0.01


@pytest.mark.parametrize("kind", ["truncate", "mask"])
def test_a_correction_is_measured_and_makes_ratios_start_from_training(kind):
    policy = make_policy(correction={"kind": kind})
    shifted = [
        [replace(each, completion=replace(each.completion, logprobs=tuple(x - 0.1 for x in each.completion.logprobs)))
         for each in group]
        for group in groups_of(policy)
    ]  # fmt: skip
    update = policy.learn(shifted, 1e-3)
    assert update.importance == pytest.approx(1.10517, abs=1e-4)  # exp(0.1)
    assert update.clip_low == update.clip_high == 0
    assert update.mean_logprob_difference == pytest.approx(0.1, abs=1e-4)
    assert make_policy().learn(shifted, 1e-3).importance is None
