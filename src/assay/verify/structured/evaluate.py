"""Running a rule: the tree becomes nested functions once, when the truth is read, and those run for every answer.

Total: a rule always ends, since it can only go over the data, and a run has a budget of steps and a bound on the digits
of a number. What has no value (an absent field, an unknown id, two kinds compared, a division by zero) raises Failure
with the path of the part. `and`, `or`, `implies` and `if` look at their right side only when it decides; `all`, `any`
and the other functions over a list look at every element, so the order of a list never decides whether a rule holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assay.verify.structured.arithmetic import ARITHMETIC
from assay.verify.structured.functions import FUNCTIONS
from assay.verify.structured.instant import Span
from assay.verify.structured.syntax import (
    Answer,
    Arithmetic,
    Call,
    Choose,
    Clause,
    Compare,
    Each,
    Field,
    Item,
    ListOf,
    Literal,
    Logic,
    Negative,
    Node,
    Not,
    TableName,
    Variable,
    children,
)
from assay.verify.structured.tables import Table
from assay.verify.structured.value import (
    Absent,
    Failure,
    TooMuch,
    Value,
    is_less,
    is_number,
    is_same,
    kind_of,
    show,
    weight_of,
)

MOST_STEPS = 1_000_000  # for one answer, all rules together
SLOTS = 256  # variables of one rule


@dataclass(slots=True)
class Run:
    """One answer under the rules: what they may look at, and the steps that are left."""

    answer: Value
    tables: Mapping[str, Table]
    steps: int = MOST_STEPS
    values: list[Value] = field(default_factory=lambda: [None] * SLOTS)
    indexes: list[int] = field(default_factory=lambda: [0] * SLOTS)

    def spend(self, steps: int) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise TooMuch(f"more than {MOST_STEPS} steps")


Program = Callable[[Run], Value]


def compiled(node: Node) -> Program:
    """The program of a tree. It raises Failure with the place of the part that has no value."""
    return _COMPILE[type(node)](node)


def _literal(node: Any) -> Program:
    value = node.value
    return lambda run: value


def _answer(node: Any) -> Program:
    return lambda run: run.answer


def _table(node: Any) -> Program:
    name = node.name
    return lambda run: run.tables[name]


def _variable(node: Any) -> Program:
    slot = node.slot
    return lambda run: run.values[slot]


def _field(node: Field) -> Program:
    base, name = compiled(node.base), node.name

    def get(run: Run) -> Value:
        run.steps -= 1
        holder = base(run)
        if type(holder) is dict:
            try:
                return holder[name]
            except KeyError:
                raise Absent(f"there is no field {name!r}", place_of(node, run)) from None
        raise _no_part(holder, f"field {name!r}", node, run)

    return get


def _item(node: Item) -> Program:
    base, index = compiled(node.base), compiled(node.index)

    def get(run: Run) -> Value:
        run.steps -= 1
        holder, at = base(run), index(run)
        if type(holder) is dict and type(at) is str:
            if at not in holder:
                raise Absent(f"there is no field {at[:60]!r}", place_of(node, run))
            return holder[at]
        if isinstance(holder, list) and type(at) is int:
            if not -len(holder) <= at < len(holder):
                raise Absent(f"there is no item {show(at)} in a list of {len(holder)}", place_of(node, run))
            return holder[at]
        raise _no_part(holder, f"item {show(at)}", node, run)

    return get


def _no_part(holder: Value, part: str, node: Node, run: Run) -> Failure:
    error = Absent if holder is None else Failure  # `has` may ask beyond a null
    return error(f"{kind_of(holder)} has no {part}", place_of(node, run))


def _list_of(node: ListOf) -> Program:
    items = [compiled(each) for each in node.items]

    def make(run: Run) -> Value:
        run.spend(len(items))
        return [each(run) for each in items]

    return make


def visit(node: Each) -> Callable[[Run, Callable[[Run], None]], None]:
    """Calls back for every element of a `for`, with the variables set to it."""
    inner: Callable[[Run, Callable[[Run], None]], None] = lambda run, back: back(run)  # noqa: E731
    for clause in reversed(node.clauses):
        inner = _over(clause, inner)
    return inner


def _over(
    clause: Clause, inner: Callable[[Run, Callable[[Run], None]], None]
) -> Callable[[Run, Callable[[Run], None]], None]:
    source, slot = compiled(clause.source), clause.slot
    conditions = [_decided(each) for each in clause.conditions]

    def go(run: Run, back: Callable[[Run], None]) -> None:
        items = source(run)
        if not isinstance(items, list):
            raise Failure(f"{show(items)} is {kind_of(items)}, not a list", place_of(clause.source, run))
        run.spend(len(items) + 1)
        for at, each in enumerate(items):
            run.values[slot], run.indexes[slot] = each, at
            if all(condition(run) for condition in conditions):
                inner(run, back)

    return go


def _each(node: Each) -> Program:
    element, over = compiled(node.element), visit(node)

    def make(run: Run) -> Value:
        found: list[Value] = []

        def keep(run: Run) -> None:
            run.spend(1)
            found.append(element(run))

        over(run, keep)
        return found

    return make


def _call(node: Call) -> Program:
    arguments = [compiled(each) for each in node.arguments]
    if node.name == "has":
        return _has(arguments[0])
    call = FUNCTIONS[node.name].call

    def run_it(run: Run) -> Value:
        run.spend(1)
        values = [each(run) for each in arguments]
        try:
            return call(run, *values)
        except Failure as error:
            raise _placed(error, node, run) from None

    return run_it


def _has(path: Program) -> Program:
    def ask(run: Run) -> Value:
        try:
            path(run)
        except Absent:
            return False
        return True

    return ask


def _placed(error: Failure, node: Node, run: Run) -> Failure:
    error.place = error.place or place_of(node, run)
    return error


def place_of(node: Node, run: Run) -> str:
    """The path of what a node looks at, with the indexes that the run is at: its own, or that of the first part below
    it that stands in the answer, or else in a table; empty for a constant."""
    path = _path(node, run)
    if path is not None:
        return path
    if isinstance(node, Variable):
        return node.name if node.source is None else place_of(node.source, run)
    if isinstance(node, Each) and node.clauses:  # the list as a whole, not the item that it ended with
        return place_of(node.clauses[0].source, run) or place_of(node.element, run)
    below = [place_of(each, run) for each in children(node)]
    return next((each for each in below if each.startswith("answer")), next(filter(None, below), ""))


def _path(node: Node, run: Run) -> str | None:
    """The path that leads to a part of the answer or of a table; None for what is computed."""
    match node:
        case Answer():
            return "answer"
        case TableName(name=name):
            return f"tables.{name}"
        case Variable(source=source, slot=slot):
            base = None if source is None else _path(source, run)
            return None if base is None else f"{base}[{run.indexes[slot]}]"
        case Field(base=holder, name=name):
            base = _path(holder, run)
            return None if base is None else f"{base}.{name}"
        case Item(base=holder, index=index):
            base = _path(holder, run)
            return None if base is None else f"{base}[{_index_text(index, run)}]"
    return None


def _index_text(index: Node, run: Run) -> str:
    try:
        return show(compiled(index)(run))
    except Failure:
        return "?"


def _decided(node: Node) -> Callable[[Run], bool]:
    """The program of a condition: true or false, or Failure."""
    program = compiled(node)

    def decide(run: Run) -> bool:
        value = program(run)
        if type(value) is bool:
            return value
        raise Failure(f"{show(value)} is {kind_of(value)}, not true or false", place_of(node, run))

    return decide


def _compare(node: Compare) -> Program:
    first, rest = compiled(node.first), [(_COMPARE[operator], compiled(each)) for operator, each in node.rest]

    def decide(run: Run) -> Value:
        run.steps -= 1
        left = first(run)
        for holds, other in rest:
            right = other(run)
            try:
                if not holds(run, left, right):
                    return False
            except Failure as error:
                raise _placed(error, node, run) from None
            left = right
        return True

    return decide


def _same(run: Run, left: Value, right: Value) -> bool:
    if type(left) is not int:
        run.spend(weight_of(left))
    return is_same(left, right)


def _within(run: Run, item: Value, items: Value) -> bool:
    if not isinstance(items, list):
        raise Failure(f"{show(items)} is {kind_of(items)}, not a list")
    run.spend(weight_of(items) + weight_of(item))
    kind = kind_of(item)
    alike = [each for each in items if item is None or each is None or kind_of(each) == kind]
    if any(is_same(item, each) for each in alike):
        return True
    if len(alike) < len(items):
        raise Failure(f"{show(item)} is {kind}, and not every item of {show(items)} is")
    return False


_COMPARE: Mapping[str, Callable[[Run, Value, Value], bool]] = {
    "==": _same,
    "!=": lambda run, left, right: not _same(run, left, right),
    "<": lambda run, left, right: is_less(left, right),
    ">": lambda run, left, right: is_less(right, left),
    "<=": lambda run, left, right: not is_less(right, left),
    ">=": lambda run, left, right: not is_less(left, right),
    "in": _within,
    "not in": lambda run, item, items: not _within(run, item, items),
}


def _logic(node: Logic) -> Program:
    left, right, operator = _decided(node.left), _decided(node.right), node.operator
    if operator == "and":
        return lambda run: left(run) and right(run)
    if operator == "or":
        return lambda run: left(run) or right(run)
    return lambda run: not left(run) or right(run)


def _not(node: Not) -> Program:
    inner = _decided(node.inner)
    return lambda run: not inner(run)


def _choose(node: Choose) -> Program:
    condition, then, other = _decided(node.condition), compiled(node.then), compiled(node.other)
    return lambda run: then(run) if condition(run) else other(run)


def _negative(node: Negative) -> Program:
    inner = compiled(node.inner)

    def turn(run: Run) -> Value:
        value = inner(run)
        if type(value) is Span:
            return Span(-value.seconds)
        if not is_number(value):
            raise Failure(f"{show(value)} is {kind_of(value)}, not a number", place_of(node.inner, run))
        return -value

    return turn


def _arithmetic(node: Arithmetic) -> Program:
    left, right, work = compiled(node.left), compiled(node.right), ARITHMETIC[node.operator]

    def compute(run: Run) -> Value:
        run.steps -= 1
        one, two = left(run), right(run)
        try:
            return work(run, one, two)
        except Failure as error:
            raise _placed(error, node, run) from None

    return compute


_COMPILE: Mapping[type[Node], Callable[[Any], Program]] = {
    Literal: _literal,
    Answer: _answer,
    TableName: _table,
    Variable: _variable,
    Field: _field,
    Item: _item,
    ListOf: _list_of,
    Each: _each,
    Call: _call,
    Compare: _compare,
    Arithmetic: _arithmetic,
    Negative: _negative,
    Not: _not,
    Logic: _logic,
    Choose: _choose,
}
