"""The noun: one checkable instruction, its arguments by kind, and what a check tells.

A check is a total function of a text that holds at least one word: `(text, arguments) -> Told`. It never raises and reads
the text a fixed number of times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json
from assay.verify.text.words import has_word

RELATIONS = ("less than", "at least")
MOST_COUNT = 100_000
LONGEST_TEXT = 20_000
MOST_TEXTS = 100


class Told(NamedTuple):
    """Does it hold, and what was found instead of guesswork: a count, a place, a word."""

    holds: bool
    found: Json = None


Check = Callable[[str, Mapping[str, Any]], Told]


@dataclass(frozen=True, slots=True)
class Instruction:
    """`arguments`: name -> kind, all of them needed. `about` is the sentence of the reference page."""

    id: str
    check: Check
    arguments: Mapping[str, str]
    about: str

    def read(self, where: str, given: Mapping[str, Json]) -> dict[str, Any]:
        """The arguments, each of its kind. Raises TruthError for one that is missing, unknown or of another kind."""
        for name in given:
            if name not in self.arguments:
                hint = did_you_mean(name, self.arguments) or f"; it takes {', '.join(self.arguments) or 'none'}"
                raise TruthError(f"{where}: {self.id}: unknown argument {name!r}{hint}")
        read: dict[str, Any] = {}
        for name, kind in self.arguments.items():
            if name not in given:
                raise TruthError(
                    f"{where}: {self.id}: the argument {name!r} is missing ({WANTED[kind]} would be right)"
                )
            ok, value = KINDS[kind](given[name])
            if not ok:
                raise TruthError(
                    f"{where}: {self.id}: {name}: {WANTED[kind]} would be right, not {str(given[name])[:80]!r}"
                )
            read[name] = value
        return read


def compare(count: int, relation: str, threshold: int) -> bool:
    """IFEval's two relations."""
    return count < threshold if relation == "less than" else count >= threshold


def _count(value: Json) -> tuple[bool, Any]:
    if isinstance(value, float) and value.is_integer():  # a column that held a null once comes back as floats
        value = int(value)
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_COUNT, value


def _text(value: Json) -> tuple[bool, Any]:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST_TEXT, value


def _phrase(value: Json) -> tuple[bool, Any]:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT and has_word(value), value


def _phrases(value: Json) -> tuple[bool, Any]:
    is_list = isinstance(value, list) and 0 < len(value) <= MOST_TEXTS
    return is_list and all(_phrase(each)[0] for each in value), value


def _letter(value: Json) -> tuple[bool, Any]:
    return isinstance(value, str) and len(value) == 1 and not value.isspace(), value


def _relation(value: Json) -> tuple[bool, Any]:
    return value in RELATIONS if isinstance(value, str) else False, value


def _template(value: Json) -> tuple[bool, Any]:
    is_line = isinstance(value, str) and "\n" not in value and "{}" in value and len(value) <= LONGEST_TEXT
    return is_line and bool(value.replace("{}", "").strip()) and "{}{}" not in value, value


KINDS: Mapping[str, Callable[[Json], tuple[bool, Any]]] = {
    "count": _count,
    "text": _text,
    "phrase": _phrase,
    "phrases": _phrases,
    "letter": _letter,
    "relation": _relation,
    "template": _template,
}
WANTED: Mapping[str, str] = {
    "count": f"a whole number from 1 to {MOST_COUNT}",
    "text": "a text that is not blank",
    "phrase": "a text with a word in it",
    "phrases": f"a list of 1 to {MOST_TEXTS} texts, each with a word in it",
    "letter": "one sign",
    "relation": '"less than" or "at least"',
    "template": 'one line with text and at least one "{}", no two of them together,',
}
