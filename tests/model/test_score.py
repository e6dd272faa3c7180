"""Reward models from a folder: what they say, and what is no reward model or reads other tokens."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForSequenceClassification, LlamaForTokenClassification

from assay.core.errors import ModelError
from assay.model.load import quiet, save_model
from assay.model.score import load_reward_model
from assay.model.tiny import build_tiny, character_tokenizer

LETTERS = "abcdefgh"


def saved(folder, labels=1, letters=LETTERS, kind=LlamaForSequenceClassification):
    tokenizer = character_tokenizer(letters)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
        id2label={place: str(place) for place in range(labels)},
    )
    torch.manual_seed(3)
    with quiet():
        kind(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


VOCABULARY = build_tiny(LETTERS).tokenizer.get_vocab()


def test_it_says_what_transformers_says(tmp_path):
    name = saved(tmp_path)
    model, head = load_reward_model(name, VOCABULARY)
    plain = LlamaForSequenceClassification.from_pretrained(name)
    ids = torch.tensor([[4, 5, 6, 7]])
    with torch.no_grad():
        states = model.get_decoder()(input_ids=ids).last_hidden_state
        assert torch.equal(head(states)[0, -1], plain(input_ids=ids).logits[0])
    assert head.bias.tolist() == [0.0], "one is added, for the critic to learn"
    assert head is model.score


def test_a_policy_is_no_reward_model(tmp_path):
    tiny = build_tiny(LETTERS)
    save_model(tiny.model, tiny.tokenizer, tmp_path)
    with pytest.raises(ModelError, match=r"reward model .*no weights for score\.weight: a model trained to give one"):
        load_reward_model(str(tmp_path))


def test_a_classifier_of_three_is_no_reward_model(tmp_path):
    with pytest.raises(ModelError, match=r"its score\.weight has the shape \[3, 16\], not that of one number"):
        load_reward_model(saved(tmp_path, labels=3))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ModelError, match="nowhere"):
        load_reward_model(str(tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("letters", "sentence"),
    [
        ("hgfedcba", r"another vocabulary than the policy: 'a' is token 4 to the policy and 11 to the reward model"),
        ("abcd", r"another vocabulary than the policy: 'e' is token 8 to the policy, and the reward model has 8"),
    ],
)
def test_another_vocabulary_is_refused(letters, sentence, tmp_path):
    with pytest.raises(ModelError, match=sentence):
        load_reward_model(saved(tmp_path, letters=letters), VOCABULARY)


def test_tokens_that_have_nothing_in_common_are_refused(tmp_path):
    with pytest.raises(ModelError, match="the two share no token"):
        load_reward_model(saved(tmp_path), {"x": 4, "y": 5})


def test_a_token_more_is_no_other_vocabulary(tmp_path):
    """Reward models often bring a padding token of their own."""
    load_reward_model(saved(tmp_path, letters=LETTERS + "z"), VOCABULARY)


def test_a_model_with_another_head_is_named(tmp_path):
    saved(tmp_path, kind=LlamaForTokenClassification)
    model, head = load_reward_model(str(tmp_path))  # the same weights by the same names
    assert head.out_features == 1
    assert type(model) is LlamaForSequenceClassification
