"""An audit as one self-contained HTML page: the figures by family, and each hole with its exact text."""

from __future__ import annotations

from html import escape

from assay.audit.report import AuditReport, FamilyFigures, Hole
from assay.core.records import dumps

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c22; --good: #197a3e; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); border-radius: .4rem; padding: .6rem; max-height: 16rem; overflow: auto; }
.bad { color: var(--bad); } .good { color: var(--good); }
@media (prefers-color-scheme: dark) { :root { --bad: #f77; --good: #6c9; } }
"""


def page(report: AuditReport) -> str:
    head = (
        '<span class="good">no hole found</span>'
        if report.is_clean
        else f'<span class="bad">{len(report.holes)} hole{"s" * (len(report.holes) > 1)}</span>'
    )
    rows = "".join(map(_row, report.families))
    holes = "".join(map(_hole, report.holes))
    notes = "".join(f"<p>{_safe(note)}</p>" for note in report.notes)
    subject = report.subject
    memory = f"; a judging process took {report.peak_bytes / 2**20:.0f} MiB at most" if report.peak_bytes else ""
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>assay audit</title><style>{STYLE}</style>
<h1>Audit: {head}</h1>
<p>{_safe(report.sentence())}</p>{notes}
<table><tr><th>family</th><th class="n">tried</th><th class="n">paid</th><th>95 % bound</th><th class="n">void</th></tr>{rows}</table>
<p>One verdict takes {report.p50_seconds * 1e3:.2f} ms (median), {report.p99_seconds * 1e3:.1f} ms (99 %),
{report.slowest_seconds * 1e3:.0f} ms (slowest){memory}. {report.repeats} responses were judged four times over: in two orders, in another thread, and after the attacks.</p>
<h2>Holes</h2>{holes or "<p>None.</p>"}
<h2>What was audited</h2>
<p>{_safe(", ".join(subject.verifiers))}; rule {_safe(subject.rule)}#{subject.rule_fingerprint}; {report.tasks} tasks
#{subject.tasks}; battery #{subject.battery}; level {report.level}; seed {report.seed}.</p>
</html>
"""


def _row(family: FamilyFigures) -> str:
    attack = family.expect == "unpaid"
    bad = family.paid > 0 if attack else family.paid < family.tried
    bound = f"at most {family.bound:.2%}" if attack else f"recall at least {family.bound:.1%}"
    paid = f'<td class="n {"bad" if bad else "good"}">{family.paid}</td>'
    return f'<tr><td>{_safe(family.family)}</td><td class="n">{family.tried}</td>{paid}<td>{bound}</td><td class="n">{family.voids}</td></tr>'


def _hole(hole: Hole) -> str:
    shown = (
        hole.text
        if len(hole.text) <= 2000
        else f"{hole.text[:1000]} [... {len(hole.text)} characters ...] {hole.text[-300:]}"
    )
    row = dumps(hole.row())
    paste = (
        f"<details><summary>as a regression row</summary><pre>{_safe(row[:20000])}</pre></details>" if hole.text else ""
    )
    truth = (
        f"<p>truth {_safe(dumps(hole.truth))}, verifier {_safe(hole.verifier)}</p><pre>{_safe(shown)}</pre>"
        if hole.text
        else ""
    )
    return f'<h3 class="bad">{_safe(hole.sentence())}</h3>{truth}{paste}'


def _safe(text: str) -> str:
    """Escaped, and without what HTML cannot hold (lone surrogates, control characters)."""
    return escape("".join(each if each.isprintable() or each == "\n" else f"\\u{ord(each):04x}" for each in text))
