"""A witness: a right answer to a task as its verifier wants it written, and answers that are certainly wrong.

Attacks are built from witnesses so that they hit this data set. "Certainly wrong" is decided here, never by the verifier
under test: a number beyond twice what the truth's tolerance forgives, another option's letter, another string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from assay.core.types import Json, Task

Kind = Literal["number", "choice", "expression", "text", "query"]

CLOTHES: Mapping[str, str] = {
    "boxed": r"\boxed{%s}",
    "answer_tag": "<answer>%s</answer>",
    "hash_line": "#### %s",
    "final_line": "%s",
    "whole_text": "%s",
}
"""How an answer is written in each answer field."""

LENIENT = frozenset({"tolerance", "percent", "units", "form", "locale", "letter_case"})
"""Keys of a truth that make more answers right than its own text; attacks that would lean on them are left out."""


@dataclass(frozen=True, slots=True)
class Witness:
    """`value` is the answer as an exact number where it is one, `slack` what the truth's tolerance may forgive, twice.

    `others`: right answers of other tasks that are certainly wrong here.
    """

    answer: str
    field: str
    kind: Kind
    accepted: tuple[str, ...] = ()
    value: Fraction | None = None
    slack: Fraction = Fraction(0)
    policies: frozenset[str] = frozenset()
    choices: Mapping[str, str] | None = None
    others: tuple[str, ...] = ()

    def write(self, answer: str) -> str:
        """`answer` in this task's field."""
        return CLOTHES[self.field].replace("%s", answer)

    @property
    def text(self) -> str:
        return self.write(self.answer)

    @property
    def is_plain(self) -> bool:
        """The field is text without a mark around it, so what stands around the answer counts."""
        return self.field in ("final_line", "whole_text")

    def is_wrong(self, answer: str) -> bool:
        """Certainly wrong: another number beyond the tolerance, another letter, another text."""
        if answer.strip().casefold() in {each.strip().casefold() for each in (self.answer, *self.accepted)}:
            return False
        value = value_of(answer)
        if self.value is not None and value is not None:
            return abs(value - self.value) > self.slack
        return self.kind in ("choice", "text")

    def wrongs(self) -> tuple[str, ...]:
        """Certainly wrong answers of the right kind, the nearest first; at least one."""
        if self.kind == "number" and self.value is not None:
            step = max(Fraction(1), self.slack * 2)
            step = Fraction(-(-step.numerator // step.denominator))
            near = [write_number(self.value + each * step) for each in (1, -1, 2)]
            return (*near, *self.others)
        if self.kind == "choice":
            letters = [each for each in (self.choices or "ABCD") if self.is_wrong(each)]
            return tuple(letters) or ("Z",)
        if self.kind == "expression":
            return (f"{self.answer}+1",)  # the same thing and one more is another thing, whatever the thing is
        if self.kind == "query":
            return (f"SELECT * FROM ({self.answer}) WHERE 0",)
        return (*self.others, f"{self.answer}ish", f"un{self.answer}")

    @property
    def wrong(self) -> str:
        return self.wrongs()[0]


def candidates(task: Task) -> tuple[Witness, ...]:
    """Ways in which this task's right answer may have to be written; the verifier's first PASS decides which is one.

    A truth that names its field gives one candidate, a user's function (whose contract nobody wrote down) several.
    Empty when no right answer can be read off the truth.
    """
    truth = task.truth
    if task.verifier in COMPOSED and isinstance(truth, Mapping):
        parts = truth.get("parts", ())
        inner = [candidates(_as_task(task, part)) for part in parts if isinstance(part, Mapping)]
        return next((each for each in inner if each), ())
    options: Mapping[str, Json] = truth if isinstance(truth, Mapping) else {}
    if task.verifier == "sql":
        gold = str(options.get("gold_sql", "")).strip().removesuffix(";")
        return (Witness(gold, "whole_text", "query", (gold,)),) if gold else ()
    if task.verifier in ("structured", "grounded", "constraint"):
        reference = options.get("reference")
        if not isinstance(reference, Mapping):
            return ()
        text = json.dumps(reference)
        return (Witness(answer=text, field="whole_text", kind="expression", accepted=(text,)),)
    answer = options.get("answer") if options else truth
    accepted = tuple(as_text(each) for each in answer) if isinstance(answer, list) else (as_text(answer),)
    if answer is None or not accepted or not all(accepted):
        return ()
    first = unboxed(accepted[0])
    fields = [str(options["field"])] if "field" in options else _fields_of(task.verifier)
    value = value_of(first)
    made = Witness(
        answer=first,
        field=fields[0],
        kind=_kind(task.verifier, value),
        accepted=accepted,
        value=value,
        slack=2 * _slack(options.get("tolerance"), value),
        policies=frozenset(options) & LENIENT,
        choices=options.get("choices") if isinstance(options.get("choices"), Mapping) else None,
    )
    return tuple(replace(made, field=field) for field in fields if field in CLOTHES)


COMPOSED = frozenset({"all_of", "any_of", "gate", "weighted"})
FORMS = frozenset({"format", "instructions", "language"})
"""Verifiers that look at a reply's form alone: whatever it answers may be right to them."""


def names_answer(verifier: str, truth: Json) -> bool:
    """Can a reply be wrong for its answer? Not to a verifier of form, nor to any_of with one among its parts."""
    parts = truth.get("parts") if isinstance(truth, Mapping) else None
    if verifier in COMPOSED and isinstance(parts, list):
        named = [
            names_answer(str(each.get("verifier")), each.get("truth")) for each in parts if isinstance(each, Mapping)
        ]
        return all(named) if verifier == "any_of" else any(named)
    return verifier not in FORMS


def with_others(witness: Witness, answers: Iterable[str], most: int = 3) -> Witness:
    """The witness with other tasks' answers that are certainly wrong here."""
    found = [each for each in dict.fromkeys(answers) if witness.is_wrong(each)]
    return replace(witness, others=tuple(found[:most]))


NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d*)(\.\d*)?")
FRACTION = re.compile(r"([+-]?)\\[dt]?frac\{(\d+)\}\{(\d+)\}|([+-]?\d+)/(\d+)")


def value_of(text: str) -> Fraction | None:
    """The exact value of a plain number, decimal or fraction; None for anything else. Small on purpose: it is the
    audit's own reading, shared with no verifier."""
    text = text.strip().strip("$").removesuffix(".").replace(r"{,}", ",").replace("−", "-").strip()
    if len(text) > 400:
        return None
    if found := FRACTION.fullmatch(text):
        sign, above, below, plain_above, plain_below = found.groups()
        over = int(below or plain_below)
        return Fraction(int(f"{sign}{above}") if above else int(plain_above), over) if over else None
    found = NUMBER.fullmatch(text)
    if found is None or not any(each.isdigit() for each in text) or not text.isascii():
        return None
    sign, whole, decimals = found.groups()
    return Fraction(f"{sign}{whole.replace(',', '') or '0'}{decimals if decimals and decimals != '.' else ''}")


def write_number(value: Fraction) -> str:
    """As a person would: an integer, a short decimal, else a fraction."""
    return decimal_of(value) or f"{value.numerator}/{value.denominator}"


def decimal_of(value: Fraction, most: int = 12) -> str | None:
    """The exact decimal with at most `most` places, or None."""
    for places in range(most + 1):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
            sign = "-" if scaled < 0 else ""
            return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"
    return None


def as_text(answer: Json) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, (bool, int, float)):
        return str(answer)
    return "" if answer is None else json.dumps(answer)


