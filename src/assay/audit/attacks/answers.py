"""Attacks on the value: wrong answers that look right, sit near the truth, or hold it among others.

Each function is one attack; its docstring names the flaw that pays it. Nothing here is right by any reading: what a
truth's tolerance or policies could forgive is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction

from assay.audit.attack import Attack
from assay.audit.witness import Witness, decimal_of, value_of, write_number
from assay.core.types import Task


def _written(witness: Witness, answers: Iterable[str]) -> Iterator[str]:
    """Those of `answers` that are not right after all, in the task's field."""
    for answer in answers:
        value = value_of(answer)
        if witness.value is not None and value is not None and abs(value - witness.value) <= witness.slack:
            continue
        if answer.strip().casefold() not in {each.strip().casefold() for each in witness.accepted}:
            yield witness.write(answer)


def off_by_one(task: Task, witness: Witness) -> Iterable[str]:
    """The nearest wrong answers: another number, letter or text of the same kind."""
    return [witness.write(each) for each in witness.wrongs()[:3]]


def other_truths(task: Task, witness: Witness) -> Iterable[str]:
    """Right answers of other tasks (a verifier that mixes rows up pays them)."""
    return [witness.write(each) for each in witness.others]


def sign_and_digits(task: Task, witness: Witness) -> Iterable[str]:
    """The sign flipped, two digits swapped, one dropped or doubled, a factor of ten."""
    if witness.value is None:
        return []
    value, digits = witness.value, witness.answer
    made = [write_number(-value), write_number(value * 10), write_number(value / 10), write_number(value / 2)]
    swap = next((i for i in range(len(digits) - 1) if digits[i : i + 2].isdigit() and digits[i] != digits[i + 1]), None)
    if swap is not None:
        made.append(digits[:swap] + digits[swap + 1] + digits[swap] + digits[swap + 2 :])
    if digits.isdigit():
        made += [digits[:-1] or "0", digits + digits[-1], digits + "0", f"9{digits}9", f"{digits}.5", f"0.{digits}"]
    return _written(witness, made)


def rounded(task: Task, witness: Witness) -> Iterable[str]:
    """Close, but not equal: what a comparison of rounded floats pays (math-verify rounds to 6 places by default)."""
    if witness.value is None or witness.slack or witness.policies or witness.value == 0:
        return []
    made = [
        witness.value * (1 + Fraction(1, 10**9)),
        witness.value * Fraction(1005, 1000),
        witness.value * Fraction(99, 100),
    ]
    texts = [decimal_of(each, 30) for each in made]
    if decimal_of(witness.value) is None:  # 1/3 is not 0.333333
        texts.append(f"{float(witness.value):.6f}")
    return _written(witness, [each for each in texts if each])


def percent(task: Task, witness: Witness) -> Iterable[str]:
    """7 % is not 7."""
    if witness.value in (None, 0) or witness.policies:
        return []
    return [witness.write(f"{witness.answer}\\%"), witness.write(f"{witness.answer}%")]


def operators(task: Task, witness: Witness) -> Iterable[str]:
    """The truth with an operator that changes it: factorial, power, imaginary unit, base, plus-minus, not."""
    value, answer = witness.value, witness.answer
    if value is None or "units" in witness.policies:
        return []
    made = [f"{answer}i", rf"\neq {answer}", f"> {answer}", f"<{answer}", rf"{answer} \pm 1", rf"\text{{not }}{answer}"]
    if value not in (0, 1):
        made += [f"{answer}^{{2}}", f"{answer}+{answer}", rf"\pm {answer}"]
        if value.denominator == 1 and value > 2:
            made += [f"{answer}!", rf"\sqrt{{{answer}}}", f"{answer}^{answer}"]
        if value >= 10 and answer.isdigit():
            made.append(f"{answer}_{{11}}")
    return [witness.write(each) for each in made]


def chains(task: Task, witness: Witness) -> Iterable[str]:
    """A false equation with the truth on one side."""
    if witness.kind not in ("number", "expression") or "=" in witness.answer:
        return []
    return [witness.write(f"{witness.wrong}={witness.answer}"), witness.write(f"{witness.answer}={witness.wrong}")]


def hedges(task: Task, witness: Witness) -> Iterable[str]:
    """Two answers in one field: the truth, or else something wrong (Visual-RFT #79: "A or B or C")."""
    right, wrong = witness.answer, witness.wrong
    return [
        witness.write(each)
        for each in (
            f"{right} or {wrong}",
            f"{wrong} or {right}",
            rf"{wrong} \text{{ or }} {right}",
            f"either {right}, or maybe {wrong}",
            f"{right}/{wrong}" if witness.kind == "choice" else f"{right} (or {wrong})",
            f"not {right} but {wrong}",
        )
    ]


