"""The tokens under a cursor, and the numbers among them."""

from __future__ import annotations

import re
from fractions import Fraction

from assay.verify.math.names import ENDLESS, FRACTIONS
from assay.verify.math.number import read_based, read_number, read_repeating
from assay.verify.math.tree import Node, Number, TooLarge, Unreadable

DEEPEST = 48  # readings within readings
END = ""


class Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = [*tokens, END, END, END, END, END]  # so that looking ahead needs no check
        self.at = 0
        self.depth = 0
        self.bars = 0  # inside |...|, where a bar closes
        self.ratios = True  # not where a colon means "such that"
        self.bound: list[str] = []  # the variables of the sums around the cursor

    def enter(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise TooLarge(f"nested more than {DEEPEST} deep")

    def expect(self, token: str) -> None:
        if self.tokens[self.at] != token:
            found = self.tokens[self.at]
            raise Unreadable(f"{found!r} where {token!r} should stand" if found else f"{token!r} is missing at the end")
        self.at += 1

    def has(self, *tokens: str) -> bool:
        """Are these the next tokens?"""
        return self.tokens[self.at : self.at + len(tokens)] == list(tokens)

    def raw(self) -> list[str]:
        """The tokens of a braced argument, as they are."""
        self.expect("{")
        start, depth = self.at, 1
        while depth:
            token = self.tokens[self.at]
            if token == END:
                raise Unreadable("'}' is missing at the end")
            depth += (token == "{") - (token == "}")
            self.at += 1
        return self.tokens[start : self.at - 1]

    def number(self, token: str) -> Node:
        """A number whose first token was just read."""
        following = self.tokens[self.at]
        if following == END or following in "+-*^),}]=":
            return read_number(token)
        if "0" <= following[0] <= "9":
            return self.beside(token, following)
        if following == "_":
            self.at += 1
            return read_based(token, self.base())
        if following in ENDLESS:
            return self.repeating(token)
        if following in FRACTIONS and token.isdigit():
            mixed = self.mixed(token)
            if mixed is not None:
                return mixed
        return read_number(token)

    def beside(self, token: str, following: str) -> Node:
        """Two numbers with nothing between them but space: groups of three digits, or a mixed number."""
        at, tokens = self.at, self.tokens
        if not token.isdigit():
            raise Unreadable(f"the numbers {token} and {following} side by side")
        if tokens[at + 1] == "/":
            bottom = tokens[at + 2]
            if len(following) != 3 and following.isdigit() and bottom.isdigit() and 0 < int(following) < int(bottom):
                self.at += 3
                return Number(int(token) + Fraction(int(following), int(bottom)), f"{token} {following}/{bottom}")
            raise Unreadable(f"{token} {following}/{bottom}, which has two readings")
        digits = token
        while len(token) <= 3 and token != "0" and _THREE_DIGITS.fullmatch(following):
            digits += following
            at += 1
            if "." in following:
                break
            following = tokens[at]
        if at == self.at or (tokens[at] and tokens[at][0] in "0123456789"):
            raise Unreadable(f"the numbers {token} and {following} side by side")
        self.at = at
        return read_number(digits)

    def base(self) -> int:
        """The base under a number, behind its `_`."""
        if self.tokens[self.at] == "{":
            name = "".join(each for each in self.raw() if each not in _AROUND_A_BASE)
        else:
            name = self.tokens[self.at]
            self.at += 1
        return int(name) if name.isdigit() and len(name) < 3 else _BASES.get(name.lower(), 0)

    def repeating(self, token: str) -> Node:
        r"""`0.1\overline{6}`; dots stand over the first and the last digit of the period: `0.\dot{1}4285\dot{7}`."""
        mark = self.tokens[self.at]
        self.at += 1
        period = self.period()
        if mark == "\\dot" and self.tokens[self.at].isdigit():
            period += self.tokens[self.at]
            self.at += 1
            if self.tokens[self.at] != mark:
                raise Unreadable("digits behind a dotted one")
        if mark == "\\dot" and self.tokens[self.at] == mark:
            self.at += 1
            period += self.period()
        if "." not in token:
            raise Unreadable("a line over digits without a decimal point")
        return read_repeating(token, period)

    def period(self) -> str:
        if self.tokens[self.at] == "{":
            return "".join(self.raw())
        return self.digit() or ""

    def mixed(self, token: str) -> Node | None:
        r"""`1\frac45`; None when the fraction is not one of two integers (then it is a product)."""
        at = self.at
        self.at += 1
        top = self.literal()
        bottom = None if top is None else self.literal()
        if top is None or bottom is None:
            self.at = at
            return None
        if not 0 < top < bottom:
            raise Unreadable(f"{token} before the fraction {top}/{bottom}, which has two readings")
        return Number(int(token) + Fraction(top, bottom), f"{token} {top}/{bottom}")

    def literal(self) -> int | None:
        r"""An integer as an argument of `\frac`: in braces, or one digit of the next token."""
        token = self.tokens[self.at]
        if token == "{":
            inside = self.tokens[self.at + 1 : self.at + 3]
            if len(inside) == 2 and inside[0].isdigit() and inside[1] == "}" and len(inside[0]) < 1000:
                self.at += 3
                return int(inside[0])
            return None
        digit = self.digit()
        return None if digit is None else int(digit)

    def digit(self) -> str | None:
        r"""One digit, cut from a number token: LaTeX reads `\frac12` so. None when no number comes next."""
        token = self.tokens[self.at]
        if not token.isdigit():
            return None
        if len(token) == 1:
            self.at += 1
        else:
            self.tokens[self.at] = token[1:]
        return token[0]


_THREE_DIGITS = re.compile(r"[0-9]{3}(?:\.[0-9]+)?")
_AROUND_A_BASE = frozenset(("{", "}", "\\text", "\\mathrm", "\\mbox", "base"))
_BASES = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
          "eleven": 11, "twelve": 12, "sixteen": 16}  # fmt: skip
