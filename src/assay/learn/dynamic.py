"""Dynamic sampling (DAPO, arXiv 2503.14476, section 3.2): further prompts until enough groups have spread.

The paper asks for 0 < correct < G; a group has spread here when its rewards differ, which is the same under an outcome
reward. Departures: a further round samples as many prompts as the missing groups will take at the share with spread seen so
far (at most prompts_per_step), where the paper's code samples whole batches; and after `max_rounds` the step goes on with
the groups that it has. Of more groups than wanted the first drawn are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from assay.core.drawing import Dynamic, DynamicSampling, NoDynamic
from assay.core.types import Group, Task
from assay.measure.signals import group_cause
from assay.rollout.collect import Collected


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a step sampled, in the order of drawing, and which groups it learns from."""

    collected: Collected
    kept: tuple[bool, ...]
    rounds: int

    @property
    def groups(self) -> list[Group]:
        """Those to learn from."""
        return [group for group, is_kept in zip(self.collected.groups, self.kept, strict=True) if is_kept]

    def metrics(self) -> dict[str, float | None]:
        wasted = [group for group, is_kept in zip(self.collected.groups, self.kept, strict=True) if not is_kept]
        return {
            "dynamic/rounds": self.rounds,
            "dynamic/sampled": len(self.kept),
            "dynamic/kept": sum(self.kept),
            "dynamic/wasted_tokens": sum(len(each.completion.tokens) for group in wasted for each in group.members),
        }


def gather(
    first: Sequence[Task],
    draw_more: Callable[[int], Sequence[Task]],
    collect_round: Callable[[Sequence[Task], int], Collected],
    how: DynamicSampling,
) -> Gathered:
    """The groups of `first`, and of further rounds until len(first) of them have spread, when `how` says so."""
    collected = collect_round(first, 0)
    if isinstance(how, NoDynamic):
        return Gathered(collected, (True,) * len(collected.groups), 1)
    rounds, wanted, drawn = 1, len(first), len(first)
    while (found := count_spread(collected.groups)) < wanted and rounds < how.max_rounds:
        more = draw_more(next_round(wanted, found, drawn))
        collected = joined(collected, collect_round(more, rounds))
        rounds, drawn = rounds + 1, drawn + len(more)
    return Gathered(collected, first_with_spread(collected.groups, wanted), rounds)


def next_round(wanted: int, found: int, drawn: int) -> int:
    """Prompts of the next round: what the missing groups take at the share found so far, at most `wanted`."""
    return min(wanted, ceil((wanted - found) * drawn / found)) if found else wanted


def count_spread(groups: Sequence[Group]) -> int:
    return sum(group_cause(group) == "informative" for group in groups)


def first_with_spread(groups: Sequence[Group], wanted: int) -> tuple[bool, ...]:
    """For each group, whether it is among the first `wanted` with spread."""
    kept, left = [], wanted
    for group in groups:
        is_kept = left > 0 and group_cause(group) == "informative"
        kept.append(is_kept)
        left -= is_kept
    return tuple(kept)


def joined(one: Collected, other: Collected) -> Collected:
    return Collected(
        one.groups + other.groups,
        one.dropped + other.dropped,
        one.judged + other.judged,
        one.voids + other.voids,
        one.seconds_sampling + other.seconds_sampling,
        one.seconds_judging + other.seconds_judging,
    )


def cut_short(gathered: Gathered, wanted: int, how: DynamicSampling) -> str | None:
    """What to say when the rounds ran out; None when they did not."""
    if not isinstance(how, Dynamic) or sum(gathered.kept) >= wanted:
        return None
    return (
        f"dynamic sampling: {sum(gathered.kept)} of {wanted} groups with spread after {gathered.rounds} rounds "
        f"(rollout.dynamic.max_rounds); the step goes on with them"
    )
