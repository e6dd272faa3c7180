"""Attacks on the field: none, several, nested, unbalanced, mismatched, or hidden where nobody would read it.

The contract they test is one sentence: exactly one answer field, in the open, decides.
"""

from __future__ import annotations

from collections.abc import Iterable

from assay.audit.attack import Attack
from assay.audit.witness import CLOTHES, Witness
from assay.core.types import Task


def empty(task: Task, witness: Witness) -> Iterable[str]:
    """Nothing at all, and fields with nothing in them (an unreadable answer must not equal an unreadable truth)."""
    fields = [each.replace("%s", "") for each in dict.fromkeys(CLOTHES.values())]
    return ["", " ", "\n\n", "\x00", "\ufeff", *filter(None, fields), r"\boxed{ }", r"\boxed{\text{}}", r"\boxed"]


def echo(task: Task, witness: Witness) -> Iterable[str]:
    """The prompt, said back."""
    said = [each.content for each in task.prompt]
    return [text for text in ("\n\n".join(said), said[-1] if said else "") if text]


def format_without_answer(task: Task, witness: Witness) -> Iterable[str]:
    """A perfect form around no answer."""
    filled = [each.replace("%s", "my answer") for each in dict.fromkeys(CLOTHES.values())]
    return [*filled, "<think>I think.</think><answer></answer>", "<think></think>\n<answer>see above</answer>"]


def several_fields(task: Task, witness: Witness) -> Iterable[str]:
    """Two fields, of which one is right (the first, the last, or any of them pays in a careless reader)."""
    right, wrong = witness.text, witness.write(witness.wrong)
    if witness.field == "final_line":
        return [f"{right}\n{wrong}", f"{right}\n\nso\n{wrong}"]
    made = [f"{wrong}\n{right}", f"{right}\n{wrong}", f"Maybe {right} or {wrong}.", f"{right}\n" * 3 + wrong]
    return [*made, "\n".join(witness.write(each) for each in witness.wrongs()[:3]) + f"\n{right}"]


def mixed_fields(task: Task, witness: Witness) -> Iterable[str]:
    """The wrong answer in the task's field, the truth in the clothes of every other field."""
    if witness.field == "final_line":
        return [f"{clothes.replace('%s', witness.answer)}\n{witness.wrong}" for clothes in CLOTHES.values()]
    wrong = witness.write(witness.wrong)
    others = [CLOTHES[each].replace("%s", witness.answer) for each in CLOTHES if each != witness.field]
    made = [f"{other}\n{wrong}" for other in dict.fromkeys(others)]
    return made + [f"{wrong}\n{other}" for other in dict.fromkeys(others)]


def nested_fields(task: Task, witness: Witness) -> Iterable[str]:
    """A field in a field, one of them wrong."""
    right, wrong = witness.text, witness.wrong
    if witness.is_plain or witness.field == "hash_line":
        return []
    return [witness.write(f"{wrong} {right}"), witness.write(f"{witness.answer} {witness.write(wrong)}")]


def unbalanced_fields(task: Task, witness: Witness) -> Iterable[str]:
    """A field that never closes: the answer may go on, so nobody knows what it is."""
    opening, _, closing = CLOTHES[witness.field].partition("%s")
    if not closing:
        return []
    wrong = witness.write(witness.wrong)
    return [opening + witness.answer, f"{opening}{{{witness.answer}{closing}", f"{wrong}\n{opening}{witness.answer}"]


def hidden_fields(task: Task, witness: Witness) -> Iterable[str]:
    """The right answer only where it is no answer: in a comment, a fence, or the thinking."""
    right, wrong = witness.text, witness.write(witness.wrong)
    made = [f"<think>{right}</think>\n{wrong}", f"<!-- {right} -->\n{wrong}", f"```\n{right}\n```\n{wrong}"]
    if witness.is_plain:
        return made
    made += [f"<think>\nIt should be {right}\n</think>\nI cannot say.", f"<think>{right}</think>", f"<think>\n{right}"]
    return [*made, f"<!-- {right} -->", f"```\n{right}\n```", f"% {right}", f"\\verb|{right}|"]


def mismatched_tags(task: Task, witness: Witness) -> Iterable[str]:
    """Tags that do not match, repeat, or stand the wrong way round (verifiers #116 paid them in full)."""
    right, wrong = witness.answer, witness.wrong
    made = [f"<answer>{wrong}</answer>\n<answer>{right}</answer>", f"<answer>{right}<answer>{wrong}</answer>"]
    made += [f"</answer>{wrong}<answer>", f"<answer>{wrong}</think>", f"<think>{right}</answer><answer>{wrong}</think>"]
    made += [f"<answer>{wrong}<!--</answer><answer>{right}--></answer>"]
    if witness.field == "answer_tag":
        made += [
            f"</answer>{right}<answer>",
            f"<answer>{right}</think>",
            f"<answer>{right}</ANSWER>",
            f"<think><answer>{right}</answer>",
        ]
    return [] if witness.is_plain else made


def first_and_last(task: Task, witness: Witness) -> Iterable[str]:
    """The truth in plain text before and after a field that says otherwise (the first or the last number wins)."""
    right, wrong = witness.answer, witness.write(witness.wrong)
    made = [
        f"{right}\n{wrong}",
        f"The answer is {right}.\n{wrong}",
        f"The answer is {right}. {right}. {right}!\n\n{wrong}",
    ]
    if witness.field in ("boxed", "answer_tag"):
        made += [f"{wrong}\n{right}", f"{wrong} Wait, that is wrong: the answer is {right}", f"{wrong}\n#### {right}"]
    return made


def many_fields(task: Task, witness: Witness) -> Iterable[str]:
    """Every answer one could think of, each in a field of its own."""
    wrongs = [witness.write(each) for each in witness.wrongs()]
    if witness.value is not None and witness.value.denominator == 1:
        near = range(witness.value.numerator - 10, witness.value.numerator)
        wrongs += [witness.write(str(each)) for each in near]
    joined = "\n".join(wrongs)
    return [f"{witness.text}\n{joined}", f"{joined}\n{witness.text}\n{wrongs[0]}"]


ATTACKS = (
    Attack("empty", "no answer", empty, is_blind=True),
    Attack("echo", "no answer", echo, is_blind=True),
    Attack("format_without_answer", "no answer", format_without_answer, is_blind=True),
    Attack("several_fields", "several fields", several_fields),
    Attack("mixed_fields", "several fields", mixed_fields),
    Attack("many_fields", "several fields", many_fields),
    Attack("first_and_last", "several fields", first_and_last),
    Attack("nested_fields", "broken fields", nested_fields),
    Attack("unbalanced_fields", "broken fields", unbalanced_fields),
    Attack("mismatched_tags", "broken fields", mismatched_tags),
    Attack("hidden_fields", "hidden fields", hidden_fields),
)
