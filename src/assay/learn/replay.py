"""Which prompts come back: hard ones that were solved lately, each place of a step with a small chance.

A prompt is replayed, never a completion: the policy samples it afresh, so that everything learnt stays on-policy. (Replay
of old completions is another method, with importance weights of its own; this is not that.)
"""

from __future__ import annotations

from assay.core.drawing import Replay
from assay.core.rng import stream
from assay.learn.difficulty import Difficulty


def candidates(difficulty: Difficulty, step: int, how: Replay) -> list[str]:
    """The ids that may come back at `step`, in an order that does not depend on how they came to be known."""
    return sorted(
        task
        for task, record in difficulty.records.items()
        if record.solved and step - record.solved <= how.recent and (record.rate or 0.0) <= how.hard
    )


def replayed(difficulty: Difficulty, seed: int, step: int, places: int, how: Replay) -> dict[int, str]:
    """Place in the step -> the id of the task that comes back there; no task twice."""
    random = stream(seed, "replay", step)
    waiting = candidates(difficulty, step, how)
    chosen = {}
    for place in range(places):
        if random.random() < how.probability and waiting:
            chosen[place] = waiting.pop(random.randrange(len(waiting)))
    return chosen
