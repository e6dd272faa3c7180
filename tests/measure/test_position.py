"""A policy that chooses by position is told from one that does not, by hand-made rollouts."""

import random

import pytest

from assay.core.types import Completion, Group, Member, Message, Reward, Task
from assay.measure.position import position_report, report_positions
from assay.verify.base import judge

CHOICES = {"A": "iron", "B": "salt", "C": "wood", "D": "clay"}


def judged(answers, policy):
    for n, answer in enumerate(answers):
        truth = {"answer": answer, "choices": CHOICES}
        task = Task(str(n), (Message("user", "?"),), "choice", truth)
        yield task, judge("choice", truth, policy(answer))


def test_always_the_first():
    report = report_positions(judged("ABCD" * 20, lambda answer: r"\boxed{A}"))
    assert report.chosen.counts == (80, 0, 0, 0)
    assert report.right.counts == (20, 20, 20, 20)
    assert report.accuracy == (1.0, 0.0, 0.0, 0.0)
    assert report.shift == pytest.approx(0.75)
    assert report.is_biased
    assert report.sentence() == (
        "option A is named in 100% of 80 answers and right in 25% (chance 25%): a bias of the policy"
    )


def test_always_right_is_no_bias_even_where_the_tasks_are_skewed():
    report = report_positions(judged("AAAB" * 20, lambda answer: rf"\boxed{{{answer}}}"))
    assert report.chosen.is_biased  # the task set is
    assert not report.is_biased
    assert report.shift == 0.0
    assert report.accuracy == (1.0, 1.0, None, None)


def test_answers_at_random_are_no_bias():
    draw = random.Random(0)
    report = report_positions(judged("ABCD" * 50, lambda answer: rf"\boxed{{{draw.choice('ABCD')}}}"))
    assert not report.is_biased
    assert report.shift < 0.15


def test_what_names_no_option_is_not_counted():
    assert report_positions(judged("ABCD", lambda answer: "I do not know")) is None
    report = report_positions(judged("AB", lambda answer: r"\boxed{B}" if answer == "B" else r"\boxed{wax}"))
    assert report.chosen.counts == (0, 1, 0, 0)
    assert report.accuracy == (0.0, 1.0, None, None)


def test_from_groups_and_bare_letters():
    task = Task("1", (Message("user", "?"),), "choice", "B")
    members = tuple(
        Member(Completion(text), judge("choice", "B", text), Reward(0.0))
        for text in (r"\boxed{B}", r"\boxed{c}", "none")
    )
    report = position_report([Group(task, (), members)])
    assert report.chosen.counts == (0, 1, 1)
    assert report.right.counts == (0, 2, 0)
    assert position_report([]) is None
