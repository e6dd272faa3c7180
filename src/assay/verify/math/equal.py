"""Are two readings the same answer? By type, exact first. Only a proof or agreeing evidence is CORRECT."""

from __future__ import annotations

from assay.core.types import Reason
from assay.verify.math.number import exact
from assay.verify.math.policy import Policy
from assay.verify.math.tree import Node, TooLarge


def compare(truth: Node, answer: Node, policy: Policy) -> Reason:
    try:
        left, right = exact(truth), exact(answer)
    except TooLarge:
        return Reason.UNDECIDED
    if left is None or right is None:
        return Reason.CORRECT if type(truth) is type(answer) and repr(truth) == repr(answer) else Reason.UNDECIDED
    return Reason.CORRECT if left == right else Reason.WRONG_VALUE
