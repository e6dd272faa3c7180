"""The protocol of an engine: prompts in, completions with their log-probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from assay.core.rng import Key
from assay.core.types import Completion, Message


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to sample. `temperature` 0 is greedy (log-probs are then those at temperature 1).

    Recorded log-probs are those of the distribution drawn from, temperature included; `top_p` below 1 or `top_k` above 0
    renormalise over the kept tokens, which is why training refuses them.
    """

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """`n` samples for one prompt. Sample i draws from the stream `(seed, *key, i)`, whatever the batch around it.

    `begun` are tokens of an answer to go on from; a completion holds only what comes behind them.
    """

    prompt: tuple[Message, ...]
    n: int
    seed: int
    key: Key
    begun: tuple[int, ...] = ()


@runtime_checkable
class Engine(Protocol):
    """`policy` is the version of the weights that `generate` samples from (the trainer raises it after each update).

    `render` gives the prompt's tokens exactly as `generate` feeds them. Raises UsageError for a prompt that is too long.
    """

    policy: int

    def render(self, prompt: tuple[Message, ...]) -> tuple[int, ...]: ...

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Completion]]:
        """Completions per request, each of length `n`, in order."""
        ...


@runtime_checkable
class TakesWeights(Protocol):
    """An engine that samples from a copy of the policy, and must be given each new version of it."""

    policy: int

    def take_weights(self, loaded: Any, version: int) -> None:
        """Sample from the weights of `loaded` (a LoadedModel) from now on, as policy `version`."""
        ...


def follow(engine: Engine, loaded: Any, version: int) -> None:
    """Bring an engine up to the policy's version, before it samples."""
    if isinstance(engine, TakesWeights):
        engine.take_weights(loaded, version)
    engine.policy = version
