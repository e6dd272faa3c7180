"""A Coq proof script, read before any prover runs: split into sentences, each of which must be on a short list.

Allowed are an optional leading `Proof`, tactics (sentences that begin in lower case or a bracket, after bullets, braces
and goal selectors), one final `Qed` or `Defined` with nothing after it, or `Proof term.` alone. Everything else that
begins with a capital letter is a command and refused, whatever it is; so are `native_compute` (it runs a compiler and
loads what that wrote) and control characters. Words in comments, strings and names do not count.

The text is read as Coq's lexer reads it (clexer.ml, 8.16): comments nest, strings within them are strings, a sentence
ends with a full stop before a blank or the end. Where the two could disagree about what is hidden in a comment (`.(*` is
the token `.(` and a star to Coq) the script is refused.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

LONGEST = 100_000  # characters of a script
MOST_DEPTH = 400  # brackets and comments
FORBIDDEN_NAMES = frozenset({"native_compute", "native_cast_no_check"})
BLANK = " \t\r\n"

Kind = Literal["proof", "term", "bullet", "open", "close", "tactic", "end"]


class Malformed(ValueError):
    """A script that is refused; the message is the sentence that says why."""


class Item(NamedTuple):
    """One thing that Coq takes as a command of its own: a sentence with its full stop, a bullet or a brace."""

    kind: Kind
    text: str  # as written, comments included
    start: int = 0  # where it begins in the script


_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+)|(?P<comment>\(\*)|(?P<string>\")|(?P<name>[^\W\d][\w']*)|(?P<number>\d[\w']*)"
    r"|(?P<dots>\.+)|(?P<sign>.)",
    re.DOTALL,
)
_COMMENT = re.compile(r"\(\*|\*\)|\"")
_SELECTOR = re.compile(
    r"(?:all|par|!|\[\s*[^\W\d][\w']*\s*\]|\d+(?:\s*-\s*\d+)?(?:\s*,\s*\d+(?:\s*-\s*\d+)?)*)\s*:(?![=:])\s*"
)
_BULLET = re.compile(r"-+|\++|\*+")
BEFORE_COMMENT = frozenset("()[]{};,-+*'\"")
"""Signs that a comment may stand right behind: none of them begins a token that swallows the bracket."""


def read_script(script: str) -> tuple[Item, ...]:
    """The script's items in order. Raises Malformed."""
    if len(script) > LONGEST:
        raise Malformed(f"the script is longer than {LONGEST} characters")
    _check_characters(script)
    items = tuple(_items(script))
    _check_order(items)
    return items


def _check_characters(script: str) -> None:
    for sign in set(script):
        kind = unicodedata.category(sign)
        if kind in ("Cc", "Cs", "Cf", "Zl", "Zp") and sign not in BLANK:
            raise Malformed(f"the control character U+{ord(sign):04X}")


def _items(text: str) -> list[Item]:
    items: list[Item] = []
    at = skip_blanks(text, 0)
    while at < len(text):
        start = at
        bullet = _BULLET.match(text, at)
        if bullet:
            at = bullet.end()
            items.append(Item("bullet", text[start:at], start))
        elif text[at] in "{}":
            if text[at : at + 2] == "{|":
                raise Malformed("a sentence that begins with {|")
            at += 1
            items.append(Item("open" if text[start] == "{" else "close", text[start:at], start))
        elif selector := _SELECTOR.match(text, at):
            at = skip_blanks(text, selector.end())
            if text[at : at + 1] == "{":
                at += 1
                items.append(Item("open", text[start:at], start))
            else:
                end = sentence_end(text, at)
                items.append(_tactic(text, start, at, end))
                at = end
        else:
            end = sentence_end(text, at)
            items.append(_sentence(text, at, end))
            at = end
        at = skip_blanks(text, at)
    return items


