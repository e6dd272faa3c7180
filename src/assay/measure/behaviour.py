"""What completions look like while they reason: patterns that are counted, never paid.

    check       the text says that it checks its own work ("let me check", "verify", "substitute back")
    backtrack   it takes a step back ("wait", "let me try again", "that's not right")
    reflect     it holds one of the words that DeepSeek-R1 counts (arXiv 2501.12948, appendix C.2): wait, mistake, however, but,
                retry, error, verify, wrong, evaluate, check
    mixed       a twentieth or more of its words are not in `language` (verify/text/language counts them)
    repeats     a third or more of its four-word sequences stand in it more than once

They are observed patterns, not proof of reasoning: a base model says "wait" too, and reflection did not go with accuracy where
it was looked at (Dr. GRPO, arXiv 2503.20783). So each pattern stands beside the accuracy of the completions with it and
without it; and since hard prompts may call for it, the difference is also taken within prompts that have both.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.core.types import Json
from assay.measure.bootstrap import bootstrap_mean
from assay.verify.text.language import count_words, reasoning

REFLECTION = ("wait", "mistake", "however", "but", "retry", "error", "verify", "wrong", "evaluate", "check")
LONGEST = 20_000  # characters of a completion that are read
SEQUENCE = 4  # words
REPEATED = 1 / 3
MIXED = 0.05
FEWEST_WORDS = 8  # before the language or the repetition of a text says anything
SHOWN_TO = 0.95

_CHECK = re.compile(
    r"\b(?:let(?:'s|’s| me| us) (?:double[- ]?|re-?|just )?(?:check|verify|confirm)|double[- ]?check(?:s|ed|ing)?|verify(?:ing)?|verified|"
    r"sanity check|check(?:ing)? (?:this|that|it|the|my|our)|to (?:check|confirm|be sure)|"
    r"(?:plug|substitut|put)(?:ging|ting|ing|e)? (?:it|this|that|them|these|the \w+|\w+)? ?back)\b",
    re.IGNORECASE,
)
_BACKTRACK = re.compile(
    r"\b(?:wait|hold on|scratch that|on second thought|let(?:'s|’s| me| us) (?:try|start|do|think)(?: \w+)? (?:again|over)|let me re-?(?:think|do|consider|start|try)|"
    r"try (?:again|another|a different)|start(?:ing)? over|go(?:ing)? back|another approach|a different approach|"
    r"(?:that|this)(?:'s|’s| is| was| can't be| cannot be) (?:not right|wrong|incorrect|a mistake)|i(?: have|'ve|’ve)? made (?:a|an) (?:mistake|error))\b",
    re.IGNORECASE,
)
_REFLECT = re.compile(rf"\b({'|'.join(REFLECTION)})\b", re.IGNORECASE)


class Pattern(NamedTuple):
    """`find` says whether a text shows it; None where a text is too short to tell."""

    title: str
    meaning: str
    find: Callable[[str], bool | None]


def shows_check(text: str) -> bool:
    return _CHECK.search(text) is not None


def shows_backtrack(text: str) -> bool:
    return _BACKTRACK.search(text) is not None


def reflection_words(text: str) -> Counter[str]:
    """How often each of R1's words stands in it."""
    return Counter(word.lower() for word in _REFLECT.findall(text))


def repetition(text: str) -> float | None:
    """The share of four-word sequences that stand in the text more than once; None for fewer than eight words.

    >>> repetition("one two three four one two three four one two three four")
    1.0
    """
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return None
    counts = Counter(zip(*(words[start:] for start in range(SEQUENCE)), strict=False))
    return sum(count for count in counts.values() if count > 1) / counts.total()


def foreign_share(text: str, language: str = "en") -> float | None:
    """The share of the reasoning's words that are in another language; None for fewer than eight words."""
    inside, counted, _ = count_words(reasoning(text), language)
    return None if counted < FEWEST_WORDS else 1 - inside / counted


