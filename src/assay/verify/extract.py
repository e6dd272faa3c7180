r"""Exactly one answer field, or none: the one place where an answer is cut out of a response.

| field        | what it is                                                                               |
|--------------|------------------------------------------------------------------------------------------|
| `boxed`      | the content of the only `\boxed{...}`                                                    |
| `answer_tag` | what stands between the only `<answer>` and the only `</answer>`                         |
| `hash_line`  | what follows `####` on the only line that begins with it (GSM8K)                         |
| `final_line` | the last line that is not blank                                                          |
| `whole_text` | all of it, without the thinking                                                          |

The field is the task's choice and never a fallback for another. Two fields are `ambiguous`, even twice the same: a
policy that may answer twice can guess twice. What stands inside `<think>...</think>`, a code fence, a verbatim block, a
LaTeX comment or an HTML comment is no answer; a `</think>` without its `<think>` (some chat templates open it in the
prompt) ends the thinking too, and thinking that never ends means that there is no answer.

A `%` begins a LaTeX comment at a line's start, or after a space when no number stands before it: `20% of 50` and
`$20$ %` are percentages. Everything is done by compiled scans in time linear in the response.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from assay.core.types import Reason

FIELDS = ("boxed", "answer_tag", "hash_line", "final_line", "whole_text")
HIDDEN = "\ufffc"  # stands where something was hidden, so that nothing reads across the gap


class Field(NamedTuple):
    """The text of the field, stripped; or None and why."""

    text: str | None
    reason: Reason | None = None


_NONE = Field(None, Reason.NO_ANSWER)
_AMBIGUOUS = Field(None, Reason.AMBIGUOUS)
_MALFORMED = Field(None, Reason.MALFORMED)

_THINK = re.compile(r"<(/?)think\s*>", re.IGNORECASE)
_OPENING = re.compile(
    r"</?think\s*>|<!--|<(?:pre|code)\s*>|`{3,}|^[ \t]*~{3,}|%|\\begin\s*\{(?:verbatim|Verbatim|lstlisting|minted|comment)\*?\}"
    r"|\\verb\*?(?![A-Za-z*\s])|\\[\\%]",
    re.IGNORECASE | re.MULTILINE,
)
_BOX = re.compile(r"\\(?:boxed(?![A-Za-z])|.)", re.DOTALL)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_SPACE = re.compile(r"\s*")
_HASHES = re.compile(r"^[ \t]*####(?!#)(.*)$", re.MULTILINE)
_TAG = re.compile(r"<(/?)answer\s*>", re.IGNORECASE)


def extract(response: str, field: str = "boxed") -> Field:
    """The one answer field of a response. Raises KeyError for a field that is none of FIELDS."""
    cut = _CUTS[field]
    text = visible(response, only_thinking=field == "whole_text")
    return _NONE if text is None else cut(text)


def visible(response: str, only_thinking: bool = False) -> str | None:
    """The response without its thinking, fences, verbatim blocks and comments; None when the thinking never ends."""
    if only_thinking:
        return _without_thinking(response) if "<" in response else response
    if not (
        "<" in response
        or "%" in response
        or "```" in response
        or "~~~" in response
        or "\\begin" in response
        or "\\verb" in response
    ):
        return response
    return _hide(response)


def _hide(text: str) -> str | None:
    kept: list[str] = []
    at = 0
    position = 0
    while found := _OPENING.search(text, position):
        start, mark = found.start(), found.group()
        end = _close(text, start, found.end(), mark)
        if end is None:  # thinking that never ends
            return None
        if end == -1:  # not what it looked like
            position = found.end()
            continue
        if mark.startswith("</"):  # a template opened it
            kept = []
        else:
            kept += (text[at:start], HIDDEN)
        at = position = end
    kept.append(text[at:])
    return "".join(kept)


def _close(text: str, start: int, after: int, mark: str) -> int | None:
    """Where what begins with `mark` ends; -1 when it is nothing to hide; None for thinking that never ends."""
    sign = mark[0]
    if sign == "%":
        return _line_end(text, start) if _is_comment(text, start) else -1
    if sign == "<":
        lower = mark.lower()
        if lower.startswith("<think"):
            return _think_end(text, after)
        if lower.startswith("</"):
            return after
        return _after(text, after, "-->" if lower == "<!--" else f"</{lower[1:].rstrip(' >')}>")
    if sign == "\\":
        if mark in ("\\\\", "\\%"):
            return -1
        if mark.startswith("\\begin"):
            return _after(text, after, f"\\end{{{mark[mark.index('{') + 1 :]}")
        line_end = _line_end(text, after)
        end = text.find(text[after : after + 1], after + 1, line_end)
        return line_end if end < 0 else end + 1
    return _fence_end(text, start, after, mark.strip())


def _after(text: str, start: int, closing: str) -> int:
    end = text.find(closing, start)
    if end < 0 and closing != closing.upper():
        found = re.compile(re.escape(closing), re.IGNORECASE).search(text, start)
        return len(text) if found is None else found.end()
    return len(text) if end < 0 else end + len(closing)


def _think_end(text: str, start: int) -> int | None:
    depth = 1
    for tag in _THINK.finditer(text, start):
        depth += -1 if tag.group(1) else 1
        if depth == 0:
            return tag.end()
    return None


def _fence_end(text: str, start: int, after: int, fence: str) -> int:
    """As CommonMark has it: a fence at a line's start closes at a line's start, any other run of backticks anywhere."""
    sign, count = fence[0], len(fence)
    again = text.find("```", after) if sign == "`" else -1
    if _begins_line(text, start) and (again < 0 or text.find("\n", after, again) >= 0):
        closing = re.compile(rf"^[ \t]*{sign}{{{count},}}[ \t]*$", re.MULTILINE)
    else:
        closing = re.compile(rf"(?<!`)`{{{count}}}(?!`)")
    found = closing.search(text, after)
    return len(text) if found is None else found.end()


def _is_comment(text: str, at: int) -> bool:
    before = _last_before(text, at)
    if before < 0 or text[before] == "\n":
        return True
    return before < at - 1 and not (text[before].isdigit() or text[before] in "$)")


def _begins_line(text: str, at: int) -> bool:
    before = _last_before(text, at)
    return before < 0 or text[before] == "\n"


def _last_before(text: str, at: int) -> int:
    """The last sign before `at` that is neither a space nor a tab, or -1. What is walked over is never walked again."""
    before = at - 1
    while before >= 0 and text[before] in " \t":
        before -= 1
    return before


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _without_thinking(text: str) -> str | None:
    depth, at = 0, 0
    kept: list[str] = []
    for tag in _THINK.finditer(text):
        if tag.group(1):
            if depth == 0:
                kept = []
            depth = max(0, depth - 1)
            at = tag.end()
        else:
            if depth == 0:
                kept.append(text[at : tag.start()])
            depth += 1
    if depth:
        return None
    kept.append(text[at:])
    return "".join(kept)


def _boxed(text: str) -> Field:
    at = text.find("\\boxed")
    if at < 0:
        return _NONE
    boxes = [at] if text.find("\\boxed", at + 6) < 0 and text[at - 1 : at] != "\\" else _find_boxes(text)
    if not boxes:
        return _NONE
    at = boxes[0] + 6
    opening = text[at : at + 1]
    if len(boxes) == 1 and opening != "{":
        if opening.isalpha() and opening.isascii():  # another command that begins with these letters
            return _NONE
        space = _SPACE.match(text, at)
        at = space.end() if space else at
        if text[at : at + 1] != "{":
            return _MALFORMED
    if len(boxes) > 1:
        first = _brace_end(text, boxes[0] + 6) if opening == "{" else -1
        return _MALFORMED if first > boxes[1] else _AMBIGUOUS
    end = _brace_end(text, at)
    if end < 0:
        return _MALFORMED
    return _content(text[at + 1 : end])


def _find_boxes(text: str) -> list[int]:
    return [found.start() for found in _BOX.finditer(text, 0) if found.end() - found.start() == 6]


def _brace_end(text: str, at: int) -> int:
    """The `}` that closes the `{` at `at`, or -1."""
    end = text.find("}", at)
    if end < 0:
        return -1
    if text.find("{", at + 1, end) < 0 and text[end - 1] != "\\":
        return end
    depth = 0
    for found in _BRACE.finditer(text, at):
        sign = found.group()
        if sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                return found.start()
    return -1


def _content(text: str) -> Field:
    text = text.strip()
    if not text:
        return _NONE
    return _MALFORMED if HIDDEN in text else Field(text)


def _answer_tag(text: str) -> Field:
    tags = list(_TAG.finditer(text))
    if not tags:
        return _NONE
    if len(tags) != 2:
        return _AMBIGUOUS if len(tags) > 2 else _MALFORMED
    opening, closing = tags
    if opening[1] or not closing[1] or not (opening[0].islower() and closing[0].islower()):
        return _MALFORMED  # `<answer>...</ANSWER>`: a tag in capitals counts as a tag, so that it cannot hide a second field
    return _content(text[opening.end() : closing.start()])


def _hash_line(text: str) -> Field:
    if "####" not in text:
        return _NONE
    lines = [found.group(1) for found in _HASHES.finditer(text)]
    if len(lines) != 1:
        return _AMBIGUOUS if lines else _NONE
    return _content(lines[0])


def _final_line(text: str) -> Field:
    text = text.rstrip()
    return _content(text[text.rfind("\n") + 1 :])


def _whole_text(text: str) -> Field:
    text = text.strip()
    return Field(text) if text else _NONE


_CUTS = {
    "boxed": _boxed,
    "answer_tag": _answer_tag,
    "hash_line": _hash_line,
    "final_line": _final_line,
    "whole_text": _whole_text,
}
