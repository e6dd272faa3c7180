r"""Quantities: a value and its unit, and whether two of them agree.

A missing unit is accepted, a different one never (the policy may convert, or require). `%` is a unit of its own, which only
the policy lets go; a degree is also pi/180.
"""

from __future__ import annotations

import re
from fractions import Fraction
from importlib import import_module
from typing import Any, NamedTuple

from assay.core.errors import MissingExtra
from assay.core.types import Reason
from assay.verify.math.number import exact
from assay.verify.math.policy import Policy
from assay.verify.math.tree import Negative, Node, Number, Power, Product, Quotient, Symbol, Unit, Word
from assay.verify.math.unit_names import tables

Dimensions = tuple[tuple[str, int], ...]
"""Unit names with their powers, sorted: (("meter", 1), ("second", -1))."""


class Quantity(NamedTuple):
    value: Node
    unit: Dimensions | None  # None: there is none


ONE = Number(1, "1")


def split(node: Node, letters: frozenset[str] = frozenset()) -> Quantity:
    """A value and its unit. `letters` are the single letters to read as units (`5 m`, when the truth is in metres)."""
    found: dict[str, int] = {}
    value = _strip(node, found, letters, 1)
    if not found:
        return Quantity(node, None)
    return Quantity(
        ONE if value is None else value, tuple(sorted((name, power) for name, power in found.items() if power))
    )


def _strip(node: Node, found: dict[str, int], letters: frozenset[str], sign: int) -> Node | None:
    """The node without its unit factors, which go into `found`; None when nothing is left."""
    if isinstance(node, Unit):
        above, _, below = node.name.partition("/")
        for each, times in ((above, sign), (below, -sign)):
            name, _, power = each.partition("^")
            if name:
                found[name] = found.get(name, 0) + times * int(power or 1)
        return None
    if isinstance(node, Word):
        name = f"word:{_singular(node.text.lower())}"
        found[name] = found.get(name, 0) + sign
        return None
    if isinstance(node, Symbol) and node.name in letters:
        name = tables().names[node.name]
        found[name] = found.get(name, 0) + sign
        return None
    if isinstance(node, Power):
        exponent = exact(node.exponent)
        if isinstance(exponent, int) and abs(exponent) < 10 and _is_unit(node.base, letters):
            _strip(node.base, found, letters, sign * exponent)
            return None
        return node
    if isinstance(node, Negative):
        inner = _strip(node.of, found, letters, sign)
        return node if inner is node.of else Negative(ONE if inner is None else inner)
    if isinstance(node, Product):
        kept = [left for each in node.factors if (left := _strip(each, found, letters, sign)) is not None]
        if not kept:
            return None
        return kept[0] if len(kept) == 1 else Product(tuple(kept))
    if isinstance(node, Quotient):
        before = dict(found)
        top = _strip(node.top, found, letters, sign)
        bottom = _strip(node.bottom, found, letters, -sign)
        if found == before:
            return node
        if bottom is None:
            return top
        return Quotient(ONE if top is None else top, bottom)
    return node


def _is_unit(node: Node, letters: frozenset[str]) -> bool:
    return isinstance(node, Unit) or (isinstance(node, Symbol) and node.name in letters)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def letters_of(unit: Dimensions | None) -> frozenset[str]:
    """The single letters that are short for these units."""
    if not unit:
        return frozenset()
    names = {name for name, _ in unit}
    return frozenset(letter for letter in "mgslLWJNVAKhbB" if tables().names.get(letter) in names)


class Meeting(NamedTuple):
    """How an answer's unit meets the truth's: what both values must be multiplied by before they are compared."""

    truth: Node | None
    answer: Node | None


AS_THEY_ARE = Meeting(None, None)
_PERCENT: Dimensions = (("percent", 1),)
_DEGREE: Dimensions = (("degree", 1),)
_RADIAN: Dimensions = (("radian", 1),)


