"""Verifiers of form that pay by accident: the battery finds the flaw in each, and none in the room's own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import pytest

from assay.audit.attacks.instructions import ATTACKS, EQUIVALENTS, checks_of
from assay.audit.battery import BATTERY
from assay.audit.report import AuditReport
from assay.audit.run import audit
from assay.audit.samples import sample_tasks
from assay.audit.witness import names_answer
from assay.core.types import Message, Outcome, Reason, Task, Verdict
from assay.verify.base import judge
from assay.verify.pool import JudgeRequest

Check = Callable[[str, Mapping[str, Any]], bool]


def holds(id: str, check: Check) -> Callable[[str, Any], bool]:
    """A verifier whose checks are the room's own, but for one."""

    def judged(text: str, truth: Any) -> bool:
        checks = checks_of(Task("t", (), "instructions", truth))
        own = [each for each in checks if each["id"] != id]
        return all(check(text, each) for each in checks if each["id"] == id) and (
            not own or judge("instructions", {"checks": own}, text).is_pass
        )

    return judged


def share(text: str, truth: Any) -> bool:
    """Counts what is there of the script, thinking or not."""
    return judge("language", truth, re.sub(r"</?think>", "", text) + " ").is_pass


def any_part(text: str, truth: Any) -> bool:
    return judge("language", {**truth, "at_least": 0.2}, text).is_pass


def empty_is_right(text: str, truth: Any) -> bool:
    verdict = judge("language", truth, text)
    return verdict.is_pass or verdict.reason is Reason.NO_ANSWER


def tags_anywhere(text: str, truth: Any) -> bool:
    return bool(re.search(r"<think>.*</think>.*<answer>.*</answer>|\\boxed", text, re.S))


FLAWED: dict[str, tuple[str, Callable[[str, Any], bool]]] = {
    "silence_keeps_prohibitions": ("instructions", holds("punctuation:no_comma", lambda text, given: "," not in text)),
    "keywords_inside_words": (
        "instructions",
        holds("keywords:existence", lambda text, given: all(each in text for each in given["keywords"])),
    ),
    "forbidden_in_one_case": (
        "instructions",
        holds(
            "keywords:forbidden_words",
            lambda text, given: all(each not in text.split() for each in given["forbidden_words"]),
        ),
    ),
    "marks_are_words": (
        "instructions",
        holds("length_constraints:number_words", lambda text, given: len(text) > 0),
    ),
    "lenient_json": (
        "instructions",
        holds("detectable_format:json_format", lambda text, given: "{" in text and json.dumps(text) != ""),
    ),
    "empty_highlights": (
        "instructions",
        holds(
            "detectable_format:number_highlighted_sections",
            lambda text, given: text.count("*") >= 2 * given["num_highlights"],
        ),
    ),
    "end_anywhere": ("instructions", holds("startend:end_checker", lambda text, given: given["end_phrase"] in text)),
    "two_of_the_same": ("instructions", holds("combination:two_responses", lambda text, given: "******" in text)),
    "answer_counts_too": ("language", share),
    "some_will_do": ("language", any_part),
    "no_words_is_consistent": ("language", empty_is_right),
    "tags_anywhere": ("format", tags_anywhere),
}


class Flawed:
    def __init__(self, check: Callable[[str, Any], bool]) -> None:
        self._check = check

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [self._verdict(each) for each in requests]

    def _verdict(self, request: JudgeRequest) -> Verdict:
        if self._check(request.response, request.truth):
            return Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
        return Verdict(Outcome.FAIL, 0.0, Reason.WRONG_FORM)


class Slow(Flawed):
    """Void wherever the text is long: as a scan in quadratic time that is killed."""

    def _verdict(self, request: JudgeRequest) -> Verdict:
        if len(request.response) > 100_000:
            return Verdict(Outcome.VOID, 0.0, Reason.WORKER_LOST)
        return super()._verdict(request)


class Own:
    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [judge(each.verifier, each.truth, each.response) for each in requests]


@cache
def audited(name: str) -> AuditReport:
    verifier, check = FLAWED[name]
    return audit(sample_tasks(verifier), level="full", judges=Flawed(check), battery=ATTACKS[:-1])


@pytest.mark.parametrize("name", sorted(FLAWED))
def test_each_flaw_is_found(name: str) -> None:
    assert {hole.kind for hole in audited(name).holes} == {"paid"}


@pytest.mark.parametrize("attack", [each.name for each in ATTACKS[:-1]])
def test_each_attack_breaks_something(attack: str) -> None:
    assert [name for name in FLAWED if any(hole.attack == attack for hole in audited(name).holes)]


def test_the_bombs_find_what_is_killed() -> None:
    report = audit(sample_tasks("language"), judges=Slow(any_part), battery=ATTACKS[-1:])
    assert {hole.kind for hole in report.holes} == {"void"}


@pytest.mark.parametrize("verifier", ["instructions", "language", "format"])
def test_the_rooms_own_are_clean(verifier: str) -> None:
    report = audit(sample_tasks(verifier), level="full", judges=Own(), battery=(*EQUIVALENTS, *ATTACKS))
    assert report.is_clean, [(hole.attack, hole.text[:200]) for hole in report.holes]
    assert report.recall[0] == report.recall[1]
    assert report.attacks_tried > 20


def test_other_verifiers_are_left_alone_and_these_meet_no_others() -> None:
    task = Task("t", (Message("user", "?"),), "math", "5")
    for attack in (*ATTACKS, *EQUIVALENTS):
        assert not list(attack.craft(task, None))  # type: ignore[arg-type]
    report = audit(sample_tasks("instructions"), judges=Own(), battery=[each for each in BATTERY if not each.is_form])
    assert report.attacks_tried == 0


def test_an_answer_alone_that_misses_another_part_is_no_hole_of_the_truth() -> None:
    parts = [{"verifier": "choice", "truth": "B"}, {"verifier": "format", "truth": "think_answer"}]
    task = Task("t", (Message("user", "?"),), "gate", {"parts": parts})
    report = audit([task], judges=Own())
    assert report.is_clean, [(hole.kind, hole.text[:200]) for hole in report.holes]
    assert "no right answer could be built" in report.notes[0]


def test_what_names_an_answer() -> None:
    form, right = {"verifier": "format", "truth": "boxed"}, {"verifier": "math", "truth": "1"}
    assert names_answer("math", "1")
    assert not names_answer("language", {"language": "en"})
    assert names_answer("all_of", {"parts": [form, right]})
    assert not names_answer("all_of", {"parts": [form, form]})
    assert not names_answer("any_of", {"parts": [form, right]})
    assert names_answer("any_of", {"parts": [right, {"verifier": "gate", "truth": {"parts": [form, right]}}]})
