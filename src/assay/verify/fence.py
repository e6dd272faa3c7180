"""Fenced blocks in a reply, as CommonMark has them (0.31, section 4.5), for every verifier that reads one.

Three or more backticks or tildes, indented by at most three spaces, closed by at least as many of the same. A backtick in
the info string makes it no fence.
"""

from __future__ import annotations

import re
from typing import NamedTuple

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\r\n]*)")


class Fence(NamedTuple):
    """One block: its tag (the info string, in lower case), its lines, and where it stands among the text's lines."""

    tag: str
    lines: tuple[str, ...]
    start: int  # the opening line
    end: int  # the line after the closing one

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def find_fences(text: str, most: int | None = None) -> tuple[list[Fence], bool]:
    """The blocks, up to the `most`-th, and whether the last one was closed. Linear in the text."""
    found: list[Fence] = []
    mark, tag, indent, start = "", "", 0, 0
    inside: list[str] = []
    for number, line in enumerate(text.split("\n")):
        fence = FENCE.match(line)
        sign, info = (fence[1], fence[2].strip()) if fence else ("", "")
        if not mark:
            if sign and not (sign[0] == "`" and "`" in info):
                mark, tag, indent, start, inside = sign, info.casefold(), len(line) - len(line.lstrip(" ")), number, []
        elif sign.startswith(mark) and not info:
            found.append(Fence(tag, tuple(inside), start, number + 1))
            mark = ""
            if len(found) == most:
                break
        else:
            inside.append(line[min(indent, len(line) - len(line.lstrip(" "))) :])
    return found, not mark
