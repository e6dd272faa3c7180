"""Which curves a page shows, from which metrics (names as learn/trainer logs them), for one run and for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.core.types import Json
from assay.measure.bootstrap import bootstrap_mean
from assay.measure.evaluation import Evaluation
from assay.report.gather import RunData
from assay.report.plots import Chart, Series, line_chart, stacked_chart
from assay.report.points import Point
from assay.report.programs import gap_chart

CAUSES = {
    "informative": ("with spread", "informative"),
    "all_right": ("all right", "pass"),
    "all_wrong": ("all wrong", "fail"),
    "all_unparsed": ("none readable", "unparsed"),
    "flat": ("paid the same", "flat"),
    "dropped": ("dropped (VOID)", "void"),
}
POOLS = {"easy": ("too easy", "pass"), "between": ("between", "informative"), "hard": ("too hard", "fail")}
PHASES = {"time/rollout": ("sampling", "s1"), "time/judge": ("judging", "s2"), "time/learn": ("learning", "s3")}


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of the training steps, as a chart of its own when several runs are laid over each other."""

    metric: str
    title: str
    note: str = ""
    form: str = "number"
    floor: float | None = 0.0
    ceiling: float | None = None


REWARD = Line("reward", "Reward", "mean of the step's completions", "share")
LENGTH = Line("completions/mean_length", "Completion length", "tokens, mean", "tokens")
KL = Line("kl", "KL to the reference", "k3 estimate, nats a token")
ENTROPY = Line("entropy", "Entropy", "of the policy, nats a token")
GRADIENT = Line("grad_norm", "Gradient norm", "before clipping")
DIFFERENCE = Line("logprob_difference", "Log-prob difference", "largest, sampled against recomputed, nats")
SPREAD = Line("frac_reward_zero_std", "Groups without spread", "share of the step's groups", "share", 0.0, 1.0)
CLIPPED = Line("clip_ratio/region_mean", "Clip fraction", "share of tokens outside the range")
TIME = Line("time/step", "Time per step", "seconds", "seconds")


def curves(run: RunData) -> tuple[list[Chart], list[str]]:
    """The charts of one run, and a sentence for each that has nothing to show."""
    steps = run.steps
    charts = [
        held_out_chart(run.evaluations),
        line_chart(
            "Reward",
            [
                Series("reward", cut(band(steps, "reward", "reward_std"), 0.0, 1.0), "s1"),
                *(
                    [Series("pass rate", points(steps, "pass_rate"), "pass", dashed=True)]
                    if _rates_differ(steps)
                    else []
                ),
            ],
            note="mean of the step; band: ± mean spread in groups, cut to 0–1",
            form="share",
        ),
        gap_chart(run.programs),
        groups_chart(steps),
        *drawn_charts(steps),
        line_chart(
            "Completion length",
            [
                Series(
                    "mean",
                    between(steps, "completions/mean_length", "completions/min_length", "completions/max_length"),
                )
            ],
            note="tokens; band: shortest to longest",
            form="tokens",
        ),
        line_chart(
            "Answered, and cut",
            [
                Series("answer readable", points(steps, "format_rate"), "s1"),
                Series("cut at the limit", points(steps, "completions/clipped_ratio"), "s2"),
            ],
            note="share of completions",
            form="share",
            ceiling=1.0,
        ),
        line_chart("Entropy", [Series("entropy", points(steps, "entropy"))], note=ENTROPY.note),
        line_chart("KL to the reference", [Series("KL", points(steps, "kl"))], note=KL.note),
        line_chart(
            "Clip fraction",
            [
                Series("low side", points(steps, "clip_ratio/low_mean"), "s1"),
                Series("high side", points(steps, "clip_ratio/high_mean"), "s2"),
            ],
            note="share of tokens outside the range",
        ),
        line_chart(
            "Log-prob difference", [Series("largest", points(steps, "logprob_difference"))], note=DIFFERENCE.note
        ),
        line_chart("Gradient norm", [Series("norm", points(steps, "grad_norm"))], note=GRADIENT.note),
        time_chart(steps),
    ]
    return [chart for chart in charts if chart is not None], _absent(run)


def overlaid(runs: Sequence[RunData], looks: Mapping[str, str], names: Mapping[str, str]) -> list[Chart]:
    """The charts of several runs: one line a run. `looks` and `names` are by path."""
    charts = [held_out_overlay(runs, looks, names)]
    for line in (REWARD, SPREAD, LENGTH, ENTROPY, KL, CLIPPED, GRADIENT, TIME):
        series = [Series(names[str(run.path)], points(run.steps, line.metric), looks[str(run.path)]) for run in runs]
        charts.append(
            line_chart(line.title, series, note=line.note, form=line.form, floor=line.floor, ceiling=line.ceiling)
        )
    return [chart for chart in charts if chart is not None]


def held_out_chart(evaluations: Sequence[Evaluation]) -> Chart | None:
    """pass@1 with its intervals, and what stands beside it, at each evaluation."""
    figures = [(each, each.figures(intervals=False)) for each in evaluations]
    names = [name for name in (figures[0][1] if figures else {}) if name.startswith(("greedy", "pass@", "maj@"))]
    ordered = sorted(names, key=lambda name: name != "pass@1")
    looks = {name: f"s{place}" for place, name in enumerate(ordered, 1)}
    series = [
        Series(
            name,
            [
                Point(each.step, shown[name].value, *(interval(each, name) if name == "pass@1" else ()))
                for each, shown in figures
                if name in shown
            ],
            looks[name],
            marked=True,
            dashed=name != "pass@1",
        )
        for name in ordered
    ]
    return line_chart("Held-out", series, note="pass@1 with its 95 % interval", form="share")


