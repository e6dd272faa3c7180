"""Shaping by length. It only takes away: no length earns anything, and a wrong answer never gains by one.

Source: DAPO's soft overlong punishment (arXiv 2503.14476, Eq. 13).
"""

from __future__ import annotations

from assay.core.types import Reward


def overlong_penalty(tokens: int, longest: int, cache: int) -> float:
    """0 up to `longest - cache` tokens, then falling in a line to -1 at `longest`, and -1 beyond.

    Raises ValueError unless 0 < cache <= longest.
    """
    if not 0 < cache <= longest:
        raise ValueError(f"the cache must lie between 1 and longest={longest}, not {cache}")
    over = tokens - (longest - cache)
    return -min(max(over, 0), cache) / cache


def shorten(reward: Reward, tokens: int, longest: int, cache: int) -> Reward:
    """The reward with its overlong penalty as a part of its own; a VOID reward stays as it is."""
    if reward.is_void:
        return reward
    penalty = overlong_penalty(tokens, longest, cache)
    return Reward(reward.total + penalty, {**reward.parts, "overlong": penalty})
