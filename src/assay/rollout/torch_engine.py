"""Sampling from any transformers causal LM in this process.

A prompt is computed once for its n samples, and the beginning that all prompts of a call share once for all of them;
finished rows leave the batch and waiting ones take their place. Log-probabilities are recorded as sampled. Models
whose attention can be replaced decode from the shared cache (rollout/shared_cache), all others from their own.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from assay.core.errors import UsageError
from assay.core.types import Completion, Finish, Message
from assay.model.attention import refuses_attention
from assay.model.load import LoadedModel
from assay.model.packed import packed_linears
from assay.rollout.engine import Request, Sampling
from assay.rollout.plain_cache import PlainCache
from assay.rollout.render import ChatRenderer, within
from assay.rollout.sampling import draw, uniforms
from assay.rollout.shared_cache import SharedCache, agrees

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Row:
    """A completion under way."""

    request: int
    sample: int
    uniform: Tensor  # [max_new_tokens]
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    finish: Finish | None = None
    text: str | None = None  # set when a stop string cut it


class TorchEngine:
    """An Engine over a LoadedModel, whose weights may change between calls; `batch_size` rows are decoded together."""

    def __init__(self, loaded: LoadedModel, *, batch_size: int = 64, max_prompt_tokens: int = 1024) -> None:
        self.policy = 0
        self._loaded = loaded
        self._renderer = ChatRenderer(loaded.tokenizer)
        self._batch_size, self._max_prompt_tokens = batch_size, max_prompt_tokens
        self._agrees: bool | None = None  # whether the shared cache reproduced the model's own forward
        self._said: set[str] = set()

    def render(self, prompt: tuple[Message, ...]) -> tuple[int, ...]:
        """Raises UsageError for a prompt of more than `max_prompt_tokens` tokens."""
        return within(self._renderer(prompt), self._max_prompt_tokens, prompt)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Completion]]:
        prompts = [(*self.render(request.prompt), *request.begun) for request in requests]
        self._refuse_overlong(prompts, sampling.max_new_tokens)
        if not prompts:
            return []
        finished: list[list[Completion | None]] = [[None] * request.n for request in requests]
        with self._sampling_mode():
            cache = self._cache(prompts, sampling)
            for group in cache.groups(prompts):
                for row in self._decode(cache, [requests[i] for i in group], [prompts[i] for i in group], sampling):
                    finished[group[row.request]][row.sample] = self._completion(row)
        return [[completion for completion in row if completion is not None] for row in finished]

    def _decode(
        self,
        cache: PlainCache | SharedCache,
        requests: Sequence[Request],
        prompts: Sequence[tuple[int, ...]],
        sampling: Sampling,
    ) -> Iterator[Row]:
        """Rows as they finish."""
        waiting = deque(
            Row(index, sample, uniforms(request.seed, request.key, sample, sampling.max_new_tokens))
            for index, request in enumerate(requests)
            for sample in range(request.n)
        )
        active: list[Row] = []
        while waiting or active:
            free = self._batch_size - len(active)
            if waiting and (not active or (cache.admits and free >= max(1, self._batch_size // 4))):
                entering = [waiting.popleft() for _ in range(min(free, len(waiting)))]
                wanted = list(dict.fromkeys(row.request for row in entering))
                logits = cache.prefill([prompts[index] for index in wanted])  # [P, V]
                owners = [wanted.index(row.request) for row in entering]
                self._extend(entering, logits[owners], sampling)
                yield from (row for row in entering if row.finish)
                stay = [place for place, row in enumerate(entering) if not row.finish]
                cache.add_rows([owners[place] for place in stay])
                active += [entering[place] for place in stay]
                continue
            last = torch.tensor([row.tokens[-1] for row in active], device=self._loaded.device)
            self._extend(active, cache.step(last), sampling)
            if any(row.finish for row in active):
                yield from (row for row in active if row.finish)
                stay = [place for place, row in enumerate(active) if not row.finish]
                cache.keep(stay)
                active = [active[place] for place in stay]

    def _extend(self, rows: Sequence[Row], logits: Tensor, sampling: Sampling) -> None:
        """One token more for each row, and `finish` where it was the last."""
        uniform = torch.stack([row.uniform[len(row.tokens)] for row in rows])
        tokens, logprobs = draw(logits, uniform, sampling)
        for row, token, logprob in zip(rows, tokens.tolist(), logprobs.tolist(), strict=True):
            row.tokens.append(token)
            row.logprobs.append(logprob)
            if token in self._loaded.eos_ids:
                row.finish = "stop"
            elif sampling.stop and (cut := self._cut(row.tokens, sampling.stop)) is not None:
                row.finish, row.text = "stop", cut
            elif len(row.tokens) == sampling.max_new_tokens:
                row.finish = "length"

    def _cut(self, tokens: Sequence[int], stop: Sequence[str]) -> str | None:
        """The text before the first stop string, when the last token completed one.

        Only the end is decoded at first: a token that adds to the text adds at least a byte.
        """
        window = max(len(each.encode()) for each in stop) + 8
        if len(tokens) > window and not any(each in self._text(tokens[-window:]) for each in stop):
            return None
        text = self._text(tokens)
        found = [place for each in stop if (place := text.find(each)) >= 0]
        return text[: min(found)] if found else None

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self._loaded.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def _completion(self, row: Row) -> Completion:
        assert row.finish is not None
        text = row.text
        if text is None:
            text = self._text(row.tokens[:-1] if row.tokens[-1] in self._loaded.eos_ids else row.tokens)
        return Completion(text, tuple(row.tokens), tuple(row.logprobs), row.finish, self.policy)

    def _refuse_overlong(self, prompts: Sequence[tuple[int, ...]], new: int) -> None:
        limit = getattr(self._loaded.model.config, "max_position_embeddings", None)
        longest = max((len(prompt) for prompt in prompts), default=0)
        if limit is not None and longest + new > limit:
            raise UsageError(
                f"a prompt of {longest} tokens and max_new_tokens = {new} come to more than the {limit} positions "
                f"that {self._loaded.name} was made for: lower rollout.max_new_tokens or shorten the prompts"
            )

    def _cache(self, prompts: Sequence[tuple[int, ...]], sampling: Sampling) -> PlainCache | SharedCache:
        model, device = self._loaded.model, self._loaded.device
        depth = max(len(prompt) for prompt in prompts) + sampling.max_new_tokens
        why_not = refuses_attention(model.get_base_model() if hasattr(model, "get_base_model") else model, depth)
        if why_not is None and self._agrees is None:
            self._agrees = agrees(model, device)
        if why_not is None and self._agrees is False:
            why_not = "its own forward comes to other logits"
        if why_not is None:
            return SharedCache(model, device, prompts, sampling.max_new_tokens)
        if why_not not in self._said:
            self._said.add(why_not)
            log.warning("decoding %s from its own cache, not from the shared one: %s", self._loaded.name, why_not)
        return PlainCache(model, device)

    @contextmanager
    def _sampling_mode(self) -> Iterator[None]:
        """No gradients and no dropout, and bf16 where training uses it; the model's own mode comes back afterwards."""
        model, kind = self._loaded.model, self._loaded.device.type
        was_training = model.training
        if was_training:
            model.eval()
        try:
            with (
                torch.no_grad(),
                torch.autocast(kind, torch.bfloat16, enabled=self._loaded.autocast and kind != "cpu"),
                packed_linears(model),
            ):
                yield
        finally:
            if was_training:
                model.train()
