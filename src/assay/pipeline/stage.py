"""A stage: work in, result out, and a folder in which what is done stays done.

`STAGES` names for each kind the function that does it. Such a function may be killed anywhere: called again with the same
work, it takes up what lies in its folder (answers sampled chunk by chunk, a fit's state, a run's checkpoints) and comes to the
same result. The manifest is not its business: the pipeline writes it when the stage is done (run.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core.config import ModelConfig, RunConfig
from assay.core.registry import Registry
from assay.core.types import Json
from assay.pipeline.events import Doing, PipelineListener
from assay.pipeline.kinds import RUN_SECTIONS
from assay.pipeline.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Made:
    """A model that a stage made (or the base): where it lies, and the hash of what lies there."""

    stage: str
    model: str  # a folder, or a model's name
    sha256: str


@dataclass(frozen=True, slots=True)
class Work:
    """What a stage is given. `start` is the policy that it starts from; `others` are what it names besides, by key."""

    recipe: Recipe
    name: str
    stage: Any  # the stage's own configuration: one of kinds.KINDS
    folder: Path
    start: Made
    others: Mapping[str, Made]
    listen: PipelineListener
    goes_on: bool = False  # over what a stage could stop for (a collapse)
    start_exam: Path | None = None  # the folder in which the examination of `start` lies

    @property
    def seed(self) -> int:
        return self.recipe.seed

    def say(self, what: str, detail: str = "", done: int | None = None, total: int | None = None) -> None:
        self.listen(Doing(self.name, what, detail, done, total))


@dataclass(frozen=True, slots=True)
class Result:
    """What came out: the folder of the model made, if any, and what the manifest says of it."""

    made: Path | None = None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)


RunStage = Callable[[Work], Result]

STAGES: Registry[RunStage] = Registry(
    "stage",
    {
        "sft": "assay.pipeline.supervised:run_sft",
        "rl": "assay.pipeline.reinforce:run_rl",
        "reject": "assay.pipeline.reject:run_reject",
        "final_rl": "assay.pipeline.final:run_final",
        "reward_model": "assay.pipeline.preferences:run_reward_model",
        "dpo": "assay.pipeline.preferences:run_dpo",
        "distill": "assay.pipeline.teach:run_distill",
        "gate": "assay.pipeline.judged:run_gate",
    },
)


def run_config(work: Work, sections: Any = None, model: str | None = None, **changes: Any) -> RunConfig:
    """The run's configuration that a stage comes to: the recipe's, under the stage's own tables (or `sections`)."""
    stage = sections or work.stage
    values = {name: getattr(work.recipe, name) for name in RunConfig.model_fields}
    values |= {name: getattr(stage, name) for name in RUN_SECTIONS if name in type(stage).model_fields}
    values |= {"model": model_of(work.recipe, model or work.start.model), "name": f"{work.recipe.name}-{work.name}"}
    return RunConfig(**(values | changes))


def model_of(recipe: Recipe, name: str) -> ModelConfig:
    return recipe.model.model_copy(update={"name": name})
