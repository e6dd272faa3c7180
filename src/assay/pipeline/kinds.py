"""The kinds of stages as data: what each may be told in a recipe. What they do stands in the files named beside `STAGES` (stage.py).

A stage that makes a policy starts from the last policy before it unless `start` names another stage, or `base`. Numbers that
DeepSeek-R1 reports (arXiv 2501.12948 v2) are cited where they are the default; a recipe says what it changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, create_model, model_validator

from assay.core.config import RolloutConfig, RunConfig, SandboxConfig, TasksConfig
from assay.core.fitting import DistillConfig, PreferenceConfig, RewardModelConfig, SftConfig
from assay.core.section import Section
from assay.pipeline.filters import FilterConfig

BASE = "base"
"""What a recipe calls the policy that everything starts from."""

Makes = Literal["policy", "reward_model", "nothing"]
OWN_OF_A_RUN = ("seed", "name", "model", "track")
"""Keys of a run's configuration that the recipe sets for all stages."""
RUN_SECTIONS = tuple(name for name in RunConfig.model_fields if name not in OWN_OF_A_RUN)


class Examine(Section):
    """What every stage's policy is asked, so that stages can be compared: the held-out tasks of [tasks] by [evaluate], each
    source of a mixture by itself; and the suites of a gate."""

    prompts: int = Field(
        6, ge=0, description="held-out prompts whose answers the report shows stage beside stage, general ones besides"
    )
    suites: tuple[str, ...] = Field((), description="suites of the gate besides: built-in names, or files")
    language: str = Field("en", description="the language whose share of words is the figure `language`")


class Regression(Section):
    """The regression gate behind a stage (pipeline/gate): limits that were fixed before training."""

    against: str | None = Field(
        None, description="the stage that it must not fall behind; none: the one it started from"
    )
    parents: dict[str, str] = Field(
        default_factory=dict,
        description="suite = another stage to hold this suite against (a cold start may cost reasoning)",
    )
    limits: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="suite = { max_drop | max_rise | gain_above | at_least | at_most = bound }; empty: no gate",
    )
    decide: Literal["interval", "point"] = Field(
        "interval", description="must the whole 95 % interval keep a limit, or the mean alone?"
    )


class Machine(Section):
    """What `--dry-run` plans for, where that is not the machine it runs on."""

    devices: int = Field(1, ge=1, description="accelerators, or 1 for a CPU")
    gflops: float | None = Field(
        None, gt=0, description="speed of a matrix product on one of them; none: measured here, on the CPU"
    )
    memory: float | None = Field(None, gt=0, description="GiB of each; none: not compared")
    train_share: float = Field(0.4, gt=0, le=1, description="share of that speed that training reaches")
    decode_share: float = Field(0.15, gt=0, le=1, description="share that sampling reaches")
    architecture: str | None = Field(
        None, description="plan by `shape` under this transformers model type, without the model being here (`qwen2`)"
    )
    shape: dict[str, bool | int] = Field(
        default_factory=dict, description="its config.json: hidden_size, num_hidden_layers..."
    )
    prompt_tokens: int | None = Field(None, ge=1, description="of a typical prompt; none: the first task's, counted")
    answer_tokens: int | None = Field(
        None, ge=1, description="of a typical answer; none: half of rollout.max_new_tokens, in time as in tokens"
    )


class Scratch(Section):
    """A decoder built from nothing (model/tiny)."""

    characters: str = Field("", description="its alphabet; empty: the pocket world's")
    width: int = Field(64, ge=8, description="of its hidden states")
    layers: int = Field(2, ge=1, description="of attention")
    heads: int = Field(4, ge=1, description="attention heads per layer")


class Demonstrations(Section):
    """Worked answers that the task sources hold themselves."""

    kind: Literal["demonstrations"] = "demonstrations"
    count: int = Field(2000, ge=1, description="tasks whose worked answers are taken")
    tasks: TasksConfig | None = Field(None, description="another source than the stage's tasks")


class FileOfExamples(Section):
    """A file in one of the usual layouts: prompt and completion, messages, instruction and output."""

    kind: Literal["file"] = "file"
    path: str = Field(..., description="a .jsonl or .parquet file")
    count: int | None = Field(None, ge=1, description="at most this many of its rows")


class Sampled(Section):
    """Answers that a policy gives to the tasks' prompts (few-shot where the prompts hold shots), judged."""

    kind: Literal["sampled"] = "sampled"
    prompts: int = Field(256, ge=1, description="training tasks that are asked")
    samples: int = Field(8, ge=1, description="answers for each (K)")
    temperature: float = Field(1.0, gt=0, description="sampling temperature (R1's cold start: 1.0)")
    chunk: int = Field(32, ge=1, description="prompts sampled between two writes: what a kill loses at most")


