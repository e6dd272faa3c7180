"""The capability gate: may the candidate take the baseline's place? A pure function of both models' scores and of limits that
were fixed before training.

Each limit is one check. For a change d = candidate - baseline of a suite's mean:

    gain_above g    d > g       a capability that must have grown
    max_drop m      d >= -m     a capability that may fall no further
    max_rise m      d <= m      a figure that may rise no further (refusals, harm, loss)
    at_least a      candidate >= a      at_most a      candidate <= a

Where both sides have scores by prompt, prompts are paired and the 95 % bootstrap interval over prompts decides
(`decide = "interval"`): the end of the interval that is worse for the candidate must keep the limit. A limit that the mean
breaks is `broken`; one that the mean keeps and the interval does not is `not shown`, and both are violations: what was not
shown to be safe does not ship. With `decide = "point"`, and for plain figures, the mean alone decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assay.core.errors import UsageError
from assay.core.records import sha256_of
from assay.core.types import Json
from assay.measure.bootstrap import bootstrap_mean
from assay.pipeline.scores import Identity, ModelScores, SuiteScores
from assay.pipeline.suite import run_suite

__all__ = ["Check", "Decide", "GateVerdict", "Limit", "Thresholds", "gate", "run_suite"]

Rule = Literal["gain_above", "max_drop", "max_rise", "at_least", "at_most"]
RULES: tuple[Rule, ...] = ("gain_above", "max_drop", "max_rise", "at_least", "at_most")
Decide = Literal["interval", "point"]
Status = Literal["kept", "not shown", "broken"]
LOST = 0.05  # share of a suite's prompts that may be missing on a side
ROUNDING = 1e-9  # 0.92 to 0.89 is a drop of 0.03 and 3e-17


@dataclass(frozen=True, slots=True)
class Limit:
    suite: str
    rule: Rule
    bound: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits, and how they are decided; `sha256` tells one set from another."""

    limits: tuple[Limit, ...]
    decide: Decide = "interval"
    seed: int = 0

    @classmethod
    def of(cls, limits: Mapping[str, Mapping[str, float]], decide: Decide = "interval", seed: int = 0) -> Thresholds:
        """From {suite: {rule: bound}}. Raises UsageError for a rule that does not exist, or none at all."""
        made = []
        for suite, rules in limits.items():
            for name, bound in rules.items():
                rule = next((each for each in RULES if each == name), None)
                if rule is None:
                    raise UsageError(f"{suite}: no rule {name!r}; one of {', '.join(RULES)} would be right")
                made.append(Limit(suite, rule, float(bound)))
        if not made:
            raise UsageError("a gate without a limit ships anything: name at least one suite with a limit")
        return cls(tuple(made), decide, seed)

    @property
    def sha256(self) -> str:
        return sha256_of(self)


@dataclass(frozen=True, slots=True)
class Check:
    """One limit against what was measured. `low` and `high` bound what the rule is about: the change, or for an absolute
    limit the candidate's mean; None for plain figures."""

    suite: str
    rule: Rule
    bound: float
    before: float
    after: float
    low: float | None
    high: float | None
    prompts: int
    status: Status

    @property
    def is_kept(self) -> bool:
        return self.status == "kept"

    @property
    def change(self) -> float:
        return self.after - self.before

    def sentence(self) -> str:
        measured = f"{self.suite} {self.before:.3f} to {self.after:.3f} ({self.change:+.3f})"
        interval = (
            ""
            if self.low is None or self.high is None
            else ", one prompt gives no interval"
            if self.prompts < 2
            else f", 95 % interval {_of(self.rule)}{_signed(self.rule, self.low)} to {_signed(self.rule, self.high)} "
            f"over {self.prompts} prompt{'s' * (self.prompts != 1)}"
        )
        if self.status == "kept":
            return f"{measured}{interval}: {WANTED[self.rule].format(self.bound)}"
        if self.status == "broken":
            return f"{measured}{interval}: {BROKEN[self.rule].format(self.bound)}"
        return f"{measured}{interval}: not shown to be safe ({WANTED[self.rule].format(self.bound)}); more prompts would tell"


WANTED: Mapping[Rule, str] = {
    "gain_above": "a gain above {:g} is asked for",
    "max_drop": "a drop of at most {:g} is allowed",
    "max_rise": "a rise of at most {:g} is allowed",
    "at_least": "at least {:g} is asked for",
    "at_most": "at most {:g} is allowed",
}
BROKEN: Mapping[Rule, str] = {
    "gain_above": "no gain above {:g}",
    "max_drop": "fell by more than {:g}",
    "max_rise": "rose by more than {:g}",
    "at_least": "under {:g}",
    "at_most": "over {:g}",
}


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """`unjudged` lists suites that both models have and no limit speaks of."""

    baseline: Identity
    candidate: Identity
    thresholds: Thresholds
    checks: tuple[Check, ...]
    unjudged: tuple[Check, ...] = ()

    @property
    def violations(self) -> tuple[Check, ...]:
        return tuple(each for each in self.checks if not each.is_kept)

    @property
    def ships(self) -> bool:
        return not self.violations

    def sentence(self) -> str:
        if self.ships:
            return f"ships: all {len(self.checks)} limits are kept"
        count = len(self.violations)
        return f"does not ship, for {count} reason{'s' * (count > 1)}: " + "; ".join(
            each.sentence() for each in self.violations
        )

    def as_json(self) -> dict[str, Json]:
        """For a file: the baseline by its hash, every check, and the thresholds with theirs."""
        return {
            "ships": self.ships,
            "sentence": self.sentence(),
            "violations": [each.sentence() for each in self.violations],
            "baseline": self.baseline,
            "candidate": self.candidate,
            "thresholds": {"sha256": self.thresholds.sha256, "decide": self.thresholds.decide},
            "checks": [{"change": each.change, **_fields(each)} for each in self.checks],
            "unjudged": [{"change": each.change, **_fields(each)} for each in self.unjudged],
        }


