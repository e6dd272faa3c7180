"""The SFT stage: examples from a file, from the sources' worked answers, or sampled from the base and checked; filtered; learnt.

R1's cold start (arXiv 2501.12948 v2, section 2.3.1) took thousands of readable examples, some of them R1-Zero's own samples at
temperature 1, kept where their answer was right and their text readable. What was learnt from lies in examples.jsonl (TRL's
`prompt` and `completion`); what each filter removed, with examples, in the manifest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

from assay.core.errors import ConfigError
from assay.core.records import read_jsonl, to_json, write_jsonl
from assay.core.types import Json, Message, Task
from assay.pipeline.filters import Candidate, FilterConfig, Sifted, sift
from assay.pipeline.kinds import Demonstrations, FileOfExamples, Sampled, Scratch, SftStage
from assay.pipeline.sampled import Answer, sample_answers
from assay.pipeline.stage import Result, Work, model_of
from assay.pipeline.trusted import trust
from assay.tasks.conversations import Conversation, Example, Passage, Worked, read_conversations
from assay.tasks.load import load_source, select
from assay.tasks.source import demonstration_of
from assay.verify.pool import JudgePool, JudgeRequest

EXAMPLES, SAMPLES = "examples.jsonl", "samples.jsonl"


def run_sft(work: Work) -> Result:
    stage: SftStage = work.stage
    examples, details = gathered(work, stage.examples, stage.filters)
    return fine_tune(work, examples, details, stage.scratch)


def fine_tune(
    work: Work, examples: Sequence[Worked], details: dict[str, Json], scratch: Scratch | None = None
) -> Result:
    """SFT of the policy that the stage starts from, or of a decoder from nothing, into `model`."""
    from assay.learn.sft import sft
    from assay.model.load import load_model, save_model

    if not examples:
        raise ConfigError(
            f"stages.{work.name}: no example is left to learn from: see what the filters removed in {work.folder}"
        )
    loaded = load_model(model_of(work.recipe, work.start.model)) if scratch is None else build(work, scratch)
    fit = work.stage.fit
    done = sft(
        loaded,
        examples,
        fit,
        seed=work.seed,
        folder=work.folder,
        progress=lambda step, loss: work.say("fit", f"loss {loss:.3f} nats a token", step, None),
    )
    save_model(loaded.model, loaded.tokenizer, work.folder / "model")
    (work.folder / "fit.pt").unlink(missing_ok=True)  # its last state is the model
    losses = done.losses
    metrics: dict[str, Json] = {
        "examples": len(examples),
        "steps": len(losses),
        "first_loss": losses[0],
        "last_loss": fmean(losses[-10:]),
        "tokens": sum(int(row["tokens"]) for row in done.history),
    }
    return Result(work.folder / "model", metrics, details | {"losses": thinned(losses)})


def build(work: Work, scratch: Scratch) -> Any:
    """A decoder from nothing."""
    import torch

    from assay.model.tiny import build_tiny
    from assay.tasks.generators.pocket import CHARACTERS

    torch.set_num_threads(work.recipe.model.threads or 1)
    return build_tiny(
        scratch.characters or CHARACTERS,
        seed=work.seed,
        width=scratch.width,
        layers=scratch.layers,
        heads=scratch.heads,
    )


def gathered(
    work: Work, how: Demonstrations | FileOfExamples | Sampled, filters: FilterConfig
) -> tuple[list[Worked], dict[str, Json]]:
    """The examples that passed the filters, and what there is to say of them."""
    file = work.folder / EXAMPLES
    if isinstance(how, FileOfExamples):
        return of_file(how), {}
    if isinstance(how, Demonstrations):
        tasks, texts = demonstrations(work, how)
        answers = checked(work, tasks, texts, filters)
    else:
        source = load_source(work.stage.tasks, "train", work.seed)
        tasks = list(select(source, how.prompts))
        trust(work, tasks)
        drawn = sample_answers(work, work.start.model, tasks, how, work.folder / SAMPLES)
        return kept_of(work, drawn, filters, file)
    found = sift(answers, filters)
    work.say("filter", f"{len(found.kept)} of {len(answers)} worked answers are kept")
    rows = [Example(tasks[place].prompt, texts[place]) for place in found.kept]
    write_examples(file, rows)
    return list(rows), {"removed": to_json(found.removed), "gathered": len(answers), "kept": len(rows)}


def kept_of(
    work: Work, drawn: Sequence[Answer], filters: FilterConfig, file: Path
) -> tuple[list[Worked], dict[str, Json]]:
    """The sampled answers that passed the filters, written down, and the tables of what they were."""
    found = sift([each.candidate for each in drawn], filters)
    work.say("filter", f"{len(found.kept)} of {len(drawn)} answers are kept")
    kept = [drawn[place] for place in found.kept]
    rows = [Example(each.prompt, each.text) for each in kept]
    write_examples(file, rows)
    return list(rows), tables(drawn, kept, found, work.recipe.domains)


def tables(drawn: Sequence[Answer], kept: Sequence[Answer], found: Sifted, domains: dict[str, str]) -> dict[str, Json]:
    """Yield by domain and by difficulty, coverage, lengths, and what each filter removed."""
    by_prompt: dict[int, list[Answer]] = {}
    for each in drawn:
        by_prompt.setdefault(each.place, []).append(each)
    kept_of_prompt = Counter(each.place for each in kept)
    yields: dict[str, Counter[str]] = {}
    difficulty: dict[str, Counter[str]] = {}
    for place, answers in by_prompt.items():
        right = sum(each.is_right for each in answers)
        domain = domains.get(answers[0].domain, answers[0].domain)
        for table, key in ((yields, domain), (difficulty, band(right / len(answers)))):
            counts = table.setdefault(key, Counter())
            counts.update(
                prompts=1,
                answers=len(answers),
                right=right,
                kept=kept_of_prompt[place],
                covered=kept_of_prompt[place] > 0,
            )
    lengths = [each.tokens for each in kept]
    return {
        "gathered": len(drawn),
        "kept": len(kept),
        "coverage": sum(kept_of_prompt[place] > 0 for place in by_prompt) / max(1, len(by_prompt)),
        "yields": [{"domain": name, **counts} for name, counts in yields.items()],
        "difficulty": [{"band": name, **difficulty[name]} for name in BANDS if name in difficulty],
        "lengths": [round(each) for each in quantiles(lengths, n=4)] if len(lengths) > 1 else lengths,
        "removed": to_json(found.removed),
    }


BANDS = ("never right", "rarely right", "sometimes right", "mostly right", "always right")
"""None, up to a quarter, up to three quarters, more, and all of a prompt's samples."""


