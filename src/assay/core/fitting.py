"""The schemas of what is fitted to data that is there already: imitation, preferences, reward models, distillation.

They share how many steps are made, how large and how fast (`FitConfig`). A choice between formulas is a discriminated
union as in `[learn]`: `kind` names it, and only its own numbers stand beside it. The formulas, with paper and equation,
are in learn/{sft,preference,reward_model,distill}.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assay.core.learning import OptimiserConfig
from assay.core.section import Section


class FitConfig(Section):
    """Minibatches of examples, one optimiser step each."""

    steps: int | None = Field(
        None, ge=1, description="optimiser steps, each on a draw of its own; none: `epochs` says how many"
    )
    epochs: float = Field(1.0, gt=0, description="passes over the examples, each in an order of its own")
    batch_size: int = Field(32, ge=1, description="examples (for preferences: pairs) per step")
    learning_rate: float = Field(1e-5, gt=0, description="the optimiser's, after the warm-up")
    schedule: Literal["constant", "cosine"] = Field("cosine", description="after the warm-up; cosine ends at a tenth")
    warmup_steps: int = Field(0, ge=0, description="steps of linear warm-up")
    row_tokens: int = Field(
        8192, ge=1, description="tokens per packed row, which is one forward pass; lower it to save memory"
    )
    max_tokens: int | None = Field(
        None, ge=2, description="longest example, prompt included; longer ones are left out and counted"
    )
    gradient_checkpointing: bool = Field(
        False, description="compute activations again in the backward pass instead of keeping them"
    )
    optimiser: OptimiserConfig = OptimiserConfig(betas=(0.9, 0.999))
    validate_every: int = Field(
        0, ge=0, description="validate every N steps besides before and after, where there is something to validate on"
    )
    patience: int = Field(
        0,
        ge=0,
        description="stop after this many validations without a new lowest loss, and take the weights of the lowest; 0: never",
    )
    save_every: int = Field(0, ge=0, description="save the state every N steps, to go on from after a kill; 0: never")


class SftConfig(FitConfig):
    """Imitation of worked answers, the loss on the answers' tokens only."""

    learning_rate: float = Field(3e-3, gt=0, description="the optimiser's, after the warm-up")
    warmup_steps: int = Field(10, ge=0, description="steps of linear warm-up")
    target_loss: float | None = Field(
        None, description="stop early once the mean of the last ten losses is no higher, nats a token"
    )


class Dpo(Section):
    """-log sigmoid(beta delta) of the policy's log-ratio to its reference (DPO, arXiv 2305.18290)."""

    kind: Literal["dpo"] = "dpo"
    beta: float = Field(0.1, gt=0, description="how strongly the reference holds: a reward is beta x log-ratio")
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="share of labels taken to be wrong (conservative DPO); 0: none"
    )


class RobustDpo(Section):
    """DPO with its expectation over flipped labels taken back out (arXiv 2403.00409)."""

    kind: Literal["robust"] = "robust"
    beta: float = Field(0.1, gt=0, description="as DPO's")
    label_smoothing: float = Field(0.1, gt=0, lt=0.5, description="share of labels that are wrong")


class Ipo(Section):
    """(delta - 1 / (2 beta))^2 of log-ratios per token (IPO, arXiv 2310.12036)."""

    kind: Literal["ipo"] = "ipo"
    beta: float = Field(0.1, gt=0, description="the paper's tau")


class Hinge(Section):
    """max(0, 1 - beta delta) (SLiC, arXiv 2305.10425)."""

    kind: Literal["hinge"] = "hinge"
    beta: float = Field(0.1, gt=0, description="inverse of the margin wanted")


class SimPo(Section):
    """-log sigmoid(beta (mean log p of chosen - of rejected) - gamma), without a reference (SimPO, arXiv 2405.14734)."""

    kind: Literal["simpo"] = "simpo"
    beta: float = Field(2.0, gt=0, description="scale of the mean log-probabilities")
    gamma: float = Field(1.0, ge=0, description="margin wanted")
    label_smoothing: float = Field(0.0, ge=0, lt=0.5, description="share of labels taken to be wrong")


class Kto(Section):
    """Each answer by itself, good or bad, against a zero that is the policy's mean log-ratio (KTO, arXiv 2402.01306)."""

    kind: Literal["kto"] = "kto"
    beta: float = Field(0.1, gt=0, description="as DPO's")
    good: float = Field(1.0, gt=0, description="weight of the good answers")
    bad: float = Field(1.0, gt=0, description="weight of the bad ones")


PreferenceLoss = Annotated[Dpo | RobustDpo | Ipo | Hinge | SimPo | Kto, Field(discriminator="kind")]


class PreferenceConfig(FitConfig):
    """A policy from pairs of answers, without a reward model between."""

    batch_size: int = Field(16, ge=1, description="pairs per step")
    learning_rate: float = Field(5e-6, gt=0, description="the optimiser's, after the warm-up")
    loss: PreferenceLoss = Dpo()
    imitation: float = Field(
        0.0, ge=0, description="weight of the mean negative log-likelihood of the chosen answer's tokens, added"
    )


class Pairwise(Section):
    """-log sigmoid(r(chosen) - r(rejected)) at the answer's last token (Bradley-Terry)."""

    kind: Literal["pairwise"] = "pairwise"
    centre: float = Field(
        0.0, ge=0, description="weight of (r(chosen) + r(rejected))^2, which keeps the rewards around zero"
    )


class OutcomeLabels(Section):
    """Cross-entropy of the outcome: a verifier that is learned (GSM8K, arXiv 2110.14168)."""

    kind: Literal["outcome"] = "outcome"
    place: Literal["last", "every"] = Field("last", description="at the answer's last token, or at every one of them")


class StepLabels(Section):
    """Cross-entropy at the last token of each step (arXiv 2305.20050; from roll-ins: arXiv 2312.08935)."""

    kind: Literal["steps"] = "steps"
    label: Literal["soft", "hard"] = Field(
        "soft", description="from roll-ins: the share that came out right, or whether one did"
    )


class RewardModelConfig(FitConfig):
    """A transformer with one number for a head, started from the policy's weights."""

    batch_size: int = Field(32, ge=1, description="examples per step: pairs, answers")
    learning_rate: float = Field(1e-5, gt=0, description="the optimiser's, after the warm-up")
    objective: Annotated[Pairwise | OutcomeLabels | StepLabels, Field(discriminator="kind")] = Pairwise()


class DistillConfig(FitConfig):
    """A student that samples, and is moved towards its teacher at every token it sampled."""

    batch_size: int = Field(16, ge=1, description="prompts per step")
    learning_rate: float = Field(1e-4, gt=0, description="the optimiser's, after the warm-up")
    group_size: int = Field(4, ge=1, description="completions of the student per prompt")
    temperature: float = Field(1.0, gt=0, description="of the student's samples; the divergence is taken at the same")
    max_new_tokens: int = Field(64, ge=1, description="longest completion, tokens")
    divergence: Literal["reverse", "forward"] = Field(
        "reverse", description="KL(student, teacher), which seeks the teacher's modes, or KL(teacher, student)"
    )
