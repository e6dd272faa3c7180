"""Reward models: their numbers by transformers' own forward, their losses by hand, what they learn, and how they are kept."""

import json

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import AutoModelForSequenceClassification

from assay.core.errors import ModelError, UsageError
from assay.core.fitting import OutcomeLabels, Pairwise, RewardModelConfig, StepLabels
from assay.core.types import Message
from assay.learn.preference import bradley_terry
from assay.learn.reward_model import (
    answer_scores,
    on_outcomes,
    on_pairs,
    rate,
    step_ends,
    step_scores,
    train_reward_model,
)
from assay.model.score import begin_reward_model, read_reward_model, save_reward_model
from assay.model.tiny import build_tiny
from assay.tasks.conversations import Labelled, Pair, Stepwise

LETTERS = "abcdefgh\n"


def asked(text):
    return (Message("user", text),)


PAIRS = [Pair(asked(text), text[::-1], text) for text in ("ab", "cd", "efg", "gha", "bc", "dhf")]
OUTCOMES = [Labelled(asked("ab"), "ba", True), Labelled(asked("ab"), "aab", False), Labelled(asked("cde"), "c", False)]
STEPS = [
    Stepwise(asked("ab"), ("aa", "bb"), (1.0, 0.0)),
    Stepwise(asked("c"), ("cc", "d", "eee"), (1.0, 0.25, 0.0)),
]


def begun(seed=0):
    return begin_reward_model(build_tiny(LETTERS, seed=1), seed)


def plainly(reward, prompt, answer):
    """The numbers [T] at an answer's tokens, by the model's own forward."""
    tokenizer = reward.tokenizer
    tokens = [*tokenizer.encode(prompt[-1].content + "<answer>", add_special_tokens=False)]
    start = len(tokens)
    tokens += [*tokenizer.encode(answer, add_special_tokens=False), tokenizer.eos_token_id]
    states = reward.model.model(input_ids=torch.tensor([tokens])).last_hidden_state[0]
    return reward.head(states)[start:, 0]


def test_the_trunk_is_the_policys_and_its_own():
    loaded = build_tiny(LETTERS, seed=1)
    reward = begin_reward_model(loaded)
    ours, theirs = reward.model.model.state_dict(), loaded.model.model.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert not {each.data_ptr() for each in reward.model.parameters()} & {
        each.data_ptr() for each in loaded.model.parameters()
    }
    assert torch.equal(reward.head.weight, begin_reward_model(loaded).head.weight)
    assert not torch.equal(reward.head.weight, begin_reward_model(loaded, 1).head.weight)


def test_scores_in_batches_are_those_of_each_answer_alone():
    reward = begun()
    questions = [(each.prompt, text) for each in PAIRS for text in (each.chosen, each.rejected)]
    expected = [float(plainly(reward, prompt, text)[-1].detach()) for prompt, text in questions]
    for row_tokens in (8192, 12, 1):
        assert answer_scores(reward, questions, row_tokens) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("row_tokens", [8192, 1])
def test_the_pairwise_loss_is_bradley_terrys_of_the_plain_forward(row_tokens):
    reward = begun()
    good = torch.stack([plainly(reward, each.prompt, each.chosen)[-1] for each in PAIRS])
    bad = torch.stack([plainly(reward, each.prompt, each.rejected)[-1] for each in PAIRS])
    config = RewardModelConfig(steps=1, objective=Pairwise(centre=0.01), row_tokens=row_tokens)
    fitted = train_reward_model(begun(), PAIRS, config, seed=0)
    assert fitted.losses[0] == pytest.approx(float(bradley_terry(good, bad, centre=0.01).mean().detach()), abs=1e-5)
    assert fitted.history[0]["accuracy"] == pytest.approx(float((good > bad).double().mean()))


