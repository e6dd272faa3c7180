"""`assay pipeline --dry-run`: what each stage will take in memory, tokens, steps and time, before anything runs.

Memory and work are counted as in learn/plan, whose shares of a matrix product's speed hold here too unless the recipe says
what its machine reaches. Samples are planned at `machine.answer_tokens` (half of the longest where it says nothing), examples
as if the filters kept every prompt's share; so a stage that keeps less takes less. An estimate to plan with, good to a factor of
two where the machine's speed is known.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import ceil
from typing import Any

from assay.core.config import RunConfig
from assay.core.errors import ConfigError
from assay.core.fitting import FitConfig
from assay.pipeline.kinds import (
    RUN_SECTIONS,
    Demonstrations,
    FileOfExamples,
    Machine,
    NoExamples,
    PairsOfVerdicts,
    PairsStated,
)
from assay.pipeline.recipe import Recipe
from assay.pipeline.stage import model_of
from assay.tasks.load import load_source
from assay.tasks.mixture import Mixture

GIB = 2**30


@dataclass(frozen=True, slots=True)
class StagePlan:
    """Bytes on one device, tokens and seconds of a stage, its examination included."""

    name: str
    kind: str
    steps: int
    sampled: int  # tokens
    learnt: int  # tokens, every pass counted
    memory: int
    seconds: float
    examination: float  # seconds of `seconds`


@dataclass(frozen=True, slots=True)
class PipelinePlan:
    parameters: int
    gflops: float
    devices: int
    memory: float | None  # GiB of each device
    prompt_tokens: int
    stages: tuple[StagePlan, ...]

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.stages)

    @property
    def too_large(self) -> tuple[str, ...]:
        """Stages that would not fit a device."""
        return tuple(each.name for each in self.stages if self.memory is not None and each.memory > self.memory * GIB)


@dataclass(frozen=True, slots=True)
class Scale:
    """What every stage's estimate is made with."""

    recipe: Recipe
    shape: Any
    parameters: int
    speed: float  # floating-point operations a second, all devices
    prompt: int
    answer: int

    @property
    def machine(self) -> Machine:
        return self.recipe.machine

    def decoding(self, tokens: float) -> float:
        return 2 * tokens * self.parameters / self.machine.decode_share / self.speed

    def training(self, tokens: float) -> float:
        return 6 * tokens * self.parameters / self.machine.train_share / self.speed

    def reading(self, tokens: float) -> float:
        return 2 * tokens * self.parameters / self.machine.train_share / self.speed


