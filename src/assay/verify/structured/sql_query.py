"""The one SELECT of a reply: the whole reply or the content of its only fence, read-only and alone.

A fence decides where there is one (three backticks are a quoted name to sqlite, so the text around a fence could itself
be a query); else the whole reply is the query, after the thinking at its beginning. One `;` may end it, and comments may
stand anywhere. A scan of our own finds where strings, names and comments end; then sqlglot says what the statement is.
What sqlglot cannot parse is left to sqlite, which opens nothing to it but reading (`sql_run`): a query is not wrong
because a parser in Python does not know its syntax.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from assay.core.errors import TruthError
from assay.core.types import Json, Reason
from assay.verify.structured.reply import Contract, Cut, cut_fence, read_contract, sized, unthought

if TYPE_CHECKING:
    from sqlglot.expressions import Expr

KIND = "one_select"
DEFAULT = Contract(max_depth=64, fence_langs=frozenset({"sql", "sqlite", ""}))
SPACE = " \t\r\n\f"  # what sqlite calls white space
MOST_ROWS, MOST_STEPS = 10_000, 300_000

OPENING = re.compile(r"(?i)select\b|with\s+(recursive\s+)?([\w\"`\[].{0,80}?\sas\b|[\w]+\s*\()|--|/\*", re.DOTALL)
TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n\f]+|--[^\n]*|/\*.*?\*/)"""
    r"""|(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])"""
    r"""|(?P<word>[^\W\d]\w*)|(?P<number>\d\w*)|(?P<broken>/\*|['"`\[])|(?P<sign>.)""",
    re.DOTALL,
)
MOST_EXPANDED = 2_000  # selects that the WITH tables of a query come to
PARSER_TROUBLE = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class SqlContract:
    reply: Contract = DEFAULT
    max_rows: int = MOST_ROWS
    max_steps: int = MOST_STEPS


class Query(NamedTuple):
    """`text` as it was written, without its `;`. `words`: its bare words, in lower case."""

    text: str
    words: frozenset[str]


class Refused(Exception):
    """A reply that is not one SELECT, or one that cannot be run to its end."""

    def __init__(self, reason: Reason, detail: str, text: str = "") -> None:
        super().__init__(detail)
        self.reason, self.detail, self.text = reason, detail, text


def read_sql_contract(value: Json) -> SqlContract:
    """The keys of `reply.read_contract`, `max_rows` and `max_steps`. There is one kind, under whatever name for it.

    Raises TruthError."""
    if not isinstance(value, Mapping):
        return SqlContract(read_contract(value, KIND, DEFAULT))
    caps: dict[str, int] = {}
    for name, most in (("max_rows", MOST_ROWS), ("max_steps", 100 * MOST_STEPS)):
        if name in value:
            if type(value[name]) is not int or not 1 <= value[name] <= most:
                raise TruthError(
                    f"contract.{name}: a whole number from 1 to {most} would be right, not {value[name]!r}"
                )
            caps[name] = value[name]
    rest = {name: each for name, each in value.items() if name not in caps}
    if re.search(r"(?i)select|query|sql", str(rest.get("kind", ""))):
        rest["kind"] = KIND
    return SqlContract(read_contract(rest, KIND, DEFAULT), **caps)


def query_of(response: str, contract: SqlContract) -> Query:
    """The query of a reply. Raises Refused."""
    cut = cut_query(response, contract.reply)
    if cut.text is None:
        raise Refused(cut.reason or Reason.MALFORMED, cut.detail)
    return read_query(cut.text, contract.reply.max_depth)


def cut_query(response: str, contract: Contract) -> Cut:
    text = unthought(response, lambda text: OPENING.match(text) is not None)
    if text is None:
        return Cut(None, Reason.NO_ANSWER, "the thinking never ends")
    if not text.strip(SPACE):
        return Cut(None, Reason.NO_ANSWER, "an empty reply")
    return cut_fence(text, contract) or sized(text, contract)


def read_query(text: str, max_depth: int = DEFAULT.max_depth) -> Query:
    """Raises Refused for anything but one SELECT."""
    query = scan(text, max_depth)
    try:
        found = [each for each in parsed(query.text) if each is not None]
    except ValueError as error:
        if "with" in query.words:  # how far its tables expand could not be seen
            raise Refused(Reason.MALFORMED, str(error), query.text) from None
        return query
    if len(found) != 1:
        raise Refused(Reason.MALFORMED, f"{len(found)} statements", query.text)
    if not is_select(found[0]):
        kind = type(found[0]).__name__.lower()
        raise Refused(Reason.MALFORMED, f"a statement that is no SELECT ({kind})", query.text)
    if "with" in query.words and expanded(found[0]) > MOST_EXPANDED:
        raise Refused(Reason.LIMIT, f"WITH tables that expand to more than {MOST_EXPANDED} selects", query.text)
    return query


