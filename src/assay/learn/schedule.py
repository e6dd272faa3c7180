"""The learning rate of a step: linear warm-up, then constant or cosine to a tenth (as R1's SFT, numbers of 2501.12948)."""

from __future__ import annotations

import math
from typing import Literal


def learning_rate(
    peak: float, step: int, steps: int, *, warmup: int = 0, schedule: Literal["constant", "cosine"] = "constant"
) -> float:
    """For steps 1..`steps`; a cosine ends at `peak / 10`."""
    if step <= warmup:
        return peak * step / warmup
    if schedule == "constant":
        return peak
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (0.1 + 0.45 * (1 + math.cos(math.pi * done)))
