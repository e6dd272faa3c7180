"""Contamination: held-out prompts that training prompts give away, word for word or nearly.

Compared are last user messages, in words (verify/text/words) without case. Neither finding proves that anything leaks, so they
are notes with examples and stop no run:

    shared   ten words in a row of a held-out prompt stand in a training prompt too (DeepSeek-R1, arXiv 2501.12948 v2, takes
             any such training text out)
    near     the sets of three-word runs of the two agree at least so far: |A and B| / |A or B| >= 0.7

Tasks made from a template share its words without giving anything away. A run that stands in many prompts of a side, whatever
its numbers (in more than 1 % and more than 5), is the form of the tasks: of ten shared words, seven must be outside of five-word
runs of form. A paraphrase shares no run and is not seen; a prompt of fewer than ten words is compared as a whole only
(tasks/check does).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from assay.core.types import Task
from assay.verify.text.words import words

RUN = 10
FORM_RUN, OWN = 5, 7
SHINGLE = 3
ALIKE = 0.7
FORM_SHARE, FORM_LEAST = 0.01, 5
LEAST = 8  # runs of its own that a prompt must have to be nearly another one
TRIED = 3  # training prompts whose likeness to a held-out one is worked out
EXAMPLES = 5  # of each kind
MOST_WORDS = 5_000_000  # of training prompts: about ten seconds

Kind = Literal["shared", "near"]
Run = tuple[str, ...]


class Example(NamedTuple):
    """`held_out` and `train` are places; `text` is the run they share, or how alike they are."""

    kind: Kind
    held_out: str
    train: str
    text: str


@dataclass(frozen=True, slots=True)
class Contamination:
    """Counts of held-out prompts. `short` had too few words for a run; `form` counts the shared runs taken for form."""

    compared: int
    against: int
    shared: int
    near: int
    short: int
    form: int
    skipped: int  # training prompts beyond MOST_WORDS
    examples: tuple[Example, ...] = ()

    @property
    def is_found(self) -> bool:
        return self.shared + self.near > 0

    def notes(self) -> list[str]:
        """Sentences for people, with where to look."""
        said = []
        if self.shared:
            said.append(
                f"{self.shared} of {self.compared} held-out prompts share {RUN} words in a row with a training prompt: "
                + self._listed("shared")
            )
        if self.near:
            said.append(f"{self.near} held-out prompts are nearly a training prompt: " + self._listed("near"))
        if self.skipped:
            said.append(
                f"{self.skipped} training prompts were not compared with the held-out ones: {MOST_WORDS:,} words were"
            )
        return said

    def _listed(self, kind: Kind) -> str:
        found = [each for each in self.examples if each.kind == kind]
        return "; ".join(f"{each.held_out} and {each.train} ({each.text})" for each in found[:2])


class _Side(NamedTuple):
    places: Sequence[str]
    prompts: Sequence[list[str]]  # words


def find_overlap(train: Iterable[tuple[str, Task]], held_out: Iterable[tuple[str, Task]]) -> Contamination:
    """Each side as (place, task)."""
    theirs, skipped = _side(train, MOST_WORDS)
    ours, _ = _side(held_out, MOST_WORDS)
    shared, form = _shared(theirs, ours)
    near = _near(theirs, ours)
    short = sum(len(each) < RUN for each in ours.prompts)
    examples = (*shared[:EXAMPLES], *near[:EXAMPLES])
    return Contamination(len(ours.prompts), len(theirs.prompts), len(shared), len(near), short, form, skipped, examples)


def text_of(task: Task) -> str:
    """The last user message: examples and instructions before it are shared by all."""
    return next((content for role, content in reversed(task.prompt) if role == "user"), "")


def _side(tasks: Iterable[tuple[str, Task]], most: int) -> tuple[_Side, int]:
    places, prompts, total, skipped = [], [], 0, 0
    for place, task in tasks:
        if total >= most:
            skipped += 1
            continue
        found = words(text_of(task).casefold())
        total += len(found)
        places.append(place)
        prompts.append(found)
    return _Side(places, prompts), skipped


def _runs(prompt: Sequence[str], n: int) -> set[Run]:
    return {tuple(prompt[at : at + n]) for at in range(len(prompt) - n + 1)}


def _masked(run: Run) -> Run:
    return tuple("#" if any(sign.isdigit() for sign in word) else word for word in run)


def _form(theirs: _Side, ours: _Side, n: int) -> frozenset[Run]:
    """The held-out runs, numbers masked, that stand in many prompts of a side."""
    held: Counter[Run] = Counter(mask for prompt in ours.prompts for mask in {_masked(run) for run in _runs(prompt, n)})
    firsts = {mask[0] for mask in held}
    train: Counter[Run] = Counter()
    for prompt in theirs.prompts:
        masked = _masked(tuple(prompt))
        starts = [at for at in range(len(masked) - n + 1) if masked[at] in firsts]
        train.update({run for at in starts if (run := masked[at : at + n]) in held})
    most_train, most_held = (max(FORM_LEAST, FORM_SHARE * len(side.prompts)) for side in (theirs, ours))
    return frozenset(mask for mask in held if held[mask] > most_held or train[mask] > most_train)


def _shared(theirs: _Side, ours: _Side) -> tuple[list[Example], int]:
    """An example for each held-out prompt that shares a run which is no form; and how many shared runs are form."""
    known = {run for prompt in ours.prompts for run in _runs(prompt, RUN)}
    firsts = {run[0] for run in known}
    where: dict[Run, int] = {}
    for number, prompt in enumerate(theirs.prompts):
        for at in range(len(prompt) - RUN + 1):
            if prompt[at] in firsts and (run := tuple(prompt[at : at + RUN])) in known:
                where.setdefault(run, number)
    form = _form(theirs, ours, FORM_RUN)
    found, of_form = [], set()
    for number, prompt in enumerate(ours.prompts):
        is_own = _own(prompt, form)
        content = []
        for at in range(len(prompt) - RUN + 1):
            if (run := tuple(prompt[at : at + RUN])) in where:
                if sum(is_own[at : at + RUN]) >= OWN:
                    content.append(run)
                else:
                    of_form.add(run)
        if content:
            run = min(content, key=lambda each: (where[each], each))
            found.append(Example("shared", ours.places[number], theirs.places[where[run]], " ".join(run)))
    return found, len(of_form)


def _own(prompt: Sequence[str], form: frozenset[Run]) -> list[bool]:
    """For each word, whether it stands outside of every run of form."""
    masked = _masked(tuple(prompt))
    is_own = [True] * len(masked)
    for at in range(len(masked) - FORM_RUN + 1):
        if masked[at : at + FORM_RUN] in form:
            is_own[at : at + FORM_RUN] = [False] * FORM_RUN
    return is_own


def _near(theirs: _Side, ours: _Side) -> list[Example]:
    """An example for each held-out prompt whose content is nearly that of a training prompt."""
    form = _form(theirs, ours, SHINGLE)

    def content(prompt: Sequence[str]) -> set[Run]:
        return {run for run in _runs(prompt, SHINGLE) if _masked(run) not in form}

    held = [content(prompt) for prompt in ours.prompts]
    index: dict[Run, list[int]] = {}
    for number, runs in enumerate(held):
        for run in runs if len(runs) >= LEAST else ():
            index.setdefault(run, []).append(number)
    candidates: list[Counter[int]] = [Counter() for _ in held]
    for number, prompt in enumerate(theirs.prompts):
        for run in _runs(prompt, SHINGLE):
            for mine in index.get(run, ()):
                candidates[mine][number] += 1
    found = []
    for mine, counts in enumerate(candidates):
        likely = [
            (_alike(held[mine], content(theirs.prompts[number])), -number) for number, _ in counts.most_common(TRIED)
        ]
        alike, minus = max(likely, default=(0.0, 0))
        if alike >= ALIKE:
            said = f"{alike:.0%} alike" + (
                ", other numbers" if _renumbers(ours.prompts[mine], theirs.prompts[-minus]) else ""
            )
            found.append(Example("near", ours.places[mine], theirs.places[-minus], said))
    return found


def _alike(one: set[Run], other: set[Run]) -> float:
    return len(one & other) / len(one | other)


def _renumbers(one: Sequence[str], other: Sequence[str]) -> bool:
    return list(one) != list(other) and _masked(tuple(one)) == _masked(tuple(other))
