"""Chat messages to the tokens a policy sees, through the tokenizer's own chat template.

A tokenizer without a template (a base model's) gets a plain transcript instead, `User: ...`, `Assistant: ...`, and a
warning says so once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from assay.core.errors import UsageError
from assay.core.types import Message

log = logging.getLogger(__name__)


class ChatRenderer:
    """`renderer(prompt)` gives the prompt's tokens, ending where the assistant's answer begins."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._has_template = bool(getattr(tokenizer, "chat_template", None))
        if not self._has_template:
            log.warning(
                "the tokenizer of %s has no chat template: prompts are rendered as a plain User/Assistant transcript",
                getattr(tokenizer, "name_or_path", "") or "this model",
            )

    def __call__(self, prompt: Sequence[Message]) -> tuple[int, ...]:
        """Raises UsageError for a prompt that the template refuses, or that comes to no token at all."""
        text = self.text(prompt)
        tokens = self._tokenizer.encode(text, add_special_tokens=not self._has_template)
        if not tokens:
            raise UsageError("an empty prompt: a task's prompt must come to at least one token")
        return tuple(int(token) for token in tokens)

    def text(self, prompt: Sequence[Message]) -> str:
        messages = [{"role": role, "content": content} for role, content in prompt]
        if not self._has_template:
            return "".join(f"{role.capitalize()}: {content}\n\n" for role, content in prompt) + "Assistant:"
        try:
            return str(self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
        except TemplateError as error:
            roles = ", ".join(role for role, _ in prompt)
            raise UsageError(f"the model's chat template refuses a prompt of roles {roles}: {error}") from None


def within(tokens: tuple[int, ...], limit: int, prompt: Sequence[Message]) -> tuple[int, ...]:
    """A prompt's tokens. Raises UsageError for more than `limit` of them."""
    if len(tokens) > limit:
        raise UsageError(
            f"a prompt of {len(tokens)} tokens is longer than rollout.max_prompt_tokens = {limit} "
            f"(it begins {prompt[-1].content[:60]!r}): raise the limit or shorten the prompt"
        )
    return tokens
