"""Attacks on verifiers of instructions and of language: replies that break one instruction of the task by construction, and
reasoning in another language than the one asked for.

They are crafted from the truths of `instructions` and `language`. A reply that breaks one instruction is wrong whatever it
does with the others, so what breaks each is written down here, by the audit's own reading.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from assay.audit.attack import Attack
from assay.audit.witness import Witness
from assay.core.types import Json, Task

Break = Callable[[Mapping[str, Json]], list[str]]

SENTENCES: Mapping[str, str] = {
    "en": "First we add all the numbers from one to ten, and then we divide the whole sum by five.",
    "de": "Zuerst addieren wir alle Zahlen von eins bis zehn, und dann teilen wir die ganze Summe durch fünf.",
    "fr": "D'abord nous additionnons tous les nombres de un à dix, et puis nous divisons toute la somme par cinq.",
    "es": "Primero sumamos todos los números del uno al diez, y luego dividimos toda la suma entre cinco.",
    "ru": "Сначала мы складываем все числа от одного до десяти, а потом делим всю сумму на пять.",
    "zh": "首先我们把从一到十的所有数加起来，然后把总和除以五。",
    "ja": "まず一から十までの数をすべて足して、それから合計を五で割ります。",
    "ar": "أولا نجمع كل الأعداد من واحد إلى عشرة، ثم نقسم المجموع كله على خمسة.",
}
NEAR: Mapping[str, tuple[str, ...]] = {"ja": ("zh",), "zh": ("ja",)}
"""Languages that share signs: Han alone are no proof that a text is not Japanese."""


def instructions_nothing(task: Task, witness: Witness) -> Iterable[str]:
    """No word at all: saying nothing keeps every prohibition and every upper limit."""
    if task.verifier != "instructions":
        return []
    return [
        "",
        " \n",
        "...",
        "\u200b",
        "\u200b\u2060\ufeff",
        "***",
        '""',
        "?!",
        "\ud800\x00",
        "<think>I will keep all of them.</think>",
        "\x00",
    ]


def instructions_broken(task: Task, witness: Witness) -> Iterable[str]:
    """Replies that break one of the instructions: by one, by a look-alike, by a mark with nothing in it, by a claim to keep
    them."""
    made: list[str] = []
    for check in checks_of(task):
        broken = BROKEN.get(str(check.get("id")))
        if broken is not None:
            made += broken(check)
    return made


def language_mixed(task: Task, witness: Witness) -> Iterable[str]:
    """Reasoning in another language, with the one asked for only in the answer, in code, in a formula, or in a few words."""
    code = language_of(task)
    if code is None:
        return []
    own = SENTENCES.get(code, "")
    others = [text for each, text in SENTENCES.items() if each != code and each not in NEAR.get(code, ())]
    made = [*others, *(f"{text}\ud800\x00\u202e" for text in others)]
    for text in others[:4]:
        made += [
            f"<think>{text}</think>\n{own}",
            f"{text}\n```\n{own}\n```",
            f"{text} `{own}`",
            f"{text * 3} {own[:12]}",
            f"<think></think>{text}",
        ]
    return [*made, f"<think></think>{own}", "12 + 43 = 55", f"```\n{own}\n```", f"${own}$", ""]


def language_clothes(task: Task, witness: Witness) -> Iterable[str]:
    """Reasoning in the language asked for, with formulas, code and numbers, before an answer in another."""
    code = language_of(task)
    if code is None or code not in SENTENCES:
        return []
    text = SENTENCES[code]
    other = SENTENCES["ru" if code != "ru" else "zh"]
    return [
        text,
        f"{text} $x^2 + y = 12$ {text}",
        f"{text}\n```python\nprint(1)\n```",
        f"<think>\n{text}\n</think>\n{other}",
    ]


def instructions_bombs(task: Task, witness: Witness) -> Iterable[str]:
    """Marks and words without end, left open, for whoever scans a reply more than once."""
    if task.verifier not in ("instructions", "language"):
        return []
    return [
        each * (400_000 // len(each))
        for each in ("*", "[", "<<", "\\(", "`", "Dr. ", "\\begin{a}", "$", "***\n", "<think>")
    ]


def checks_of(task: Task) -> Sequence[Mapping[str, Json]]:
    """The truth's instructions, in either layout."""
    truth = task.truth
    if task.verifier != "instructions" or not isinstance(truth, Mapping):
        return []
    names, given = truth.get("instruction_id_list"), truth.get("kwargs")
    if isinstance(names, list) and isinstance(given, list):
        return [{**(each or {}), "id": name} for name, each in zip(names, given, strict=False)]
    checks = truth.get("checks")
    return [each for each in checks if isinstance(each, Mapping)] if isinstance(checks, list) else []


def language_of(task: Task) -> str | None:
    truth = task.truth
    if task.verifier != "language" or not isinstance(truth, Mapping) or truth.get("at_least", 0.9) < 0.5:
        return None
    return str(truth.get("language"))


