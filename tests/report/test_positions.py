"""Position bias on a run's page: the task set's and the policy's, told apart, from the run's own rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from assay.report.build import build_report
from assay.report.positions import positions_table, read_positions
from assay.verify.base import judge

CHOICES = {"A": "iron", "B": "salt", "C": "wood", "D": "clay"}


def chosen(make_row: Any, step: int, number: int, right: str, named: str, split: str) -> Any:
    truth = {"answer": right, "choices": CHOICES}
    verdict = judge("choice", truth, f"\\boxed{{{named}}}")
    return make_row(
        step,
        number,
        0,
        verdict.is_pass,
        task=f"task-{number}",
        truth=truth,
        verifier="choice@1#abc",
        evidence=dict(verdict.evidence),
        answer=named,
        reason=verdict.reason.value,
        split=split,
    )


def rows(make_row: Any) -> list[Any]:
    """24 held-out tasks: before training the policy says what is right, after it always A. In training C is right always."""
    made = []
    for number in range(24):
        right = "ABCD"[number % 4]
        made.append(chosen(make_row, 0, number, right, right, "held_out"))
        made.append(chosen(make_row, 3, number, right, "A", "held_out"))
        made.append(chosen(make_row, 1, number, "C", "C", "train"))
    return made


def as_json(made: list[Any]) -> list[dict[str, Any]]:
    from assay.core.records import to_json

    return [to_json(each) for each in made]


def test_each_evaluation_and_the_training_apart(make_row: Any) -> None:
    before, after, training = read_positions(as_json(rows(make_row)))
    assert [each.name for each in (before, after, training)] == ["held out, before", "held out, after", "in training"]
    assert not before.report.is_biased
    assert after.report.is_biased
    assert after.report.accuracy == (1.0, 0.0, 0.0, 0.0)
    assert not after.tasks.is_biased
    assert training.tasks.is_biased
    assert not training.report.is_biased  # it names what is right
    assert (
        "option A is named in 100% of 24 answers and right in 25% (chance 25%): a bias of the policy"
        in after.sentence()
    )
    assert "The task set is biased: C is right in 100% of its 24 tasks (chance 25%)" in training.sentence()


def test_other_verifiers_and_void_rows_say_nothing(make_row: Any) -> None:
    assert read_positions(as_json([make_row(1, 0, 0, True)])) == ()
    void = chosen(make_row, 1, 0, "A", "A", "train")
    lost = [{**each, "outcome": "void", "reason": "worker_lost"} for each in as_json([void])]
    assert read_positions(lost) == ()
    assert positions_table(()) == ""


def test_they_stand_on_the_page(make_row: Any, make_run: Any) -> None:
    def page_of(path: Path) -> str:
        return re.sub(r"<(script|style)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.S)

    page = page_of(build_report(make_run(rows=rows(make_row), steps=3)))
    assert "Multiple choice: by position" in page
    assert "a bias of the policy" in page
    lines = re.findall(r"<tr><th scope=\"row\">([^<]*)</th><td>(right|named|passes where right)</td>(.*?)</tr>", page)
    cells = [(name, what, re.findall(r">([^<>]+)</td>", found)) for name, what, found in lines]
    assert len(cells) == 9
    assert cells[3:6] == [
        ("held out, after", "right", ["25 %", "25 %", "25 %", "25 %"]),
        ("", "named", ["100 %", "0 %", "0 %", "0 %"]),
        ("", "passes where right", ["100 %", "0 %", "0 %", "0 %"]),
    ]
    plain = page_of(build_report(make_run("plain", rows=[make_row(1, 0, 0, True)], steps=1)))
    assert "Multiple choice" not in plain
