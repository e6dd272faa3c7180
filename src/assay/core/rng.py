"""Counter-based randomness: every draw is a function of (seed, stream name, counters), never of what ran before it.

So a run can be stopped anywhere and resumed exactly, and the sample for (step, task, sample) is the same whatever the
batch around it. There is no global generator.
"""

from __future__ import annotations

import hashlib
import random

Key = tuple[int | str, ...]


def derive(seed: int, *key: int | str) -> int:
    """A 63-bit integer from `seed` and a key such as `("rollout", step, task_id, sample)`: equal keys, equal integers."""
    # the separator is doubled inside a part, so that no two keys make one text
    text = "\x1f".join(f"{type(part).__name__}:{part}".replace("\x1f", "\x1f\x1f") for part in (seed, *key))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> 1


def stream(seed: int, *key: int | str) -> random.Random:
    """A generator of its own for this key."""
    return random.Random(derive(seed, *key))
