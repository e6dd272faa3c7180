"""The schema of `[learn]`: which objective, which advantage, which weights, and how the optimiser steps.

Each choice between formulas is a discriminated union: `kind` names it, and only its own numbers stand beside it
(`--set learn.loss.kind=gspo`). The formulas, with paper and equation, are in learn/{advantage,objective,kl}; every
default's reason stands in docs/concepts/objectives.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from assay.core.section import Section


class GrpoAdvantage(Section):
    """(r - mean) / std of the group (DeepSeekMath, arXiv 2402.03300)."""

    kind: Literal["grpo"] = "grpo"
    std: Literal["population", "sample"] = Field(
        "population", description="which standard deviation; TRL, verl and OpenRLHF take the sample's (n - 1)"
    )
    each_part: bool = Field(False, description="normalise each part of the reward by itself, then add them")
    process: bool = Field(
        False,
        description="spread each reward over the steps that the verifier checked (arXiv 2402.03300, section 4.1.3)",
    )

    @model_validator(mode="after")
    def _one_of_two(self) -> GrpoAdvantage:
        if self.each_part and self.process:
            raise ValueError("each_part and process cannot be combined: the steps share one total")
        return self


class DrGrpoAdvantage(Section):
    """r - mean of the group (Dr. GRPO, arXiv 2503.20783)."""

    kind: Literal["dr_grpo"] = "dr_grpo"


class RlooAdvantage(Section):
    """r - mean of the group's others (RLOO, arXiv 2402.14740)."""

    kind: Literal["rloo"] = "rloo"


class ReinforcePlusPlusAdvantage(Section):
    """Returns whitened over the whole rollout batch (REINFORCE++, arXiv 2501.03262)."""

    kind: Literal["reinforce_pp"] = "reinforce_pp"
    baseline: Literal["none", "group"] = Field("none", description="take the group's mean off before whitening")


class CriticConfig(Section):
    """The value model of GAE: a transformer of its own with one number for a head."""

    init: str = Field("policy", description="`policy`, or a reward model's folder or hub name, to start from")
    learning_rate: float = Field(1e-5, gt=0, description="AdamW's, for the critic")
    value_clip: float | None = Field(
        0.2, gt=0, description="largest move of a value per rollout batch; none: unclipped"
    )
    warmup_steps: int = Field(0, ge=0, description="first steps in which only the critic learns")


class GaeAdvantage(Section):
    """Token-level advantages from a learned critic (PPO; GAE, arXiv 1506.02438)."""

    kind: Literal["gae"] = "gae"
    gamma: float = Field(1.0, gt=0, le=1, description="discount per token")
    lam: float = Field(1.0, ge=0, le=1, description="GAE's lambda; R1's A.3 found 0.95 much worse than 1 on maths")
    whiten: bool = Field(True, description="zero mean and unit deviation over the rollout batch's tokens")
    critic: CriticConfig = CriticConfig()


class PpoClip(Section):
    """min(r A, clip(r) A) per token (PPO, arXiv 1707.06347)."""

    kind: Literal["ppo_clip"] = "ppo_clip"
    clip_low: float = Field(0.2, ge=0, lt=1, description="clip range below 1")
    clip_high: float = Field(0.28, ge=0, description="clip range above 1 (clip-higher: DAPO, arXiv 2503.14476)")
    dual_clip: float | None = Field(
        None, gt=1, description="for a negative advantage the loss is at most this many times it (arXiv 1912.09729)"
    )


class Gspo(Section):
    """The clipped surrogate with one ratio per sequence (GSPO, arXiv 2507.18071)."""

    kind: Literal["gspo"] = "gspo"
    clip_low: float = Field(3e-4, ge=0, lt=1, description="clip range below 1 (section 5.1)")
    clip_high: float = Field(4e-4, ge=0, description="clip range above 1 (section 5.1)")


class Cispo(Section):
    """-stop_gradient(clip(r)) A log p per token (CISPO, MiniMax-M1, arXiv 2506.13585)."""

    kind: Literal["cispo"] = "cispo"
    min_ratio: float = Field(0.0, ge=0, le=1, description="lowest weight of a token (the paper sets no lower bound)")
    max_ratio: float = Field(5.0, ge=1, description="highest weight of a token (5: ScaleRL, arXiv 2510.13786)")


class PolicyGradient(Section):
    """-A log p per token (REINFORCE): exact for one update per rollout batch, without a trust region after it."""

    kind: Literal["policy_gradient"] = "policy_gradient"


class TokenMean(Section):
    """Each token of the rollout batch weighs the same (DAPO)."""

    kind: Literal["token_mean"] = "token_mean"


class SequenceMean(Section):
    """Each completion weighs the same: the mean of its tokens (GRPO as first published)."""

    kind: Literal["sequence_mean"] = "sequence_mean"


class ConstantLength(Section):
    """The sum of a completion's tokens over a constant (Dr. GRPO)."""

    kind: Literal["constant"] = "constant"
    length: int | None = Field(None, ge=1, description="the constant; none: rollout.max_new_tokens")


