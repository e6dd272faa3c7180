"""The program in a response: exactly one fenced code block, or none.

Fences are CommonMark's (0.31, section 4.5): three or more backticks or tildes, indented by at most three spaces, closed by
at least as many of the same; the language tag does not matter. Two blocks are `ambiguous`, even twice the same: a policy
that may answer twice can guess twice. A fence that never closes is `malformed`. With `last` the last block counts, as long
as every fence closes; with `whole_text` the response itself is the file, byte for byte.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from assay.core.types import Reason

BlockRule = Literal["only", "last", "whole_text"]
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\r\n]*)")


class Block(NamedTuple):
    """The source, or None and why."""

    source: str | None
    reason: Reason | None = None


def find_block(response: str, rule: BlockRule) -> Block:
    """The program by `rule`; one that UTF-8 cannot hold is malformed."""
    if rule == "whole_text":
        return _as_source(response)
    blocks, is_closed = fenced_blocks(response)
    if not is_closed:
        return Block(None, Reason.MALFORMED)
    if not blocks:
        return Block(None, Reason.NO_ANSWER)
    if len(blocks) > 1 and rule == "only":
        return Block(None, Reason.AMBIGUOUS)
    return _as_source(blocks[-1])


def fenced_blocks(text: str) -> tuple[list[str], bool]:
    """The contents of all fenced blocks, and whether the last one was closed."""
    blocks: list[str] = []
    fence, indent = "", 0
    inside: list[str] = []
    for line in text.split("\n"):
        found = FENCE.match(line)
        mark, info = (found[1], found[2].strip()) if found else ("", "")
        if not fence:
            if mark and not (mark[0] == "`" and "`" in info):
                fence, indent, inside = mark, len(line) - len(line.lstrip(" ")), []
        elif mark.startswith(fence) and not info:
            blocks.append("".join(f"{each}\n" for each in inside))
            fence = ""
        else:
            spaces = len(line) - len(line.lstrip(" "))
            inside.append(line[min(indent, spaces) :])
    return blocks, not fence


def _as_source(source: str) -> Block:
    try:
        source.encode()
    except UnicodeEncodeError:
        return Block(None, Reason.MALFORMED)
    return Block(source)
