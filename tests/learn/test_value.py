"""The critic: its loss by hand, what it learns, what it may see, how it starts, and PPO's step with it."""

import math
from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification

from assay.core.errors import ModelError, NonFiniteStep
from assay.core.learning import CriticConfig, GaeAdvantage, LearnConfig
from assay.core.types import Completion, Group, Member, Message, Outcome, Reason, Reward, Task, Verdict
from assay.learn.batch import Sample
from assay.learn.lesson import teach
from assay.learn.policy import Policy
from assay.learn.value import Critic, value_loss
from assay.model.load import quiet
from assay.model.tiny import build_tiny, character_tokenizer

LETTERS = "abcdefgh"
FAIL = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("value", "before", "wanted", "clip", "loss"),
    [
        (0.5, 0.0, 1.0, None, 0.125),
        (1.0, 0.0, 1.0, 0.2, 0.32),  # it may claim 0.2 only: (0.2 - 1)^2 / 2
        (-0.5, 0.0, 1.0, 0.2, 1.125),  # the wrong way is never clipped: (-0.5 - 1)^2 / 2
        (0.1, 0.0, 1.0, 0.2, 0.405),
        (1.5, 1.4, 1.0, 0.2, 0.125),
    ],
)
def test_value_clipping_by_hand(value, before, wanted, clip, loss):
    assert float(value_loss(tensor(value), tensor(before), tensor(wanted), clip)) == pytest.approx(loss, abs=1e-12)


@pytest.mark.parametrize("clip", [None, 0.2])
def test_its_gradient_matches_finite_differences(clip):
    values = tensor(0.9, -0.5, 0.1, 1.3).requires_grad_()
    before, wanted = tensor(0.0, 0.0, 0.0, 1.4), tensor(1.0, 1.0, 1.0, 1.0)
    assert torch.autograd.gradcheck(lambda x: value_loss(x, before, wanted, clip), (values,))
    (slope,) = torch.autograd.grad(value_loss(values, before, wanted, clip).sum(), values)
    assert (slope[0] == 0) == (clip is not None), "beyond the range nothing more is learnt"


def make_critic(loaded=None, critic=None, **learn):
    critic = CriticConfig(**{"learning_rate": 1e-2, **(critic or {})})
    return Critic(loaded or build_tiny(LETTERS), critic, LearnConfig(**learn))


def sample(prompt, tokens, returns=(), values=None):
    values = (0.0,) * len(tokens) if values is None else values
    completion = Completion("", tuple(tokens), (-1.0,) * len(tokens))
    return Sample(tuple(prompt), completion, (), 0.0, tuple(values), tuple(returns))


def with_returns(critic, groups, wanted):
    """The samples with the critic's values of now, and `wanted(group, sample)` for each token's return."""
    found = critic.values(groups)
    return [
        [
            replace(each, values=tuple(value.tolist()), returns=(wanted(place, each),) * len(value))
            for each, value in zip(group, inner, strict=True)
        ]
        for place, (group, inner) in enumerate(zip(groups, found, strict=True))
    ]


GROUPS = [
    [sample([4, 5], [6, 7, 8]), sample([4, 5], [9])],
    [sample([4, 10], [6, 7]), sample([4, 10], [8, 8, 11, 5])],
]


def parameters(module):
    return torch.cat([each.detach().flatten().clone() for each in module.parameters()])


def test_it_begins_at_zero():
    assert all(not value.any() for group in make_critic().values(GROUPS) for value in group)


def test_values_come_one_per_token_and_see_only_what_is_before_it():
    critic = make_critic()
    torch.nn.init.normal_(critic.head.weight, generator=torch.Generator().manual_seed(0))
    found = critic.values(GROUPS)
    assert [[len(value) for value in group] for group in found] == [[3, 1], [2, 4]]
    ((base,),) = critic.values([[sample([4, 5], [6, 7, 8])]])
    ((last,),) = critic.values([[sample([4, 5], [6, 7, 9])]])
    ((first,),) = critic.values([[sample([4, 5], [10, 7, 8])]])
    assert torch.allclose(found[0][0], base, atol=1e-6)
    assert torch.equal(last, base), "the last token's value is of before it"
    assert torch.allclose(first[0], base[0], atol=1e-6)
    assert (first[1:] - base[1:]).abs().min() > 1e-4


def test_a_constant_return_is_fitted():
    critic = make_critic(critic={"value_clip": None}, optimiser={"max_grad_norm": 1e9})
    for _ in range(60):
        update = critic.learn(with_returns(critic, GROUPS, lambda *_: 0.7))
    assert update.loss < 1e-3
    assert update.mean_value == pytest.approx(0.7, abs=0.05)
    assert update.explained_variance == 0.0, "a constant has no variance to explain"


def test_returns_per_prompt_are_fitted_and_their_variance_explained():
    critic = make_critic(optimiser={"max_grad_norm": 1e9})
    explained = []
    for _ in range(80):
        update = critic.learn(with_returns(critic, GROUPS, lambda place, _: float(place)))
        explained.append(update.explained_variance)
    assert explained[0] == pytest.approx(0.0, abs=1e-6)  # values of zero explain nothing
    assert explained[-1] > 0.95
    for place, group in enumerate(critic.values(GROUPS)):
        assert all((value - place).abs().max() < 0.25 for value in group)


def test_a_value_moves_no_further_than_its_clip_asks():
    """With a clip of 0.01 a batch's gradient stops once each value has moved by it, however many epochs there are."""
    moved = {}
    for clip in (0.01, None):
        critic = make_critic(critic={"value_clip": clip, "learning_rate": 1e-3}, epochs=12)
        critic.learn(with_returns(critic, GROUPS, lambda *_: 5.0))
        moved[clip] = max(float(value.max()) for group in critic.values(GROUPS) for value in group)
    assert 0.005 < moved[0.01] < moved[None] / 3


