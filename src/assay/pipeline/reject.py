"""Rejection sampling and SFT: R1's third stage (arXiv 2501.12948 v2, section 2.3.3).

K answers to each prompt from the reasoning policy; kept are those that pass and that the filters keep; mixed with general
examples at a stated ratio (R1: about 600k to 200k); learnt by the base, not by the policy that was sampled. For prompts without a
rule a judge may decide (R1 asked DeepSeek-V3): it is a verifier like any other, named in the recipe, and its word is marked.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.core.config import TasksConfig
from assay.core.rng import stream
from assay.core.types import Json
from assay.pipeline.kinds import Demonstrations, NoExamples, RejectStage, Sampled
from assay.pipeline.sampled import sample_answers
from assay.pipeline.stage import Result, Work
from assay.pipeline.supervised import EXAMPLES, SAMPLES, fine_tune, general_of, kept_of, write_examples
from assay.pipeline.trusted import trust
from assay.tasks.conversations import Worked
from assay.tasks.load import load_source, select
from assay.tasks.wrapped import Judged

JUDGED_SAMPLES = "general.jsonl"


def run_reject(work: Work) -> Result:
    stage: RejectStage = work.stage
    sampler = work.others["sampler"]
    tasks = list(select(load_source(stage.tasks, "train", work.seed), stage.sample.prompts))
    trust(work, tasks)
    drawn = sample_answers(work, sampler.model, tasks, stage.sample, work.folder / SAMPLES)
    kept, details = kept_of(work, drawn, stage.filters, work.folder / EXAMPLES)
    general, of_general = general_examples(work, stage, sampler.model, wanted(len(kept), stage.general_share))
    mixed = shuffled([*kept, *general], work.seed)
    write_examples(work.folder / EXAMPLES, mixed)
    details |= of_general | {"sampler": sampler.stage, "reasoning": len(kept), "general": len(general)}
    return fine_tune(work, mixed, details)


def wanted(reasoning: int, share: float) -> int:
    """General examples beside so many others, for them to be `share` of all."""
    return round(reasoning * share / (1 - share))


def general_examples(work: Work, stage: RejectStage, sampler: str, count: int) -> tuple[list[Worked], dict[str, Json]]:
    """`count` general examples (fewer where there are no more): given ones, or sampled and passed by the judge."""
    how = stage.general
    if isinstance(how, NoExamples) or not count:
        return [], {}
    if stage.judge is None:
        given = general_of(work, how.model_copy(update={"count": count}))
        return given[:count], {}
    source = Judged(load_source(_tasks_of(stage), "train", work.seed), stage.judge)
    asked = Sampled(prompts=count, samples=stage.sample.samples, temperature=stage.sample.temperature)
    tasks = list(select(source, count))
    drawn = sample_answers(work, sampler, tasks, asked, work.folder / JUDGED_SAMPLES)
    one_each = stage.filters.model_copy(update={"per_prompt": 1})
    kept, details = kept_of(work, drawn, one_each, work.folder / f"judged-{EXAMPLES}")
    return kept[:count], {"judge": {"verifier": stage.judge, **details}}


def shuffled(examples: Sequence[Worked], seed: int) -> list[Worked]:
    mixed = list(examples)
    stream(seed, "reject", "mix").shuffle(mixed)
    return mixed


def _tasks_of(stage: RejectStage) -> TasksConfig:
    return stage.general.tasks if isinstance(stage.general, Demonstrations) and stage.general.tasks else stage.tasks
