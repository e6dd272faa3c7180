"""The program in a response: exactly one fenced code block, or none.

Fences are CommonMark's (`verify.fence`); the language tag does not matter. Two blocks are `ambiguous`, even twice the same: a policy
that may answer twice can guess twice. A fence that never closes is `malformed`. With `last` the last block counts, as long
as every fence closes; with `whole_text` the response itself is the file, byte for byte.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from assay.core.types import Reason
from assay.verify.fence import find_fences

BlockRule = Literal["only", "last", "whole_text"]


class Block(NamedTuple):
    """The source, or None and why."""

    source: str | None
    reason: Reason | None = None


def find_block(response: str, rule: BlockRule) -> Block:
    """The program by `rule`; one that UTF-8 cannot hold is malformed."""
    if rule == "whole_text":
        return _as_source(response)
    blocks, is_closed = find_fences(response)
    if not is_closed:
        return Block(None, Reason.MALFORMED)
    if not blocks:
        return Block(None, Reason.NO_ANSWER)
    if len(blocks) > 1 and rule == "only":
        return Block(None, Reason.AMBIGUOUS)
    return _as_source("".join(f"{line}\n" for line in blocks[-1].lines))


def _as_source(source: str) -> Block:
    try:
        source.encode()
    except UnicodeEncodeError:
        return Block(None, Reason.MALFORMED)
    return Block(source)
