"""The gate behind a stage, and the stage that is a gate: the candidate's scores against those of the right parents."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from assay.core.records import to_json
from assay.core.types import Json
from assay.pipeline.examine import compared, scores_in
from assay.pipeline.gate import Thresholds, gate
from assay.pipeline.kinds import Regression
from assay.pipeline.stage import Result, Work


def judge_stage(
    limits: Regression, candidate: str, baseline: str, folder_of: Mapping[str, Path], seed: int
) -> dict[str, Json] | None:
    """The verdict as a manifest keeps it; None where the recipe sets no limit. Raises UsageError for a suite that is not there."""
    if not limits.limits or baseline == candidate:
        return None
    verdict = gate(
        compared(folder_of, baseline, limits.parents),
        scores_in(folder_of[candidate]),
        Thresholds.of(limits.limits, limits.decide, seed),
    )
    said: dict[str, Json] = to_json(verdict.as_json())
    return {"passed": verdict.ships, "against": baseline, "parents": dict(limits.parents), **said}


def run_gate(work: Work) -> Result:
    """A gate by itself makes nothing: its verdict stands in its manifest (the pipeline calls `judge_stage` for it)."""
    return Result(metrics={"baseline": work.others["baseline"].stage, "candidate": work.others["candidate"].stage})