def meetings(truth: Dimensions | None, answer: Dimensions | None, policy: Policy) -> list[Meeting] | Reason:
    """The ways in which the values may be equal (any one will do), or WRONG_UNIT."""
    if truth == answer:
        return [AS_THEY_ARE]
    if _PERCENT in (truth, answer):
        if (truth is None or answer is None) and policy.percent != "strict":
            if policy.percent == "number":
                return [AS_THEY_ARE]
            hundredth = Number(Fraction(1, 100), "1/100")
            return [Meeting(hundredth, None) if truth == _PERCENT else Meeting(None, hundredth)]
        return Reason.WRONG_UNIT
    angles = _angles(truth, answer)
    if answer is None:
        if angles is not None:
            return [AS_THEY_ARE, angles] if policy.units != "required" else [angles]
        return Reason.WRONG_UNIT if policy.units == "required" else [AS_THEY_ARE]
    if truth is None:
        if any(name.startswith("word:") for name, _ in answer):
            return Reason.WRONG_UNIT  # a word that nobody knows is no unit: `5 maybe`
        return [AS_THEY_ARE] if angles is None else [AS_THEY_ARE, angles]
    if angles is not None:
        return [angles]
    if policy.units == "convert":
        worth = conversion(truth, answer)
        if worth is not None:
            return [Meeting(None, Number(worth, str(worth)))]
    return Reason.WRONG_UNIT


def _angles(truth: Dimensions | None, answer: Dimensions | None) -> Meeting | None:
    """Degrees against radians, or against a bare number taken as radians."""
    if truth == _DEGREE and answer in (None, _RADIAN):
        return Meeting(Unit("degree"), None)
    if answer == _DEGREE and truth in (None, _RADIAN):
        return Meeting(None, Unit("degree"))
    return None


def conversion(truth: Dimensions, answer: Dimensions) -> Fraction | None:
    """How many of the truth's units one of the answer's is; None when they measure different things."""
    ours, theirs = _in_base(truth), _in_base(answer)
    if ours is None or theirs is None:
        return _pint_conversion(truth, answer)
    return theirs[1] / ours[1] if ours[0] == theirs[0] else None


_COMPOSED = {"volume": (("length", 3),), "area": (("length", 2),), "speed": (("length", 1), ("time", -1))}


def _in_base(unit: Dimensions) -> tuple[Dimensions, Fraction] | None:
    kinds: dict[str, int] = {}
    worth = Fraction(1)
    for name, power in unit:
        found = tables().worth.get(name)
        if found is None:
            return None
        worth *= found[1] ** power
        for kind, times in _COMPOSED.get(found[0], ((found[0], 1),)):
            kinds[kind] = kinds.get(kind, 0) + times * power
    return tuple(sorted((kind, power) for kind, power in kinds.items() if power)), worth


def _pint_conversion(truth: Dimensions, answer: Dimensions) -> Fraction | None:
    """By pint, for units that the table does not know, as exact as its definitions.

    Scales that do not begin at nothing (degC, decibel) have no such factor: None. Without pint the units are different:
    an answer's unit never makes a verdict VOID. A truth's does, when it is read.
    """
    first, second = _spelled(truth), _spelled(answer)
    if first is None or second is None:
        return None
    try:
        registry = pint_registry()
    except MissingExtra:
        return None
    try:
        ours, theirs = (
            registry.UnitsContainer({registry.get_name(name): power for name, power in each.items()})
            for each in (first, second)
        )
        nothing, one = (registry.convert(Fraction(each), theirs, ours) for each in (0, 1))
    except (ArithmeticError, AttributeError, TypeError, ValueError):  # pint's errors are some of these
        return None
    return Fraction(one) if nothing == 0 and isinstance(one, (int, Fraction)) else None


_registry: Any = None


def pint_registry() -> Any:
    """Made once, with fractions for numbers, and only read after that. Raises MissingExtra."""
    global _registry
    if _registry is None:
        try:
            UnitRegistry = import_module("pint").UnitRegistry
        except ImportError:
            raise MissingExtra(
                "pint", "units", 'units = "convert" with a unit that Assay\'s own table does not hold'
            ) from None
        _registry = UnitRegistry(non_int_type=Fraction)
    return _registry


_PLAIN_NAME = re.compile(r"[A-Za-z]{2,30}(?: [A-Za-z]{2,30}){0,2}\Z")


def _spelled(unit: Dimensions) -> dict[str, int] | None:
    """Names with their powers, for pint: plain names only, so that no text of a response is read as a formula there."""
    found: dict[str, int] = {}
    for name, power in unit:
        plain = name.removeprefix("word:")
        if _PLAIN_NAME.match(plain) is None:
            return None
        found[plain.replace(" ", "_")] = power
    return found


def require_conversion(truth: Node) -> None:
    """Raises MissingExtra when a truth that lets units be converted has one that only pint knows."""
    unit = split(truth).unit
    if unit is not None and _in_base(unit) is None and _spelled(unit) is not None:
        pint_registry()


def scaled(value: Node, by: Node | None) -> Node:
    return value if by is None else Product((value, by))
