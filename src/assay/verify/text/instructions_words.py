"""Instructions about words: which ones, how many, where, in which case. IFEval's eleven and five of our own.

IFEval (Zhou et al., arXiv 2311.07911) gives the ids and the argument names; the rules are stated here and are stricter where
its own checker pays by accident: a keyword counts as whole words only (IFEval finds `cat` in `education`), `don't` is one
word, and capitals are asked of every letter.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from assay.verify.text.instruction import Instruction, Told, compare
from assay.verify.text.words import find_phrase, paragraphs, seen, sentences, spaced, words

COMMAS = frozenset(",，、،︐︑﹐﹑‚⸲⸴\u201a")
_SMALL = "a an and as at but by for from if in into nor of off on onto or over per so the to up via with yet"
SMALL = frozenset(_SMALL.split())
"""Words that a title may leave small, but for its first and its last."""

Arguments = Mapping[str, Any]


def existence(text: str, given: Arguments) -> Told:
    missing = [each for each in given["keywords"] if not find_phrase(text, each)]
    return Told(not missing, {"missing": missing[:8]} if missing else None)


def frequency(text: str, given: Arguments) -> Told:
    count = len(find_phrase(text, given["keyword"]))
    return Told(compare(count, given["relation"], given["frequency"]), count)


def forbidden_words(text: str, given: Arguments) -> Told:
    used = [each for each in given["forbidden_words"] if find_phrase(text, each)]
    return Told(not used, {"used": used[:8]} if used else None)


def letter_frequency(text: str, given: Arguments) -> Told:
    count = text.casefold().count(given["letter"].casefold())
    return Told(compare(count, given["let_relation"], given["let_frequency"]), count)


def number_sentences(text: str, given: Arguments) -> Told:
    count = len(sentences(text))
    return Told(compare(count, given["relation"], given["num_sentences"]), count)


def number_words(text: str, given: Arguments) -> Told:
    count = len(words(text))
    return Told(compare(count, given["relation"], given["num_words"]), count)


def nth_paragraph_first_word(text: str, given: Arguments) -> Told:
    parts = paragraphs(text)
    if len(parts) != given["num_paragraphs"] or given["nth_paragraph"] > len(parts):
        return Told(False, {"paragraphs": len(parts)})
    first = words(parts[given["nth_paragraph"] - 1])[:1]
    return Told(bool(first) and spaced(first[0]) == spaced(given["first_word"].strip(".,;:!?\"'")), {"first": first})


def capital_word_frequency(text: str, given: Arguments) -> Told:
    count = sum(each.isupper() for each in words(text))
    return Told(compare(count, given["capital_relation"], given["capital_frequency"]), count)


def english_capital(text: str, given: Arguments) -> Told:
    return _letters(text, str.isupper)


def english_lowercase(text: str, given: Arguments) -> Told:
    return _letters(text, str.islower)


def no_comma(text: str, given: Arguments) -> Told:
    at = next((at for at, sign in enumerate(text) if sign in COMMAS), None)
    return Told(at is None, None if at is None else {"at": at})


def word_count_range(text: str, given: Arguments) -> Told:
    count = len(words(text))
    return Told(given["min_words"] <= count <= given["max_words"], count)


def unique_words(text: str, given: Arguments) -> Told:
    """At least so many words, and no word twice."""
    found = [spaced(each) for each in words(text)]
    twice = len(found) - len(set(found))
    return Told(twice == 0 and len(found) >= given["num_words"], {"words": len(found), "repeated": twice})


def keyword_position(text: str, given: Arguments) -> Told:
    said = sentences(text)
    if given["sentence"] > len(said):
        return Told(False, {"sentences": len(said)})
    found = words(said[given["sentence"] - 1])
    wanted = [spaced(each) for each in words(given["keyword"])]
    at = given["word"] - 1
    there = [spaced(each) for each in found[at : at + len(wanted)]]
    return Told(there == wanted, {"there": " ".join(found[at : at + len(wanted)])[:80]})


def first_last_word(text: str, given: Arguments) -> Told:
    found = words(text)
    first, last = ([spaced(each) for each in words(given[name])] for name in ("first_word", "last_word"))
    heads = [spaced(each) for each in found[: len(first)]]
    tails = [spaced(each) for each in found[-len(last) :]]
    return Told(heads == first and tails == last, {"first": " ".join(heads)[:80], "last": " ".join(tails)[:80]})


def title_case(text: str, given: Arguments) -> Told:
    """Line by line: each word begins with a capital and goes on small; a small word may stay small inside the line."""
    for line in text.splitlines():
        found = words(line)
        for at, word in enumerate(found):
            inner = 0 < at < len(found) - 1 and word in SMALL
            if not inner and not all(_is_titled(part) for part in _parts(word)):
                return Told(False, {"word": word[:80]})
    return Told(True)


def _parts(word: str) -> list[str]:
    for sign in "\u2010\u2011":
        word = word.replace(sign, "-")
    head, *rest = word.split("-")
    return [head, *(each for each in rest if each not in SMALL)]


def _is_titled(word: str) -> bool:
    letters = [each for each in word if each.isalpha()]
    cased = [each for each in letters if each.lower() != each.upper()]
    if not cased or word[0].isdigit():
        return not any(each.isupper() for each in cased[1:])
    return (cased[0].isupper() or cased[0].istitle()) and not any(each.isupper() for each in cased[1:])


def _letters(text: str, is_right: Any) -> Told:
    """Is every letter Latin and in that case? At least one letter is asked for."""
    letters = 0
    for sign in seen(text):
        if not sign.isalpha():
            continue
        letters += 1
        if not is_right(sign) or not (sign.isascii() or unicodedata.name(sign, "").startswith("LATIN ")):
            return Told(False, {"letter": sign})
    return Told(letters > 0, {"letters": letters})


INSTRUCTIONS = (
    Instruction("keywords:existence", existence, {"keywords": "phrases"}, "every keyword stands there as a whole word"),
    Instruction(
        "keywords:frequency",
        frequency,
        {"keyword": "phrase", "frequency": "count", "relation": "relation"},
        "the keyword stands there so often, as a whole word",
    ),
    Instruction(
        "keywords:forbidden_words",
        forbidden_words,
        {"forbidden_words": "phrases"},
        "none of them stands there as a word",
    ),
    Instruction(
        "keywords:letter_frequency",
        letter_frequency,
        {"letter": "letter", "let_frequency": "count", "let_relation": "relation"},
        "the letter stands there so often, in either case",
    ),
    Instruction(
        "length_constraints:number_sentences",
        number_sentences,
        {"num_sentences": "count", "relation": "relation"},
        "so many sentences",
    ),
    Instruction(
        "length_constraints:number_words", number_words, {"num_words": "count", "relation": "relation"}, "so many words"
    ),
    Instruction(
        "length_constraints:nth_paragraph_first_word",
        nth_paragraph_first_word,
        {"num_paragraphs": "count", "nth_paragraph": "count", "first_word": "phrase"},
        "exactly so many paragraphs between blank lines, and the nth begins with that word, in either case",
    ),
    Instruction(
        "change_case:capital_word_frequency",
        capital_word_frequency,
        {"capital_frequency": "count", "capital_relation": "relation"},
        "so many words in capitals (`I` and `A` are)",
    ),
    Instruction("change_case:english_capital", english_capital, {}, "every letter is a Latin capital"),
    Instruction("change_case:english_lowercase", english_lowercase, {}, "every letter is a small Latin one"),
    Instruction("punctuation:no_comma", no_comma, {}, "no comma of any script"),
    Instruction(
        "count:word_count_range",
        word_count_range,
        {"min_words": "count", "max_words": "count"},
        "from `min_words` to `max_words` words, both included",
    ),
    Instruction(
        "count:unique_words", unique_words, {"num_words": "count"}, "at least so many words, and none of them twice"
    ),
    Instruction(
        "keywords:position",
        keyword_position,
        {"keyword": "phrase", "sentence": "count", "word": "count"},
        "the keyword is that word (from 1) of that sentence (from 1)",
    ),
    Instruction(
        "startend:first_last_word",
        first_last_word,
        {"first_word": "phrase", "last_word": "phrase"},
        "the first and the last words, in either case",
    ),
    Instruction(
        "change_case:title_case",
        title_case,
        {},
        "each word begins with a capital and goes on small; articles, conjunctions and prepositions inside a line may be small",
    ),
)
