"""A rule's text as a tree. The grammar stands in docs/reference/rules.md; this file is its one implementation.

A recursive descent over tokens. Names are resolved while it is read: a name is `answer`, `tables.NAME`, a function before
a bracket, or the variable of a `for` around it. What cannot be read raises Unreadable with its column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple, NoReturn

from assay.core.errors import did_you_mean
from assay.verify.structured.functions import FUNCTIONS
from assay.verify.structured.syntax import (
    Answer,
    Arithmetic,
    Call,
    Choose,
    Clause,
    Compare,
    Each,
    Field,
    Item,
    ListOf,
    Literal,
    Logic,
    Negative,
    Node,
    Not,
    TableName,
    Variable,
)

LONGEST = 8000  # characters of a rule
DEEPEST = 60  # brackets, calls and operators inside each other

TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<number>[0-9]+(?:\.[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<sign>==|!=|<=|>=|//|&&|\|\||[-+*/%<>()\[\],.=!])""",
    re.VERBOSE | re.DOTALL,
)
ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
WORDS = frozenset({"and", "or", "not", "in", "if", "else", "for", "implies", "true", "false", "null"})
CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None}
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
INSTEAD = {"=": "==", "&&": "and", "||": "or", "!": "not", "True": "true", "False": "false", "None": "null"}


class Unreadable(Exception):
    """A rule that is none; `column` counts from 1."""

    def __init__(self, column: int, detail: str) -> None:
        super().__init__(f"column {column}: {detail}")


class Token(NamedTuple):
    kind: str  # number, name, text, sign, end
    text: str
    column: int


def parse(source: str, names: Iterable[str] = ()) -> Node:
    """`names`: variables that the place where the rule stands gives it, in slots 0, 1, ... Raises Unreadable."""
    if len(source) > LONGEST:
        raise Unreadable(LONGEST, f"a rule holds at most {LONGEST} characters")
    reader = _Parser(_tokens(source), tuple(names))
    node = reader.expression()
    reader.expect_end()
    return node


def _tokens(source: str) -> list[Token]:
    found, at = [], 0
    while at < len(source):
        match = TOKEN.match(source, at)
        if match is None:
            raise Unreadable(at + 1, f"{source[at]!r} begins nothing")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at + 1))
        at = match.end()
    return [*found, Token("end", "", len(source) + 1)]