class KlConfig(Section):
    """The pull towards the reference."""

    coefficient: float = Field(0.0, ge=0, description="weight of the KL term; 0 turns it off, and no reference is kept")
    estimator: Literal["k1", "k2", "k3"] = Field("k3", description="the sample estimate of KL(policy || reference)")
    place: Literal["loss", "reward"] = Field(
        "loss", description="a term of the loss, or taken off the reward before the advantage"
    )
    target: float | None = Field(
        None, gt=0, description="adapt the coefficient to hold this KL per completion, nats (arXiv 1909.08593)"
    )
    horizon: float = Field(10_000, gt=0, description="completions over which an adaptive coefficient moves")
    reset_every: int = Field(
        0, ge=0, description="make the policy its own reference every N steps (R1-Zero: 400); 0: never"
    )

    @model_validator(mode="after")
    def _something_to_adapt(self) -> KlConfig:
        if self.coefficient == 0 and (self.target is not None or self.reset_every):
            raise ValueError("target and reset_every need a KL term: set coefficient above 0")
        if self.estimator == "k1" and self.place == "loss":
            raise ValueError(
                "k1 in the loss has a gradient of zero on average and holds nothing: "
                'estimator = "k2" or "k3", or place = "reward", would be right'
            )
        return self


class NoCorrection(Section):
    """The engine that sampled gives the log-probs that training would (checked every step)."""

    kind: Literal["none"] = "none"


class TruncateCorrection(Section):
    """Weigh each loss by min(p_train / p_sampled, cap) (truncated importance sampling)."""

    kind: Literal["truncate"] = "truncate"
    cap: float = Field(2.0, ge=1, description="highest weight")
    level: Literal["token", "sequence"] = Field("token", description="a ratio per token, or their product")


class MaskCorrection(Section):
    """Leave out what lies outside [low, high] in p_train / p_sampled, and weigh the rest by it (IcePop)."""

    kind: Literal["mask"] = "mask"
    low: float = Field(0.5, ge=0, le=1, description="lowest ratio kept")
    high: float = Field(2.0, ge=1, description="highest ratio kept")
    level: Literal["token", "sequence"] = Field("token", description="a ratio per token, or their product")


class OptimiserConfig(Section):
    kind: Literal["adamw", "adamw_8bit", "paged_adamw_8bit"] = Field(
        "adamw", description="the last two are bitsandbytes', for accelerators"
    )
    betas: tuple[float, float] = Field((0.9, 0.99), description="decay rates of the two moments")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay")
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are scaled down to this norm")


class NoCollapseStop(Section):
    """A run goes on to its last step whatever becomes of it."""

    kind: Literal["none"] = "none"


class CollapseStop(Section):
    """Stop a run whose metrics show a collapse (measure/collapse says by which signs)."""

    kind: Literal["stop"] = "stop"
    window: int = Field(10, ge=3, description="steps of each mean; nothing is looked for in the first two windows")
    share: float = Field(0.5, gt=0, lt=1, description="share of its best mean under which the pass rate has collapsed")
    entropy_ratio: float | None = Field(
        2.0,
        gt=1,
        description="rise of the entropy, without one of the pass rate, that is a collapse; none: not looked at",
    )


Advantage = Annotated[
    GrpoAdvantage | DrGrpoAdvantage | RlooAdvantage | ReinforcePlusPlusAdvantage | GaeAdvantage,
    Field(discriminator="kind"),
]
Loss = Annotated[PpoClip | Gspo | Cispo | PolicyGradient, Field(discriminator="kind")]
Aggregation = Annotated[TokenMean | SequenceMean | ConstantLength, Field(discriminator="kind")]
Collapse = Annotated[NoCollapseStop | CollapseStop, Field(discriminator="kind")]
Correction = Annotated[NoCorrection | TruncateCorrection | MaskCorrection, Field(discriminator="kind")]


METHODS = {
    "grpo": "GRPO",
    "dr_grpo": "Dr. GRPO",
    "rloo": "RLOO",
    "reinforce_pp": "REINFORCE++",
    "gae": "PPO with a critic",
    "ppo_clip": "clip",
    "gspo": "GSPO, clip",
    "cispo": "CISPO",
    "policy_gradient": "policy gradient",
}


class LearnConfig(Section):
    steps: int = Field(16, ge=1, description="rollout steps")
    learning_rate: float = Field(1e-5, gt=0, description="the optimiser's, after the warm-up")
    schedule: Literal["constant", "cosine"] = Field("constant", description="of the learning rate after the warm-up")
    warmup_steps: int = Field(0, ge=0, description="steps of linear warm-up")
    minibatches: int = Field(1, ge=1, description="optimiser updates per pass over a rollout batch")
    epochs: int = Field(1, ge=1, description="passes over each rollout batch")
    parallel: Literal["ddp", "fsdp2"] = Field(
        "ddp",
        description="how torchrun's processes hold the model: a whole copy each, or weights and optimiser sharded",
    )
    microbatch_tokens: int = Field(
        4096, ge=1, description="tokens per forward pass (gradient accumulation); lower it to save memory"
    )
    gradient_checkpointing: bool = Field(
        False, description="compute activations again in the backward pass instead of keeping them"
    )
    advantage: Advantage = GrpoAdvantage()
    loss: Loss = PpoClip()
    aggregation: Aggregation = TokenMean()
    kl: KlConfig = KlConfig()
    correction: Correction = NoCorrection()
    optimiser: OptimiserConfig = OptimiserConfig()
    entropy_coefficient: float = Field(0.0, ge=0, description="weight of an entropy bonus, per token")
    mask_truncated: bool = Field(
        False, description="leave completions cut at max_new_tokens out of the loss (DAPO's overlong filtering)"
    )
    collapse: Collapse = CollapseStop()
    eval_every: int = Field(0, ge=0, description="evaluate on held-out tasks every N steps; 0: only before and after")
    save_every: int = Field(0, ge=0, description="checkpoint every N steps; 0: only the last one")
    keep_last: int = Field(2, ge=1, description="checkpoints kept, the best one aside")
    logprob_tolerance: float = Field(
        1e-4, gt=0, description="largest mean difference between sampled and training log-probs on a CPU, nats"
    )
