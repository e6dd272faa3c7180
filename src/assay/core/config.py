"""The schema of a run: one frozen model per section, every key with its meaning and unit.

`load_config` reads it from layers; `assay config show` prints each value with its origin, `assay config schema` the
JSON Schema. Unknown keys are refused; a renamed key gets no alias.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from assay.core.drawing import (
    DifficultyPools,
    DynamicSampling,
    GroupSizes,
    Levels,
    NoCurriculum,
    NoDynamic,
    NoPools,
    NoReplay,
    Replayed,
    SameSize,
    SizeByDifficulty,
)
from assay.core.layers import Layered, merge, validate
from assay.core.learning import GrpoAdvantage, LearnConfig
from assay.core.length import Length, NoLength, Overlong
from assay.core.section import Section
from assay.core.types import Json
from assay.core.watching import AlarmsConfig, SecondOpinionConfig


class LoraConfig(Section):
    rank: int = Field(16, ge=1, description="rank of the low-rank update")
    alpha: float = Field(32.0, gt=0, description="scale; the update is multiplied by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="dropout on the adapter's input (0 keeps rollouts on-policy)")
    targets: tuple[str, ...] | Literal["all-linear"] = Field("all-linear", description="module names to adapt")


class ModelConfig(Section):
    name: str = Field("smollm2", description="a hub name, a local folder, a folder's GGUF file, `smollm2` or `tiny`")
    device: str = Field("auto", description="`auto`, `cpu`, `cuda`, `cuda:0`, `mps`")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: fp32 on a CPU, else bf16 autocast over fp32 weights"
    )
    threads: int = Field(0, ge=0, description="CPU threads for torch; 0 takes every core")
    lora: LoraConfig | None = Field(None, description="train low-rank adapters (peft) instead of all weights")


class TasksConfig(Section):
    source: str = Field(
        "warehouse", description="a generator's name, a file (.jsonl, .parquet), `gym:NAME`, or a `datasets` hub name"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="the source's own options (difficulty, shots, split names...)"
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="column map of a file: our name = theirs; or layout = `trl`, `verl`, `openrlhf`, `gsm8k`, `math`",
    )
    held_out: str | None = Field(
        None, description="a second source for evaluation; default: the source's own held-out split"
    )
    verifier: str | None = Field(None, description="overrides the tasks' verifier: a name, or my_file.py:function")
    limit: int | None = Field(None, ge=1, description="use at most this many training tasks")


class LearnedReward(Section):
    """A reward model's say (reward/learned)."""

    model: str = Field(..., description="its folder or hub name: what AutoModelForSequenceClassification reads")
    scale: float = Field(0.5, gt=0, le=1, description="what a score of 1 pays; scores lie between 0 and 1")
    scope: Literal["whole", "answer"] = Field(
        "whole", description="what it reads: all of a response, or the part behind its reasoning"
    )
    needs_pass: bool = Field(
        True,
        description="where a task has a rule: pay behind a PASS only; false: pay wrong answers too, below the lowest PASS",
    )


class RewardConfig(Section):
    rule: str = Field(
        "outcome", description="a rule's name: outcome, gated_format, gated_language, r1_sum, format_20_80"
    )
    options: dict[str, float | str] = Field(default_factory=dict, description="the rule's own options")
    length: Length = NoLength()
    models: dict[str, LearnedReward] = Field(
        default_factory=dict, description="name = reward model: learned rewards beside the rule, or where there is none"
    )
    control: Literal["none", "random", "format", "inverted", "majority"] = Field(
        "none", description="pay by a rule that says nothing about being right: for control arms (`train --controls`)"
    )


class ServerConfig(Section):
    """Where `rollout.engine = "server"` samples: any OpenAI-compatible server with /v1/completions."""

    url: str = Field("http://127.0.0.1:8000/v1", description="the server's address, /v1 included")
    model: str | None = Field(None, description="the name it serves the model by; none: the first that it lists")
    api_key_env: str | None = Field(
        None, description="the environment variable that holds the API key, if it wants one"
    )
    concurrency: int = Field(64, ge=1, description="requests under way at once")
    timeout: float = Field(600.0, gt=0, description="seconds that one completion may take")
    retries: int = Field(5, ge=0, description="times a lost connection, a 5xx or a 429 is tried again, with back-off")
    weights_folder: str | None = Field(
        None,
        description="a folder that the server sees under the same path: new weights go to a vLLM server through it, "
        "after each step; none: the server's weights are fixed, which is enough to evaluate",
    )


