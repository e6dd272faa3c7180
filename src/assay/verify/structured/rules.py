"""Business rules: each a name and a condition that must hold, written in the rule language or as a trusted function.

`{"name": "capacity", "expr": "answer.load <= 40"}`, or `{"name": "fits", "python": "my_file.py:function"}`: a function
of the author's, called as `function(answer, tables)` with plain values (int and Decimal for numbers), which returns true
or false. Whatever else it does (an exception, None) is a FAIL: an answer must not be able to bring it to VOID.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

from assay.core.errors import TruthError, UsageError, did_you_mean
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.function import FunctionVerifier
from assay.verify.structured.document import Document
from assay.verify.structured.evaluate import MOST_STEPS, Program, Run, compiled, place_of
from assay.verify.structured.explain import Why, why_false
from assay.verify.structured.names import Names, Shape
from assay.verify.structured.parse import Unreadable, parse
from assay.verify.structured.syntax import Node
from assay.verify.structured.tables import Table
from assay.verify.structured.value import Failure, TooMuch, decimal_text, kind_of, show

MOST_RULES = 200
KEYS = ("name", "expr", "python")


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition: its tree and program, or the author's function."""

    name: str
    node: Node | None = None
    program: Program | None = None
    predicate: Callable[..., Finding] | None = None


class Broken(NamedTuple):
    """A rule that does not hold, and where."""

    rule: str
    path: str
    detail: str
    reason: Reason = Reason.WRONG_VALUE


def read_rules(value: Json, tables: Mapping[str, Table], schema: Json = None) -> tuple[Rule, ...]:
    """The `rules` of a truth. Raises TruthError naming the rule and the column."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MOST_RULES:
        raise TruthError(f'rules: a list of at most {MOST_RULES} {{"name", "expr"}} objects would be right')
    rules = [_read(number, each, tables, schema) for number, each in enumerate(value)]
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise TruthError(f"rules: two rules have the name {rule.name!r}")
        seen.add(rule.name)
    return tuple(rules)


def _read(number: int, value: Json, tables: Mapping[str, Table], schema: Json) -> Rule:
    where = f"rules[{number}]"
    if not isinstance(value, Mapping):
        raise TruthError(f'{where}: {{"name": str, "expr": str}} would be right, not {value!r}'[:200])
    for key in value:
        if key not in KEYS:
            raise TruthError(f"{where}: unknown key {key!r}{did_you_mean(key, KEYS)}")
    name = value.get("name")
    if not isinstance(name, str) or not name.strip():
        raise TruthError(f"{where}: a name would be right, not {name!r}")
    if ("expr" in value) == ("python" in value):
        raise TruthError(f"rule {name!r}: either an expr or a python function would be right")
    text = value.get("expr", value.get("python"))
    if not isinstance(text, str):
        raise TruthError(f"rule {name!r}: a text would be right, not {text!r}"[:200])
    if "python" in value:
        return Rule(name, predicate=_predicate(name, text))
    node, program = read_expression(f"rule {name!r}", text, tables, schema)
    return Rule(name, node, program)


def read_expression(
    where: str,
    text: str,
    tables: Mapping[str, Table],
    schema: Json = None,
    names: Mapping[str, Shape] | None = None,
    *,
    is_condition: bool = True,
) -> tuple[Node, Program]:
    """One expression; `names` are variables that its place gives it. Raises TruthError."""
    given = names or {}
    try:
        node = parse(text, given)
        Names(tables, schema, dict(enumerate(given.values()))).check(node, is_condition=is_condition)
        return node, compiled(node)
    except Unreadable as error:
        raise TruthError(f"{where}, {error}") from None


def _predicate(name: str, place: str) -> Callable[..., Finding]:
    try:
        return FunctionVerifier.load(place).check
    except UsageError as error:
        raise TruthError(f"rule {name!r}: {error}") from None


def broken(rules: Sequence[Rule], document: Document, run: Run) -> Iterable[Broken]:
    """The rules that do not hold, in order. Never raises, whatever the document."""
    for rule in rules:
        found = _asked(rule, document, run) if rule.program is None else _decided(rule, run)
        if found is not None:
            yield found


def _decided(rule: Rule, run: Run) -> Broken | None:
    assert rule.program is not None
    assert rule.node is not None
    try:
        value = rule.program(run)
    except TooMuch as error:
        return Broken(rule.name, error.place or place_of(rule.node, run), error.detail, Reason.LIMIT)
    except Failure as error:
        return Broken(rule.name, error.place or place_of(rule.node, run), error.detail)
    if value is True:
        return None
    if value is not False:
        return Broken(rule.name, place_of(rule.node, run), f"{show(value)} is {kind_of(value)}, not true or false")
    left, run.steps = run.steps, MOST_STEPS
    why: Why = why_false(rule.node, run)
    run.steps = left
    return Broken(rule.name, why.path, why.detail)


def _asked(rule: Rule, document: Document, run: Run) -> Broken | None:
    """The author's function, on values of its own that it may change."""
    assert rule.predicate is not None
    try:
        found = rule.predicate(plain_tables(run.tables), copy.deepcopy(document.decimals))
    except Exception as error:  # noqa: BLE001 - an author's function may raise anything, and an answer may make it
        return Broken(rule.name, "answer", f"{type(error).__name__}: {error}"[:200], Reason.ERROR)
    if found.outcome is Outcome.PASS:
        return None
    detail = str(found.evidence.get("error", "is false"))
    return Broken(rule.name, "answer", detail, Reason.ERROR if found.outcome is Outcome.VOID else Reason.WRONG_VALUE)


def plain_tables(tables: Mapping[str, Table]) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """The tables as an author's function gets them: read-only rows, int and Decimal for numbers."""
    return {
        name: tuple(MappingProxyType({at: _plain(each) for at, each in row.items()}) for row in tables[name])
        for name in tables
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):  # made from a decimal, so it ends
        return Decimal(decimal_text(value))
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list) else value
