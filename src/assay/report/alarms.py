"""What a page says of the alarms: which were raised and when, which were silent, and which had nothing to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.core.config import RunConfig
from assay.core.errors import ConfigError
from assay.core.layers import Layered, validate
from assay.core.run_folder import RunFolder
from assay.core.types import Json
from assay.measure.alarms.facts import StepFacts
from assay.measure.alarms.history import dependence
from assay.measure.alarms.looked_at import not_looked_at
from assay.measure.alarms.watch import ALARMS, Raised, logged, replay
from assay.measure.bootstrap import bootstrap_mean
from assay.measure.evaluation import Evaluation
from assay.report.parts import badge, facts, figures
from assay.report.plots import Chart, Series, line_chart
from assay.report.points import Point
from assay.report.text import join, safe


@dataclass(frozen=True, slots=True)
class Alarms:
    """`was_watched`: the run wrote its alarms down itself; else they were found afterwards, by the default thresholds."""

    raised: tuple[Raised, ...]
    unseen: Mapping[str, str]  # alarm -> why it could not be looked for
    facts: tuple[StepFacts, ...]
    window: int
    was_watched: bool


def read_alarms(folder: RunFolder, config: Mapping[str, Json]) -> Alarms:
    """Raises TaskFileError."""
    was_watched = "alarms" in config
    again = replay(folder, _as_watched(config))
    raised = logged(folder) if was_watched else again.raised
    return Alarms(
        tuple(raised),
        not_looked_at(again.watch),
        tuple(again.facts),
        again.watch.config.window,
        was_watched,
    )


def alarms(found: Alarms, evaluations: Sequence[Evaluation], planned: int, first_chart: int) -> tuple[str, list[Chart]]:
    """The section's body, and its charts, which are numbered from `first_chart` on the page."""
    charts = [chart for chart in (oracle_chart(evaluations), scrambled_chart(found), prompt_chart(found)) if chart]
    return said(found) + table(found, planned) + others(found) + figures(charts, start=first_chart), charts


def said(found: Alarms) -> str:
    raised = {each.alarm for each in found.raised}
    count, looked = len(raised), len(ALARMS.keys() - found.unseen.keys() | raised)
    text = (
        f"{count} of the {looked} alarms that could look {'was' if count == 1 else 'were'} raised"
        if count
        else f"{looked} alarms looked, and none was raised"
    )
    if not found.was_watched:
        text += "; the run was not watched as it trained, so they were looked for afterwards, in its records"
    return f'<p class="sentence">{safe(text)}. They observe and never pay.</p>'


def mark(found: Alarms) -> str:
    """The head's word on it."""
    count = len({each.alarm for each in found.raised})
    return badge(f"{count} alarm{'s' * (count > 1)}", "alarm") if count else ""


