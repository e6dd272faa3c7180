"""The same prompt answered by each stage's policy: what a stage did to the answers, for people to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.types import Json
from assay.report.parts import badge, nothing
from assay.report.stages import Shown
from assay.report.text import join, safe

LONGEST = 1500  # characters of an answer
REASONS = {"correct": "right", "wrong_value": "wrong", "no_answer": "no answer", "wrong_form": "wrong form"}


def side_by_side(stages: Sequence[Shown]) -> str:
    """A block for each prompt, a column for each policy."""
    with_answers = [each for each in stages if each.answers]
    prompts = list(dict.fromkeys(str(row["task"]) for each in with_answers for row in each.answers))
    if not prompts:
        return nothing("No policy has been asked yet.")
    return join(_block(task, with_answers) for task in prompts)


def _block(task: str, stages: Sequence[Shown]) -> str:
    found = [(each, row) for each in stages for row in each.answers if row["task"] == task]
    first = found[0][1]
    columns = join(_column(each, row) for each, row in found)
    return (
        f'<div class="asked"><p class="prompt-line">{badge(str(first["domain"]), "quiet")}'
        f'<code class="prompt-text">{safe(first["prompt"])}</code></p><div class="columns">{columns}</div></div>'
    )


def _column(stage: Shown, row: Mapping[str, Json]) -> str:
    outcome = str(row.get("outcome") or "")
    said = badge(REASONS.get(str(row["reason"]), str(row["reason"]).replace("_", " ")), outcome) if outcome else ""
    text = str(row["text"])
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]} [...]"
    return (
        f'<figure class="answer {safe(outcome)}"><figcaption><b>{safe(stage.card.title)}</b>{said}</figcaption>'
        f"<pre>{safe(shown) or '<i>nothing</i>'}</pre></figure>"
    )