def held_out_overlay(runs: Sequence[RunData], looks: Mapping[str, str], names: Mapping[str, str]) -> Chart | None:
    series = []
    for run in runs:
        marks = []
        for each in run.evaluations:
            figure = each.figures(intervals=False).get("pass@1")
            if figure is not None:
                marks.append(Point(each.step, figure.value, *interval(each, "pass@1")))
        series.append(Series(names[str(run.path)], marks, looks[str(run.path)], marked=True))
    return line_chart("Held-out pass@1", series, note="with 95 % intervals", form="share")


def interval(evaluation: Evaluation, name: str) -> tuple[float | None, float | None]:
    """The 95 % interval of one figure: all of them, at every evaluation of a long run, would take minutes."""
    values = list(evaluation.scores()[name].values())
    return bootstrap_mean(values, seed=evaluation.seed) if len(values) > 1 else (None, None)


def groups_chart(steps: Sequence[Mapping[str, Json]]) -> Chart | None:
    """Every group of a step by what it could teach: only groups with spread carry a gradient."""
    return stacked_chart(
        "Groups by cause",
        [Series(name, points(steps, f"groups/{cause}"), look) for cause, (name, look) in CAUSES.items()],
        note="only groups with spread teach",
        form="count",
    )


def drawn_charts(steps: Sequence[Mapping[str, Json]]) -> list[Chart | None]:
    """How the step's prompts were chosen; only what the run chose by (`line_chart` gives None for what was never logged)."""
    return [
        line_chart(
            "Dynamic sampling",
            [
                Series("groups sampled", points(steps, "dynamic/sampled"), "s2"),
                Series("kept", points(steps, "dynamic/kept"), "s1"),
                Series("rounds", points(steps, "dynamic/rounds"), "quiet", dashed=True),
            ],
            note="groups of the step, those with spread that it learnt from, rounds of sampling",
            form="count",
        ),
        line_chart(
            "Tokens left out",
            [Series("tokens", points(steps, "dynamic/wasted_tokens"))],
            note="of groups that were sampled and not learnt from",
            form="tokens",
        ),
        stacked_chart(
            "Tasks by pool",
            [
                Series(name, points(steps, f"pools/{pool}"), look)
                for pool, (name, look) in POOLS.items()
                if any(f"pools/{pool}" in row for row in steps)
            ],
            note="of the tasks seen so far, by running pass rate; too easy and too hard ones rest",
            form="count",
        ),
        line_chart(
            "Curriculum level",
            [Series("level", points(steps, "curriculum/level"))],
            note="0: the easiest",
            form="count",
        ),
        line_chart(
            "Prompts that came back",
            [Series("prompts", points(steps, "replay/prompts"))],
            note="hard ones solved lately, of the step's prompts",
            form="count",
        ),
    ]


def time_chart(steps: Sequence[Mapping[str, Json]]) -> Chart | None:
    phases = [Series(name, points(steps, metric), look) for metric, (name, look) in PHASES.items()]
    rest = []
    for row in steps:
        known = sum(float(row.get(metric) or 0) for metric in PHASES)
        rest.append(Point(row["step"], max(0.0, float(row.get("time/step") or 0) - known)))
    return stacked_chart(
        "Time per step", [*phases, Series("rest", rest, "quiet")], note="seconds by phase", form="seconds"
    )


def points(steps: Sequence[Mapping[str, Json]], metric: str) -> list[Point]:
    return [Point(row["step"], _number(row.get(metric))) for row in steps]


def band(steps: Sequence[Mapping[str, Json]], metric: str, spread: str) -> list[Point]:
    """The metric plus and minus another one."""
    found = []
    for row in steps:
        value, half = _number(row.get(metric)), _number(row.get(spread))
        bounds = (None, None) if value is None or half is None else (value - half, value + half)
        found.append(Point(row["step"], value, *bounds))
    return found


def cut(points: Sequence[Point], low: float, high: float) -> list[Point]:
    """Bounds cut to low..high, or to the points' own range where that is wider."""
    values = [point.y for point in points if point.y is not None]
    low, high = min([low, *values]), max([high, *values])
    return [
        point
        if point.low is None or point.high is None
        else point._replace(low=max(low, point.low), high=min(high, point.high))
        for point in points
    ]


def between(steps: Sequence[Mapping[str, Json]], metric: str, low: str, high: str) -> list[Point]:
    return [Point(row["step"], *(_number(row.get(name)) for name in (metric, low, high))) for row in steps]


def _absent(run: RunData) -> list[str]:
    """One sentence for each curve that a run has no numbers for, and why."""
    if not run.steps:
        return ["No training step has been logged yet, so there is no curve of training to show."]
    said = [] if run.evaluations else ["Held-out: no evaluation has been made yet."]
    if all(row.get("kl") is None for row in run.steps):
        coefficient = (run.section("learn").get("kl") or {}).get("coefficient")
        said.append(
            "KL to the reference: not measured, because learn.kl.coefficient is 0."
            if coefficient == 0
            else "KL to the reference: no update has measured it yet."
        )
    if all(row.get("entropy") is None for row in run.steps):
        said.append("Entropy, clip fraction and log-prob difference: no step has made an update yet.")
    return said


def _rates_differ(steps: Sequence[Mapping[str, Json]]) -> bool:
    """Does the reward say something else than the pass rate? Under the outcome rule the two are one line."""
    return any(abs((_number(row.get("reward")) or 0) - (_number(row.get("pass_rate")) or 0)) > 1e-9 for row in steps)


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
