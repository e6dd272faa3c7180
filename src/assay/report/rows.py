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


def expected(truth: Json) -> tuple[str, str]:
    """What a reader compares an answer with, and the rest of the truth: where it stands, tolerances, units.

    >>> expected({"answer": "12", "field": "boxed"})
    ('12', '{"field": "boxed"}')
    """
    if not isinstance(truth, Mapping):
        return compact(truth), ""
    entry = truth.get("entry")  # the gym bridge keeps its own inside
    holder = entry if isinstance(entry, Mapping) and "answer" in entry else truth
    if "answer" not in holder:
        return compact(truth), ""
    answer, rest = (
        holder["answer"],
        {key: value for key, value in truth.items() if value is not holder and key != "answer"},
    )
    shown = " or ".join(map(compact, answer)) if isinstance(answer, list) else compact(answer)
    return shown, compact(rest) if rest else ""


def embed_rows(samples: Sequence[Sequence[Mapping[str, Json]]]) -> dict[str, Json]:
    """Rows of several runs, `samples[run]`, with their tasks."""
    places: dict[tuple[str, str, str, str], int] = {}
    rows = []
    for run, sample in enumerate(samples):
        for row in sample:
            truth, policy = map(shorten, expected(row.get("truth")))
            key = (str(row.get("task")), str(row.get("prompt", "")), truth, policy)
            task = places.setdefault(key, len(places))
            rows.append([run, task, *(row.get(name) for name in COLUMNS[2:])])
    tasks = [dict(zip(("id", "prompt", "truth", "policy"), key, strict=True)) for key in places]
    return {"columns": list(COLUMNS), "rows": rows, "tasks": tasks}
