"""Texts that cost far more to compute than to write. None of them is right for the truth it is judged against."""

from __future__ import annotations

from collections.abc import Callable

BOMBS: dict[str, Callable[[], str]] = {
    "tower of powers": lambda: "9^{9^{9^9}}",
    "tower under one": lambda: "9^{-9^{9^9}}",
    "tower of twelve": lambda: "9^{" * 12 + "9" + "}" * 12,
    "binomial to expand": lambda: "(x+1)^{100000}",
    "product to expand": lambda: "".join(f"(x+{k})" for k in range(2000)),
    "many variables to expand": lambda: "(a+b+c+d+f+g+h+j+k+m+n)^{60}",
    "factorials of factorials": lambda: "(((9!)!)!)!",
    "factorial marks": lambda: "9" + "!" * 1000,
    "factorial of a large number": lambda: "99999999999!",
    "nested parentheses": lambda: "(" * 10_000 + "1" + ")" * 10_000,
    "unclosed parentheses": lambda: "(" * 100_000,
    "nested braces": lambda: "{" * 10_000 + "1" + "}" * 10_000,
    "200,000 digits": lambda: "7" * 200_000,
    "200,000 decimals": lambda: "0." + "7" * 200_000,
    "200,000 digits a side": lambda: r"\frac{" + "7" * 100_000 + "}{" + "3" * 100_000 + "}",
    "500 KB of words": lambda: "so we see " * 50_000,
    "500 KB of commands": lambda: r"\frac\sqrt\left( " * 30_000,
    "500 KB of a sum": lambda: "1+" * 250_000 + "1",
    "500 KB of a list": lambda: "1," * 250_000 + "1",
    "500 KB of signs": lambda: "-" * 500_000 + "1",
    "deep fractions": lambda: r"\frac{1}{1+" * 3_000 + "1" + "}" * 3_000,
    "deep roots": lambda: r"\sqrt{1+" * 3_000 + "1" + "}" * 3_000,
    "deep fractions without braces": lambda: r"\frac1" * 5_000 + "2",
    "deep exponents": lambda: "2^{" * 3_000 + "2" + "}" * 3_000,
    "huge matrix": lambda: (
        r"\begin{pmatrix}" + r"\\".join("&".join(["1"] * 300) for _ in range(300)) + r"\end{pmatrix}"
    ),
    "huge determinant": lambda: (
        r"\begin{vmatrix}"
        + r"\\".join("&".join(f"a_{{{i}{j}}}" for j in range(20)) for i in range(20))
        + r"\end{vmatrix}"
    ),
    "matrix to a power": lambda: r"\begin{pmatrix}1&1\\1&0\end{pmatrix}^{10^{9}}",
    "huge sum": lambda: r"\sum_{k=1}^{10^9} k",
    "huge sum of powers": lambda: r"\sum_{k=1}^{10^{18}} k^{k}",
    "huge product": lambda: r"\prod_{k=1}^{10^9} k",
    "nested sums": lambda: r"\sum_{a=1}^{999}\sum_{b=1}^{999}\sum_{c=1}^{999} abc",
    "huge binomial": lambda: r"\binom{10^{12}}{5\cdot 10^{11}}",
    "many pairs of signs": lambda: r"\pm 1" * 40,
    "many pairs of signs in a sum": lambda: "".join(rf"\pm {k}" for k in range(1, 60)),
    "huge exponent of a decimal": lambda: "1.000000001^{10^{15}}",
    "huge scientific exponent": lambda: "1e999999999",
    "tiny scientific exponent": lambda: r"1 \times 10^{-999999999}",
    "huge base": lambda: "1" * 50_000 + "_{7}",
    "huge period": lambda: r"0.\overline{" + "142857" * 20_000 + "}",
    "huge floor": lambda: r"\lfloor 10^{10^{8}} \pi \rfloor",
    "huge sine": lambda: r"\sin(10^{10^{8}})",
    "huge logarithm": lambda: r"\log_2(3^{10^{9}})",
    "huge root": lambda: r"\sqrt[1000000007]{2^{1000000007}}",
    "huge exponential": lambda: "e^{e^{e^{e^{10}}}}",
    "huge root of unity": lambda: r"e^{2\pi i/1000003}^{1000003}",
    "huge set builder": lambda: r"\{x \mid x^{1000} + x + 1 = 0\}",
    "many unions": lambda: r"\cup".join(f"[{k},{k + 1})" for k in range(20_000)),
    "many nested sets": lambda: r"\{" * 5_000 + "1" + r"\}" * 5_000,
    "many subscripts": lambda: "x" + "_1" * 50_000,
    "many primes": lambda: "f" + "'" * 200_000,
    "many thousands": lambda: "1" + ",000" * 100_000,
    "many equations": lambda: "=".join(["x"] * 100_000),
    "many equations to solve": lambda: ", ".join(f"x_{k}^2 = {k}" for k in range(500)),
    "many bars": lambda: "|" * 50_000,
    "many dollars": lambda: "$" * 200_000,
    "many boxes inside": lambda: r"\text{" * 5_000 + "6" + "}" * 5_000,
    "huge cancelling": lambda: r"\frac{10^{10^{9}}}{10^{10^{9}}}",
    "close at a thousand digits": lambda: r"\sqrt{25+10^{-3000}}",
    "huge greatest common divisor": lambda: r"\gcd(2^{10^{7}}-1, 3^{10^{7}}-1)",
    "a hidden zero": lambda: r"5+\left(\sqrt{2}+\sqrt{3}-\sqrt{5+2\sqrt{6}}\right)^{10^{9}}x" + "+10^{-50}",
    "NUL and friends": lambda: "\x00\ufeff\u202e\ud800" * 10_000,
    "right-to-left marks": lambda: "\u202e5" * 50_000,
    "combining marks": lambda: "5" + "\u0301" * 100_000,
}
"""By name; each makes the content of a box."""

RESPONSES: dict[str, Callable[[], str]] = {
    "500 KB of text before a wrong box": lambda: "so we see that " * 33_000 + r"\boxed{6}",
    "500 KB without a box": lambda: "so we see that " * 33_000,
    "boxes opened 20,000 times": lambda: r"\boxed{" * 20_000,
    "boxes 20,000 times": lambda: r"\boxed{5}" * 20_000,
    "thinking opened 50,000 times": lambda: "<think>" * 50_000 + r"\boxed{5}",
    "thinking opened and closed 50,000 times": lambda: "<think></think>" * 50_000 + r"\boxed{6}",
    "fences 100,000 times": lambda: "```\n" * 100_001 + r"\boxed{6}",
    "comments opened 100,000 times": lambda: "<!--" * 100_000 + r"\boxed{6}",
    "percent signs 200,000 times": lambda: "%" * 200_000 + r"\boxed{6}",
    "backslashes 200,001 times": lambda: "\\" * 200_001 + "boxed{6}",
    "braces 200,000 times": lambda: "{" * 200_000 + r"\boxed{6}" + "}" * 200_000,
    "a box of 200,000 braces": lambda: r"\boxed{" + "{}" * 100_000 + "}",
    "hashes 200,000 times": lambda: "#" * 200_000,
    "answer tags 50,000 times": lambda: "<answer>" * 50_000,
    "verbatim opened 20,000 times": lambda: r"\begin{verbatim}" * 20_000 + r"\boxed{6}",
}
"""Whole responses, for the extraction; none is right for the truth 5."""
