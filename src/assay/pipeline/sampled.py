"""Answers sampled from a policy and judged, in chunks on disk: what a kill costs is the chunk that it fell into.

samples.jsonl holds a row for each answer: the prompt's place among those asked, its domain (the source's name), the text, what
the verifier said. A chunk's rows are appended in one write; a file whose last chunk is not whole is cut back to the one before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.core.config import RunConfig
from assay.core.errors import UsageError
from assay.core.records import append_jsonl, read_jsonl, to_json, write_jsonl
from assay.core.types import Message, Outcome, Task
from assay.pipeline.filters import Candidate
from assay.pipeline.kinds import Sampled
from assay.pipeline.stage import Work, run_config
from assay.reward.rule import find_rule
from assay.rollout.collect import VoidBudget, sample
from assay.rollout.engine import Engine, Sampling
from assay.rollout.open import open_engine_to_evaluate
from assay.sandbox.probe import allow_unsafe
from assay.verify.pool import JudgePool


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to the prompt at `place`; `sample` counts the answers of a prompt."""

    place: int
    task: str
    domain: str
    prompt: tuple[Message, ...]
    verifier: str
    sample: int
    text: str
    tokens: int
    finish: str
    outcome: str
    reason: str

    @property
    def is_right(self) -> bool:
        return self.outcome == Outcome.PASS

    @property
    def candidate(self) -> Candidate:
        return Candidate(
            self.task, self.text, self.tokens, self.finish, self.is_right, asks_for_code=self.verifier == "code"
        )


def sample_answers(work: Work, model: str, tasks: Sequence[Task], how: Sampled, file: Path) -> list[Answer]:
    """`how.samples` answers to each task, judged; those that could not be judged are left out.

    Raises UsageError for no task, VoidBudgetExceeded.
    """
    if not tasks:
        raise UsageError(f"stages.{work.name}: there is no prompt to sample answers to")
    config = run_config(work, model=model)
    done, chunks = _done(file, tasks, how), -(-len(tasks) // how.chunk)
    if done < chunks:
        work.say("sample", f"{how.samples} answers to each of {len(tasks)} prompts", done, chunks)
        allow_unsafe(config.sandbox.unsafe)
        engine = open_engine_to_evaluate(config)
        budget = VoidBudget(config.rollout.void_budget)
        with JudgePool(config.rollout.judge_workers, config.rollout.judge_timeout) as judges:
            for chunk in range(done, chunks):
                first = chunk * how.chunk
                part = tasks[first : first + how.chunk]
                append_jsonl(file, _asked(engine, judges, budget, config, work.name, how, first, part))
                work.say("sample", "", chunk + 1, chunks)
    return [each for each in read_answers(file) if each.outcome != Outcome.VOID]


def _asked(
    engine: Engine,
    judges: JudgePool,
    budget: VoidBudget,
    config: RunConfig,
    name: str,
    how: Sampled,
    first: int,
    tasks: Sequence[Task],
) -> list[dict[str, Any]]:
    """A chunk's rows: the tasks that stand from place `first` on."""
    rollout = config.rollout
    drawn = sample(
        engine,
        tasks,
        n=how.samples,
        sampling=Sampling(rollout.max_new_tokens, how.temperature, stop=rollout.stop),
        seed=config.seed,
        key=("stage", name, first),
        judges=judges,
        rule=find_rule("outcome"),
    )
    budget.spend(sum(len(each.members) for each in drawn), [reason for each in drawn for reason in each.void_reasons])
    return [
        to_json(
            Answer(
                place=first + place,
                task=each.task.id,
                domain=each.task.source,
                prompt=each.task.prompt,
                verifier=each.task.verifier,
                sample=number,
                text=member.completion.text,
                tokens=len(member.completion.tokens),
                finish=member.completion.finish,
                outcome=str(member.verdict.outcome),
                reason=str(member.verdict.reason),
            )
        )
        for place, each in enumerate(drawn)
        for number, member in enumerate(each.members)
    ]


def read_answers(file: Path) -> list[Answer]:
    return [_answer(row) for row in read_jsonl(file, broken_tail=True)]


def _answer(row: Mapping[str, Any]) -> Answer:
    return Answer(**{**row, "prompt": tuple(Message(*turn) for turn in row["prompt"])})


def _done(file: Path, tasks: Sequence[Task], how: Sampled) -> int:
    """Whole chunks in the file, which is cut back to them."""
    if not file.exists():
        return 0
    rows = list(read_jsonl(file, broken_tail=True))
    wanted = [len(tasks[first : first + how.chunk]) * how.samples for first in range(0, len(tasks), how.chunk)]
    done = kept = 0
    while done < len(wanted) and kept + wanted[done] <= len(rows):
        kept += wanted[done]
        done += 1
    write_jsonl(file, rows[:kept])
    return done
