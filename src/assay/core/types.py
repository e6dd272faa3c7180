"""The nouns: frozen values that every room passes to the next. Nothing here imports anything of ours.

    Task --sample--> Completion --judge--> Verdict --reward--> Reward --group--> Group

Only `PASS` pays. `FAIL` is the answer's fault; `VOID` is ours (an unreadable truth, a lost worker, a missing prover):
it never pays, never enters a gradient, and is counted against a budget that stops the run.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Json = Any
"""A value that JSON can hold. Truths are JSON until their verifier reads them."""

NOTHING: Mapping[str, Json] = MappingProxyType({})


class Outcome(StrEnum):
    """PASS, which alone pays; FAIL, the answer's fault; VOID, ours: no judgement was possible."""

    PASS = "pass"
    FAIL = "fail"
    VOID = "void"


class Reason(StrEnum):
    """Why a verdict came out as it did: a closed list, so that reports can count and filter it."""

    CORRECT = "correct"
    # FAIL: the answer's fault
    WRONG_VALUE = "wrong_value"
    WRONG_FORM = "wrong_form"  # the right value in a form that the task forbids
    WRONG_UNIT = "wrong_unit"
    NO_ANSWER = "no_answer"
    AMBIGUOUS = "ambiguous"  # more than one answer field, even twice the same
    MALFORMED = "malformed"
    UNDECIDED = "undecided"  # neither equality nor difference could be shown: doubt never pays
    TIMEOUT = "timeout"
    LIMIT = "limit"  # memory, output, processes, digits, depth
    ERROR = "error"  # the candidate program raised or exited non-zero
    # VOID: our fault
    BAD_TRUTH = "bad_truth"
    BAD_INPUT = "bad_input"
    UNKNOWN_VERIFIER = "unknown_verifier"
    VERIFIER_ERROR = "verifier_error"
    WORKER_LOST = "worker_lost"
    SANDBOX_LOST = "sandbox_lost"
    SANDBOX_MISSING = "sandbox_missing"
    PROVER_MISSING = "prover_missing"
    MISSING_EXTRA = "missing_extra"
    NOT_FINITE = "not_finite"


Finish = Literal["stop", "length", "abort"]


class Message(NamedTuple):
    """One turn of a chat prompt; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt whose answer a program can check. `truth` is never shown to the policy."""

    id: str
    prompt: tuple[Message, ...]
    verifier: str
    truth: Json = field(repr=False)
    source: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """One sampled answer. `logprobs[t]` is the log-probability of `tokens[t]` under the distribution it was drawn from.

    `tokens` include the end-of-sequence token when one was sampled; `text` does not show it.
    `finish` is `stop` (end token or stop string), `length` (cut at the limit) or `abort`.
    `policy` is the version of the weights that sampled it (0 before any update).
    """

    text: str
    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    finish: Finish = "stop"
    policy: int = 0

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.logprobs):
            raise ValueError(f"{len(self.tokens)} tokens but {len(self.logprobs)} log-probabilities")


class Finding(NamedTuple):
    """What a verifier says; `verify.base.judge` adds who said it and how long it took, which makes the Verdict."""

    outcome: Outcome
    reason: Reason
    answer: str | None = None
    evidence: Mapping[str, Json] = NOTHING
    score: float | None = None  # None: 1 for PASS, 0 otherwise


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one completion. `score` in [0, 1] is 0 for VOID; `verifier` is `name@version#fingerprint`."""

    outcome: Outcome
    score: float
    reason: Reason
    answer: str | None = None
    evidence: Mapping[str, Json] = field(default_factory=dict)
    verifier: str = ""
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:  # also refuses NaN
            raise ValueError(f"a verdict's score must lie in [0, 1], not {self.score}")
        if self.outcome is Outcome.VOID and self.score != 0.0:
            raise ValueError("a VOID verdict scores 0")
        if (self.outcome is Outcome.PASS) != (self.reason is Reason.CORRECT):
            raise ValueError(f"{self.outcome} does not go with reason {self.reason}")

    @property
    def is_pass(self) -> bool:
        return self.outcome is Outcome.PASS

    @property
    def is_void(self) -> bool:
        return self.outcome is Outcome.VOID


@dataclass(frozen=True, slots=True)
class Reward:
    """What a completion earns: `total`, and the parts it is made of. `is_void`: no reward exists, the completion must
    not be learnt from (its `total` is 0 and means nothing)."""

    total: float
    parts: Mapping[str, float] = field(default_factory=dict)
    is_void: bool = False

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.total, *self.parts.values()))):
            raise ValueError(f"a reward must be finite, not {self.total} {dict(self.parts)}")
        if self.is_void and self.total != 0.0:
            raise ValueError("a VOID reward is 0")


class Member(NamedTuple):
    completion: Completion
    verdict: Verdict
    reward: Reward


@dataclass(frozen=True, slots=True)
class Group:
    """The G samples of one task, none of them VOID, with the prompt's tokens as the policy saw them."""

    task: Task
    prompt_tokens: tuple[int, ...]
    members: tuple[Member, ...]

    @property
    def rewards(self) -> tuple[float, ...]:
        return tuple(member.reward.total for member in self.members)
