"""Are two readings the same answer? By type. Only a proof or agreeing evidence is CORRECT; doubt is UNDECIDED.

Bare lists and sets have no order, tuples have; a bare list may answer a tuple in its order. Intervals, unions, inequalities
and set-builders are compared as sets of numbers (sets.py), equations by relations.py, single values by scalar.py after their
units have met (units.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from assay.core.types import Reason
from assay.verify.math.match import Compare, in_any_order, in_order
from assay.verify.math.near import compare_near
from assay.verify.math.number import base_of, exact
from assay.verify.math.pieces import NoSet, compare_pieces
from assay.verify.math.policy import Policy
from assay.verify.math.relations import (
    are_bounds,
    common_values,
    compare_equations,
    compare_inequalities,
    each_named,
    have_names,
    is_by_place,
    is_half_named,
    is_in_order,
    is_solved,
    is_turned,
    named_value,
    turned,
    values_by_name,
)
from assay.verify.math.scalar import collect_symbols, compare_scalars
from assay.verify.math.sets import pieces, variable_of
from assay.verify.math.settle import COLLECTIONS, by_rows, settled
from assay.verify.math.tree import (
    Bracketed,
    Builder,
    Call,
    Combined,
    Constant,
    Listing,
    Matrix,
    Node,
    Number,
    Product,
    Relation,
    Symbol,
    Word,
)
from assay.verify.math.units import letters_of, meetings, scaled, split
from assay.verify.math.variants import variants

NAMES = ("emptyset", "undefined", "none", "reals", "integers", "naturals", "rationals", "complex", "dots")

CORRECT, WRONG, UNDECIDED = Reason.CORRECT, Reason.WRONG_VALUE, Reason.UNDECIDED


def compare(truth: Node, answer: Node, policy: Policy) -> Reason:
    """CORRECT, WRONG_VALUE, WRONG_UNIT, WRONG_FORM or UNDECIDED. Raises TooLarge."""
    if type(truth) is Number and type(answer) is Number and policy.tolerance is None:
        return _in_its_base(truth, answer) if truth.value == answer.value else WRONG
    if isinstance(answer, Listing) and is_half_named(answer) and is_by_place(truth):
        return UNDECIDED  # `A = 2, 3` for A = 2, B = 3
    return _compare(settled(truth), settled(answer), policy)


def _in_its_base(truth: Node, answer: Node) -> Reason:
    """5 is no answer where 101_2 is asked for, nor 101_2 where its value is: whoever copies the task would be paid."""
    return CORRECT if base_of(truth) == base_of(answer) else Reason.WRONG_FORM


def _compare(truth: Node, answer: Node, policy: Policy) -> Reason:
    if isinstance(truth, Relation):
        return compare_relation(truth, answer, policy)
    if isinstance(truth, Word) or isinstance(answer, Word):
        return compare_words(truth, answer, policy)
    if isinstance(truth, Listing):
        return compare_listing(truth, answer, policy)
    if isinstance(answer, Relation):
        named = named_value(answer)
        if named is not None and is_in_order(named) and not isinstance(truth, (Combined, Builder)):
            return _compare(truth, settled(named.value), policy)
        return compare_sets(truth, answer)
    if isinstance(truth, Bracketed):
        return compare_bracketed(truth, answer, policy)
    if isinstance(truth, Matrix):
        return compare_matrix(truth, answer, policy)
    if isinstance(answer, Matrix):
        return WRONG
    if isinstance(truth, Constant) and truth.name in NAMES:
        if isinstance(answer, Constant):
            if truth.name in ("emptyset", "reals") and answer.name == truth.name:
                return CORRECT
            return CORRECT if truth.name == answer.name else WRONG
        return compare_sets(truth, answer) if isinstance(answer, COLLECTIONS) else WRONG
    if isinstance(truth, (Combined, Builder)) or isinstance(answer, COLLECTIONS):
        if isinstance(answer, Bracketed) and isinstance(truth, COLLECTIONS) is False:
            return WRONG
        return compare_sets(truth, answer)
    if isinstance(answer, Constant) and answer.name in NAMES:
        return WRONG
    if isinstance(truth, Call) and truth.name == "ratio":
        return compare_ratios(truth, answer, policy)
    return compare_quantities(truth, answer, policy)


def within(policy: Policy) -> Compare:
    return partial(compare, policy=policy)


def _in_any_order(truth: Sequence[Node], answer: Sequence[Node], policy: Policy, as_sets: bool = False) -> Reason:
    return in_any_order(truth, answer, within(policy), as_sets=as_sets, by_value=policy.tolerance is None)


# --- single values ---


def compare_quantities(truth: Node, answer: Node, policy: Policy) -> Reason:
    right = split(truth)
    given = split(answer, letters_of(right.unit))
    found = meetings(right.unit, given.unit, policy)
    if isinstance(found, Reason):
        return found
    verdict = WRONG
    for way in found:
        reason = compare_values(scaled(right.value, way.truth), scaled(given.value, way.answer), policy)
        if reason is CORRECT:
            return _in_its_base(right.value, given.value)
        if reason is not WRONG:
            verdict = reason
    return verdict


def compare_values(truth: Node, answer: Node, policy: Policy) -> Reason:
    if policy.tolerance is not None:
        return compare_near(truth, answer, policy.tolerance)
    return compare_scalars(truth, answer)


def compare_words(truth: Node, answer: Node, policy: Policy) -> Reason:
    right, given = word_of(truth), word_of(answer)
    if right is None or given is None:
        return WRONG
    if policy.letter_case == "ignore":
        right, given = right.casefold(), given.casefold()
    return CORRECT if right == given else WRONG


def word_of(node: Node) -> str | None:
    """A word, or letters that could be one: `\\text{ABC}` may be written ABC."""
    if isinstance(node, Word):
        return node.text
    if isinstance(node, Symbol):
        return node.name
    if isinstance(node, Constant) and len(node.name) == 1:
        return node.name
    if isinstance(node, Product):
        letters = [word_of(each) for each in node.factors if isinstance(each, (Symbol, Constant))]
        if len(letters) == len(node.factors) and all(each is not None and len(each) == 1 for each in letters):
            return "".join(each for each in letters if each)
    return None


def compare_ratios(truth: Call, answer: Node, policy: Policy) -> Reason:
    """1:2 is 2:4; but what could be a time of day (two digits behind the colon) is as it is written."""
    if not isinstance(answer, Call) or answer.name != "ratio" or len(answer.args) != len(truth.args):
        return WRONG
    written = in_order(truth.args, answer.args, within(policy))
    if written is CORRECT or any(_is_clock(each) for each in (truth, answer)):
        return written
    first = truth.args[0], answer.args[0]
    if any(exact(each) == 0 for each in first):
        return WRONG
    for mine, its in zip(truth.args[1:], answer.args[1:], strict=True):
        reason = compare_scalars(Product((mine, first[1])), Product((its, first[0])))
        if reason is not CORRECT:
            return reason
    return CORRECT


def _is_clock(node: Call) -> bool:
    return any(isinstance(each, Number) and len(each.text) == 2 for each in node.args[1:])


# --- many values ---


def compare_listing(truth: Listing, answer: Node, policy: Policy) -> Reason:
    named = each_named(answer)
    if named is not None and any(isinstance(each, Relation) for each in truth.items):
        answer = Listing(named, ",")
    if isinstance(answer, Relation) and answer.signs == ("in",):
        answer = answer.sides[1]
    if have_names(truth) and not (isinstance(answer, Listing) and isinstance(answer.items[0], Relation)):
        return compare_named(truth, answer, policy)
    if isinstance(answer, Bracketed):
        if are_bounds(truth):
            return compare_sets(truth, answer)
        if answer.left == "\\{":
            return _in_any_order(truth.items, _set_items(answer), policy, as_sets=True)
        return in_order(truth.items, answer.items, within(policy)) if policy.ordered else WRONG
    if not isinstance(answer, Listing):
        if all(isinstance(each, Relation) for each in truth.items):
            return compare_sets(truth, answer)
        return WRONG
    right, given = truth.items, answer.items
    if not any(isinstance(each, Relation) for each in right):
        values = common_values(given)
        if values is None:
            return WRONG
        given = values
    elif any(isinstance(each, Relation) and each.signs != ("=",) for each in right):
        return compare_sets(truth, answer)
    if policy.ordered or any(isinstance(each, Constant) and each.name == "dots" for each in (*right, *given)):
        return in_order(right, given, within(policy))
    return _in_any_order(right, given, policy)


def compare_named(truth: Listing, answer: Node, policy: Policy) -> Reason:
    """`x = 2, y = -1` and values without names: in the order of the truth, or as a tuple in that of the alphabet."""
    if isinstance(answer, Listing):
        return in_order(truth.items, answer.items, within(policy))
    values = values_by_name(truth.items)
    if isinstance(answer, Bracketed) and _shape(answer) == "()" and values is not None:
        return in_order(values, answer.items, within(policy))
    return WRONG


def compare_bracketed(truth: Bracketed, answer: Node, policy: Policy) -> Reason:
    if isinstance(answer, Listing):
        if truth.left == "\\{":
            values = common_values(answer.items)
            return WRONG if values is None else _in_any_order(_set_items(truth), values, policy, as_sets=True)
        if len(truth.items) == 2 and are_bounds(answer):
            return compare_sets(truth, answer)
        if truth.left == truth.right or (truth.left, truth.right) in (("(", ")"), ("\\langle", "\\rangle")):
            given = answer.items
            if any(isinstance(each, Relation) for each in given):
                named = values_by_name(given)
                if named is None:
                    return UNDECIDED
                given = named
            if policy.ordered is False:
                return _in_any_order(truth.items, given, policy)
            return in_order(truth.items, given, within(policy))
        return WRONG
    if isinstance(answer, Matrix):
        column = [row[0] for row in answer.rows if len(row) == 1]
        is_vector = truth.left in ("(", "\\langle") and truth.right in (")", "\\rangle")
        return in_order(truth.items, column, within(policy)) if is_vector and len(column) == len(answer.rows) else WRONG
    if not isinstance(answer, Bracketed):
        return compare_sets(truth, answer) if isinstance(answer, (Combined, Builder, Constant)) else WRONG
    if "\\{" in (truth.left, answer.left):
        if truth.left != answer.left:
            return compare_sets(truth, answer) if len(truth.items) == 2 else WRONG
        return _in_any_order(_set_items(truth), _set_items(answer), policy, as_sets=True)
    if len(truth.items) != len(answer.items):
        return WRONG
    if _shape(truth) != _shape(answer):
        return WRONG
    if policy.ordered is False:
        return _in_any_order(truth.items, answer.items, policy)
    return in_order(truth.items, answer.items, within(policy))


def _set_items(node: Bracketed) -> tuple[Node, ...]:
    return tuple(each for item in node.items for each in variants(item))


def _shape(node: Bracketed) -> str:
    """Brackets that mean the same: `<1, 2>` is (1, 2), and so is [1, 2, 3] (1, 2, 3), being no interval."""
    if node.left == "\\langle" or (len(node.items) > 2 and node.left + node.right in ("[]", "()")):
        return "()"
    return node.left + node.right


def compare_matrix(truth: Matrix, answer: Node, policy: Policy) -> Reason:
    if isinstance(answer, Bracketed) and len(truth.rows[0]) == 1 and _shape(answer) == "()":
        return in_order([row[0] for row in truth.rows], answer.items, within(policy))
    if isinstance(answer, Bracketed):
        answer = by_rows(answer)
    if not isinstance(answer, Matrix) or answer.kind != truth.kind or len(answer.rows) != len(truth.rows):
        return WRONG
    verdict = CORRECT
    for row, its in zip(truth.rows, answer.rows, strict=True):
        reason = in_order(row, its, within(policy))
        if reason is not CORRECT:
            verdict = reason if verdict is CORRECT else verdict
    return verdict


# --- sets and relations ---


def compare_sets(truth: Node, answer: Node) -> Reason:
    mine, its = subject_of(truth), subject_of(answer)
    if (
        mine is not None
        and its is not None
        and mine != its
        and not isinstance(truth, Builder)
        and not isinstance(answer, Builder)
    ):
        return WRONG
    try:
        return compare_pieces(pieces(truth), pieces(answer))
    except NoSet:
        return same_parts(truth, answer)


def subject_of(node: Node) -> str | None:
    """What a set is a set of: its variable, or the only symbol of a relation (`|x| < 2`)."""
    name = variable_of(node)
    if name is not None or not isinstance(node, Relation):
        return name
    names: set[str] = set()
    collect_symbols(node, names)
    return names.pop() if len(names) == 1 else None


def same_parts(truth: Node, answer: Node) -> Reason:
    """Sets that are no sets of real pieces: the same where they are built alike."""
    if isinstance(truth, Combined) and isinstance(answer, Combined) and truth.kind == answer.kind:
        parts = [compare_parts(one, other) for one, other in zip(truth.parts, answer.parts, strict=False)]
        if len(truth.parts) == len(answer.parts) and all(each is CORRECT for each in parts):
            return CORRECT
    return UNDECIDED


def compare_parts(one: Node, other: Node) -> Reason:
    if isinstance(one, Constant) and isinstance(other, Constant):
        return CORRECT if one.name == other.name else WRONG
    if isinstance(one, COLLECTIONS) and isinstance(other, COLLECTIONS):
        return compare_sets(one, other)
    return UNDECIDED


def compare_relation(truth: Relation, answer: Node, policy: Policy) -> Reason:
    if truth.signs == ("=",):
        named = named_value(truth)
        parts = each_named(truth) if isinstance(answer, Listing) else None
        if parts is not None:
            return compare_listing(Listing(parts, ","), answer, policy)
        if named is not None and is_solved(named):
            if not isinstance(answer, (Relation, Listing)):
                return _compare(settled(named.value), answer, policy)
            its = named_value(answer) if isinstance(answer, Relation) else None
            if its is None or its.name != named.name:
                return WRONG
            return _compare(settled(named.value), settled(its.value), policy)
        if named is not None and named.is_function and not isinstance(answer, Relation):
            return _compare(settled(named.value), answer, policy)
        if not isinstance(answer, Relation) or answer.signs != ("=",):
            return WRONG
        its = named_value(answer) if named is not None and named.is_function else None
        if named is not None and its is not None and its.name == named.name:
            return _compare(settled(named.value), settled(its.value), policy)
        return compare_equations(truth, answer)
    if isinstance(answer, Relation) and is_turned(truth, answer):
        answer = turned(answer)
    if isinstance(answer, Relation) and _is_single(truth) and _is_single(answer) and variable_of(truth) is None:
        return compare_inequalities(truth, answer)
    if "=" not in truth.signs and variable_of(truth) is not None:
        return compare_sets(truth, answer)
    if isinstance(answer, Relation) and answer.signs == truth.signs:
        return in_order(truth.sides, answer.sides, within(policy))
    return compare_sets(truth, answer) if "=" not in truth.signs else UNDECIDED


def _is_single(node: Relation) -> bool:
    return len(node.signs) == 1 and node.signs[0] in ("<", ">", "<=", ">=", "!=")
