"""Pieces of HTML that sections share: figures, tables of keys, badges, the sections themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assay.core.layers import leaves
from assay.core.types import Json
from assay.report.plots import Chart
from assay.report.text import compact, join, safe


def section(name: str, title: str, body: str, lead: str = "") -> str:
    """A part of the page that the navigation leads to. `title` and `lead` are ours; `body` is HTML."""
    intro = f'<p class="lead">{lead}</p>' if lead else ""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>{intro}{body}</section>'
    )


def nothing(sentence: str) -> str:
    """What stands where there is nothing to show."""
    return f'<p class="nothing">{safe(sentence)}</p>'


def badge(text: str, look: str) -> str:
    return f'<span class="badge {look}">{safe(text)}</span>'


def figures(charts: Sequence[Chart], legends: bool = True, start: int = 0) -> str:
    """Charts in a grid; the script finds a chart's numbers by its place on the page, which for the first is `start`."""
    if not charts:
        return ""
    drawn = join(_figure(place, chart, legends) for place, chart in enumerate(charts, start))
    return f'<div class="charts">{drawn}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values (HTML) side by side."""
    rows = join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="facts">{rows}</dl>'


def code(text: object) -> str:
    return f"<code>{safe(text)}</code>"


def config_table(config: Mapping[str, Json], only: frozenset[str] | None = None) -> str:
    """Every key of a resolved configuration, by section."""
    top = {key: value for key, value in config.items() if not isinstance(value, Mapping)}
    parts = [("run", top), *((key, value) for key, value in config.items() if isinstance(value, Mapping))]
    cards = []
    for name, values in parts:
        rows = [
            f"<tr><th scope='row'>{safe(key)}</th><td>{safe(compact(value))}</td></tr>"
            for key, value in leaves(values)
            if only is None or f"{name}.{key}" in only
        ]
        if rows:
            cards.append(f'<table class="keys"><caption>{safe(name)}</caption><tbody>{join(rows)}</tbody></table>')
    return f'<div class="config">{join(cards)}</div>'


def _figure(place: int, chart: Chart, has_legend: bool) -> str:
    legend = ""
    if has_legend and len(chart.series) > 1:
        items = join(
            f'<span class="key"><i class="swatch {each.look}{" dashed" if each.dashed else ""}"></i>{safe(each.name)}</span>'
            for each in chart.series
        )
        legend = f'<div class="legend">{items}</div>'
    return (
        f'<figure class="chart" data-chart="{place}" tabindex="0"><figcaption><b>{safe(chart.title)}</b> '
        f"<span>{safe(chart.note)}</span></figcaption>{legend}{chart.svg}</figure>"
    )
