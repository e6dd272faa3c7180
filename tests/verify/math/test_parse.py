"""How texts are read, and what is refused because it has two readings or none."""

from __future__ import annotations

from fractions import Fraction

import pytest

from assay.verify.math.number import exact
from assay.verify.math.parse import parse
from assay.verify.math.render import render
from assay.verify.math.tree import TooLarge, Unreadable


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0042", 42),
        ("-7", -7),
        ("1,234,567", 1234567),
        (r"1{,}000", 1000),
        (r"10,\!080", 10080),
        (r"1\,000", 1000),
        ("1 000 000", 1000000),
        (".5", Fraction(1, 2)),
        (r"\frac12", Fraction(1, 2)),
        (r"\frac 59", Fraction(5, 9)),
        (r"\frac9{19}", Fraction(9, 19)),
        (r"\tfrac{-1}{2}", Fraction(-1, 2)),
        (r"1\frac{4}{5}", Fraction(9, 5)),
        (r"-1\frac12", Fraction(-3, 2)),
        ("137 1/2", Fraction(275, 2)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        ("204_5", 54),
        (r"\text{1A}_{16}", 26),
        ("3e8", 300000000),
        ("1.5e-2", Fraction(3, 200)),
        ("-2^2", -4),
        ("2^{-3}", Fraction(1, 8)),
        ("2**3", 8),
        (r"\sqrt{49}", 7),
        (r"\sqrt[3]{-8}", -2),
        ("8^{1/3}", 2),
        (r"5!/(3!\,2!)", 10),
        (r"\binom{5}{2}", 10),
        (r"C_5^2", 10),
        (r"|3-5|", 2),
        (r"\lfloor -1/2 \rfloor", -1),
        ("6/2*3", 9),
        ("(1+2)(3+4)", 21),
        ("1-2-3", -4),
    ],
)
def test_exact_values(text: str, value: int | Fraction) -> None:
    assert exact(parse(text)) == value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("xy", "x*y"),
        ("2x^2", "2*x^2"),
        (r"\sin 2x \cos x", "sin(2*x)*cos(x)"),
        (r"\sin^2 x", "sin(x)^2"),
        (r"\sin^{-1} x", "arcsin(x)"),
        (r"\log_2 8", "log(8, 2)"),
        (r"\ln 2/\ln 3", "ln(2)/ln(3)"),
        ("1,200", "1200"),
        ("(1,200)", "(1, 200)"),
        ("3, 4", "list of 3, 4"),
        (r"(2, \infty)", "(2, inf)"),
        (r"\text{East}", '"East"'),
        ("no solution", "emptyset"),
        (r"5\text{ m/s}^2", "5*[meter]/([second]^2)"),
        (r"90^\circ", "90*[degree]"),
        (r"1 \pm \sqrt{2}", "1 ± sqrt(2)"),
        (r"\sum_{i=1}^{n} i", "sum(i, i=1..n)"),
        (r"\{x \mid x > 3\}", "{x : x > 3}"),
        (r"2\frac{x}{3}", "2*x/3"),
        ("e^x + i", "e^x + i"),
    ],
)
def test_readings(text: str, shown: str) -> None:
    assert render(parse(text)).replace("(x/3)", "x/3") == shown


@pytest.mark.parametrize(
    "text",
    ["1/2x", r"\sqrt12", r"\sin x/2", r"2\frac53", "12 34", "1 2", "x 2", "2^3^2", "", "(", "(1,2", "1)", r"\frac{1}", "5!!",
     "5 or", "= 5", "x =", r"\begin{cases} 1 \\ 2 \end{cases}", r"\begin{pmatrix} 1 & 2 \\ 3 \end{pmatrix}", "29_8", "٥", "５",
     r"\unknown{5}", "the answer is 5", "5 6", r"1\quad 234", "5 @ 6", r"\int x dx", "||", "()", r"\frac{}{2}", "cm 5",
     "10_{17}", "10_1", "1{2}", "2{x+1}", "{2x}^2", "-{x+1}", r"1\textbf{2}", "{2/3}^2", r"0.1\dot{6}7", r"\angle 5", "]0,1", "{}_5D_2", r"0.\overline{3}\overline{6}"],
)  # fmt: skip
def test_what_is_not_read(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50 + "1" + ")" * 50,
        "-" * 500 + "1",
        r"\sqrt" * 200 + "2",
        "7" * 5000,
        "x+" * 9000 + "1",
        "1+" * 4000 + "1",
    ],
)
def test_limits_come_first(text: str) -> None:
    with pytest.raises(TooLarge):
        parse(text)


def test_a_long_sum_is_not_a_deep_one() -> None:
    assert len(render(parse("+".join(["x"] * 60))).split(" + ")) == 60


@pytest.mark.parametrize(
    "text", ["9^{9^{9^9}}", "(((9!)!)!)!", r"\binom{10^9}{10^8}", "2^{10^6}", r"\frac{1}{10^{99999}}"]
)
def test_nothing_large_is_computed(text: str) -> None:
    with pytest.raises(TooLarge):
        exact(parse(text))


def test_a_decimal_comma() -> None:
    assert exact(parse("1.234,5", "de")) == Fraction(2469, 2)
    assert exact(parse("1.000", "de")) == 1000
    assert render(parse("3,5; 2", "de")) == "list of 7/2, 2"
    with pytest.raises(Unreadable):
        parse("3.5", "de")
