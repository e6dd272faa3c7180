"""What needs the parser: reading a truth that is no plain integer, and judging an answer that is none."""

from __future__ import annotations

import re

from assay.core.errors import TruthError
from assay.core.types import Finding, Outcome, Reason
from assay.verify.math.equal import compare
from assay.verify.math.number import MOST_DIGITS
from assay.verify.math.parse import parse
from assay.verify.math.policy import Accepted, MathTruth, Policy
from assay.verify.math.render import render
from assay.verify.math.tree import Node, Number, TooLarge, Unreadable, Word
from assay.verify.math.units import require_conversion

_TWO_READINGS = re.compile(r"[0-9],[0-9]|[0-9]e[+-][0-9]")


def read_answer(text: str, policy: Policy) -> Accepted:
    """An accepted answer. Raises TruthError when it cannot be read, MissingExtra for units that only pint can convert."""
    try:
        tree = parse(text, policy.locale)
    except (Unreadable, TooLarge) as error:
        raise TruthError(f"math: answer {text[:200]!r} cannot be read: {error}") from error
    if policy.units == "convert":
        require_conversion(tree)
    return Accepted(text, tree, render(tree), None)


def judge_text(truth: MathTruth, text: str, shown: str) -> Finding:
    """By reading it. `shown` is what the finding repeats of it."""
    try:
        tree = parse(text, truth.policy.locale)
    except (Unreadable, TooLarge) as error:
        reason = Reason.LIMIT if isinstance(error, TooLarge) else Reason.MALFORMED
        return Finding(Outcome.FAIL, reason, shown, {"unreadable": str(error)[:200], "truth": truth.accepted[0].shown})
    worst, nearest = Reason.WRONG_VALUE, truth.accepted[0]
    for each in truth.accepted:
        mine = tree_of(each)
        reason = _compare(mine, tree, truth.policy)
        if reason is Reason.WRONG_VALUE and _TWO_READINGS.search(text) and _reads_otherwise(mine, text, truth.policy):
            reason = Reason.CORRECT
        if reason is Reason.CORRECT:
            return Finding(Outcome.PASS, reason, shown, {"read": render(tree), "truth": each.shown})
        if reason is not Reason.WRONG_VALUE:
            worst, nearest = reason, each
    return Finding(Outcome.FAIL, worst, shown, {"read": render(tree), "truth": nearest.shown})


def tree_of(accepted: Accepted) -> Node:
    """How it is read. An integer too long to compute with is a word: only its own digits are equal to it."""
    if accepted.tree is not None:
        return accepted.tree
    digits = accepted.integer or ""
    return Number(int(digits), digits) if len(digits) <= MOST_DIGITS else Word(digits)


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
