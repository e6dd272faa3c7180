"""Right answers in other clothes: each must be paid, or the verifier teaches the policy to dress, not to answer.

They keep to what every verifier of the kind should read (recall is measured on them); what a truth's `form` or `units`
policy may forbid is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from assay.audit.attack import Attack
from assay.audit.witness import Witness, decimal_of
from assay.core.types import Task


def itself(task: Task, witness: Witness) -> Iterable[str]:
    """The truth, in its field."""
    return [witness.text]


def with_reasoning(task: Task, witness: Witness) -> Iterable[str]:
    """Reasoning before the answer, wrong numbers and thinking included."""
    if witness.field == "whole_text":
        return []
    return [
        f"First I read the problem. Then I compute.\n\n{witness.text}",
        f"It is not {witness.wrong}: that would be too much.\n{witness.text}",
        f"<think>\nHm, {witness.wrong}? No.\n</think>\n{witness.text}",
        f"答案如下。Ça y est.\n{witness.text}",
        f"One step.\r\nAnother step.\r\n{witness.text}",
    ]


def with_ends(task: Task, witness: Witness) -> Iterable[str]:
    """White space, full stops and math marks around the field."""
    text = witness.text
    if witness.is_plain:
        return [f"{text}\n", f"  {text}"] if witness.field == "final_line" else []
    made = [f"  {text}  ", f"{text}\n\n", f"{text}\nThat is my answer."]
    if witness.field == "boxed":
        made += [f"The answer is {text}.", f"${text}$", f"$$\n{text}\n$$", f"\\[ {text} \\]", f"**{text}**"]
        made += [f"\\boxed{{ {witness.answer} }}", f"The answer is ${text}$."]
    if witness.field == "answer_tag":
        made += [f"<answer> {witness.answer} </answer>", f"<answer>\n{witness.answer}\n</answer>"]
    return made


def number_forms(task: Task, witness: Witness) -> Iterable[str]:
    """The same number: as a decimal, as a fraction, with thousand separators."""
    value = witness.value
    if value is None or witness.kind != "number" or witness.policies & {"form", "locale", "units", "percent"}:
        return []
    above, below = value.numerator, value.denominator
    sign = "-" if above < 0 else ""
    made = []
    if below == 1:
        made += [str(above), f"{above}.0", f"{above}.00"]
        if abs(above) >= 1000:
            grouped = f"{above:,}"
            made += [grouped, grouped.replace(",", "{,}"), grouped.replace(",", "\\,")]
    else:
        made += [
            f"{sign}\\frac{{{abs(above)}}}{{{below}}}",
            f"{sign}\\dfrac{{{abs(above)}}}{{{below}}}",
            f"{above}/{below}",
        ]
        decimal = decimal_of(value)
        if decimal is not None:
            made += [decimal, f"{decimal}0"]
    return [witness.write(each) for each in made]


def wrapped(task: Task, witness: Witness) -> Iterable[str]:
    """Text and letters in the wrappers that models put round them."""
    answer = witness.answer
    if witness.kind == "choice":
        return [
            witness.write(each)
            for each in (f"\\text{{{answer}}}", f"({answer})", f"{answer}.", f"\\textbf{{{answer}}}")
        ]
    if witness.kind == "number" and witness.field == "boxed":
        return [witness.write(each) for each in (f"${answer}$", f" {answer} ")]
    return []


EQUIVALENTS = (
    Attack("itself", "the truth itself", itself, expect="paid"),
    Attack("with_reasoning", "surroundings", with_reasoning, expect="paid"),
    Attack("with_ends", "surroundings", with_ends, expect="paid"),
    Attack("number_forms", "number forms", number_forms, expect="paid"),
    Attack("wrapped", "wrappers", wrapped, expect="paid"),
)
