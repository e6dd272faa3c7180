"""An engine that says what it is told: for tests, demonstrations and dry runs, without a model or torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from assay.core.errors import UsageError
from assay.core.types import Completion, Finish, Message
from assay.rollout.engine import Request, Sampling

Script = Mapping[str, Sequence[str]] | Callable[[Request, int], str]
"""The last user message -> its answers, sample i taking answer i (round and round); or a function of (request, i)."""

END = 0x110000  # one past the last code point: no character's token


class ScriptedEngine:
    """Tokens are code points, and the end token is one past the last of them; every log-probability is 0 (certain).

    Sampling is kept to: answers are cut at stop strings and at `max_new_tokens`.
    """

    def __init__(self, replies: Script, *, max_prompt_tokens: int = 1024) -> None:
        self.policy = 0
        self._replies, self._max_prompt_tokens = replies, max_prompt_tokens

    def render(self, prompt: tuple[Message, ...]) -> tuple[int, ...]:
        tokens = tuple(ord(character) for role, content in prompt for character in f"{role}: {content}\n")
        if not tokens:
            raise UsageError("an empty prompt: a task's prompt must come to at least one token")
        if len(tokens) > self._max_prompt_tokens:
            raise UsageError(
                f"a prompt of {len(tokens)} tokens is longer than rollout.max_prompt_tokens = {self._max_prompt_tokens}"
            )
        return tokens

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Completion]]:
        for request in requests:
            self.render(request.prompt)
        return [[self._answer(request, i, sampling) for i in range(request.n)] for request in requests]

    def _answer(self, request: Request, sample: int, sampling: Sampling) -> Completion:
        said = self._reply(request, sample)
        tokens = [*map(ord, said), END]
        text, finish = said, "stop"
        ends = [(place + len(each), place) for each in sampling.stop if (place := said.find(each)) >= 0]
        if ends:
            end, _ = min(ends)
            tokens, text = tokens[:end], said[: min(place for each_end, place in ends if each_end == end)]
        if len(tokens) > sampling.max_new_tokens:
            tokens, finish = tokens[: sampling.max_new_tokens], "length"
            text = said[: sampling.max_new_tokens]
        return Completion(text, tuple(tokens), (0.0,) * len(tokens), _finish(finish), self.policy)

    def _reply(self, request: Request, sample: int) -> str:
        if callable(self._replies):
            return self._replies(request, sample)
        asked = next((content for role, content in reversed(request.prompt) if role == "user"), "")
        answers = self._replies.get(asked)
        if not answers:
            raise UsageError(f"the script has no answer to {asked[:60]!r}")
        return answers[sample % len(answers)]


def _finish(name: str) -> Finish:
    return "length" if name == "length" else "stop"
