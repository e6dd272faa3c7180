"""Formulas over booleans, integers and reals: our own small grammar, typed as it is read, and evaluated exactly.

A response never reaches a solver's own parser: there a `(reset)` drops the assertions it is to be judged by. What the
grammar holds:

    not, and, or, xor, ->, <->        also  ! && || => <=>  and  the signs of logic
    =  !=  <  <=  >  >=               chains mean "and": 0 <= x < 10
    +  -  *  /  div  mod  ^           `/` by a constant other than 0; `div` and `mod` by a constant above 0; `^` up to 8
    true  false  ite(c, a, b)  abs(a)  names that the task declares, numbers (3, 0.25, 1/3)

Division by anything that is not a constant is refused: it has no value at 0, and solvers give it one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Sort = Literal["Bool", "Int", "Real"]
Value = bool | Fraction

LONGEST = 20_000  # characters of a formula
MOST_TOKENS = 2_000
MOST_DEPTH = 100
MOST_DIGITS = 60
MOST_POWER = 8
LARGEST = 1 << 4096  # of a numerator or denominator while evaluating


class FormulaError(ValueError):
    """A text that is no formula; the message is the sentence that says why."""


@dataclass(frozen=True, slots=True)
class Node:
    """`op` is `name`, `value`, or an operator; `value` holds the name or the constant."""

    op: str
    sort: Sort
    args: tuple[Node, ...] = ()
    value: str | Value = ""


_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_']*)"
    r"|(?P<sign><->|<=>|->|=>|<=|>=|!=|==|&&|\|\||[-+*/^%=<>!(),]))"
)
_SIGNS = {
    "∧": " and ", "∨": " or ", "¬": " not ", "→": "->", "⇒": "->", "↔": "<->", "⇔": "<->", "≤": "<=", "≥": ">=", "≠": "!=",
    "−": "-", "·": "*", "×": "*", "⊤": " true ", "⊥": " false ", "⊕": " xor ",
}  # fmt: skip
_WORDS = {"!": "not", "&&": "and", "||": "or", "=>": "->", "<=>": "<->", "==": "=", "%": "mod"}
RESERVED = frozenset({"not", "and", "or", "xor", "true", "false", "ite", "abs", "div", "mod"})
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})


def parse_formula(text: str, names: Mapping[str, Sort], sort: Sort | None = "Bool") -> Node:
    """Raises FormulaError."""
    reader = _Reader(tokens(text), names)
    node = reader.formula(0)
    if reader.at < len(reader.tokens):
        raise FormulaError(f"{reader.tokens[reader.at]!r} after the end of the formula")
    if sort is not None and node.sort != sort:
        raise FormulaError(f"a {node.sort} where a {sort} is needed")
    return node


def tokens(text: str) -> list[str]:
    """Raises FormulaError."""
    if len(text) > LONGEST:
        raise FormulaError(f"more than {LONGEST} characters")
    text = "".join(_SIGNS.get(each, each) for each in text).rstrip()
    found, at = [], 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise FormulaError(f"{text[at : at + 10].strip()!r} is not in the grammar")
        if token.lastgroup == "number" and len(token.group("number")) > MOST_DIGITS:
            raise FormulaError(f"a number of more than {MOST_DIGITS} digits")
        word = token.group(token.lastgroup or 0)
        found.append(_WORDS.get(word, word))
        at = token.end()
    if len(found) > MOST_TOKENS:
        raise FormulaError(f"more than {MOST_TOKENS} words")
    return found


class _Reader:
    """One method a level of precedence, the weakest first."""

    def __init__(self, words: list[str], names: Mapping[str, Sort]) -> None:
        self.tokens, self.names, self.at = words, names, 0

    def _peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self, *words: str) -> str:
        word = self._peek()
        if word and word in words:
            self.at += 1
            return word
        return ""

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise FormulaError(
                f"{word!r} is missing" + (f" before {self._peek()!r}" if self._peek() else " at the end")
            )

    def formula(self, depth: int) -> Node:
        if depth > MOST_DEPTH:
            raise FormulaError(f"more than {MOST_DEPTH} levels")
        left = self._implication(depth + 1)
        while self._take("<->"):
            left = _bools("<->", left, self._implication(depth + 1))
        return left

    def _implication(self, depth: int) -> Node:
        sides = [self._either(depth)]
        while self._take("->"):
            sides.append(self._either(depth))
        node = sides.pop()
        while sides:  # to the right, in a loop: no depth
            node = _bools("->", sides.pop(), node)
        return node

    def _either(self, depth: int) -> Node:
        left = self._both(depth)
        while word := self._take("or", "xor"):
            left = _bools(word, left, self._both(depth))
        return left

    def _both(self, depth: int) -> Node:
        left = self._negation(depth)
        while self._take("and"):
            left = _bools("and", left, self._negation(depth))
        return left

    def _negation(self, depth: int) -> Node:
        count = 0
        while self._take("not"):
            count += 1
        node = self._comparison(depth)
        return _bools("not", node) if count % 2 else (_bools("not", _bools("not", node)) if count else node)

    def _comparison(self, depth: int) -> Node:
        left = self._sum(depth)
        found: Node | None = None
        while word := self._take(*_COMPARISONS):
            right = self._sum(depth)
            step = _compare(word, left, right)
            found = step if found is None else _bools("and", found, step)
            left = right
        return left if found is None else found

    def _sum(self, depth: int) -> Node:
        left = self._product(depth)
        while word := self._take("+", "-"):
            left = _numbers(word, left, self._product(depth))
        return left

    def _product(self, depth: int) -> Node:
        left = self._signed(depth)
        while word := self._take("*", "/", "div", "mod"):
            left = _divide(word, left, self._signed(depth)) if word != "*" else _numbers("*", left, self._signed(depth))
        return left

    def _signed(self, depth: int) -> Node:
        count = 0
        while self._take("-"):
            count += 1
        node = self._power(depth)
        return _numbers("neg", node) if count % 2 else node

    def _power(self, depth: int) -> Node:
        base = self._atom(depth)
        if not self._take("^"):
            return base
        word = self._peek()
        if not word.isdigit() or not 1 <= int(word[:3]) <= MOST_POWER:
            raise FormulaError(f"an exponent of 1 to {MOST_POWER} would be right, not {word!r}")
        self.at += 1
        node = base
        for _ in range(int(word) - 1):
            node = _numbers("*", node, base)
        return node

    def _atom(self, depth: int) -> Node:
        word = self._peek()
        self.at += 1
        if word == "(":
            node = self.formula(depth + 1)
            self._need(")")
            return node
        if word in ("ite", "abs"):
            return self._call(word, depth)
        if word in ("true", "false"):
            return Node("value", "Bool", value=word == "true")
        if word[:1].isdigit():
            return Node("value", "Real" if "." in word else "Int", value=Fraction(word))
        sort = self.names.get(word)
        if sort is None:
            raise FormulaError(
                f"the name {word!r} is not declared" if word[:1].isalpha() else f"{word!r} where a term is needed"
            )
        return Node("name", sort, value=word)

    def _call(self, word: str, depth: int) -> Node:
        self._need("(")
        args = [self.formula(depth + 1)]
        while self._take(","):
            args.append(self.formula(depth + 1))
        self._need(")")
        if word == "abs":
            if len(args) != 1 or args[0].sort == "Bool":
                raise FormulaError("abs takes one number")
            return _ite(
                _compare("<", args[0], Node("value", "Int", value=Fraction(0))), _numbers("neg", args[0]), args[0]
            )
        if len(args) != 3 or args[0].sort != "Bool":
            raise FormulaError("ite takes a condition and two terms")
        return _ite(*args)


def _bools(op: str, *args: Node) -> Node:
    for each in args:
        if each.sort != "Bool":
            raise FormulaError(f"{op!r} of a {each.sort}: a Bool would be right")
    return Node(op, "Bool", args)


def _numbers(op: str, *args: Node) -> Node:
    if any(each.sort == "Bool" for each in args):
        raise FormulaError(f"{op!r} of a Bool: a number would be right")
    return Node(op, "Real" if any(each.sort == "Real" for each in args) else "Int", args)


def _compare(op: str, left: Node, right: Node) -> Node:
    if (left.sort == "Bool") != (right.sort == "Bool"):
        raise FormulaError(f"{op!r} between a {left.sort} and a {right.sort}")
    if left.sort == "Bool":
        if op not in ("=", "!="):
            raise FormulaError(f"{op!r} between two Bools")
        return Node("<->" if op == "=" else "xor", "Bool", (left, right))
    return Node(op, "Bool", (left, right))


def _ite(condition: Node, left: Node, right: Node) -> Node:
    if (left.sort == "Bool") != (right.sort == "Bool"):
        raise FormulaError("the two terms of ite differ in sort")
    sort: Sort = left.sort if left.sort == right.sort else "Real"
    return Node("ite", sort, (condition, left, right))


def _divide(op: str, left: Node, right: Node) -> Node:
    divisor = constant(right)
    if divisor is None or left.sort == "Bool":
        raise FormulaError(f"{op!r} by what is not a constant")
    if op == "/":
        if divisor == 0:
            raise FormulaError("a division by 0")
        return Node("/", "Real", (left, Node("value", "Real", value=divisor)))
    if left.sort != "Int" or divisor <= 0 or divisor.denominator != 1:
        raise FormulaError(f"{op!r} takes an Int and a whole constant above 0")
    return Node(op, "Int", (left, Node("value", "Int", value=divisor)))


def constant(node: Node) -> Fraction | None:
    """The number that a term without names is; None for others."""
    if _names(node):
        return None
    value = evaluate(node, {})
    return None if isinstance(value, bool) else value


def _names(node: Node) -> bool:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each.op == "name":
            return True
        waiting.extend(each.args)
    return False


def is_linear(node: Node) -> bool:
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each.op == "*" and all(map(_names, each.args)):
            return False
        waiting.extend(each.args)
    return True


def evaluate(node: Node, model: Mapping[str, Value]) -> Value:
    """Exact. `model` gives every name of the formula a value of its sort. Raises FormulaError for numbers too large."""
    done: dict[int, Value] = {}
    waiting = [(node, False)]
    while waiting:  # formulas may be long sums: no recursion
        each, is_ready = waiting.pop()
        if id(each) in done:
            continue
        if is_ready or not each.args:
            done[id(each)] = _apply(each, [done[id(arg)] for arg in each.args], model)
        else:
            waiting.append((each, True))
            waiting.extend((arg, False) for arg in each.args)
    return done[id(node)]


def _apply(node: Node, args: list[Value], model: Mapping[str, Value]) -> Value:
    op = node.op
    if op == "name":
        return model[str(node.value)]
    if op == "value":
        assert not isinstance(node.value, str)
        return node.value
    if op == "ite":
        return args[1] if args[0] else args[2]
    if op in _LOGIC:
        return bool(_LOGIC[op](*map(bool, args)))
    value: Value = _ARITHMETIC[op](*map(Fraction, args))
    if not isinstance(value, bool) and max(abs(value.numerator), value.denominator) > LARGEST:
        raise FormulaError("a number too large to compute with")
    return value


_LOGIC: Mapping[str, Callable[..., bool]] = {
    "not": lambda a: not a,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "xor": lambda a, b: a != b,
    "->": lambda a, b: b or not a,
    "<->": lambda a, b: a == b,
}
_ARITHMETIC: Mapping[str, Callable[..., Value]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "neg": lambda a: -a,
    "div": lambda a, b: Fraction(a // b),
    "mod": lambda a, b: a - b * (a // b),
}


def parse_model(text: str, names: Mapping[str, Sort]) -> dict[str, Value]:
    """`x = 3, y = -1/2, p = true`, with commas, semicolons, new lines or `and` between: every declared name once. Raises
    FormulaError."""
    if len(text) > LONGEST:
        raise FormulaError(f"more than {LONGEST} characters")
    text = text.strip()
    if text[:1] in "{[(" and text[-1:] in "}])" and len(text) > 1:
        text = text[1:-1]
    found: dict[str, Value] = {}
    for part in re.split(r"[,;\n]|\band\b|∧", text):
        if not part.strip():
            continue
        words = re.fullmatch(r"\s*([A-Za-z_][A-Za-z0-9_']*)\s*:?=\s*(\S.*?)\s*", part)
        if words is None:
            raise FormulaError(f"{part.strip()[:40]!r} where `name = value` is needed")
        name, value = words.groups()
        if name not in names:
            raise FormulaError(f"the name {name!r} is not declared")
        if name in found:
            raise FormulaError(f"{name} is given twice")
        found[name] = _value(value, names[name])
    missing = [each for each in names if each not in found]
    if missing:
        raise FormulaError(f"no value for {', '.join(missing[:5])}")
    return found


def _value(text: str, sort: Sort) -> Value:
    if sort == "Bool":
        if text.lower() not in ("true", "false"):
            raise FormulaError(f"{text[:20]!r} where true or false is needed")
        return text.lower() == "true"
    number = re.fullmatch(r"([-+−]?)\s*([0-9]+(?:\.[0-9]+)?)(?:\s*/\s*([0-9]+))?", text)
    if number is None or len(text) > 2 * MOST_DIGITS or (number.group(3) and not int(number.group(3))):
        raise FormulaError(f"{text[:20]!r} where a number is needed")
    value = Fraction(number.group(2)) / int(number.group(3) or 1)
    if sort == "Int" and value.denominator != 1:
        raise FormulaError(f"{text[:20]} where a whole number is needed")
    return -value if number.group(1) in ("-", "−") else value
