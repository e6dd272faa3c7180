"""Step-level search: at each step several continuations are sampled, and the best-scored beginnings are gone on from.

A beam search over steps as in arXiv 2408.03314, section 5.1: of `beams` beginnings each is continued `branches` times by one
step, and the `beams` best of them stay, by what a process reward model says of their last step. It pays for what it throws
away: `tokens` counts all that was sampled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from assay.core.types import Message
from assay.rollout.engine import Engine, Request, Sampling

Score = Callable[[Sequence[tuple[int, tuple[int, ...]]]], Sequence[float]]
"""(which prompt, the answer's tokens so far) -> how good each is; higher is better."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best answer of one prompt, with all tokens that were sampled for it."""

    answer: tuple[int, ...]
    score: float
    tokens: int


@dataclass(frozen=True, slots=True)
class _Beam:
    answer: tuple[int, ...] = ()
    score: float = 0.0
    is_done: bool = False


def search_steps(
    engine: Engine,
    prompts: Sequence[tuple[Message, ...]],
    score: Score,
    *,
    beams: int,
    branches: int,
    step: Sampling,
    most_tokens: int,
    eos_ids: Collection[int],
    seed: int,
) -> list[Found]:
    """`step` says where a step ends: its stop strings, or `max_new_tokens` tokens. An answer ends with a token of `eos_ids`,
    or at `most_tokens`."""
    held = [[_Beam()] for _ in prompts]
    spent = [0] * len(prompts)
    depth = 0
    while any(not beam.is_done for beams_ in held for beam in beams_):
        open_ones = [
            (at, rank, beam) for at, all_ in enumerate(held) for rank, beam in enumerate(all_) if not beam.is_done
        ]
        requests = []
        for at, rank, beam in open_ones:
            wide = beams * branches if depth == 0 else branches  # the first step has one beginning only
            requests.append(Request(prompts[at], wide, seed, ("step", depth, at, rank), beam.answer))
        left = min(step.max_new_tokens, *(most_tokens - len(beam.answer) for _, _, beam in open_ones))
        grown: list[list[_Beam]] = [[beam for beam in all_ if beam.is_done] for all_ in held]
        asked: list[tuple[int, tuple[int, ...]]] = []
        ends: list[bool] = []
        for (at, _, beam), completions in zip(
            open_ones, engine.generate(requests, replace(step, max_new_tokens=left)), strict=True
        ):
            for each in completions:
                spent[at] += len(each.tokens)
                answer = (*beam.answer, *each.tokens)
                asked.append((at, answer))
                ends.append(answer[-1] in eos_ids or len(answer) >= most_tokens)
        for (at, answer), value, is_done in zip(asked, score(asked), ends, strict=True):
            grown[at].append(_Beam(answer, float(value), is_done))
        held = [_best(all_, beams) for all_ in grown]
        depth += 1
    return [
        Found(best.answer, best.score, tokens)
        for best, tokens in zip((_best(all_, 1)[0] for all_ in held), spent, strict=True)
    ]


def _best(beams: Sequence[_Beam], count: int) -> list[_Beam]:
    """Equal answers once, the best first; of equal scores the earlier."""
    unique = list({beam.answer: beam for beam in beams}.values())
    return sorted(unique, key=lambda beam: -beam.score)[:count]
