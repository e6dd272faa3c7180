"""What sampled answers must be to be learnt from: each filter a small function that says what is wrong, or nothing.

R1 keeps of its samples those that are right and drops those with mixed languages, long paragraphs or code blocks in their
reasoning (arXiv 2501.12948, section 2.3.3); its cold start was filtered for repetition and readability too. `sift` applies
the filters in the order of `FILTERS`, counts what each removed, and keeps examples of it: a filter that nobody has seen at
work is a filter that nobody knows.

What is wrong is judged on one answer (`FILTERS`), then among the answers of one prompt (near-duplicates, the most per prompt).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from assay.core.section import Section
from assay.verify.text.language import SCRIPT_OF, count_words, reasoning
from assay.verify.text.words import words

EXAMPLES = 3  # of what each filter removed, kept for people to read
FENCE = re.compile(r"^ {0,3}(?:`{3}|~{3})", re.MULTILINE)
SHINGLE = 3  # words that two texts are compared by


class FilterConfig(Section):
    """Which answers are learnt from. A filter whose number is none is off."""

    correct: bool = Field(True, description="only answers that their verifier passes, where there is one")
    readable: float | None = Field(0.99, gt=0, le=1, description="least share of characters that can be read")
    language: str | None = Field(None, description="the language asked for (ISO 639-1)")
    language_share: float = Field(0.95, gt=0, le=1, description="least share of the reasoning's words in it")
    longest_paragraph: int | None = Field(None, ge=1, description="words of a paragraph of the reasoning")
    code_blocks: bool = Field(True, description="keep answers with code blocks where no program was asked for")
    repetition: float | None = Field(
        0.5, gt=0, le=1, description="most of its lines or word triples that stand there before"
    )
    shortest: int | None = Field(None, ge=1, description="tokens of an answer")
    longest: int | None = Field(None, ge=1, description="tokens of an answer")
    cut: bool = Field(False, description="keep answers that were cut at the limit")
    near_duplicates: float | None = Field(
        0.9, gt=0, le=1, description="most overlap (Jaccard, word triples) with an answer kept for the same prompt"
    )
    per_prompt: int | None = Field(None, ge=1, description="answers kept for one prompt")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that may be learnt from. `is_right` None: nothing can judge it."""

    task: str
    text: str
    tokens: int
    finish: str
    is_right: bool | None
    asks_for_code: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """What one filter took away, with the first of it."""

    filter: str
    count: int
    examples: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sifted:
    """`kept` are places in what was sifted, in order."""

    kept: tuple[int, ...]
    removed: tuple[Removed, ...] = field(default=())


def is_wrong(answer: Candidate, config: FilterConfig) -> str | None:
    return "its verifier does not pass it" if config.correct and answer.is_right is False else None


def is_cut(answer: Candidate, config: FilterConfig) -> str | None:
    return "cut at the limit" if not config.cut and answer.finish == "length" else None


def is_unreadable(answer: Candidate, config: FilterConfig) -> str | None:
    """Control signs, private-use and unassigned code points, replacement characters, or nothing at all."""
    if config.readable is None:
        return None
    if not answer.text.strip():
        return "empty"
    bad = sum(
        (unicodedata.category(sign) in ("Cc", "Cn", "Co", "Cs") and sign not in "\n\t\r") or sign == "\ufffd"
        for sign in answer.text
    )
    share = 1 - bad / len(answer.text)
    return f"{share:.2f} of it can be read" if share < config.readable else None


def is_mixed(answer: Candidate, config: FilterConfig) -> str | None:
    """Words of another language in the reasoning; no word at all is no mix."""
    if config.language is None or config.language not in SCRIPT_OF:
        return None
    inside, counted, others = count_words(reasoning(answer.text), config.language)
    if not counted or inside / counted >= config.language_share:
        return None
    return f"{counted - inside} of {counted} words are not {config.language} ({', '.join(sorted(others))})"


def has_long_paragraph(answer: Candidate, config: FilterConfig) -> str | None:
    if config.longest_paragraph is None:
        return None
    longest = max((len(words(each)) for each in reasoning(answer.text).split("\n\n")), default=0)
    return f"a paragraph of {longest} words" if longest > config.longest_paragraph else None


