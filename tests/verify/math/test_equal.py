"""Equality by type, with no policy in force: proofs and evidence, in both directions."""

from __future__ import annotations

import pytest

from assay.core.types import Outcome, Reason
from assay.verify.base import judge

SCALARS_ALIKE = [
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt2}"),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    (r"\sqrt{5+2\sqrt6}", r"\sqrt2+\sqrt3"),
    (r"\sqrt[3]{2}\cdot\sqrt[3]{4}", "2"),
    (r"\frac{\pi}{4}", r"45^\circ"),
    (r"e^{i\pi}", "-1"),
    ("6+9i", "9 i + 6"),
    ("(1+i)^8", "16"),
    (r"\cos\frac{\pi}{7}-\cos\frac{2\pi}{7}+\cos\frac{3\pi}{7}", r"\frac12"),
    (r"\log_2 3", r"\frac{\ln 3}{\ln 2}"),
    ("(x+1)^2", "x^2+2x+1"),
    (r"\frac{x^2-1}{x-1}", "x+1"),
    (r"\frac{1}{\sqrt{x}+1}", r"\frac{\sqrt{x}-1}{x-1}"),
    (r"\sqrt{x^2}", "|x|"),
    (r"\cot x", r"\frac{\cos x}{\sin x}"),
    ("C_n^3", r"\frac{n(n-1)(n-2)}{6}"),
    (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
    ("(-1)^n", r"\cos(n\pi)"),
    ("2^{x+y}", r"2^x \cdot 2^y"),
    ("x^{1/3}", r"\sqrt[3]{x}"),
]
SCALARS_APART = [
    (r"\frac{1}{2004!}", r"\frac{1}{2006!}"),
    ("2^{-99}", "2^{-98}"),
    (r"1-\frac{1}{e}", r"1+\frac{1}{e}"),
    ("0.5", "0.5000001"),
    (r"\frac13", "0.333333"),
    (r"\sqrt{1+10^{-300}}", "1"),
    (r"\ln(1+10^{-300})", "10^{-300}"),
    (r"\cos(10^{-100})", "1"),
    ("x+10^{-99}", "x"),
    (r"\sqrt{x+10^{-99}}", r"\sqrt{x}"),
    (r"e^{\pi\sqrt{163}}", "262537412640768744"),
    (r"\frac{355}{113}", r"\pi"),
    (r"\ln x^2", r"2\ln x"),
    (r"\sqrt{x^2}", "x"),
    ("|ab|", "ab"),
    (r"\lfloor x \rfloor + 1", r"\lceil x \rceil"),
    (r"\ln 2", r"\log 2"),
    (r"\log 100", "2"),
    ("2^{2305843009213693950}", "1"),  # Fermat's little theorem modulo 2^61-1
    ("x^{170141183460469231731687303715884105727}", "x"),  # and modulo 2^127-1
    ("7", r"7\%"),
    ("10", "10i"),
    ("x", "X"),
    ("f(2x)", "2f(x)"),
    ("5", r"5+\tan\frac{\pi}{2}-\tan\frac{\pi}{2}"),
]


def outcome(truth: object, answer: str) -> Outcome:
    return judge("math", truth, f"so \\boxed{{{answer}}}").outcome


@pytest.mark.parametrize(("left", "right"), SCALARS_ALIKE)
def test_equal_values_both_ways(left: str, right: str) -> None:
    assert outcome(left, right) is Outcome.PASS
    assert outcome(right, left) is Outcome.PASS