def unboxed(answer: str) -> str:
    """A truth that is itself one box is read as its content."""
    found = re.fullmatch(r"\s*\\boxed\{(.*)\}\s*", answer, flags=re.S)
    return found.group(1) if found and "\\boxed" not in found.group(1) else answer


def _fields_of(verifier: str) -> list[str]:
    return ["boxed"] if verifier in ("math", "choice") else ["boxed", "whole_text", "answer_tag", "hash_line"]


def _kind(verifier: str, value: Fraction | None) -> Kind:
    if verifier == "choice":
        return "choice"
    if value is not None:
        return "number"
    return "expression" if verifier == "math" else "text"


def _slack(tolerance: Json, value: Fraction | None) -> Fraction:
    if value is None or not isinstance(tolerance, (Mapping, float, int)):
        return Fraction(0)
    size = max(Fraction(1), abs(value))
    if not isinstance(tolerance, Mapping):
        return Fraction(tolerance) * size
    if "absolute" in tolerance:
        return Fraction(tolerance["absolute"])
    if "relative" in tolerance:
        return Fraction(tolerance["relative"]) * size
    if "digits" in tolerance:  # significant or decimal digits, whichever forgives more
        digits = int(tolerance["digits"])
        return size / Fraction(10 ** (digits - 1)) if digits > 0 else 10 * size
    return Fraction(0)


def _as_task(task: Task, part: Mapping[str, Json]) -> Task:
    return Task(task.id, task.prompt, str(part.get("verifier", "")), part.get("truth"))
