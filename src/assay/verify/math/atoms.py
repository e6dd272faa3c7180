r"""What stands by itself: brackets, fractions, roots, functions, letters, text. The rules between them are parse.py's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from assay.verify.math import names
from assay.verify.math.reader import END, Reader
from assay.verify.math.tree import (
    Bracketed,
    Builder,
    Call,
    Constant,
    Listing,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Quotient,
    Root,
    Sum,
    Symbol,
    Unit,
    Unreadable,
    Word,
)
from assay.verify.math.unit_names import unit_name
from assay.verify.math.words import LONGEST_PRODUCT, POWERS, spaced, text_node, unit_label


def is_differential(node: Node) -> bool:
    """`d`, `dx`, `d^2y`: one that stands over another is no quotient with a letter d."""
    first = node.factors[0] if isinstance(node, Product) else node
    first = first.base if isinstance(first, Power) else first
    return isinstance(first, Symbol) and first.name == "d"


class Atoms(Reader):
    """Expects `listing`, `relation`, `sum`, `power`, `implied` and `exponent` of its heir."""

    table: ClassVar[Mapping[str, Callable[[Any, str], Node]]]  # what reads the tokens that are no letters

    if TYPE_CHECKING:

        def listing(self) -> Node: ...
        def relation(self) -> Node: ...
        def sum(self) -> Node: ...
        def power(self) -> Node: ...
        def exponent(self) -> Node: ...
        def joiner(self) -> int: ...

    def atom(self) -> Node:
        token = self.tokens[self.at]
        if token == END:
            raise Unreadable("the text ends where something is missing")
        self.at += 1
        first = token[0]
        if "0" <= first <= "9" or (first == "." and len(token) > 1 and token[1] != "."):
            return self.number(token)
        self.enter()
        if first.isalpha():
            node = self.letters(token)
        else:
            read = self.table.get(token)
            if read is not None:
                node = read(self, token)
            elif first == "\\" and (name := token[1:]) in names.FUNCTIONS:
                node = self.function(name)
            elif first == "\\" and name in names.GREEK:
                node = self.symbol(names.SAME_LETTER.get(name, name))
            else:
                raise Unreadable(f"{token!r} where a value should stand")
        self.depth -= 1
        return node

    def braced(self) -> Node:
        """An argument: `{...}`, or the next token (one digit of a number)."""
        if self.tokens[self.at] == "{":
            self.at += 1
            node = self.listing()
            self.expect("}")
            return node
        digit = self.digit()
        return self.atom() if digit is None else Number(int(digit), digit)

    # --- letters ---

    def letters(self, run: str) -> Node:
        if run in self.bound:
            return Symbol(run)
        constant = names.PLAIN_CONSTANTS.get(run)
        if constant is not None and self.tokens[self.at] != "_":
            return Constant(constant)
        if run in names.FUNCTIONS:
            return self.function(run)
        if len(run.rstrip("'")) == 1:
            return self.symbol(run)
        if run in POWERS and self.at < len(self.tokens):
            power, unit = POWERS[run], unit_name(self.tokens[self.at])
            if unit is not None:
                self.at += 1
                return Power(Unit(unit), Number(power, str(power)))
        unit = unit_name(run)
        if unit is not None:
            return Unit(unit)
        if run.isascii() and run.isalpha() and len(run) <= LONGEST_PRODUCT and len(set(run)) == len(run):
            self.at -= 1  # a product: read its first letter, and leave the rest as a token of its own
            self.tokens[self.at] = run[1:]
            return self.letters(run[0])
        return Word(run)

    def symbol(self, name: str) -> Node:
        if not name.isascii():
            raise Unreadable(f"the letter {name!r} in a formula")
        tokens = self.tokens
        if tokens[self.at] == "_":
            self.at += 1
            under = spaced(self.raw()) if tokens[self.at] == "{" else self.single()
            if name in ("C", "P", "A") and tokens[self.at] == "^":
                return self.chosen(name, under)
            return Symbol(f"{name}_{under}")
        if self.at == 1 and tokens[1] == "(" and tokens[3] == ")" and tokens[4] == "=" and len(tokens[2]) == 1:
            self.at = 4  # `p(x) = ...`
            return Call(name, (Symbol(tokens[2]) if tokens[2].isalpha() else self.number(tokens[2]),))
        if name in ("f", "g", "h") and self.has("^", "{", "-", "1", "}", "("):
            self.at += 5
            return Call(f"{name}^-1", self.arguments(name))
        if tokens[self.at] == "(" and name in ("f", "g", "h", "C", "P"):
            at = self.at
            self.at += 1
            inside = self.bracket("(")
            args = inside.items if isinstance(inside, Bracketed) else (inside,)
            if name in "fgh":
                return Call(name, args)
            if len(args) == 2:
                return Call("binom" if name == "C" else "perm", args)
            self.at = at
        return Symbol(name)

    def single(self) -> str:
        token = self.tokens[self.at]
        if not token or not (token.isalnum() or token[1:].isalpha()):
            raise Unreadable("nothing under a symbol")
        self.at += 1
        return token

    def chosen(self, name: str, under: str) -> Node:
        """`C_n^k`, the binomial coefficient n over k; permutations with P or A."""
        self.at += 1
        chosen = self.exponent()
        kind = "binom" if name == "C" else "perm"
        total: Node = Number(int(under), under) if under.isdigit() and len(under) < 20 else Symbol(under)
        if not (under.isalnum() and (under.isdigit() or len(under) == 1)):
            raise Unreadable(f"{name} with {under} under it and something over it")
        return Call(kind, (total, chosen))

    # --- functions ---

    def function(self, name: str) -> Node:
        tokens = self.tokens
        if name == "sqrt":
            return Root(self.bracket_argument(), 2)
        name = names.SAME_FUNCTION.get(name, name)
        base: Node | None = None
        power: Node | None = None
        while tokens[self.at] in ("_", "^"):
            sign = tokens[self.at]
            self.at += 1
            if sign == "_" and base is None and name == "log":
                base = self.braced()
            elif sign == "^" and power is None:
                power = self.braced() if tokens[self.at] == "{" or tokens[self.at].isdigit() else self.exponent()
            else:
                raise Unreadable(f"what stands at {name}")
        if isinstance(power, Negative) and isinstance(power.of, Number) and power.of.value == 1:
            if name not in names.INVERSE:
                raise Unreadable(f"{name}^{{-1}}, which has two readings")
            name, power = names.INVERSE[name], None
        args = self.arguments(name)
        if name == "cbrt":
            node: Node = Root(args[0], 3)
        elif name == "cis":
            node = Sum((Call("cos", args), Product((Constant("i"), Call("sin", args)))))
        elif name == "exp":
            node = Power(Constant("e"), args[0])
        elif name == "log" and base is not None:
            node = Call("log", (args[0], base))
        elif name == "log10":
            node = Call("log", (args[0], Number(10, "10")))
        elif name == "log" and len(args) == 1:
            node = Call("log", (args[0],))
        else:
            node = Call(name, args)
        return node if power is None else Power(node, power)

    def arguments(self, name: str) -> tuple[Node, ...]:
        r"""In brackets, or without: `\sin 2x`, `\ln 2`."""
        opening = self.tokens[self.at]
        if opening in ("(", "["):
            self.at += 1
            inside = self.bracket(opening)
            if isinstance(inside, Bracketed):
                if inside.right != _PARTNER[opening]:
                    raise Unreadable("brackets that do not match")
                return inside.items
            return (inside,)
        if opening == "{":
            return (self.braced(),)
        return (self.bare_argument(name),)

    def bare_argument(self, name: str) -> Node:
        factors = [self.power()]
        while self.tokens[self.at] not in _ENDS_ARGUMENT and self.joiner() == 0:
            token = self.tokens[self.at]
            if token in names.RELATIONS or (token == "|" and self.bars):
                break
            if token[1:] in names.FUNCTIONS or token in names.FUNCTIONS:
                break
            if token[0] in "0123456789.":
                raise Unreadable(f"the number {token} beside something else")
            if token in ("(", "["):
                raise Unreadable(f"a bracket behind the argument of {name}, which has two readings")
            factors.append(self.power())
        return factors[0] if len(factors) == 1 else Product(tuple(factors))

    def bracket_argument(self) -> Node:
        """The argument of a plain `sqrt(...)`."""
        if self.tokens[self.at] == "{":
            return self.braced()
        self.expect("(")
        return self.bracket("(")

    # --- brackets ---

    def bracket(self, opening: str) -> Node:
        """What stands in brackets whose opening was just read."""
        if self.tokens[self.at] == _PARTNER[opening]:
            self.at += 1
            if opening == "\\{":
                return Constant("emptyset")
            raise Unreadable("empty brackets")
        bars, self.bars = self.bars, 0
        ratios, self.ratios = self.ratios, opening != "\\{"
        items = [self.relation()]
        self.ratios = ratios
        if opening == "\\{" and self.tokens[self.at] in ("|", "\\mid", "\\vert", ":"):
            self.at += 1
            condition = self.listing()
            self.expect("\\}")
            self.bars = bars
            if isinstance(condition, Listing) and condition.joiner != "or":
                return Builder(items[0], condition.items)
            return Builder(items[0], (condition,))
        while self.tokens[self.at] in (",", ";"):
            self.at += 1
            items.append(self.relation())
        closing = self.tokens[self.at]
        if closing not in _MAY_CLOSE[opening]:
            raise Unreadable(f"{closing!r} where {_PARTNER[opening]!r} should stand")
        self.at += 1
        self.bars = bars
        if len(items) == 1 and opening in ("(", "[", "{") and closing == _PARTNER[opening]:
            return items[0]
        if len(items) > 2 and closing != _PARTNER[opening]:
            raise Unreadable("brackets that do not match")
        return Bracketed(opening, tuple(items), closing)

    def bars_around(self, token: str) -> Node:
        self.bars += 1
        inside = self.sum()
        self.expect(token if token != "\\lvert" else "\\rvert")
        self.bars -= 1
        return Call("abs", (inside,))

    def indexed_before(self, token: str) -> Node:
        r"""`{}_nC_k` and `^nC_k`, whose first index was just announced by its sign."""
        total = self.braced() if token == "_" else self.exponent()
        kind = {"C": "binom", "P": "perm"}.get(self.tokens[self.at], "")
        if not kind or self.tokens[self.at + 1] != "_":
            raise Unreadable("an index before nothing")
        self.at += 2
        return Call(kind, (total, self.braced()))

    def group(self, token: str) -> Node:
        if self.tokens[self.at] == "}" and self.tokens[self.at + 1] in ("_", "^"):
            self.at += 2
            return self.indexed_before(self.tokens[self.at - 1])
        inside = self.listing()
        if self.tokens[self.at] == "\\choose":
            self.at += 1
            inside = Call("binom", (inside, self.listing()))
        elif self.tokens[self.at] == "\\over":
            self.at += 1
            inside = Quotient(inside, self.listing())
        self.expect("}")
        return inside

    def fraction(self, token: str) -> Node:
        top = self.braced()
        bottom = self.braced()
        if is_differential(top) and is_differential(bottom) and not isinstance(bottom, Symbol):
            raise Unreadable("a derivative, which is not evaluated")
        return Quotient(top, bottom)

    def root(self, token: str) -> Node:
        index = 2
        if self.tokens[self.at] == "[":
            self.at += 1
            index_token = self.tokens[self.at]
            self.at += 1
            self.expect("]")
            if not index_token.isdigit() or not 2 <= int(index_token[:4]) <= 64:
                raise Unreadable(f"a root of index {index_token}")
            index = int(index_token)
        following = self.tokens[self.at]
        if following.isdigit() and len(following) > 1:
            raise Unreadable(f"\\sqrt{following} without braces, which has two readings")
        return Root(self.bracket_argument() if following == "(" else self.braced(), index)

    def binomial(self, token: str) -> Node:
        top = self.braced()
        return Call("binom", (top, self.braced()))

    def rounded(self, token: str) -> Node:
        inside = self.sum()
        self.expect("\\rfloor" if token == "\\lfloor" else "\\rceil")
        return Call("floor" if token == "\\lfloor" else "ceil", (inside,))

    def text(self, token: str) -> Node:
        inside = self.raw() if self.tokens[self.at] == "{" else [self.single()]
        label = spaced(inside)
        unit = unit_label(inside)
        if unit is not None:
            return unit
        node = text_node(inside, is_roman=token in names.ROMANS)
        if node is not None:
            return node
        if token in names.ROMANS and label in names.FUNCTIONS:
            return self.function(label)
        return self.within(inside)

    def bold(self, token: str) -> Node:
        inside = self.raw() if self.tokens[self.at] == "{" else [self.single()]
        name = spaced(inside)
        if token == "\\mathbf" and not (len(name) == 1 and name.islower()):
            return self.within(inside)
        return Symbol(f"{token[1:]} {name}")

    def within(self, tokens: list[str]) -> Node:
        """These tokens, read by themselves."""
        rest = type(self)(tokens)
        rest.depth = self.depth
        node = rest.listing()
        rest.expect(END)
        return node

    def leading_point(self, token: str) -> Node:
        if self.tokens[self.at] not in names.ENDLESS:
            raise Unreadable("a point where a value should stand")
        return self.repeating("0.")

    def board(self, token: str) -> Node:
        inside = spaced(self.raw()) if self.tokens[self.at] == "{" else self.single()
        if inside not in names.BOARDS:
            raise Unreadable(f"{token}{{{inside}}}")
        return Constant(names.BOARDS[inside])


_PARTNER = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\langle": "\\rangle"}
_MAY_CLOSE = {"(": (")", "]"), "[": ("]", ")"), "{": ("}",), "\\{": ("\\}",), "\\langle": ("\\rangle",)}
_ENDS_ARGUMENT = frozenset(
    (END, "\\over", "\\choose", "+", "-", "\\pm", "\\mp", "*", "\\cdot", "\\times", "/", "\\div", ")", "]", "}", "\\}", ",", ";", "\\rfloor",
     "\\rceil", "\\rvert", "\\cup", "\\cap", "&", "\\\\", "\\end", "\\mid", ":", "!", "\\lor", "\\vee", "\\land")
)  # fmt: skip

ATOMS: dict[str, Callable[[Any, str], Node]] = {
    **dict.fromkeys(names.FRACTIONS, Atoms.fraction),
    **dict.fromkeys(names.BINOMIALS, Atoms.binomial),
    **dict.fromkeys(names.TEXTS | names.ROMANS, Atoms.text),
    **dict.fromkeys(names.BOLDS, Atoms.bold),
    **dict.fromkeys(("(", "[", "\\{", "\\langle"), Atoms.bracket),
    **dict.fromkeys(("|", "\\lvert", "\\vert"), Atoms.bars_around),
    **dict.fromkeys(("\\lfloor", "\\lceil"), Atoms.rounded),
    **{token: (lambda reader, token: Constant(names.CONSTANTS[token])) for token in names.CONSTANTS},
    "\\sqrt": Atoms.root,
    "\\mathbb": Atoms.board,
    "{": Atoms.group,
    "_": Atoms.indexed_before,
    "^": Atoms.indexed_before,
    ".": Atoms.leading_point,
}