def _numbered(key: str, relation: str, unit: str) -> Break:
    """So many `unit`s with a relation: one too few, or one too many."""

    def broken(check: Mapping[str, Json]) -> list[str]:
        count = int(check[key])
        if check[relation] == "less than":
            return [unit * min(count, 400), unit * min(count + 1, 401)] if count <= 400 else []
        few = unit * min(count - 1, 400)
        return [few, f"{few}\u200b", f"{few} ... ***"] if count > 1 else ["..."]

    return broken


def _missing_keyword(check: Mapping[str, Json]) -> list[str]:
    rest = " ".join(check["keywords"][:-1])
    last = check["keywords"][-1]
    made = [
        f"{rest} x{last}",
        f"{rest} {last}s{last}",
        f"{rest} {' '.join(last)}" if len(last) > 1 else rest,
        f"<think>{last}</think> {rest} ok",
    ]
    return [each for each in made if not _has(each.partition("</think>")[2] or each, last)]


def _has(text: str, word: str) -> bool:
    """The audit's own reading: the word between blanks."""
    return f" {word.casefold()} " in f" {text.casefold()} "


def _forbidden(check: Mapping[str, Json]) -> list[str]:
    word = str(check["forbidden_words"][0])
    return [
        word,
        f"I would never say {word.upper()}!",
        f"so ({word})",
        f"{word[:1]}\u200b{word[1:]} it is",
        f"A {word}, then.",
    ]


BROKEN: Mapping[str, Break] = {
    "punctuation:no_comma": lambda check: ["Yes, I do.", "One，two", "I keep to it: no commas, ever."],
    "keywords:existence": _missing_keyword,
    "keywords:forbidden_words": _forbidden,
    "length_constraints:number_words": _numbered("num_words", "relation", "word "),
    "length_constraints:number_sentences": _numbered("num_sentences", "relation", "It is so. "),
    "detectable_format:json_format": lambda check: ["{a: 1}", '{"a": 1', '{"a": NaN}', "Here it is: {}", "json"],
    "detectable_format:title": lambda check: ["<<>> text", "<Title> text", "<< >> text", "Title\ntext"],
    "detectable_format:number_bullet_lists": lambda check: [
        "* \n" * int(check["num_bullets"]) + "text",
        "* a\n" * (int(check["num_bullets"]) + 1),
    ],
    "detectable_format:number_highlighted_sections": lambda check: [
        "** " * 2 * int(check["num_highlights"]) + "text",
        "* a\n" * int(check["num_highlights"]),
    ],
    "detectable_content:number_placeholders": lambda check: [
        "[] " * int(check["num_placeholders"]) + "text",
        "(a) " * int(check["num_placeholders"]),
    ],
    "combination:two_responses": lambda check: ["text\n******\n", "text\n******\ntext", "one\n***\ntwo"],
    "startend:quotation": lambda check: ['"text', 'text"', "'text'", 'so "text"'],
    "startend:end_checker": lambda check: [f"{check['end_phrase']} And so on", f"{check['end_phrase']} x", "text"],
    "change_case:english_capital": lambda check: ["TEXT text", "ТЕКСТ", "123"],
    "change_case:english_lowercase": lambda check: ["text Text", "текст", "123"],
}


def format_broken(task: Task, witness: Witness) -> Iterable[str]:
    """The form with one thing wrong: a tag missing, twice, in capitals or turned about, an empty part, text outside."""
    grammar = task.truth.get("grammar") if isinstance(task.truth, Mapping) else task.truth
    if task.verifier != "format" or grammar not in ("boxed", "think_answer"):
        return []
    if grammar == "boxed":
        return [
            "",
            "12",
            r"\boxed{}",
            r"\boxed{1} \boxed{1}",
            r"\boxed{1",
            r"\boxed 1",
            "<!-- \\boxed{1} -->",
            "\ud800",
        ]
    right = "<think>a</think><answer>b</answer>"
    made = ["", "b", "\ud800", f"So: {right}", f"{right} Done.", right * 2, right.upper(), right.replace("a", "")]
    made += [right.replace("b", " "), right.replace("</think>", "</think> so "), right.replace("think", "answer")]
    made += [right.replace(each, "") for each in ("<think>", "</think>", "<answer>", "</answer>")]
    made += [right.replace("b", each) for each in ("<answer>b", "b</ANSWER>", "<think>b</think>", "< answer >b")]
    return [*made, "<answer>b</answer><think>a</think>", "<think>a<answer>b</answer></think>"]


EQUIVALENTS = (
    Attack("language_clothes", "surroundings", language_clothes, expect="paid", is_blind=True, is_form=True),
)
ATTACKS = (
    Attack("instructions_nothing", "instructions", instructions_nothing, is_blind=True, is_form=True),
    Attack("instructions_broken", "instructions", instructions_broken, is_blind=True, is_form=True),
    Attack("language_mixed", "language", language_mixed, is_blind=True, is_form=True),
    Attack("format_broken", "form", format_broken, is_blind=True, is_form=True),
    Attack("instructions_bombs", "instruction bombs", instructions_bombs, is_blind=True, is_heavy=True, is_form=True),
)
