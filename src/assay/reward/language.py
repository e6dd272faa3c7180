"""Language consistency as a part of the reward: the share of the reasoning's words in the language asked for.

DeepSeek-R1 (arXiv 2501.12948, section 2.3.2) adds the share to the accuracy reward outright. Departure: here the part is
gated by the answer, as every bonus in this house is by default, so that a wrong answer earns nothing by its language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.core.errors import ConfigError
from assay.core.types import Reward, Verdict
from assay.reward.rule import Parts, RewardRule, holes


@dataclass(frozen=True, slots=True)
class GatedLanguage:
    """1 for PASS, and `bonus` times the share of `language` more."""

    language: str
    bonus: float
    name: str = "gated_language"

    @property
    def parts(self) -> Parts:
        return {"language": ("language", {"language": self.language})}

    @property
    def holes(self) -> tuple[str, ...]:
        return holes(self)

    def reward(self, verdict: Verdict, parts: Mapping[str, Verdict]) -> Reward:
        language = parts["language"]
        if verdict.is_void or language.is_void:
            return Reward(0.0, {}, is_void=True)
        paid = {"outcome": 0.0, "language": 0.0}
        if verdict.is_pass:
            paid = {"outcome": 1.0, "language": self.bonus * language.score}
        return Reward(sum(paid.values()), paid)


def gated_language(bonus: float = 0.1, language: str = "en") -> RewardRule:
    """1 for PASS, and up to `bonus` more for the share of the reasoning's words in `language`; a wrong answer earns nothing."""
    if not 0 < bonus < 1:
        raise ConfigError(f"reward.options.bonus: a number between 0 and 1 would be right, not {bonus}")
    if not (len(language) == 2 and language.isascii() and language.isalpha() and language.islower()):
        raise ConfigError(f'reward.options.language: an ISO 639-1 code such as "en" would be right, not {language!r}')
    return GatedLanguage(language, bonus)
