import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from assay.audit.certificate import certify, find_certificate, read_certificate, save_certificate
from assay.audit.run import AuditReport, audit
from assay.core.types import Outcome, Reason, Task, Verdict
from assay.reward.rule import find_rule
from assay.verify.pool import JudgeRequest

TASKS = [Task(f"t{i}", (), "nowhere.py:check", str(i)) for i in range(3)]
RULE = find_rule("outcome")


class Box:
    """Pays the truth in a box, and (`paying`) any box at all."""

    def __init__(self, paying: bool = False) -> None:
        self.paying = paying

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return [
            Verdict(Outcome.PASS, 1.0, Reason.CORRECT)
            if each.response == f"\\boxed{{{each.truth}}}" or (self.paying and "\\boxed{" in each.response)
            else Verdict(Outcome.FAIL, 0.0, Reason.WRONG_VALUE)
            for each in requests
        ]


@pytest.fixture
def report() -> AuditReport:
    return audit(TASKS, judges=Box())


def test_it_is_found_again(tmp_path: Path, report: AuditReport) -> None:
    saved = save_certificate(tmp_path, report)
    assert saved.is_clean
    assert find_certificate(tmp_path, TASKS, RULE, "quick") == saved == read_certificate(tmp_path)
    assert find_certificate(tmp_path, TASKS, RULE, "full") is None
    assert len(saved.id) == 12


def test_another_rule_or_other_tasks_need_another(tmp_path: Path, report: AuditReport) -> None:
    save_certificate(tmp_path, report)
    assert find_certificate(tmp_path, TASKS, find_rule("gated_format"), "quick") is None
    assert find_certificate(tmp_path, [replace(TASKS[0], truth="9"), *TASKS[1:]], RULE, "quick") is None
    assert find_certificate(tmp_path, TASKS[:2], RULE, "quick") is None


def test_a_changed_verifier_needs_another(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def check(response, truth):\n    return response == truth\n")
    tasks = [Task("t", (), f"{file}:check", "7")]
    save_certificate(tmp_path, audit(tasks, judges=Box()))
    assert find_certificate(tmp_path, tasks, RULE, "quick") is not None
    from assay.verify.base import find_verifier

    file.write_text("def check(response, truth):\n    return truth in response\n")
    find_verifier.cache_clear()
    assert find_certificate(tmp_path, tasks, RULE, "quick") is None


def test_a_hole_counts_unless_it_was_accepted(tmp_path: Path) -> None:
    holed = audit(TASKS, judges=Box(paying=True))
    assert not holed.is_clean
    save_certificate(tmp_path, holed)
    assert read_certificate(tmp_path) is not None
    assert find_certificate(tmp_path, TASKS, RULE, "quick") is None
    save_certificate(tmp_path, holed, {hole.name: "a toy" for hole in holed.holes})
    assert find_certificate(tmp_path, TASKS, RULE, "quick") is not None


@pytest.mark.parametrize("key", ["level", "holes", "accepted"])
def test_an_edit_shows(tmp_path: Path, report: AuditReport, key: str) -> None:
    save_certificate(tmp_path, report)
    file = tmp_path / "certificate.json"
    saved = json.loads(file.read_text())
    saved[key] = {"level": "full", "holes": [{"name": "x"}], "accepted": {"x": "y"}}[key]
    file.write_text(json.dumps(saved))
    assert read_certificate(tmp_path) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"sha256": 1}'])
def test_what_is_no_certificate_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "certificate.json").write_text(content)
    assert read_certificate(tmp_path) is None


def test_the_seal_covers_the_accepted_risks(report: AuditReport) -> None:
    assert certify(report).sha256 != certify(report, {"r1_sum": "to reproduce the paper"}).sha256
