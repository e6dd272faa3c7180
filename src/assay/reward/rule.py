"""What a verdict is worth: the reward rules by name, and the table that shows what each one pays for.

House rule: the outcome part pays only on PASS, and nothing pays a wrong answer anything. The rules that break it are
kept because papers and their readers use them, under their own names, and say so themselves (`holes`): `assay audit`
reports them and `assay train` refuses them unless the risk is accepted.

Sources: `r1_sum` is Eq. 4 of DeepSeek-R1 (arXiv 2501.12948 v2: accuracy + format, equal weight); gating instead of
adding is one of the two ways of Tulu 3's code (arXiv 2411.15124). Departure: R1's format is its think/answer tags; ours
is the answer's box unless `think=1`, because a model too small to think can still be asked for a box.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from assay.core.errors import ConfigError, did_you_mean
from assay.core.registry import Registry
from assay.core.types import Json, Outcome, Reason, Reward, Verdict

Parts = Mapping[str, tuple[str, Json]]
"""Extra verdicts that a rule wants beside the task's own: part name -> (verifier, truth)."""


@runtime_checkable
class RewardRule(Protocol):
    """Verdicts in, Reward out: a pure function. A VOID verdict, or a VOID part, voids the completion."""

    @property
    def name(self) -> str: ...

    @property
    def parts(self) -> Parts: ...

    @property
    def holes(self) -> tuple[str, ...]:
        """Each way in which this rule pays an answer that is wrong, as a sentence; empty for an honest rule."""
        ...

    def reward(self, verdict: Verdict, parts: Mapping[str, Verdict]) -> Reward: ...


class PayTable(NamedTuple):
    """What a rule pays for the four answers that tell rules apart. "Boxed" means: in the form that the rule asks for."""

    right_boxed: float
    right_plain: float
    wrong_boxed: float
    wrong_plain: float


@dataclass(frozen=True, slots=True)
class OutcomeAndFormat:
    """Pays `outcome` for PASS and `format` for the form. All the named rules are this, with different numbers.

    `format_needs_pass` gates the form behind the answer; `pass_needs_format` the answer behind the form.
    """

    name: str
    outcome: float = 1.0
    format: float = 0.0
    format_needs_pass: bool = False
    pass_needs_format: bool = False
    grammar: str = "boxed"

    @property
    def parts(self) -> Parts:
        return {"format": ("format", {"grammar": self.grammar})} if self.format else {}

    @property
    def holes(self) -> tuple[str, ...]:
        return holes(self)

    def reward(self, verdict: Verdict, parts: Mapping[str, Verdict]) -> Reward:
        if verdict.is_void or any(parts[name].is_void for name in self.parts):
            return Reward(0.0, {}, is_void=True)
        if not self.format:
            total = self.outcome if verdict.is_pass else 0.0
            return Reward(total, {"outcome": total})
        is_right, has_form = verdict.is_pass, parts["format"].is_pass
        paid = {
            "outcome": self.outcome if is_right and (has_form or not self.pass_needs_format) else 0.0,
            "format": self.format if has_form and (is_right or not self.format_needs_pass) else 0.0,
        }
        return Reward(sum(paid.values()), paid)


def outcome() -> RewardRule:
    """1 for PASS, else 0: the default, and what R1, DAPO and Tulu 3 pay for accuracy."""
    return OutcomeAndFormat("outcome")


def gated_format(bonus: float = 0.1, think: float = 0) -> RewardRule:
    """1 for PASS and `bonus` more when the form is kept too; a wrong answer earns nothing, however well boxed."""
    if not 0 < bonus < 1:
        raise ConfigError(f"reward.options.bonus: a number between 0 and 1 would be right, not {bonus}")
    return OutcomeAndFormat("gated_format", format=bonus, format_needs_pass=True, grammar=_grammar(think))


def r1_sum(think: float = 0) -> RewardRule:
    """Accuracy + format, equal weight (DeepSeek-R1, Eq. 4): a box alone earns as much as a right answer alone."""
    return OutcomeAndFormat("r1_sum", format=1.0, grammar=_grammar(think))


