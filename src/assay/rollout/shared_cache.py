"""The shared beginning of prompts."""

from __future__ import annotations

from collections.abc import Sequence


def common_prefix(prompts: Sequence[tuple[int, ...]]) -> int:
    """Length of the longest common beginning that leaves each prompt at least one token of its own."""
    first, last = min(prompts), max(prompts)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return min(same, min(len(prompt) for prompt in prompts) - 1)