def patterns(language: str = "en") -> dict[str, Pattern]:
    def mixed(text: str) -> bool | None:
        share = foreign_share(text, language)
        return None if share is None else share >= MIXED

    def repeats(text: str) -> bool | None:
        share = repetition(text)
        return None if share is None else share >= REPEATED

    return {
        "check": Pattern("checks its work", "“let me check”, “verify”, “substitute back”…", shows_check),
        "backtrack": Pattern("takes a step back", "“wait”, “let me try again”, “that’s not right”…", shows_backtrack),
        "reflect": Pattern(
            "reflection words", f"R1’s list: {', '.join(REFLECTION)}", lambda text: _REFLECT.search(text) is not None
        ),
        "mixed": Pattern("mixes languages", f"5 % or more of its words are in another language than {language}", mixed),
        "repeats": Pattern("repeats itself", "a third or more of its four-word sequences come again", repeats),
    }


class Moment(NamedTuple):
    """One step's completions: the share with each pattern (None where no text could tell), and lengths by outcome."""

    step: int
    completions: int
    shares: Mapping[str, float | None]
    tokens_right: float | None
    tokens_wrong: float | None


class Beside(NamedTuple):
    """A pattern beside accuracy. `within` is the mean difference (with less without) over the prompts that have both, with
    its 95 % interval (bootstrap over prompts), None for fewer than two such prompts."""

    pattern: str
    having: int
    told: int
    right_with: float | None
    right_without: float | None
    within: tuple[float, float, float] | None
    prompts: int


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Of a run's training completions: by step, and each pattern beside accuracy over all of them."""

    moments: tuple[Moment, ...]
    beside: tuple[Beside, ...]
    words: Mapping[str, int]  # R1's words, by how often they were written
    completions: int

    @property
    def is_silent(self) -> bool:
        """Was no pattern ever seen?"""
        return all(each.having == 0 for each in self.beside)


def behaviour(rows: Iterable[Mapping[str, Json]], language: str = "en", seed: int = 0) -> Behaviour:
    """From rows of rollouts.jsonl; VOID rows, and those of evaluations, are passed over."""
    known = patterns(language)
    steps: dict[int, list[_Read]] = defaultdict(list)
    words: Counter[str] = Counter()
    for row in rows:
        if row.get("split", "train") != "train" or row.get("outcome") == "void":
            continue
        text = str(row.get("text", ""))[:LONGEST]
        words.update(reflection_words(text))
        shown = {name: pattern.find(text) for name, pattern in known.items()}
        steps[int(row["step"])].append(
            _Read(str(row["group"]), row.get("outcome") == "pass", int(row.get("tokens", 0)), shown)
        )
    everything = [each for read in steps.values() for each in read]
    return Behaviour(
        tuple(_moment(step, read, known) for step, read in sorted(steps.items())),
        tuple(_beside(name, everything, seed) for name in known),
        dict(words.most_common()),
        len(everything),
    )


class _Read(NamedTuple):
    group: str
    is_right: bool
    tokens: int
    shown: Mapping[str, bool | None]


def _moment(step: int, read: Sequence[_Read], names: Iterable[str]) -> Moment:
    shares = {name: _mean([found for each in read if (found := each.shown[name]) is not None]) for name in names}
    right, wrong = ([each.tokens for each in read if each.is_right is is_right] for is_right in (True, False))
    return Moment(step, len(read), shares, _mean(right), _mean(wrong))


def _beside(name: str, read: Sequence[_Read], seed: int) -> Beside:
    told = [each for each in read if each.shown[name] is not None]
    having, lacking = ([each for each in told if each.shown[name] is shown] for shown in (True, False))
    groups: dict[str, tuple[list[bool], list[bool]]] = defaultdict(lambda: ([], []))
    for each in told:
        groups[each.group][0 if each.shown[name] else 1].append(each.is_right)
    both = [sum(has) / len(has) - sum(lacks) / len(lacks) for has, lacks in groups.values() if has and lacks]
    within = None
    if len(both) > 1:
        within = (sum(both) / len(both), *bootstrap_mean(both, seed=seed, level=SHOWN_TO))
    return Beside(
        name,
        len(having),
        len(told),
        _mean([each.is_right for each in having]),
        _mean([each.is_right for each in lacking]),
        within,
        len(both),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
