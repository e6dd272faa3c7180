"""A recipe's stages, one after another, each taken as done where its manifest says so: resumable after a kill anywhere.

A stage that is done is taken when its configuration and inputs are the ones it was made with; else the pipeline says what
differs, and `--from` makes it and what follows anew. Inputs are known by hashes of their content, so that a stage is what it
was made from, whoever made that and when.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from assay.core.config import TasksConfig
from assay.core.errors import GateRefused, RunFolderError, UsageError, did_you_mean
from assay.core.layers import leaves
from assay.core.pipeline_folder import Manifest, PipelineFolder, StageFolder, fingerprint_of
from assay.core.records import sha256_of
from assay.core.types import Json
from assay.pipeline.events import PipelineListener, StageBegan, StageDone, StageTaken, silent
from assay.pipeline.examine import base_of, examine
from assay.pipeline.judged import judge_stage
from assay.pipeline.kinds import BASE, FileOfExamples, PairsOfFile, Stage
from assay.pipeline.recipe import Recipe
from assay.pipeline.stage import STAGES, Made, Result, Work
from assay.tasks.load import load_source

SHARED = ("seed", "model", "domains", "evaluate", "tasks", "examine")
"""Keys of the recipe that every stage's result depends on."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which stages are made: `only` these; not those in `skip`; from `start_from` on anew; without a cold start (`zero`)."""

    only: Collection[str] = ()
    skip: Collection[str] = ()
    start_from: str | None = None
    zero: bool = False


@dataclass(slots=True)
class State:
    """What has been made so far, by stage, and where it lies."""

    recipe: Recipe
    folder: PipelineFolder
    made: dict[str, Made] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)


def run_pipeline(
    recipe: Recipe,
    out: Path,
    *,
    resume: bool = False,
    choice: Choice = Choice(),
    go_on: bool = False,
    listen: PipelineListener = silent,
) -> PipelineFolder:
    """Make the stages that are not done yet, and return the folder.

    Raises RunFolderError (a folder in another state than asked for), GateRefused (a gate failed and `go_on` is not set; its
    stage is done, and what follows is not), ConfigError, and what the stages raise. After a kill or KeyboardInterrupt the same
    call with `resume` goes on where it stood.
    """
    left_out = skipped(recipe, choice)
    saved = recipe.model_dump(mode="json")
    folder = PipelineFolder.open(out) if resume else PipelineFolder.create(out, saved)
    folder.write_recipe(saved)
    order = [name for name in recipe.named if name not in left_out]
    if choice.start_from is not None:
        for name in order[order.index(choice.start_from) :]:
            shutil.rmtree(folder.stage(name).path, ignore_errors=True)
    state = State(recipe, folder)
    chosen = [name for name in order if not choice.only or name in choice.only or folder.stage(name).is_done]
    if recipe.base is None:
        _base(state, listen, len(chosen))
    for place, name in enumerate(chosen, 1):
        _stage(state, name, left_out, go_on, listen, place, len(chosen))
    return folder


def skipped(recipe: Recipe, choice: Choice) -> set[str]:
    """The stages that are left out. Raises UsageError for a name that is none, or a stage that another one cannot do without."""
    for name in {*choice.only, *choice.skip, *([choice.start_from] if choice.start_from else [])}:
        if name not in recipe.named:
            hint = did_you_mean(name, recipe.named) or f"; there are {', '.join(recipe.named)}"
            raise UsageError(f"no stage {name!r} in the recipe{hint}")
    left_out = set(choice.skip)
    if choice.zero:
        cold = {name for name, stage in recipe.named.items() if getattr(stage, "cold_start", False)}
        if not cold:
            raise UsageError("--zero leaves out the cold start, and no stage of the recipe says cold_start = true")
        left_out |= cold
    for name, stage in recipe.named.items():
        for key, wanted, makes in stage.wants():
            if name not in left_out and wanted in left_out and makes != "policy":
                raise UsageError(f"stages.{name}.{key} needs {wanted}, which is left out: leave out {name} as well")
    if choice.start_from in left_out:
        raise UsageError(f"{choice.start_from} is left out, so nothing can begin there")
    return left_out


