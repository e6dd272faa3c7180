"""A pipeline as one page: the stages as a row of cards with their gates, curves below, the same prompt answered by each policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.core.pipeline_folder import ZERO, PipelineFolder, is_pipeline
from assay.core.records import write_text
from assay.core.types import Json
from assay.report.build import build_report, page
from assay.report.curves import overlaid
from assay.report.gather import gather
from assay.report.learnt_from import learnt_from
from assay.report.parts import badge, code, config_table, facts, figures, section
from assay.report.plots import Chart, Series, line_chart
from assay.report.points import Point
from assay.report.side_by_side import side_by_side
from assay.report.stages import CHECKED, Shown, capability_table, cards, domains_of, gather_stages
from assay.report.text import join, number, safe

STYLES = ("viewer.css", "pipeline.css")


def build_pipeline_report(path: Path, out: Path | None = None) -> Path:
    """Write PIPELINE/report.html (or `out`), and the page of each training run inside; returns the page's path.

    Raises RunFolderError, TaskFileError, OutOfDisk.
    """
    folder = PipelineFolder.open(path)
    stages = gather_stages(folder)
    for each in stages:
        if each.run is not None:
            build_report(each.run)
    place = out or folder.report
    write_text(place, pipeline_page(folder, stages))
    return place


def pipeline_page(folder: PipelineFolder, stages: Sequence[Shown]) -> str:
    recipe = folder.recipe
    done = {each.manifest.stage for each in stages}
    waiting = [name for name in recipe["stages"] if name not in done]
    charts = [*progress_charts(stages), *run_charts(stages), *loss_charts(stages)]
    sections = [
        head(folder, stages, waiting),
        section("stages", "The stages", cards(stages, waiting)),
        section(
            "capabilities",
            "What each policy can do",
            capability_table(stages),
            "Held-out figures, the same problems and seeds for every stage; ▼ marks a limit that a gate found broken.",
        ),
        arms(folder, stages),
        section("curves", "Curves", figures(charts)),
        section(
            "answers",
            "The same prompt, stage by stage",
            side_by_side(stages),
            "Greedy answers to held-out prompts; where nothing judges a prompt, no verdict stands beside it.",
        ),
        section("learnt", "What was learnt from", learnt_from(stages)),
        section("config", "Recipe and fingerprints", fingerprints(stages) + _folded(recipe)),
    ]
    return page(str(recipe.get("name", folder.path.name)), join(sections), charts, [], [], STYLES)


def head(folder: PipelineFolder, stages: Sequence[Shown], waiting: Sequence[str]) -> str:
    recipe = folder.recipe
    refused = [each for each in stages if each.manifest.is_refused]
    judged = [each for each in stages if each.manifest.gate is not None]
    states = []
    if refused:
        states.append(badge(f"{len(refused)} of {len(judged)} gates failed", "fail"))
    elif judged:
        states.append(badge(f"all {len(judged)} gates passed", "pass"))
    if waiting:
        states.append(badge(f"unfinished: {len(stages)} of {len(stages) + len(waiting)} stages", "void"))
    model = recipe.get("model", {}).get("name", "")
    seconds = sum(each.manifest.seconds for each in stages)
    said = [
        f"<b>{safe(model)}</b>",
        f"{len(stages)} stages",
        f"seed {safe(recipe.get('seed'))}",
        f"{seconds / 60:.0f} minutes",
    ]
    dotted = '<span class="dot"> · </span>'.join(said)
    return (
        f'<header class="head"><p class="status">{join(states)}</p><h1>{safe(recipe.get("name"))}'
        f'<small>{safe(folder.path.resolve().name)}</small></h1><p class="what">'
        f"{dotted}</p>{_headline(stages)}</header>"
    )


def _headline(stages: Sequence[Shown]) -> str:
    """From the base to the last policy of the line, the large figure of the page."""
    line = [each for each in stages if CHECKED in each.card.exam and not each.is_side]
    if len(line) < 2:
        return ""
    first, last = line[0], line[-1]
    before, after = first.card.exam[CHECKED], last.card.exam[CHECKED]
    gain = after - before
    look = "pass" if gain > 0 else "fail" if gain < 0 else "quiet"
    domains = "; ".join(
        f"{name} {first.card.exam[name]:.3f} to {last.card.exam[name]:.3f}"
        for name in domains_of(stages)
        if name in first.card.exam and name in last.card.exam
    )
    return (
        f'<div class="big"><span class="label">held-out pass@1, all domains, {safe(first.card.title)} to {safe(last.card.title)}</span>'
        f'<span class="values"><span class="from">{before:.3f}</span><span class="arrow" aria-label="to">→</span>'
        f'<span class="to">{after:.3f}</span><span class="gain {look}">{number(gain, "+.3f")}</span></span></div>'
        f'<p class="sentence">{safe(domains)}.</p>'
    )


def progress_charts(stages: Sequence[Shown]) -> list[Chart]:
    """Each domain over the stages of the line, as numbered on the cards."""
    line = [(place, each) for place, each in enumerate(stages) if each.card.exam and not each.is_side]
    names = domains_of(stages)
    series = [
        Series(
            name,
            [Point(place, each.card.exam.get(name)) for place, each in line],
            f"s{number_ % 8 + 1}",
            marked=True,
        )
        for number_, name in enumerate(names)
    ]
    together = line_chart(
        "Held-out pass@1 by domain", series, note="over the stages, as numbered above", form="share", ceiling=1.0
    )
    form = line_chart(
        "Form and language",
        [
            Series(name, [Point(place, each.card.exam.get(name)) for place, each in line], look, marked=True)
            for name, look in (("format", "s1"), ("language", "s3"))
        ],
        note="share readable; share of words in the language asked for",
        form="share",
        ceiling=1.0,
    )
    return [each for each in (together, form) if each is not None]


def run_charts(stages: Sequence[Shown]) -> list[Chart]:
    """The training runs of the RL stages, laid over each other."""
    with_runs = [each for each in stages if each.run is not None]
    runs = [gather(each.run) for each in with_runs if each.run is not None]
    if not runs:
        return []
    looks = {str(run.path): f"s{place % 8 + 1}" for place, run in enumerate(runs)}
    names = {str(run.path): each.card.title for run, each in zip(runs, with_runs, strict=True)}
    return overlaid(runs, looks, names)


def loss_charts(stages: Sequence[Shown]) -> list[Chart]:
    """The losses of what was fitted: SFT together, each preference loss with its kind."""
    kinds = (
        ("SFT loss", "nats an answer token", ("sft", "reject", "distill")),
        ("Preference losses", "reward models, DPO", ("reward_model", "dpo")),
    )
    charts = []
    for title, note, of in kinds:
        fitted = [each for each in stages if each.manifest.kind in of and each.manifest.details.get("losses")]
        series = [
            Series(each.card.title, [Point(*pair) for pair in each.manifest.details["losses"]], f"s{place % 8 + 1}")
            for place, each in enumerate(fitted)
        ]
        charts.append(line_chart(title, series, note=note))
    return [each for each in charts if each is not None]


def arms(folder: PipelineFolder, stages: Sequence[Shown]) -> str:
    """With and without the cold start, where both arms have been run into folders beside each other."""
    path = folder.path.resolve()
    is_zero = path.name.endswith(ZERO)
    other = path.with_name(path.name.removesuffix(ZERO) if is_zero else path.name + ZERO)
    if not is_pipeline(other):
        return ""
    theirs = {each.manifest.stage: each for each in gather_stages(PipelineFolder.open(other))}
    names = ("without", "with") if is_zero else ("with", "without")
    rows = []
    for each in stages:
        twin = theirs.get(each.manifest.stage)
        if twin is None or CHECKED not in each.card.exam or CHECKED not in twin.card.exam or each.is_side:
            continue
        ours, other_score = each.card.exam[CHECKED], twin.card.exam[CHECKED]
        mine, twins = (other_score, ours) if is_zero else (ours, other_score)
        rows.append(
            f'<tr><th scope="row">{safe(each.card.title)}</th><td class="n">{number(mine)}</td><td class="n">{number(twins)}</td>'
            f'<td class="n gain">{number(mine - twins, "+.3f")}</td></tr>'
        )
    table = (
        '<div class="wide"><table class="plain arms"><thead><tr><th scope="col">pass@1, all domains, after</th>'
        '<th scope="col" class="n">with the cold start</th><th scope="col" class="n">without (zero)</th>'
        f'<th scope="col" class="n">difference</th></tr></thead><tbody>{join(rows)}</tbody></table></div>'
    )
    lead = f"This page is the arm {names[0]} the cold start; the arm {names[1]} it lies in {safe(other.name)}."
    return section("arms", "With and without the cold start", table, lead)


def fingerprints(stages: Sequence[Shown]) -> str:
    """What each stage was made from and what it made, by hash."""
    pairs = []
    for each in stages:
        inputs = join(f"{code(f'{name} {value[:12]}')}" for name, value in each.manifest.inputs.items())
        made = code(f"made {each.manifest.made_sha256[:12]}") if each.manifest.made_sha256 else ""
        pairs.append((safe(each.card.title), inputs + made + code(f"config {each.manifest.config_sha256[:12]}")))
    return facts(pairs)


def _folded(recipe: Mapping[str, Json]) -> str:
    flat = {key: value for key, value in recipe.items() if key != "stages"}
    flat |= {f"stages.{name}": stage for name, stage in recipe["stages"].items()}
    return f'<details class="resolved"><summary>The resolved recipe</summary>{config_table(flat)}</details>'
