"""The main job from Python, in the words of the command line: what each function does, one verb of `assay` does too.

    run = assay.train("demo", "runs/mine", settings={"learn.steps": 8})
    before, *_, after = assay.read_evaluations(run.evaluations)
    print(assay.compare(before, after).sentence())
    assay.evaluate(run, settings={"evaluate.samples": 16})

A configuration is a RunConfig, a TOML file, or the name of a built-in recipe (`demo`, `tiny`); `settings` are dotted
keys with their values, as after `--set`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assay.core.config import RunConfig, TasksConfig, layers
from assay.core.errors import UsageError
from assay.core.layers import Layered, validate
from assay.core.run_folder import RunFolder
from assay.core.types import Json, Task, Verdict
from assay.recipes import find_recipe

if TYPE_CHECKING:
    from assay.audit.report import AuditReport
    from assay.measure.evaluation import Evaluation
    from assay.reward.rule import RewardRule
    from assay.tasks.source import TaskSource

Config = RunConfig | str | Path
Split = Literal["train", "held_out"]


def load_config(*configs: Config, settings: Mapping[str, Json] | None = None) -> RunConfig:
    """The configuration of these layers, later ones winning, `settings` last. Raises ConfigError."""
    base: dict[str, Json] = {}
    files: list[Path] = []
    for each in configs:
        if not isinstance(each, RunConfig):
            files.append(find_recipe(each))
        elif base or files:
            raise UsageError("a RunConfig holds every key, so it can only be the first layer")
        else:
            base = each.model_dump(mode="json")
    return validate(RunConfig, layers(files, settings or {}, base))


def load_source(source: str, split: Split = "train", *, seed: int = 0, **keys: Any) -> TaskSource:
    """A task source: a generator's name, a file, `gym:NAME` or a hub name.

    `keys` are those of the configuration's [tasks]: `options`, `columns`, `verifier`, `limit`, `held_out`.
    Raises ConfigError, TaskFileError, MissingExtra.
    """
    from assay.tasks.load import load_source as load

    values = {"source": source, **keys}
    return load(validate(TasksConfig, Layered(values, dict.fromkeys(values, "load_source"))), split, seed)


def judge_many(
    tasks: Sequence[Task], responses: Sequence[str], *, workers: int = 0, timeout: float = 10.0
) -> list[Verdict]:
    """Judge each response against the task in its place, in parallel: a verdict for each, in order.

    `workers` processes (0: one per core), `timeout` seconds per answer; one that takes longer is FAIL `timeout`, one that
    kills its worker is VOID. Raises UsageError when the two are not equally many.
    """
    from assay.rollout.collect import last_user_message
    from assay.verify.pool import JudgePool, JudgeRequest

    if len(tasks) != len(responses):
        raise UsageError(f"{len(tasks)} tasks but {len(responses)} responses: each task needs its own response")
    pairs = zip(tasks, responses, strict=True)
    requests = [JudgeRequest(task.verifier, task.truth, text, last_user_message(task)) for task, text in pairs]
    with JudgePool(min(workers, len(requests)), timeout) as judges:
        return judges.judge_many(requests)


def train(
    config: Config,
    out: str | Path | None = None,
    *,
    settings: Mapping[str, Json] | None = None,
    resume: bool = False,
    listen: Callable[[Any], None] | None = None,
) -> RunFolder:
    """Train a policy with GRPO into the run folder `out` (default: runs/NAME), and return the folder.

    `listen` is called with each event of the run (assay.learn.events). Raises what `assay.learn.train.train` does.
    """
    from assay.learn.events import silent
    from assay.learn.train import train as run

    chosen = load_config(config, settings=settings)
    return run(chosen, Path(out or Path("runs") / chosen.name), resume=resume, listen=listen or silent)


def evaluate(
    model: str | Path | RunFolder,
    tasks: str | None = None,
    *,
    config: Config | None = None,
    settings: Mapping[str, Json] | None = None,
    split: Split = "held_out",
) -> Evaluation:
    """Evaluate a model (a hub name, a folder, `smollm2`, `tiny`) on a task source; pass@1, pass@k, maj@k and greedy.

    For a RunFolder: its best checkpoint, on its own tasks, with its own settings where `config` names no others.
    Raises UsageError, ConfigError, ModelError, VoidBudgetExceeded.
    """
    from assay.measure.evaluate import evaluate_as
    from assay.rollout.open import open_engine_to_evaluate
    from assay.rollout.preferred import PreferenceJudges
    from assay.sandbox.probe import allow_unsafe
    from assay.tasks.load import load_source as load
    from assay.tasks.load import select
    from assay.verify.pool import JudgePool

    if isinstance(model, RunFolder):
        config = config or validate(RunConfig, Layered(model.config, {}))
        name = str(model.checkpoint())
    else:
        name = str(model)
    asked: dict[str, Json] = {"model.name": name, "model.lora": None}
    asked |= {} if tasks is None else {"tasks.source": tasks}
    chosen = load_config(*([] if config is None else [config]), settings={**asked, **(settings or {})})
    source = load(chosen.tasks, split, chosen.seed)
    rollout = chosen.rollout
    allow_unsafe(chosen.sandbox.unsafe)
    engine = open_engine_to_evaluate(chosen)
    with JudgePool(rollout.judge_workers, rollout.judge_timeout) as pool:
        judges = PreferenceJudges(pool, chosen.model.device)
        evaluation, _ = evaluate_as(chosen, engine, select(source, chosen.evaluate.problems), judges, model=name)
    return evaluation


def audit_tasks(
    tasks: Sequence[Task],
    *,
    rule: RewardRule | None = None,
    level: Literal["quick", "full"] = "quick",
    seed: int = 0,
    workers: int = 0,
    timeout: float = 10.0,
) -> AuditReport:
    """Attack the tasks' verifiers with answers crafted from the tasks' own truths, and say what was paid.

    `timeout` is seconds per answer. Raises UsageError for no task.
    """
    from assay.audit.run import audit
    from assay.verify.pool import JudgePool

    if not tasks:
        raise UsageError("there is no task to audit: the attacks are made from the tasks' truths")
    with JudgePool(workers, timeout) as judges:
        return audit(tasks, level=level, rule=rule, judges=judges, seed=seed)
