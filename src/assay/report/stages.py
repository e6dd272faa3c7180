"""The stages of a pipeline as a page shows them: a row of cards with their gates, and the table of what each policy can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.pipeline_folder import Manifest, PipelineFolder
from assay.core.records import read_jsonl
from assay.core.types import Json
from assay.report.cards import Card, card_of
from assay.report.parts import badge
from assay.report.text import join, number, safe

SIDE = ("reward_model", "dpo", "distill", "gate")
"""Kinds that stand beside the line of the stages."""
CHECKED = "checked"
LAST = ("format", "language")
"""Suites that come behind the domains."""
SHADES = 10


@dataclass(frozen=True, slots=True)
class Shown:
    """A finished stage with what lies in its folder."""

    manifest: Manifest
    card: Card
    path: Path
    answers: tuple[Mapping[str, Json], ...]
    run: Path | None  # its training run

    @property
    def is_side(self) -> bool:
        return self.manifest.kind in SIDE


def gather_stages(folder: PipelineFolder) -> list[Shown]:
    """Base first, where it was examined by itself, then the recipe's order."""
    found: list[Shown] = []
    for stage in (folder.stage("base"), *folder.finished()):
        if not stage.is_done or any(each.path == stage.path for each in found):
            continue
        manifest = stage.manifest()
        answers = tuple(read_jsonl(stage.path / "answers.jsonl")) if (stage.path / "answers.jsonl").is_file() else ()
        run = stage.path / "run"
        found.append(
            Shown(manifest, card_of(manifest), stage.path, answers, run if (run / "config.json").is_file() else None)
        )
    return found


def suites_of(stages: Sequence[Shown]) -> list[str]:
    """What the policies were examined on: all together, each domain, then form and language, then other suites."""
    names = list(dict.fromkeys(name for each in stages for name in each.card.exam if "/" not in name))
    domains = [name for name in names if any(f"{name}/pass@1" in each.card.exam for each in stages)]
    known = [CHECKED, *domains, *LAST]
    return [name for name in known if name in names] + [name for name in names if name not in known]


def domains_of(stages: Sequence[Shown]) -> list[str]:
    return [name for name in suites_of(stages) if any(f"{name}/pass@1" in each.card.exam for each in stages)]


def cards(stages: Sequence[Shown], waiting: Sequence[str]) -> str:
    """The row; `waiting` are stages that are not made yet."""
    by_name = {each.manifest.stage: each for each in stages}
    titles = {name: each.card.title for name, each in by_name.items()}
    drawn = [_card(place, each, by_name, titles, domains_of(stages)) for place, each in enumerate(stages)]
    ghosts = [
        f'<li class="stage waiting"><h3>{safe(name)}</h3><p class="from">not made yet</p></li>' for name in waiting
    ]
    return f'<ol class="stages">{join(drawn)}{join(ghosts)}</ol>'


def _card(
    place: int, stage: Shown, by_name: Mapping[str, Shown], titles: Mapping[str, str], domains: Sequence[str]
) -> str:
    manifest, card = stage.manifest, stage.card
    title = safe(card.title)
    if stage.run is not None:
        link = f"stages/{manifest.stage}/run/report.html"
        title = f'<a href="{safe(link)}" title="the page of its training run">{title}</a>'
    start = f'<p class="from">{safe(_origin(manifest, titles)) or "&nbsp;"}</p>'
    facts = join(
        f"<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>"
        for name, value in card.figures
        if name not in ("pass@1", "held-out accuracy")
    )
    look = f"stage {'side' if stage.is_side else 'line'}{' refused' if manifest.is_refused else ''}"
    return (
        f'<li class="{look}"><div class="stage-top"><span class="no">{place}</span>'
        f'<span class="kind">{safe(card.kind)}</span>{gate_badge(manifest)}</div>'
        f"<h3>{title}</h3>{start}{_score(stage, by_name)}{_bars(card, domains)}"
        f'<dl class="small">{facts}<div><dt>time</dt><dd>{_clock(manifest.seconds)}</dd></div></dl></li>'
    )


def _origin(manifest: Manifest, titles: Mapping[str, str]) -> str:
    """Where the stage's policy comes from, in words."""
    if manifest.kind == "gate":
        sides = [str(manifest.metrics.get(key, "")) for key in ("baseline", "candidate")]
        return " against ".join(titles.get(each, each) for each in reversed(sides))
    before = titles.get(manifest.start or "", "")
    if manifest.kind == "distill":
        return f"taught by {before}"
    return f"from {before}" if before else ""


