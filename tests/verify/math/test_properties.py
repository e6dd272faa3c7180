"""Whatever is generated: an expression and its rewritings agree, and near misses do not.

Values are computed here, by Fractions and by counting, never by the verifier under test.
"""

from __future__ import annotations

import random
from fractions import Fraction
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assay.core.types import Outcome, Verdict
from assay.verify.base import judge

COMMON = settings(max_examples=150, deadline=None, derandomize=True)
FEWER = settings(COMMON, max_examples=60)


def boxed(answer: str) -> str:
    return f"So it is\n\n\\boxed{{{answer}}}"


def verdict_on(truth: Any, answer: str) -> Verdict:
    return judge("math", truth, boxed(answer))


def must_pass(truth: str, answer: str) -> None:
    verdict = verdict_on(truth, answer)
    assert verdict.is_pass, (truth, answer, verdict.reason, dict(verdict.evidence))


def must_fail(truth: str, answer: str) -> None:
    verdict = verdict_on(truth, answer)
    assert verdict.outcome is Outcome.FAIL, (truth, answer, verdict.reason, dict(verdict.evidence))


# Rational numbers, in every dress


def plain(value: Fraction) -> str:
    """One way to write it, for truths."""
    if value.denominator == 1:
        return str(value.numerator)
    sign = "-" if value < 0 else ""
    return f"{sign}\\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


def decimal(value: Fraction) -> str | None:
    """Its finite decimal, where it has one of at most 30 places."""
    for places in range(31):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
            sign = "-" if value < 0 else ""
            return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
    return None


def repeating(value: Fraction) -> str:
    """Its decimal, with a bar over the period, by long division."""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value.numerator), value.denominator)
    digits, seen = "", dict[int, int]()
    while rest and rest not in seen:
        seen[rest] = len(digits)
        digit, rest = divmod(rest * 10, value.denominator)
        digits += str(digit)
    if not rest:
        return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
    start = seen[rest]
    return f"{sign}{whole}.{digits[:start]}\\overline{{{digits[start:]}}}"


def dressed(value: Fraction, pick: random.Random) -> str:
    """The number in a form drawn by `pick`."""
    top, bottom = abs(value.numerator), value.denominator
    sign = "-" if value < 0 else ""
    scale = pick.randint(2, 9)
    forms = [
        f"{sign}\\frac{{{top}}}{{{bottom}}}",
        f"{sign}\\dfrac{{{top}}}{{{bottom}}}",
        f"\\frac{{{value.numerator}}}{{{bottom}}}",
        f"\\frac{{{-value.numerator}}}{{{-bottom}}}",
        f"{sign}{top}/{bottom}",
        f"{sign}\\tfrac{{{top * scale}}}{{{bottom * scale}}}",
        f"{plain(value - scale)} + {scale}",
        f"{scale} \\cdot \\frac{{{value.numerator}}}{{{bottom * scale}}}",
        f"({plain(value * scale)}) \\div {scale}",
        f"\\left({plain(value)}\\right)",
        f"${plain(value)}$",
    ]
    if top > bottom > 1:
        forms.append(f"{sign}{top // bottom}\\frac{{{top % bottom}}}{{{bottom}}}")
    if bottom < 60:
        forms.append(repeating(value))
    exact = decimal(value)
    if exact is not None:
        forms += [exact, exact + ("0" if "." in exact else ".0")]
    if bottom == 1 and top >= 1000:
        forms += [f"{value.numerator:,}", f"{value.numerator:,}".replace(",", pick.choice(["{,}", "\\,", " ", ",\\!"]))]
    return pick.choice(forms)


rationals = st.builds(Fraction, st.integers(-(10**6), 10**6), st.integers(1, 999))
integers = st.integers(-(10**40), 10**40)


@COMMON
@given(rationals, st.randoms(use_true_random=False))
def test_a_number_meets_itself_in_any_dress(value: Fraction, pick: random.Random) -> None:
    must_pass(dressed(value, pick), dressed(value, pick))


@COMMON
@given(rationals, st.randoms(use_true_random=False), st.integers(1, 10**12))
def test_a_near_number_is_refused_in_any_dress(value: Fraction, pick: random.Random, scale: int) -> None:
    off = pick.choice([value + Fraction(1, scale), value - Fraction(1, scale), -value, value * 10])
    if value != 0:
        off = pick.choice([off, 1 / value])
    assume(off != value)
    must_fail(dressed(value, pick), dressed(off, pick))


@COMMON
@given(integers, st.sampled_from(["{,}", ",", "\\,", " ", ",\\!", ""]))
def test_integers_are_exact_whatever_the_separators(value: int, separator: str) -> None:
    written = f"{value:,}".replace(",", separator)
    must_pass(str(value), written)
    must_fail(str(value + 1), written)
    must_fail(str(-value - 1), written)


# Arithmetic: a random tree, its exact value, and two ways to write it

Tree = Any  # an int, or (sign, left, right)


def trees(depth: int = 4) -> st.SearchStrategy[Tree]:
    leaf = st.integers(0, 30)
    return st.recursive(leaf, lambda inner: st.tuples(st.sampled_from("+-*/^"), inner, inner), max_leaves=2**depth)


