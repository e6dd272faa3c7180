"""Are two readings the same answer? By type. Only a proof or agreeing evidence is CORRECT; doubt is UNDECIDED.

Bare lists and sets have no order, tuples have; a bare list may answer a tuple in its order. Intervals, unions, inequalities
and set-builders are compared as sets of numbers (sets.py), equations by relations.py, single values by scalar.py after their
units have met (units.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.core.types import Reason
from assay.verify.math.near import compare_near
from assay.verify.math.number import Exact, exact
from assay.verify.math.policy import Policy
from assay.verify.math.relations import compare_equations, compare_inequalities, is_solved, named_value
from assay.verify.math.scalar import compare_scalars
from assay.verify.math.sets import NoSet, compare_pieces, pieces, variable_of
from assay.verify.math.tree import (
    Bracketed,
    Builder,
    Call,
    Combined,
    Constant,
    Listing,
    Matrix,
    Negative,
    Node,
    Number,
    Product,
    Quotient,
    Relation,
    Symbol,
    TooLarge,
    Word,
)
from assay.verify.math.units import letters_of, meetings, scaled, split
from assay.verify.math.variants import has_either, variants

MOST_MATCHED = 64  # items of a list that are not plain numbers
COLLECTIONS = (Listing, Bracketed, Combined, Builder, Matrix, Relation)
NAMES = ("emptyset", "undefined", "none", "reals", "integers", "naturals", "rationals", "complex", "dots")

CORRECT, WRONG, UNDECIDED = Reason.CORRECT, Reason.WRONG_VALUE, Reason.UNDECIDED


def compare(truth: Node, answer: Node, policy: Policy) -> Reason:
    """CORRECT, WRONG_VALUE, WRONG_UNIT or UNDECIDED. Raises TooLarge."""
    if type(truth) is Number and type(answer) is Number and policy.tolerance is None:
        return CORRECT if truth.value == answer.value else WRONG
    return _compare(settled(truth), settled(answer), policy)


def settled(node: Node) -> Node:
    r"""`1 \pm 2` as the list it stands for, `x = 3, -2` as a list of values, a scaled matrix as a matrix."""
    if isinstance(node, Listing):
        items: list[Node] = []
        for item in node.items:
            items += [item] if isinstance(item, (Relation, Bracketed)) and not _is_named(item) else variants(item)
        first = items[0]
        if isinstance(first, Relation) and not any(isinstance(each, Relation) for each in items[1:]):
            named = named_value(first)
            if named is not None and is_solved(named):
                items[0] = named.value
        return Listing(tuple(items), node.joiner)
    if isinstance(node, (Product, Negative, Quotient)):
        return as_matrix(node) or _as_listing(node)
    if isinstance(node, COLLECTIONS) and not isinstance(node, Relation):
        return node
    return _as_listing(node)


def _is_named(node: Node) -> bool:
    return isinstance(node, Relation) and named_value(node) is not None


def _as_listing(node: Node) -> Node:
    if isinstance(node, Relation):
        if node.signs != ("=",) or not has_either(node):
            return node
        return Listing(tuple(variants(node)), ",") if named_value(node) is not None else node
    found = variants(node)
    return found[0] if len(found) == 1 else Listing(tuple(found), ",")


def as_matrix(node: Node) -> Matrix | None:
    """A matrix times scalars, multiplied out."""
    if isinstance(node, Matrix):
        return node if node.kind == "matrix" else None
    if isinstance(node, Negative):
        inner = as_matrix(node.of)
        return inner and Matrix(tuple(tuple(Negative(cell) for cell in row) for row in inner.rows), inner.kind)
    if isinstance(node, Quotient):
        inner = as_matrix(node.top)
        return inner and Matrix(
            tuple(tuple(Quotient(cell, node.bottom) for cell in row) for row in inner.rows), inner.kind
        )
    if isinstance(node, Product):
        found = [as_matrix(each) for each in node.factors]
        if sum(each is not None for each in found) != 1:
            return None
        inner = next(each for each in found if each is not None)
        rest = tuple(each for each, matrix in zip(node.factors, found, strict=True) if matrix is None)
        return Matrix(tuple(tuple(Product((*rest, cell)) for cell in row) for row in inner.rows), inner.kind)
    return None


def _compare(truth: Node, answer: Node, policy: Policy) -> Reason:
    if isinstance(truth, Relation):
        return compare_relation(truth, answer, policy)
    if isinstance(truth, Word) or isinstance(answer, Word):
        return compare_words(truth, answer, policy)
    if isinstance(truth, Listing):
        return compare_listing(truth, answer, policy)
    if isinstance(answer, Relation):
        named = named_value(answer)
        if named is not None and not (isinstance(truth, (Combined, Builder))):
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
            return reason
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
    written = _in_order(truth.args, answer.args, policy)
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
    if isinstance(answer, Relation) and answer.signs == ("in",):
        answer = answer.sides[1]
    if isinstance(answer, Bracketed):
        if answer.left == "\\{":
            return _in_any_order(truth.items, _set_items(answer), policy, as_sets=True)
        return _in_order(truth.items, answer.items, policy) if policy.ordered else WRONG
    if not isinstance(answer, Listing):
        if all(isinstance(each, Relation) for each in truth.items):
            return compare_sets(truth, answer)
        return WRONG
    right, given = truth.items, answer.items
    if not any(isinstance(each, Relation) for each in right):
        values = _common_values(given)
        if values is None:
            return WRONG
        given = values
    elif any(isinstance(each, Relation) and each.signs != ("=",) for each in right):
        return compare_sets(truth, answer)
    if policy.ordered or any(isinstance(each, Constant) and each.name == "dots" for each in (*right, *given)):
        return _in_order(right, given, policy)
    return _in_any_order(right, given, policy)


def _common_values(items: tuple[Node, ...]) -> tuple[Node, ...] | None:
    """`x = 3, x = -2` as its values, when all have one name; plain values as they are."""
    named = [named_value(each) if isinstance(each, Relation) else None for each in items]
    if not any(isinstance(each, Relation) for each in items):
        return items
    if any(each is None for each in named) or len({each.name for each in named if each}) != 1:
        return None
    return tuple(each.value for each in named if each)


def compare_bracketed(truth: Bracketed, answer: Node, policy: Policy) -> Reason:
    if isinstance(answer, Listing):
        if truth.left == "\\{":
            values = _common_values(answer.items)
            return WRONG if values is None else _in_any_order(_set_items(truth), values, policy, as_sets=True)
        if truth.left == truth.right or (truth.left, truth.right) in (("(", ")"), ("\\langle", "\\rangle")):
            if any(isinstance(each, Relation) for each in answer.items):
                return compare_sets(truth, answer) if len(truth.items) == 2 else WRONG
            ordered = policy.ordered is not False
            return (
                _in_order(truth.items, answer.items, policy)
                if ordered
                else _in_any_order(truth.items, answer.items, policy)
            )
        return WRONG
    if isinstance(answer, Matrix):
        column = [row[0] for row in answer.rows if len(row) == 1]
        is_vector = truth.left in ("(", "\\langle") and truth.right in (")", "\\rangle")
        return _in_order(truth.items, column, policy) if is_vector and len(column) == len(answer.rows) else WRONG
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
    return _in_order(truth.items, answer.items, policy)


def _set_items(node: Bracketed) -> tuple[Node, ...]:
    return tuple(each for item in node.items for each in variants(item))


def _shape(node: Bracketed) -> str:
    """Brackets that mean the same: `<1, 2>` is (1, 2), and so is [1, 2, 3] (1, 2, 3), being no interval."""
    if node.left == "\\langle" or (len(node.items) > 2 and node.left + node.right in ("[]", "()")):
        return "()"
    return node.left + node.right


def compare_matrix(truth: Matrix, answer: Node, policy: Policy) -> Reason:
    if isinstance(answer, Bracketed) and len(truth.rows[0]) == 1 and _shape(answer) == "()":
        return _in_order([row[0] for row in truth.rows], answer.items, policy)
    if not isinstance(answer, Matrix) or answer.kind != truth.kind or len(answer.rows) != len(truth.rows):
        return WRONG
    verdict = CORRECT
    for row, its in zip(truth.rows, answer.rows, strict=True):
        reason = _in_order(row, its, policy)
        if reason is not CORRECT:
            verdict = reason if verdict is CORRECT else verdict
    return verdict


def _in_order(truth: Sequence[Node], answer: Sequence[Node], policy: Policy) -> Reason:
    if len(truth) != len(answer):
        return WRONG
    verdict = CORRECT
    for one, other in zip(truth, answer, strict=True):
        if isinstance(other, Relation) and not isinstance(one, Relation):
            return WRONG
        reason = compare(one, other, policy)
        if reason in (WRONG, Reason.WRONG_UNIT):
            return reason
        if reason is not CORRECT:
            verdict = reason
    return verdict


def _in_any_order(truth: Sequence[Node], answer: Sequence[Node], policy: Policy, as_sets: bool = False) -> Reason:
    """Each has its partner: plain numbers by counting, the rest by trying."""
    if as_sets:
        truth, answer = _without_repeats(truth, policy), _without_repeats(answer, policy)
    if len(truth) != len(answer):
        return WRONG
    left = list(answer)
    verdict = WRONG
    if policy.tolerance is None:
        plain = sorted(value for each in truth if (value := _plain(each)) is not None)
        if plain != sorted(value for each in left if (value := _plain(each)) is not None):
            if all(_plain(each) is not None for each in (*truth, *left)):
                return WRONG
        else:
            truth = [each for each in truth if _plain(each) is None]
            left = [each for each in left if _plain(each) is None]
    if len(truth) > MOST_MATCHED:
        raise TooLarge(f"a list of more than {MOST_MATCHED} expressions without order")
    for one in truth:
        for index, other in enumerate(left):
            reason = compare(one, other, policy)
            if reason is CORRECT:
                del left[index]
                break
            if reason is UNDECIDED:
                verdict = reason
        else:
            return verdict
    return CORRECT


def _plain(node: Node) -> Exact | None:
    return exact(node) if not isinstance(node, COLLECTIONS) else None


def _without_repeats(items: Sequence[Node], policy: Policy) -> list[Node]:
    if len(items) > MOST_MATCHED:
        return list(items)
    kept: list[Node] = []
    for each in items:
        if not any(compare(each, other, policy) is CORRECT for other in kept):
            kept.append(each)
    return kept


# --- sets and relations ---


def compare_sets(truth: Node, answer: Node) -> Reason:
    mine, its = variable_of(truth), variable_of(answer)
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
        return compare_equations(truth, answer)
    if isinstance(answer, Relation) and _is_single(truth) and _is_single(answer) and variable_of(truth) is None:
        return compare_inequalities(truth, answer)
    if "=" not in truth.signs and variable_of(truth) is not None:
        return compare_sets(truth, answer)
    if isinstance(answer, Relation) and answer.signs == truth.signs:
        return _in_order(truth.sides, answer.sides, policy)
    return UNDECIDED


def _is_single(node: Relation) -> bool:
    return len(node.signs) == 1 and node.signs[0] in ("<", ">", "<=", ">=", "!=")