@pytest.mark.parametrize("row_tokens", [8192, 1])
@pytest.mark.parametrize("place", ["last", "every"])
def test_the_outcome_loss_is_the_cross_entropy_of_the_plain_forward(place, row_tokens):
    reward, expected = begun(), 0.0
    for each in OUTCOMES:
        logits = plainly(reward, each.prompt, each.answer)
        logits = logits[-1:] if place == "last" else logits
        labels = torch.full_like(logits, float(each.is_good))
        expected += float(binary_cross_entropy_with_logits(logits, labels).detach()) / len(OUTCOMES)
    config = RewardModelConfig(steps=1, objective=OutcomeLabels(place=place), row_tokens=row_tokens)
    assert train_reward_model(begun(), OUTCOMES, config, seed=0).losses[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("row_tokens", [8192, 1])
@pytest.mark.parametrize("label", ["soft", "hard"])
def test_the_step_loss_stands_at_each_steps_last_token(label, row_tokens):
    reward, logits, labels = begun(), [], []
    for each in STEPS:
        found = plainly(reward, each.prompt, "\n".join(each.steps))
        logits += [found[end - 1] for end in step_ends(each.steps, "\n")]  # one token a character
        labels += [value if label == "soft" else float(value > 0) for value in each.labels]
    expected = binary_cross_entropy_with_logits(torch.stack(logits), torch.tensor(labels))
    config = RewardModelConfig(steps=1, objective=StepLabels(label=label), row_tokens=row_tokens)
    assert train_reward_model(begun(), STEPS, config, seed=0).losses[0] == pytest.approx(
        float(expected.detach()), abs=1e-5
    )


def test_step_scores_are_the_probabilities_at_the_steps_ends():
    reward = begun()
    (found,) = step_scores(reward, [(asked("ab"), "aa\nbb", [2, 5])])
    expected = plainly(reward, asked("ab"), "aa\nbb")[[1, 4]].sigmoid()
    assert found == pytest.approx(expected.tolist(), abs=1e-5)


def test_it_learns_what_is_preferred_and_knows_how_sure_it_is():
    reward = begun()
    config = RewardModelConfig(steps=40, batch_size=6, learning_rate=3e-3, validate_every=20)
    fitted = train_reward_model(reward, PAIRS, config, seed=0, validation=PAIRS[:2])
    assert fitted.history[-1]["accuracy"] == 1.0
    assert [row["step"] for row in fitted.validations] == [0, 20, 40]
    found, scaled = on_pairs(reward, PAIRS)
    assert (found.accuracy, found.pairs) == (1.0, 6)
    assert found.low > 0.5
    scores = answer_scores(scaled, [(each.prompt, text) for each in PAIRS for text in (each.chosen, each.rejected)])
    assert sum(scores) / len(scores) == pytest.approx(scaled.centre, abs=1e-5)
    better, worse = (scaled.preference(score) for score in scores[:2])
    assert 0 < worse < 0.5 < better < 1


def test_outcomes_and_steps_are_learnt():
    reward = begun()
    config = RewardModelConfig(steps=40, learning_rate=3e-3, objective=OutcomeLabels())
    assert train_reward_model(reward, OUTCOMES, config, seed=0).history[-1]["accuracy"] == 1.0
    assert on_outcomes(reward, OUTCOMES).ece < 0.2
    process = begun()
    config = RewardModelConfig(steps=60, learning_rate=3e-3, objective=StepLabels())
    train_reward_model(process, STEPS, config, seed=0)
    (one, other) = step_scores(process, [(asked("ab"), "aa\nbb", [2, 5]), (asked("c"), "cc\nd\neee", [2, 4, 8])])
    assert one == pytest.approx([1.0, 0.0], abs=0.2)
    assert other == pytest.approx([1.0, 0.25, 0.0], abs=0.2)


def test_what_is_kept_is_read_again_by_us_and_by_transformers(tmp_path):
    reward = begun()
    train_reward_model(reward, PAIRS, RewardModelConfig(steps=3, learning_rate=3e-3), seed=0)
    found, reward = on_pairs(reward, PAIRS)
    save_reward_model(reward, tmp_path, {"accuracy": found.accuracy})
    again = read_reward_model(str(tmp_path), "cpu")
    questions = [(each.prompt, each.chosen) for each in PAIRS]
    assert answer_scores(again, questions) == pytest.approx(answer_scores(reward, questions), abs=1e-6)
    assert (again.centre, again.spread, again.eos_ids) == (reward.centre, reward.spread, reward.eos_ids)
    facts = json.loads((tmp_path / "reward_model.json").read_text())
    assert facts == {"centre": reward.centre, "spread": reward.spread, "accuracy": found.accuracy}
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    tokens = reward.tokenizer.encode("ab<answer>ba<end>", add_special_tokens=False)
    padded = torch.tensor([[*tokens, theirs.config.pad_token_id]])  # as others batch: padding behind
    with torch.no_grad():
        assert float(theirs(input_ids=padded).logits) == pytest.approx(answer_scores(again, questions)[0], abs=1e-5)


def test_where_padding_is_the_end_token_transformers_still_reads_the_last_one(tmp_path):
    loaded = build_tiny(LETTERS)
    loaded.tokenizer.pad_token = loaded.tokenizer.eos_token
    from assay.model.load import describe

    reward = begin_reward_model(describe(loaded.model, loaded.tokenizer, "tiny"))
    assert reward.model.config.pad_token_id not in loaded.eos_ids


def test_killed_and_resumed_it_ends_in_the_same_bits(tmp_path):
    config = RewardModelConfig(steps=4, batch_size=3, learning_rate=1e-3, save_every=1)
    whole = begun()
    done = train_reward_model(whole, PAIRS, config, seed=0)

    def killed(step, numbers):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_reward_model(begun(), PAIRS, config, seed=0, folder=tmp_path, progress=killed)
    again = begun()
    assert train_reward_model(again, PAIRS, config, seed=0, folder=tmp_path) == done
    assert all(
        torch.equal(one, other) for one, other in zip(again.model.parameters(), whole.model.parameters(), strict=True)
    )


def test_data_of_another_kind_is_refused_with_the_kind_that_would_be_right():
    with pytest.raises(UsageError, match=r"'pairwise' learns from Pair, not from a Labelled"):
        rate(begun(), OUTCOMES, RewardModelConfig())
    with pytest.raises(UsageError, match=r"'steps' learns from Stepwise, not from a Pair"):
        rate(begun(), PAIRS, RewardModelConfig(objective=StepLabels()))
    with pytest.raises(UsageError, match="all 6 are longer than max_tokens"):
        rate(begun(), PAIRS, RewardModelConfig(max_tokens=4))


def test_a_folder_that_is_no_reward_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be (fetched|loaded)"):
        read_reward_model(str(tmp_path / "nothing"), "cpu")