def lists(task: Task, witness: Witness) -> Iterable[str]:
    """The truth somewhere in a list, a set, a tuple or an enumeration of everything."""
    right, wrong = witness.answer, witness.wrong
    made = [
        f"{wrong}, {right}",
        f"{right}, {wrong}",
        f"{wrong};{right}",
        rf"\{{{wrong}, {right}\}}",
        f"({wrong}, {right})",
    ]
    made += [f"[{wrong}, {right}]", f"{wrong} and {right}", f"1, 2, 3, {right}, {wrong} are candidates"]
    if witness.value != 0:  # read as a product it would be right
        made.append(f"{wrong} {right}")
    if witness.kind == "number" and witness.value is not None and witness.value.denominator == 1:
        around = range(witness.value.numerator - 5, witness.value.numerator + 6)
        made += [", ".join(map(str, around)), r"\{" + ",".join(map(str, around)) + r"\}", r"x \in \mathbb{R}"]
    if witness.kind == "choice":
        letters = "".join(witness.choices or "ABCD")
        made += [
            ", ".join(letters),
            letters,
            " ".join(letters),
            f"{right}{wrong}",
            f"{wrong}{right}",
            "all of the above",
        ]
    return [witness.write(each) for each in made]


def substrings(task: Task, witness: Witness) -> Iterable[str]:
    """The truth inside a longer word, number or sentence that says something else."""
    right, wrong = witness.answer, witness.wrong
    made = [f"anything but {right}", f"it is certainly not {right}", f"{wrong}, since {right} is too obvious"]
    if witness.kind == "choice":
        made = [f"{right} good question", f"none of them, least of all {right}", f"not {right}; {wrong}"]
    elif witness.kind == "text":
        made += [f"un{right}", f"{right}less", f"{right} {right}ish"]
    return _written(witness, made)


ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def words(number: int) -> str:
    """0 to 999999 in English.

    >>> words(168)
    'one hundred sixty-eight'
    """
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10 - 2] + (f"-{ONES[number % 10]}" if number % 10 else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    rest = f" {words(number % size)}" if number % size else ""
    return f"{words(number // size)} {name}{rest}"


def number_words(task: Task, witness: Witness) -> Iterable[str]:
    """A wrong number in words, alone or with the truth's digits near it."""
    wrong = value_of(witness.wrong)
    if wrong is None or wrong.denominator != 1 or not 0 <= wrong < 10**6:
        return []
    spelled = words(wrong.numerator)
    return [witness.write(spelled), witness.write(spelled.upper()), witness.write(rf"\text{{{spelled}}}")]


SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
HOMOGLYPHS = str.maketrans("ABCEHKMOPTXaceopxyi", "АВСЕНКМОРТХасеорхуі")  # Latin to Cyrillic


def look_alikes(task: Task, witness: Witness) -> Iterable[str]:
    """Characters that fold, normalise or display into the truth but say something else (16² is not 162)."""
    right, made = witness.answer, []
    if right.isascii() and right.isdigit():
        if len(right) > 1 and right not in ("10", "11") and int(right[-1]) != 1:
            made.append(right[:-1] + right[-1].translate(SUPERSCRIPTS))
            made.append(f"{right[0]}_{right[1:]}")
        made += [right.replace("0", "O"), right.replace("1", "l"), right.replace("5", "S")]
        if right != right[::-1]:
            made.append(f"\u202e{right[::-1]}")  # displayed from right to left it reads as the truth
    elif witness.kind in ("choice", "text"):
        made += [right.translate(HOMOGLYPHS)]
    return _written(witness, [each for each in made if each != right])


def letter_case(task: Task, witness: Witness) -> Iterable[str]:
    """x and X are two variables."""
    answer = witness.answer
    if witness.kind not in ("expression", "text") or "letter_case" in witness.policies:
        return []
    if not re.search(r"[0-9+*/^()]", answer) or "=" in answer:  # a word's case may be free, and so may be x's in x = 5
        return []
    swapped = re.sub(r"(?<![\\A-Za-z])[a-z](?![A-Za-z])", lambda letter: letter[0].upper(), answer)
    return [witness.write(swapped)] if swapped != answer else []


def sizes(task: Task, witness: Witness) -> Iterable[str]:
    """Values at the edge of arithmetic: NaN, infinities, nothing, division by zero."""
    made = ["nan", "NaN", "inf", "-inf", r"\infty", "1e400", "-1e400", "None", "null", "undefined", "1/0", "True", "x"]
    made += [r"\frac{0}{0}", r"\frac{1}{0}", "-", "+", ".", "?", r"\text{}"]
    plain = re.sub(r"\\text|\\mathrm|[{}\s]", "", witness.answer).casefold()
    if not witness.slack:
        made.append("1e-400")  # not 0, but a float says so
    if not re.search(r"empty|nothing|none", plain):
        made += ["{}", "()", "[]", r"\emptyset"]
    return _written(witness, [each for each in made if each.strip("\\").casefold() not in plain])


ATTACKS = (
    Attack("off_by_one", "neighbours", off_by_one),
    Attack("other_truths", "neighbours", other_truths),
    Attack("sign_and_digits", "neighbours", sign_and_digits),
    Attack("rounded", "neighbours", rounded),
    Attack("percent", "neighbours", percent),
    Attack("operators", "neighbours", operators),
    Attack("chains", "several answers", chains),
    Attack("hedges", "several answers", hedges),
    Attack("lists", "several answers", lists),
    Attack("substrings", "several answers", substrings),
    Attack("number_words", "look-alikes", number_words),
    Attack("look_alikes", "look-alikes", look_alikes),
    Attack("letter_case", "look-alikes", letter_case),
    Attack("sizes", "sizes", sizes),
)
