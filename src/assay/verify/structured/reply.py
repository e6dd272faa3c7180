"""Cutting the document out of a reply: the whole reply, or the content of its only fence. Nothing is repaired.

A reply that begins with the document's own first sign is the document. Otherwise thinking is taken off its
beginning (`extract.visible`), then there must be exactly one fenced block (CommonMark 0.31, section 4.5): in a language that the
contract names (`""` is no tag; tags in any case), nothing after it, and nothing before it unless the contract lets prose
stand there. A second fence is `ambiguous`, even with the same content: a policy that may answer twice can guess twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json, Reason
from assay.verify.extract import visible
from assay.verify.fence import find_fences

SPACE = " \t\r\n"  # what JSON calls white space; a no-break space or a byte order mark is none
MOST_BYTES, DEEPEST = 1_000_000, 64


@dataclass(frozen=True, slots=True)
class Contract:
    """`max_bytes` (UTF-8) and `max_depth` (the outermost object is 1) hold for the document, not for prose before it."""

    max_bytes: int = 20_000
    max_depth: int = 16
    fence_langs: frozenset[str] = frozenset({"json", ""})
    prose_before_fence: bool = False


class Cut(NamedTuple):
    """The document's text, or None and why."""

    text: str | None
    reason: Reason | None = None
    detail: str = ""


def read_contract(value: Json, kind: str, default: Contract = Contract()) -> Contract:
    """The `contract` of a truth; `kind` is what its verifier reads. Raises TruthError."""
    if value is None:
        return default
    if not isinstance(value, Mapping):
        raise TruthError(f"contract: an object would be right, not {value!r}"[:200])
    known = ("kind", "max_bytes", "max_depth", "fence_langs", "prose_before_fence")
    for name in value:
        if name not in known:
            raise TruthError(f"contract: unknown key {name!r}{did_you_mean(name, known)}")
    if value.get("kind", kind) != kind:
        raise TruthError(f"contract.kind: {value['kind']!r} is none; {kind!r} would be right")
    read: dict[str, Any] = {}
    for name, most in (("max_bytes", MOST_BYTES), ("max_depth", DEEPEST)):
        if name in value:
            if type(value[name]) is not int or not 1 <= value[name] <= most:
                raise TruthError(
                    f"contract.{name}: a whole number from 1 to {most} would be right, not {value[name]!r}"
                )
            read[name] = value[name]
    if "fence_langs" in value:
        tags = value["fence_langs"]
        if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
            raise TruthError('contract.fence_langs: a list of tags such as ["json", ""] would be right')
        read["fence_langs"] = frozenset(each.casefold() for each in tags)
    if "prose_before_fence" in value:
        if not isinstance(value["prose_before_fence"], bool):
            raise TruthError("contract.prose_before_fence: true or false would be right")
        read["prose_before_fence"] = value["prose_before_fence"]
    return replace(default, **read)


def cut_document(response: str, contract: Contract, opening: tuple[str, ...] = ("{", "[")) -> Cut:
    """The document's text. `opening`: what a reply without a fence begins with, so that it is its own document."""
    text = unthought(response, lambda text: text.startswith(opening))
    if text is None:
        return Cut(None, Reason.NO_ANSWER, "the thinking never ends")
    bare = text.lstrip(SPACE)
    if not bare:
        return Cut(None, Reason.NO_ANSWER, "an empty reply")
    if bare.startswith(opening):
        return sized(text, contract)
    cut = cut_fence(text, contract)
    if cut is not None:
        return cut
    if any(each in text for each in opening):
        return Cut(None, Reason.MALFORMED, "neither the whole reply nor a fence is one document")
    return Cut(None, Reason.NO_ANSWER, "no document")


def unthought(response: str, is_document: Callable[[str], bool]) -> str | None:
    """The reply without the thinking at its beginning; as it is, where it begins as a document does. None for thinking
    that never ends."""
    if is_document(response.lstrip(SPACE)):
        return response
    text = visible(response, only_thinking=True)
    if text is not None and not response.endswith(text.lstrip(SPACE)):
        return response  # a fence around thinking and a document is no fence around a document
    return text


def cut_fence(text: str, contract: Contract) -> Cut | None:
    """The content of the only fence, or why it is none; None for a text without fences."""
    fences, is_closed = find_fences(text, most=2)
    if not is_closed:
        return Cut(None, Reason.MALFORMED, "a fence that never closes")
    if not fences:
        return None
    if len(fences) > 1:
        return Cut(None, Reason.AMBIGUOUS, f"{len(fences)} fences")
    lines, fence = text.split("\n"), fences[0]
    if fence.tag not in contract.fence_langs:
        return Cut(None, Reason.MALFORMED, f"a fence of {fence.tag[:40]!r}")
    if "\n".join(lines[fence.end :]).strip(SPACE):
        return Cut(None, Reason.MALFORMED, "text after the fence")
    if "\n".join(lines[: fence.start]).strip(SPACE) and not contract.prose_before_fence:
        return Cut(None, Reason.MALFORMED, "text before the fence")
    return sized(fence.text, contract)


def sized(text: str, contract: Contract) -> Cut:
    if len(text) > contract.max_bytes or len(text.encode("utf-8", "surrogatepass")) > contract.max_bytes:
        return Cut(None, Reason.MALFORMED, f"longer than {contract.max_bytes} bytes")
    return Cut(text)