def origin(recipe: Recipe, wanted: str | None, name: str, left_out: Collection[str]) -> str:
    """The stage whose policy `wanted` means to stage `name`: the last one before it where none is named; and where that is
    left out, the one that it would have started from."""
    named = recipe.named
    if wanted is None:
        before = list(named)[: list(named).index(name)]
        policies = [each for each in before if named[each].makes == "policy" and each not in left_out]
        return policies[-1] if policies else BASE
    if wanted == BASE:
        return base_of(recipe)
    if wanted in left_out:
        return origin(recipe, getattr(named[wanted], "start", None), wanted, left_out)
    return wanted


def _base(state: State, listen: PipelineListener, count: int) -> None:
    """The base, examined like every stage's policy, in a folder of its own."""
    recipe = state.recipe
    base = Made(BASE, recipe.model.name, base_sha256(recipe.model.name))
    folder = state.folder.stage(BASE)
    work = Work(recipe, BASE, Stage(kind=BASE), folder.path, base, {}, listen)
    if not folder.is_done:
        listen(StageBegan(BASE, BASE, 0, count))
    _finish(state, work, folder, {"base": base.sha256}, lambda: Result(), None, listen, base)


def base_sha256(name: str) -> str:
    """Of the weights behind a model's name; of the name alone where they are not in a folder here."""
    from assay.model.load import smollm2_folder

    folder = smollm2_folder() if name == "smollm2" else Path(name).expanduser()
    return fingerprint_of(folder) if folder.is_dir() else sha256_of(name)


def _stage(
    state: State, name: str, left_out: Collection[str], go_on: bool, listen: PipelineListener, place: int, count: int
) -> None:
    recipe = state.recipe
    stage: Any = recipe.named[name]
    folder = state.folder.stage(name)
    builds = getattr(stage, "scratch", None) is not None and stage.kind == "sft"
    start = _of(state, origin(recipe, getattr(stage, "start", None), name, left_out), name) if not builds else NOTHING
    others = {
        key: _of(state, origin(recipe, wanted, name, left_out) if makes == "policy" else wanted, name)
        for key, wanted, makes in stage.wants()
    }
    if stage.kind == "reject":
        others["sampler"] = _of(state, origin(recipe, stage.sampler, name, left_out), name)
    work = Work(recipe, name, stage, folder.path, start, others, listen, go_on, state.folders.get(start.stage))
    inputs = {"start": start.sha256} | {key: each.sha256 for key, each in others.items()} | _data(stage, recipe)
    if not folder.is_done:
        listen(StageBegan(name, stage.kind, place, count))
    limits = stage.regression.model_copy(
        update={"parents": {suite: others[f"regression.parents.{suite}"].stage for suite in stage.regression.parents}}
    )
    against = others.get("regression.against") or others.get("baseline", start)
    candidate = others["candidate"].stage if stage.kind == "gate" else name

    def verdict() -> dict[str, Json] | None:
        is_student = stage.kind == "distill" and stage.regression.against is None  # its teacher is no parent of its
        if is_student or not {against.stage, candidate} <= state.folders.keys():  # from nothing, or no policy
            return None
        return judge_stage(limits, candidate, against.stage, state.folders, recipe.seed)

    manifest = _finish(state, work, folder, inputs, lambda: STAGES.get(stage.kind)(work), verdict, listen)
    if manifest.is_refused and not go_on:
        listed = "; ".join((manifest.gate or {}).get("violations", []))
        raise GateRefused(
            f"the gate behind {name} failed, so the pipeline stops there: {listed}. --resume --go-on goes on all the same"
        )


NOTHING = Made("nothing", "", "nothing")


def _of(state: State, name: str, asking: str) -> Made:
    if name not in state.made:
        raise UsageError(f"{asking} needs {name}, which is not made yet: make it first (without --only, or with both)")
    return state.made[name]