def plan_pipeline(recipe: Recipe, left_out: Collection[str] = (), gflops: float | None = None) -> PipelinePlan:
    """`gflops` stands for a measurement. Raises ModelError where the model's shape cannot be read."""
    from assay.learn.plan import count_parameters, measure_gflops

    machine = recipe.machine
    shape, counted = shape_of(recipe)
    prompt = machine.prompt_tokens or counted
    one = machine.gflops or gflops or measure_gflops(recipe.model.threads)
    answer = machine.answer_tokens or max(1, recipe.rollout.max_new_tokens // 2)
    scale = Scale(recipe, shape, count_parameters(shape), one * 1e9 * machine.devices, prompt, answer)
    stages = tuple(_stage(scale, name, stage) for name, stage in recipe.named.items() if name not in left_out)
    return PipelinePlan(scale.parameters, one, machine.devices, machine.memory, prompt, stages)


def shape_of(recipe: Recipe) -> tuple[Any, int]:
    """The base's transformers config, and the tokens of the first task's prompt (a character is a quarter of a token where
    there is no tokenizer to count with)."""
    task = load_source(recipe.tasks, "train", recipe.seed).task(0)
    text = "".join(message.content for message in task.prompt)
    machine = recipe.machine
    if machine.architecture is not None:
        from huggingface_hub.errors import StrictDataclassError
        from transformers import AutoConfig

        try:
            return AutoConfig.for_model(machine.architecture, **machine.shape), max(1, len(text) // 4)
        except (StrictDataclassError, TypeError, ValueError) as error:
            said = str(error).strip().splitlines()[-1].strip()[:120]
            raise ConfigError(
                f"machine.shape: transformers cannot make a {machine.architecture} of it ({said})"
            ) from None
    scratch: Any = next((found for each in recipe.named.values() if (found := getattr(each, "scratch", None))), None)
    if recipe.model.name == "tiny" and scratch is not None:
        from assay.model.tiny import build_tiny
        from assay.tasks.generators.pocket import CHARACTERS

        made = build_tiny(
            scratch.characters or CHARACTERS, width=scratch.width, layers=scratch.layers, heads=scratch.heads
        )
        return made.model.config, len(text) + 1
    from assay.model.shape import read_shape
    from assay.rollout.render import ChatRenderer

    shape, tokenizer = read_shape(recipe.model)
    return shape, len(ChatRenderer(tokenizer)(task.prompt))


def _stage(scale: Scale, name: str, stage: Any) -> StagePlan:
    exam = _examination(scale)
    if stage.kind in ("rl", "final_rl"):
        return _rl(scale, name, stage, exam)
    if stage.kind == "gate":
        return StagePlan(name, stage.kind, 0, 0, 0, 0, 0.0, 0.0)
    sampled = _sampled(scale, stage)
    examples = _examples(stage)
    steps = stage.fit.steps or max(1, ceil(stage.fit.epochs * examples / stage.fit.batch_size))
    sides = 2 if stage.kind in ("reward_model", "dpo") else 1
    each = scale.prompt + sides * scale.answer
    learnt = steps * stage.fit.batch_size * each
    seconds = scale.decoding(sampled) + scale.training(learnt)
    if stage.kind == "dpo":
        seconds += scale.reading(learnt)
    has_exam = stage.kind != "reward_model"
    memory = _memory(scale, stage.fit)
    return StagePlan(
        name,
        stage.kind,
        steps,
        sampled,
        learnt,
        memory,
        seconds + exam * has_exam,
        exam * has_exam,
    )


def _rl(scale: Scale, name: str, stage: Any, exam: float) -> StagePlan:
    from assay.learn.plan import plan

    recipe = scale.recipe
    values = {key: getattr(recipe, key) for key in RunConfig.model_fields}
    values |= {key: getattr(stage, key) for key in RUN_SECTIONS if key in type(stage).model_fields}
    config = RunConfig(**(values | {"model": model_of(recipe, recipe.model.name)}))
    found = plan(config, scale.shape, scale.prompt, gflops=scale.speed / 1e9)
    rollout, learn = config.rollout, config.learn
    sampled = learn.steps * rollout.prompts_per_step * rollout.group_size * scale.answer
    learnt = learn.epochs * (sampled + learn.steps * rollout.prompts_per_step * scale.prompt)
    evaluations = 2 + (learn.steps // learn.eval_every if learn.eval_every else 0)
    asked = evaluations * config.evaluate.problems * (config.evaluate.samples + config.evaluate.greedy) * scale.answer
    seconds = scale.decoding(sampled + asked) + scale.training(learnt)
    seconds += scale.reading(learnt) * (learn.kl.coefficient > 0)
    sharded = found.weights + found.gradients + found.optimiser + found.reference + found.critic
    if learn.parallel == "fsdp2":
        sharded //= scale.machine.devices
    memory = sharded + max(_activations(scale, learn.microbatch_tokens, learn.gradient_checkpointing), found.cache)
    return StagePlan(name, stage.kind, learn.steps, sampled, learnt, memory, seconds + exam, exam)


def _examination(scale: Scale) -> float:
    """Seconds of what every policy is asked."""
    recipe = scale.recipe
    source = load_source(recipe.tasks, "held_out", recipe.seed)
    domains = len(source.parts) if isinstance(source, Mixture) else 1
    tokens = domains * recipe.evaluate.problems * (recipe.evaluate.samples + recipe.evaluate.greedy) * scale.answer
    tokens += len(recipe.examine.suites) * 32 * 128  # what comes with the program: some 32 prompts, 96 to 224 tokens
    return scale.decoding(tokens)


def _sampled(scale: Scale, stage: Any) -> int:
    """Tokens sampled to learn from."""
    how: Any = getattr(stage, "sample", None) or getattr(stage, "examples", None) or getattr(stage, "pairs", None)
    count = getattr(how, "prompts", 0) * getattr(how, "samples", 0)
    return int(count * scale.answer)


def _examples(stage: Any) -> int:
    """Examples or pairs, at most."""
    how: Any = getattr(stage, "sample", None) or getattr(stage, "examples", None) or getattr(stage, "pairs", None)
    if isinstance(how, Demonstrations | PairsStated):
        found = how.count
    elif isinstance(how, FileOfExamples):
        found = how.count or 10_000
    elif isinstance(how, PairsOfVerdicts):
        found = how.prompts * how.per_prompt
    else:
        most = how.samples if stage.filters.per_prompt is None else min(how.samples, stage.filters.per_prompt)
        found = how.prompts * most
    general = getattr(stage, "general", NoExamples())
    return int(found if isinstance(general, NoExamples) else found / (1 - stage.general_share))


def _memory(scale: Scale, fit: FitConfig) -> int:
    """Weights, gradients and the two moments, sharded over nothing: a fit runs on one device."""
    return 16 * scale.parameters + _activations(scale, fit.row_tokens, fit.gradient_checkpointing)


def _activations(scale: Scale, row: int, is_checkpointed: bool) -> int:
    """Of one packed row; with checkpointing each layer keeps its input, and one of them everything."""
    from assay.learn.plan import ACTIVATION_COPIES

    layers, hidden = scale.shape.num_hidden_layers, scale.shape.hidden_size
    copies = layers + ACTIVATION_COPIES if is_checkpointed else layers * ACTIVATION_COPIES
    return int(4 * row * hidden * copies)
