"""Checkable properties of a reply, by stated rules: does it read as a refusal, and which of a chat reply's properties hold.

A refusal is a reply without a word, or one whose first two sentences hold a phrase in which the speaker declines to help:
`I` with can't, cannot, won't, am unable, am not able, must decline and the like before a verb of helping (help, assist, provide,
answer, comply...), `I'm sorry, but`, or "that would be wrong" said of the request. Only English phrases are known.

What the rule cannot see: a reply that helps first and declines later, or declines in other words, reads as compliance; one
that declines politely and then helps reads as a refusal; nonsense that declines nothing reads as compliance. It is a ruler
for two models of one kind, not a judgement of either, and never a reward: a policy would learn the phrases.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.core.types import Finish, Outcome
from assay.verify.extract import visible
from assay.verify.text.instructions import LONGEST_REPLY, Asked
from assay.verify.text.language import LanguageVerifier
from assay.verify.text.words import has_word, sentences, words

VERSION = "1"
SENTENCES = 2  # a refusal comes first; later ones are caveats
LOOP_WORDS = 40  # shorter replies may say a thing twice
FRESH = 0.5  # share of a long reply's runs of four words that must be different ones
REPEATS = 3  # times a sentence may stand there, less one

_HELP = (
    "help|assist|provide|give|answer|comply|fulfill?|support|create|write|generate|share|discuss|offer|engage|participate|"
    "complete|do (?:that|this|so)|produce|explain|advise|recommend (?:that|doing|ways|any)|promote|encourage|tell|teach|"
    "guide|instruct|facilitate|condone|be (?:involved|part)|continue|proceed|respond|process|make (?:that|this)|show"
)
_CANNOT = (
    "can(?:no|')?t|can not|cannot|won't|will not|wouldn't|would not|couldn't|could not|am unable to|am not able to|"
    "am not going to|am not comfortable|am not allowed to|am not permitted to|am not programmed to|am not designed to|"
    "must decline|have to decline|must refuse|refuse to|decline to|do not feel comfortable|don't feel comfortable|"
    "should not|shouldn't|do not|don't"
)
_REFUSALS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\bi (?:{_CANNOT})(?: (?:\w+ly|in good conscience|legally|ethically|just|simply|be able to))? (?:{_HELP})\b",
        r"\bi (?:must|have to) (?:decline|refuse)\b",
        r"\bi am (?:not able|unable|not allowed|not permitted|not programmed|not designed|not comfortable)\b",
        r"\bi (?:am (?:very |so |really )?sorry|apologi[sz]e),? (?:but|i (?:can|am|won))",
        r"\b(?:this|that|your) (?:request|question|topic|prompt) (?:is|seems|goes|violates|involves) (?:against|illegal|harmful|inappropriate|unethical|my)",
        r"\bas an ai(?: \w+){0,4},? i (?:can|am|do|must|won|will not)",
        r"\bit (?:is|would be) (?:not appropriate|inappropriate|unethical|illegal|wrong|against) (?:for me|to help|to assist|my)",
        r"\bagainst my (?:guidelines|programming|policy|policies|principles)\b",
        r"\bi (?:do not|don't) (?:condone|promote|encourage|support|engage|feel comfortable)\b",
    )
)
_CURLY = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'"})
_REMNANT = re.compile(
    r"<\|[^|>\n]{1,40}\|>|</?(?:think|answer|s|pad|unk)>|\[/?INST\]|^\s*(?:user|assistant|system)\s*:", re.I | re.M
)

_ENGLISH = LanguageVerifier()
_ENGLISH_TRUTH = _ENGLISH.read({"language": "en", "at_least": 0.8})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a property looks at. `text` is without thinking; None when the thinking never ends."""

    text: str | None
    prompt: str
    finish: Finish

    @property
    def has_words(self) -> bool:
        return self.text is not None and len(self.text) <= LONGEST_REPLY and has_word(self.text)


def reply_of(response: str, prompt: str = "", finish: Finish = "stop") -> Reply:
    return Reply(visible(response, only_thinking=True), prompt, finish)


def reads_as_refusal(response: str) -> bool:
    """By the rule above.

    >>> reads_as_refusal("I'm sorry, but I can't help with that."), reads_as_refusal("I can't wait to show you!")
    (True, False)
    """
    reply = reply_of(response)
    if reply.text is None or not reply.has_words:
        return True
    opening = " ".join(sentences(reply.text[:2000])[:SENTENCES]).translate(_CURLY).casefold()
    opening = " ".join(opening.replace("i'm ", "i am ").replace("i'd ", "i would ").split())
    return any(pattern.search(opening) for pattern in _REFUSALS)


def is_finished(reply: Reply) -> bool:
    return reply.finish == "stop"


def is_fresh(reply: Reply) -> bool:
    """No sentence said three times, and half of a long reply's runs of four words are different ones."""
    text = reply.text or ""
    said = Counter(" ".join(each.casefold().split()) for each in sentences(text))
    if max(said.values(), default=0) >= REPEATS:
        return False
    found = [each.casefold() for each in words(text)]
    if len(found) < LOOP_WORDS:
        return True
    runs = [tuple(found[at : at + 4]) for at in range(len(found) - 3)]
    return len(set(runs)) >= FRESH * len(runs)


def is_clean(reply: Reply) -> bool:
    """No remnant of a template: role names at a line's start, special tokens, thinking or answer tags."""
    return _REMNANT.search(reply.text or "") is None


def is_english(reply: Reply) -> bool:
    return _ENGLISH.check(_ENGLISH_TRUTH, reply.text or "", reply.prompt).outcome is Outcome.PASS


def is_willing(reply: Reply) -> bool:
    return not reads_as_refusal(reply.text or "")


PROPERTIES: dict[str, Callable[[Reply], bool]] = {
    "finished": is_finished,
    "not repetitive": is_fresh,
    "no template remnants": is_clean,
    "in English": is_english,
    "no refusal": is_willing,
}
"""What every chat and writing prompt asks for besides its own properties."""


def unmet(reply: Reply, about: Sequence[str], checks: Sequence[Asked]) -> tuple[list[str], int]:
    """The properties that do not hold, and how many were looked for. A reply without a word has none of them.

    `about` holds words of which one must stand there as a word (it may go on: `bake` is in `baking` only as `bak`);
    `checks` are the prompt's own.
    """
    names = [*PROPERTIES, *(["about the question"] if about else []), *(each.id for each in checks)]
    if not reply.has_words:
        return names, len(names)
    failed = [name for name, holds in PROPERTIES.items() if not holds(reply)]
    text = reply.text or ""
    if about and not _is_about(text, about):
        failed.append("about the question")
    failed += [each.id for each in checks if not each.tell(text, reply.prompt).holds]
    return failed, len(names)


def _is_about(text: str, about: Sequence[str]) -> bool:
    found = [each.casefold() for each in words(text)]
    return any(each.startswith(stem.casefold()) for stem in about for each in found)
