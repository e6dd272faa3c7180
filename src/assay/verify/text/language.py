"""Language consistency: the share of the reasoning's words that are in the language asked for.

DeepSeek-R1 (arXiv 2501.12948, section 2.3.2) adds the "proportion of target language words in the CoT" to its reward, to
keep languages from being mixed. How a word is told is not in the paper; here it is:

1. The *reasoning* is what stands between `<think>` and `</think>`; a reply without these tags is reasoning as a whole.
2. Code (fences, `inline`), formulas (`$...$`, `\\(...\\)`, `\\[...\\]`, LaTeX commands with their braces), tags, addresses, numbers
   and single Latin letters (a variable, most often) are left out of both counts.
3. Every other word counts as one and is told by its script. A word of another script than the language's is none of its
   words. Where the script belongs to that language alone, all of its words are. Kana make a sentence Japanese, and Han
   beside them with it; Han alone are Chinese.
4. Where several languages share the script (Latin, Cyrillic, Arabic, Devanagari, Bengali, Hebrew), py3langid tells the
   languages of that script apart, over runs of 4 to 12 words (a single word such as `plan` is of many
   languages): all words of a run count as the language that the run is in. Only then is numpy imported.

The truth is `{"language": "en", "at_least": 0.9}` (ISO 639-1; 0.9 is the default). The score is the share, on a FAIL too: it
can be a part of a reward (docs/concepts/text.md). No word to count is `no_answer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.base import failed
from assay.verify.text.words import words

LONGEST = 200_000  # characters of reasoning that are read: a longer one is `limit`
RUN = 4  # words that py3langid is asked about at the least, where the text has them
LONGEST_RUN = 12
MARGIN, SHORT_MARGIN = 6.0, 12.0  # nats by which a rival must be likelier than the language asked for; below RUN words

SCRIPTS: Mapping[str, str] = {
    "Han": "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff",
    "Kana": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Oriya": "\u0b00-\u0b7f",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Sinhala": "\u0d80-\u0dff",
    "Thai": "\u0e00-\u0e7f",
    "Lao": "\u0e80-\u0eff",
    "Burmese": "\u1000-\u109f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f",
    "Ethiopic": "\u1200-\u139f\u2d80-\u2ddf",
    "Khmer": "\u1780-\u17ff",
    "Armenian": "\u0530-\u058f",
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\uff21-\uff3a\uff41-\uff5a",
}
_SCRIPT = {name: re.compile(f"[{ranges}]") for name, ranges in SCRIPTS.items()}

_LATIN = (
    "af az bs ca cs cy da de en eo es et eu fi fr ga gl hr ht hu id is it la lb lt lv mg ms mt nl nn no pl pt ro sk sl "
    "so sq sv sw tl tr uz vi xh yo zu"
)
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "Latin": tuple(_LATIN.split()),
    "Cyrillic": ("be", "bg", "kk", "ky", "mk", "mn", "ru", "sr", "tg", "tt", "uk"),
    "Arabic": ("ar", "fa", "ps", "ug", "ur"),
    "Devanagari": ("hi", "mr", "ne", "sa"),
    "Bengali": ("as", "bn"),
    "Hebrew": ("he",),
    "Han": ("zh",),
    "Kana": ("ja",),
    "Hangul": ("ko",),
    "Greek": ("el",),
    "Gurmukhi": ("pa",),
    "Gujarati": ("gu",),
    "Oriya": ("or",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
    "Sinhala": ("si",),
    "Thai": ("th",),
    "Lao": ("lo",),
    "Burmese": ("my",),
    "Georgian": ("ka",),
    "Ethiopic": ("am",),
    "Khmer": ("km",),
    "Armenian": ("hy",),
}
"""The languages that are told apart, by script. Near relatives that nobody asks for (Scots, Pidgin) are not among them."""
SCRIPT_OF = {code: script for script, codes in LANGUAGES.items() for code in codes}
KEYS = ("language", "at_least")

_THINK = re.compile(r"</?think>")
_OPENING = re.compile(
    r"`{3,}|`|\$\$?|\\[(\[]|\\begin\s?\{|\\[A-Za-z]+(?:\s?\{[^{}\n\\]*\})*|https?://\S+|</?[A-Za-z][^<>\n]{0,80}>"
)
_CLOSING = {"`": "`", "$": "$", "$$": "$$", "\\(": "\\)", "\\[": "\\]"}
_LINE_END = re.compile(r"\n|(?<=[.!?…])\s|(?<=[。！？।۔؟])")


@dataclass(frozen=True, slots=True)
class LanguageTruth:
    language: str
    at_least: float


class LanguageVerifier:
    name = "language"
    version = "1"

    def read(self, truth: Json) -> LanguageTruth:
        if not isinstance(truth, dict):
            raise TruthError('language: {"language": "en", "at_least": 0.9} would be right')
        for key in truth:
            if key not in KEYS:
                raise TruthError(f"language: unknown key {key!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}")
        language, at_least = truth.get("language"), truth.get("at_least", 0.9)
        if not isinstance(language, str) or language not in SCRIPT_OF:
            raise TruthError(f"language: language: {language!r} is none of {', '.join(sorted(SCRIPT_OF))}")
        if isinstance(at_least, bool) or not isinstance(at_least, (int, float)) or not 0 < at_least <= 1:
            raise TruthError(f"language: at_least: a number above 0 and up to 1 would be right, not {at_least!r}")
        return LanguageTruth(language, float(at_least))

    def check(self, truth: LanguageTruth, response: str, prompt: str = "") -> Finding:
        text = reasoning(response)
        if len(text) > LONGEST:
            return failed(Reason.LIMIT, found=f"more than {LONGEST} characters")
        inside, counted, others = count_words(text, truth.language)
        if counted == 0:
            return failed(Reason.NO_ANSWER, words=0)
        share = inside / counted
        evidence: dict[str, Json] = {"share": round(share, 4), "words": counted, "others": others}
        if share >= truth.at_least:
            return Finding(Outcome.PASS, Reason.CORRECT, None, evidence, share)
        return Finding(Outcome.FAIL, Reason.WRONG_FORM, None, evidence, share)


def reasoning(response: str) -> str:
    """What stands between the think tags (an end that is missing is the text's, a begin that is missing too); without
    tags all of it."""
    kept: list[str] = []
    depth = at = 0
    tags = list(_THINK.finditer(response))
    if not tags:
        return response
    if tags[0].group() == "</think>":  # the template opened it in the prompt
        depth = 1
    for tag in tags:
        if depth:
            kept.append(response[at : tag.start()])
        depth = max(0, depth - 1) if tag.group() == "</think>" else depth + 1
        at = tag.end()
    if depth:
        kept.append(response[at:])
    return "\n".join(kept)


def count_words(text: str, language: str) -> tuple[int, int, dict[str, int]]:
    """(words of the language, words counted, words of the others by script or language)."""
    script = SCRIPT_OF[language]
    counted = 0
    others: dict[str, int] = {}
    runs = _Runs(language, others)
    inside = 0
    for number, (found, word) in _told(text):
        counted += 1
        if found != script:
            others[found] = others.get(found, 0) + 1
        elif len(LANGUAGES[script]) == 1:
            inside += 1
        else:
            runs.add(number, word)
    return inside + runs.end(), counted, others


class _Runs:
    """Words of a script that several languages share, told by the run: a run ends with its sentence, or when it is long."""

    def __init__(self, language: str, others: dict[str, int]) -> None:
        self._language, self._others = language, others
        self._waiting: list[str] = []
        self._before: list[str] = []  # the run before in the same sentence: what follows it is read behind it
        self._sentence = -1
        self._inside = 0

    def add(self, sentence: int, word: str) -> None:
        if sentence != self._sentence:
            if len(self._waiting) >= RUN or self._before:
                self._take()
            self._sentence, self._before = sentence, []
        self._waiting.append(word)
        if len(self._waiting) >= LONGEST_RUN:
            self._before = self._take()

    def end(self) -> int:
        """How many words were the language's."""
        if self._waiting:
            self._take()
        return self._inside

    def _take(self) -> list[str]:
        run = self._waiting
        self._waiting = []
        if not run:
            return run
        read = [*self._before, *run] if len(run) < LONGEST_RUN // 2 else run
        rival = _rival(" ".join(read), self._language, MARGIN if len(read) >= RUN else SHORT_MARGIN)
        if rival is None:
            self._inside += len(run)
        else:
            self._others[rival] = self._others.get(rival, 0) + len(run)
        return run


def _told(text: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """Each word that counts, as (its sentence's number, (its script, itself))."""
    for number, sentence in enumerate(_LINE_END.split(_without_formulas(text))):
        found = [(script_of(each), each) for each in words(sentence)]
        has_kana = any(script == "Kana" for script, _ in found)
        for script, word in found:
            if script is None or (script == "Latin" and len(word) == 1):
                continue
            yield number, ("Kana" if script == "Han" and has_kana else script, word)


def _without_formulas(text: str) -> str:
    """Without code, formulas and addresses. What never closes is left in, and is looked for no second time."""
    kept: list[str] = []
    absent: set[str] = set()
    at = position = 0
    while found := _OPENING.search(text, position):
        mark, position = found.group(), found.end()
        closing = "\\end{" if mark.startswith("\\begin") and mark.endswith("{") else _CLOSING.get(mark)
        if mark.startswith("```"):
            closing = mark
        if closing is not None:
            end = -1 if closing in absent else text.find(closing, position)
            if end < 0:
                absent.add(closing)
                continue
            if mark in "`$" and text.find("\n", position, end) >= 0:
                continue  # these two close on their line
            position = end + len(closing)
            if closing == "\\end{":
                position = max(position, text.find("}", position, position + 40) + 1)
        kept += (text[at : found.start()], "\n" if closing == mark and len(mark) > 2 else " ")
        at = position
    kept.append(text[at:])
    return "".join(kept)


def script_of(word: str) -> str | None:
    """The script of its first letter; None for a number, `other` for a script that is not listed."""
    for sign in word:
        if sign.isalpha():
            return next((name for name, pattern in _SCRIPT.items() if pattern.match(sign)), "other")
    return None


def _rival(run: str, language: str, margin: float) -> str | None:
    """The language of the same script that the run is in, when it is likelier than `language` by more than `margin`."""
    scores = dict(_identifier().rank(run[:1000]))
    best = max(LANGUAGES[SCRIPT_OF[language]], key=lambda code: (scores[code], code))
    return best if scores[best] - scores[language] > margin else None


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """py3langid's model, loaded once (it brings numpy): only when a text asks for it."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)