def gate_badge(manifest: Manifest) -> str:
    if manifest.gate is None:
        return ""
    return badge("gate failed", "fail") if manifest.is_refused else badge("gate passed", "pass")


def _score(stage: Shown, by_name: Mapping[str, Shown]) -> str:
    """The one large figure: pass@1 and its change from the stage that it started from; a reward model's accuracy."""
    exam = stage.card.exam
    if CHECKED in exam:
        before = by_name.get(stage.manifest.start or "")
        change = ""
        if before is not None and CHECKED in before.card.exam and stage.manifest.kind != "distill":
            gain = exam[CHECKED] - before.card.exam[CHECKED]
            look = "pass" if gain > 0.005 else "fail" if gain < -0.005 else "quiet"
            change = f'<span class="gain {look}">{number(gain, "+.3f")}</span>'
        return f'<p class="score"><b>{exam[CHECKED]:.3f}</b>{change}<span class="label">pass@1, all domains</span></p>'
    accuracy = stage.manifest.metrics.get("accuracy")
    if isinstance(accuracy, float):
        return f'<p class="score"><b>{accuracy:.3f}</b><span class="label">held-out accuracy</span></p>'
    if stage.manifest.gate is not None:
        kept = sum(check["status"] == "kept" for check in stage.manifest.gate["checks"])
        return f'<p class="score"><b>{kept}/{len(stage.manifest.gate["checks"])}</b><span class="label">limits kept</span></p>'
    return ""


def _bars(card: Card, domains: Sequence[str]) -> str:
    rows = [
        f'<div><dt>{safe(name)}</dt><dd>{bar(card.exam[name])}<span class="n">{card.exam[name]:.2f}</span></dd></div>'
        for name in domains
        if name in card.exam
    ]
    return f'<dl class="bars">{join(rows)}</dl>' if rows else ""


def bar(share: float, look: str = "s1") -> str:
    """A share as a bar, drawn without a style attribute."""
    width = max(0.0, min(1.0, share)) * 100
    return (
        f'<svg class="share {look}" aria-hidden="true"><rect class="whole" width="100%" height="100%" rx="2"/>'
        f'<rect class="part" width="{width:.1f}%" height="100%" rx="2"/></svg>'
    )


def capability_table(stages: Sequence[Shown]) -> str:
    """Stage by stage, every suite's mean; a cell whose limit the gate found broken says so."""
    suites = suites_of(stages)
    rows = [each for each in stages if each.card.exam]
    if not rows:
        return ""
    heads = join(f'<th scope="col" class="n">{safe(name)}</th>' for name in suites)
    body = []
    for each in rows:
        checks = {check["suite"]: check for check in (each.manifest.gate or {}).get("checks", [])}
        cells = join(_cell(each.card.exam.get(name), checks.get(name)) for name in suites)
        against = (each.manifest.gate or {}).get("against")
        note = f'<span class="seed">against {safe(against)}</span>' if against else ""
        body.append(
            f'<tr><th scope="row">{safe(each.card.title)} {note}</th>{cells}<td>{gate_badge(each.manifest)}</td></tr>'
        )
    return (
        f'<div class="wide"><table class="capabilities"><thead><tr><th scope="col">Policy</th>{heads}'
        f'<th scope="col">Gate</th></tr></thead><tbody>{join(body)}</tbody></table></div>{_violations(stages)}'
    )


def _cell(value: float | None, check: Mapping[str, Json] | None) -> str:
    if value is None:
        return '<td class="n">–</td>'
    shade = f" heat{round(value * SHADES)}" if 0 <= value <= 1 else ""
    mark = ""
    if check is not None and check["status"] != "kept":
        mark = f'<span class="broken" title="{safe(check["status"])}">▼</span>'
    return f'<td class="n{shade}">{number(value)}{mark}</td>'


def _violations(stages: Sequence[Shown]) -> str:
    items = join(
        f"<li><b>{safe(each.card.title)}</b>: {safe(sentence)}</li>"
        for each in stages
        for sentence in (each.manifest.gate or {}).get("violations", [])
    )
    if not items:
        return ""
    return f'<div class="risks" role="note"><h3>What the gates found</h3><ul>{items}</ul></div>'


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d} h" if hours else f"{minutes}:{rest:02d} min"
