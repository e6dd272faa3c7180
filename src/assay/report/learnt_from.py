"""What the stages learnt from: yields, what each filter removed with examples, pairs, and how far reward models can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.types import Json
from assay.report.parts import nothing
from assay.report.stages import Shown, bar
from assay.report.text import join, number, percent, safe


def learnt_from(stages: Sequence[Shown]) -> str:
    blocks = [block for each in stages if (block := _block(each))]
    return join(blocks) if blocks else nothing("No stage has gathered anything yet.")


def _block(stage: Shown) -> str:
    details = stage.manifest.details
    parts = [
        _yields(details),
        _difficulty(details),
        _training(details),
        _removed(details),
        _measured(details),
        _pairs(details),
    ]
    body = join(parts)
    if not body:
        return ""
    return f'<div class="learnt"><h3>{safe(stage.card.title)}</h3><p class="lead">{_lead(stage)}</p><div class="learnt-parts">{body}</div></div>'


def _lead(stage: Shown) -> str:
    details, metrics = stage.manifest.details, stage.manifest.metrics
    said = []
    if "gathered" in details:
        said.append(f"{details['kept']:,} of {details['gathered']:,} answers kept")
    if "coverage" in details:
        said.append(f"{percent(float(details['coverage']))} of the prompts covered")
    lengths = details.get("lengths")
    if isinstance(lengths, list) and len(lengths) == 3:
        said.append(f"{lengths[1]} tokens at the median, {lengths[0]} to {lengths[2]} in the middle half")
    if details.get("general"):
        said.append(f"{details['reasoning']:,} checked and {details['general']:,} general examples")
    if "sampler" in details:
        said.append(f"sampled from {details['sampler']}")
    if "ready" in details:
        said.append(str(details["ready"]))
    if "parameters" in metrics and metrics.get("teacher_parameters"):
        said.append(f"{metrics['parameters']:,} parameters, the teacher {metrics['teacher_parameters']:,}")
    return safe("; ".join(said))


def _yields(details: Mapping[str, Json]) -> str:
    rows = [row for row in details.get("yields", []) if "answers" in row]
    return _counts("Yield by domain", "Domain", "domain", rows) if rows else ""


def _difficulty(details: Mapping[str, Json]) -> str:
    rows = details.get("difficulty", [])
    return _counts("Yield by difficulty", "Prompts that are", "band", rows) if rows else ""


def _counts(title: str, head: str, key: str, rows: Sequence[Mapping[str, Json]]) -> str:
    body = join(
        f'<tr><th scope="row">{safe(row[key])}</th><td class="n">{row["prompts"]:,}</td><td class="n">{row.get("right", 0):,}</td>'
        f'<td class="n">{row.get("kept", 0):,}</td><td class="share-cell">{bar(row.get("covered", 0) / max(1, row["prompts"]))}</td></tr>'
        for row in rows
    )
    return (
        f'<table class="small-table"><caption>{title}</caption><thead><tr><th scope="col">{head}</th><th scope="col" class="n">prompts</th>'
        f'<th scope="col" class="n">right</th><th scope="col" class="n">kept</th><th scope="col">covered</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _training(details: Mapping[str, Json]) -> str:
    """What each domain brought to a training run."""
    rows = [row for row in details.get("yields", []) if "completions" in row]
    if not rows:
        return ""
    body = join(
        f'<tr><th scope="row">{safe(row["domain"])}</th><td class="n">{row["completions"]:,}</td>'
        f'<td class="n">{number(row["first_quarter"])}</td><td class="n">{number(row["last_quarter"])}</td>'
        f'<td class="share-cell">{bar(row["teaching"])}</td></tr>'
        for row in rows
    )
    return (
        '<table class="small-table"><caption>Yield by domain, in training</caption><thead><tr><th scope="col">Domain</th>'
        '<th scope="col" class="n">completions</th><th scope="col" class="n">right at first</th><th scope="col" class="n">right at last</th>'
        f'<th scope="col">groups that teach</th></tr></thead><tbody>{body}</tbody></table>'
    )


def _removed(details: Mapping[str, Json]) -> str:
    rows = details.get("removed", [])
    if not rows:
        return ""
    items = join(
        f"<details><summary><b>{row['count']:,}</b> {safe(row['filter'])}</summary>"
        + join(
            f'<figure><figcaption>{safe(each["why"])}</figcaption><pre class="text">{safe(each["text"])}</pre></figure>'
            for each in row["examples"]
        )
        + "</details>"
        for row in rows
    )
    return f'<div class="removed"><h4>Removed by each filter</h4>{items}</div>'


def _measured(details: Mapping[str, Json]) -> str:
    """A reward model on pairs that it did not learn from."""
    found = details.get("measured")
    if not isinstance(found, Mapping):
        return ""
    rows = [
        ("accuracy", f"{number(found['accuracy'])} <span class='to'>({number(found['low'])} to {number(found['high'])}, {found['pairs']} pairs)</span>"),
        ("where the better answer is longer", number(found.get("where_longer"))),
        ("where it is shorter", number(found.get("where_shorter"))),
        ("preferring the longer one alone", number(found["longer_wins"])),
        ("correlation with length", number(found.get("correlation"))),
        ("calibration error", number(found["calibration"]["ece"])),
    ]  # fmt: skip
    body = join(f'<tr><th scope="row">{name}</th><td class="n">{value}</td></tr>' for name, value in rows)
    return f'<table class="small-table"><caption>On pairs kept out</caption><tbody>{body}</tbody></table>'


def _pairs(details: Mapping[str, Json]) -> str:
    counts = details.get("prompts")
    if not isinstance(counts, Mapping):
        return ""
    words = {"paired": "with right and wrong answers", "only_pass": "right only", "only_fail": "wrong only"}
    body = join(
        f'<tr><th scope="row">{words[name]}</th><td class="n">{counts[name]:,}</td></tr>'
        for name in words
        if name in counts
    )
    return f'<table class="small-table"><caption>Prompts asked</caption><tbody>{body}</tbody></table>'