def value_of(tree: Tree) -> Fraction | None:
    """None where it is undefined or too large for this test."""
    if isinstance(tree, int):
        return Fraction(tree)
    sign, left, right = tree[0], value_of(tree[1]), value_of(tree[2])
    if left is None or right is None:
        return None
    if sign == "+":
        made = left + right
    elif sign == "-":
        made = left - right
    elif sign == "*":
        made = left * right
    elif sign == "/":
        if right == 0:
            return None
        made = left / right
    else:
        if right.denominator != 1 or abs(right) > 6 or (left == 0 and right <= 0):
            return None
        made = left ** int(right)
    return made if max(abs(made.numerator), made.denominator) < 10**60 else None


def written(tree: Tree, pick: random.Random) -> str:
    """With brackets wherever they could be needed, and elsewhere at will."""
    if isinstance(tree, int):
        return pick.choice([str(tree), f"{{{tree}}}", f" {tree} "])
    sign, left, right = tree[0], written(tree[1], pick), written(tree[2], pick)
    opening, closing = pick.choice([("(", ")"), (r"\left(", r"\right)"), (r"\bigl(", r"\bigr)")])
    if sign == "/" and pick.random() < 0.7:
        return rf"\{pick.choice(['frac', 'dfrac', 'tfrac'])}{{{left}}}{{{right}}}"
    if sign == "^":
        return f"{opening}{left}{closing}^{{{right}}}"
    mark = {"*": pick.choice([r"\cdot", r"\times ", "*"]), "/": pick.choice(["/", r"\div "])}.get(sign, sign)
    left = left if isinstance(tree[1], int) else f"{opening}{left}{closing}"
    right = right if isinstance(tree[2], int) else f"{opening}{right}{closing}"
    return f"{left}{mark} {right}"


@COMMON
@given(trees(), st.randoms(use_true_random=False))
def test_arithmetic_is_computed_exactly(tree: Tree, pick: random.Random) -> None:
    value = value_of(tree)
    assume(value is not None)
    assert value is not None
    must_pass(plain(value), written(tree, pick))
    must_pass(written(tree, pick), written(tree, pick))
    must_fail(plain(value + Fraction(1, 10**30)), written(tree, pick))
    must_fail(written(tree, pick), plain(value + pick.choice([1, -1])))


# Radicals, with exactly known values


@COMMON
@given(
    st.integers(-50, 50),
    st.integers(1, 30),
    st.sampled_from([2, 3, 5, 6, 7, 10, 11, 13]),
    st.randoms(use_true_random=False),
)
def test_quadratic_surds(whole: int, factor: int, radicand: int, pick: random.Random) -> None:
    def forms(a: int, b: int, c: int) -> list[str]:
        sign = "+" if b > 0 else "-"
        lead = "" if abs(b) == 1 else str(abs(b))
        return [
            rf"{a}{sign}{lead}\sqrt{{{c}}}",
            rf"{b}\sqrt{{{c}}}+({a})",
            rf"{a} {sign} \sqrt{{{b * b * c}}}",
            rf"{a}{sign}{abs(b)}*sqrt({c})",
            rf"\frac{{{2 * a} {sign} {2 * abs(b)}\sqrt{{{c}}}}}{{2}}",
            rf"{a}{sign}\frac{{{abs(b) * c}}}{{\sqrt{{{c}}}}}",
        ]

    truth = pick.choice(forms(whole, factor, radicand))
    for form in forms(whole, factor, radicand):
        must_pass(truth, form)
    for near in (
        (whole, -factor, radicand),
        (whole + 1, factor, radicand),
        (whole, factor + 1, radicand),
        (whole, factor, radicand + 13),
    ):
        must_fail(truth, pick.choice(forms(*near)))
    must_fail(truth, f"{whole + factor * radicand**0.5:.15f}")


# Polynomials: coefficients known


def polynomial(coefficients: list[int], letter: str, pick: random.Random) -> str:
    terms = [(power, c) for power, c in enumerate(coefficients) if c] or [(0, 0)]
    pick.shuffle(terms)
    made = ""
    for power, c in terms:
        body = {0: "", 1: letter}.get(power, f"{letter}^{{{power}}}" if pick.random() < 0.7 else f"{letter}**{power}")
        size = str(abs(c)) if abs(c) != 1 or not body else ""
        made += f"{'-' if c < 0 else '+'} {size}{body} "
    return made.removeprefix("+ ")


def from_roots(roots: list[int]) -> list[int]:
    made = [1]
    for root in roots:
        shifted = [0, *made]
        made = [high - root * low for high, low in zip(shifted, [*made, 0], strict=True)]
    return made


@COMMON
@given(
    st.lists(st.integers(-9, 9), min_size=2, max_size=6),
    st.sampled_from("xyanktz"),
    st.randoms(use_true_random=False),
    st.data(),
)
def test_polynomials_in_any_arrangement(
    coefficients: list[int], letter: str, pick: random.Random, data: st.DataObject
) -> None:
    assume(any(coefficients[1:]))
    truth = polynomial(coefficients, letter, pick)
    must_pass(truth, polynomial(coefficients, letter, pick))
    at = data.draw(st.integers(0, len(coefficients) - 1))
    near = list(coefficients)
    near[at] += pick.choice([1, -1])
    must_fail(truth, polynomial(near, letter, pick))
    must_fail(truth, polynomial(coefficients, letter.upper(), pick))