def has_code_block(answer: Candidate, config: FilterConfig) -> str | None:
    """A fence, closed or not, where no program was asked for."""
    if config.code_blocks or answer.asks_for_code:
        return None
    return "a code block that nobody asked for" if FENCE.search(answer.text) else None


def is_repetitive(answer: Candidate, config: FilterConfig) -> str | None:
    """The share of lines, and of word triples, that stand in the answer before."""
    if config.repetition is None:
        return None
    lines = [line.strip() for line in answer.text.splitlines() if line.strip()]
    for what, pieces in (("lines", lines), ("word triples", shingles(answer.text))):
        again = 1 - len(set(pieces)) / len(pieces) if len(pieces) > 1 else 0.0
        if again >= config.repetition:
            return f"{again:.0%} of its {what} stand there before"
    return None


def is_short(answer: Candidate, config: FilterConfig) -> str | None:
    return f"{answer.tokens} tokens" if config.shortest is not None and answer.tokens < config.shortest else None


def is_long(answer: Candidate, config: FilterConfig) -> str | None:
    return f"{answer.tokens} tokens" if config.longest is not None and answer.tokens > config.longest else None


FILTERS: Mapping[str, Callable[[Candidate, FilterConfig], str | None]] = {
    "wrong": is_wrong,
    "cut": is_cut,
    "unreadable": is_unreadable,
    "mixed language": is_mixed,
    "long paragraph": has_long_paragraph,
    "code block": has_code_block,
    "repetition": is_repetitive,
    "too short": is_short,
    "too long": is_long,
}
AMONG = ("near-duplicate", "more than wanted")


def sift(answers: Sequence[Candidate], config: FilterConfig) -> Sifted:
    """The places of the answers that every filter keeps, and what each filter removed."""
    removed: dict[str, list[tuple[Candidate, str]]] = {name: [] for name in (*FILTERS, *AMONG)}
    kept: list[int] = []
    of_prompt: dict[str, list[frozenset[tuple[str, ...]]]] = {}
    for place, answer in enumerate(answers):
        found = next(((name, why) for name, test in FILTERS.items() if (why := test(answer, config))), None)
        if found is None:
            seen = of_prompt.setdefault(answer.task, [])
            found = _among(answer, seen, config)
            if found is None:
                seen.append(frozenset(shingles(answer.text)))
                kept.append(place)
                continue
        removed[found[0]].append((answer, found[1]))
    return Sifted(tuple(kept), tuple(_removed(name, each) for name, each in removed.items() if each))


def _among(
    answer: Candidate, seen: Sequence[frozenset[tuple[str, ...]]], config: FilterConfig
) -> tuple[str, str] | None:
    """What is wrong with one more answer of a prompt, given those kept."""
    if config.near_duplicates is not None and seen:
        most = max(overlap(frozenset(shingles(answer.text)), each) for each in seen)
        if most >= config.near_duplicates:
            return AMONG[0], f"{most:.0%} of an answer that is kept"
    if config.per_prompt is not None and len(seen) >= config.per_prompt:
        return AMONG[1], f"{config.per_prompt} of this prompt are kept"
    return None


def shingles(text: str) -> list[tuple[str, ...]]:
    """Runs of three words, in order; a shorter text is one run. Signs that belong to no word separate words, so what
    differs in signs alone differs in the white-space pieces: those are taken where they are more."""
    pieces = max((words(text), text.split()), key=len)
    return [tuple(pieces[at : at + SHINGLE]) for at in range(max(1, len(pieces) - SHINGLE + 1))]


def overlap(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> float:
    """Jaccard's."""
    together = len(one | other)
    return len(one & other) / together if together else 1.0


def _removed(name: str, each: Iterable[tuple[Candidate, str]]) -> Removed:
    pairs = list(each)
    shown = tuple({"task": answer.task, "text": answer.text[:600], "why": why} for answer, why in pairs[:EXAMPLES])
    return Removed(name, len(pairs), shown)
