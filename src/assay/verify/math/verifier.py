r"""The math verifier: one answer field, read by a parser of our own, compared by type with the truth.

It claims that PASS means the same answer: proved, or shown by independent evidence (equal.py says how). What it cannot
read is FAIL `malformed`, what is too large to compute `limit`, what it cannot decide `undecided`. Neither `eval` nor
sympy's parsers ever see a response. Nothing is kept between two responses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from assay.core.errors import TruthError
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.base import failed
from assay.verify.extract import extract
from assay.verify.math.equal import compare
from assay.verify.math.parse import parse
from assay.verify.math.policy import STRICT, Policy, read_policy
from assay.verify.math.tree import Node, TooLarge, Unreadable

_INTEGER = re.compile(r"[+-]?[0-9]+\Z")


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted answer: its text, its tree, and its digits when it is a plain integer."""

    text: str
    tree: Node
    integer: str | None


@dataclass(frozen=True, slots=True)
class MathTruth:
    accepted: tuple[Accepted, ...]
    field: str
    policy: Policy


class MathVerifier:
    name = "math"
    version = "1"

    def read(self, truth: Json) -> MathTruth:
        answers, field, policy = read_policy(truth)
        return MathTruth(tuple(_accepted(each, policy) for each in answers), field, policy)

    def check(self, truth: MathTruth, response: str, prompt: str = "") -> Finding:
        text, missing = extract(response, truth.field)
        if text is None:
            return failed(missing or Reason.NO_ANSWER)
        is_integer = _INTEGER.match(text) is not None
        if is_integer and truth.policy is STRICT:
            digits = plain_integer(text)
            first = truth.accepted[0]
            if len(truth.accepted) == 1 and first.integer is not None:
                return _verdict(
                    Reason.CORRECT if digits == first.integer else Reason.WRONG_VALUE, text, first.text, text
                )
        try:
            tree = parse(text)
        except (Unreadable, TooLarge) as error:
            reason = Reason.LIMIT if isinstance(error, TooLarge) else Reason.MALFORMED
            return failed(reason, text[:500], unreadable=str(error)[:200])
        worst = Reason.WRONG_VALUE
        for each in truth.accepted:
            reason = compare(each.tree, tree, truth.policy)
            if reason is Reason.CORRECT:
                return _verdict(reason, text, each.text, text)
            if reason is not Reason.WRONG_VALUE:
                worst = reason
        return _verdict(worst, text, truth.accepted[0].text, text)


def plain_integer(text: str) -> str:
    """Its digits without sign `+` and leading zeros: two integers of any length are equal when these are."""
    sign = "-" if text[0] == "-" else ""
    digits = text.lstrip("+-").lstrip("0")
    return sign + digits if digits else "0"


def _verdict(reason: Reason, answer: str, truth: str, read: str) -> Finding:
    outcome = Outcome.PASS if reason is Reason.CORRECT else Outcome.FAIL
    return Finding(outcome, reason, answer[:500], {"read": read[:500], "truth": truth[:500]})


def _accepted(answer: str, policy: Policy) -> Accepted:
    text = answer.strip()
    if "\\boxed" in text:
        inside, _ = extract(text, "boxed")
        if inside is None or not text.startswith("\\boxed") or not text.endswith("}"):
            raise TruthError(f"math: answer {answer[:200]!r} holds a box but is not one box")
        text = inside
    try:
        tree = parse(text)
    except (Unreadable, TooLarge) as error:
        raise TruthError(f"math: answer {answer[:200]!r} cannot be read: {error}") from error
    return Accepted(text, tree, plain_integer(text) if _INTEGER.match(text) else None)
