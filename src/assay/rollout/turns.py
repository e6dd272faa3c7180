"""Worked answers to tokens, and which of them are the answer's: what SFT, preferences and reward models are trained on.

A prompt is rendered as in rollouts, an answer is its text's tokens and the token that ends a turn, so that what is learnt
is what will be sampled. A conversation of several turns is one sequence where the chat template shows earlier turns as
they were generated; where it does not (a template that hides earlier reasoning, or shows the last question only), each
turn of the assistant is a sequence of its own, with the prompt that the policy would see. The tokens learnt are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assay.core.errors import UsageError
from assay.core.types import Message
from assay.rollout.render import ChatRenderer
from assay.tasks.conversations import Conversation, Example, Passage, Prompt, Worked


@dataclass(frozen=True, slots=True)
class Encoded:
    """`learnt[i]` says whether `tokens[i]` counts in the loss; the first token never does, nothing predicts it."""

    tokens: tuple[int, ...]
    learnt: tuple[bool, ...]

    @property
    def count(self) -> int:
        """Tokens that count."""
        return sum(self.learnt)

    @property
    def start(self) -> int:
        """The first token that counts."""
        return self.learnt.index(True)


class Turns:
    """The encoder of one tokenizer; `eos_ids` are the tokens that end a turn."""

    def __init__(self, tokenizer: Any, eos_ids: Collection[int]) -> None:
        self._tokenizer, self._eos_ids = tokenizer, frozenset(eos_ids)
        self._has_template = bool(getattr(tokenizer, "chat_template", None))
        self._render: ChatRenderer | None = None
        own = tokenizer.eos_token_id
        self._end_of_text = int(own) if own in self._eos_ids else min(self._eos_ids)
        self.end = self._end_of_turn()
        """The token behind an answer."""

    def prompt(self, prompt: Prompt) -> tuple[int, ...]:
        """Raises UsageError for a prompt that the template refuses, or that comes to no token."""
        if not isinstance(prompt, str):
            return self._renderer(prompt)
        tokens = tuple(int(each) for each in self._tokenizer.encode(prompt, add_special_tokens=True))
        while tokens and tokens[-1] in self._eos_ids and not prompt.endswith(str(self._tokenizer.eos_token)):
            tokens = tokens[:-1]  # some tokenizers end every text
        if not tokens:
            raise UsageError("an empty prompt: it must come to at least one token")
        return tokens

    def answer(self, answer: str, prompt: Prompt = ()) -> tuple[int, ...]:
        """With the token that ends it: of a turn, or behind a plain prompt of a text."""
        return (*self._plain(answer), self._end_of_text if isinstance(prompt, str) else self.end)

    def encode(self, worked: Worked) -> list[Encoded]:
        """One sequence, or several for a conversation whose turns do not stand in one."""
        match worked:
            case Passage(text):
                tokens = (*self.prompt(text), self._end_of_text)
                return [Encoded(tokens, (False, *[True] * (len(tokens) - 1)))]
            case Example(prompt, answer):
                return [self._one(self.prompt(prompt), self.answer(answer, prompt))]
            case Conversation(messages, learn_from):
                places = [at for at, each in enumerate(messages) if at >= learn_from and each.role == "assistant"]
                if not places:
                    raise UsageError("a conversation without a turn of the assistant: there is nothing to imitate")
                whole = self._whole(messages, places) if self._has_template and len(places) > 1 else None
                if whole is not None:
                    return [whole]
                return [self._one(self._renderer(messages[:at]), self.answer(messages[at].content)) for at in places]

    @property
    def _renderer(self) -> ChatRenderer:
        if (
            self._render is None
        ):  # made late: it warns of a tokenizer without a template, which plain text does not need
            self._render = ChatRenderer(self._tokenizer)
        return self._render

    def _one(self, prompt: Sequence[int], answer: Sequence[int]) -> Encoded:
        return Encoded((*prompt, *answer), (*[False] * len(prompt), *[True] * len(answer)))

    def _plain(self, text: str) -> tuple[int, ...]:
        return tuple(int(each) for each in self._tokenizer.encode(text, add_special_tokens=False))

    def _whole(self, messages: Sequence[Message], places: Sequence[int]) -> Encoded | None:
        """All turns in one sequence; None where the template does not show them as they were generated."""
        text = self._shown(messages[: places[-1] + 1])
        tokens: list[int] = []
        learnt: list[bool] = []
        done = 0
        for at in places:
            before, content = self._renderer.text(messages[:at]), messages[at].content
            if not text.startswith(before) or not text.startswith(content, len(before)) or len(before) < done:
                return None
            between = self._plain(text[done : len(before)])
            if tokens and (not between or between[0] != self.end):
                return None  # a turn that ends in another way than answers are taught to
            between = between[1:] if tokens else between
            answer = (*self._plain(content), self.end)
            tokens += [*between, *answer]
            learnt += [False] * len(between) + [True] * len(answer)
            done = len(before) + len(content)
        return Encoded(tuple(tokens), tuple(learnt))

    def _shown(self, messages: Sequence[Message]) -> str:
        turns = [{"role": role, "content": content} for role, content in messages]
        return str(self._tokenizer.apply_chat_template(turns, add_generation_prompt=False, tokenize=False))

    def _end_of_turn(self) -> int:
        """What the template puts behind an answer, where that is a token to stop at; else the end of a text."""
        if len(self._eos_ids) == 1 or not self._has_template:
            return self._end_of_text
        shown = self._shown((Message("user", "a"), Message("assistant", "b")))
        behind = self._plain(shown.rpartition("b")[2])
        return behind[0] if behind and behind[0] in self._eos_ids else self._end_of_text


def within(encoded: Sequence[Encoded], longest: int | None) -> Iterator[Encoded]:
    """Those of at most `longest` tokens: a cut answer would teach a wrong end."""
    return (each for each in encoded if longest is None or len(each.tokens) <= longest)
