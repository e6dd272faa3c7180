"""Words, sentences and lines: what the text verifiers count, by stated rules and in time linear in the text.

- A *word* is a run of letters, digits and their marks; an apostrophe or a hyphen between two of them belongs to it,
  and a point or a comma between two digits (`don't`, `well-known` and `3.5` are one word each). In scripts written without blanks (Han, kana, Thai, Lao, Khmer, Burmese)
  each letter is a word. A sign that nobody sees (zero-width, soft hyphen, direction marks) neither is nor ends one.
- A *sentence* ends at `.`, `!`, `?`, `…` or `。！？।۔؟` with the marks that close a quotation or a bracket, and at a blank line.
  A Latin end counts only before white space or the text's end. A full stop ends no sentence behind a known abbreviation
  (`Dr.`, `e.g.`), behind a single capital (`J. Smith`), behind the number that opens a line (`1. First`), or before a
  small letter. What holds no word is no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

UNSEEN = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
SPACELESS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Thai, Lao, Burmese, Khmer, kana, Han: scripts that put no blanks between words."""

MARKED = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0900-\u0963\u0966-\u0df3\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f"
)
"""Marks that letters carry (accents, vowel signs), which Python's \\w leaves out: the Indic blocks but for the danda."""

_ONE = re.compile(f"[{SPACELESS}]")
_PART = f"(?:(?![{SPACELESS}_])[\\w{MARKED}])+"
_WORD = re.compile(
    f"[{SPACELESS}]|(?=[^{MARKED}]|[\u0900-\u0df3]){_PART}(?:(?:['’\\-\u2010\u2011]|(?<=\\d)[.,](?=\\d)){_PART})*"
)
_SIGN = re.compile(f"(?!_)[\\w{MARKED}]")
_END = re.compile(r"[.!?…]+[\"'”’)\]»*_]*(?=\s|\Z)|[。！？।॥۔؟]+[”’」』）]*|\n[ \t\r]*\n")
_BLANK = re.compile(r"\n[ \t\r]*\n\s*")
_SHORT = "mr mrs ms dr prof st sr jr vs etc e.g i.e cf approx no fig eq vol inc ltd co dept est a.m p.m u.s u.k ph.d"
ABBREVIATIONS = frozenset(_SHORT.split())


def seen(text: str) -> str:
    """The text without the signs that nobody sees: they must neither make a word nor hide one."""
    return UNSEEN.sub("", text)


def words(text: str) -> list[str]:
    """The words in order, as written."""
    return _WORD.findall(seen(text))


def has_word(text: str) -> bool:
    return _WORD.search(seen(text)) is not None


def sentences(text: str) -> list[str]:
    """The sentences in order, each with its end, stripped."""
    return list(_sentences(seen(text)))


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for found in _END.finditer(text):
        if found.group()[0] == "." and not _ends(text, start, found.start(), found.end()):
            continue
        piece = text[start : found.end()].strip()
        if _WORD.search(piece):
            yield piece
        start = found.end()
    piece = text[start:].strip()
    if _WORD.search(piece):
        yield piece


def _ends(text: str, start: int, stop: int, after: int) -> bool:
    """Does the full stop at `stop` end the sentence begun at `start`? Looks at no more than a word on either side."""
    before = text[max(start, stop - 24) : stop].split()
    word = before[-1].lstrip("(\"'“‘[*_").casefold() if before else ""
    if text[stop : stop + 2] != ".." and (word in ABBREVIATIONS or (len(word) == 1 and text[stop - 1].isupper())):
        return word in ("etc", "inc", "ltd", "co", "a.m", "p.m", "jr", "sr") and _next(text, after)[:1].isupper()
    if word.isdecimal() and text[text.rfind("\n", max(0, stop - 64), stop) + 1 : stop].strip() == word:
        return False  # the number of a list
    return not _next(text, after)[:1].islower()


def _next(text: str, at: int) -> str:
    """What follows on the line, from its first sign that is neither white space nor a mark; at most 8 signs of it."""
    return text[at : at + 8].lstrip(" \t\"'“‘([*_")


def paragraphs(text: str) -> list[str]:
    """What blank lines part, stripped; nothing empty."""
    return [each for each in (piece.strip() for piece in _BLANK.split(text)) if each]


def find_phrase(text: str, phrase: str) -> list[int]:
    """Where `phrase` stands in `text` as whole words, whatever the case and the white space between its words.

    Returned are the places in the spaced, casefolded text. Occurrences do not overlap.
    """
    text, phrase = spaced(text), spaced(phrase)
    found: list[int] = []
    at = text.find(phrase) if phrase else -1
    while at >= 0:
        end = at + len(phrase)
        if _joins(text, at, before=True) or _joins(text, end, before=False):
            at = text.find(phrase, at + 1)
            continue
        found.append(at)
        at = text.find(phrase, end)
    return found


def spaced(text: str) -> str:
    """For comparing: nothing unseen, letter case and the amount of white space do not count."""
    return " ".join(seen(text).casefold().split())


def _joins(text: str, at: int, before: bool) -> bool:
    """Would the signs on both sides of `at` be one word?"""
    if not 0 < at < len(text):
        return False
    one, two = text[at - 1], text[at]
    return _SIGN.match(one) is not None and _SIGN.match(two) is not None and not (_ONE.match(one) or _ONE.match(two))