def scan(text: str, max_depth: int) -> Query:
    """The statement's text and words, by sqlite's own tokens. Raises Refused."""
    shown = text.strip(SPACE)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(Reason.MALFORMED, "a lone surrogate") from None
    if "\0" in text:
        raise Refused(Reason.MALFORMED, "a NUL", shown)
    words: list[str] = []
    quoted: set[str] = set()
    first, end, depth = "", -1, 0
    for token in TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "space":
            continue
        if end >= 0:
            what = "a second ;" if token[0] == ";" else "a second statement"
            raise Refused(Reason.MALFORMED, what, shown)
        if token[0] == "\ufeff":  # white space to sqlite, and to nobody else
            raise Refused(Reason.MALFORMED, "a byte order mark", shown)
        if kind == "broken":
            raise Refused(Reason.MALFORMED, f"{token[0]} that never ends", shown)
        if not first:
            first = token[0].lower()
        if kind == "word":
            words.append(token[0].lower())
        elif kind == "quoted":
            quoted.add(token[0][1:-1].casefold())
        elif token[0] == ";":
            end = token.start()
        elif token[0] == "(":
            depth += 1
            if depth > max_depth:
                raise Refused(Reason.MALFORMED, f"nested deeper than {max_depth}", shown)
        elif token[0] == ")":
            depth -= 1
    if not first:
        raise Refused(Reason.NO_ANSWER, "no query", shown)
    if first not in ("select", "with"):
        reason = Reason.MALFORMED if "select" in words or "values" in words or first in VERBS else Reason.NO_ANSWER
        raise Refused(reason, f"{first[:40]!r} begins no SELECT", shown)
    if quoted & PRESENT and DATES.keys() & set(words):  # also where it would never be evaluated
        raise Refused(Reason.MALFORMED, "a date function of the present is not open to a query", shown)
    return Query((text if end < 0 else text[:end]).strip(SPACE), frozenset(words))


DATES: Mapping[str, int] = {
    "date": 0,
    "time": 0,
    "datetime": 0,
    "julianday": 0,
    "unixepoch": 0,
    "strftime": 1,
    "timediff": 0,
}
"""The date functions, and where their time value stands among the arguments."""
PRESENT = frozenset({"now", "subsec", "subsecond", "localtime", "utc"})  # the clock, and this machine's time zone
NAMES_OF_VERBS = (
    "alter analyze attach begin commit create delete detach drop end explain insert pragma reindex release replace rollback "
    "savepoint update vacuum values"
)
SILENT = logging.NullHandler()
VERBS = frozenset(NAMES_OF_VERBS.split())


def parsed(text: str) -> list[Expr | None]:
    """By sqlglot. Raises ValueError for what it cannot parse."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").addHandler(SILENT)  # what it warns of is a reply's affair, not a terminal's
    try:
        return list(sqlglot.parse(text, dialect="sqlite"))
    except (SqlglotError, *PARSER_TROUBLE) as error:
        raise ValueError(f"sqlglot cannot parse it ({type(error).__name__})") from None


def is_select(tree: Expr) -> bool:
    from sqlglot import expressions

    return isinstance(tree, (expressions.Select, expressions.SetOperation, expressions.Subquery))


def expanded(tree: Expr) -> int:
    """How many selects sqlite makes of a query, which copies a WITH table wherever it is named: each may name the one
    before it twice, so that forty of them are more than it can ever prepare. Counted up to a little above MOST_EXPANDED."""
    from sqlglot import expressions

    inside = {each.alias.lower(): each.this for each in tree.find_all(expressions.CTE)}
    sizes: dict[str, int] = {}

    def size(name: str) -> int:
        if name not in sizes:
            sizes[name] = 1  # what it names itself, in a recursion, is not copied
            sizes[name] = 1 + named(inside[name])
        return sizes[name]

    def named(node: Expr) -> int:
        total = 0
        for each in node.find_all(expressions.Table):
            total += size(each.name.lower()) if each.name.lower() in inside else 0
        return min(total, MOST_EXPANDED + 1)

    return named(tree)