class VllmConfig(Section):
    """How `rollout.engine = "vllm"` sets up vLLM in this process."""

    memory: float = Field(0.4, gt=0, lt=1, description="share of the device's memory for vLLM (gpu_memory_utilization)")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="of vLLM's copy of the weights"
    )
    eager: bool = Field(True, description="no CUDA graphs: less memory and a quicker start, slower decoding")


DRAWN_AFTER = {"dynamic": "none", "pools": "none", "curriculum": "none", "group_sizes": "same", "replay": "none"}
"""What chooses a step's prompts by the steps before it, and the kind that does not."""


class RolloutConfig(Section):
    prompts_per_step: int = Field(6, ge=1, description="groups sampled per step (P)")
    group_size: int = Field(8, ge=2, description="completions per prompt (G)")
    temperature: float = Field(1.0, gt=0, description="sampling temperature, used for the log-probabilities too")
    top_p: float = Field(1.0, description="must stay 1 in training: truncated sampling biases the importance ratio")
    top_k: int = Field(0, description="must stay 0 in training, for the same reason")
    max_new_tokens: int = Field(64, ge=1, description="longest completion, tokens")
    max_prompt_tokens: int = Field(1024, ge=1, description="longest prompt, tokens; a longer one is an error")
    stop: tuple[str, ...] = Field((), description="strings that end a completion")
    batch_size: int = Field(64, ge=1, description="rows decoded together")
    engine: Literal["torch", "server", "vllm"] = Field(
        "torch", description="what samples: this process, an OpenAI-compatible server, or vLLM in this process"
    )
    server: ServerConfig = ServerConfig()
    vllm: VllmConfig = VllmConfig()
    max_lag: int = Field(
        0,
        ge=0,
        description="updates that sampling may lag behind: N batches are sampled while the policy learns (0: none)",
    )
    retries: int = Field(1, ge=0, description="times a group with a VOID member is sampled again before it is dropped")
    void_budget: float = Field(
        0.02, ge=0, le=1, description="share of VOID verdicts (after the first 50) that stops the run"
    )
    judge_workers: int = Field(
        0, ge=0, description="worker processes that judge; 0 judges in this process when the verifier is safe there"
    )
    judge_timeout: float = Field(10.0, gt=0, description="seconds per verdict before its worker is killed")

    dynamic: DynamicSampling = NoDynamic()
    pools: DifficultyPools = NoPools()
    curriculum: Levels = NoCurriculum()
    group_sizes: GroupSizes = SameSize()
    replay: Replayed = NoReplay()

    @model_validator(mode="after")
    def _budget_in_reach(self) -> RolloutConfig:
        if isinstance(self.group_sizes, SizeByDifficulty):
            least, most = self.group_sizes.least, self.group_sizes.most
            if not least <= self.group_size <= most:
                raise ValueError(
                    f"group_size must lie between group_sizes.least = {least} and group_sizes.most = {most}: "
                    f"a step samples prompts_per_step x group_size completions in all"
                )
        waits = [name for name, off in DRAWN_AFTER.items() if getattr(self, name).kind != off]
        if self.max_lag and waits:
            raise ValueError(
                f"max_lag above 0 samples a step before the one before it is learnt from, and {', '.join(waits)} "
                f"must know what came of that one: max_lag = 0 would be right"
            )
        return self

    @model_validator(mode="after")
    def _untruncated(self) -> RolloutConfig:
        if self.top_p != 1.0 or self.top_k != 0:
            raise ValueError(
                "top_p must be 1 and top_k 0 in training: the log-probabilities would be those of a truncated distribution"
            )
        return self


class EvaluateConfig(Section):
    problems: int = Field(64, ge=1, description="held-out tasks")
    samples: int = Field(4, ge=1, description="completions per task, at `temperature`")
    temperature: float = Field(1.0, gt=0, description="sampling temperature of those completions")
    top_p: float = Field(1.0, gt=0, le=1, description="keep the likeliest tokens of this share; 1 keeps all")
    greedy: bool = Field(True, description="one greedy completion per task as well")
    k: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 4), description="the k of pass@k and maj@k; at most `samples`"
    )
    oracle: str | None = Field(
        None,
        description="a verifier (a name, or my_file.py:function) that judges the samples too and never pays: what alarms hold "
        "the reward against; none: the tasks' own",
    )

    @model_validator(mode="after")
    def _enough_samples(self) -> EvaluateConfig:
        if max(self.k, default=1) > self.samples:
            raise ValueError(f"pass@{max(self.k)} needs that many samples a problem: raise samples from {self.samples}")
        return self