class NoExamples(Section):
    """None."""

    kind: Literal["none"] = "none"


class PairsStated(Section):
    """Preferences that a task source states itself (`pocket_talk`, `everyday`)."""

    kind: Literal["stated"] = "stated"
    tasks: TasksConfig = Field(TasksConfig(source="pocket_talk"), description="the source")
    tag: str | None = Field(None, description="only prompts with this tag: the scope of one reward model")
    count: int = Field(1000, ge=2, description="pairs to learn from")
    held_out: int = Field(200, ge=0, description="pairs of the held-out split to measure accuracy and calibration on")


class PairsOfFile(Section):
    """Chosen and rejected answers in a file."""

    kind: Literal["file"] = "file"
    path: str = Field(..., description="a .jsonl or .parquet file with chosen and rejected")
    held_out_share: float = Field(0.1, ge=0, lt=1, description="share of its pairs kept to measure on")


class PairsOfVerdicts(Section):
    """PASS against FAIL of the same prompt, sampled from the policy that the stage starts from."""

    kind: Literal["verdicts"] = "verdicts"
    prompts: int = Field(128, ge=1, description="training tasks that are asked")
    samples: int = Field(8, ge=2, description="answers for each")
    temperature: float = Field(1.0, gt=0, description="sampling temperature")
    per_prompt: int = Field(2, ge=1, description="pairs of one prompt at most")
    held_out_share: float = Field(0.1, ge=0, lt=1, description="share of the pairs kept to measure on")
    chunk: int = Field(32, ge=1, description="prompts sampled between two writes")


Examples = Annotated[Demonstrations | FileOfExamples | Sampled, Field(discriminator="kind")]
General = Annotated[NoExamples | Demonstrations | FileOfExamples, Field(discriminator="kind")]
Pairs = Annotated[PairsStated | PairsOfFile | PairsOfVerdicts, Field(discriminator="kind")]


class Stage(Section):
    """What every stage may be told."""

    makes: ClassVar[Makes] = "policy"

    kind: str
    title: str = Field("", description="what reports call it; empty: its name")
    regression: Regression = Regression()

    def wants(self) -> Iterator[tuple[str, str, Makes]]:
        """(key, stage, what it makes) for each stage that this one needs."""
        if self.regression.against is not None:
            yield "regression.against", self.regression.against, "policy"
        for suite, parent in self.regression.parents.items():
            yield f"regression.parents.{suite}", parent, "policy"


class FromPolicy(Stage):
    start: str | None = Field(None, description="the stage whose policy it starts from, or base; none: the last one")

    def wants(self) -> Iterator[tuple[str, str, Makes]]:
        if self.start is not None:
            yield "start", self.start, "policy"
        yield from super().wants()


class Samples(FromPolicy):
    """A stage that asks a policy, or reads worked answers of a task source."""

    tasks: TasksConfig = TasksConfig()
    rollout: RolloutConfig = RolloutConfig()
    sandbox: SandboxConfig = SandboxConfig()


class SftStage(Samples):
    """Supervised fine-tuning: R1's cold start, or a base made from scratch."""

    kind: Literal["sft"] = "sft"
    cold_start: bool = Field(False, description="`--zero` leaves this stage out")
    scratch: Scratch | None = Field(None, description="start from a decoder built from nothing")
    examples: Examples = Demonstrations()
    filters: FilterConfig = FilterConfig()
    fit: SftConfig = SftConfig()


class RlStage(FromPolicy):
    """Reinforcement learning: a training run as `assay train` makes it."""

    kind: Literal["rl"] = "rl"


class RejectStage(Samples):
    """Rejection sampling from one policy, and SFT of another on what was kept (R1: of the base)."""

    kind: Literal["reject"] = "reject"
    start: str | None = Field(BASE, description="the policy that is fine-tuned: R1 goes back to the base")
    sampler: str | None = Field(None, description="the stage whose policy is sampled; none: the last one")
    sample: Sampled = Sampled()
    filters: FilterConfig = FilterConfig()
    general: General = NoExamples()
    general_share: float = Field(
        0.25, ge=0, lt=1, description="share of general examples in the mix (R1: about 200k of 800k)"
    )
    judge: str | None = Field(
        None, description="a verifier for prompts without a rule (my_file.py:check): what it passes is kept too"
    )
    fit: SftConfig = SftConfig(epochs=2, learning_rate=5e-5)

    def wants(self) -> Iterator[tuple[str, str, Makes]]:
        if self.sampler is not None:
            yield "sampler", self.sampler, "policy"
        yield from super().wants()


