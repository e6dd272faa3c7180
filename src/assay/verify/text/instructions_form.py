"""Instructions about the form of a reply: parts, lists, marks, openings and ends. IFEval's thirteen and three of our own.

Where IFEval's own checker pays a mark with nothing in it (`[]`, `**`, `Section 1Section 2`), or a phrase anywhere, the rule
here asks for what the instruction says: a part with a word in it, at its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from assay.core.records import refuse_constant
from assay.verify.text.instruction import Instruction, Told
from assay.verify.text.words import has_word, spaced

Arguments = Mapping[str, Any]
OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
QUOTES = (('"', '"'), ("“", "”"), ("„", "“"), ("«", "»"))
MARKS = " \t*_#>~`"

_DIVIDER = re.compile(r"^[ \t]*\*{3}[ \t]*\r?$", re.MULTILINE)
_SIX = re.compile(r"(?<!\*)\*{6}(?!\*)")
_PLACEHOLDER = re.compile(r"\[([^\[\]\n]+)\](?!\()")
_BULLET = re.compile(r"^[ \t]*[*+-][ \t]+(\S.*)$", re.MULTILINE)
_HIGHLIGHT = re.compile(r"(?<!\*)(\*{1,3})(?![\s*])([^*\n]+)(?<!\s)\1(?!\*)")
_TITLE = re.compile(r"<<([^<>\n]+)>>")
_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\n(.*)\n```\Z", re.DOTALL)
_POSTSCRIPT = re.compile(r"[.\s]")
BRACKETS = {")": "(", "]": "[", "}": "{"}


def number_paragraphs(text: str, given: Arguments) -> Told:
    parts = _DIVIDER.split(text)
    if len(parts) > 1:  # a divider before the first or behind the last paragraph parts nothing
        parts = parts[not parts[0].strip() : len(parts) - (not parts[-1].strip())]
    return Told(len(parts) == given["num_paragraphs"] and all(map(has_word, parts)), len(parts))


def number_placeholders(text: str, given: Arguments) -> Told:
    count = sum(has_word(each) for each in _PLACEHOLDER.findall(text))
    return Told(count >= given["num_placeholders"], count)


def postscript(text: str, given: Arguments) -> Told:
    """A line that begins with the marker, words before it and words behind."""
    marker = _POSTSCRIPT.sub("", given["postscript_marker"]).casefold()
    lines = text.splitlines()
    for at, line in enumerate(lines):
        line = line.strip(MARKS)
        head, rest = _after_marker(line, marker)
        if head and has_word("\n".join([rest, *lines[at + 1 :]])) and has_word("\n".join(lines[:at])):
            return Told(True, {"line": at + 1})
    return Told(False)


def _after_marker(line: str, marker: str) -> tuple[bool, str]:
    """Does the line begin with these letters, with full stops and blanks between them as may be? And what follows."""
    left = marker
    for at, sign in enumerate(line):
        if not left:
            return not sign.isalnum(), line[at:]
        if sign.casefold() == left[0]:
            left = left[1:]
        elif sign not in ". " or len(left) == len(marker):
            return False, ""
    return not left, ""


def number_bullet_lists(text: str, given: Arguments) -> Told:
    count = sum(has_word(each) for each in _BULLET.findall(text))
    return Told(count == given["num_bullets"], count)


def constrained_response(text: str, given: Arguments) -> Told:
    """One of the three sentences, once, at the begin of a line or of a sentence; two of them answer nothing."""
    places = [(text.find(each), each) for each in OPTIONS if each in text]
    if len(places) != 1 or text.count("My answer is") != 1:
        return Told(False, {"options": len(places)})
    at, option = places[0]
    before = text[:at].rstrip(" \t*_\"'“(")
    return Told(not before or before[-1] in ".!?:\n\r>", {"option": option})


def number_highlighted_sections(text: str, given: Arguments) -> Told:
    count = sum(has_word(found.group(2)) for found in _HIGHLIGHT.finditer(text))
    return Told(count >= given["num_highlights"], count)


def multiple_sections(text: str, given: Arguments) -> Told:
    """Lines that begin with the word and the next number, from 1, each with words behind it."""
    splitter, number = given["section_spliter"].strip(), 0
    inside = False  # a section is open that has no words yet
    for line in text.splitlines():
        line = line.strip(MARKS)
        title = _section(line, splitter)
        if title is None:
            inside = inside and not has_word(line)
            continue
        if inside or title[0] != str(number + 1):
            return Told(False, {"sections": number})
        number += 1
        inside = not has_word(title[1])
    return Told(not inside and number >= given["num_sections"], {"sections": number})


def _section(line: str, splitter: str) -> tuple[str, str] | None:
    if not line.startswith(splitter):
        return None
    rest = line[len(splitter) :].lstrip(" \t*_")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return (digits, rest[len(digits) :]) if digits else None


def json_format(text: str, given: Arguments) -> Told:
    """The whole reply is one JSON object or array, bare or in the only fence; a key twice is no JSON here."""
    text = text.strip()
    fenced = _FENCE.match(text)
    try:
        value = json.loads(fenced.group(1) if fenced else text, parse_constant=refuse_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return Told(False)
    return Told(isinstance(value, (dict, list)), type(value).__name__)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key twice")
    return made


def title(text: str, given: Arguments) -> Told:
    return Told(any(has_word(each) for each in _TITLE.findall(text)))


def two_responses(text: str, given: Arguments) -> Told:
    """Exactly one `******`, words on both sides, and not the same ones."""
    parts = _SIX.split(text)
    return Told(len(parts) == 2 and all(map(has_word, parts)) and spaced(parts[0]) != spaced(parts[1]), len(parts))


def repeat_prompt(text: str, given: Arguments) -> Told:
    """The request word for word, white space aside, and then an answer."""
    said, wanted = " ".join(text.split()), " ".join(given["prompt_to_repeat"].split())
    return Told(said.startswith(wanted) and has_word(said[len(wanted) :]))


def end_checker(text: str, given: Arguments) -> Told:
    said, wanted = " ".join(text.split()), " ".join(given["end_phrase"].split())
    before = said.rstrip('"”')
    ends = next((each for each in (said, before) if each.endswith(wanted)), None)
    return Told(ends is not None and not (wanted[0].isalnum() and ends[: -len(wanted)][-1:].isalnum()), said[-80:])


def quotation(text: str, given: Arguments) -> Told:
    """The whole reply between one pair of double quotation marks."""
    text = text.strip()
    return Told(any(len(text) > 2 and text[0] == left and text[-1] == right for left, right in QUOTES))


def line_template(text: str, given: Arguments) -> Told:
    """Every line that is not blank is the template, with something for each `{}`."""
    pieces = " ".join(given["template"].split()).split("{}")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not _fills(" ".join(line.split()), pieces):
            return Told(False, {"line": number})
    return Told(True)


def _fills(line: str, pieces: list[str]) -> bool:
    """The leftmost fit of each piece leaves the most room for the rest, so nothing need be tried twice."""
    if not line.startswith(pieces[0]):
        return False
    at = len(pieces[0])
    for number, piece in enumerate(pieces[1:], 2):
        at += len(line[at:]) - len(line[at:].lstrip())
        if number == len(pieces):
            start = len(line) - len(piece)
            return line.endswith(piece) and start > at
        at = line.find(piece, at + 1)
        if at < 0:
            return False
        at += len(piece)
    return True


def nested_brackets(text: str, given: Arguments) -> Told:
    """Round, square and curly brackets that all close in order, somewhere so many deep around a word."""
    waiting: list[str] = []
    deepest = 0
    for sign in text:
        if sign in "([{":
            waiting.append(sign)
        elif sign in BRACKETS:
            if not waiting or waiting.pop() != BRACKETS[sign]:
                return Told(False, {"unpaired": sign})
        elif sign.isalnum():
            deepest = max(deepest, len(waiting))
    return Told(not waiting and deepest >= given["depth"], {"depth": deepest, "open": len(waiting)})


def copy_span(text: str, given: Arguments) -> Told:
    """The reply is words n_start to n_end of the text (from 1, both included), as written, and nothing else."""
    wanted = given["prompt_to_repeat"].split()[given["n_start"] - 1 : given["n_end"]]
    return Told(text.split() == wanted, {"words": len(wanted)})


INSTRUCTIONS = (
    Instruction(
        "length_constraints:number_paragraphs",
        number_paragraphs,
        {"num_paragraphs": "count"},
        "exactly so many paragraphs between lines of `***`",
    ),
    Instruction(
        "detectable_content:number_placeholders",
        number_placeholders,
        {"num_placeholders": "count"},
        "at least so many `[placeholders]` with a word in them; a link is none",
    ),
    Instruction(
        "detectable_content:postscript",
        postscript,
        {"postscript_marker": "phrase"},
        "a line that begins with the marker, words before it and behind",
    ),
    Instruction(
        "detectable_format:number_bullet_lists",
        number_bullet_lists,
        {"num_bullets": "count"},
        "exactly so many lines that begin with `*`, `-` or `+`, a blank and words",
    ),
    Instruction(
        "detectable_format:constrained_response",
        constrained_response,
        {},
        "one of `My answer is yes.`, `My answer is no.`, `My answer is maybe.`, once",
    ),
    Instruction(
        "detectable_format:number_highlighted_sections",
        number_highlighted_sections,
        {"num_highlights": "count"},
        "at least so many `*highlights*`, with one to three asterisks and words between",
    ),
    Instruction(
        "detectable_format:multiple_sections",
        multiple_sections,
        {"section_spliter": "phrase", "num_sections": "count"},
        "at least so many sections headed by the word and 1, 2, 3, ..., each with words in it",
    ),
    Instruction(
        "detectable_format:json_format",
        json_format,
        {},
        "the reply is one JSON object or array, bare or in the only fence",
    ),
    Instruction("detectable_format:title", title, {}, "a `<<title>>` with a word in it, on one line"),
    Instruction("combination:two_responses", two_responses, {}, "two different replies, parted by one `******`"),
    Instruction(
        "combination:repeat_prompt",
        repeat_prompt,
        {"prompt_to_repeat": "phrase"},
        "the request word for word, and then an answer",
    ),
    Instruction(
        "startend:end_checker", end_checker, {"end_phrase": "text"}, "the reply ends with the phrase, as written"
    ),
    Instruction("startend:quotation", quotation, {}, "the whole reply stands in double quotation marks"),
    Instruction(
        "format:line_template",
        line_template,
        {"template": "template"},
        "every line that is not blank is the template, something standing for each `{}`",
    ),
    Instruction(
        "format:nested_brackets",
        nested_brackets,
        {"depth": "count"},
        "brackets that all close in order, so many deep around a word",
    ),
    Instruction(
        "copy:copy_span",
        copy_span,
        {"prompt_to_repeat": "phrase", "n_start": "count", "n_end": "count"},
        "the reply is words `n_start` to `n_end` of the text (from 1), as written, and nothing else",
    ),
)