def _sentence(text: str, start: int, end: int) -> Item:
    word = _TOKEN.match(text, start)
    name = word.group() if word and word.lastgroup == "name" else ""
    if name in ("Qed", "Defined"):
        if text[skip_blanks(text, start + len(name)) : end] != ".":
            raise Malformed(f"{name} with something before its full stop")
        return Item("end", text[start:end], start)
    if name == "Proof":
        rest = skip_blanks(text, start + len(name))
        following = _TOKEN.match(text, rest)
        is_opening = text[rest:end] == "." or (following is not None and following.group() in ("using", "with"))
        return Item("proof" if is_opening else "term", text[start:end], start)
    return _tactic(text, start, start, end)


def _tactic(text: str, start: int, at: int, end: int) -> Item:
    first = text[at : at + 1]
    if not (first.islower() or first in "(["):
        word = _TOKEN.match(text, at)
        shown = word.group()[:40] if word else first
        raise Malformed(f"a sentence that begins with {shown!r}: only tactics are allowed")
    return Item("tactic", text[start:end], start)


def sentence_end(text: str, start: int, forbidden: frozenset[str] = FORBIDDEN_NAMES) -> int:
    """Behind the full stop of the sentence that begins at `start`. Raises Malformed."""
    at, depth = start, 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        assert token is not None  # the last alternative takes any character
        kind, sign = token.lastgroup, token.group()
        at = token.end()
        if kind == "comment":
            at = _comment_end(text, token.start())
        elif kind == "string":
            at = _string_end(text, at)
        elif kind == "name":
            if sign in forbidden:
                raise Malformed(f"{sign} runs a compiler, and is not allowed")
        elif kind == "dots":
            is_end = at == len(text) or text[at] in BLANK
            if len(sign) > 3 or (len(sign) == 3 and not is_end):
                raise Malformed("full stops in a row")
            if is_end and len(sign) != 2:
                return at
        elif sign in ("(", "[", "{"):
            depth += 1
            if depth > MOST_DEPTH:
                raise Malformed(f"more than {MOST_DEPTH} brackets in each other")
        elif sign in (")", "]", "}"):
            depth -= 1
        elif kind == "sign" and sign.isspace():
            raise Malformed(f"the blank U+{ord(sign):04X}")
    raise Malformed("a sentence without its full stop")


def skip_blanks(text: str, at: int) -> int:
    """Behind blanks and comments."""
    while at < len(text):
        if text[at] in BLANK:
            at += 1
        elif text.startswith("(*", at):
            at = _comment_end(text, at)
        else:
            break
    return at


def _comment_end(text: str, start: int) -> int:
    before = text[start - 1] if start else " "
    if not (before in BLANK or before in BEFORE_COMMENT or before.isalnum() or before == "_"):
        raise Malformed(f"a comment right behind {before!r}: a blank between them would be right")
    depth, at = 0, start
    while found := _COMMENT.search(text, at):
        at = found.end()
        if found.group() == '"':
            at = _string_end(text, at)
        elif found.group() == "(*":
            depth += 1
            if depth > MOST_DEPTH:
                raise Malformed(f"more than {MOST_DEPTH} comments in each other")
        else:
            depth -= 1
            if depth == 0:
                return at
    raise Malformed("a comment that never ends")


def _string_end(text: str, at: int) -> int:
    """Behind the closing quote; two quotes are one in the string."""
    while True:
        at = text.find('"', at) + 1
        if at == 0:
            raise Malformed("a string that never ends")
        if text[at : at + 1] != '"':
            return at
        at += 1


def _check_order(items: tuple[Item, ...]) -> None:
    if not items:
        raise Malformed("no proof")
    kinds = [each.kind for each in items]
    if "term" in kinds:
        if len(items) > 1:
            raise Malformed("`Proof term.` ends the proof: nothing may stand beside it")
        return
    if "proof" in kinds[1:]:
        raise Malformed("Proof may only stand first")
    if kinds[-1] != "end" or kinds.count("end") > 1:
        raise Malformed("one Qed or Defined, with nothing after it, would be right")