def band(share: float) -> str:
    """How hard a prompt is, by the share of its samples that are right."""
    if share in (0.0, 1.0):
        return BANDS[0] if share == 0 else BANDS[-1]
    return BANDS[1] if share <= 0.25 else BANDS[3] if share > 0.75 else BANDS[2]


def demonstrations(work: Work, how: Demonstrations) -> tuple[list[Task], list[str]]:
    """Worked answers that the source itself has."""
    source = load_source(how.tasks or work.stage.tasks, "train", work.seed)
    count = how.count if source.length is None else min(how.count, source.length)
    return [source.task(index) for index in range(count)], [demonstration_of(source, index) for index in range(count)]


def checked(work: Work, tasks: Sequence[Task], texts: Sequence[str], filters: FilterConfig) -> list[Candidate]:
    """Worked answers as candidates; they are judged where the filters ask for right ones."""
    right: list[bool | None] = [None] * len(tasks)
    if filters.correct:
        requests = [
            JudgeRequest(task.verifier, task.truth, text, task.prompt[-1].content)
            for task, text in zip(tasks, texts, strict=True)
        ]
        rollout = work.stage.rollout
        work.say("judge", f"{len(requests)} worked answers")
        with JudgePool(rollout.judge_workers, rollout.judge_timeout) as judges:
            right = [verdict.is_pass for verdict in judges.judge_many(requests)]
    return [
        Candidate(f"{place}", text, len(text.split()), "stop", is_right, asks_for_code=task.verifier == "code")
        for place, (task, text, is_right) in enumerate(zip(tasks, texts, right, strict=True))
    ]


def of_file(how: FileOfExamples) -> list[Worked]:
    rows = read_conversations(how.path, as_chat=True)
    found = [each for each in rows if isinstance(each, Example | Conversation | Passage)]
    if len(found) < len(rows):
        raise ConfigError(f"{how.path}: {len(rows) - len(found)} of its {len(rows)} rows hold no answer to imitate")
    return list(found[: how.count] if how.count else found)


def general_of(work: Work, how: Demonstrations | FileOfExamples) -> list[Worked]:
    """General examples, which no verifier judges."""
    if isinstance(how, FileOfExamples):
        return of_file(how)
    tasks, texts = demonstrations(work, how)
    return [Example(task.prompt, text) for task, text in zip(tasks, texts, strict=True)]


def write_examples(file: Path, rows: Sequence[Worked]) -> None:
    """As TRL's columns, `prompt` and `completion` as messages."""
    write_jsonl(file, [_row(each) for each in rows])


def read_examples(file: Path) -> list[Example]:
    return [
        Example(
            tuple(Message(turn["role"], turn["content"]) for turn in row["prompt"]), row["completion"][0]["content"]
        )
        for row in read_jsonl(file)
    ]


def _row(each: Worked) -> dict[str, Json]:
    if isinstance(each, Example) and not isinstance(each.prompt, str):
        prompt = [{"role": role, "content": content} for role, content in each.prompt]
        return {"prompt": prompt, "completion": [{"role": "assistant", "content": each.answer}]}
    if isinstance(each, Example):
        return {"prompt": each.prompt, "completion": each.answer}
    if isinstance(each, Conversation):
        return {"messages": [{"role": role, "content": content} for role, content in each.messages]}
    return {"text": each.text}


def thinned(losses: Sequence[float], most: int = 200) -> list[list[float]]:
    """[step, loss] for a curve, at most `most` of them, each the mean of a stretch."""
    width = -(-len(losses) // most)
    return [
        [start + width / 2 + 0.5, round(fmean(losses[start : start + width]), 5)]
        for start in range(0, len(losses), width)
    ]
