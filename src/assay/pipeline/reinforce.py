"""The RL stage: a training run as `assay train` makes it, in the stage's folder, and what each domain brought.

Everything that holds for a run holds here: the audit before it, the checkpoints, the exact resume, the alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.core.config import RunConfig
from assay.core.errors import NotReady, RunFolderError, Stopped
from assay.core.run_folder import RunFolder
from assay.core.types import Json
from assay.measure.evaluation import read_evaluations
from assay.pipeline.base_gate import base_gate
from assay.pipeline.events import Inside
from assay.pipeline.stage import Result, Work, run_config

RUN = "run"


def run_rl(work: Work) -> Result:
    return reinforce(work, run_config(work))


def reinforce(work: Work, config: RunConfig) -> Result:
    """Train, or go on training, in the stage's `run`. Raises as `assay.learn.train.train` does."""
    from assay.learn.checkpoint import latest_checkpoint
    from assay.learn.train import train

    folder = work.folder / RUN
    ready = ready_for_rl(work, config)
    stopped = None
    try:
        run = train(
            config,
            folder,
            resume=(folder / "config.json").is_file(),
            listen=lambda event: work.listen(Inside(work.name, event)),
        )
        checkpoint = latest_checkpoint(run)
    except Stopped as error:
        if not work.goes_on:
            raise
        stopped, run = str(error), RunFolder.open(folder)
        checkpoint = run.checkpoint()
    if checkpoint is None:
        raise RunFolderError(f"{folder} holds no checkpoint, though its run is over")
    said = {"stopped": stopped} if stopped else {}
    return Result(checkpoint, metrics_of(run) | said, details_of(work, run) | ({"ready": ready} if ready else {}))


def ready_for_rl(work: Work, config: RunConfig) -> str | None:
    """What the gate before RL says of the policy that it starts from. Raises NotReady where the recipe stops for it."""
    if config.gate.action == "off" or work.start_exam is None:
        return None
    exams = read_evaluations(work.start_exam / "evaluations.jsonl")
    verdict = base_gate(
        replace(exams[0], problems=tuple(each for exam in exams for each in exam.problems)), config.gate
    )
    work.say("gate", verdict.sentence())
    if not verdict.is_ready and config.gate.action == "stop":
        raise NotReady(f"stages.{work.name}: {verdict.sentence()}")
    return verdict.sentence()


def metrics_of(run: RunFolder) -> dict[str, Json]:
    """Its steps and what its own evaluations say."""
    steps = run.read_metrics("train")
    found: dict[str, Json] = {"steps": len(steps), "tokens": _tokens(steps)}
    evaluations = read_evaluations(run.evaluations)
    if evaluations:
        found |= {"before": evaluations[0].pass_at_1, "after": evaluations[-1].pass_at_1}
    return found


def details_of(work: Work, run: RunFolder) -> dict[str, Json]:
    return {"yields": yields(run.read_rollouts(), work.recipe.domains)}


def yields(rows: Iterable[Mapping[str, Any]], domains: Mapping[str, str]) -> list[dict[str, Json]]:
    """What each domain's prompts brought in training: how many completions, the share that passed in the first and in the
    last quarter of the steps, and the share of groups with spread, which alone teach."""
    by_domain: dict[str, list[Mapping[str, Any]]] = {}
    last = 0
    for row in rows:
        if row.get("split", "train") == "train":
            source = str(row["task"]).partition("/")[0]
            by_domain.setdefault(domains.get(source, source), []).append(row)
            last = max(last, int(row["step"]))
    found = []
    for domain, of_domain in by_domain.items():
        groups: dict[str, set[float]] = {}
        for row in of_domain:
            groups.setdefault(str(row["group"]), set()).add(round(float(row["reward"]), 6))
        early = [row for row in of_domain if int(row["step"]) <= max(1, last // 4)]
        late = [row for row in of_domain if int(row["step"]) > last - max(1, last // 4)]
        found.append(
            {
                "domain": domain,
                "completions": len(of_domain),
                "first_quarter": _share(early),
                "last_quarter": _share(late),
                "teaching": sum(len(each) > 1 for each in groups.values()) / len(groups),
            }
        )
    return found


def _share(rows: list[Mapping[str, Any]]) -> float | None:
    return sum(row["outcome"] == "pass" for row in rows) / len(rows) if rows else None


def _tokens(steps: Iterable[Mapping[str, Any]]) -> int:
    return round(sum(float(row.get("completions/mean_length") or 0) * int(row.get("judged") or 0) for row in steps))


def run_folder_of(stage: Path) -> Path | None:
    """The training run inside a stage's folder."""
    return stage / RUN if (stage / RUN / "config.json").is_file() else None
