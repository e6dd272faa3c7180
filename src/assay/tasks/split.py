"""Which tasks are held out: a hash of the problem decides, never the seed, the position or the wording.

So a problem is on one side for every seed, level, wording and generator: a policy trained on the times tables has not
seen the warehouse's held-out products, and no seed turns yesterday's held-out problem into a training task.
"""

from __future__ import annotations

from assay.core.rng import derive
from assay.tasks.source import Split

SHARE = 0.5
"""The share of a generator's problems that is held out: half, since small tables must leave enough to measure with."""


def operands(*each: object) -> str:
    """The name of the problem with these operands, in whatever order: 3 x 12, 12 x 3 and the trips made of them are one."""
    return "|".join(sorted(str(one) for one in each))


def is_held_out(problem: str, share: float = SHARE) -> bool:
    return derive(0, "split", problem) < share * 2**63


def split_of(problem: str, share: float = SHARE) -> Split:
    return "held_out" if is_held_out(problem, share) else "train"
