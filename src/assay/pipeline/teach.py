"""The distillation stage: a student learns a teacher's checked traces, and may go on under the teacher's eyes.

R1's distillation is plain SFT on samples of the teacher (arXiv 2501.12948 v2, section 2.4). On-policy distillation (per-token
divergence on the student's own samples) comes after it where the recipe asks for it and the two share a tokenizer.
"""

from __future__ import annotations

from pathlib import Path

from assay.core.types import Json
from assay.pipeline.kinds import DistillStage
from assay.pipeline.sampled import sample_answers
from assay.pipeline.stage import Made, Result, Work
from assay.pipeline.supervised import EXAMPLES, SAMPLES, fine_tune, kept_of
from assay.pipeline.trusted import trust
from assay.tasks.load import load_source, select


def run_distill(work: Work) -> Result:
    stage: DistillStage = work.stage
    tasks = list(select(load_source(stage.tasks, "train", work.seed), stage.sample.prompts))
    trust(work, tasks)
    drawn = sample_answers(work, work.start.model, tasks, stage.sample, work.folder / SAMPLES)
    examples, details = kept_of(work, drawn, stage.filters, work.folder / EXAMPLES)
    student = Made("student", stage.student.name, "")
    made = fine_tune(_from(work, student), examples, details, stage.scratch)
    metrics = {**made.metrics, "parameters": parameters(made.made) if made.made else None}
    metrics["teacher_parameters"] = parameters(Path(work.start.model)) if Path(work.start.model).is_dir() else None
    return Result(made.made, metrics, made.details)


def _from(work: Work, student: Made) -> Work:
    from dataclasses import replace

    return replace(work, start=student)


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
