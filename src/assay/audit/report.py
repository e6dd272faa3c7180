"""What an audit found: figures by family, and each hole with the text that found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assay.audit.attack import Expect
from assay.core.statistics import wilson
from assay.core.types import Json

HoleKind = Literal["paid", "void", "hang", "unstable", "thread", "leak", "truth", "rule"]

MEANING: Mapping[HoleKind, str] = {
    "paid": "a wrong answer was paid",
    "void": "a response's text made the verifier fail (VOID)",
    "hang": "a response's text kept the verifier busy until it was killed",
    "unstable": "the same response got another verdict the second time, or in another order",
    "thread": "the same response got another verdict in a thread that is not the main one",
    "leak": "a verdict changed after hostile responses had been judged",
    "truth": "a truth could not be read, or was refused as an answer to itself",
    "rule": "the reward rule pays answers that are wrong",
}


@dataclass(frozen=True, slots=True)
class Hole:
    """`name` is what `audit.accepted_risks` calls it; `text` the shortest response found, `count` how many there were."""

    name: str
    kind: HoleKind
    attack: str
    family: str
    task: str
    verifier: str
    truth: Json
    prompt: str
    text: str
    outcome: str
    reason: str
    reward: float
    count: int = 1
    detail: str = ""

    def row(self) -> dict[str, Json]:
        """A line for a golden file or for `assay verify -`, with what should have come out."""
        wanted = "pass" if self.kind == "truth" else "fail"
        row = {"id": f"{self.name}/{self.task}", "verifier": self.verifier, "truth": self.truth, "response": self.text}
        return {**row, "prompt": self.prompt, "expect": wanted}

    def sentence(self) -> str:
        times = f", {self.count} times" if self.count > 1 else ""
        return f"{self.name}: {self.detail or MEANING[self.kind]} ({self.outcome} {self.reason}{times})"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A right answer in other clothes that was not paid: recall lost, not money."""

    name: str
    family: str
    task: str
    verifier: str
    truth: Json
    text: str
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class FamilyFigures:
    """`bound`: the Wilson 95 % upper bound on the rate of wrong answers paid, or the lower bound on recall."""

    family: str
    expect: Expect
    tried: int
    paid: int
    voids: int

    @property
    def bound(self) -> float:
        low, high = wilson(self.paid, self.tried)
        return high if self.expect == "unpaid" else low


@dataclass(frozen=True, slots=True)
class Subject:
    """What was audited, by fingerprint: a change in any of these makes it another audit."""

    verifiers: tuple[str, ...]  # name@version#fingerprint, sorted
    rule: str
    rule_fingerprint: str
    tasks: str
    battery: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    subject: Subject
    level: str
    seed: int
    tasks: int
    families: tuple[FamilyFigures, ...]
    holes: tuple[Hole, ...]
    refusals: tuple[Refusal, ...]
    repeats: int  # responses judged four times over
    p50_seconds: float  # of one verdict
    p99_seconds: float
    slowest_seconds: float
    peak_bytes: int  # the largest resident size of a judging process; 0: not known
    seconds: float  # of the audit
    notes: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        return not self.holes

    @property
    def attacks_tried(self) -> int:
        return sum(each.tried for each in self.families if each.expect == "unpaid")

    @property
    def attacks_paid(self) -> int:
        return sum(each.paid for each in self.families if each.expect == "unpaid")

    @property
    def false_accept_bound(self) -> float:
        """Wilson 95 % upper bound on the share of attacks paid: of these attacks, not of a policy's answers."""
        return wilson(self.attacks_paid, self.attacks_tried)[1]

    @property
    def recall(self) -> tuple[int, int]:
        """Equivalents paid, and tried."""
        equivalents = [each for each in self.families if each.expect == "paid"]
        return sum(each.paid for each in equivalents), sum(each.tried for each in equivalents)

    @property
    def recall_bound(self) -> float:
        return wilson(*self.recall)[0]

    def sentence(self) -> str:
        paid, tried = self.recall
        what = ", ".join(label.split("@")[0] for label in self.subject.verifiers)
        found = "no hole" if self.is_clean else f"{len(self.holes)} hole{'s' * (len(self.holes) > 1)}"
        return (
            f"{what} under {self.subject.rule}: {found}; {self.attacks_paid} of {self.attacks_tried} attacks paid "
            f"(95 %: under {self.false_accept_bound:.2%}), {paid} of {tried} right answers in other clothes paid "
            f"({self.seconds:.1f} s)"
        )
