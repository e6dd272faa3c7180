r"""Tokens to a tree, by recursive descent: LaTeX and plain text. What it cannot read is refused, never guessed.

Where a notation has two readings that differ, neither is taken: `1/2x`, `\sqrt12`, `\sin x/2`, `2\frac53` are
unreadable; so is what braces that do not show would hold together: `1{2}`, `2{x+1}`, `{2x}^2`. Numbers side by side are a thousands group (`10 080`), a mixed number (`1\frac45`, `1 1/2`) or nothing.
"""

from __future__ import annotations

import re

from assay.verify.math import names
from assay.verify.math.blocks import BLOCKS, Blocks
from assay.verify.math.number import read_based
from assay.verify.math.reader import END
from assay.verify.math.tokens import tokenize
from assay.verify.math.tree import (
    Call,
    Combined,
    Either,
    Listing,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Relation,
    Sum,
    Unit,
    Unreadable,
    Word,
)
from assay.verify.math.words import as_word

_HEXADECIMAL = re.compile(r"(?:\\(?:text|mathrm)\{|\()?([0-9A-F]*[A-F][0-9A-F]*)[})]?_\{?(1[1-6])\}?")
_PLUS = frozenset(("+", "-", "\\pm", "\\mp"))
_STOPS = frozenset(
    (END, "+", "-", "\\pm", "\\mp", ")", "]", "}", "\\}", ",", ";", "\\rfloor", "\\rceil", "\\rvert", "\\rangle", "\\cup",
     "\\cap", "\\setminus", "\\backslash", "&", "\\\\", "\\end", "\\mid", ":", "!", "\\lor", "\\vee", "\\land", "\\wedge",
     "\\choose", "\\over", "^", "_", "U", "\\pmod", "\\bmod")
)  # fmt: skip


def parse(text: str, locale: str = "en", is_list: bool = False, is_plain: bool = False) -> Node:
    """The tree of a field's text. Raises Unreadable or TooLarge.

    `is_list`: `1,234` is two numbers. `is_plain`: `2e-3` is scientific, not 2e minus 3.
    """
    return read(tokenize(text, locale, is_list, is_plain))


def read(tokens: list[str]) -> Node:
    word = as_word(tokens)
    if word is not None:
        return word
    if len(tokens) < 24 and (found := _HEXADECIMAL.fullmatch("".join(tokens))):
        return read_based(found.group(1), int(found.group(2)))
    parser = Parser(tokens)
    node = parser.listing()
    if parser.tokens[parser.at] != END:
        raise Unreadable(f"{parser.tokens[parser.at]!r} where the answer should end")
    return node


