"""The verifier that speaks for reward models: what general prompts are judged by in the last RL stage.

The truth is {name: {"model": folder, "scale": ..., "scope": "answer" | "whole"}}. Every answer is a PASS, since nothing here can
be right or wrong; what it is worth stands in the evidence, for the rule `r1_final` alone to pay: each model's share of 0 to
1 (the chance to be preferred to a middling answer, model/score) with its scale. A reward that is not finite is VOID. Scope `answer` is the text behind the reasoning (R1 lets the
helpful model read the summary alone, and the harmless one everything: arXiv 2501.12948 v2, section 2.3.4).

It is no verifier to trust: what a learned preference likes can be learnt too. The audit says so (`r1_final`'s hole).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assay.core.errors import TruthError
from assay.core.types import Finding, Json, Message, Outcome, Reason
from assay.reward.reasoning import PREFERENCE
from assay.verify.base import voided

LOAD_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Voice:
    """One reward model's say."""

    name: str
    model: str
    scale: float
    scope: str


class PreferenceVerifier:
    name = PREFERENCE
    version = "1"

    def read(self, truth: Json) -> tuple[Voice, ...]:
        if not isinstance(truth, dict) or not truth:
            raise TruthError(
                'preference: {"helpful": {"model": folder, "scale": 0.5, "scope": "whole"}} would be right'
            )
        voices = []
        for name, each in truth.items():
            if not isinstance(each, dict) or not isinstance(each.get("model"), str):
                raise TruthError(f"preference: {name}: no model is named")
            scope = each.get("scope", "whole")
            if scope not in ("answer", "whole"):
                raise TruthError(f"preference: {name}.scope: answer or whole would be right, not {scope!r}")
            voices.append(Voice(name, each["model"], float(each.get("scale", 1.0)), scope))
        return tuple(voices)

    def seconds_needed(self, truth: tuple[Voice, ...]) -> float:
        """The first case of a worker loads the models."""
        return LOAD_SECONDS

    def check(self, truth: tuple[Voice, ...], response: str, prompt: str = "") -> Finding:
        found: dict[str, Json] = {}
        for voice in truth:
            text = answer_of(response) if voice.scope == "answer" else response
            score = scorer(voice.model)((Message("user", prompt),), text)
            if not math.isfinite(score):
                return voided(Reason.NOT_FINITE, error=f"{voice.name} says {score}")
            found[voice.name] = {"score": round(score, 6), "scale": voice.scale}
        mean = sum(each["score"] for each in found.values()) / len(found)
        return Finding(Outcome.PASS, Reason.CORRECT, response[:200], {PREFERENCE: found}, mean)


def answer_of(response: str) -> str:
    """What stands behind the reasoning; all of it where there is none."""
    return response.rpartition("</think>")[2].strip() or response


@lru_cache(maxsize=4)
def scorer(folder: str) -> Any:
    """(prompt, answer) -> its share of 0 to 1, by the reward model in a folder, on the model's own scale."""
    import torch

    from assay.learn.reward_model import answer_scores
    from assay.model.score import read_reward_model

    torch.set_num_threads(1)  # one of several workers
    reward = read_reward_model(folder, "cpu")

    def score(prompt: tuple[Message, ...], answer: str) -> float:
        (raw,) = answer_scores(reward, [(prompt, answer)])
        return reward.preference(raw) if math.isfinite(raw) else raw

    return score
