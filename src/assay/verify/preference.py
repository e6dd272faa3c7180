"""What learned reward models say of an answer where no rule can: a verdict that training makes, and no worker.

The truth is {name: {"model": folder, "scale": ..., "scope": "whole" | "answer"}}, or nothing where the run's `[reward.models]`
says it. Every answer is a PASS, since nothing here can be right or wrong; its score is the models' mean share of 0 to 1 and
its evidence holds each one's. A number that is not finite is VOID.

Reward models are heavy and belong beside the policy: `rollout/preferred` judges these requests in batches, in the process that
trains or evaluates. In a worker, which holds no model, they are VOID: nothing pays by mistake.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assay.core.errors import TruthError
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.base import voided

NAME = "preference"
SCOPES = ("whole", "answer")


class Voice(NamedTuple):
    """One reward model's say: `scale` is what a rule may pay for a score of 1, `scope` what the model reads."""

    name: str
    model: str
    scale: float
    scope: str


class PreferenceVerifier:
    name = NAME
    version = "1"

    def read(self, truth: Json) -> tuple[Voice, ...]:
        return voices_of(truth)

    def check(self, truth: tuple[Voice, ...], response: str, prompt: str = "") -> Finding:
        return voided(
            Reason.VERIFIER_ERROR, error="reward models judge where a policy trains or is evaluated, not here"
        )


def voices_of(truth: Json) -> tuple[Voice, ...]:
    """Raises TruthError."""
    if truth in (None, "", {}):
        return ()
    if not isinstance(truth, Mapping):
        raise TruthError('preference: {"helpful": {"model": folder, "scale": 0.5, "scope": "whole"}} would be right')
    voices = []
    for name, each in truth.items():
        if not isinstance(each, Mapping) or not isinstance(each.get("model"), str):
            raise TruthError(f"preference: {name}: no model is named")
        scale, scope = each.get("scale", 1.0), each.get("scope", "whole")
        if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 0 < scale <= 1:
            raise TruthError(f"preference: {name}.scale: a number above 0 and up to 1 would be right, not {scale!r}")
        if scope not in SCOPES:
            raise TruthError(f"preference: {name}.scope: {' or '.join(SCOPES)} would be right, not {scope!r}")
        voices.append(Voice(str(name), each["model"], float(scale), scope))
    return tuple(voices)


def read_by(scope: str, response: str) -> str:
    """The part of a response that a model with this scope reads: all, or what stands behind the reasoning."""
    return response.rpartition("</think>")[2].strip() or response if scope == "answer" else response


def finding(voices: Sequence[Voice], shares: Sequence[float], response: str) -> Finding:
    """What the models' shares of 0 to 1 come to."""
    if not voices:
        return voided(Reason.BAD_TRUTH, error="no reward model is named, in the truth or in [reward.models]")
    for voice, share in zip(voices, shares, strict=True):
        if not math.isfinite(share):
            return voided(Reason.NOT_FINITE, error=f"{voice.name} says {share}")
    said = {voice.name: {"score": share, "scale": voice.scale} for voice, share in zip(voices, shares, strict=True)}
    return Finding(Outcome.PASS, Reason.CORRECT, response[:200], {NAME: said}, sum(shares) / len(shares))