class Parser(Blocks):
    table = BLOCKS

    def listing(self) -> Node:
        """Relations with commas, `and` or `or` between them."""
        first = self.relation()
        if not self.is_separator():
            return first
        items, joiner = [first], ","
        while self.is_separator():
            joiner = self.skip_separator()
            items.append(self.relation())
        return Listing(tuple(items), joiner)

    def is_separator(self) -> bool:
        token = self.tokens[self.at]
        return token in _SEPARATORS or self.joiner() > 0

    def skip_separator(self) -> str:
        """Behind a comma, an `and`, or both; says which."""
        said = ","
        if self.tokens[self.at] in _SEPARATORS:
            said = _SEPARATORS[self.tokens[self.at]]
            self.at += 1
        if (width := self.joiner()) > 0:
            said = self.tokens[self.at + (2 if width == 4 else 0)]
            self.at += width
        return said

    def joiner(self) -> int:
        """How many tokens an `and` or `or` takes here."""
        token = self.tokens[self.at]
        if token in names.JOINERS:
            return 1
        if token in names.TEXTS and self.tokens[self.at + 1] == "{":
            return 4 if self.tokens[self.at + 2] in names.JOINERS and self.tokens[self.at + 3] == "}" else 0
        return 0

    def relation(self) -> Node:
        first = self.combined()
        sign = names.RELATIONS.get(self.tokens[self.at])
        if sign is None:
            return first
        sides, signs = [first], []
        while sign is not None:
            self.at += 1
            signs.append(sign)
            sides.append(self.combined())
            sign = names.RELATIONS.get(self.tokens[self.at])
        return Relation(tuple(sides), tuple(signs))

    def combined(self) -> Node:
        first = self.sum()
        if self.is_colon() and self.ratios:
            return self.ratio(first)
        while (kind := self.set_sign()) is not None:
            parts = [first]
            while self.set_sign() == kind:
                self.at += 1
                parts.append(self.sum())
                if kind == "difference":
                    break
            first = Combined(kind, tuple(parts))
        return first

    def ratio(self, first: Node) -> Node:
        parts = [first]
        while (width := self.is_colon()) > 0:
            self.at += width
            parts.append(self.sum())
        return Call("ratio", tuple(parts))

    def is_colon(self) -> int:
        r"""How many tokens a `:`, `to` or `\text{to}` takes here."""
        token = self.tokens[self.at]
        if token in (":", "to"):
            return 1
        return 4 if token in names.TEXTS and self.has(token, "{", "to", "}") else 0

    def set_sign(self) -> str | None:
        token = self.tokens[self.at]
        if token == "U" and self.tokens[self.at + 1] in ("(", "[", "\\{"):
            return "union"
        return names.SET_SIGNS.get(token)

    def sum(self) -> Node:
        tokens = self.tokens
        first = self.signed()
        if tokens[self.at] not in _PLUS:
            return first
        terms = [first]
        while (sign := tokens[self.at]) in _PLUS:
            self.at += 1
            start = self.at
            term = self.signed()
            if sign != "+":
                self.check_held(start, term, _SUMS)
            if sign == "-":
                term = Negative(term)
            elif sign != "+":
                term = Either(1 if sign == "\\pm" else -1, term)
            terms.append(term)
        return Sum(tuple(terms))

    def signed(self) -> Node:
        """A term with its sign."""
        sign = self.tokens[self.at]
        if sign not in _PLUS:
            return self.product()
        self.at += 1
        self.enter()
        start = self.at
        term = self.signed()
        self.depth -= 1
        if sign != "+":
            self.check_held(start, term, _SUMS)
        if sign == "-":
            return Negative(term)
        return term if sign == "+" else Either(1 if sign == "\\pm" else -1, term)

    def product(self) -> Node:
        tokens = self.tokens
        if (currency := names.CURRENCIES.get(tokens[self.at])) is not None:
            self.at += 1
            self.enter()
            amount = self.product()
            self.depth -= 1
            return Product((amount, Unit(currency)))
        start = self.at
        factors = [self.power()]
        is_divided = False
        while (token := tokens[self.at]) not in _ENDS:
            if start >= 0 and tokens[start] in _UNSEEN and not self.is_stop(token):
                self.check_held(start, factors[0], _SUMS)
                start = -1
            if token in names.TIMES:
                self.at += 1
                factors.append(self.factor())
                is_divided = False
            elif token in names.OVER:
                self.at += 1
                last = factors[-1]
                if isinstance(last, Call) and last.name in names.TRIGONOMETRIC and tokens[self.at - 2] != ")":
                    raise Unreadable("an argument without brackets before /, which has two readings")
                bottom = self.factor()
                factors = [Quotient(factors[0] if len(factors) == 1 else Product(tuple(factors)), bottom)]
                is_divided = True
            elif self.is_stop(token):
                break
            elif token[0] in "0123456789." and tokens[self.at - 1] not in ("!", "i"):
                raise Unreadable(f"{token!r} beside something else")
            else:
                at = self.at
                factor = self.power()
                if token in _UNSEEN:
                    self.check_held(at, factor, _SUMS)
                    if tokens[at + 1 if token == "{" else at + 2][:1] in _DIGITS and not isinstance(factor, Call):
                        raise Unreadable("a number in braces beside something else")
                if is_divided and not is_unit(factor):
                    raise Unreadable("a/bc, which has two readings")
                factors.append(factor)
        if len(factors) == 1:
            return factors[0]
        if is_unit(factors[0]) and not all(map(is_unit, factors)):
            raise Unreadable("a unit before its value")
        return Product(tuple(factors))

    def is_stop(self, token: str) -> bool:
        """Does it end a product?"""
        if token in names.RELATIONS or token in _STOPS or self.joiner() > 0 or self.is_colon() > 0:
            return True
        return token == "|" and self.bars > 0

    def factor(self) -> Node:
        """What follows an explicit sign of multiplication or division: it may carry a minus."""
        start = self.at
        if self.tokens[start] == "-":
            self.at += 1
            return Negative(self.power())
        found = self.power()
        self.check_held(start, found, _SUMS)
        return found

    def check_held(self, start: int, node: Node, kinds: tuple[type, ...]) -> None:
        """Is it one of these kinds, held together by braces alone? They do not show: `-{x+1}` looks like -x+1."""
        tokens = self.tokens
        if tokens[start] not in _UNSEEN or not isinstance(node, kinds) or is_unit(node):
            return
        if isinstance(node, Quotient) and "/" not in tokens[start : self.at]:
            return
        opening = start if tokens[start] == "{" else start + 1
        if end_of(tokens, opening) != self.at - 1:
            return  # a function's name, and its argument behind it
        if tokens[opening + 1] in _BRACKETS and end_of(tokens, opening + 1) == self.at - 2:
            return
        raise Unreadable("braces where brackets should stand")

    def power(self) -> Node:
        """An atom with what stands behind it: exponents, `!`, degrees, percent."""
        start = self.at
        base = self.atom()
        tokens = self.tokens
        is_raised = False
        while (token := tokens[self.at]) in _BEHIND:
            if not is_raised and tokens[start] in _UNSEEN:
                self.check_held(start, base, _FORMULAS)
            self.at += 1
            if token == "!":
                if tokens[self.at] == "!":
                    raise Unreadable("!!, a double factorial")
                base = Call("factorial", (base,))
            elif token in ("\\%", "%"):
                base = Product((base, Unit("percent")))
            elif token in names.CURRENCIES:
                base = Product((base, Unit(names.CURRENCIES[token])))
            elif token == "_":
                if tokens[self.at - 2] != ")" or not isinstance(base, Number):
                    raise Unreadable("something under what is no symbol")
                base = read_based(base.text, self.base())
            elif token == "\\degree" or self.is_degree():
                base = Product((base, Unit(self.degree())))
            elif is_raised:
                raise Unreadable("two exponents in a row")
            else:
                exponent = self.exponent()
                is_raised = True
                if isinstance(base, Quotient) and is_unit(base):  # \\text{m/s}^2
                    base = Quotient(base.top, Power(base.bottom, exponent))
                else:
                    base = Power(base, exponent)
        return base

    def is_degree(self) -> bool:
        """Does a degree sign stand here? Then the cursor moves behind it."""
        tokens, at = self.tokens, self.at
        if tokens[at] in ("\\circ", "\\degree"):
            self.at += 1
            return True
        if tokens[at] == "{" and tokens[at + 1] in ("\\circ", "\\degree") and tokens[at + 2] == "}":
            self.at += 3
            return True
        return False

    def degree(self) -> str:
        r"""The scale behind a degree sign: `C`, `F`, `\text{C}`, or none."""
        tokens, at = self.tokens, self.at
        width = 1
        if tokens[at] in names.TEXTS or tokens[at] in names.ROMANS:
            at, width = (at + 2, 4) if tokens[at + 1] == "{" else (at + 1, 2)
        scale = {"C": "celsius", "F": "fahrenheit"}.get(tokens[at]) if at < len(tokens) else None
        if scale is None:
            return "degree"
        self.at += width
        return scale

    def exponent(self) -> Node:
        token = self.tokens[self.at]
        if token == "-" or token == "+":
            self.at += 1
            of = self.atom()
            return Negative(of) if token == "-" else of
        return self.atom()


