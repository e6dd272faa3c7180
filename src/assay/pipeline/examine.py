"""What every stage's policy is examined on, the same for all, so that stages can be compared: figures for each domain, the
answers that the report shows side by side, and the scores that a gate compares.

The suites of a gate that follow from the held-out tasks: one for each domain (share of samples that its verifier passes),
`format` (share with a readable answer), `language` (share of words in the language asked for). Others are named in
`examine.suites` (pipeline/suite).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.core.config import RunConfig, TasksConfig
from assay.core.errors import ConfigError
from assay.core.records import read_jsonl, sha256_of, to_json, write_jsonl
from assay.core.run_folder import RolloutRow
from assay.core.types import Json, Task
from assay.measure.evaluate import GREEDY, evaluate_as
from assay.measure.evaluation import Evaluation, read_evaluations
from assay.pipeline.kinds import BASE
from assay.pipeline.recipe import Recipe
from assay.pipeline.scores import Identity, ModelScores, PromptScore, SuiteScores, read_scores, write_scores
from assay.pipeline.stage import Made, Work, run_config
from assay.pipeline.suite import find_suite, read_suite, run_suite
from assay.rollout.engine import Engine, Request, Sampling
from assay.rollout.open import open_engine
from assay.sandbox.probe import allow_unsafe
from assay.tasks.load import load_source, select
from assay.tasks.mixture import Mixture
from assay.tasks.source import TaskSource
from assay.verify.base import judge
from assay.verify.pool import JudgePool

EVALUATIONS, ANSWERS, SCORES = "evaluations.jsonl", "answers.jsonl", "scores.jsonl"
CHECKED = "checked"
"""The suite of all domains together."""


def examine(work: Work, made: Made) -> dict[str, Json]:
    """Examine a policy, once, into the stage's folder; returns its figures."""
    files = [work.folder / name for name in (EVALUATIONS, ANSWERS, SCORES)]
    if not all(each.is_file() for each in files):
        _examine(work, made, *files)
    return figures(read_evaluations(files[0]), read_scores(files[2]))


def figures(evaluations: Sequence[Evaluation], scores: ModelScores) -> dict[str, Json]:
    """By domain its pass@1, and every suite's mean."""
    found: dict[str, Json] = {each.suite: each.value for each in scores.suites}
    for each in evaluations:
        for name, figure in each.figures(intervals=False).items():
            found[f"{each.tasks}/{name}"] = figure.value
    return found


def domain_of(recipe: Recipe, source: str) -> str:
    return recipe.domains.get(source, source)


def parts_of(recipe: Recipe) -> dict[str, TaskSource]:
    """The held-out tasks by domain; sources of one domain are alternatives, and the first is taken."""
    source = load_source(recipe.tasks, "held_out", recipe.seed)
    parts = source.parts if isinstance(source, Mixture) else (source,)
    found: dict[str, TaskSource] = {}
    for each in parts:
        found.setdefault(domain_of(recipe, each.name), each)
    return found


def _examine(work: Work, made: Made, evaluations: Path, answers: Path, scores: Path) -> None:
    from assay.model.load import load_model

    recipe = work.recipe
    config = run_config(work, recipe, model=made.model)  # the recipe's own sections: one exam for all
    work.say("examine", f"{config.evaluate.problems} held-out problems of each domain x {config.evaluate.samples}")
    allow_unsafe(config.sandbox.unsafe)
    loaded = load_model(config.model)
    engine = open_engine(config, loaded)
    made_evaluations, rows, suites = [], [], []
    with JudgePool(config.rollout.judge_workers, config.rollout.judge_timeout) as judges:
        for domain, source in parts_of(recipe).items():
            tasks = list(select(source, config.evaluate.problems))
            evaluation, of_domain = evaluate_as(config, engine, tasks, judges, model=made.stage)
            made_evaluations.append(replace(evaluation, tasks=domain))
            rows.append((domain, tasks, of_domain))
            suites.append(_passes(domain, made_evaluations[-1], source.fingerprint))
        suites += _together(suites, rows, recipe, config)
        for name in recipe.examine.suites:
            suite = read_suite(Path(name)) if name.endswith(".jsonl") else find_suite(name)
            if suite.name in {each.suite for each in suites}:
                raise ConfigError(f"examine.suites: {suite.name} is what the held-out tasks are measured by already")
            suites.append(run_suite(engine, suite, judges=judges, text_loss=_text_loss(loaded)))
    shown = [*_shown(recipe, rows), *_general(work, engine)]
    write_jsonl(answers, shown)
    write_jsonl(evaluations, map(to_json, made_evaluations))
    write_scores(scores, ModelScores(Identity(made.stage, "weights", made.sha256), tuple(suites)))


