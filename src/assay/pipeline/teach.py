"""The distillation stage: a student learns a teacher's checked traces, and may go on under the teacher's eyes.

R1's distillation is plain SFT on samples of the teacher (arXiv 2501.12948 v2, section 2.4). On-policy distillation (per-token
divergence on the student's own samples) comes after it where the recipe asks for it and the two share a tokenizer.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assay.core.fitting import DistillConfig
from assay.core.types import Json, Message
from assay.pipeline.kinds import DistillStage
from assay.pipeline.sampled import sample_answers
from assay.pipeline.stage import Made, Result, Work, model_of
from assay.pipeline.supervised import EXAMPLES, SAMPLES, fine_tune, kept_of, thinned
from assay.pipeline.trusted import trust
from assay.tasks.load import load_source, select

ON_POLICY = "on-policy"


def run_distill(work: Work) -> Result:
    stage: DistillStage = work.stage
    tasks = list(select(load_source(stage.tasks, "train", work.seed), stage.sample.prompts))
    trust(work, tasks)
    drawn = sample_answers(work, work.start.model, tasks, stage.sample, work.folder / SAMPLES)
    examples, details = kept_of(work, drawn, stage.filters, work.folder / EXAMPLES)
    made = fine_tune(replace(work, start=Made("student", stage.student, "")), examples, details, stage.scratch)
    folder, metrics, details = work.folder / "model", dict(made.metrics), dict(made.details)
    if stage.on_policy is not None:
        losses = go_on(work, stage.on_policy, folder, work.folder / ON_POLICY, [task.prompt for task in tasks])
        folder = work.folder / ON_POLICY
        metrics |= {"on_policy_steps": len(losses), "divergence": losses[-1]}
        details["on_policy"] = thinned(losses)
    metrics["parameters"] = parameters(folder)
    metrics["teacher_parameters"] = parameters(Path(work.start.model)) if Path(work.start.model).is_dir() else None
    return Result(folder, metrics, details)


def go_on(
    work: Work, how: DistillConfig, student: Path, out: Path, prompts: Sequence[tuple[Message, ...]]
) -> list[float]:
    """On-policy distillation of the student in a folder, into another; the divergence of each step, nats a token.

    Raises ConfigError where the two read different tokens.
    """
    from assay.learn.distill import distill
    from assay.model.load import load_model, save_model

    ours, theirs = (load_model(model_of(work.recipe, name)) for name in (str(student), work.start.model))
    done = distill(
        ours,
        theirs,
        prompts,
        how,
        seed=work.seed,
        folder=work.folder / "on-policy-fit",
        progress=lambda step, numbers: work.say("fit", f"divergence {numbers['loss']:.3f}", step, None),
    )
    save_model(ours.model, ours.tokenizer, out)
    shutil.rmtree(work.folder / "on-policy-fit")
    return done.losses


def parameters(folder: Path) -> Json:
    """Numbers in the folder's weights."""
    from safetensors import safe_open

    count = 0
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - no mapping
                size = 1
                for each in weights.get_slice(name).get_shape():
                    size *= each
                count += size
    return count
