"""The last RL stage: checkable and general prompts in one batch, each paid by its own kind of reward.

As in R1 (arXiv 2501.12948 v2, section 3.2.2): rules pay checkable prompts; general ones are paid by reward models, each with
a scope and a scale, and join in the last share of the steps only; language consistency pays throughout; the KL term holds
the policy to the one that it starts from. It is a training run like any other: the general prompts are tasks whose verifier
is the reward models (`verify/preference.py`), the payment is the rule `r1_final`, the order is the task source `late`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from assay.core.config import RunConfig, TasksConfig
from assay.core.errors import ConfigError
from assay.core.types import Json
from assay.pipeline.kinds import FinalStage
from assay.pipeline.reinforce import reinforce
from assay.pipeline.stage import Result, Work, run_config
from assay.verify.preference import NAME as PREFERENCE


def run_final(work: Work) -> Result:
    config = final_config(work)
    return reinforce(work, config)


def final_config(work: Work) -> RunConfig:
    """The run's configuration, with its mix of prompts. Raises ConfigError where nothing would hold the policy."""
    stage: FinalStage = work.stage
    config = run_config(work)
    if config.learn.kl.coefficient == 0:
        raise ConfigError(
            f"stages.{work.name}.learn.kl.coefficient: the last stage is held to the policy it starts from: "
            f"a number above 0 would be right (R1: 0.001)"
        )
    if stage.general is None:
        return config
    if config.reward.rule != "r1_final":
        raise ConfigError(
            f"stages.{work.name}.reward.rule: general prompts are paid by r1_final, and {config.reward.rule} pays them nothing"
        )
    return RunConfig(**(dict(config) | {"tasks": mixed(work, stage, config)}))


def mixed(work: Work, stage: FinalStage, config: RunConfig) -> TasksConfig:
    """Checkable prompts, joined by general ones from the first position of the last share of the steps on."""
    steps = config.learn.steps
    joins = (steps - round(stage.last_share * steps)) * config.rollout.prompts_per_step
    models: dict[str, dict[str, Json]] = {}
    for name, model in stage.models.items():
        made = work.others[f"models.{name}.stage"]
        models[name] = {"model": str(Path(made.model).resolve()), "sha256": made.sha256[:12]}
        models[name] |= {"scale": model.scale, "scope": model.scope, "tag": model.tag}
    options: dict[str, Any] = {
        "checkable": config.tasks.model_dump(mode="json"),
        "general": stage.general.model_dump(mode="json") if stage.general else {},
        "joins_at": joins,
        "share": stage.general_share,
        "verifier": PREFERENCE,
        "models": models,
    }
    return TasksConfig(source="late", options=options)