class _Parser:
    def __init__(self, tokens: list[Token], names: tuple[str, ...]) -> None:
        self._tokens, self._at, self._depth = tokens, 0, 0
        self._scope: list[Variable] = [Variable(0, name, slot) for slot, name in enumerate(names)]
        self._slots = len(names)

    # expressions, the loosest first

    def expression(self) -> Node:
        self._deeper()
        column = self._next.column
        then = self._implies()
        if self._takes("if"):
            condition = self._implies()
            self._wants("else")
            then = Choose(column, condition, then, self.expression())
        self._depth -= 1
        return then

    def _implies(self) -> Node:
        column, left = self._next.column, self._or()
        if self._takes("implies"):
            self._deeper()
            left = Logic(column, "implies", left, self._implies())
            self._depth -= 1
        return left

    def _or(self) -> Node:
        column, left = self._next.column, self._and()
        while self._takes("or"):
            left = Logic(column, "or", left, self._and())
        return left

    def _and(self) -> Node:
        column, left = self._next.column, self._not()
        while self._takes("and"):
            left = Logic(column, "and", left, self._not())
        return left

    def _not(self) -> Node:
        column = self._next.column
        if not self._takes("not"):
            return self._comparison()
        self._deeper()
        inner = Not(column, self._not())
        self._depth -= 1
        return inner

    def _comparison(self) -> Node:
        column, first = self._next.column, self._sum()
        rest = []
        while operator := self._comparing():
            rest.append((operator, self._sum()))
        return Compare(column, first, tuple(rest)) if rest else first

    def _comparing(self) -> str:
        token = self._next
        if token.kind == "sign" and token.text in COMPARISONS:
            self._at += 1
            return token.text
        if self._takes("in"):
            return "in"
        if self._is("not") and self._is("in", 1):
            self._at += 2
            return "not in"
        return ""

    def _sum(self) -> Node:
        left = self._product()
        while self._is("+") or self._is("-"):
            token = self._take()
            left = Arithmetic(token.column, token.text, left, self._product())
        return left

    def _product(self) -> Node:
        left = self._signed()
        while any(map(self._is, ("*", "/", "//", "%"))):
            token = self._take()
            left = Arithmetic(token.column, token.text, left, self._signed())
        return left

    def _signed(self) -> Node:
        token = self._next
        if not self._takes("-"):
            return self._path()
        self._deeper()
        inner = Negative(token.column, self._signed())
        self._depth -= 1
        return inner

    # paths and what they begin with

    def _path(self) -> Node:
        node = self._atom()
        column, clauses = node.column, []
        while True:
            token = self._next
            if self._takes("."):
                node = Field(token.column, node, self._name("a field's name"))
            elif self._is("[") and self._is("*", 1):
                self._at += 2
                self._wants("]")
                clauses.append(Clause("*", self._slot(), node))
                node = Variable(token.column, "*", clauses[-1].slot, node)
            elif self._takes("["):
                node = Item(token.column, node, self.expression())
                self._wants("]")
            else:
                return Each(column, node, tuple(clauses)) if clauses else node

    def _atom(self) -> Node:
        token = self._take()
        if token.kind == "number":
            value = Fraction(token.text)
            return Literal(token.column, value.numerator if value.denominator == 1 else value)
        if token.kind == "text":
            return Literal(token.column, _unescaped(token))
        if token.kind == "name" and token.text not in WORDS:
            return self._named(token)
        if token.text in CONSTANTS:
            return Literal(token.column, CONSTANTS[token.text])
        if token.text == "(":
            inner = self.expression()
            self._wants(")")
            return inner
        if token.text == "[":
            items = self._list("]")
            return items if isinstance(items, Each) else ListOf(token.column, items)
        return self._refuse(token)

    def _named(self, token: Token) -> Node:
        if self._takes("("):
            return self._call(token)
        if token.text == "answer":
            return Answer(token.column)
        if token.text == "tables":
            self._wants(".", "a table, as in tables.orders,")
            return TableName(token.column, self._name("a table's name"))
        found = next((each for each in self._scope if each.name == token.text), None)
        if found is None:
            known = ["answer", "tables", *FUNCTIONS, *(each.name for each in self._scope), *CONSTANTS]
            hint = f"; {INSTEAD[token.text]} would be right" if token.text in INSTEAD else ""
            raise Unreadable(token.column, f"unknown name {token.text!r}{hint or did_you_mean(token.text, known)}")
        return replace(found, column=token.column)

    def _call(self, token: Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            raise Unreadable(token.column, f"unknown function {token.text!r}{did_you_mean(token.text, FUNCTIONS)}")
        found = self._list(")")
        if isinstance(found, Each):
            if not function.takes_list:
                raise Unreadable(token.column, f"{token.text} takes no `for`; [... for ...] makes a list")
            found = (found,)
        if not function.least <= len(found) <= function.most:
            raise Unreadable(token.column, f"{function.usage} would be right, not {len(found)} arguments")
        return Call(token.column, token.text, found)

    def _list(self, closing: str) -> tuple[Node, ...] | Each:
        """Items up to the closing bracket, or one element with its clauses."""
        if (each := self._each()) is not None:
            self._wants(closing)
            return each
        items: list[Node] = []
        while not self._takes(closing):
            if items:
                self._wants(",", f"',' or {closing!r}")
            items.append(self.expression())
        return tuple(items)

    def _each(self) -> Each | None:
        """`element for ...`: its clauses are read first, so that the element knows their variables."""
        start, clauses_at = self._at, self._for_ahead()
        if clauses_at is None:
            return None
        known = len(self._scope)
        self._at, clauses = clauses_at, []
        while self._takes("for"):
            name = self._next
            text = self._name("a variable's name")
            if text in WORDS or text in ("answer", "tables") or text in {each.name for each in self._scope}:
                raise Unreadable(name.column, f"{text!r} stands for something else; another name would be right")
            self._wants("in")
            source = self._or()
            slot = self._slot()
            self._scope.append(Variable(name.column, text, slot, source))
            conditions = []
            while self._takes("if"):
                conditions.append(self._implies())
            clauses.append(Clause(text, slot, source, tuple(conditions)))
        end, self._at = self._at, start
        column, element = self._next.column, self.expression()
        if self._at != clauses_at:
            self._refuse(self._next)
        self._at = end
        del self._scope[known:]
        return Each(column, element, tuple(clauses))

    def _for_ahead(self) -> int | None:
        """Where the next `for` of this bracket stands, before a comma or the bracket's end."""
        depth = 0
        for at in range(self._at, len(self._tokens)):
            text, kind = self._tokens[at].text, self._tokens[at].kind
            if kind == "text":
                continue
            if text in ("(", "["):
                depth += 1
            elif text in (")", "]"):
                depth -= 1
            if depth < 0 or (depth == 0 and text == ","):
                return None
            if depth == 0 and text == "for" and not (at and self._tokens[at - 1].text == "."):
                return at
        return None

    # tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._at += 1
        return token

    def _is(self, text: str, ahead: int = 0) -> bool:
        at = self._at + ahead
        return at < len(self._tokens) and self._tokens[at].text == text and self._tokens[at].kind != "text"

    def _takes(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _wants(self, text: str, said: str = "") -> None:
        if not self._takes(text):
            self._refuse(self._next, said or repr(text))

    def _name(self, said: str) -> str:
        """Any name, a word of the language too: `leg.from` is a field."""
        token = self._take()
        if token.kind != "name":
            self._refuse(token, said)
        return token.text

    def _slot(self) -> int:
        self._slots += 1
        return self._slots - 1

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unreadable(self._next.column, f"nested deeper than {DEEPEST}")

    def expect_end(self) -> None:
        if self._next.kind != "end":
            self._refuse(self._next, "the end")

    def _refuse(self, token: Token, wanted: str = "an expression") -> NoReturn:
        hint = INSTEAD.get(token.text)
        wanted = repr(hint) if hint else wanted
        raise Unreadable(
            token.column, f"{wanted} would be right here, not {repr(token.text[:40]) if token.text else 'the end'}"
        )


def _unescaped(token: Token) -> str:
    def meant(found: re.Match[str]) -> str:
        if found[1][0] == "u" and len(found[1]) == 5:
            return chr(int(found[1][1:], 16))
        if found[1] not in ESCAPES:
            raise Unreadable(token.column, rf"\{found[1]} is no escape; \n, \t, \\, \', \" and \u0041 are")
        return ESCAPES[found[1]]

    return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", meant, token.text[1:-1], flags=re.DOTALL)
