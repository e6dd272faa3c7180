from collections.abc import Callable, Sequence

import pytest

from assay.audit.attack import Attack
from assay.audit.battery import ATTACKS, BATTERY
from assay.audit.run import audit
from assay.core.types import Json, Message, Outcome, Reason, Task, Verdict
from assay.reward.rule import find_rule
from assay.verify.pool import JudgeRequest

TASKS = [Task(f"t{i}", (Message("user", f"Question {i}"),), "f.py:check", str(100 + i)) for i in range(12)]
RIGHT = Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
WRONG = Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)


class Judges:
    """Verdicts from a function, and a log of what was asked."""

    def __init__(self, check: Callable[[Json, str], Verdict]) -> None:
        self.check, self.asked = check, list[JudgeRequest]()

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        self.asked += requests
        return [self.check(each.truth, each.response) for each in requests]


def exact(truth: Json, response: str) -> Verdict:
    return RIGHT if response == truth else WRONG


def has_box(truth: Json, response: str) -> bool:
    return response.count("\\boxed{") == 1


def test_an_exact_verifier_is_clean() -> None:
    report = audit(TASKS, judges=Judges(exact))
    assert report.is_clean
    assert report.attacks_tried > 1000
    assert 0 < report.false_accept_bound < 0.005
    assert "no hole" in report.sentence()
    # it reads the whole text and nothing else: the equivalents are refused, and that is said, but it is no hole
    assert {each.name for each in report.refusals} == {"number_forms"}


def test_the_same_audit_twice_asks_the_same() -> None:
    one, two, other = Judges(exact), Judges(exact), Judges(exact)
    audit(TASKS, judges=one, seed=3)
    audit(TASKS, judges=two, seed=3)
    audit(TASKS, judges=other, seed=4)
    assert one.asked == two.asked
    assert one.asked != other.asked


def test_every_truth_is_tried_as_its_own_answer() -> None:
    asked = Judges(exact)
    audit(TASKS, judges=asked)
    assert {each.response for each in asked.asked} >= {task.truth for task in TASKS}


def test_a_full_audit_meets_more_tasks() -> None:
    quick, full = Judges(exact), Judges(exact)
    some = [each for each in BATTERY if not each.is_heavy]
    audit(TASKS, judges=quick, battery=some)
    audit(TASKS, level="full", judges=full, battery=some)
    assert len(full.asked) > len(quick.asked)


def test_a_rule_with_a_hole_is_one_hole() -> None:
    def check(truth: Json, response: str) -> Verdict:
        if isinstance(truth, dict):  # the format part
            return RIGHT if has_box(truth, response) else WRONG
        return RIGHT if response == f"\\boxed{{{truth}}}" else WRONG

    honest = audit(TASKS, rule=find_rule("gated_format"), judges=Judges(check))
    assert honest.is_clean
    summed = audit(TASKS, rule=find_rule("r1_sum"), judges=Judges(check))
    (hole,) = summed.holes
    assert hole.name == "r1_sum"
    assert hole.kind == "rule"
    assert hole.count > 100
    assert hole.reward == 1.0
    assert "\\boxed{" in hole.text
    assert "pays 1 for a wrong answer in the right form" in hole.sentence()


def test_a_void_part_is_a_hole_too() -> None:
    def check(truth: Json, response: str) -> Verdict:
        if isinstance(truth, dict) and "\ud800" in response:
            return Verdict(Outcome.VOID, 0.0, Reason.VERIFIER_ERROR)
        return WRONG if isinstance(truth, dict) else exact(truth, response)

    report = audit(TASKS, rule=find_rule("gated_format"), judges=Judges(check))
    assert {each.kind for each in report.holes} == {"void"}


def test_truths_that_cannot_be_read_are_one_hole_and_no_attack() -> None:
    bad = Verdict(Outcome.VOID, 0.0, Reason.BAD_TRUTH, evidence={"error": "not a number"})
    report = audit([Task("t", (), "math", "168")], judges=Judges(lambda truth, response: bad))
    assert [(each.kind, each.name) for each in report.holes] == [("truth", "truth_refused")]
    assert "not a number" in report.holes[0].sentence()


def test_a_truth_refused_as_its_own_answer_is_a_hole() -> None:
    report = audit([Task("t", (), "math", "168")], judges=Judges(lambda truth, response: WRONG))
    (hole,) = report.holes
    assert hole.kind == "truth"
    assert hole.row() == {
        "id": "truth_refused/t",
        "verifier": "math",
        "truth": "168",
        "response": "\\boxed{168}",
        "prompt": "",
        "expect": "pass",
    }


def test_an_unknown_contract_is_noted_not_guessed() -> None:
    report = audit(TASKS, judges=Judges(lambda truth, response: WRONG))
    assert report.is_clean
    assert "no right answer could be built" in report.notes[0]
    assert report.attacks_tried > 0  # the blind ones


def test_a_hang_is_a_hole() -> None:
    def check(truth: Json, response: str) -> Verdict:
        slow = Verdict(Outcome.FAIL, 0.0, Reason.TIMEOUT, seconds=10.0)
        return slow if "9^9^9" in response else exact(truth, response)

    report = audit(TASKS, judges=Judges(check))
    assert [each.name for each in report.holes] == ["hang_bombs"]
    assert report.slowest_seconds == 10.0


@pytest.mark.parametrize("seed", range(3))
def test_no_attack_text_is_a_right_answer(seed: int) -> None:
    # the guard of last resort: what the witness itself would write never stands among the attacks
    asked = Judges(exact)
    attacks = [each for each in ATTACKS if not each.is_heavy]
    report = audit(TASKS, judges=asked, battery=attacks, seed=seed)
    assert report.attacks_paid == 0


def test_names_are_unique_and_every_attack_explains_itself() -> None:
    names = [each.name for each in BATTERY]
    assert len(names) == len(set(names))
    assert all(each.craft.__doc__ for each in BATTERY)


def test_an_attack_of_ones_own() -> None:
    always = Attack("mine", "mine", lambda task, witness: [f"{witness.answer}!!!"])
    report = audit(TASKS, judges=Judges(lambda t, r: RIGHT if r.startswith(t) else WRONG), battery=[always])
    assert [(each.name, each.kind, each.count) for each in report.holes] == [("mine", "paid", 8)]
