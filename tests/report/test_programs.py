"""Visible against hidden tests by policy version, and programs without isolation: on a page built from a run's own rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from assay.report.build import build_comparison, build_report
from assay.report.gather import gather
from assay.report.programs import Programs, Tally, read_programs, unsafe_risk


def program(make_row: Any, policy: int, sample: int, visible: str | None, hidden: bool, **evidence: Any) -> Any:
    found = {"tests": 3, "layer": "namespaces"} | ({} if visible is None else {"visible": visible}) | evidence
    return make_row(policy + 1, 0, sample, hidden, policy=policy, verifier="code@1#abc", evidence=found)


@pytest.fixture
def memorising(make_row: Any) -> list[Any]:
    """Three policy versions: 4 of 8 pass both kinds; then 6 visible and 3 hidden; then all visible and one hidden."""
    counts = {0: (4, 4), 1: (6, 3), 2: (8, 1)}
    return [
        program(make_row, policy, sample, "pass" if sample < visible else "fail", sample < hidden)
        for policy, (visible, hidden) in counts.items()
        for sample in range(8)
    ]


def page_of(path: Path) -> str:
    return re.sub(r"<(script|style)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.S)


def test_the_gap_by_policy_version(memorising: list[Any], make_run: Any) -> None:
    run = make_run(rows=memorising, steps=3)
    programs = gather(run).programs
    assert programs.by_policy == {0: Tally(8, 4, 4, 0), 1: Tally(8, 6, 3, 3), 2: Tally(8, 8, 1, 7)}
    assert [each.gap for each in programs.by_policy.values()] == [0.0, 3 / 8, 7 / 8]
    page = page_of(build_report(run))
    assert "<b>Visible and hidden tests</b>" in page
    assert "Programs of policy 2: 100 % passed the tests that they were shown, 12 % the hidden ones" in page
    assert "a gap of 88 points (policy 0: 0)" in page
    assert "risk was accepted" not in page


def test_the_chart_holds_its_numbers(memorising: list[Any], make_run: Any) -> None:
    import json

    text = build_report(make_run(rows=memorising, steps=3)).read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])
    (chart,) = [each for each in data["charts"] if "passes the visible" in json.dumps(each)]
    assert "0.375" in json.dumps(chart)  # 3 of 8 pass the hidden tests, at policy 1


def test_other_rows_say_nothing_of_a_gap(make_row: Any, make_run: Any) -> None:
    rows = [
        make_row(1, 0, 0, True),  # no program
        program(make_row, 0, 1, None, True),  # a task without visible tests
        make_row(1, 0, 2, False, outcome="void", evidence={"layer": "namespaces", "visible": "pass"}),
        make_row(0, 0, 3, True, split="held_out", evidence={"layer": "namespaces", "visible": "pass"}),
        make_row(1, 0, 4, True, evidence={"layer": "namespaces", "visible": {"hostile": 1}}),
    ]
    run = make_run(rows=rows)
    assert gather(run).programs == Programs({"namespaces": 3}, {})
    page = page_of(build_report(run))
    assert "Visible and hidden tests" not in page
    assert "learnt by heart" not in page


def test_programs_without_isolation_stand_among_the_accepted_risks(make_row: Any, make_run: Any) -> None:
    rows = [program(make_row, 0, sample, None, True, layer="unsafe" if sample else "namespaces") for sample in range(4)]
    run = make_run("bare", rows=rows, sandbox={"unsafe": True})
    for accepted in (None, {}):
        page = page_of(
            build_report(make_run(f"bare-{accepted}", rows=rows, sandbox={"unsafe": True}, accepted=accepted))
        )
        assert "1 known risk was accepted for this run" in page
        assert "<b>sandbox.unsafe</b>: 3 of 4 programs ran without isolation" in page
    both = page_of(build_comparison([run, make_run("other")], run.parent / "both.html"))
    assert "1 accepted risk" in both


def test_a_permission_that_was_not_used_is_told_too(make_run: Any) -> None:
    page = page_of(build_report(make_run(sandbox={"unsafe": True})))
    assert "<b>sandbox.unsafe</b>: programs were allowed to run without isolation; none did" in page


def test_a_variable_that_asks_for_it_is_told_without_the_key() -> None:
    asked = read_programs([{"evidence": {"layer": "unsafe"}, "outcome": "pass"}])
    assert unsafe_risk(asked, is_allowed=False).startswith("1 of 1 programs ran without isolation")
    assert unsafe_risk(Programs({"namespaces": 5}), is_allowed=False) == ""