def end_of(tokens: list[str], opening: int) -> int:
    """Where the bracket that opens there closes, or the end."""
    depth = 0
    for at in range(opening, len(tokens) - 2):
        depth += (tokens[at] in _OPENING) - (tokens[at] in _CLOSING)
        if depth == 0:
            return at
    return len(tokens) - 2


def is_unit(node: Node) -> bool:
    """A unit, a power of one, one over another, or a word."""
    if isinstance(node, Quotient):
        return is_unit(node.top) and is_unit(node.bottom)
    return isinstance(node, (Unit, Word)) or (isinstance(node, Power) and isinstance(node.base, Unit))


_SEPARATORS = {",": ",", ";": ",", "\\lor": "or", "\\vee": "or", "\\land": "and", "\\wedge": "and"}
_BRACKETS = frozenset(("(", "[", "\\{"))
_OPENING = _BRACKETS | {"{"}
_CLOSING = frozenset((")", "]", "\\}", "}"))
_UNSEEN = (
    frozenset(("{",)) | names.TEXTS | names.ROMANS | names.BOLDS
)  # they hold together what they do not show together
_DIGITS = tuple("0123456789.")
_SUMS = (Sum, Negative, Either)
_FORMULAS = (Sum, Negative, Either, Product, Power, Quotient)
_ENDS = frozenset((END, "+", "-", ")", "}", ","))
_BEHIND = frozenset(("^", "**", "!", "\\%", "%", "\\degree", "_", "\\$", "\\pounds", "\\euro", "\\yen", "\\rupee"))
