from dataclasses import replace
from xml.etree import ElementTree

import pytest

from assay.audit.junit import junit
from assay.audit.page import page
from assay.audit.report import AuditReport, FamilyFigures, Hole, Subject

NASTY = "</pre><script>alert(1)</script>\ud800\x00\x1b[2K\n]]>"
HOLE = Hole(
    "substrings", "paid", "substrings", "several answers", "t1", "math", "16", "p", NASTY, "pass", "correct", 1.0, 3
)


@pytest.fixture
def report() -> AuditReport:
    return AuditReport(
        subject=Subject(("math@1#abc",), "outcome", "r", "t", "b"),
        level="quick",
        seed=0,
        tasks=4,
        families=(
            FamilyFigures("several answers", "unpaid", 40, 3, 0),
            FamilyFigures("surroundings", "paid", 20, 20, 0),
        ),
        holes=(HOLE, replace(HOLE, name="leak", kind="leak", family="state")),
        refusals=(),
        repeats=10,
        p50_seconds=0.001,
        p99_seconds=0.01,
        slowest_seconds=0.2,
        peak_bytes=0,
        seconds=1.5,
    )


def test_the_page_shows_the_text_and_runs_none_of_it(report: AuditReport) -> None:
    html = page(report)
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "\\ud800" in html
    html.encode()
    assert "2 holes" in html
    assert "at most 19.86%" in html  # Wilson's upper end of 3 in 40


def test_a_clean_page(report: AuditReport) -> None:
    assert "no hole found" in page(replace(report, holes=()))


def test_junit_is_xml_with_a_failure_per_hole(report: AuditReport) -> None:
    suite = ElementTree.fromstring(junit(report))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "2")
    (failed, passed, state) = suite.findall("testcase")
    assert failed.find("failure") is not None
    assert passed.find("failure") is None
    assert state.get("name") == "state"


def test_figures(report: AuditReport) -> None:
    assert (report.attacks_tried, report.attacks_paid, report.recall) == (40, 3, (20, 20))
    assert report.recall_bound == pytest.approx(20 / (20 + 1.96**2))
