"""A mixture of sources by weight: `warehouse:0.7,times_tables:0.3`, or `mixture` with `options.weights`.

The weights become whole numbers out of a cycle of at most a hundred tasks, spread evenly over it, so that the task at
an index is found without counting: the shares are exact over each cycle, not on average. In training the mixture has no
end (a source that runs out starts again); held out it ends with its shortest source's first round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm

from pydantic import Field

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError
from assay.core.records import sha256_of
from assay.core.rng import stream
from assay.core.section import Section
from assay.core.types import Json, Task
from assay.tasks.source import Split, TaskSource, demonstration_of, place_of, problem_of, read_options

CYCLE = 100


class MixtureOptions(Section):
    weights: dict[str, float] = Field(default_factory=dict, description="source = weight")
    options: dict[str, dict[str, Json]] = Field(default_factory=dict, description="source = its own options")


def mix(config: TasksConfig, split: Split, seed: int) -> Mixture:
    """Raises ConfigError, and whatever the sources raise."""
    from assay.tasks.load import load_source

    options = read_options(MixtureOptions, config.options)
    weights = dict(options.weights)
    if config.source != "mixture":
        if weights:
            raise ConfigError("tasks: give the weights in the source's name or in options.weights, not both")
        weights = parse(config.source)
    if not weights:
        raise ConfigError("tasks.options.weights: a mixture needs them, as { warehouse = 0.7, times_tables = 0.3 }")
    for name in options.options:
        if name not in weights:
            raise ConfigError(f"tasks.options.options: {name} is no source of the mixture ({', '.join(weights)})")
    parts = []
    for name in weights:
        part = TasksConfig(source=name, options=options.options.get(name, {}))
        parts.append(load_source(part, split, seed))
    return Mixture(tuple(parts), shares(weights), split, seed)


def parse(text: str) -> dict[str, float]:
    """`a:0.7,b:0.3`; without numbers the weights are equal."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, colon, weight = part.strip().rpartition(":")
        try:
            value = float(weight)
        except ValueError:
            name, value = part.strip(), 1.0
        if not name or (colon and name == ""):
            raise ConfigError(f"tasks.source: {text!r}: source:weight,source:weight would be right")
        if name in weights:
            raise ConfigError(f"tasks.source: {name} stands twice in the mixture")
        weights[name] = value
    return weights


def shares(weights: Mapping[str, float]) -> tuple[int, ...]:
    """Whole numbers in the proportions of the weights, with a sum of at most CYCLE."""
    for name, weight in weights.items():
        if not 0 < weight < float("inf"):
            raise ConfigError(f"tasks: the weight of {name} must be a number above 0, not {weight:g}")
    whole = sum(Fraction(weight) for weight in weights.values())
    exact = [Fraction(weight) / whole for weight in weights.values()]
    nice = [share.limit_denominator(CYCLE) for share in exact]
    size = lcm(*(share.denominator for share in nice))
    counts = [int(share * size) for share in nice]
    if size > CYCLE or sum(counts) != size or 0 in counts:
        counts = [max(1, round(share * CYCLE)) for share in exact]
    common = gcd(*counts)
    return tuple(count // common for count in counts)


@dataclass(frozen=True)
class Mixture:
    parts: tuple[TaskSource, ...]
    counts: tuple[int, ...]
    split: Split
    seed: int
    name: str = "mixture"

    def __post_init__(self) -> None:
        if self.length == 0:
            raise ConfigError(
                f"a mixture of {', '.join(part.name for part in self.parts)}: one has too few held-out tasks"
            )

    @property
    def length(self) -> int | None:
        ends = [
            part.length // count for part, count in zip(self.parts, self.counts, strict=True) if part.length is not None
        ]
        return None if self.split == "train" or not ends else min(ends) * sum(self.counts)

    @property
    def fingerprint(self) -> str:
        return sha256_of([self.counts, self.seed, [part.fingerprint for part in self.parts]])[:12]

    def task(self, index: int) -> Task:
        part, position = self._find(index)
        return part.task(position)

    def problem(self, index: int) -> str:
        return problem_of(*self._find(index))

    def place(self, index: int) -> str:
        return place_of(*self._find(index))

    def demonstration(self, index: int) -> str:
        return demonstration_of(*self._find(index))

    def _find(self, index: int) -> tuple[TaskSource, int]:
        length = self.length
        if index < 0 or (length is not None and index >= length):
            raise IndexError(index)
        turn, at = divmod(index, sum(self.counts))
        which = self._order[at]
        position = turn * self.counts[which] + self._order[:at].count(which)
        part = self.parts[which]
        if part.length is None:
            return part, position
        epoch, place = divmod(position, part.length)
        if epoch == 0:
            return part, place
        again = list(range(part.length))
        stream(self.seed, "mixture", which, epoch).shuffle(again)
        return part, again[place]

    @property
    def _order(self) -> tuple[int, ...]:
        """Each part at evenly spaced places of the cycle."""
        places = [
            ((2 * turn + 1) / (2 * count), which) for which, count in enumerate(self.counts) for turn in range(count)
        ]
        return tuple(which for _, which in sorted(places))
