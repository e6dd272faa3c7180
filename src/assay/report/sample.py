"""Which completions of a run a page holds: all of them, or whole groups spread evenly over the steps of a long run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.core.run_folder import RunFolder
from assay.core.types import Json

MOST_ROWS = 5_000
MOST_BYTES = 20_000_000
LONGEST_TEXT = 20_000  # characters of one completion or prompt


class GroupKey(NamedTuple):
    split: str
    step: int
    group: str


@dataclass(slots=True)
class Size:
    """What a group takes, counted up row by row."""

    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows shown, in their order in the file, out of `total`."""

    rows: tuple[Mapping[str, Json], ...]
    total: int

    @property
    def is_whole(self) -> bool:
        return len(self.rows) == self.total

    def sentence(self) -> str:
        if not self.total:
            return "No completion has been sampled yet."
        if self.is_whole:
            return f"All {self.total:,} completions of the run are here."
        return (
            f"{len(self.rows):,} of {self.total:,} completions are here: whole groups, spread evenly over the steps. "
            f"The others stand in rollouts.jsonl."
        )


def sample_rollouts(run: RunFolder, most_rows: int = MOST_ROWS, most_bytes: int = MOST_BYTES) -> Sample:
    """Two passes over the file, so that a long run is never held in memory whole."""
    sizes: dict[GroupKey, Size] = defaultdict(Size)
    for row in run.read_rollouts():
        size = sizes[_key(row)]
        # a page holds a prompt once a task, and a row's other fields in some 300 characters
        prompt = 0 if size.rows else min(len(str(row.get("prompt", ""))), LONGEST_TEXT)
        size.rows += 1
        size.bytes += 300 + prompt + min(len(str(row.get("text", ""))), LONGEST_TEXT)
    chosen = choose(sizes, most_rows, most_bytes)
    rows = tuple(_shortened(row) for row in run.read_rollouts() if _key(row) in chosen)
    return Sample(rows, sum(size.rows for size in sizes.values()))


def choose(sizes: Mapping[GroupKey, Size], most_rows: int, most_bytes: int) -> set[GroupKey]:
    """One group of every step, then a second one of every step, and so on until nothing more fits. Each round visits the
    steps first, last, middle, quarters..., so that a round cut short is spread evenly too."""
    steps: dict[tuple[str, int], list[GroupKey]] = defaultdict(list)
    for key in sizes:
        steps[key.split, key.step].append(key)
    chosen: set[GroupKey] = set()
    rows = size = 0
    for key in _rounds(list(steps.values())):
        rows, size = rows + sizes[key].rows, size + sizes[key].bytes
        if rows > most_rows or size > most_bytes:
            break
        chosen.add(key)
    return chosen


def _rounds(steps: Sequence[Sequence[GroupKey]]) -> Iterator[GroupKey]:
    order = spread_order(len(steps))
    for place in range(max(map(len, steps), default=0)):
        yield from (steps[each][place] for each in order if place < len(steps[each]))


def spread_order(count: int) -> list[int]:
    """0 .. count - 1, the ends first, then always the middle of the widest gaps: every beginning of it is even.

    >>> spread_order(5)
    [0, 4, 2, 1, 3]
    """
    if count < 3:
        return list(range(count))
    order, gaps = [0, count - 1], [(0, count - 1)]
    while gaps:
        halves = []
        for low, high in gaps:
            middle = (low + high) // 2
            if middle > low:
                order.append(middle)
                halves += [(low, middle), (middle, high)]
        gaps = halves
    return order


def _key(row: Mapping[str, Json]) -> GroupKey:
    return GroupKey(str(row.get("split", "train")), int(row.get("step", 0)), str(row.get("group", "")))


def _shortened(row: Mapping[str, Json]) -> Mapping[str, Json]:
    long = [name for name in ("text", "prompt", "answer") if len(str(row.get(name) or "")) > LONGEST_TEXT]
    return {**row, **{name: shorten(str(row[name])) for name in long}} if long else row


def shorten(text: str, most: int = LONGEST_TEXT) -> str:
    """The beginning and the end, with a line that says what is left out between them."""
    if len(text) <= most:
        return text
    end = most // 4
    start = most - end
    return f"{text[:start]}\n[... {len(text) - most:,} characters left out; rollouts.jsonl has them ...]\n{text[-end:]}"