def table(found: Alarms, planned: int) -> str:
    """Those that were raised, with their steps on a line as long as the run."""
    by_name: dict[str, list[Raised]] = {}
    for each in found.raised:
        by_name.setdefault(each.alarm, []).append(each)
    if not by_name:
        return ""
    last = max([planned, 1, *(each.step for each in found.raised)])
    rows = join(_row(name, raised, last) for name, raised in by_name.items())
    return (
        '<div class="wide"><table class="plain alarms"><thead><tr><th scope="col">Alarm</th><th scope="col">What was seen</th>'
        f'<th scope="col" class="plot">{strip_axis(last)}</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


def others(found: Alarms) -> str:
    """Those that were silent, and those that had nothing to go by."""
    raised = {each.alarm for each in found.raised}
    silent = [name for name in ALARMS if name not in raised and name not in found.unseen]
    blind = [name for name in ALARMS if name not in raised and name in found.unseen]
    parts = []
    if silent:
        parts.append("<h3>Silent</h3>" + facts((safe(name), safe(ALARMS[name].meaning)) for name in silent))
    if blind:
        parts.append("<h3>Could not look</h3>" + facts((safe(name), safe(found.unseen[name])) for name in blind))
    return f'<div class="watched">{join(f"<div>{part}</div>" for part in parts)}</div>'


def oracle_chart(evaluations: Sequence[Evaluation]) -> Chart | None:
    """What is paid for the held-out completions, and what the oracle passes of them; None where the two are one."""
    paid = [(each.step, [_mean(p.rewards) for p in each.problems if p.rewards], each.seed) for each in evaluations]
    true = [
        (each.step, list(each.scores().get("oracle" if each.oracle else "pass@1", {}).values()), each.seed)
        for each in evaluations
    ]
    has_oracle = any(each.oracle for each in evaluations)
    differ = any(a and b and abs(_mean(a) - _mean(b)) > 1e-9 for (_, a, _), (_, b, _) in zip(paid, true, strict=True))
    if not differ:
        return None
    return line_chart(
        "Paid, and true",
        [
            Series("mean reward", _points(paid), "s2", marked=True),
            Series(f"pass@1 by {'the oracle' if has_oracle else 'the verifier'}", _points(true), "s1", marked=True),
        ],
        note="the same held-out completions; 95 % intervals",
        form="share",
    )


def scrambled_chart(found: Alarms) -> Chart | None:
    """Over the last window at each step, as the alarm sees it."""
    marks = []
    for place, each_step in enumerate(found.facts):
        near = [each.scrambled for each in found.facts[max(0, place - found.window + 1) : place + 1]]
        judged, paid = sum(each[0] for each in near), sum(each[1] for each in near)
        marks.append(Point(each_step.step, paid / judged if judged else None))
    return line_chart(
        "Paid against another truth",
        [Series("share", marks, "s2")],
        note=f"share of paid completions, last {found.window} steps; an honest reward: near 0",
        form="share",
        ceiling=1.0,
    )


def prompt_chart(found: Alarms) -> Chart | None:
    def line(values: Sequence[float | None]) -> list[Point]:
        return [Point(each.step, value) for each, value in zip(found.facts, values, strict=True)]

    return line_chart(
        "Answers and prompts",
        [
            Series("depend on the prompt", line([dependence(each) for each in found.facts]), "s1"),
            Series("same text, other prompt", line([each.shared for each in found.facts]), "s2"),
            Series("same text, same prompt", line([each.copies for each in found.facts]), "quiet", dashed=True),
        ],
        note="kappa; shares of completions",
        form="share",
        ceiling=1.0,
    )


def strip_axis(last: int) -> str:
    return (
        '<svg class="intervals axis" height="14" aria-hidden="true"><text x="0" y="11">step 0</text>'
        f'<text x="100%" y="11" text-anchor="end">{last}</text></svg>'
    )


def _row(name: str, raised: Sequence[Raised], last: int) -> str:
    meaning = ALARMS[name].meaning if name in ALARMS else ""
    seen = join(
        f"<p><b>step {each.step}</b>{_action(each)} {safe(each.sentence[0].upper() + each.sentence[1:])}.</p>"
        for each in raised
    )
    return (
        f'<tr><th scope="row">{safe(name)}<small>{safe(meaning)}</small></th><td>{seen}</td>'
        f'<td class="plot">{_strip([each.step for each in raised], last)}</td></tr>'
    )


def _action(raised: Raised) -> str:
    return "" if raised.action == "note" else f" {badge(raised.action, 'alarm')}"


def _strip(steps: Sequence[int], last: int) -> str:
    """A line of the run's length with a mark at each step."""
    marks = join(f'<circle class="mark alarm" cx="{100 * step / last:.2f}%" cy="10" r="5"/>' for step in steps)
    line = '<line class="grid" x1="0" x2="100%" y1="10" y2="10"/>'
    return f'<svg class="intervals" height="20" aria-hidden="true">{line}{marks}</svg>'


def _as_watched(config: Mapping[str, Json]) -> RunConfig:
    """The run's own configuration; for one of another version, what the alarms need of it."""
    try:
        return validate(RunConfig, Layered(dict(config), {}))
    except ConfigError:
        rollout = config.get("rollout")
        keys = {key: rollout[key] for key in ("pools", "replay") if isinstance(rollout, Mapping) and key in rollout}
        try:
            return validate(RunConfig, Layered({"rollout": keys}, {}))
        except ConfigError:
            return RunConfig()


def _points(measured: Sequence[tuple[int, Sequence[float], int]]) -> list[Point]:
    found = []
    for step, values, seed in measured:
        if values:
            bounds = bootstrap_mean(values, seed=seed) if len(values) > 1 else (None, None)
            found.append(Point(step, _mean(values), *bounds))
    return found


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