def _finish(
    state: State,
    work: Work,
    folder: StageFolder,
    inputs: Mapping[str, str],
    run: Any,
    verdict: Any,
    listen: PipelineListener,
    base: Made | None = None,
) -> Manifest:
    """Take the stage as done, or do it, examine its policy, judge it, and write the manifest last."""
    recipe, name = state.recipe, work.name
    config = {key: recipe.model_dump(mode="json", include={key})[key] for key in SHARED}
    config |= {"stage": work.stage.model_dump(mode="json")}
    if folder.is_done:
        manifest = folder.manifest()
        _refuse_change(name, manifest.config, manifest.inputs, config, inputs)
        listen(StageTaken(manifest))
    else:
        began = perf_counter()
        if (before := folder.begun()) is not None:
            _refuse_change(name, before["config"], before["inputs"], config, inputs)
        folder.begin(config, inputs)
        result: Result = run()
        made = base or (None if result.made is None else Made(name, str(result.made), fingerprint_of(result.made)))
        metrics = dict(result.metrics)
        if made is not None and work.stage.kind != "reward_model":
            metrics |= {"exam": examine(work, made)}
            state.folders[name] = folder.path
        manifest = Manifest(
            stage=name,
            kind=work.stage.kind,
            title=work.stage.title,
            config=config,
            config_sha256=sha256_of(config),
            inputs=dict(inputs),
            start=work.start.stage if base is None else None,
            made=None if result.made is None else str(result.made.relative_to(folder.path)),
            made_sha256=None if made is None else made.sha256,
            metrics=metrics,
            details=result.details,
        )
        if verdict is not None:
            work.say("gate")
            manifest = replace(manifest, gate=verdict())
        manifest = folder.finish(
            replace(
                manifest,
                seconds=_spent(folder, perf_counter() - began),
                finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        )
        listen(StageDone(manifest))
    if base is not None:
        state.made[name] = base
    elif manifest.made is not None:
        state.made[name] = Made(name, str(folder.made), manifest.made_sha256 or "")
    if (folder.path / "scores.jsonl").is_file():
        state.folders[name] = folder.path
    return manifest


def _spent(folder: StageFolder, seconds: float) -> float:
    """Of the call that finished the stage; what a killed one spent is not known."""
    return round(seconds, 3)


def _data(stage: Any, recipe: Recipe) -> dict[str, str]:
    """The data that a stage reads: files by content, task sources by fingerprint."""
    found = {}
    for key in type(stage).model_fields:
        value = getattr(stage, key)
        if isinstance(value, FileOfExamples | PairsOfFile):
            found[f"{key}.path"] = file_sha256(Path(value.path))
        tasks = value if isinstance(value, TasksConfig) else getattr(value, "tasks", None)
        if isinstance(tasks, TasksConfig):
            found[f"{key}.source"] = load_source(tasks, "train", recipe.seed).fingerprint
    return found


def file_sha256(path: Path) -> str:
    import hashlib

    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _refuse_change(
    name: str,
    old_config: Mapping[str, Json],
    old_inputs: Mapping[str, str],
    config: Mapping[str, Json],
    inputs: Mapping[str, str],
) -> None:
    """What lies in a stage's folder goes with the settings and inputs that it was made with. Raises RunFolderError."""
    changed = [f"input {key}" for key in {*inputs, *old_inputs} if inputs.get(key) != old_inputs.get(key)]
    if sha256_of(old_config) != sha256_of(config):
        before, now = dict(leaves(old_config)), dict(leaves(config))
        keys = [key for key in {*before, *now} if before.get(key) != now.get(key)]
        changed += [key.removeprefix("stage.") for key in keys]
    if changed:
        raise RunFolderError(
            f"stage {name} was made with other settings ({', '.join(sorted(changed)[:4])}): "
            f"--from {name} makes it and what follows anew"
        )