@pytest.mark.parametrize(("left", "right"), SCALARS_APART)
def test_different_values_both_ways(left: str, right: str) -> None:
    assert outcome(left, right) is Outcome.FAIL
    assert outcome(right, left) is Outcome.FAIL


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        ("1,-2", "-2, 1"),
        ("1,-2", r"\{1,-2\}"),
        ("1,-2", r"x=1 \text{ or } x=-2"),
        (r"1\pm\sqrt{19}", r"1-\sqrt{19}, 1+\sqrt{19}"),
        (r"\{1\pm\sqrt5,-2\}", r"\{-2,1+\sqrt5,1-\sqrt5\}"),
        ("(1,2)", "1, 2"),
        ("(1,2)", "(x,y)=(1,2)"),
        ("100, 200, 300", "100,200,300"),
        (r"1,2,\dots,n", r"1,2,\ldots,n"),
        ("[0,1)", r"x \in [0,1)"),
        ("[0,1)", r"0 \le x < 1"),
        (r"(-\infty,2)\cup(3,\infty)", r"x<2 \text{ or } x>3"),
        (r"(-\infty,2)\cup(3,\infty)", r"(3,\infty)\cup(-\infty,2)"),
        (r"(-\infty,-5)\cup(5,\infty)", "|x|>5"),
        (r"(3,\infty)", r"\{x \mid x>3\}"),
        (r"\mathbb{R}\setminus\{2\}", r"x \ne 2"),
        ("(0,2)", r"(0,1]\cup(1,2)"),
        (r"\begin{pmatrix}1/3\\2/3\end{pmatrix}", r"\frac13\begin{bmatrix}1\\2\end{bmatrix}"),
        (r"\begin{pmatrix}2\\4\end{pmatrix}", r"\begin{pmatrix}1\\1\end{pmatrix}+\begin{pmatrix}1\\3\end{pmatrix}"),
        ("-2", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}"),
        (r"\langle 1,2\rangle", "(1,2)"),
        ("y=2x+3", "2x-y+3=0"),
        (r"\frac{x^2}{4}+\frac{y^2}{9}=1", "9x^2+4y^2=36"),
        ("2x+3y<6", "-2x-3y>-6"),
        ("x=5", "5"),
        ("5", "x=5"),
        ("x^2", "f(x)=x^2"),
        (r"\text{(C)}", "C"),
        (r"\text{Evelyn}", "Evelyn"),
        (r"\emptyset", r"\text{no solution}"),
        ("1:2", "2:4"),
        ("12:00", "12:00"),
    ],
)
def test_the_same_answer(truth: str, answer: str) -> None:
    assert outcome(truth, answer) is Outcome.PASS


@pytest.mark.parametrize(
    ("truth", "answer"),
    [
        ("1,2", "1"),
        ("1,2", "1,2,3"),
        ("1,2", "(1,2)"),
        ("1,2,2", "1,2"),
        ("(1,2)", "2, 1"),
        ("(2,4)", "[2,4]"),
        ("(5,3)", r"\emptyset"),
        (r"\mathbb{R}", r"[-\infty,\infty]"),
        (r"(-\infty,2)", r"(-\infty,2]"),
        ("x>2", "y>2"),
        ("x>2", r"x\ge2"),
        ("5", r"\{5\}"),
        (r"\pm 2021", "2021"),
        ("2021", r"\pm 2021"),
        (r"1,2,\dots,n", r"1,3,5,\dots,2n-1"),
        ("5", "x=y=5"),
        ("5", "2x=10"),
        ("5", "x+1=6"),
        ("5", "0=5"),
        ("x=5", "2x=10"),
        ("x=5", "5=5"),
        ("x=5", "y=5"),
        ("y=2x+3", "0=0"),
        ("y=2x+3", "y=y"),
        ("3x-y+13=0", "3x+4y+14=0"),
        ("x^2+1", "x^2+1=0"),
        ("2x+3y<6", "2x+3y>6"),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\text{east}", "seat"),
        (r"\text{(C)}", "A, B, C"),
        ("12:00", "1:00"),
        ("3:20", "6:40"),
        ("204_5", "204"),
        ("42", "I think 1, 2, 3, 42 are candidates"),
        ("5", r"5 \text{ or } 6"),
        ("5", "5 maybe"),
        (r"1,\sqrt{2}", r"\sqrt2,\sqrt2"),
    ],
)
def test_another_answer(truth: str, answer: str) -> None:
    assert outcome(truth, answer) is Outcome.FAIL


def test_doubt_is_named_apart() -> None:
    assert judge("math", r"2\ln x", r"\boxed{\ln x^2}").reason is Reason.UNDECIDED
    assert judge("math", "5", r"\boxed{9^{9^{9^9}}}").reason is Reason.LIMIT
    assert judge("math", "5", r"\boxed{1/2x}").reason is Reason.MALFORMED