class AuditConfig(Section):
    level: Literal["off", "quick", "full"] = Field(
        "quick", description="audit of the verifier before training, when no certificate matches"
    )
    accepted_risks: dict[str, str] = Field(
        default_factory=dict, description="holes to train with all the same: name = reason; every report shows them"
    )


class SandboxConfig(Section):
    unsafe: bool = Field(
        False, description="run programs without isolation where this machine gives none; every report then says so"
    )


class BaseGateConfig(Section):
    """The gate before RL: what the untrained policy must show (pipeline/base_gate); rules of thumb, and a note by default."""

    action: Literal["off", "note", "stop"] = Field(
        "note",
        description="what `assay train` does when a threshold is not met: nothing, say so, or stop before step 1",
    )
    pass_at_1: float = Field(0.02, ge=0, le=1, description="least pass@1 before training")
    pass_at_k: float = Field(0.10, ge=0, le=1, description="least pass@k, at all the samples of an evaluation")
    spread: float = Field(0.10, ge=0, le=1, description="least share of groups with right and wrong answers both")
    format_rate: float = Field(0.30, ge=0, le=1, description="least share of answers that can be read")
    too_easy: float = Field(0.95, ge=0, le=1, description="pass@1 above which there is nothing left to learn")


class TrackConfig(Section):
    to: tuple[Literal["wandb", "trackio", "tensorboard", "mlflow"], ...] = Field(
        (), description="trackers to log to besides metrics.jsonl"
    )
    project: str = Field("assay", description="the trackers' name for what belongs together")


class RunConfig(Section):
    """A training run."""

    seed: int = Field(0, ge=0, description="the one seed; every random stream is derived from it")
    name: str = Field("run", description="names the run's folder and its rows in trackers")
    model: ModelConfig = ModelConfig()
    tasks: TasksConfig = TasksConfig()
    reward: RewardConfig = RewardConfig()
    rollout: RolloutConfig = RolloutConfig()
    learn: LearnConfig = LearnConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    audit: AuditConfig = AuditConfig()
    gate: BaseGateConfig = BaseGateConfig()
    alarms: AlarmsConfig = AlarmsConfig()
    second_opinion: SecondOpinionConfig = SecondOpinionConfig()
    sandbox: SandboxConfig = SandboxConfig()
    track: TrackConfig = TrackConfig()

    @model_validator(mode="after")
    def _penalty_in_reach(self) -> RunConfig:
        length = self.reward.length
        if isinstance(length, Overlong) and length.cache is not None:
            longest = length.longest or self.rollout.max_new_tokens
            if length.cache > longest:
                raise ValueError(
                    f"reward.length.cache must be at most {longest}, the tokens at which the penalty is whole"
                )
        return self

    @model_validator(mode="after")
    def _blind_control(self) -> RunConfig:
        how = self.learn.advantage
        if self.reward.control != "none" and isinstance(how, GrpoAdvantage) and how.process:
            raise ValueError(
                "learn.advantage.process spreads a reward over the steps that were checked, which would tell a control "
                "arm what is right: process = false would be right beside reward.control"
            )
        return self

    @model_validator(mode="after")
    def _corrected_lag(self) -> RunConfig:
        if self.rollout.max_lag and self.learn.correction.kind == "none":
            raise ValueError(
                "rollout.max_lag above 0 samples with older weights than those that learn: "
                'learn.correction.kind = "truncate" or "mask" would be right'
            )
        return self


def load_config(
    files: Iterable[Path] = (),
    overrides: Iterable[str] | Mapping[str, Json] = (),
    base: dict[str, Json] | None = None,
) -> RunConfig:
    """The run's configuration from its layers. Raises ConfigError."""
    return validate(RunConfig, layers(files, overrides, base))


def layers(
    files: Iterable[Path] = (),
    overrides: Iterable[str] | Mapping[str, Json] = (),
    base: dict[str, Json] | None = None,
) -> Layered:
    # `--set verifier=...` is what people type; the key lives in [tasks]
    if isinstance(overrides, Mapping):
        spelled: Iterable[str] | Mapping[str, Json] = {
            "tasks.verifier" if key == "verifier" else key: value for key, value in overrides.items()
        }
    else:
        spelled = [f"tasks.{each}" if each.startswith("verifier=") else each for each in overrides]
    return merge(files, spelled, base, RunConfig)
