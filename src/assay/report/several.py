"""Several runs side by side: a table of gains with the seeds of one configuration together, and curves laid over each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.layers import leaves
from assay.report.controls import controls_table
from assay.report.curves import overlaid
from assay.report.gather import RunData
from assay.report.parts import code, figures, nothing, section
from assay.report.plots import Chart, interval_axis, interval_plot
from assay.report.results import NAMES, control, progress, seeds_sentence, verdict
from assay.report.text import compact, join, number, safe
from assay.report.trust import audit, fingerprints, risks, state

COLOURS = 8
ABSENT = "–"


def comparison_body(runs: Sequence[RunData], names: Sequence[str], completions: str) -> tuple[str, list[Chart]]:
    """The sections of the page, `completions` (HTML) among them, and the charts they hold."""
    by_path = {str(run.path): name for run, name in zip(runs, names, strict=True)}
    groups = list(grouped(runs).values())
    runs = [run for group in groups for run in group]
    # one configuration alone: its seeds are what is compared, so each gets a colour of its own
    coloured = groups if len(groups) > 1 else [[run] for run in runs]
    looks = {str(run.path): f"s{place % COLOURS + 1}" for place, each in enumerate(coloured) for run in each}
    charts = overlaid(runs, looks, by_path)
    configurations = f"{len(groups)} configuration{'s' * (len(groups) > 1)}"
    together = "runs that differ in their seed alone stand together and share a colour"
    if len(groups) == 1:
        together = "the runs differ in their seed alone"
    head = (
        f'<header class="head"><h1>{len(runs)} runs side by side</h1>'
        f'<p class="what">{configurations}; {together}.</p></header>'
    )
    drawn = (
        legend(coloured, by_path, looks) + figures(charts, legends=False)
        if charts
        else nothing("No run has logged a step or an evaluation yet.")
    )
    audits = join(
        f'<details class="run"><summary>{safe(by_path[str(run.path)])}{state(run)}{risks(run)}</summary>{audit(run)}{fingerprints(run)}</details>'
        for run in runs
    )
    return (
        head
        + section(
            "results",
            "Before and after",
            gains_table(groups, by_path, looks) + controls_table(runs) + measures_table(runs, by_path),
        )
        + section("curves", "Training", drawn)
        + section("audit", "Can the rewards be trusted?", audits)
        + completions
        + section("config", "What differs", differences(runs, by_path)),
        charts,
    )


def legend(groups: Sequence[Sequence[RunData]], names: Mapping[str, str], looks: Mapping[str, str]) -> str:
    """One legend for all the charts: a colour and the runs that share it."""
    items = join(
        f'<span class="key"><i class="swatch {looks[str(group[0].path)]}"></i>{safe(", ".join(names[str(run.path)] for run in group))}</span>'
        for group in groups
    )
    return f'<div class="legend shared">{items}</div>'


def grouped(runs: Sequence[RunData]) -> dict[str, list[RunData]]:
    """By configuration without seed and name, in the order given; inside a group by seed."""
    groups: dict[str, list[RunData]] = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    return {key: sorted(group, key=lambda run: run.seed) for key, group in groups.items()}


def gains_table(groups: Sequence[Sequence[RunData]], names: Mapping[str, str], looks: Mapping[str, str]) -> str:
    """Held-out pass@1 of every run, and of every configuration how its seeds came out."""
    rows = []
    for group in groups:
        if len(groups) > 1 or len(group) > 1:
            said = (
                seeds_sentence(group)
                if group[0].control is None
                else f"control {group[0].control}: {seeds_sentence(group)}"
            )
            rows.append(f'<tr class="group"><th colspan="6" scope="colgroup">{safe(said)}</th></tr>')
        rows += [_gain(run, names[str(run.path)], looks[str(run.path)]) for run in group]
    return (
        '<div class="wide"><table class="measures many"><thead><tr><th scope="col">Held-out pass@1</th>'
        '<th scope="col" class="n">Before</th><th scope="col" class="n">After</th>'
        '<th scope="col" class="n">Gain</th><th scope="col" class="n">95 % interval</th>'
        f'<th scope="col" class="plot">{interval_axis(0, 1)}</th></tr></thead><tbody>{join(rows)}</tbody></table></div>'
    )


def measures_table(runs: Sequence[RunData], names: Mapping[str, str]) -> str:
    """The measures beside pass@1, each as before and after."""
    compared = [(run, run.comparison) for run in runs if run.comparison is not None]
    columns = list(dict.fromkeys(row.name for _, each in compared for row in each.rows() if row.name != "pass@1"))
    if not columns:
        return ""
    heads = join(f'<th scope="col" class="n">{safe(NAMES.get(name, name))}</th>' for name in columns)
    rows = []
    for run, comparison in compared:
        cells = []
        for name in columns:
            row = comparison.row(name)
            form = ".1f" if name == "mean_length" else ".3f"
            shown = (
                "–"
                if row is None
                else f'{number(row.before, form)} <span class="to">→</span> {number(row.after, form)}'
            )
            cells.append(f'<td class="n">{shown}</td>')
        rows.append(f'<tr><th scope="row">{safe(names[str(run.path)])}</th>{join(cells)}</tr>')
    return f'<div class="wide"><table class="plain"><thead><tr><th scope="col">Beside it</th>{heads}</tr></thead><tbody>{join(rows)}</tbody></table></div>'


def differences(runs: Sequence[RunData], names: Mapping[str, str]) -> str:
    """The keys in which the configurations differ, a column a run."""
    flat = {str(run.path): dict(leaves(run.config)) for run in runs}
    keys = list(dict.fromkeys(key for values in flat.values() for key in values))
    keys = [key for key in keys if not any(each.startswith(f"{key}.") for each in keys)]  # `a = {}` beside `a.b = 1`
    differing = [key for key in keys if len({compact(values.get(key, ABSENT)) for values in flat.values()}) > 1]
    if not differing:
        return nothing("All runs have the same configuration.")
    heads = join(f'<th scope="col">{safe(names[str(run.path)])}</th>' for run in runs)
    rows = join(
        f'<tr><th scope="row">{safe(key)}</th>{join(f"<td>{code(compact(flat[str(run.path)].get(key, ABSENT)))}</td>" for run in runs)}</tr>'
        for key in differing
    )
    return f'<div class="wide"><table class="plain"><thead><tr><th scope="col">Key</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def _gain(run: RunData, name: str, look: str) -> str:
    state = control(run) + (progress(run) if run.comparison is None else progress(run) or verdict(run))
    title = f'<th scope="row"><i class="swatch {look}"></i>{safe(name)} <span class="seed">seed {run.seed}</span> {state}</th>'
    row = run.comparison.row("pass@1") if run.comparison is not None else None
    if run.comparison is None or row is None:
        return f'<tr>{title}<td colspan="5" class="missing">{safe(run.missing or "there is no sample to compare")}</td></tr>'
    before, after = run.comparison.before.figures()["pass@1"], run.comparison.after.figures()["pass@1"]
    gain = "pass" if row.low > 0 else "fail" if row.high < 0 else "quiet"
    plot = interval_plot([("before", *before[:3]), (f"after {look}", *after[:3])], 0, 1)
    return (
        f'<tr>{title}<td class="n" data-label="before">{number(row.before)}</td><td class="n strong" data-label="after">{number(row.after)}</td>'
        f'<td class="n gain {gain}" data-label="gain">{number(row.gain, "+.3f")}</td><td class="n range" data-label="95 %">'
        f'{number(row.low, "+.3f")} <span class="to">to</span> {number(row.high, "+.3f")}</td><td class="plot">{plot}</td></tr>'
    )
