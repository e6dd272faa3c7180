"""Learned reward models in a rule: what they may add where a rule judges, and what they pay where none does (RLHF).

Where a task has a rule, a model's part is its share of 0 to 1 times its scale, behind a PASS; with `needs_pass = false` wrong
answers earn it too, and the scales must then sum to less than the lowest PASS, which no wrong answer may reach. Where a task
has none (its verifier is `preference`), the models are all that is paid. A model that cannot be asked voids the completion.

A learned preference can be hacked, which no audit could rule out: the rule says so itself (`holes`), and a run is refused
until audit.accepted_risks.learned_reward gives a reason. What holds the policy is `[learn.kl]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.core.config import LearnedReward
from assay.core.errors import ConfigError
from assay.core.types import Json, Reward, Verdict
from assay.reward.rule import Parts, RewardRule, table

PREFERENCE = "preference"
"""The verifier that speaks for reward models."""

LEARNED = "learned_reward"
"""The risk that a run with reward models must accept by name."""

HOLE = "{names}: a learned reward pays what its model likes, and nothing checks that what it likes is right"


@dataclass(frozen=True, slots=True)
class Learned:
    """A rule with reward models beside it, by the names of their parts."""

    rule: RewardRule
    models: Mapping[str, LearnedReward]
    name: str = LEARNED

    @property
    def parts(self) -> Parts:
        return {**self.rule.parts, **{name: (PREFERENCE, {name: spoken(each)}) for name, each in self.models.items()}}

    @property
    def holes(self) -> tuple[str, ...]:
        return (*self.rule.holes, HOLE.format(names=", ".join(self.models)))

    def reward(self, verdict: Verdict, parts: Mapping[str, Verdict]) -> Reward:
        said = {name: parts[name] for name in self.models}
        if verdict.is_void or any(each.is_void for each in said.values()):
            return Reward(0.0, {}, is_void=True)
        if verdict.verifier.startswith(f"{PREFERENCE}@"):
            own = verdict.evidence.get(PREFERENCE, {})
            paid = {name: float(each["score"]) * float(each["scale"]) for name, each in own.items()}
            return Reward(sum(paid.values()), paid)
        base = self.rule.reward(verdict, parts)
        if base.is_void:
            return base
        paid = {
            name: each.scale * said[name].score if verdict.is_pass or not each.needs_pass else 0.0
            for name, each in self.models.items()
        }
        return Reward(base.total + sum(paid.values()), {**base.parts, **paid})


def learned(rule: RewardRule, models: Mapping[str, LearnedReward]) -> RewardRule:
    """The rule with its reward models, itself where there are none. Raises ConfigError where a wrong answer could reach a
    right one, or a model has a part's name."""
    if not models:
        return rule
    taken = {"outcome", *rule.parts} & models.keys()
    if taken:
        raise ConfigError(
            f"reward.models.{min(taken)}: the rule {rule.name} has a part of that name; another would be right"
        )
    open_to_all = sum(each.scale for each in models.values() if not each.needs_pass)
    lowest = min((pay for pay in table(rule)[:2] if pay > 0), default=0.0)
    if open_to_all and open_to_all >= lowest:
        raise ConfigError(
            f"reward.models: with needs_pass = false a wrong answer could earn {open_to_all:g}, and the lowest PASS of the rule "
            f"{rule.name} is {lowest:g}: scales that sum to less would be right"
        )
    return Learned(rule, dict(models))


def spoken(model: LearnedReward) -> Json:
    """As the truth of `preference` has it."""
    return {"model": model.model, "scale": model.scale, "scope": model.scope}


def models_of(rule: RewardRule) -> Json:
    """The truth for tasks that name no model themselves; empty for a rule without reward models."""
    return {name: truth[name] for name, (verifier, truth) in rule.parts.items() if verifier == PREFERENCE}