def test_explained_variance_by_hand():
    group = [
        sample([4], [5, 6], returns=(0.0, 1.0), values=(0.0, 0.5)),
        sample([4], [7], returns=(2.0,), values=(2.0,)),
    ]
    # returns 0, 1, 2: variance 2/3; errors 0, 0.5, 0: variance 0.25/3 - (0.5/3)^2 = 1/18
    assert make_critic().learn([group]).explained_variance == pytest.approx(1 - (1 / 18) / (2 / 3), abs=1e-6)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_a_step_that_is_not_finite_is_refused_and_changes_nothing(poison):
    critic = make_critic()
    before = parameters(critic.model), parameters(critic.head)
    with pytest.raises(NonFiniteStep, match=r"the critic's loss is (nan|inf): the update was refused"):
        critic.learn(with_returns(critic, GROUPS, lambda *_: poison))
    assert torch.equal(before[0], parameters(critic.model))
    assert torch.equal(before[1], parameters(critic.head))


@pytest.mark.parametrize("cut", [{"microbatch_tokens": 1}, {"gradient_checkpointing": True}])
def test_how_rows_are_cut_changes_no_update(cut):
    results = []
    for how in ({}, cut):
        critic = make_critic(**how)
        torch.nn.init.normal_(critic.head.weight, generator=torch.Generator().manual_seed(0))
        critic.optimiser = torch.optim.SGD([*critic.model.parameters(), *critic.head.parameters()], lr=0.1)
        update = critic.learn(with_returns(critic, GROUPS, lambda place, each: place + len(each.completion.tokens) / 4))
        results.append((update.loss, update.grad_norm, parameters(critic.model)))
    (loss, norm, weights), (other_loss, other_norm, other) = results
    assert other_loss == pytest.approx(loss, rel=1e-5)
    assert other_norm == pytest.approx(norm, rel=1e-5)
    assert (other - weights).abs().max() < 1e-6


def test_what_it_takes_is_weights_gradients_and_two_moments():
    critic = make_critic()
    weights = sum(each.nbytes for each in [*critic.model.parameters(), *critic.head.parameters()])
    assert critic.bytes == pytest.approx(2 * weights, rel=0.01)  # before the first step there are no moments
    update = critic.learn(with_returns(critic, GROUPS, lambda *_: 1.0))
    idle = critic.model.lm_head.weight.nbytes  # takes no part, and has no moments
    assert update.bytes == pytest.approx(4 * weights - 2 * idle, rel=0.01)


def test_the_policys_weights_are_its_own():
    loaded = build_tiny(LETTERS)
    before = parameters(loaded.model)
    critic = make_critic(loaded)
    for _ in range(3):
        critic.learn(with_returns(critic, GROUPS, lambda *_: 1.0))
    assert torch.equal(before, parameters(loaded.model))
    assert not torch.equal(before, parameters(critic.model))


def reward_model(folder, letters=LETTERS):
    tokenizer = character_tokenizer(letters)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
        num_labels=1,
    )
    torch.manual_seed(5)
    model = LlamaForSequenceClassification(config).eval()
    with quiet():
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def test_a_reward_model_to_start_from_gives_its_scores_for_values(tmp_path):
    """V_t is what the reward model makes of the prompt and the tokens before t."""
    scores = reward_model(tmp_path)
    critic = make_critic(critic={"init": str(tmp_path)})
    ((found,),) = critic.values([[sample([4, 5], [6, 7, 8])]])
    with torch.no_grad():
        expected = [float(scores(input_ids=torch.tensor([each])).logits) for each in ([4, 5], [4, 5, 6], [4, 5, 6, 7])]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
    before = parameters(critic.head)
    critic.learn(with_returns(critic, GROUPS, lambda *_: 1.0))
    assert not torch.equal(parameters(critic.head), before)


def test_a_reward_model_of_other_tokens_is_refused(tmp_path):
    reward_model(tmp_path, "hgfedcba")
    with pytest.raises(ModelError, match="another vocabulary than the policy"):
        make_critic(critic={"init": str(tmp_path)})


def task_group(prompt, *members):
    return Group(
        Task("t", (Message("user", "?"),), "v", None),
        tuple(prompt),
        tuple(
            Member(Completion("", tokens, (-2.0,) * len(tokens)), FAIL, Reward(reward)) for tokens, reward in members
        ),
    )


def test_credit_through_teach_is_gae_of_the_critics_values():
    how = GaeAdvantage(gamma=0.9, lam=0.5, whiten=False)
    config = LearnConfig(advantage=how)
    loaded = build_tiny(LETTERS)
    critic = Critic(loaded, how.critic, config)
    torch.nn.init.normal_(critic.head.weight, generator=torch.Generator().manual_seed(0))
    groups = [task_group([4, 5], ((6, 7), 1.0), ((8,), 0.0)), task_group([4, 9], ((5, 6), 0.0), ((7,), 1.0))]
    lesson = teach(Policy(loaded, config, 1.0), critic, config, groups, 4)
    ((first, _), _) = critic.values([[sample([4, 5], [6, 7]), sample([4, 5], [8])], [sample([4, 9], [5, 6])]])
    v0, v1 = first.tolist()
    second = 1.0 - v1
    expected = (0.9 * v1 - v0 + 0.45 * second, second)
    assert lesson.groups[0][0].advantages == pytest.approx(expected, abs=1e-6)
    learnt = lesson.whole[0][0]
    assert learnt.values == pytest.approx((v0, v1), abs=1e-6)
    assert learnt.returns == pytest.approx((expected[0] + v0, 1.0), abs=1e-6)
    assert [len(group) for group in lesson.whole] == [2, 2]
