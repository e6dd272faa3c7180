r"""Words: when a text is no formula but a name, a direction, a choice; and what follows a number as its unit."""

from __future__ import annotations

import re

from assay.verify.math.names import ABSENT, CONSTANTS, FUNCTIONS, JOINERS, PLAIN_CONSTANTS, ROMANS, TEXTS
from assay.verify.math.tree import Constant, Listing, Node, Number, Power, Product, Quotient, Symbol, Unit, Word
from assay.verify.math.unit_names import unit_word

LONGEST_PRODUCT = 3  # a run of more letters is a word, not a product
SHORT_WORDS = frozenset(
    [
        "yes",
        "no",
        "odd",
        "even",
        "true",
        "false",
        "on",
        "off",
        "up",
        "down",
        "in",
        "out",
        "left",
        "right",
        "red",
        "one",
        "two",
        "six",
        "ten",
        "all",
        "any",
        "both",
        "none",
        "not",
        "now",
        "own",
        "top",
        "low",
        "high",
        "big",
        "bag",
        "cat",
        "dog",
        "boy",
        "girl",
        "man",
        "men",
        "sun",
        "son",
        "sat",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
        "ace",
        "acute",
        "am",
        "pm",
        "ne",
        "nw",
        "se",
        "sw",
        "sse",
        "ssw",
        "nne",
        "nnw",
        "ben",
        "bob",
        "joe",
        "jim",
        "sam",
        "tom",
        "ann",
        "amy",
        "eve",
        "max",
        "ray",
        "roy",
        "leo",
        "ian",
        "dan",
        "ted",
        "kim",
        "meg",
        "sue",
        "tim",
        "liz",
        "pat",
        "rob",
        "ron",
        "guy",
        "jay",
        "ken",
        "lee",
        "zoe",
        "mia",
        "ava",
        "eli",
        "abe",
        "art",
        "max",
        "pam",
        "peg",
        "sal",
        "vic",
    ]
)


def as_word(tokens: list[str]) -> Node | None:
    r"""The whole field as a word: `\text{east}`, `\text{(C)}`, `east`, `no solution`; None when it is something else."""
    first = tokens[0]
    if first in TEXTS or first in ROMANS:
        if len(tokens) > 3 and tokens[1] == "{" and _closes_at_end(tokens):
            return text_node(tokens[2:-1], is_roman=first in ROMANS)
        return _dated([each for each in tokens if each not in TEXTS and each not in "{}"])
    if not first[0].isalpha():
        return None
    if len(tokens) == 2 and tokens[1] == ")":
        return _choices(first + ")")
    if not all(each[0].isalpha() or each in ("-", "'") for each in tokens):
        return _dated(tokens)
    if any(each in FUNCTIONS or each in JOINERS for each in tokens):
        return None
    text = spaced(tokens)
    absent = ABSENT.get(text.lower())
    if absent is not None:
        return Constant(absent)
    if len(tokens) == 1 and first in PLAIN_CONSTANTS:
        return None
    is_word = any(_is_word(each) for each in tokens)
    return (
        Word(text)
        if is_word and (len(tokens) == 1 or all(len(each) > 1 or each in "aIA-" for each in tokens))
        else None
    )


def _dated(tokens: list[str]) -> Node | None:
    """A name and a number: `June 20`, `Room 5`."""
    name = tokens[0] if len(tokens) == 2 and tokens[1].isdigit() else ""
    return (
        Word(f"{name} {tokens[1]}") if len(name) > LONGEST_PRODUCT - 1 and name.istitle() and name.isalpha() else None
    )


def _is_word(run: str) -> bool:
    return len(run) > LONGEST_PRODUCT or not run.isascii() or (len(run) > 1 and run.lower() in SHORT_WORDS)


def text_node(tokens: list[str], is_roman: bool = False) -> Node | None:
    r"""What `\text{...}` around these tokens stands for; None when it is a formula in disguise (`\text{5}`)."""
    text = spaced(tokens)
    if not text or any(each[0] == "\\" or each in "{}^_=<>" for each in tokens):
        return None
    if text[0] in "([" and text[-1] in ")]" and text[1:-1].isalnum():
        text = text[1:-1]
    if len(text) > 1 and (choices := _choices(text)) is not None:
        return choices
    if not text[0].isalpha():
        return None
    if len(text) == 1:
        return None if is_roman and text in PLAIN_CONSTANTS else Symbol(text)
    absent = ABSENT.get(text.lower())
    if absent is not None:
        return Constant(absent)
    if is_roman and (text in FUNCTIONS or "\\" + text in CONSTANTS):
        return None
    return Word(text)


def _choices(text: str) -> Node | None:
    """`A, C` and `B and (D)`: several letters that may be chosen together; `A or C` is not one answer."""
    if _CHOICES.fullmatch(text) is None:
        return Symbol(text[0]) if len(text) == 2 and text[0] in "ABCDEFGHIJ" and text[1] in "):" else None
    return Listing(tuple(Symbol(each) for each in re.findall("[A-J](?![a-z])", text)), ",")


_CHOICES = re.compile(r"\(?[A-J]\)?(?:(?:\s*,\s*and|\s*,|\s*&|\s+and)\s*\(?[A-J]\)?)+")


def spaced(tokens: list[str]) -> str:
    """The tokens as a text: a space between words, none inside brackets or before a mark."""
    text = ""
    for each in tokens:
        if text and ((each[0].isalnum() and text[-1] not in "(['-/") or (each in "([" and text[-1].isalnum())):
            text += " "
        text += each
    return text.rstrip(".,;")


def _closes_at_end(tokens: list[str]) -> bool:
    depth = 0
    for index, each in enumerate(tokens):
        if each == "{":
            depth += 1
        elif each == "}":
            depth -= 1
            if depth == 0:
                return index == len(tokens) - 1
    return False


POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}


def unit_label(tokens: list[str]) -> Node | None:
    """What a text after a number says as a unit: `cm`, `square units`, `km/h`, `miles per hour`, `cm^2`; else None."""
    at, over = 0, False
    above: list[Node] = []
    below: list[Node] = []
    while at < len(tokens):
        token = tokens[at]
        if token in ("/", "per") and (above and not over):
            over, at = True, at + 1
            continue
        power = POWERS.get(token) if at + 1 < len(tokens) else None
        at += power is not None
        if power is not None and tokens[at] == ".":
            at += 1
        if at == len(tokens):
            return None
        name = unit_word(tokens[at].rstrip("."))
        if name is None:
            return None
        at += 1
        if at < len(tokens) and tokens[at] == ".":  # an abbreviation: `sq. in.`
            at += 1
        if at + 1 < len(tokens) and tokens[at] == "^" and power is None:
            digits = "".join(each for each in tokens[at + 1 : at + 4] if each not in "{}")
            if digits not in ("2", "3"):
                return None
            power = int(digits)
            at += 2 if tokens[at + 1] != "{" else 4
        unit: Node = Unit(name) if power is None else Power(Unit(name), Number(power, str(power)))
        (below if over else above).append(unit)
    if not above or (over and not below):
        return None
    top = above[0] if len(above) == 1 else Product(tuple(above))
    return Quotient(top, below[0] if len(below) == 1 else Product(tuple(below))) if below else top
