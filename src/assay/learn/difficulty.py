"""How hard each task is for the policy of today: a running pass rate by task, and what follows from it.

    rate           passes / tries, both halved each time the task comes back, so that an old policy is forgotten
    rest           a task at or above `easy`, or at or below `hard`, is not drawn for N steps (`rollout.pools`)
    group sizes    a step's completions are handed out one by one to the group in which one more raises the chance of
                   spread most (`rollout.group_sizes`)

Group sizes: an allocation of one budget by the chance of a gradient, as in Knapsack RL (arXiv 2509.25849). Departures: the
rate is not taken as known but as Beta(passes + 1, misses + 1), so that a task never seen has a size too and one never
solved is not given up; and nothing is weighed but the chance of spread (the paper also weighs what a gradient is worth).
With p drawn from Beta(a, b), a further completion gives n others spread with probability

    E[p^n (1 - p)] + E[(1 - p)^n p] = (B(a + n, b + 1) + B(a + 1, b + n)) / B(a, b)

which falls with n, so that handing out greedily is best.

Everything here is a function of rollouts.jsonl: `Difficulty.see` takes the rows of a step as they are written or read.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, lgamma
from typing import NamedTuple

from assay.core.drawing import Pools, SizeByDifficulty
from assay.core.run_folder import RolloutRow
from assay.core.types import Json

KEPT = 0.5  # of what was known of a task, each time that it comes back


class Record(NamedTuple):
    """What is known of a task. `passes` and `tries` are weighed sums; `seen` and `solved` are steps (0: never)."""

    passes: float = 0.0
    tries: float = 0.0
    seen: int = 0
    solved: int = 0

    @property
    def rate(self) -> float | None:
        return self.passes / self.tries if self.tries else None


UNSEEN = Record()


class Outcome(NamedTuple):
    """Of a row of rollouts.jsonl, what counts here."""

    step: int
    task: str
    is_pass: bool


def outcomes(rows: Iterable[RolloutRow | Mapping[str, Json]]) -> Iterable[Outcome]:
    """Of the training rows, whether in memory or read from a file."""
    for row in rows:
        if isinstance(row, RolloutRow):
            if row.split == "train":
                yield Outcome(row.step, row.task, row.outcome == "pass")
        elif row.get("split") == "train":
            yield Outcome(int(row["step"]), str(row["task"]), row["outcome"] == "pass")


@dataclass(slots=True)
class Difficulty:
    """The records by task id."""

    records: dict[str, Record] = field(default_factory=dict)

    def see(self, rows: Iterable[RolloutRow | Mapping[str, Json]]) -> None:
        """Take up rows, in the order of rollouts.jsonl."""
        for step, task, is_pass in outcomes(rows):
            old = self.of(task)
            kept = 1.0 if old.seen == step else KEPT
            self.records[task] = Record(
                old.passes * kept + is_pass, old.tries * kept + 1, step, step if is_pass else old.solved
            )

    def of(self, task: str) -> Record:
        return self.records.get(task, UNSEEN)

    def is_resting(self, task: str, step: int, pools: Pools) -> bool:
        """Was it too easy or too hard when it was last seen, less than `pools.rest` steps ago?"""
        record = self.of(task)
        return pool_of(record, pools) in ("easy", "hard") and step - record.seen <= pools.rest

    def count(self, pools: Pools) -> dict[str, int]:
        """How many of the tasks seen are in each pool."""
        counts = {"easy": 0, "between": 0, "hard": 0}
        for record in self.records.values():
            counts[pool_of(record, pools)] += 1
        return counts


def pool_of(record: Record, pools: Pools) -> str:
    rate = record.rate
    if rate is None or pools.hard < rate < pools.easy:
        return "between"
    return "easy" if rate >= pools.easy else "hard"


def share_out(records: Sequence[Record], total: int, how: SizeByDifficulty) -> list[int]:
    """A group size for each task, `total` in all, so that the most groups are expected to have spread.

    `least` x tasks <= total <= `most` x tasks must hold. Of equal claims the earlier task's comes first.
    """
    sizes = [how.least] * len(records)
    left = total - sum(sizes)
    if not 0 <= left <= (how.most - how.least) * len(records):
        raise ValueError(f"{total} completions cannot be {len(records)} groups of {how.least} to {how.most}")
    claims = [(-gain(record, how.least), how.least, place) for place, record in enumerate(records)]
    heapq.heapify(claims)
    for _ in range(left):
        _, size, place = heapq.heappop(claims)
        sizes[place] = size + 1
        if size + 1 < how.most:
            heapq.heappush(claims, (-gain(records[place], size + 1), size + 1, place))
    return sizes


def gain(record: Record, size: int) -> float:
    """How much more likely a group of `size` is to have spread with one completion more."""
    a, b = record.passes + 1, record.tries - record.passes + 1
    whole = _log_beta(a, b)
    return exp(_log_beta(a + size, b + 1) - whole) + exp(_log_beta(a + 1, b + size) - whole)


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