def _text_loss(loaded: Any) -> Any:
    from assay.model.text_loss import bits_per_byte

    return lambda text: bits_per_byte(loaded, text)


def _passes(domain: str, evaluation: Evaluation, fingerprint: str) -> SuiteScores:
    by_task = evaluation.scores().get("pass@1", {})
    rule = sha256_of([fingerprint, evaluation.samples, evaluation.temperature, evaluation.verifiers])[:12]
    return SuiteScores.of(domain, [PromptScore(task, value) for task, value in by_task.items()], rule, evaluation.voids)


def _together(
    suites: Sequence[SuiteScores],
    rows: Iterable[tuple[str, Sequence[Task], Sequence[RolloutRow]]],
    recipe: Recipe,
    config: RunConfig,
) -> list[SuiteScores]:
    """All domains together, and what their samples say of form and language."""
    form: dict[str, list[float]] = {}
    language: dict[str, list[float]] = {}
    for _, _, of_domain in rows:
        for row in of_domain:
            if row.sample == GREEDY:
                continue
            form.setdefault(row.task, []).append(float(row.answer is not None))
            verdict = judge("language", {"language": recipe.examine.language}, row.text)
            language.setdefault(row.task, []).append(verdict.score)
    rule = sha256_of([[each.fingerprint for each in suites], recipe.examine.language])[:12]
    together = SuiteScores.of(CHECKED, [each for suite in suites for each in suite.prompts], rule)
    means = {
        name: SuiteScores.of(name, [PromptScore(task, sum(each) / len(each)) for task, each in by.items()], rule)
        for name, by in (("format", form), ("language", language))
    }
    return [together, *means.values()]


def _shown(recipe: Recipe, rows: Sequence[tuple[str, Sequence[Task], Sequence[RolloutRow]]]) -> list[dict[str, Json]]:
    """Greedy answers to the first prompts of each domain in turn."""
    found: list[dict[str, Json]] = []
    for place in range(recipe.examine.prompts):
        for domain, tasks, of_domain in rows:
            if place >= len(tasks) or len(found) >= recipe.examine.prompts:
                continue
            row = next((each for each in of_domain if each.task == tasks[place].id and each.sample == GREEDY), None)
            if row is not None:
                found.append(
                    {
                        "domain": domain,
                        "task": row.task,
                        "prompt": tasks[place].prompt[-1].content,
                        "text": row.text,
                        "outcome": row.outcome,
                        "reason": row.reason,
                        "tokens": row.tokens,
                    }
                )
    return found


def _general(work: Work, engine: Engine) -> list[dict[str, Json]]:
    """Greedy answers to prompts that nothing judges, where the recipe has any."""
    found = [getattr(stage, "general", None) for stage in work.recipe.named.values()]
    sources = [each for each in found if isinstance(each, TasksConfig)]
    if not sources or not work.recipe.examine.prompts:
        return []
    config = work.recipe
    by_tag: dict[tuple[str, ...], list[Task]] = {}
    for task in select(load_source(sources[0], "held_out", config.seed), 8):
        by_tag.setdefault(task.tags, []).append(task)
    tasks = [each[0] for each in by_tag.values()][:4]
    requests = [Request(task.prompt, 1, config.seed, ("shown", task.id)) for task in tasks]
    replies = engine.generate(requests, Sampling(config.rollout.max_new_tokens, 0.0, stop=config.rollout.stop))
    return [
        {
            "domain": "general",
            "task": task.id,
            "prompt": task.prompt[-1].content,
            "text": reply[0].text,
            "outcome": "",
            "reason": "",
            "tokens": len(reply[0].tokens),
        }
        for task, reply in zip(tasks, replies, strict=True)
    ]


def scores_in(folder: Path) -> ModelScores:
    return read_scores(folder / SCORES)


def answers_in(folder: Path) -> list[dict[str, Json]]:
    return list(read_jsonl(folder / ANSWERS)) if (folder / ANSWERS).is_file() else []


def base_of(recipe: Recipe) -> str:
    """The stage whose policy is the base."""
    return recipe.base or BASE


def compared(folder_of: Mapping[str, Path], baseline: str, parents: Mapping[str, str]) -> ModelScores:
    """The baseline's scores, each suite that has a parent of its own with that parent's."""
    own = scores_in(folder_of[baseline])
    suites = tuple(
        next((other for other in scores_in(folder_of[parents[each.suite]]).suites if other.suite == each.suite), each)
        if each.suite in parents
        else each
        for each in own.suites
    )
    return replace(own, suites=suites)
