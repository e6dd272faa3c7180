"""Distillation against RLVR: one student, one budget of compute, several ways, and the teacher above them all.

    rlvr        `assay train` from the student's weights; what its steps spend is the budget of the others
    traces      the teacher's checked answers, and SFT on them (R1's way; the tokenizers may differ)
    on_policy   the student samples, and is moved towards the teacher token by token (learn/distill)

DeepSeek-R1 reports that a 32B student gains more by its teacher's traces than by RL of its own (arXiv 2501.12948, section 4.1),
without equal compute; others that RL lifts pass@1 and not pass@k, where distillation lifts both (arXiv 2504.13837, section
5.3). Here both are answered by counts: FLOPs of the method (measure/compute) are made equal, the teacher's share included,
and CPU-seconds stand beside them. What the teacher itself cost to train is not counted: it is there.

Each arm has its folder, ends with an `arm.json`, and is not made again where that is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any, Literal

from pydantic import Field

from assay.core.config import ModelConfig, RunConfig
from assay.core.errors import ConfigError
from assay.core.fitting import DistillConfig, SftConfig
from assay.core.records import append_jsonl, to_json, write_json
from assay.core.run_folder import RunFolder
from assay.core.section import Section
from assay.core.types import Json, Message, Task
from assay.measure.compute import Spent
from assay.measure.evaluate import evaluate_as
from assay.measure.evaluation import Evaluation, read_evaluations
from assay.rollout.engine import Sampling
from assay.rollout.pairs import messages_of
from assay.rollout.render import ChatRenderer
from assay.rollout.traces import checked_traces
from assay.tasks.conversations import Example
from assay.tasks.load import load_source, select
from assay.verify.pool import JudgePool

Arm = Literal["student", "teacher", "rlvr", "traces", "on_policy"]
COMPARISON, ARM = "comparison.json", "arm.json"
MANY = 1_000_000  # steps
Say = Callable[[str, str], None]
"""(arm, what is happening)"""


class DistillArms(Section):
    """What the student is taught by, beside RLVR."""

    teacher: str = Field(..., description="the teacher: a folder, a hub name, or what [model] may be named")
    arms: tuple[Literal["rlvr", "traces", "on_policy"], ...] = Field(
        ("rlvr", "traces", "on_policy"), description="the ways to compare"
    )
    budget: float | None = Field(None, gt=0, description="FLOPs for each arm; none: what the steps of rlvr spend")
    prompts: int = Field(256, ge=1, description="training tasks that the teacher is asked, and the student samples on")
    samples: int = Field(4, ge=1, description="the teacher's answers to each task")
    temperature: float = Field(1.0, gt=0, description="of the teacher's samples")
    per_task: int = Field(2, ge=1, description="checked answers of one task at most")
    sampling_share: float = Field(
        0.5, gt=0, lt=1, description="share of the budget of `traces` for the teacher's samples; the rest is for SFT"
    )
    traces: SftConfig = SftConfig(learning_rate=1e-3, batch_size=32)
    on_policy: DistillConfig = DistillConfig()


class ComparisonConfig(RunConfig):
    """A training run of the student ([model]), and [distill] beside it."""

    distill: DistillArms


@dataclass(frozen=True, slots=True)
class ArmResult:
    name: Arm
    evaluation: Evaluation
    spent: Mapping[str, Json] = field(default_factory=dict)
    notes: Mapping[str, Json] = field(default_factory=dict)


def compare_ways(config: ComparisonConfig, out: Path, *, say: Say = lambda arm, what: None) -> list[ArmResult]:
    """Every arm, the student before and the teacher among them, on the same held-out tasks; `comparison.json` in `out`.

    Raises ConfigError (no budget without an rlvr arm; on-policy with another tokenizer) and what training raises.
    """
    how = config.distill
    if how.budget is None and "rlvr" not in how.arms:
        raise ConfigError(
            "distill.budget: without the arm rlvr, whose steps would say it, a number of FLOPs would be right"
        )
    if "on_policy" in how.arms:
        _refuse_early(config)
    results = [
        _measured(config, out, "student", config.model.name, say),
        _measured(config, out, "teacher", how.teacher, say),
    ]
    budget = how.budget
    for arm in ("rlvr", "traces", "on_policy"):  # in this order: the first says the budget
        if arm not in how.arms:
            continue
        results.append(_made(config, out, arm, budget, say))
        if arm == "rlvr" and budget is None:
            budget = float(results[-1].spent["flops"]["total"])
    write_json(out / COMPARISON, table(results, budget))
    return results


def table(results: Sequence[ArmResult], budget: float | None) -> Json:
    """What `comparison.json` holds: for each arm its figures with intervals, and what it spent."""
    return {
        "budget_flops": budget,
        "arms": [
            {
                "arm": each.name,
                "model": each.evaluation.model,
                "figures": {name: to_json(figure._asdict()) for name, figure in each.evaluation.figures().items()},
                "spent": to_json(each.spent),
                "notes": to_json(each.notes),
            }
            for each in results
        ],
    }


def _made(config: ComparisonConfig, out: Path, arm: Arm, budget: float | None, say: Say) -> ArmResult:
    folder = out / arm
    if (done := _read(folder, arm)) is not None:
        return done
    make = {"rlvr": _rlvr, "traces": _traces, "on_policy": _on_policy}[arm]
    model, spent, notes = make(config, folder, budget, say)
    evaluation = _evaluate(config, folder, arm, model, say)
    result = ArmResult(arm, evaluation, spent, notes)
    write_json(folder / ARM, {"arm": arm, "model": model, "spent": spent, "notes": notes})
    return result


def _rlvr(config: ComparisonConfig, folder: Path, budget: float | None, say: Say) -> tuple[str, Json, Json]:
    from assay.learn.distill import parameters
    from assay.learn.events import Began, Event, Stepped
    from assay.learn.train import train
    from assay.model.load import load_model

    own = RunConfig(**{name: getattr(config, name) for name in RunConfig.model_fields})
    seconds, began = 0.0, process_time()
    resumed = (folder / "run" / "config.json").is_file()

    def listen(event: Event) -> None:
        nonlocal seconds, began
        if isinstance(event, Began) and event.phase == "sample":
            began = process_time()
        elif isinstance(event, Stepped):
            seconds += process_time() - began
            say("rlvr", f"step {event.step} of {event.steps}, pass rate {event.metrics['pass_rate']:.2f}")

    run = train(own, folder / "run", resume=resumed, listen=listen)
    loaded = load_model(config.model)
    spent = spent_on_rl(run.read_rollouts(), parameters(loaded), ChatRenderer(loaded.tokenizer), own)
    spent.cpu_seconds = seconds
    said = spent.as_json() | ({"cpu_seconds": None} if resumed else {})  # an earlier process's are lost
    steps = run.read_metrics("train")
    notes = {"steps": len(steps), "pass_rate": [row["pass_rate"] for row in (steps[0], steps[-1])]}
    return str(_last(run)), said, notes


def spent_on_rl(
    rows: Iterable[Mapping[str, Json]],
    parameters: int,
    render: Callable[[Sequence[Message]], Sequence[int]],
    config: RunConfig,
) -> Spent:
    """From a run's rollouts: every completion was sampled; a group was learnt from where any advantage is not 0 (with a KL
    or entropy term: always), in each epoch, and looked up in the reference where there is one."""
    groups: dict[str, list[Mapping[str, Json]]] = {}
    for row in rows:
        if row.get("split", "train") == "train":
            groups.setdefault(str(row["group"]), []).append(row)
    learn, spent = config.learn, Spent()
    is_always = learn.kl.coefficient > 0 or learn.entropy_coefficient > 0
    for group in groups.values():
        tokens = len(render(messages_of(str(group[0]["prompt"])))) + sum(int(row["tokens"]) for row in group)
        spent.forward("student samples", parameters, tokens)
        if all(row.get("kept", True) for row in group) and (is_always or any(row["advantage"] for row in group)):
            spent.learn("student learns", parameters, tokens * learn.epochs)
            if learn.kl.coefficient > 0:
                spent.forward("reference", parameters, tokens)
    return spent


def _traces(config: ComparisonConfig, folder: Path, budget: float | None, say: Say) -> tuple[str, Json, Json]:
    from assay.learn.distill import parameters
    from assay.learn.sft import encoded, sft
    from assay.model.load import load_model, save_model
    from assay.rollout.torch_engine import TorchEngine

    assert budget is not None
    how, spent = config.distill, Spent()
    examples: list[Example] = []
    sampled = passed = 0
    with spent.clocked():
        teacher = load_model(_named(config.model, how.teacher))
        engine = TorchEngine(
            teacher, batch_size=config.rollout.batch_size, max_prompt_tokens=config.rollout.max_prompt_tokens
        )
        sampling = Sampling(config.rollout.max_new_tokens, temperature=how.temperature, stop=config.rollout.stop)
        tasks = _tasks(config)
        size = max(1, config.rollout.prompts_per_step)
        with JudgePool(config.rollout.judge_workers, config.rollout.judge_timeout) as judges:
            for start in range(0, len(tasks), size):
                traced = checked_traces(
                    engine, tasks[start : start + size], samples=how.samples, sampling=sampling, judges=judges,
                    seed=config.seed, key=("traces", start), per_task=how.per_task,
                )  # fmt: skip
                examples += traced.examples
                sampled, passed = sampled + traced.sampled, passed + traced.passed
                spent.forward("teacher samples", parameters(teacher), traced.tokens)
                say("traces", f"{len(examples)} checked traces of {sampled} answers")
                if spent.total >= how.sampling_share * budget:
                    break
        del teacher, engine
        if not examples:
            raise ConfigError(
                f"distill.teacher: none of {sampled} answers of {how.teacher} passed, so it has nothing to teach"
            )
        student = load_model(config.model)
        sequences = encoded(student, examples, how.traces.max_tokens)
        a_step = (
            6.0
            * parameters(student)
            * how.traces.batch_size
            * sum(len(each.tokens) for each in sequences)
            / len(sequences)
        )
        steps = max(1, round((budget - spent.total) / a_step))
        fit = how.traces.model_copy(update={"steps": steps})
        done = sft(
            student, examples, fit, seed=config.seed, folder=folder, progress=lambda step, loss: say("traces", f"SFT step {step} of {steps}, loss {loss:.3f}")
        )  # fmt: skip
        spent.learn(
            "student learns", parameters(student), round(len(done.losses) * a_step / (6.0 * parameters(student)))
        )
    save_model(student.model, student.tokenizer, folder / "model")
    notes = {
        "examples": len(examples),
        "sampled": sampled,
        "passed": passed,
        "steps": len(done.losses),
        "loss": done.losses[-1],
    }
    return str(folder / "model"), spent.as_json(), notes


def _on_policy(config: ComparisonConfig, folder: Path, budget: float | None, say: Say) -> tuple[str, Json, Json]:
    from assay.learn.distill import distill
    from assay.model.load import load_model, save_model

    spent, how = Spent(), config.distill.on_policy
    how = how.model_copy(update={"max_new_tokens": config.rollout.max_new_tokens})
    if how.steps is None:  # as many as the budget gives, which no schedule can know the end of
        how = how.model_copy(update={"steps": MANY, "schedule": "constant"})
    prompts = [task.prompt for task in _tasks(config)]
    with spent.clocked():
        student = load_model(config.model)
        teacher = load_model(_named(config.model, config.distill.teacher))
        done = distill(
            student, teacher, prompts, how, seed=config.seed, spent=spent, budget=budget,
            progress=lambda step, numbers: say("on_policy", f"step {step}, KL {numbers['loss']:.4f}"),
        )  # fmt: skip
    save_model(student.model, student.tokenizer, folder / "model")
    notes = {"steps": len(done.losses), "loss": [done.losses[0], done.losses[-1]]}
    return str(folder / "model"), spent.as_json(), notes


def _refuse_early(config: ComparisonConfig) -> None:
    """Before anything is spent: the two must read the same tokens."""
    from assay.learn.distill import refuse_other_tokens
    from assay.model.load import load_model

    refuse_other_tokens(load_model(config.model), load_model(_named(config.model, config.distill.teacher)))


def _measured(config: ComparisonConfig, out: Path, arm: Arm, model: str, say: Say) -> ArmResult:
    folder = out / arm
    if (done := _read(folder, arm)) is not None:
        return done
    evaluation = _evaluate(config, folder, arm, model, say)
    write_json(folder / ARM, {"arm": arm, "model": model, "spent": {}, "notes": {}})
    return ArmResult(arm, evaluation)


def _evaluate(config: ComparisonConfig, folder: Path, arm: str, model: str, say: Say) -> Evaluation:
    from assay.model.load import load_model
    from assay.rollout.torch_engine import TorchEngine

    say(arm, f"evaluating {model}")
    loaded = load_model(_named(config.model, model))
    engine = TorchEngine(
        loaded, batch_size=config.rollout.batch_size, max_prompt_tokens=config.rollout.max_prompt_tokens
    )
    tasks = list(select(load_source(config.tasks, "held_out", config.seed), config.evaluate.problems))
    with JudgePool(config.rollout.judge_workers, config.rollout.judge_timeout) as judges:
        evaluation, _ = evaluate_as(config, engine, tasks, judges, model=model)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluations.jsonl").unlink(missing_ok=True)
    append_jsonl(folder / "evaluations.jsonl", [to_json(evaluation)])
    return evaluation


def _read(folder: Path, arm: Arm) -> ArmResult | None:
    """An arm that was made before."""
    if not (folder / ARM).is_file():
        return None
    said: dict[str, Any] = json.loads((folder / ARM).read_text())
    return ArmResult(arm, read_evaluations(folder / "evaluations.jsonl")[-1], said["spent"], said["notes"])


def _tasks(config: ComparisonConfig) -> list[Task]:
    return list(select(load_source(config.tasks, "train", config.seed), config.distill.prompts))


def _named(model: ModelConfig, name: str) -> ModelConfig:
    return model.model_copy(update={"name": name, "lora": None})


def _last(run: RunFolder) -> Path:
    """The last checkpoint, not the best: choosing by held-out figures would be one more look than the other arms have."""
    return run.checkpoints / (run.checkpoints / "last").read_text().strip()
