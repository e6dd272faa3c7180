"""An audit as JUnit XML, so that any CI shows its holes as failed tests."""

from __future__ import annotations

from xml.etree import ElementTree

from assay.audit.report import AuditReport
from assay.core.records import dumps


def junit(report: AuditReport) -> str:
    """One test case per family, failed by its holes; holes of no family (unstable verdicts, the rule) get their own."""
    suite = ElementTree.Element("testsuite", name="assay audit", time=f"{report.seconds:.3f}")
    cases = {each.family: _case(suite, each.family, f"{each.paid} of {each.tried} paid") for each in report.families}
    for hole in report.holes:
        case = cases.get(hole.family)
        if case is None:
            case = cases[hole.family] = _case(suite, hole.family, "")
        failure = ElementTree.SubElement(case, "failure", message=_plain(hole.sentence()), type=hole.kind)
        failure.text = dumps(hole.row())  # ASCII, so that no control character breaks the XML
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases.values())))
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _case(suite: ElementTree.Element, name: str, figures: str) -> ElementTree.Element:
    case = ElementTree.SubElement(suite, "testcase", classname="assay.audit", name=name)
    if figures:
        ElementTree.SubElement(case, "system-out").text = figures
    return case


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode().translate(dict.fromkeys(range(32), " "))
