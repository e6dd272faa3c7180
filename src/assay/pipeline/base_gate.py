"""The gate before RL: is there anything for RL to build on? A pure function of the evaluation of the untrained policy.

    pass@1        under `pass_at_1` the policy hardly ever earns, over `too_easy` it hardly ever fails
    pass@k        at the largest k that was sampled: what the policy finds when it may try k times
    spread        the share of groups of k samples with right and wrong answers both, 1 - C(n-c,k)/C(n,k) - C(c,k)/C(n,k) averaged
                  over problems: only such groups have an advantage other than zero
    format rate   the share of samples with an answer that can be read

The thresholds are rules of thumb (`[gate]` in the configuration); what follows from breaking one is advice, in the order in which
to try it. It says nothing about whether RL will work, only that without these it has little to work with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

from assay.core.config import BaseGateConfig
from assay.core.errors import UsageError
from assay.measure.evaluation import Evaluation

COLD_START = "cold-start it: a few hundred worked answers by SFT in the form that the verifier reads (or show the form in the prompt)"
EASIER = "take easier tasks first (tasks.options.level, rollout.curriculum), or cold-start it on worked answers"
LARGER = "raise rollout.group_size: more samples a prompt find right and wrong answers to the same one"
HARDER = "take harder tasks: what is always right has nothing to teach"


@dataclass(frozen=True, slots=True)
class Finding:
    """One threshold that was not met."""

    figure: str
    value: float
    sentence: str
    advice: str


@dataclass(frozen=True, slots=True)
class BaseVerdict:
    pass_at_1: float
    pass_at_k: float
    spread: float
    format_rate: float
    k: int
    problems: int
    findings: tuple[Finding, ...]

    @property
    def is_ready(self) -> bool:
        return not self.findings

    @property
    def advice(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.advice for each in self.findings))

    def figures(self) -> dict[str, float]:
        named = {"pass@1": self.pass_at_1}
        if self.k > 1:
            named |= {f"pass@{self.k}": self.pass_at_k, f"spread@{self.k}": self.spread}
        return {**named, "format_rate": self.format_rate}

    def sentence(self) -> str:
        if self.is_ready:
            return "ready for RL: the policy is sometimes right, sometimes wrong, and can be read"
        return "; ".join(each.sentence for each in self.findings) + ": " + "; or ".join(self.advice)


def base_gate(evaluation: Evaluation, thresholds: BaseGateConfig | None = None) -> BaseVerdict:
    """Raises UsageError when no sample could be judged."""
    limits = thresholds or BaseGateConfig()
    counts = [(len(each.passes), sum(each.passes)) for each in evaluation.problems if each.passes]
    if not counts:
        raise UsageError("no sample of the evaluation could be judged, so the gate before RL cannot say anything")
    k = min(n for n, _ in counts)
    pass_at_1 = sum(c / n for n, c in counts) / len(counts)
    mixed = [1 - (comb(n - c, k) + comb(c, k)) / comb(n, k) for n, c in counts]
    found = [1 - comb(n - c, k) / comb(n, k) for n, c in counts]
    answers = [answer is not None for each in evaluation.problems for answer in each.answers]
    verdict = BaseVerdict(
        pass_at_1=pass_at_1,
        pass_at_k=sum(found) / len(found),
        spread=sum(mixed) / len(mixed) if k > 1 else float("nan"),
        format_rate=sum(answers) / len(answers),
        k=k,
        problems=len(counts),
        findings=(),
    )
    return BaseVerdict(
        verdict.pass_at_1,
        verdict.pass_at_k,
        verdict.spread,
        verdict.format_rate,
        k,
        verdict.problems,
        tuple(_findings(verdict, limits)),
    )


def _findings(verdict: BaseVerdict, limits: BaseGateConfig) -> Sequence[Finding]:
    found: list[Finding] = []

    def add(figure: str, value: float, bound: float, word: str, advice: str) -> None:
        found.append(Finding(figure, value, f"{figure} is {value:.3f}, {word} {bound:g}", advice))

    is_readable = verdict.format_rate >= limits.format_rate
    if not is_readable:
        add("the share of readable answers", verdict.format_rate, limits.format_rate, "under", COLD_START)
    if verdict.pass_at_1 > limits.too_easy:
        add("pass@1", verdict.pass_at_1, limits.too_easy, "over", HARDER)
        return found  # the rest follows from it
    if verdict.pass_at_1 < limits.pass_at_1:
        add("pass@1", verdict.pass_at_1, limits.pass_at_1, "under", EASIER if is_readable else COLD_START)
    if verdict.k > 1 and verdict.pass_at_k < limits.pass_at_k:
        add(f"pass@{verdict.k}", verdict.pass_at_k, limits.pass_at_k, "under", EASIER if is_readable else COLD_START)
    elif verdict.k > 1 and verdict.spread < limits.spread:
        add(f"spread in groups of {verdict.k}", verdict.spread, limits.spread, "under", LARGER)
    return found
