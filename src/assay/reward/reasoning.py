"""The rewards of DeepSeek-R1's two RL stages, gated: accuracy, form and language; and, at the end, learned preferences.

R1 (arXiv 2501.12948 v2) adds accuracy and format with equal weight (equation 4), language consistency to both (equation 7), and
in its last stage a reward model's score with format for general prompts (equations 8 to 10). Departures: form and language
pay behind a PASS only, so that no wrong answer earns by them; what a general prompt pays is the sum of its reward models'
scores, each between 0 and 1 and times its own scale.

A learned preference can be hacked, which no audit of this rule could rule out: `r1_final` says so itself (`holes`), and a run
with it is refused until audit.accepted_risks.r1_final gives a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.core.errors import ConfigError
from assay.core.types import Json, Reward, Verdict
from assay.reward.rule import Parts, RewardRule, holes

PREFERENCE = "preference"
"""The verifier that speaks for reward models; its evidence holds `{name: {"score": 0..1, "scale": ...}}` under this name."""


@dataclass(frozen=True, slots=True)
class Reasoning:
    """1 for PASS; behind it `format` for the form, and `language` times the share of its words in `wanted`."""

    wanted: str
    format: float
    language: float
    grammar: str
    pays_preferences: bool = False

    @property
    def name(self) -> str:
        return "r1_final" if self.pays_preferences else "r1_reasoning"

    @property
    def parts(self) -> Parts:
        found: dict[str, tuple[str, Json]] = {"language": ("language", {"language": self.wanted})}
        if self.format:
            found["format"] = ("format", {"grammar": self.grammar})
        return found

    @property
    def holes(self) -> tuple[str, ...]:
        own = holes(self)
        if self.pays_preferences:
            own += (
                "r1_final pays general prompts what learned reward models say, and nothing checks that what they like is right",
            )
        return own

    def reward(self, verdict: Verdict, parts: Mapping[str, Verdict]) -> Reward:
        if verdict.is_void or any(parts[name].is_void for name in self.parts):
            return Reward(0.0, {}, is_void=True)
        language = self.language * parts["language"].score
        if verdict.verifier.startswith(f"{PREFERENCE}@"):
            paid = self._preferred(verdict) | {"language": language}
            return Reward(sum(paid.values()), paid)
        paid = {"outcome": 0.0, "language": 0.0}
        if verdict.is_pass:
            paid = {"outcome": 1.0, "language": language}
        if self.format:
            paid["format"] = self.format if verdict.is_pass and parts["format"].is_pass else 0.0
        return Reward(sum(paid.values()), paid)

    def _preferred(self, verdict: Verdict) -> dict[str, float]:
        """What each reward model pays; without a rule for it, a general prompt pays nothing."""
        if not self.pays_preferences:
            return {}
        said = verdict.evidence.get(PREFERENCE, {})
        return {name: float(each["score"]) * float(each["scale"]) for name, each in said.items()}


def r1_reasoning(
    format: float = 0.1, language_bonus: float = 0.1, language: str = "en", think: float = 0
) -> RewardRule:
    """1 for PASS; up to `format` more for its form and `language_bonus` for its words in `language`; else nothing."""
    return _reasoning(format, language_bonus, language, think)


def r1_final(format: float = 0.1, language_bonus: float = 0.1, language: str = "en", think: float = 0) -> RewardRule:
    """`r1_reasoning` for checkable prompts; for general ones the reward models' scores, each with its scale, and language."""
    return _reasoning(format, language_bonus, language, think, pays_preferences=True)


def _reasoning(
    form: float, language_bonus: float, language: str, think: float, pays_preferences: bool = False
) -> RewardRule:
    for key, value in (("format", form), ("language_bonus", language_bonus)):
        if not 0 <= value < 1:
            raise ConfigError(f"reward.options.{key}: a number from 0 to below 1 would be right, not {value}")
    if not (len(language) == 2 and language.isascii() and language.isalpha() and language.islower()):
        raise ConfigError(f'reward.options.language: an ISO 639-1 code such as "en" would be right, not {language!r}')
    return Reasoning(language, form, language_bonus, "think_answer" if think else "boxed", pays_preferences)
