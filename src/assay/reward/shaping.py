"""Shaping by length. It only takes away: no length earns anything, and a wrong answer never gains by one.

    overlong   weight x min(max(tokens - (longest - cache), 0), cache) / cache is taken off     DAPO, arXiv 2503.14476, Eq. 13
    cosine     a PASS keeps b + (a - b) (1 + cos(pi tokens / longest)) / 2 of its pay           Yeo et al., arXiv 2502.03373

Departures. Cosine: the paper also pays wrong answers by length (from -10 up to 0, so that a longer wrong answer earns more
than a shorter one) and -10 at the limit; ours leaves a wrong answer as it is, and scales what a right one earns within
(0, its pay], so that the shortest wrong answer never passes the longest right one. Overlong: the paper's rewards are 1 and
-1; under our rules' 1 and 0 a whole penalty of 1 makes a right answer at the limit worth a wrong short one (`weight`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from assay.core.config import RewardConfig
from assay.core.length import Cosine, Length, NoLength, Overlong
from assay.core.types import Reward, Verdict
from assay.reward.learned import learned
from assay.reward.rule import Parts, RewardRule, find_rule

CACHE_SHARE = 5  # DAPO: 4,096 of 20,480 tokens


def overlong_penalty(tokens: int, longest: int, cache: int) -> float:
    """0 up to `longest - cache` tokens, then falling in a line to -1 at `longest`, and -1 beyond.

    Raises ValueError unless 0 < cache <= longest.
    """
    if not 0 < cache <= longest:
        raise ValueError(f"the cache must lie between 1 and longest={longest}, not {cache}")
    over = tokens - (longest - cache)
    return -min(max(over, 0), cache) / cache


def cosine_share(tokens: int, longest: int, at_shortest: float, at_longest: float) -> float:
    """From `at_shortest` at no tokens to `at_longest` at `longest` and beyond, along half a cosine."""
    gone = min(max(tokens, 0), longest) / longest
    share = at_longest + 0.5 * (at_shortest - at_longest) * (1 + math.cos(math.pi * gone))
    return min(max(share, min(at_shortest, at_longest)), max(at_shortest, at_longest))  # a rounding must not pay


def shorten(reward: Reward, verdict: Verdict, tokens: int, length: Length, longest: int) -> Reward:
    """The reward with what its length takes off as a part of its own; a VOID reward stays as it is.

    `longest` stands where `length` names none.
    """
    if reward.is_void or isinstance(length, NoLength):
        return reward
    longest = length.longest or longest
    match length:
        case Overlong():
            part = length.weight * overlong_penalty(tokens, longest, length.cache or max(1, longest // CACHE_SHARE))
        case Cosine():
            share = cosine_share(tokens, longest, length.at_shortest, length.at_longest)
            part = -max(reward.total, 0.0) * (1 - share) if verdict.is_pass else 0.0
    return Reward(reward.total + part, {**reward.parts, length.kind: part})


@dataclass(frozen=True, slots=True)
class Shaped:
    """A rule with length control behind it. The audit sees the rule: what length does can only make it pay less."""

    rule: RewardRule
    length: Length
    longest: int

    @property
    def name(self) -> str:
        return self.rule.name

    @property
    def parts(self) -> Parts:
        return self.rule.parts

    @property
    def holes(self) -> tuple[str, ...]:
        return self.rule.holes

    def reward(self, verdict: Verdict, parts: Mapping[str, Verdict]) -> Reward:
        """What the rule pays before anything is known of the length."""
        return self.rule.reward(verdict, parts)


def rule_of(config: RewardConfig, max_new_tokens: int) -> RewardRule:
    """The configuration's rule with its reward models and its length control: what training and evaluation both pay by. Raises as `find_rule`."""
    rule = learned(find_rule(config.rule, config.options), config.models)
    return rule if isinstance(config.length, NoLength) else Shaped(rule, config.length, max_new_tokens)


def pay(rule: RewardRule, verdict: Verdict, parts: Mapping[str, Verdict], tokens: int) -> Reward:
    """What a completion of that many tokens earns: the one place where a length meets a reward."""
    reward = rule.reward(verdict, parts)
    return shorten(reward, verdict, tokens, rule.length, rule.longest) if isinstance(rule, Shaped) else reward