@FEWER
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_factored_polynomials_meet_their_expansion(roots: list[int], pick: random.Random) -> None:
    shuffled = pick.sample(roots, len(roots))
    factored = "".join(f"(x{-root:+d})" if root else "(x)" for root in shuffled)
    coefficients = from_roots(roots)
    must_pass(polynomial(coefficients, "x", pick), factored)
    near = [coefficients[0] + 1, *coefficients[1:]]
    must_fail(polynomial(near, "x", pick), factored)
    must_fail(factored, factored.replace("x", "y"))


# Collections


@COMMON
@given(st.lists(rationals, min_size=2, max_size=6, unique=True), st.randoms(use_true_random=False))
def test_sets_have_no_order_and_tuples_have(values: list[Fraction], pick: random.Random) -> None:
    forms = [plain(value) for value in values]
    shuffled = pick.sample(values, len(values))
    dressed_set = r"\{" + ", ".join(f"{plain(v)}" for v in shuffled) + r"\}"
    listing = "; ".join(plain(v) for v in shuffled)
    must_pass(r"\{" + ", ".join(forms) + r"\}", dressed_set)
    must_pass(", ".join(forms), listing)
    must_pass(", ".join(forms), dressed_set)
    must_pass(f"({', '.join(forms)})", f"({', '.join(plain(v) for v in values)})")
    if shuffled != values:
        must_fail(f"({', '.join(forms)})", f"({', '.join(plain(v) for v in shuffled)})")
    lost = values[:-1]
    more = [*values, max(values) + 1]
    for other in (lost, more, [*lost, values[-1] + Fraction(1, 7)]):
        if set(other) != set(values):
            must_fail(r"\{" + ", ".join(forms) + r"\}", r"\{" + ", ".join(plain(v) for v in other) + r"\}")
            must_fail(f"({', '.join(forms)})", f"({', '.join(plain(v) for v in other)})")


@COMMON
@given(rationals, rationals, st.sampled_from("(["), st.sampled_from(")]"))
def test_intervals_count_their_ends(low: Fraction, high: Fraction, left: str, right: str) -> None:
    assume(low < high)
    truth = f"{left}{plain(low)}, {plain(high)}{right}"
    signs = "<" if left == "(" else r"\le", "<" if right == ")" else r"\le"
    must_pass(truth, rf"\left{left} {plain(low)} , {plain(high)} \right{right}")
    must_pass(truth, f"{plain(low)} {signs[0]} x {signs[1]} {plain(high)}")
    other_left, other_right = "[" if left == "(" else "(", "]" if right == ")" else ")"
    must_fail(truth, f"{other_left}{plain(low)}, {plain(high)}{right}")
    must_fail(truth, f"{left}{plain(low)}, {plain(high)}{other_right}")
    must_fail(truth, f"{left}{plain(low)}, {plain(high + 1)}{right}")
    must_fail(truth, f"{left}{plain(high)}, {plain(low)}{right}")


@FEWER
@given(st.lists(st.lists(rationals, min_size=2, max_size=3), min_size=2, max_size=3), st.sampled_from("bp"))
def test_matrices_count_rows_and_columns(rows: list[list[Fraction]], brackets: str) -> None:
    width = min(map(len, rows))
    rows = [row[:width] for row in rows]

    def matrix(cells: list[list[Fraction]], kind: str) -> str:
        body = r" \\ ".join(" & ".join(map(plain, row)) for row in cells)
        return rf"\begin{{{kind}matrix}} {body} \end{{{kind}matrix}}"

    must_pass(matrix(rows, "p"), matrix(rows, brackets))
    near = [list(row) for row in rows]
    near[-1][-1] += Fraction(1, 1000)
    must_fail(matrix(rows, "p"), matrix(near, brackets))
    turned = [list(column) for column in zip(*rows, strict=True)]
    if turned != rows:
        must_fail(matrix(rows, "p"), matrix(turned, brackets))


@FEWER
@given(st.integers(-20, 20), st.integers(-20, 20), st.integers(-20, 20), st.integers(2, 9))
def test_lines_scale_and_rearrange(a: int, b: int, c: int, scale: int) -> None:
    assume(a and b)
    truth = f"{a}x + ({b})y = {c}"
    must_pass(truth, f"{a * scale}x + ({b * scale})y = {c * scale}")
    must_pass(truth, f"{-a}x - ({b})y + {c} = 0".replace("+ -", "- "))
    must_pass(truth, rf"y = \frac{{{c} - ({a})x}}{{{b}}}")
    must_fail(truth, f"{a}x + ({b})y = {c + 1}")
    must_fail(truth, f"{a}x - ({b})y = {c}")
    must_fail(truth, "0 = 0")
    must_fail(truth, f"({a}x + ({b})y - ({c}))(x-1) = 0")
