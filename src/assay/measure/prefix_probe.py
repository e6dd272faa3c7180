"""The prefix probe: does a model know held-out prompts by heart?

The first 60 % of a prompt's words are given as plain text, without a chat template, and the model goes on greedily; a prompt is
known when every word of the rest comes, in order (after Reasoning or Memorization?, arXiv 2507.10532: with 60 % of a MATH-500
problem Qwen2.5-Math-7B gave the rest of 54.6 %). Departures: words instead of characters; an end that most prompts share (the
sentence that asks for a box) is taken off first; and prompts whose rest is no content of their own are left out: fewer than
five words, or a rest that other prompts end with too, which anybody completes who has seen two of them.

A high rate says that the model has seen these prompts, so that a gain on them proves little. A low one proves nothing: a
paraphrase, or the answer alone, may still be known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from assay.core.errors import UsageError
from assay.core.rng import derive
from assay.core.statistics import wilson
from assay.verify.text.words import words

SHARE = 0.6
LEAST = 5  # words of a rest
TAIL = 5  # words by which two rests are one
FEW = 4  # texts of which one can tell what they share
EXAMPLES = 5

Continue = Callable[[str, int], str]
"""(text, at most so many words) -> what a model says next, greedily."""


@dataclass(frozen=True, slots=True)
class Known:
    """A prompt whose rest the model gave."""

    place: str
    begin: str
    rest: str


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """`verbatim` of `probed` prompts were known; `begun` is the mean share of the rest's words that came in order."""

    model: str
    probed: int
    verbatim: int
    begun: float
    left_out: int
    known: tuple[Known, ...]

    @property
    def rate(self) -> float:
        return self.verbatim / self.probed if self.probed else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.verbatim, self.probed)

    def sentence(self) -> str:
        if not self.probed:
            return (
                f"{self.model}: no prompt has {LEAST} words of its own behind its first {SHARE:.0%}, so none was probed"
            )
        low, high = self.interval
        return (
            f"{self.model} completes {self.verbatim} of {self.probed} prompts word for word from their first {SHARE:.0%} "
            f"({self.rate:.1%}, 95 % interval {low:.1%} to {high:.1%}); {self.begun:.0%} of a rest's words come in order"
        )


def probe(model: str, texts: Sequence[tuple[str, str]], go_on: Continue, *, most: int = 32) -> ProbeReport:
    """`texts` holds (place, prompt); at most `most` of those that can be probed are, always the same ones.

    Raises UsageError for no text.
    """
    if not texts:
        raise UsageError("there is no prompt to probe")
    end = _shared_end([text for _, text in texts])
    cut = [(place, *_cut(text.rstrip().removesuffix(end) if end else text)) for place, text in texts]
    tails = Counter(_tail(rest) for _, _, rest in cut)
    own = [each for each in cut if len(words(each[2])) >= LEAST and tails[_tail(each[2])] == 1]
    chosen = sorted(own, key=lambda each: derive(0, "probe", each[1]))[:most]
    known: list[Known] = []
    shares = []
    for place, begin, rest in chosen:
        wanted = _folded(rest)
        said = _folded(go_on(begin, len(wanted)))
        matched = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(wanted, said, strict=False))))
        shares.append(matched / len(wanted))
        if matched == len(wanted):
            known.append(Known(place, begin, rest))
    begun = sum(shares) / len(shares) if shares else 0.0
    return ProbeReport(model, len(chosen), len(known), begun, len(cut) - len(own), tuple(known[:EXAMPLES]))


def _shared_end(texts: Sequence[str]) -> str:
    """The longest run of pieces, as it is written, that more than half of at least `FEW` texts end with; else nothing."""
    if len(texts) < FEW:
        return ""
    found, size = "", 1
    while True:
        ends = Counter(end for text in texts if (end := _end(text.rstrip(), size)) is not None)
        best, count = max(ends.items(), key=lambda each: each[1], default=("", 0))
        if 2 * count <= len(texts):
            return found
        found, size = best, size + 1


def _end(text: str, pieces: int) -> str | None:
    """The last so many pieces with the white space before them; None where the text has no more than these."""
    before = text.rsplit(maxsplit=pieces)
    return text[len(before[0]) :] if len(before) > pieces else None


def _cut(text: str) -> tuple[str, str]:
    """The text at the white space nearest behind `SHARE` of its pieces: both parts as they are written."""
    pieces = text.split()
    keep = max(1, round(SHARE * len(pieces)))
    at = 0
    for piece in pieces[:keep]:
        at = text.index(piece, at) + len(piece)
    return text[:at], text[at:]


def _tail(rest: str) -> tuple[str, ...]:
    return tuple(_folded(rest)[-TAIL:])


def _folded(text: str) -> list[str]:
    return [each.casefold() for each in words(text)]
