"""The head of a page: what the run is, whether a gain was shown, and every measure before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assay.core.learning import METHODS
from assay.measure.compare import Comparison, Difference
from assay.measure.evaluation import Evaluation, Figure
from assay.report.alarms import mark
from assay.report.gather import RunData
from assay.report.parts import badge, nothing
from assay.report.plots import interval_axis, interval_plot
from assay.report.text import join, number, safe, short
from assay.reward.control import SENTENCES

NAMES = {"oracle": "by the oracle", "format_rate": "answer readable", "mean_length": "tokens"}
MEANS = {
    "greedy": "one completion at temperature 0",
    "pass@1": "share of samples right",
    "oracle": "share of the same samples that evaluate.oracle passes; it never pays",
    "format_rate": "share of samples with an answer that can be read",
    "mean_length": "mean length of a completion",
}


def head(run: RunData) -> str:
    """Name, verdict, and what was trained on what."""
    title = f"{safe(run.title)} <small>{safe(run.name)}</small>" if run.title != run.name else safe(run.name)
    return f'<header class="head"><p class="status">{control(run)}{verdict(run)}{progress(run)}{mark(run.alarms)}</p><h1>{title}</h1><p class="what">{what(run)}</p>{headline(run)}</header>'


def control(run: RunData) -> str:
    """A control arm says so before anything else."""
    return "" if run.control is None else badge(f"control: {run.control}", "void")


def verdict(run: RunData) -> str:
    if run.comparison is None:
        return badge("no verdict yet", "quiet")
    if run.comparison.shows_gain:
        return badge("gain shown" if run.is_finished else "gain shown so far", "pass")
    if not run.comparison.shows_loss:
        return badge("no gain shown", "quiet")
    row = run.comparison.row("pass@1")
    return badge("a loss, no gain" if row is not None and row.high < 0 else "the oracle sees a loss", "fail")


def progress(run: RunData) -> str:
    if run.is_finished:
        return ""
    if run.stop is not None:
        return badge(f"stopped at step {run.stop['step']} of {run.planned}", "fail")
    if run.paused_at is not None:
        return badge(f"paused at step {run.paused_at} of {run.planned}", "alarm")
    return badge(f"unfinished: step {run.done} of {run.planned}", "void")


def what(run: RunData) -> str:
    """The method in one line."""
    rollout, learn = run.section("rollout"), run.section("learn")
    model = run.evaluations[0].model if run.evaluations else run.section("model").get("name")
    said = [
        f"<b>{safe(brief(str(model)))}</b>",
        f"on <b>{safe(run.section('tasks').get('source'))}</b>",
        f"{run.done} of {run.planned} steps" if run.done < run.planned else f"{run.planned} steps",
        f"{rollout.get('prompts_per_step')} prompts × {rollout.get('group_size')} completions",
        f"learning rate {short(learn.get('learning_rate'))}",
        method(learn),
        f"reward {safe(run.section('reward').get('rule'))}"
        if run.control is None
        else f"<b>control arm: {safe(SENTENCES.get(run.control, run.control))}</b>",
        f"seed {run.seed}",
    ]
    return '<span class="dot"> · </span>'.join([" ".join(said[:2]), *said[2:]])


def method(learn: Mapping[str, Any]) -> str:
    """The estimator and the objective, as people call them."""
    advantage, loss, kl = (learn.get(key) or {} for key in ("advantage", "loss", "kl"))
    names = [METHODS.get(str(each.get("kind")), "") for each in (advantage, loss) if each.get("kind") != "ppo_clip"]
    pull = f"KL {short(kl['coefficient'])}" if kl.get("coefficient") else "no KL"
    return ", ".join(name for name in (*names, pull) if name)


def brief(model: str) -> str:
    """A model folder by its own name; hub names (`owner/name`) as they are."""
    return model.rstrip("/").rpartition("/")[2] if model.startswith("/") or model.count("/") > 1 else model


def headline(run: RunData) -> str:
    """pass@1 before and after, large, with the sentence that says what was shown; and why the run stopped, if it did."""
    if run.comparison is None:
        return _stopped(run) + (f'<p class="sentence">{safe(run.missing)}</p>' if run.evaluations else "")
    row = run.comparison.row("pass@1")
    big = ""
    if row is not None:
        look = "pass" if run.comparison.shows_gain else "fail" if run.comparison.shows_loss else "quiet"
        by = ", by the verifier that pays" if run.comparison.row("oracle") is not None else ""
        big = (
            f'<div class="big"><span class="label">held-out pass@1{by}</span><span class="values"><span class="from">{row.before:.3f}</span>'
            f'<span class="arrow" aria-label="to">→</span><span class="to">{row.after:.3f}</span>'
            f'<span class="gain {look}">{number(row.gain, "+.3f")}</span></span></div>'
        )
    said = run.comparison.sentence()
    return f'{big}<p class="sentence">{safe(said[0].upper() + said[1:])}.{_so_far(run)}</p>{_stopped(run)}'


def _stopped(run: RunData) -> str:
    if run.stop is None:
        return ""
    said = str(run.stop.get("reason", "the run collapsed"))
    by = f"alarms.{run.stop['alarm']}.action" if "alarm" in run.stop else "learn.collapse"
    return f'<p class="sentence">{safe(said[0].upper() + said[1:])}: the run was stopped ({safe(by)}).</p>'


def results(run: RunData) -> str:
    """The table of before and after; of the only evaluation when there is one."""
    if run.comparison is not None:
        return comparison_table(run.comparison)
    if run.evaluations:
        return evaluation_table(run.evaluations[-1])
    return nothing(run.missing)


def comparison_table(comparison: Comparison) -> str:
    before, after = comparison.before.figures(), comparison.after.figures()
    rows = join(_row(row, before[row.name], after[row.name]) for row in comparison.rows())
    sampled = f"{len(comparison.after.problems)} problems × {comparison.after.samples} samples at temperature {comparison.after.temperature:g}"
    voids = comparison.before.voids + comparison.after.voids
    left_out = f" {voids} samples were VOID and are left out." if voids else ""
    return (
        f'<div class="wide"><table class="measures"><thead><tr><th scope="col">Held-out</th>'
        f'<th scope="col" class="n"><i class="swatch before"></i>Before</th><th scope="col" class="n"><i class="swatch after"></i>After</th>'
        f'<th scope="col" class="n">Gain</th><th scope="col" class="n">95 % interval of the gain</th>'
        f'<th scope="col" class="plot">{interval_axis(0, 1)}</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="foot">{safe(sampled)}. Intervals of the gain: paired bootstrap over problems; of each figure: bootstrap '
        f"over problems, Wilson’s for greedy.{left_out}</p>"
    )


def evaluation_table(evaluation: Evaluation) -> str:
    rows = []
    for name, figure in evaluation.figures().items():
        form = _form(name)
        plot = interval_plot([("before", figure.value, figure.low, figure.high)], 0, 1) if form == ".3f" else ""
        rows.append(
            f'<tr><th scope="row">{_label(name)}</th><td class="n">{number(figure.value, form)}</td>'
            f'<td class="n">{_interval(figure.low, figure.high, form)}</td><td class="plot">{plot}</td></tr>'
        )
    return (
        f'<div class="wide"><table class="measures alone"><thead><tr><th scope="col">Held-out, {safe(evaluation.kind)} training</th>'
        f'<th scope="col" class="n">Value</th><th scope="col" class="n">95 % interval</th>'
        f'<th scope="col" class="plot">{interval_axis(0, 1)}</th></tr></thead><tbody>{join(rows)}</tbody></table></div>'
    )


def _row(row: Difference, before: Figure, after: Figure) -> str:
    form = _form(row.name)
    plot = ""
    look = "quiet"
    if form == ".3f":
        marks = [("before", before.value, before.low, before.high), ("after", after.value, after.low, after.high)]
        plot = interval_plot(marks, 0, 1)
        look = "pass" if row.low > 0 else "fail" if row.high < 0 else "quiet"
    first = ' class="first"' if row.name == "pass@1" else ""
    return (
        f'<tr{first}><th scope="row">{_label(row.name)}</th>'
        f'<td class="n" data-label="before">{number(row.before, form)}</td><td class="n strong" data-label="after">{number(row.after, form)}</td>'
        f'<td class="n gain {look}" data-label="gain">{number(row.gain, "+" + form)}</td>'
        f'<td class="n range" data-label="95 %">{_interval(row.low, row.high, "+" + form)}</td><td class="plot">{plot}</td></tr>'
    )


def _label(name: str) -> str:
    kind, _, k = name.partition("@")
    means = MEANS.get(name) or (
        f"at least one of {k} right" if kind == "pass" else f"the most frequent answer of {k} is right" if k else ""
    )
    return f'<span title="{safe(means)}">{safe(NAMES.get(name, name))}</span>'


def _form(name: str) -> str:
    return ".1f" if name == "mean_length" else ".3f"


def _interval(low: float | None, high: float | None, form: str) -> str:
    if low is None or high is None or low == float("-inf"):
        return "–"
    return f"{number(low, form)} <span class='to'>to</span> {number(high, form)}"


def _so_far(run: RunData) -> str:
    if run.is_finished or run.comparison is None:
        return ""
    return f" This compares with step {run.comparison.after.step}; the run is unfinished."


def seeds_sentence(runs: Sequence[RunData]) -> str:
    """How the runs of one configuration came out, seed by seed."""
    judged = [run.comparison for run in runs if run.comparison is not None]
    gains = [row.gain for each in judged if (row := each.row("pass@1")) is not None]
    if not gains:
        return "no run has two evaluations yet"
    shown = sum(each.shows_gain for each in judged)
    mean = sum(gains) / len(gains)
    seeds = f"{len(runs)} seeds" if len({run.seed for run in runs}) > 1 else f"{len(runs)} run{'s' * (len(runs) > 1)}"
    spread = f", {number(min(gains), '+.3f')} to {number(max(gains), '+.3f')}" if len(gains) > 1 else ""
    return f"{seeds}: gain shown in {shown} of {len(judged)}; mean gain {number(mean, '+.3f')}{spread}"
