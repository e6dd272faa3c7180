"""Multiple choice: the one answer field names the right option.

The truth is `"B"`, or `{"answer": "B", "choices": {"A": "...", ...}, "field": "boxed" | ...}`. A field names an option by
its label, however dressed (`B`, `(B)`, `B.`, `\\text{B}`), by its full text when the choices are given, or by both, which
then must agree. A label's case is ignored unless the choices hold both cases. Labels may be words (`Yes`, `No`).

Exactly one field: two are `ambiguous`, even twice the same. An outcome check cannot see the reasoning before it:
`It ends in 7, so it must be prime. \\boxed{Yes}` is right where Yes is the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed
from assay.verify.extract import extract

FIELDS = ("boxed", "answer_tag", "hash_line", "final_line", "whole_text")
KEYS = ("answer", "choices", "field")
LONGEST = 2000  # characters of a field that could still name an option
DRESS = ("text", "textbf", "textrm", "textit", "mathrm", "mathbf", "mathsf", "bf", "rm")


@dataclass(frozen=True, slots=True)
class ChoiceTruth:
    answer: str  # the label, normalised
    labels: Mapping[str, str]  # label, normalised -> its text, normalised; empty when only the answer is known
    field: str
    ignores_case: bool

    def label(self, text: str) -> str:
        return text.casefold() if self.ignores_case else text


class ChoiceVerifier:
    name = "choice"
    version = "1"

    def read(self, truth: Json) -> ChoiceTruth:
        if isinstance(truth, str):
            truth = {"answer": truth}
        if not isinstance(truth, dict):
            raise TruthError(f'choice: the truth is a {type(truth).__name__}; "B" or {{"answer": "B"}} would be right')
        for key in truth:
            if key not in KEYS:
                raise TruthError(f"choice: unknown key {key!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}")
        answer, choices, field = truth.get("answer"), truth.get("choices") or {}, truth.get("field", "boxed")
        if not isinstance(answer, str) or not undressed(answer):
            raise TruthError(f"choice: answer: an option's label would be right, not {answer!r}")
        if field not in FIELDS:
            raise TruthError(f"choice: field: {field!r} is none of {', '.join(FIELDS)}")
        if not isinstance(choices, dict) or not all(isinstance(each, str) for each in choices.values()):
            raise TruthError("choice: choices: an object of label to text would be right")
        names = [undressed(name) for name in choices]
        ignores_case = len({name.casefold() for name in names}) == len(names)
        read = ChoiceTruth("", {}, field, ignores_case)
        labels = {read.label(name): spaced(text) for name, text in zip(names, choices.values(), strict=True)}
        right = read.label(undressed(answer))
        if labels and right not in labels:
            raise TruthError(f"choice: answer {answer!r} is none of the choices {', '.join(choices)}")
        if len(labels) != len(choices) or "" in labels:
            raise TruthError("choice: choices: every label must be its own, and not empty")
        return ChoiceTruth(right, labels, field, ignores_case)

    def check(self, truth: ChoiceTruth, response: str, prompt: str = "") -> Finding:
        field = extract(response, truth.field)
        if field.text is None:
            return failed(field.reason or Reason.NO_ANSWER)
        chosen = choose(truth, field.text)
        if chosen is None:
            return failed(Reason.MALFORMED, field.text, named="no option")
        if chosen == truth.answer:
            return passed(field.text)
        return failed(Reason.WRONG_VALUE, field.text, named=chosen)


def choose(truth: ChoiceTruth, text: str) -> str | None:
    """The label that a field's text names; None when it names none, or two that differ."""
    if len(text) > LONGEST:
        return None
    bare = undressed(text)
    if truth.label(bare) in truth.labels or (not truth.labels and truth.label(bare) == truth.answer):
        return truth.label(bare)
    if not truth.labels:
        return truth.label(bare) if bare.isalnum() else None
    words = spaced(bare)
    by_text = [label for label, option in truth.labels.items() if option == words]
    if by_text:
        return by_text[0] if len(by_text) == 1 else None
    head, rest = split_label(bare)
    label = truth.label(undressed(head))
    return label if rest and label in truth.labels and spaced(undressed(rest)) == truth.labels[label] else None


def undressed(text: str) -> str:
    """Without the marks around a label: white space, `$`, brackets, a full stop or colon behind, `\\text{...}`."""
    text = text.strip()
    while True:
        before = text
        if len(text) > 1 and text[-1] in ".:,":
            text = text[:-1].rstrip()
        for left, right in (("(", ")"), ("[", "]"), ("{", "}"), ("$", "$"), ("**", "**")):
            if len(text) >= len(left + right) and text.startswith(left) and text.endswith(right):
                inner = text[len(left) : len(text) - len(right)]
                if is_balanced(inner):
                    text = inner.strip()
        for command in DRESS:
            if text.startswith(f"\\{command}{{") and text.endswith("}") and is_balanced(text[len(command) + 2 : -1]):
                text = text[len(command) + 2 : -1].strip()
        if text.endswith(")") and text.count("(") == 0:  # "B)"
            text = text[:-1].rstrip()
        if text == before:
            return text


def split_label(text: str) -> tuple[str, str]:
    """`B. the text` or `(B) the text` or `\\text{B}: the text` as the label's part and the rest."""
    for at, sign in enumerate(text):
        if sign in ".:)" or (sign == " " and at > 0):
            return text[: at + 1].strip().removesuffix(".").removesuffix(":"), text[at + 1 :].lstrip(" :.-")
    return text, ""


def spaced(text: str) -> str:
    """For comparing an option's text: letter case and the amount of white space do not count."""
    return " ".join(text.casefold().split()).rstrip(".")


def is_balanced(text: str) -> bool:
    """Do its brackets close in order? Then the ones around it belong together: not so in `(A) and (B)`."""
    waiting: list[str] = []
    closing = {"(": ")", "[": "]", "{": "}"}
    for sign in text:
        if sign in closing:
            waiting.append(closing[sign])
        elif sign in ")]}" and (not waiting or waiting.pop() != sign):
            return False
    return not waiting
