r"""The truth of a math task: the accepted answers, and in which ways another answer may still be the same.

| key           | default    | what it says                                                                              |
|---------------|------------|-------------------------------------------------------------------------------------------|
| `answer`      |            | the right answer, or a list of right answers of which any one will do                     |
| `field`       | `boxed`    | where the answer stands (extract.py)                                                      |
| `tolerance`   | none       | `{"absolute": x}`, `{"relative": x}` or `{"digits": n}` (equal when rounded to n figures) |
| `percent`     | `strict`   | `strict`: 20\% is only 20\%; `number`: it is also 20; `fraction`: it is also 1/5          |
| `units`       | `same`     | `same`: a missing unit is accepted, a different one never; `convert`: 1 m is 100 cm;      |
|               |            | `required`: a missing one is refused too                                                  |
| `form`        | `any`      | `reduced`, `factored`, `expanded` or `decimal`: how the answer must be written            |
| `ordered`     | by the     | true: the order of `3, 4` counts; false: not even that of `(3, 4)` does                   |
|               | brackets   |                                                                                           |
| `letter_case` | `exact`    | `ignore`: `East` is `east` (words only, never symbols)                                    |
| `locale`      | `en`       | `de`, `fr`, ...: `3,5` is three and a half, `1.000` is a thousand, `;` separates          |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json
from assay.verify.extract import FIELDS

if TYPE_CHECKING:
    from assay.verify.math.tree import Node

Percent = Literal["strict", "number", "fraction"]
Units = Literal["same", "convert", "required"]
Form = Literal["any", "reduced", "factored", "expanded", "decimal"]
LetterCase = Literal["exact", "ignore"]
LOCALES = ("en", "de", "fr", "es", "it", "nl", "pt", "ru", "pl", "sv")
KEYS = ("answer", "field", "tolerance", "percent", "units", "form", "ordered", "letter_case", "locale")
TOLERANCES = ("absolute", "relative", "digits")
MOST_ANSWERS = 100


@dataclass(frozen=True, slots=True)
class Tolerance:
    kind: Literal["absolute", "relative", "digits"]
    amount: float


@dataclass(frozen=True, slots=True)
class Policy:
    tolerance: Tolerance | None = None
    percent: Percent = "strict"
    units: Units = "same"
    form: Form = "any"
    ordered: bool | None = None
    letter_case: LetterCase = "exact"
    locale: str = "en"


STRICT = Policy()


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted answer: its text, how it is read, and its digits when it is a plain integer, which needs no reading."""

    text: str
    tree: Node | None
    shown: str
    integer: str | None


@dataclass(frozen=True, slots=True)
class MathTruth:
    """What the verifier reads a truth into."""

    accepted: tuple[Accepted, ...]
    field: str
    policy: Policy
    texts: frozenset[str]
    integers: frozenset[str] | None  # when all accepted answers are plain integers and no policy is in force


def read_policy(truth: Json) -> tuple[list[str], str, Policy]:
    """The accepted answers, the field and the policy. Raises TruthError naming the key."""
    if isinstance(truth, str):
        return [truth], "boxed", STRICT
    if not isinstance(truth, dict):
        raise TruthError(f'math: the truth is a {type(truth).__name__}; "1/2" or {{"answer": "1/2"}} would be right')
    for key in truth:
        if key not in KEYS:
            raise TruthError(f"math: unknown key {key!r}{did_you_mean(str(key), KEYS)}; known: {', '.join(KEYS)}")
    answers = truth.get("answer")
    answers = [answers] if isinstance(answers, str) else answers
    if not isinstance(answers, list) or not answers or not all(isinstance(each, str) for each in answers):
        raise TruthError(f"math: answer: a text, or a list of texts, would be right, not {str(answers)[:80]!r}")
    if len(answers) > MOST_ANSWERS:
        raise TruthError(f"math: answer: {len(answers)} accepted answers, more than {MOST_ANSWERS}")
    ordered = truth.get("ordered")
    if ordered is not None and not isinstance(ordered, bool):
        raise TruthError(f"math: ordered: true or false would be right, not {ordered!r}")
    policy = Policy(
        tolerance=_tolerance(truth.get("tolerance")),
        percent=_choice(truth, "percent", get_args(Percent)),  # type: ignore[arg-type]
        units=_choice(truth, "units", get_args(Units)),  # type: ignore[arg-type]
        form=_choice(truth, "form", get_args(Form)),  # type: ignore[arg-type]
        ordered=ordered,
        letter_case=_choice(truth, "letter_case", get_args(LetterCase)),  # type: ignore[arg-type]
        locale=_choice(truth, "locale", LOCALES),
    )
    return answers, _choice(truth, "field", FIELDS), STRICT if policy == STRICT else policy


def _choice(truth: dict[str, Json], key: str, known: tuple[str, ...]) -> str:
    """One of the known values; the first is the default."""
    value = truth.get(key, known[0])
    if value not in known:
        raise TruthError(f"math: {key}: {value!r} is none of {', '.join(known)}{did_you_mean(str(value), known)}")
    return str(value)


def _tolerance(value: Json) -> Tolerance | None:
    if value is None:
        return None
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in TOLERANCES:
        raise TruthError(
            f"math: tolerance: an object with one of {', '.join(TOLERANCES)} would be right, not {value!r}"
        )
    kind, amount = next(iter(value.items()))
    if isinstance(amount, bool) or not isinstance(amount, (int, float)) or not math.isfinite(amount) or amount <= 0:
        raise TruthError(f"math: tolerance: {kind}: a number above 0 would be right, not {amount!r}")
    if kind == "digits" and (not isinstance(amount, int) or amount > 1_000):
        raise TruthError(f"math: tolerance: digits: a whole number up to 1000 would be right, not {amount!r}")
    if kind == "relative" and amount >= 1:
        raise TruthError(f"math: tolerance: relative: a number below 1 would be right, not {amount!r}")
    return Tolerance(kind, amount)
