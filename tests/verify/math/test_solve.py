"""Roots of polynomials, and the sets that they bound, against polynomials made from roots that are known."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.core.types import Reason
from assay.verify.math.number import exact
from assay.verify.math.parse import parse
from assay.verify.math.pieces import NoSet, compare_pieces
from assay.verify.math.sets import pieces
from assay.verify.math.solve import NoRoots, coefficients, real_roots

FRACTIONS = st.fractions(min_value=-5, max_value=5, max_denominator=2)  # few enough candidates to be tried


@given(st.lists(FRACTIONS, min_size=1, max_size=4), st.integers(min_value=-3, max_value=3).filter(bool))
def test_the_roots_that_a_polynomial_was_made_of_are_found(roots: list[Fraction], lead: int) -> None:
    text = f"({lead})" + "".join(f"(x - ({root}))" for root in roots)
    found = {exact(root): times for root, times in real_roots(coefficients(parse(text), "x"))}
    assert found == {root: roots.count(root) for root in roots}


@given(st.lists(FRACTIONS, min_size=1, max_size=4), st.sampled_from(["<", "<=", ">", ">="]), FRACTIONS)
def test_a_set_holds_what_its_condition_does(roots: list[Fraction], sign: str, at: Fraction) -> None:
    text = "".join(f"(x - ({root}))" for root in roots)
    found = pieces(parse(f"\\{{x : {text} {sign} 0\\}}"))
    value = Fraction(1)
    for root in roots:
        value *= at - root
    holds = {"<": value < 0, "<=": value <= 0, ">": value > 0, ">=": value >= 0}[sign]
    inside = False
    for piece in found:
        low, high = exact(piece.low), exact(piece.high)
        above = low is None or at > low or (at == low and piece.low_closed)
        below = high is None or at < high or (at == high and piece.high_closed)
        inside = inside or (above and below)
    assert inside is holds


@pytest.mark.parametrize(
    ("builder", "interval"),
    [
        (r"\{x : x^2 < 5\}", r"(-\sqrt5, \sqrt5)"),
        (r"\{x : x^2 - 2x - 1 \ge 0\}", r"(-\infty, 1-\sqrt2] \cup [1+\sqrt2, \infty)"),
        (r"\{x \in [0, 10] : x^2 = 5\}", r"\{\sqrt5\}"),
        (r"\{x : x^2 + 1 > 0\}", r"(-\infty, \infty)"),
        (r"\{n \in \mathbb{Z} : n^2 \le 5\}", None),
    ],
)
def test_irrational_ends(builder: str, interval: str | None) -> None:
    if interval is None:  # integers between ends that are no fractions are not counted
        with pytest.raises(NoSet):
            pieces(parse(builder))
    else:
        assert compare_pieces(pieces(parse(builder)), pieces(parse(interval))) is Reason.CORRECT


@pytest.mark.parametrize(
    "text", ["x^3-2", "x^9", r"\sqrt{x}-1", r"\sin x", "x^2-y", r"\frac{1}{x}-1", "100003x^3-x-100019"]
)
def test_what_is_not_worked_out(text: str) -> None:
    with pytest.raises(NoRoots):
        real_roots(coefficients(parse(text), "x"))
