"""Items against items: in their order, or each with a partner. How two of them compare is the caller's affair."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assay.core.types import Reason
from assay.verify.math.number import Exact, exact
from assay.verify.math.settle import COLLECTIONS
from assay.verify.math.tree import Node, Relation, TooLarge

MOST_MATCHED = 24  # items without order that are not plain numbers
Compare = Callable[[Node, Node], Reason]
"""(truth, answer) to CORRECT, WRONG_VALUE, WRONG_UNIT or UNDECIDED."""


def in_order(truth: Sequence[Node], answer: Sequence[Node], compare: Compare) -> Reason:
    if len(truth) != len(answer):
        return Reason.WRONG_VALUE
    verdict = Reason.CORRECT
    for one, other in zip(truth, answer, strict=True):
        if isinstance(other, Relation) and not isinstance(one, Relation):
            return Reason.WRONG_VALUE
        reason = compare(one, other)
        if reason in (Reason.WRONG_VALUE, Reason.WRONG_UNIT):
            return reason
        if reason is not Reason.CORRECT:
            verdict = reason
    return verdict


def in_any_order(
    truth: Sequence[Node], answer: Sequence[Node], compare: Compare, *, as_sets: bool = False, by_value: bool = True
) -> Reason:
    """Each has its partner: plain numbers by counting (unless a tolerance forbids `by_value`), the rest by trying."""
    if as_sets:
        truth, answer = without_repeats(truth, compare), without_repeats(answer, compare)
    if len(truth) != len(answer):
        return Reason.WRONG_VALUE
    left = list(answer)
    if by_value:
        plain = sorted(value for each in truth if (value := _plain(each)) is not None)
        if plain == sorted(value for each in left if (value := _plain(each)) is not None):
            truth = [each for each in truth if _plain(each) is None]
            left = [each for each in left if _plain(each) is None]
        elif all(_plain(each) is not None for each in (*truth, *left)):
            return Reason.WRONG_VALUE
    if len(truth) > MOST_MATCHED:
        raise TooLarge(f"a list of more than {MOST_MATCHED} expressions without order")
    for one in truth:
        verdict = Reason.WRONG_VALUE
        for index, other in enumerate(left):
            reason = compare(one, other)
            if reason is Reason.CORRECT:
                del left[index]
                break
            if reason is Reason.UNDECIDED:
                verdict = reason
        else:
            return verdict
    return Reason.CORRECT


def without_repeats(items: Sequence[Node], compare: Compare) -> list[Node]:
    """Plain numbers once for each value, the rest once for each that compares equal."""
    seen: set[Exact] = set()
    kept: list[Node] = []
    others: list[Node] = []
    for each in items:
        value = _plain(each)
        if value is None:
            if len(others) > MOST_MATCHED:
                raise TooLarge(f"a set of more than {MOST_MATCHED} expressions")
            if not any(compare(each, other) is Reason.CORRECT for other in others):
                others.append(each)
        elif value not in seen:
            seen.add(value)
            kept.append(each)
    return kept + others


def _plain(node: Node) -> Exact | None:
    return exact(node) if not isinstance(node, COLLECTIONS) else None
