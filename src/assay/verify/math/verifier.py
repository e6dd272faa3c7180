r"""The math verifier: one answer field, read by a parser of our own, compared by type with the truth.

It claims that PASS means the same answer: proved, or shown by independent evidence (equal.py says how). What it cannot
read is FAIL `malformed`, what is too large to compute `limit`, what it cannot decide `undecided`. Neither `eval` nor
sympy's parsers ever see a response. Nothing is kept between two responses, and no signal is used: it may be called from any
thread. The evidence says how both sides were read.

Plain integers are judged here, digit by digit; the parser and all that stands behind it (answers.py) is imported when a
truth or an answer is something else.
"""

from __future__ import annotations

from assay.core.errors import TruthError
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.extract import extract
from assay.verify.math.policy import STRICT, Accepted, MathTruth, Policy, read_policy

SHOWN = 500  # characters of an answer that a verdict repeats


class MathVerifier:
    """`knows_texts`: an answer written exactly as the truth is right without being read. Off, everything is read."""

    name = "math"
    version = "1"

    def __init__(self, knows_texts: bool = True) -> None:
        self.knows_texts = knows_texts

    def warm(self) -> None:
        """Import what a harder case needs."""
        import mpmath  # noqa: F401

        from assay.verify.math import answers  # noqa: F401

    def read(self, truth: Json) -> MathTruth:
        """Raises TruthError for an answer that cannot be read, MissingExtra for units that only pint can convert."""
        answers, field, policy = read_policy(truth)
        accepted = tuple(_accept(each, policy) for each in answers)
        integers = [each.integer for each in accepted if each.integer is not None]
        is_plain = policy is STRICT and len(integers) == len(accepted)
        texts = frozenset(each.text for each in accepted)
        return MathTruth(accepted, field, policy, texts, frozenset(integers) if is_plain else None)

    def check(self, truth: MathTruth, response: str, prompt: str = "") -> Finding:
        text, missing = extract(response, truth.field)
        if text is None:
            return Finding(Outcome.FAIL, missing or Reason.NO_ANSWER)
        if truth.integers is not None and is_plain_integer(text):
            is_right = plain_integer(text) in truth.integers
            shown = {"read": text[:SHOWN], "truth": truth.accepted[0].shown}
            if is_right:
                return Finding(Outcome.PASS, Reason.CORRECT, text[:SHOWN], shown)
            return Finding(Outcome.FAIL, Reason.WRONG_VALUE, text[:SHOWN], shown)
        if self.knows_texts and truth.policy.form == "any" and text in truth.texts:
            shown = {"read": "as the truth", "truth": next(each.shown for each in truth.accepted if each.text == text)}
            return Finding(Outcome.PASS, Reason.CORRECT, text[:SHOWN], shown)
        from assay.verify.math.answers import judge_text

        return judge_text(truth, text, text[:SHOWN])


def is_plain_integer(text: str) -> bool:
    """ASCII digits, perhaps with one sign before them."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isdigit() and digits.isascii()


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
    if is_plain_integer(text):
        integer = plain_integer(text)
        shown = integer if len(integer) <= 300 else f"an integer of {len(integer)} digits"
        return Accepted(text, None, shown, integer)
    from assay.verify.math.answers import read_answer

    return read_answer(text, policy)
