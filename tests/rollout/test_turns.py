"""Worked answers as tokens: what counts, where a turn ends, and templates that do not show what was generated."""

import pytest

from assay.core.errors import UsageError
from assay.core.types import Message
from assay.model.tiny import TEMPLATE, character_tokenizer
from assay.rollout.render import ChatRenderer
from assay.rollout.turns import Turns, within
from assay.tasks.conversations import Conversation, Example, Passage

LETTERS = "abcdefgh ?\n"
CHATTY = (
    "{% for m in messages %}{{ m['role'][0] + m['content'] }}{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}"
    "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}a{% endif %}"
)
FORGETFUL = (  # shows an earlier answer shortened, as templates do that strip reasoning
    "{% for m in messages %}{{ m['role'][0] }}{% if m['role'] == 'assistant' and not loop.last %}h{% else %}"
    "{{ m['content'] }}{% endif %}{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}a{% endif %}"
)


def turns(template, ends=()):
    tokenizer = character_tokenizer(LETTERS + "us")
    tokenizer.chat_template = template
    return Turns(tokenizer, {tokenizer.eos_token_id, *ends}), tokenizer


def shown(encoded, tokenizer):
    """The text with what counts in upper case."""
    return "".join(
        (text.upper() if counts else text)
        for token, counts in zip(encoded.tokens, encoded.learnt, strict=True)
        for text in [tokenizer.decode([token])]
    )


TALK = Conversation(
    tuple(Message(*each) for each in (("user", "ab?"), ("assistant", "ba"), ("user", "cd?"), ("assistant", "dc")))
)


def test_a_conversation_is_one_sequence_and_only_the_assistants_words_count():
    encoder, tokenizer = turns(CHATTY)
    (one,) = encoder.encode(TALK)
    assert shown(one, tokenizer) == "uab?\naBA<END>\nucd?\naDC<END>"
    assert (one.count, one.start) == (6, 6)


@pytest.mark.parametrize("template", [FORGETFUL, TEMPLATE, None])
def test_where_the_template_hides_a_turn_each_is_a_sequence_with_the_prompt_that_the_policy_sees(template):
    encoder, tokenizer = turns(template)
    found = encoder.encode(TALK)
    render = ChatRenderer(tokenizer)
    assert len(found) == 2
    for one, at in zip(found, (1, 3), strict=True):
        assert one.tokens[: one.start] == render(TALK.messages[:at])
        assert shown(one, tokenizer).endswith(f"{TALK.messages[at].content.upper()}<END>")


def test_turns_before_learn_from_are_prompt():
    encoder, tokenizer = turns(CHATTY)
    (one,) = encoder.encode(Conversation(TALK.messages, 2))
    assert shown(one, tokenizer) == "uab?\naba<end>\nucd?\naDC<END>"


def test_an_example_is_its_rendered_prompt_and_its_answer():
    encoder, tokenizer = turns(CHATTY)
    (one,) = encoder.encode(Example((Message("user", "ab?"),), "ba"))
    assert shown(one, tokenizer) == "uab?\naBA<END>"


def test_plain_text_goes_through_no_template():
    encoder, tokenizer = turns(CHATTY)
    (one,) = encoder.encode(Example("ab", "ba"))
    assert shown(one, tokenizer) == "abBA<END>"
    (all_of_it,) = encoder.encode(Passage("abc"))
    assert shown(all_of_it, tokenizer) == "aBC<END>"


def test_a_turn_ends_as_the_template_ends_it():
    """Of several tokens that end a turn, the one that the template puts there; a text ends in the tokenizer's own."""
    tokenizer = character_tokenizer(LETTERS + "us")
    tokenizer.chat_template = CHATTY.replace("{{ eos_token }}", "<answer>")
    other = tokenizer.convert_tokens_to_ids("<answer>")
    encoder = Turns(tokenizer, {tokenizer.eos_token_id, other})
    assert encoder.end == other
    assert encoder.encode(TALK)[0].tokens[-1] == other
    assert encoder.encode(Example("ab", "ba"))[0].tokens[-1] == tokenizer.eos_token_id


def test_long_ones_are_left_out_whole():
    encoder, _ = turns(CHATTY)
    both = [*encoder.encode(Passage("ab")), *encoder.encode(Passage("abcdef"))]
    assert list(within(both, 4)) == both[:1]
    assert list(within(both, None)) == both


def test_nothing_to_imitate_is_refused():
    encoder, _ = turns(CHATTY)
    with pytest.raises(UsageError, match="without a turn of the assistant"):
        encoder.encode(Conversation((Message("user", "ab?"),)))
    with pytest.raises(UsageError, match="an empty prompt"):
        encoder.encode(Example("", "ba"))


@pytest.mark.smollm2
def test_a_real_template_shows_the_same_tokens():
    from transformers import AutoTokenizer

    from assay.model.load import smollm2_folder

    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder())
    talk = [("user", "2+2?"), ("assistant", "It is 4."), ("user", "Sure?"), ("assistant", "Yes, 4.")]
    encoder = Turns(tokenizer, {tokenizer.eos_token_id})
    (one,) = encoder.encode(Conversation(tuple(Message(*each) for each in talk)))
    messages = [{"role": role, "content": content} for role, content in talk]
    whole = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
    assert list(one.tokens) == whole[: len(one.tokens)]
    assert tokenizer.decode(whole[len(one.tokens) :]) == "\n", "what follows the last answer is not learnt"
    learnt = [token for token, counts in zip(one.tokens, one.learnt, strict=True) if counts]
    assert tokenizer.decode(learnt) == "It is 4.<|im_end|>Yes, 4.<|im_end|>"
