"""What a page says of the second opinion: who gave it, how often it differs, and every case with both readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.records import read_jsonl
from assay.core.run_folder import RunFolder
from assay.core.types import Json
from assay.measure.second_opinion import NONE_BEYOND, SECOND
from assay.report.parts import badge, code, figures, nothing
from assay.report.plots import Chart, Series, line_chart
from assay.report.points import Point
from assay.report.text import compact, join, percent, safe

MOST_SHOWN = 40
WINDOW = 10  # training steps whose few questions are counted together
END_OF_TEXT = 600  # characters


def read_disagreements(folder: RunFolder) -> tuple[Mapping[str, Json], ...]:
    """Raises TaskFileError."""
    return tuple(read_jsonl(folder.disagreements, broken_tail=True)) if folder.disagreements.exists() else ()


def opinions(
    metrics: Sequence[Mapping[str, Json]],
    differing: Sequence[Mapping[str, Json]],
    verifiers: Sequence[str],
    first_chart: int,
) -> tuple[str, list[Chart]]:
    """The section's body and its charts. `metrics`: rows of training steps and of evaluations."""
    asked = [row for row in metrics if "second/judged" in row]
    if not asked:
        return nothing(absent(verifiers)), []
    chart = rate_chart(asked)
    charts = [chart] if chart else []
    return said(asked, differing, verifiers) + figures(charts, start=first_chart) + table(differing), charts


def absent(verifiers: Sequence[str]) -> str:
    """Why there is none, in a sentence."""
    names = {each.partition("@")[0] for each in verifiers}
    known = [NONE_BEYOND[name] for name in sorted(names & NONE_BEYOND.keys())]
    if known:
        return " ".join(known)
    return (
        "No second opinion was asked: none is known for these tasks’ verifier here, or second_opinion.by is off. "
        "For math tasks, pip install 'assay[math]' brings one; second_opinion.by names one of your own."
    )


def said(asked: Sequence[Mapping[str, Json]], differing: Sequence[Mapping[str, Json]], verifiers: Sequence[str]) -> str:
    judged, ours, theirs, silent = (
        sum(int(row.get(f"second/{name}") or 0) for row in asked)
        for name in ("judged", "ours_only", "theirs_only", "silent")
    )
    who = {signed(row["theirs"]) for row in differing}
    who = who or {SECOND[each].title for each in (label.partition("@")[0] for label in verifiers) if each in SECOND}
    name = " and ".join(sorted(who)) or "The second checker"
    text = f"{name} judged {judged:,} completions beside our verifier and "
    if ours + theirs == 0:
        text += "agreed on all of them"
    else:
        text += (
            f"differed on {ours + theirs:,} ({percent((ours + theirs) / max(1, judged), 2)}): {ours:,} that ours passes and it "
            f"refuses, {theirs:,} that it passes and ours refuses"
        )
    if silent:
        text += f". It gave no verdict on {silent:,} more"
    return (
        f'<p class="sentence">{safe(text)}.</p><p class="lead">It never pays. Neither is the judge of the other: the first '
        "kind may be a hole, the second a right answer that we do not know, or a form that the task forbids.</p>"
    )


def signed(side: Mapping[str, Json]) -> str:
    """A verifier's label without its fingerprint: `math-verify 0.9.0`."""
    return str(side.get("by")).partition("#")[0].replace("@", " ")


def rate_chart(asked: Sequence[Mapping[str, Json]]) -> Chart | None:
    training = [row for row in asked if row.get("kind") == "train"]
    held_out = [row for row in asked if row.get("kind") == "evaluate"]
    pooled = [
        Point(row["step"], _rate(training[max(0, place - WINDOW + 1) : place + 1]))
        for place, row in enumerate(training)
    ]
    return line_chart(
        "Disagreement",
        [
            Series("held-out", [Point(row["step"], _rate([row])) for row in held_out], "s1", marked=True),
            Series(f"training, last {WINDOW} steps", pooled, "s2"),
        ],
        note="share of completions judged twice",
        form="share",
    )


def table(differing: Sequence[Mapping[str, Json]]) -> str:
    if not differing:
        return ""
    # what ours alone pays comes first: it may be a hole
    ordered = sorted(differing, key=lambda row: (row["ours"]["outcome"] != "pass", -int(row["step"])))
    rows = join(map(_row, ordered[:MOST_SHOWN]))
    more = len(differing) - MOST_SHOWN
    left = f'<p class="foot">{more:,} more stand in disagreements.jsonl.</p>' if more > 0 else ""
    return (
        '<div class="wide"><table class="plain opinions"><thead><tr><th scope="col">Step</th><th scope="col">Truth</th>'
        '<th scope="col">Ours reads</th><th scope="col">The second reads</th><th scope="col">Completion</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{left}"
    )


def _row(row: Mapping[str, Json]) -> str:
    truth = row.get("truth")
    expected = truth.get("answer", truth) if isinstance(truth, Mapping) else truth
    text = str(row.get("text", ""))[-END_OF_TEXT:]
    split = "held-out" if row.get("split") == "held_out" else "training"
    return (
        f'<tr><th scope="row">{safe(row["step"])}<small>{split}</small></th><td>{code(compact(expected))}</td>'
        f'<td>{_side(row["ours"])}</td><td>{_side(row["theirs"])}</td><td><pre class="text">{safe(text)}</pre></td></tr>'
    )


def _side(side: Mapping[str, Json]) -> str:
    outcome = str(side.get("outcome"))
    read = side.get("read") or side.get("answer")
    reason = "" if outcome == "pass" else f"<small>{safe(str(side.get('reason')).replace('_', ' '))}</small>"
    return f"{badge(outcome.upper(), outcome)} {code(read) if read is not None else ''}{reason}"


def _rate(rows: Sequence[Mapping[str, Json]]) -> float | None:
    judged = sum(int(row.get("second/judged") or 0) for row in rows)
    differ = sum(int(row.get("second/ours_only") or 0) + int(row.get("second/theirs_only") or 0) for row in rows)
    return differ / judged if judged else None
