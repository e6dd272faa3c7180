"""What a page says of how completions read: patterns by step, beside accuracy, with the caution that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.types import Json
from assay.measure.behaviour import Behaviour, Beside, Moment, Pattern, behaviour, patterns
from assay.report.parts import figures, nothing
from assay.report.plots import Chart, Series, line_chart
from assay.report.points import Point
from assay.report.text import join, number, percent, safe

CAUTION = (
    "These are observed patterns of text, not proof of reasoning: a model may write “wait” and think nothing, and none of them "
    "is paid. Beside each stands how often completions with it and without it were right."
)
LOOKS = {"check": "s1", "backtrack": "s2", "reflect": "s3", "mixed": "s4", "repeats": "s5"}
END = 0.1  # of a run's steps, at its beginning and at its end


def behaviour_section(
    rows: Sequence[Mapping[str, Json]], language: str, seed: int, first_chart: int
) -> tuple[str, list[Chart]]:
    """The section's body for these completions, and its charts, numbered from `first_chart`."""
    found = behaviour(rows, language, seed)
    if not found.completions:
        return nothing("No completion of training is here yet."), []
    known = patterns(language)
    charts = [chart for chart in (pattern_chart(found, known), length_chart(found)) if chart]
    if found.is_silent:
        listed = ", ".join(pattern.title for pattern in known.values())
        body = nothing(f"None of the patterns looked for was seen in {found.completions:,} completions ({listed}).")
    else:
        body = table(found, known) + words(found)
    return body + figures(charts, start=first_chart), charts


def table(found: Behaviour, known: Mapping[str, Pattern]) -> str:
    count = max(1, round(END * len(found.moments)))
    ends = found.moments[:count], found.moments[-count:]
    rows = join(_row(each, known[each.pattern], ends) for each in found.beside)
    steps = f"{count} step{'s' * (count > 1)}"
    return (
        '<div class="wide"><table class="plain"><thead><tr><th scope="col">Pattern</th>'
        f'<th scope="col" class="n">First {steps}</th><th scope="col" class="n">Last {steps}</th>'
        '<th scope="col" class="n">Right, with it</th><th scope="col" class="n">Right, without</th>'
        f'<th scope="col" class="n">Within prompts that have both</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="foot">Of {found.completions:,} training completions on this page. The last column is the accuracy with the pattern '
        "less that without it, among completions of the same prompt, with its 95 % interval (bootstrap over prompts). Who shows a "
        "pattern is not drawn by lot: none of these differences says what the pattern does.</p>"
    )


def words(found: Behaviour) -> str:
    if not found.words:
        return ""
    items = join(f'<span class="key">{safe(word)} <b>{count:,}</b></span>' for word, count in found.words.items())
    return f'<p class="legend shared"><span>R1’s words:</span>{items}</p>'


def pattern_chart(found: Behaviour, known: Mapping[str, Pattern]) -> Chart | None:
    seen = {each.pattern for each in found.beside if each.having}
    alone = f"{known[next(iter(seen))].title}: " if len(seen) == 1 else ""
    return line_chart(
        "Patterns",
        [
            Series(known[name].title, [Point(each.step, each.shares[name]) for each in found.moments], LOOKS[name])
            for name in known
            if name in seen
        ],
        note=f"{alone}share of the step’s completions",
        form="share",
    )


def length_chart(found: Behaviour) -> Chart | None:
    return line_chart(
        "Length by outcome",
        [
            Series("right", [Point(each.step, each.tokens_right) for each in found.moments], "pass"),
            Series("wrong", [Point(each.step, each.tokens_wrong) for each in found.moments], "fail"),
        ],
        note="tokens, mean",
        form="tokens",
    )


def _row(beside: Beside, pattern: Pattern, ends: tuple[Sequence[Moment], Sequence[Moment]]) -> str:
    shares = [_share([moment.shares[beside.pattern] for moment in end]) for end in ends]
    cells = ["–" if each is None else percent(each) for each in shares]
    counted = ((beside.right_with, beside.having), (beside.right_without, beside.told - beside.having))
    cells += ["–" if right is None else f"{percent(right)} <small>of {count:,}</small>" for right, count in counted]
    within = "–"
    if beside.within is not None:
        gain, low, high = beside.within
        within = (
            f"{number(gain, '+.3f')} <span class='range'>{number(low, '+.3f')} <span class='to'>to</span> "
            f"{number(high, '+.3f')}</span> <small>{beside.prompts} prompts</small>"
        )
    shown = join(f'<td class="n">{each}</td>' for each in cells)
    return (
        f'<tr><th scope="row">{safe(pattern.title)}<small>{safe(pattern.meaning)}</small></th>{shown}'
        f'<td class="n">{within}</td></tr>'
    )


def _share(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
