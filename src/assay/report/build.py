"""A run as one HTML file that holds everything: figures, curves, completions, style and script; it asks no network.

The page may hold any text a model can write. It is safe by three locks: markup goes through `report.text`, data sits in
a JSON block that the script only ever shows as text, and a content security policy lets nothing run or load but the
page's own script and style, named by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from assay.core.errors import UsageError
from assay.core.records import write_text
from assay.core.types import Json
from assay.report.alarms import alarms
from assay.report.behaviour import CAUTION, behaviour_section
from assay.report.curves import curves
from assay.report.gather import RunData, gather
from assay.report.opinions import opinions
from assay.report.parts import config_table, figures, nothing, section
from assay.report.plots import Chart
from assay.report.positions import positions_table, read_positions
from assay.report.results import head, results
from assay.report.rows import embed_rows
from assay.report.sample import MOST_BYTES, MOST_ROWS, Sample, sample_rollouts
from assay.report.several import comparison_body
from assay.report.text import embed, join, safe
from assay.report.trust import audit, fingerprints
from assay.verify.text.language import SCRIPT_OF

BROWSER = '<div id="browser"><noscript><p class="nothing">The browser of completions needs scripts; rollouts.jsonl holds the same rows.</p></noscript></div>'


def build_report(run: Path, out: Path | None = None) -> Path:
    """Write RUN/report.html (or `out`), and return its path; a half page is never left.

    Raises RunFolderError, TaskFileError, OutOfDisk.
    """
    data = gather(run)
    page_file = out or data.folder.report
    write_text(page_file, run_page(data))
    return page_file


def build_comparison(runs: Sequence[Path], out: Path) -> Path:
    """Write one page over several runs, side by side. Raises as `build_report` does."""
    if len({path.resolve() for path in runs}) < len(runs):
        raise UsageError("the same run folder is named twice: name each run once")
    write_text(out, comparison_page([gather(path) for path in runs]))
    return out


def run_page(run: RunData) -> str:
    sample = sample_rollouts(run.folder)
    charts, absent = curves(run)
    watched, more = alarms(run.alarms, run.evaluations, run.planned, len(charts))
    twice, rates = opinions([*run.steps, *run.measured], run.disagreements, run.verifiers, len(charts) + len(more))
    place = len(charts) + len(more) + len(rates)
    training = [row for row in sample.rows if row.get("split", "train") == "train"]
    reads, shapes = behaviour_section(training, _language(run), run.seed, place)
    sections = [
        head(run),
        section(
            "results", "Before and after", results(run) + positions_table(read_positions(run.folder.read_rollouts()))
        ),
        section("curves", "Training", figures(charts) + _absent(absent) + _notes(run)),
        section("alarms", "Alarms", watched),
        section("audit", "Can the reward be trusted?", audit(run)),
        section("second", "Second opinion", twice),
        section("behaviour", "How completions read", reads, CAUTION),
        _rollouts(sample),
        section("config", "Configuration", fingerprints(run) + _folded_config(run)),
    ]
    return page(run.title, join(sections), [*charts, *more, *rates, *shapes], [run.name], [sample])


def _language(run: RunData) -> str:
    """The language that the reward asks for; English where it asks for none."""
    options = run.section("reward").get("options")
    asked = options.get("language") if isinstance(options, Mapping) else None
    return asked if asked in SCRIPT_OF else "en"


def comparison_page(runs: Sequence[RunData]) -> str:
    share = max(1, len(runs))
    samples = [sample_rollouts(run.folder, MOST_ROWS // share, MOST_BYTES // share) for run in runs]
    names = labels(runs)
    total = Sample(tuple(row for each in samples for row in each.rows), sum(each.total for each in samples))
    body, charts = comparison_body(runs, names, _rollouts(total))
    return page(f"{len(runs)} runs", body, charts, names, samples)


def labels(runs: Sequence[RunData]) -> list[str]:
    """A name for each run that no other has: the folder's, or with its parents where two are the same."""
    for depth in range(1, 8):
        names = ["/".join(run.path.resolve().parts[-depth:]) for run in runs]
        if len(set(names)) == len(names):
            return names
    return [str(run.path.resolve()) for run in runs]


def page(
    title: str,
    body: str,
    charts: Sequence[Chart],
    runs: Sequence[str],
    samples: Sequence[Sample],
    styles: Sequence[str] = ("viewer.css",),
) -> str:
    style, script = join(map(_asset, styles)), _asset("viewer.js") + _asset("browser.js")
    data: Json = {
        "charts": [chart.values() for chart in charts],
        "runs": list(runs),
        "rollouts": embed_rows([sample.rows for sample in samples]),
    }
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{safe(title)} · Assay</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<script>{script}</script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<nav class="bar" aria-label="Sections"><span class="mark">Assay</span><div class="links">{_links(body)}</div>
<button type="button" id="theme" aria-label="Change between light and dark">Theme</button></nav>
<main id="main">{body}</main>
<footer>Built by Assay from the run folder alone. This file holds everything it shows and asks no network.</footer>
<script type="application/json" id="data">{embed(data)}</script>
</body>
</html>
"""


def _links(body: str) -> str:
    titles = {
        "stages": "Stages",
        "capabilities": "Capabilities",
        "arms": "Arms",
        "results": "Results",
        "curves": "Training",
        "answers": "Answers",
        "learnt": "Data",
        "alarms": "Alarms",
        "audit": "Audit",
        "second": "Second opinion",
        "behaviour": "Behaviour",
        "rollouts": "Completions",
        "config": "Configuration",
    }
    return join(f'<a href="#{name}">{title}</a>' for name, title in titles.items() if f'<section id="{name}"' in body)


def _rollouts(sample: Sample) -> str:
    body = BROWSER if sample.rows else nothing(sample.sentence())
    return section("rollouts", "Completions", body, safe(sample.sentence()) if sample.rows else "")


def _absent(sentences: Sequence[str]) -> str:
    return join(nothing(each) for each in sentences)


def _notes(run: RunData) -> str:
    notes = run.notes()
    if not notes:
        return ""
    items = join(f'<li><span class="step">step {step}</span> {safe(said)}</li>' for step, said in notes)
    steps = "step" if len(notes) == 1 else "steps"
    return (
        f'<details class="notes"{" open" * (len(notes) <= 5)}><summary>{len(notes)} {steps} with nothing to learn: what the trainer '
        f"said</summary><ul>{items}</ul></details>"
    )


def _folded_config(run: RunData) -> str:
    return (
        f'<details class="resolved"><summary>The resolved configuration</summary>{config_table(run.config)}</details>'
    )


def _asset(name: str) -> str:
    return (files("assay.report") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
