"""Rollout rows as a page embeds them: prompts and truths once a task, the rest in columns' order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.types import Json
from assay.report.sample import shorten
from assay.report.text import compact

COLUMNS = (
    "run", "task", "step", "split", "group", "sample", "text", "answer", "outcome", "reason", "reward", "parts",
    "advantage", "tokens", "finish", "policy", "seconds", "verifier", "evidence", "seed",
)  # fmt: skip
"""`run` and `task` are places in lists; the others are RolloutRow's fields."""


def embed_rows(samples: Sequence[Sequence[Mapping[str, Json]]]) -> dict[str, Json]:
    """Rows of several runs, `samples[run]`, with their tasks."""
    places: dict[tuple[str, str, str], int] = {}
    rows = []
    for run, sample in enumerate(samples):
        for row in sample:
            key = (str(row.get("task")), str(row.get("prompt", "")), shorten(compact(row.get("truth"))))
            task = places.setdefault(key, len(places))
            rows.append([run, task, *(row.get(name) for name in COLUMNS[2:])])
    tasks = [{"id": task, "prompt": prompt, "truth": truth} for task, prompt, truth in places]
    return {"columns": list(COLUMNS), "rows": rows, "tasks": tasks}
