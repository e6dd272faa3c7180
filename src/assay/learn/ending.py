"""How a run ends before its last step: which checkpoint is marked, and the one sentence that says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from assay.core.config import RunConfig
from assay.core.errors import Collapsed, Paused, Stopped
from assay.core.learning import CollapseStop
from assay.core.run_folder import RunFolder
from assay.core.types import Json
from assay.learn.checkpoint import best_checkpoint, folder_of, mark_best
from assay.measure.alarms.watch import Raised
from assay.measure.collapse import values
from assay.measure.evaluation import read_evaluations


def mark_best_before(folder: RunFolder, step: int, done: Sequence[Mapping[str, Json]], config: RunConfig) -> None:
    """Of the checkpoints kept from before a collapse, mark the one with the highest training pass rate, where no evaluation
    has marked one."""
    if any(each.step > 0 for each in read_evaluations(folder.evaluations)):
        return
    window = config.learn.collapse.window if isinstance(config.learn.collapse, CollapseStop) else 1
    rates = {
        kept: fmean(values(done[max(0, kept - window) : kept], "pass_rate"))
        for kept in range(1, step)
        if (folder_of(folder, kept) / "manifest.json").is_file()
    }
    if rates:
        mark_best(folder, folder_of(folder, max(rates, key=rates.__getitem__)))


def paused(folder: RunFolder, alarm: Raised) -> Paused:
    return Paused(
        f"step {alarm.step}: paused by the alarm {alarm.alarm}, because {alarm.sentence}; everything is saved: look at "
        f"{folder.report}, then go on with `assay train --resume {folder.path}`"
    )


def stopped(folder: RunFolder, step: int, why: Mapping[str, Json]) -> Stopped:
    best = best_checkpoint(folder)
    kept = (
        "no checkpoint from before is there (learn.save_every keeps some)"
        if best in (None, folder_of(folder, step).name)
        else f"the best checkpoint kept is {folder.checkpoints / best}"
    )
    if "alarm" in why:
        return Stopped(f"step {step}: stopped by the alarm {why['alarm']}, because {why['reason']}; {kept}")
    return Collapsed(f"step {step}: stopped, because {why['reason']}; {kept}")