def gate(baseline: ModelScores, candidate: ModelScores, thresholds: Thresholds) -> GateVerdict:
    """Raises UsageError where the two cannot be compared: a suite that a limit names and one of them lacks, other prompts or
    rules, scores by prompt on one side only."""
    checks = tuple(_check(limit, *_pair(limit.suite, baseline, candidate), thresholds) for limit in thresholds.limits)
    limited = {limit.suite for limit in thresholds.limits}
    rest = [each.suite for each in candidate.suites if each.suite not in limited and baseline.suite(each.suite)]
    seen = tuple(
        _check(Limit(name, "max_drop", float("inf")), *_pair(name, baseline, candidate), thresholds) for name in rest
    )
    return GateVerdict(baseline.who, candidate.who, thresholds, checks, seen)


def _pair(name: str, baseline: ModelScores, candidate: ModelScores) -> tuple[SuiteScores, SuiteScores]:
    found = []
    for side, scores in (("baseline", baseline), ("candidate", candidate)):
        suite = scores.suite(name)
        if suite is None:
            known = ", ".join(each.suite for each in scores.suites) or "none"
            raise UsageError(
                f"the {side} {scores.who.name} has no suite {name!r} (it has {known}): measure it, or drop its limit"
            )
        found.append(suite)
    before, after = found
    if before.fingerprint and after.fingerprint and before.fingerprint != after.fingerprint:
        raise UsageError(
            f"{name}: the two were measured on other prompts or by other rules ({before.fingerprint}, {after.fingerprint}): "
            f"measure both anew"
        )
    if bool(before.prompts) != bool(after.prompts):
        raise UsageError(f"{name}: one side has scores by prompt and the other a plain figure: give both alike")
    shared = before.by_id().keys() & after.by_id().keys()
    lone = sorted(before.by_id().keys() ^ after.by_id().keys())
    is_one_suite = bool(before.fingerprint) and before.fingerprint == after.fingerprint
    if lone and not (is_one_suite and len(lone) <= LOST * (len(lone) + len(shared))):
        raise UsageError(
            f"{name}: {len(lone)} prompts stand on one side only ({', '.join(lone[:3])}): score both on the same"
        )
    if lone:  # a prompt whose every sample was VOID has no score
        before, after = (
            SuiteScores.of(name, [p for p in each.prompts if p.id in shared], each.fingerprint, each.voids)
            for each in (before, after)
        )
    return before, after


def _check(limit: Limit, before: SuiteScores, after: SuiteScores, thresholds: Thresholds) -> Check:
    change = after.value - before.value
    is_absolute = limit.rule in ("at_least", "at_most")
    value = after.value if is_absolute else change
    low = high = None
    if before.prompts:
        ours, theirs = before.by_id(), after.by_id()
        low, high = bootstrap_mean(
            [theirs[id] - (0.0 if is_absolute else ours[id]) for id in sorted(ours)], seed=thresholds.seed
        )
    status: Status = "kept"
    if not keeps(limit, value):
        status = "broken"
    elif low is not None and high is not None and thresholds.decide == "interval":
        worst = high if limit.rule in ("max_rise", "at_most") else low
        status = "kept" if keeps(limit, worst) else "not shown"
    count = len(before.prompts)
    return Check(limit.suite, limit.rule, limit.bound, before.value, after.value, low, high, count, status)


def keeps(limit: Limit, value: float) -> bool:
    """Whether a change (for an absolute limit: a mean) keeps the limit; what lies on it does, but for `gain_above`."""
    match limit.rule:
        case "gain_above":
            return value > limit.bound + ROUNDING
        case "max_drop":
            return value >= -limit.bound - ROUNDING
        case "max_rise" | "at_most":
            return value <= limit.bound + ROUNDING
        case "at_least":
            return value >= limit.bound - ROUNDING


def _fields(check: Check) -> dict[str, Json]:
    return {name: getattr(check, name) for name in Check.__dataclass_fields__}


def _of(rule: Rule) -> str:
    return "of the mean " if rule in ("at_least", "at_most") else ""


def _signed(rule: Rule, value: float) -> str:
    return format(value, ".3f" if rule in ("at_least", "at_most") else "+.3f")
