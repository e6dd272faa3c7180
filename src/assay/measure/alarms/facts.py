"""What the alarms need to know of one training step: numbers made of its metrics row and of its completions.

    form        share of completions that keep the form: an answer could be read, or a part `format` of the reward was paid
    agreement   P(two completions of one prompt give the same answer): between none and one; None where none has two answers
    chance      P(two completions of different prompts give the same answer)
    same_truth  P(their prompts have the same expected answer): what a policy that is always right would have for `chance`
    copies      share of completions whose text another one of the same prompt has too
    shared      share of completions whose text stands under another prompt too
    tests       programs by (passes the tests it was shown, passes the hidden ones), of tasks that show some

`agreement`, `chance` and `shared` say something only where answers are compared with an expected one: a proof or a program
may be right for many prompts. Where a truth has none, they are None.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.core.records import dumps
from assay.core.types import Json
from assay.measure.signals import CAUSES

JUDGED, PAID = "scrambled/judged", "scrambled/paid"
"""The names in metrics.jsonl of what `alarms.scrambled` counted at a step."""


class Shown(NamedTuple):
    """Programs whose tasks show tests: how many, and how many pass the shown ones but not the hidden ones."""

    programs: int = 0
    visible_only: int = 0


@dataclass(frozen=True, slots=True)
class StepFacts:
    step: int
    reward: float | None
    pass_rate: float | None
    length: float | None
    entropy: float | None
    kl: float | None
    causes: Mapping[str, int]
    level: float | None
    scrambled: tuple[int, int]  # judged against another task's truth, and paid for it
    form: float | None
    agreement: float | None
    chance: float | None
    same_truth: float | None
    copies: float | None
    shared: float | None
    tests: Shown


def facts_of(metrics: Mapping[str, Json], rows: Iterable[Mapping[str, Json]]) -> StepFacts:
    """Of a step's row in metrics.jsonl and its rows in rollouts.jsonl (those of another split are passed over)."""
    kept = [row for row in rows if row.get("split", "train") == "train" and row.get("outcome") != "void"]
    return StepFacts(
        step=int(metrics["step"]),
        reward=_number(metrics.get("reward")),
        pass_rate=_number(metrics.get("pass_rate")),
        length=_number(metrics.get("completions/mean_length")),
        entropy=_number(metrics.get("entropy")),
        kl=_number(metrics.get("kl")),
        causes={cause: int(metrics.get(f"groups/{cause}") or 0) for cause in CAUSES},
        level=_number(metrics.get("curriculum/level")),
        scrambled=(int(metrics.get(JUDGED) or 0), int(metrics.get(PAID) or 0)),
        form=sum(map(keeps_form, kept)) / len(kept) if kept else _number(metrics.get("format_rate")),
        **_answers(kept),
        **_texts(kept),
        tests=_tests(kept),
    )


def keeps_form(row: Mapping[str, Json]) -> bool:
    parts = row.get("parts")
    return row.get("answer") is not None or (isinstance(parts, Mapping) and (parts.get("format") or 0) > 0)


def expected_answer(truth: Json) -> str | None:
    """The answer that a truth expects, as text; None for a truth that is no answer (a statement, tests, a document)."""
    if isinstance(truth, Mapping):
        entry = truth.get("entry")  # the gym bridge keeps its own inside
        truth = entry.get("answer") if isinstance(entry, Mapping) else truth.get("answer")
    return None if truth is None or isinstance(truth, Mapping) else dumps(truth)


def _answers(rows: Sequence[Mapping[str, Json]]) -> dict[str, float | None]:
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    truths: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        truth = expected_answer(row.get("truth"))
        if truth is None or row.get("answer") is None:
            continue
        answers[str(row["group"])][str(row["answer"])] += 1
        truths[str(row["group"])][truth] += 1
    agreement, chance = _same(answers)
    return {"agreement": agreement, "chance": chance, "same_truth": _same(truths)[1]}


def _same(groups: Mapping[str, Counter[str]]) -> tuple[float | None, float | None]:
    """The chance that two of one group are the same, and that two of different groups are."""
    inside = sum(_pairs(count) for group in groups.values() for count in group.values())
    inside_all = sum(_pairs(group.total()) for group in groups.values())
    together: Counter[str] = Counter()
    for group in groups.values():
        together.update(group)
    across = sum(map(_pairs, together.values())) - inside
    across_all = _pairs(together.total()) - inside_all
    return (inside / inside_all if inside_all else None), (across / across_all if across_all else None)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def _texts(rows: Sequence[Mapping[str, Json]]) -> dict[str, float | None]:
    if not rows:
        return {"copies": None, "shared": None}
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        written[str(row["group"])][str(row.get("text"))] += 1
    copies = sum(count for group in written.values() for count in group.values() if count > 1)
    prompts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if expected_answer(row.get("truth")) is not None:
            prompts[str(row.get("text"))].add(str(row.get("task")))
    compared = [row for row in rows if expected_answer(row.get("truth")) is not None]
    shared = sum(len(prompts[str(row.get("text"))]) > 1 for row in compared)
    return {"copies": copies / len(rows), "shared": shared / len(compared) if compared else None}


def _tests(rows: Sequence[Mapping[str, Json]]) -> Shown:
    programs = only = 0
    for row in rows:
        evidence = row.get("evidence")
        visible = evidence.get("visible") if isinstance(evidence, Mapping) else None
        if visible in ("pass", "fail"):
            programs += 1
            only += visible == "pass" and row.get("outcome") != "pass"
    return Shown(programs, only)


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