class Preferred(Section):
    """One reward model's say in the last stage."""

    stage: str = Field(..., description="the stage that trained it")
    scale: float = Field(0.5, gt=0, le=1, description="what its score of 0 to 1 is multiplied by")
    scope: Literal["answer", "whole"] = Field(
        "whole", description="what it reads: the part behind the reasoning (R1: helpfulness), or all (harmlessness)"
    )
    tag: str | None = Field(None, description="only general prompts with this tag; none: all")


class FinalStage(FromPolicy):
    """RL on checkable and general prompts in one batch, each paid by its own kind of reward."""

    kind: Literal["final_rl"] = "final_rl"
    general: TasksConfig | None = Field(None, description="prompts that no verifier judges; none: checkable ones alone")
    general_share: float = Field(0.25, gt=0, lt=1, description="of a step's prompts, once they have joined")
    last_share: float = Field(
        0.25, gt=0, le=1, description="share of the steps, the last ones, with general prompts (R1: 400 of 1,700)"
    )
    models: dict[str, Preferred] = Field(
        default_factory=dict, description="name = reward model: what general prompts pay"
    )

    @model_validator(mode="after")
    def _somebody_pays(self) -> FinalStage:
        if self.general is not None and not self.models:
            raise ValueError(
                "general prompts need a reward model each: models.helpful = { stage = ... } would be right"
            )
        return self

    def wants(self) -> Iterator[tuple[str, str, Makes]]:
        for name, model in self.models.items():
            yield f"models.{name}.stage", model.stage, "reward_model"
        yield from super().wants()


class RewardModelStage(Samples):
    """A reward model from pairs (Bradley-Terry), started from a policy's weights."""

    makes: ClassVar[Makes] = "reward_model"

    kind: Literal["reward_model"] = "reward_model"
    pairs: Pairs = PairsStated()
    fit: RewardModelConfig = RewardModelConfig()


class DpoStage(Samples):
    """A policy from pairs, without a reward model between (DPO and its relatives)."""

    kind: Literal["dpo"] = "dpo"
    pairs: Pairs = PairsOfVerdicts()
    fit: PreferenceConfig = PreferenceConfig()


class DistillStage(Samples):
    """A smaller student from a teacher's checked traces, or from its own under the teacher's eyes (`on_policy`)."""

    makes: ClassVar[Makes] = "nothing"  # of what later stages could start from: the student is another model

    kind: Literal["distill"] = "distill"
    student: str = Field("smollm2", description="the model that learns (a name or folder), where `scratch` builds none")
    scratch: Scratch | None = Field(None, description="a student built from nothing")
    sample: Sampled = Sampled()
    filters: FilterConfig = FilterConfig()
    fit: SftConfig = SftConfig()
    on_policy: DistillConfig | None = Field(
        None, description="then on-policy distillation, where the tokenizers are one"
    )


class GateStage(Stage):
    """A gate by itself, between any two policies."""

    makes: ClassVar[Makes] = "nothing"

    kind: Literal["gate"] = "gate"
    baseline: str = Field(BASE, description="the policy that stands")
    candidate: str = Field(..., description="the policy that would replace it")

    def wants(self) -> Iterator[tuple[str, str, Makes]]:
        yield "baseline", self.baseline, "policy"
        yield "candidate", self.candidate, "policy"


def sections_of(kind: type[Stage]) -> list[str]:
    """The tables of a stage that a recipe may set for all of them."""
    return [name for name in (*RUN_SECTIONS, "regression", "filters") if name in kind.model_fields]


def _as_run(kind: type[Stage], names: Iterable[str] = RUN_SECTIONS) -> type[Stage]:
    """With the sections of a run's configuration, whichever there are."""
    fields: dict[str, Any] = {
        name: (RunConfig.model_fields[name].annotation, RunConfig.model_fields[name]) for name in names
    }
    return create_model(kind.__name__, __base__=kind, __doc__=kind.__doc__, **fields)


KINDS: dict[str, type[Stage]] = {
    "sft": SftStage,
    "rl": _as_run(RlStage),
    "reject": RejectStage,
    "final_rl": _as_run(FinalStage),
    "reward_model": RewardModelStage,
    "dpo": DpoStage,
    "distill": DistillStage,
    "gate": GateStage,
}
