"""Multiple choice: the options of a task in another order, and where the right ones stand in a task set.

A policy can learn that C is right more often than not, and a reward pays it for that. Shuffled options leave nothing to
learn there; `positions` shows what there would be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from assay.core.rng import stream
from assay.core.statistics import wilson
from assay.core.types import Json, Message, Task

TIED = re.compile(
    r"\b(?:above|below|other options?|(?:both|neither|all|none) of (?:these|them)|(?:both|neither) [A-Z])\b", re.I
)
LETTERS = re.compile(r"\(?[A-Z]\)?(?:,| and| or) \(?[A-Z]\)?")


@dataclass(frozen=True, slots=True)
class Positions:
    """Where something stood among the options: `counts[i]` times at the i-th, out of `total`.

    `chance` is what an even spread would give each; `is_biased`: the most frequent position's share is above chance by
    more than a 95 % interval explains.
    """

    counts: tuple[int, ...]
    chance: float

    @property
    def total(self) -> int:
        return sum(self.counts)

    @property
    def most(self) -> int:
        """The most frequent position, from 0."""
        return max(range(len(self.counts)), key=lambda at: (self.counts[at], -at), default=0)

    @property
    def share(self) -> float:
        return self.counts[self.most] / self.total if self.total else 0.0

    @property
    def is_biased(self) -> bool:
        return self.total > 0 and wilson(self.counts[self.most], self.total)[0] > self.chance


def positions(tasks: Iterable[Task]) -> Positions | None:
    """Where the right option stands in the choice tasks; None without any."""
    return spread(
        [(found, count) for task in tasks if (found := right_position(task)) is not None for count in [_options(task)]]
    )


def spread(places: Sequence[tuple[int, int]]) -> Positions | None:
    """Positions from (position, options of the task); 0 options: as many as the positions seen."""
    if not places:
        return None
    counts = Counter(at for at, _ in places)
    width = max(max(counts) + 1, *(options for _, options in places))
    chances = [1 / (options or width) for _, options in places]
    return Positions(tuple(counts[at] for at in range(width)), sum(chances) / len(chances))


def right_position(task: Task) -> int | None:
    """Of a choice task's right option, from 0: in the order of its choices, else by its letter."""
    truth = task.truth
    if task.verifier != "choice":
        return None
    answer = truth.get("answer") if isinstance(truth, Mapping) else truth
    return position_of(answer, truth)


def position_of(label: Json, truth: Json) -> int | None:
    """Where a label stands among the truth's choices, or in the alphabet where it names none."""
    if not isinstance(label, str):
        return None
    bare = label.strip().strip("().:").casefold()
    choices = truth.get("choices") if isinstance(truth, Mapping) else None
    if isinstance(choices, Mapping):
        return next((at for at, each in enumerate(choices) if each.strip().strip("().:").casefold() == bare), None)
    return ord(bare) - ord("a") if len(bare) == 1 and "a" <= bare <= "z" else None


def _options(task: Task) -> int:
    choices = task.truth.get("choices") if isinstance(task.truth, Mapping) else None
    return len(choices) if isinstance(choices, Mapping) else 0


def shuffle_choices(task: Task, seed: int) -> Task:
    """The task with its options' texts in an order drawn from (seed, the task's id); the right letter follows its text.

    The last message must show each option on a line of its own, as `A. text`, `A) text`, `(A) text` or `A: text`. A task
    that does not, one without choices, and one whose options speak of each other ("all of the above") stay as they are.
    """
    truth = task.truth
    choices = truth.get("choices") if task.verifier == "choice" and isinstance(truth, Mapping) else None
    if not isinstance(choices, Mapping) or not task.prompt or len(choices) < 2 or _is_tied(choices.values()):
        return task
    at = position_of(truth.get("answer"), truth)
    labels, texts = list(choices), list(choices.values())
    lines = _lines(task.prompt[-1].content, choices)
    if at is None or lines is None:
        return task
    order = list(range(len(texts)))
    stream(seed, "choices", task.id).shuffle(order)
    moved = [texts[each] for each in order]
    said = task.prompt[-1].content
    for (start, end), text in sorted(zip(lines, moved, strict=True), reverse=True):
        said = said[:start] + text + said[end:]
    shuffled = {**truth, "answer": labels[order.index(at)], "choices": dict(zip(labels, moved, strict=True))}
    return replace(task, prompt=(*task.prompt[:-1], Message(task.prompt[-1].role, said)), truth=shuffled)


def _is_tied(texts: Iterable[Json]) -> bool:
    return any(not isinstance(each, str) or TIED.search(each) or LETTERS.fullmatch(each.strip()) for each in texts)


def _lines(prompt: str, choices: Mapping[str, str]) -> list[tuple[int, int]] | None:
    """Where each option's text stands in the prompt; None unless each stands there once, behind its label."""
    found = []
    for label, text in choices.items():
        bare = re.escape(label.strip().strip("().:"))
        places = list(re.finditer(rf"^[ \t]*\(?{bare}[.):]?[ \t]+({re.escape(text)})[ \t]*$", prompt, re.MULTILINE))
        if len(places) != 1:
            return None
        found.append(places[0].span(1))
    return found
