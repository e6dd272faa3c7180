"""Why a rule does not hold: the path of the part that breaks it, and one sentence with the values that stood there.

Run only on a rule that came out false, over the same answer: it goes down the tree to the first part that decides.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from assay.verify.structured.evaluate import Run, compiled, place_of, visit
from assay.verify.structured.syntax import Call, Choose, Compare, Each, Literal, Logic, Node, Not
from assay.verify.structured.value import Failure, key_of, show


class Why(NamedTuple):
    path: str
    detail: str


class _Found(Exception):
    def __init__(self, why: Why) -> None:
        super().__init__()
        self.why = why


def why_false(node: Node, run: Run) -> Why:
    """`node` is false in this run. Never raises."""
    try:
        return _why(node, run)
    except Failure as error:  # the steps that were left
        return Why(error.place or place_of(node, run), error.detail)


def _why(node: Node, run: Run) -> Why:
    match node:
        case Logic(operator="and", left=left, right=right):
            return _why(right if compiled(left)(run) else left, run)
        case Logic(right=right):
            return _why(right, run)
        case Choose(condition=condition, then=then, other=other):
            return _why(then if compiled(condition)(run) else other, run)
        case Not(inner=inner):
            return Why(place_of(inner, run), f"{_shown(inner, run)}, which must not hold")
        case Compare():
            return _compared(node, run)
        case Call(name="all", arguments=(Each() as each,)):
            return _first(each, run, lambda: None if compiled(each.element)(run) else _why(each.element, run))
        case Call(name="unique", arguments=(Each() as each,)):
            seen: set[Hashable] = set()

            def again() -> Why | None:
                value = compiled(each.element)(run)
                if (key := key_of(value)) in seen:
                    return Why(place_of(each.element, run), f"{show(value)} stands there already")
                seen.add(key)
                return None

            return _first(each, run, again)
        case Literal():
            return Why("", "is false")
    return Why(place_of(node, run), f"{_shown(node, run)} is false")


def _first(each: Each, run: Run, ask: Callable[[], Why | None]) -> Why:
    """The first element for which `ask` has something to say."""

    def back(run: Run) -> None:
        why = ask()
        if why is not None:
            raise _Found(why)

    try:
        visit(each)(run, back)
    except _Found as found:
        return found.why
    return Why(place_of(each, run), "is false")


def _compared(node: Compare, run: Run) -> Why:
    left_node, left = node.first, compiled(node.first)(run)
    for operator, right_node in node.rest:
        right = compiled(right_node)(run)
        if not compiled(Compare(node.column, left_node, ((operator, right_node),)))(run):
            places = [place_of(left_node, run), place_of(right_node, run)]
            path = next((each for each in places if each.startswith("answer")), places[0] or places[1])
            return Why(path, f"{show(left)} {operator} {show(right)} does not hold")
        left_node, left = right_node, right
    return Why(place_of(node, run), "is false")


def _shown(node: Node, run: Run) -> str:
    if isinstance(node, Compare):
        values = [compiled(node.first)(run), *(compiled(each)(run) for _, each in node.rest)]
        signs = [operator for operator, _ in node.rest]
        return " ".join(
            [show(values[0]), *(f"{sign} {show(each)}" for sign, each in zip(signs, values[1:], strict=True))]
        )
    return f"{node.name}(...)" if isinstance(node, Call) else show(compiled(node)(run))
