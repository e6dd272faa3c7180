r"""The math verifier: one answer field, read by a parser of our own, compared by type with the truth.

It claims that PASS means the same answer: proved, or shown by independent evidence (equal.py says how). What it cannot
read is FAIL `malformed`, what is too large to compute `limit`, what it cannot decide `undecided`. Neither `eval` nor
sympy's parsers ever see a response. Nothing is kept between two responses, and no signal is used: it may be called from any
thread. The evidence says how both sides were read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay.core.errors import TruthError
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.extract import extract
from assay.verify.math.equal import compare
from assay.verify.math.number import MOST_DIGITS
from assay.verify.math.parse import parse
from assay.verify.math.policy import STRICT, Policy, read_policy
from assay.verify.math.render import render
from assay.verify.math.tree import Node, TooLarge, Unreadable, Word
from assay.verify.math.units import require_conversion

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_TWO_READINGS = re.compile(r"[0-9],[0-9]|[0-9]e[+-][0-9]")
SHOWN = 500  # characters of an answer that a verdict repeats


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted answer: its text, how it is read, and its digits when it is a plain integer."""

    text: str
    tree: Node
    shown: str
    integer: str | None


@dataclass(frozen=True, slots=True)
class MathTruth:
    accepted: tuple[Accepted, ...]
    field: str
    policy: Policy
    texts: frozenset[str]
    integers: frozenset[str] | None  # when all accepted answers are plain integers and no policy is in force


class MathVerifier:
    """`knows_texts`: an answer written exactly as the truth is right without being read. Off, everything is read."""

    name = "math"
    version = "1"

    def __init__(self, knows_texts: bool = True) -> None:
        self.knows_texts = knows_texts

    def warm(self) -> None:
        """Import what a harder case needs."""
        import mpmath  # noqa: F401

    def read(self, truth: Json) -> MathTruth:
        """Raises TruthError for an answer that cannot be read, MissingExtra for units that only pint can convert."""
        answers, field, policy = read_policy(truth)
        accepted = tuple(_accept(each, policy) for each in answers)
        if policy.units == "convert":
            for each in accepted:
                require_conversion(each.tree)
        integers = [each.integer for each in accepted if each.integer is not None]
        is_plain = policy is STRICT and len(integers) == len(accepted)
        texts = frozenset(each.text for each in accepted)
        return MathTruth(accepted, field, policy, texts, frozenset(integers) if is_plain else None)

    def check(self, truth: MathTruth, response: str, prompt: str = "") -> Finding:
        text, missing = extract(response, truth.field)
        if text is None:
            return Finding(Outcome.FAIL, missing or Reason.NO_ANSWER)
        if truth.integers is not None and _INTEGER.match(text):
            is_right = plain_integer(text) in truth.integers
            shown = {"read": text[:SHOWN], "truth": truth.accepted[0].shown}
            if is_right:
                return Finding(Outcome.PASS, Reason.CORRECT, text[:SHOWN], shown)
            return Finding(Outcome.FAIL, Reason.WRONG_VALUE, text[:SHOWN], shown)
        if self.knows_texts and truth.policy.form == "any" and text in truth.texts:
            shown = {"read": "as the truth", "truth": next(each.shown for each in truth.accepted if each.text == text)}
            return Finding(Outcome.PASS, Reason.CORRECT, text[:SHOWN], shown)
        return judge_text(truth, text)


def judge_text(truth: MathTruth, text: str) -> Finding:
    answer = text[:SHOWN]
    try:
        tree = parse(text, truth.policy.locale)
    except (Unreadable, TooLarge) as error:
        reason = Reason.LIMIT if isinstance(error, TooLarge) else Reason.MALFORMED
        return Finding(Outcome.FAIL, reason, answer, {"unreadable": str(error)[:200], "truth": truth.accepted[0].shown})
    worst, nearest = Reason.WRONG_VALUE, truth.accepted[0]
    for each in truth.accepted:
        reason = _compare(each.tree, tree, truth.policy)
        if (
            reason is Reason.WRONG_VALUE
            and _TWO_READINGS.search(text)
            and _reads_otherwise(each.tree, text, truth.policy)
        ):
            reason = Reason.CORRECT
        if reason is Reason.CORRECT:
            return Finding(Outcome.PASS, reason, answer, {"read": render(tree), "truth": each.shown})
        if reason is not Reason.WRONG_VALUE:
            worst, nearest = reason, each
    return Finding(Outcome.FAIL, worst, answer, {"read": render(tree), "truth": nearest.shown})


def _compare(truth: Node, answer: Node, policy: Policy) -> Reason:
    try:
        reason = compare(truth, answer, policy)
        if reason is Reason.CORRECT and policy.form != "any":
            from assay.verify.math.form import is_written

            written = is_written(answer, policy.form)
            return reason if written else Reason.UNDECIDED if written is None else Reason.WRONG_FORM
        return reason
    except TooLarge:
        return Reason.LIMIT


def _reads_otherwise(truth: Node, text: str, policy: Policy) -> bool:
    """`100,200,300` reads as one number, and `5e-1` as 5e minus 1: each has a second reading, which may be the truth's."""
    try:
        tree = parse(text, policy.locale, is_list="," in text, is_plain=True)
    except (Unreadable, TooLarge):
        return False
    return _compare(truth, tree, policy) is Reason.CORRECT


def plain_integer(text: str) -> str:
    """Its digits without a plus and leading zeros: two integers of any length are equal when these are."""
    sign = "-" if text[0] == "-" else ""
    digits = text.lstrip("+-").lstrip("0")
    return sign + digits if digits else "0"


def _accept(answer: str, policy: Policy) -> Accepted:
    text = answer.strip()
    if "\\boxed" in text:
        inside, _ = extract(text, "boxed")
        if inside is None or not text.startswith("\\boxed") or not text.endswith("}"):
            raise TruthError(f"math: answer {answer[:200]!r} holds a box but is not one box")
        text = inside
    integer = plain_integer(text) if _INTEGER.match(text) else None
    if integer is not None and len(integer) > MOST_DIGITS:  # only ever compared digit by digit
        return Accepted(text, Word(integer), f"an integer of {len(integer)} digits", integer)
    try:
        tree = parse(text, policy.locale)
    except (Unreadable, TooLarge) as error:
        raise TruthError(f"math: answer {answer[:200]!r} cannot be read: {error}") from error
    return Accepted(text, tree, render(tree), integer)
