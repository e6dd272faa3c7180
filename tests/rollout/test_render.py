import logging

import pytest

from assay.core.errors import UsageError
from assay.core.types import Message
from assay.model.tiny import character_tokenizer
from assay.rollout.render import ChatRenderer

PROMPT = (Message("system", "be brief"), Message("user", "abc"))


def test_the_chat_template_decides_and_nothing_is_added():
    tokenizer = character_tokenizer("abc")
    assert ChatRenderer(tokenizer).text(PROMPT) == "abc<answer>"
    assert tokenizer.convert_ids_to_tokens(ChatRenderer(tokenizer)(PROMPT)) == ["a", "b", "c", "<answer>"]


def test_without_a_template_a_transcript_and_one_warning(caplog):
    tokenizer = character_tokenizer("abc")
    tokenizer.chat_template = None
    with caplog.at_level(logging.WARNING):
        renderer = ChatRenderer(tokenizer)
        text = renderer.text((*PROMPT, Message("assistant", "a"), Message("user", "b")))
    assert text == "System: be brief\n\nUser: abc\n\nAssistant: a\n\nUser: b\n\nAssistant:"
    assert sum("no chat template" in each.message for each in caplog.records) == 1


def test_what_the_template_refuses_is_one_sentence():
    tokenizer = character_tokenizer("abc")
    tokenizer.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(UsageError, match=r"roles system, user: roles must alternate"):
        ChatRenderer(tokenizer)(PROMPT)


def test_a_prompt_of_no_token_is_refused():
    tokenizer = character_tokenizer("abc")
    tokenizer.chat_template = "{{ '' }}"
    with pytest.raises(UsageError, match="empty prompt"):
        ChatRenderer(tokenizer)(PROMPT)
