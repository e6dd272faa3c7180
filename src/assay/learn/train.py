"""A whole training run: check the tasks, audit the verifier, evaluate, learn, evaluate again, with everything on disk.

`train(config, out)` starts one, `train(config, out, resume=True)` continues one exactly where its last checkpoint
stands: rows written after it are dropped and written again, the same to the last digit but for wall time.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NoReturn

import torch

from assay.audit.certificate import Certificate, find_certificate, read_certificate, save_certificate
from assay.audit.run import audit
from assay.core.config import RunConfig
from assay.core.errors import (
    ConfigError,
    NonFiniteStep,
    OutOfMemory,
    RunFolderError,
    UsageError,
)
from assay.core.learning import GaeAdvantage
from assay.core.records import append_jsonl, to_json, write_jsonl
from assay.core.run_folder import RunFolder
from assay.core.types import Json, Task
from assay.learn.checkpoint import (
    best_checkpoint,
    folder_of,
    latest_checkpoint,
    load_checkpoint,
    mark_best,
    prune,
    read_lagged,
    save_checkpoint,
)
from assay.learn.curriculum import load_levels
from assay.learn.draw import Drawer
from assay.learn.ending import mark_best_before, paused, stopped
from assay.learn.events import Alarmed, Audited, Began, Checked, Evaluated, Listener, Saved, Stepped, silent
from assay.learn.observe import Observer, Seen, gravest, observing
from assay.learn.parallel import Ranks, SplitEngine, SplitJudges, Together, joined, threads_of_each
from assay.learn.policy import Policy
from assay.learn.track import Tracker, open_trackers
from assay.learn.trainer import Learner, NonFiniteBatch, overlapped, ready_to_evaluate, train_step
from assay.learn.value import Critic
from assay.measure.alarms.watch import Raised
from assay.measure.collapse import find_collapse
from assay.measure.compare import compare
from assay.measure.evaluate import check_oracle, evaluate_as
from assay.measure.evaluation import Evaluation, Kind, read_evaluations
from assay.model.load import LoadedModel, load_model, usable_cores
from assay.reward.learned import LEARNED, PREFERENCE, learned
from assay.reward.rule import find_rule
from assay.reward.shaping import rule_of
from assay.rollout.collect import VoidBudget
from assay.rollout.open import open_engine
from assay.rollout.overlap import weights_of
from assay.rollout.preferred import PreferenceJudges
from assay.sandbox.probe import allow_unsafe
from assay.tasks.check import check_sources
from assay.tasks.load import load_source, select
from assay.tasks.source import TaskSource
from assay.verify.base import find_verifier, label, read_parts
from assay.verify.pool import JudgePool

AUDITED_TASKS = 12


@dataclass(frozen=True, slots=True)
class Run:
    """What the phases of one run share."""

    config: RunConfig
    folder: RunFolder
    learner: Learner
    held_out: tuple[Task, ...]
    trackers: tuple[Tracker, ...]
    listen: Listener
    observer: Observer

    @property
    def ranks(self) -> Ranks:
        return self.learner.policy.ranks


def train(
    config: RunConfig,
    out: Path,
    *,
    resume: bool = False,
    listen: Listener = silent,
) -> RunFolder:
    """Train as `config` says into the run folder `out`.

    Raises RunFolderError (a folder in the wrong state), ConfigError, TaskFileError or TruthError (found before
    anything is sampled), VoidBudgetExceeded, Collapsed, Stopped, Paused, NonFiniteStep, OutOfMemory, OutOfDisk. After KeyboardInterrupt the run
    can be resumed from the step it had reached.
    """
    with joined() as together, _memory_errors():
        listen = listen if together.learning.is_first else silent
        folder = together.learning.first(lambda: _folder(config, out, resume))
        with _opened(config, folder, listen, together) as run:
            _go(run)
    return folder


def _folder(config: RunConfig, out: Path, resume: bool) -> RunFolder:
    as_json = config.model_dump(mode="json")
    folder = RunFolder.open(out) if resume else RunFolder.create(out, as_json)
    if resume and folder.config != as_json:
        raise RunFolderError(f"{out} was started with another configuration: resume it without changing any key")
    return folder


@contextlib.contextmanager
def _opened(config: RunConfig, folder: RunFolder, listen: Listener, together: Together) -> Iterator[Run]:
    allow_unsafe(config.sandbox.unsafe)
    ranks = together.learning
    levels = load_levels(config)
    drawer = Drawer(config, levels)
    held_out = load_source(config.tasks, "held_out", config.seed)
    rule = rule_of(config.reward, config.rollout.max_new_tokens)
    read_parts(rule.parts)
    trackers = open_trackers(config.track.to, config, folder.path) if ranks.is_first else []
    tasks = tuple(select(held_out, config.evaluate.problems))
    with (
        JudgePool(config.rollout.judge_workers, config.rollout.judge_timeout) as pool,
        observing(config, pool, rule) as observer,
    ):
        judges: JudgePool = PreferenceJudges(pool, config.model.device)
        ranks.first(lambda: _inspect(config, folder, levels, held_out, tasks, judges, listen))
        listen(Began("load", config.model.name))
        loaded = load_model(config.model)
        if ranks.size > 1 and config.model.threads == 0:
            torch.set_num_threads(threads_of_each(usable_cores()))
        policy = Policy(loaded, config.learn, config.rollout.temperature, ranks)
        sampled = policy.whole()
        if config.rollout.max_lag:
            sampled = replace(sampled, model=copy.deepcopy(sampled.model))
        engine = open_engine(config, sampled)
        if ranks.size > 1:
            engine, judges = SplitEngine(engine, together.sampling), SplitJudges(judges, together.sampling)
        how = config.learn.advantage
        critic = Critic(loaded, how.critic, config.learn, ranks) if isinstance(how, GaeAdvantage) else None
        learner = Learner(config, policy, engine, drawer, judges, rule, VoidBudget(config.rollout.void_budget), critic)
        if config.rollout.max_lag:
            learner = overlapped(learner, sampled)
        try:
            yield Run(config, folder, learner, tasks, tuple(trackers), listen, observer)
        finally:
            if learner.overlap is not None:
                learner.overlap.close()
            for tracker in trackers:
                tracker.close()


def _inspect(
    config: RunConfig,
    folder: RunFolder,
    levels: Sequence[TaskSource],
    held_out: TaskSource,
    tasks: Sequence[Task],
    judges: JudgePool,
    listen: Listener,
) -> None:
    """Refuse tasks, a verifier or a rule that nobody should train on."""
    listen(Began("check", config.tasks.source))
    for source in levels:
        report = check_sources(source, held_out)
        listen(Checked(report))
        if report.problems:
            raise UsageError("; ".join(report.problems[:5]))
    if config.evaluate.oracle is not None:
        check_oracle(config.evaluate.oracle, tasks)
    _certify(config, folder, tasks, judges, listen)


def _certify(
    config: RunConfig, folder: RunFolder, tasks: Sequence[Task], judges: JudgePool, listen: Listener
) -> Certificate | None:
    """Audit the verifier and the rule, unless a certificate matches; refuse a hole that the config does not accept."""
    rule = find_rule(config.reward.rule, config.reward.options)
    accepted = config.audit.accepted_risks
    if config.audit.level == "off":
        return None
    if config.reward.models and LEARNED not in accepted:
        raise ConfigError(
            f"reward.models: {learned(rule, config.reward.models).holes[-1]}; say why that is acceptable here in "
            f"audit.accepted_risks.{LEARNED}, and hold the policy by learn.kl"
        )
    tasks = [task for task in tasks if task.verifier != PREFERENCE]  # nothing checks those, so nothing can be attacked
    if not tasks:
        return None
    found = find_certificate(folder.path, tasks[:AUDITED_TASKS], rule, config.audit.level)
    if found is not None:
        listen(Audited(None, accepted))
        return found
    listen(Began("audit", f"{config.audit.level} battery on {min(len(tasks), AUDITED_TASKS)} tasks"))
    report = audit(tasks[:AUDITED_TASKS], level=config.audit.level, rule=rule, judges=judges, seed=config.seed)
    listen(Audited(report, accepted))
    open_holes = [hole for hole in report.holes if hole.name not in accepted]
    if open_holes:
        names = ", ".join(sorted({hole.name for hole in open_holes}))
        raise ConfigError(
            f"the audit found holes that would be trained on: {names}. Mend the verifier or the rule "
            f"(`assay audit` shows the texts), or name each under audit.accepted_risks with a reason"
        )
    return save_certificate(folder.path, report, accepted)


def _go(run: Run) -> None:
    config, folder, policy, ranks = run.config, run.folder, run.learner.policy, run.ranks
    checkpoint = ranks.first(lambda: latest_checkpoint(folder))
    step = 0
    if checkpoint is not None:
        run.listen(Began("load", str(checkpoint)))
        step = int(load_checkpoint(policy, checkpoint, run.learner.critic)["step"])
    ranks.first(lambda: _tidy(run, step))
    done = folder.read_metrics("train")
    run.learner.budget.recount(done)
    run.learner.drawer.restore(done, folder.read_rollouts())
    saved = step
    for row in folder.read_metrics("stop"):
        raise stopped(folder, step, row)
    ranks.first(lambda: run.observer.restore(folder))
    baseline, _ = _evaluated(run, 0, "before")
    if (overlap := run.learner.overlap) is not None:
        lagged = () if checkpoint is None else read_lagged(checkpoint, policy.loaded.device)
        overlap.start(step, weights_of(policy.whole().model, policy.version), lagged)
    try:
        durations: list[float] = []
        while step < config.learn.steps:
            began = perf_counter()
            run.listen(Began("sample", step=step + 1))
            result = train_step(run.learner, step + 1)
            step += 1
            seen = ranks.first(partial(run.observer.step, step, result))
            metrics = {**result.metrics, **seen.metrics}
            durations.append(perf_counter() - began)
            if ranks.is_first:
                folder.log_rollouts(result.rows)
                folder.log({"step": step, "kind": "train", **metrics})
            done.append({"step": step, **metrics})
            policy.dirty = False
            _track(run, step, metrics)
            left = (config.learn.steps - step) * sum(durations[-5:]) / len(durations[-5:])
            run.listen(Stepped(step, config.learn.steps, metrics, result.note, left))
            raised = _note(run, seen)
            is_last = step == config.learn.steps
            best, gain = False, None
            if config.learn.eval_every and step % config.learn.eval_every == 0 and not is_last:
                evaluation, more = _evaluated(run, step, "during", baseline)
                raised += more
                best, gain = _is_best(run, evaluation), compare(baseline, evaluation, seed=config.seed)
            if is_last or best or (config.learn.save_every and step % config.learn.save_every == 0):
                _save(run, step, best)
                saved = step
            if not is_last and (collapse := find_collapse(done, config, gain)):
                _end(run, step, saved, done, {"sign": collapse.sign, "reason": collapse.sentence})
            if not is_last and (alarm := gravest(raised)) is not None:
                if alarm.action == "stop":
                    _end(run, step, saved, done, {"alarm": alarm.alarm, "reason": alarm.sentence})
                if saved < step:
                    _save(run, step, best=False)
                raise paused(folder, alarm)
        after, _ = _evaluated(run, step, "after", baseline)
        if _is_best(run, after) and ranks.is_first:
            mark_best(folder, folder_of(folder, step))
            prune(folder, config.learn.keep_last)
    except KeyboardInterrupt:
        # nothing is lost when the interrupt fell between updates; else the step is done again from the last checkpoint
        # (what is sharded cannot be gathered from processes that are stopping too)
        if step > saved and not policy.dirty and ranks.is_first and not policy.is_sharded:
            _write(run, step, best=False, state=(policy.whole(), policy.optimiser_state()))
        raise
    except NonFiniteBatch as error:
        dump = folder.path / f"refused-step-{step + 1:06d}.jsonl"
        if ranks.is_first:
            write_jsonl(dump, error.rows)
        raise NonFiniteStep(f"{error}; its {len(error.rows)} completions stand in {dump}") from error


def _end(run: Run, step: int, saved: int, done: Sequence[Mapping[str, Json]], why: Mapping[str, str]) -> NoReturn:
    """Write down why the run ends here, keep what it has learnt, and raise Stopped."""
    if run.ranks.is_first:
        run.folder.log({"step": step, "kind": "stop", **why})
        mark_best_before(run.folder, step, done, run.config)
    if saved < step:
        _save(run, step, best=False)
    raise stopped(run.folder, step, why)


def _note(run: Run, seen: Seen) -> list[Raised]:
    """Write down what was observed; what it asks for is done when the step is over."""
    if run.ranks.is_first:
        if seen.differing:
            append_jsonl(run.folder.disagreements, [each.as_row() for each in seen.differing])
        for each in seen.raised:
            run.folder.log(each.row())
    for each in seen.raised:
        run.listen(Alarmed(each))
    return list(seen.raised)


def _evaluated(run: Run, step: int, kind: Kind, baseline: Evaluation | None = None) -> tuple[Evaluation, list[Raised]]:
    """The evaluation at `step`, made now unless the folder holds it already, and the alarms that it raised."""
    there = run.ranks.first(lambda: [row for row in read_evaluations(run.folder.evaluations) if row.step == step])
    if there:
        return there[0], []
    config, learner = run.config, run.learner
    run.listen(Began("evaluate", f"{len(run.held_out)} held-out problems x {config.evaluate.samples}", step))
    began = perf_counter()
    ready_to_evaluate(learner)
    result, rows = evaluate_as(
        config,
        learner.engine,
        run.held_out,
        learner.judges,
        step=step,
        kind=kind,
        model=learner.policy.loaded.name,
    )
    seen = run.ranks.first(lambda: run.observer.evaluation(result, rows, run.held_out))
    metrics = result.metrics() | seen.metrics
    if run.ranks.is_first:
        run.folder.log_rollouts(rows)
        run.folder.log({"step": step, "kind": "evaluate", **metrics})
        append_jsonl(run.folder.evaluations, [to_json(result)])
    _track(run, step, {f"held_out/{name}": value for name, value in metrics.items()})
    gain = compare(baseline, result, seed=config.seed) if baseline is not None else None
    run.listen(Evaluated(kind, result, gain, perf_counter() - began))
    return result, _note(run, seen)


def _is_best(run: Run, evaluation: Evaluation) -> bool:
    """Whether no earlier evaluation of a trained policy has a higher held-out pass@1."""
    everything = run.ranks.first(lambda: read_evaluations(run.folder.evaluations))
    trained = [each for each in everything if each.step > 0]
    return all(evaluation.pass_at_1 >= each.pass_at_1 for each in trained)


def _tidy(run: Run, step: int) -> None:
    run.folder.rewind(step)
    prune(run.folder, run.config.learn.keep_last)


def _save(run: Run, step: int, best: bool) -> None:
    policy = run.learner.policy
    state = policy.whole(), policy.optimiser_state()
    run.ranks.first(lambda: _write(run, step, best, state))


def _write(run: Run, step: int, best: bool, state: tuple[LoadedModel, dict[str, Any]]) -> None:
    run.listen(Began("save", step=step))
    config, folder = run.config, run.folder
    facts = {
        "seed": config.seed,
        "data_position": run.learner.drawer.position,
        "train_tasks": run.learner.drawer.fingerprint,
        "verifiers": sorted({label(find_verifier(task.verifier)) for task in run.held_out}),
        "certificate": certificate.id if (certificate := read_certificate(folder.path)) else None,
    }
    lagged = overlap.lagged if (overlap := run.learner.overlap) is not None else ()
    checkpoint = save_checkpoint(folder, run.learner.policy, step, facts, run.learner.critic, lagged, state)
    if best or best_checkpoint(folder) is None:
        mark_best(folder, checkpoint)
    prune(folder, config.learn.keep_last)
    run.listen(Saved(checkpoint))


def _track(run: Run, step: int, metrics: object) -> None:
    numbers = {name: float(value) for name, value in dict(metrics).items() if isinstance(value, (int, float))}  # type: ignore[call-overload]
    for tracker in run.trackers:
        tracker.log(step, numbers)


@contextlib.contextmanager
def _memory_errors() -> Iterator[None]:
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not isinstance(error, torch.OutOfMemoryError):
            text = str(error)
            if "DefaultCPUAllocator" not in text and "out of memory" not in text:
                raise
        raise OutOfMemory(
            "out of memory: lower learn.microbatch_tokens (the forward and backward pass) or rollout.batch_size "
            "(sampling), or set model.lora; the run goes on from its last checkpoint with --resume"
        ) from error
