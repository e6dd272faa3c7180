"""Documents that lenient readers take: the battery finds the flaw in each, and none in the room's own verifiers.

The flawed ones are made from plain Python around the two sample truths, each with one leniency that people have.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import pytest

from assay.audit.attacks.structured import ATTACKS
from assay.audit.report import AuditReport
from assay.audit.run import audit
from assay.audit.samples import BASKET, LATE
from assay.core.types import Json, Message, Outcome, Reason, Task, Verdict
from assay.verify.base import judge
from assay.verify.pool import JudgeRequest

TASKS = {
    name: [Task(f"{name}-1", (Message("user", "Answer as JSON."),), name, truth)]
    for name, truth in (("structured", BASKET), ("grounded", LATE))
}
Read = Callable[[str], Any]


def strict(text: str) -> Any:
    """One fence or the whole text, keys once, numbers finite."""
    text = re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.S).strip(" \t\r\n")
    if not text.startswith("{"):
        found = re.fullmatch(r"```(?:json)?\n(.*)\n```", text, flags=re.S)
        if not found or "```" in found[1]:
            raise ValueError
        text = found[1]
    if len(text) > 20_000:
        raise ValueError
    text.encode()

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError
        return dict(pairs)

    def finite(text: str) -> Decimal:
        if abs(float(text)) == float("inf"):
            raise ValueError
        return Decimal(text)

    def constant(name: str) -> Any:
        raise ValueError(name)

    value = json.loads(text, object_pairs_hook=once, parse_float=finite, parse_constant=constant)
    json.dumps(value, ensure_ascii=False, default=str).encode()
    if not isinstance(value, dict):
        raise ValueError
    return value


def plain(text: str) -> Any:
    return json.loads(text)


def first_braces(text: str) -> Any:
    return json.loads(text[text.index("{") : text.rindex("}") + 1])


def repaired(text: str) -> Any:
    text = re.sub(r"//.*|/\*.*?\*/", "", text)
    return json.loads(re.sub(r",\s*}", "}", text).replace("'", '"'))


def decoded(text: str) -> Any:
    """Whatever stands behind the object is not looked at."""
    return json.JSONDecoder().raw_decode(text.lstrip("\ufeff\u00a0 \n"))[0]


def last_fence(text: str) -> Any:
    return json.loads(re.findall(r"```\w*\n(.*?)(?:\n```|$)", text, flags=re.S)[-1]) if "```" in text else strict(text)


def unwrapped(text: str) -> Any:
    value = json.loads(text)
    while not isinstance(value, dict):
        value = json.loads(value) if isinstance(value, str) else value[0]
    return value


def basket(
    answer: Any, keys: bool = True, digits: str = r"[0-9]+\.[0-9]{2}\Z", cast: Callable[[Any], Any] = lambda each: each
) -> bool:
    if keys and (
        set(answer) != {"lines", "total"} or any(set(line) != {"sku", "quantity"} for line in answer["lines"])
    ):
        return False
    prices = {"A-1": ("1.10", 5), "B-2": ("2.25", 3)}
    lines = [(line["sku"], cast(line["quantity"])) for line in answer["lines"]]
    if not all(type(count) is int and 0 < count <= prices[sku][1] for sku, count in lines) or not re.match(
        digits, answer["total"]
    ):
        return False
    total = sum(count * Decimal(prices[sku][0]) for sku, count in lines)
    return (
        len({sku for sku, _ in lines}) == len(lines)
        and sum(n for _, n in lines) == 8
        and Decimal(answer["total"].strip()) == total
    )


def late(
    answer: Any,
    clean: Callable[[str], str] = lambda id: id,
    *,
    equal: bool = True,
    complete: bool = True,
    once: bool = True,
) -> bool:
    rows = {"ORD-1001": 1999, "ORD-1003": 700}
    found = [(clean(each["order_id"]), each.get("cents")) for each in answer["cited"]]
    if equal and any(rows[id] != cents or type(cents) is bool for id, cents in found):
        return False
    ids = [id for id, _ in found]
    if not set(ids) <= set(rows) or (complete and set(ids) != set(rows)) or (once and len(set(ids)) < len(ids)):
        return False
    return answer["cents"] == 2699  # type: ignore[no-any-return]


def letters(id: str) -> str:
    return id.translate(str.maketrans("ОАВСЕ‐", "OABCE-"))


FLAWED: dict[str, tuple[str, Read, Callable[[Any], bool]]] = {
    "keys_may_repeat": ("structured", plain, basket),
    "first_brace_to_last": ("structured", first_braces, basket),
    "repairs": ("structured", repaired, basket),
    "reads_the_first_document": ("structured", decoded, basket),
    "last_fence_wins": ("structured", last_fence, basket),
    "unwraps": ("structured", unwrapped, basket),
    "other_keys_may_stand": ("structured", strict, lambda answer: basket(answer, keys=False)),
    "python_pattern": ("structured", strict, lambda answer: basket(answer, digits=r"^\d+\.\d{2}$")),
    "casts": ("structured", strict, lambda answer: basket(answer, cast=int)),
    "ids_in_any_case": ("grounded", strict, lambda answer: late(answer, str.upper)),
    "ids_stripped": ("grounded", strict, lambda answer: late(answer, str.strip)),
    "ids_without_zero_width": (
        "grounded",
        strict,
        lambda answer: late(answer, lambda id: re.sub("[\u200b\ufeff]", "", id)),
    ),
    "ids_look_alike": ("grounded", strict, lambda answer: late(answer, letters)),
    "fields_are_not_compared": ("grounded", strict, lambda answer: late(answer, equal=False)),
    "some_will_do": ("grounded", strict, lambda answer: late(answer, complete=False)),
    "twice_will_do": ("grounded", strict, lambda answer: late(answer, once=False)),
    "any_depth": ("structured", json.loads, basket),
}


class Flawed:
    """Every request to one reader and one check. What they trip over is no answer; deep nesting is not caught, as in life."""

    def __init__(self, read: Read, check: Callable[[Any], bool]) -> None:
        self._read, self._check = read, check

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [self._verdict(each.response) for each in requests]

    def _verdict(self, response: str) -> Verdict:
        try:
            if self._check(self._read(response)):
                return Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, InvalidOperation):
            pass
        except RecursionError:
            return Verdict(Outcome.VOID, 0.0, Reason.VERIFIER_ERROR)
        return Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


class Own:
    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [judge(each.verifier, each.truth, each.response) for each in requests]


@cache
def audited(name: str) -> AuditReport:
    verifier, read, check = FLAWED[name]
    return audit(TASKS[verifier], judges=Flawed(read, check), battery=(*ATTACKS,))


@pytest.mark.parametrize("name", sorted(FLAWED))
def test_each_leniency_is_found(name: str) -> None:
    assert {hole.kind for hole in audited(name).holes} - {"truth"}


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS])
def test_each_attack_breaks_something(attack: str) -> None:
    assert [name for name in FLAWED if any(hole.attack == attack for hole in audited(name).holes)]


def test_the_careful_ones_are_clean() -> None:
    for verifier, check in (("structured", basket), ("grounded", late)):
        report = audit(TASKS[verifier], judges=Flawed(strict, check), battery=(*ATTACKS[:4],))
        assert report.is_clean, [(hole.attack, hole.text[:200]) for hole in report.holes]
        assert report.attacks_tried > 40
        own = audit(TASKS[verifier], judges=Own(), battery=(*ATTACKS,))
        assert own.is_clean, [(hole.attack, hole.text[:200]) for hole in own.holes]


def test_other_verifiers_are_left_alone() -> None:
    task: Json = Task("t", (), "math", "5")
    for attack in ATTACKS:
        assert not list(attack.craft(task, None))  # type: ignore[arg-type]
    blind = Task("t", (), "structured", {"rules": [{"name": "a", "expr": "answer.a == 1"}]})
    for attack in ATTACKS[:4]:
        assert not list(attack.craft(blind, None))  # type: ignore[arg-type]