def format_20_80(think: float = 0) -> RewardRule:
    """0.2 for the form, 0.8 for the answer."""
    return OutcomeAndFormat("format_20_80", outcome=0.8, format=0.2, grammar=_grammar(think))


def format_first(think: float = 0) -> RewardRule:
    """The format trap: the form is checked first and pays 0.5, and only inside it does the answer earn 0.5 more."""
    return OutcomeAndFormat("format_first", outcome=0.5, format=0.5, pass_needs_format=True, grammar=_grammar(think))


RULES: Registry[Callable[..., RewardRule]] = Registry(
    "rule",
    {
        **{
            name: f"assay.reward.rule:{name}"
            for name in ("outcome", "gated_format", "r1_sum", "format_20_80", "format_first")
        },
        "gated_language": "assay.reward.language:gated_language",
        "r1_reasoning": "assay.reward.reasoning:r1_reasoning",
        "r1_final": "assay.reward.reasoning:r1_final",
    },
)


def find_rule(name: str, options: Mapping[str, float | str] | None = None) -> RewardRule:
    """The rule of that name with its options. Raises UnknownName, or ConfigError for an unknown option."""
    make = RULES.get(name)
    options = options or {}
    known = inspect.signature(make).parameters
    for key in options:
        if key not in known:
            hint = did_you_mean(key, known) or f"; it takes {', '.join(known) or 'none'}"
            raise ConfigError(f"reward.options: the rule {name} has no option {key!r}{hint}")
        if isinstance(known[key].default, str) != isinstance(options[key], str):
            kind = "a text" if isinstance(known[key].default, str) else "a number"
            raise ConfigError(f"reward.options.{key}: {kind} would be right, not {options[key]!r}")
    return make(**options)


def table(rule: RewardRule, plain: Literal["read", "unread"] = "read") -> PayTable:
    """What `rule` pays for right and wrong answers, in its form ("boxed") and out of it ("plain").

    `plain` says how the task's own verifier treats an answer out of the form. "read": it finds the value wherever it
    stands (a truth with `field` `final_line` or `whole_text`), so that right and plain is a PASS. "unread": it looks in
    the form only (`field` `boxed`), so that right and plain is a FAIL like any other missing answer, and no rule can
    tell it from a wrong one.
    """
    return PayTable(*(_pay(rule, is_right, boxed, plain) for is_right in (True, False) for boxed in (True, False)))


def holes(rule: RewardRule) -> tuple[str, ...]:
    """The sentences of `RewardRule.holes`, read off the rule's own table, so that a rule cannot forget to own up."""
    pays = table(rule)
    found = []
    if pays.wrong_boxed > 0:
        found.append(f"{rule.name} pays {pays.wrong_boxed:g} for a wrong answer in the right form")
    if pays.wrong_plain > 0:
        found.append(f"{rule.name} pays {pays.wrong_plain:g} for a wrong answer without the form")
    if pays.wrong_boxed >= pays.right_plain:
        found.append(
            f"{rule.name} pays a wrong answer in the right form ({pays.wrong_boxed:g}) no less than "
            f"a right one without it ({pays.right_plain:g})"
        )
    return tuple(found)


def _pay(rule: RewardRule, is_right: bool, boxed: bool, plain: Literal["read", "unread"]) -> float:
    right = _verdict(Outcome.PASS, Reason.CORRECT)
    if not boxed and plain == "unread":
        verdict = _verdict(Outcome.FAIL, Reason.NO_ANSWER)
    else:
        verdict = right if is_right else _verdict(Outcome.FAIL, Reason.WRONG_VALUE)
    form = right if boxed else _verdict(Outcome.FAIL, Reason.NO_ANSWER)
    return rule.reward(verdict, dict.fromkeys(rule.parts, form)).total


def _verdict(outcome: Outcome, reason: Reason) -> Verdict:
    return Verdict(outcome, 1.0 if outcome is Outcome.PASS else 0.0, reason)


def _grammar(think: float) -> str:
    return "think_answer" if think else "boxed"
