"""Verifiers made of verifiers. The truth is `{"parts": [{"verifier": str, "truth": any, "weight": float}, ...]}`.

- `all_of`: PASS when every part passes; otherwise the first part that fails gives the reason.
- `any_of`: PASS when one part passes.
- `gate`: the parts in order, and the first FAIL ends it: later parts are not judged. PASS when all pass.
- `weighted`: as `all_of`, with the score sum(weight * score) / sum(weight) kept on a FAIL, for reports and for reward
  rules that pay by degree. It too is PASS only when every part passes: a heavy part never buys off a light one.

A VOID part voids the whole, also where another part has passed or failed already: what could not be judged cannot be
paid, nor held against the answer. (In `gate` only the parts that were judged count.)

Parts may be composed in turn, up to DEEPEST levels and MOST_LEAVES parts in all: a truth cannot be a bomb.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.core.errors import TruthError, UnknownName, did_you_mean
from assay.core.types import Finding, Json, Outcome, Reason, Verdict
from assay.verify.base import Case, judge_case, locate, read_case, seconds_needed

KEYS = ("verifier", "truth", "weight")
MOST_PARTS = 64
DEEPEST, MOST_LEAVES = 8, 256
NAMES = frozenset({"all_of", "any_of", "gate", "weighted"})


@dataclass(frozen=True, slots=True)
class Part:
    case: Case
    weight: float


class _Composed:
    """What the four share: reading the parts, and the finding for verdicts once they are there."""

    name = ""
    version = "1"

    def read(self, truth: Json) -> tuple[Part, ...]:
        parts = truth.get("parts") if isinstance(truth, dict) else None
        if not isinstance(parts, list) or not parts or len(parts) > MOST_PARTS or set(truth) != {"parts"}:
            raise TruthError(f'{self.name}: {{"parts": [1 to {MOST_PARTS} parts]}} would be right')
        self._bound(truth)
        return tuple(self._read_part(number, part) for number, part in enumerate(parts, 1))

    def _bound(self, truth: Json) -> None:
        """Raises TruthError for a tree too deep or too wide, before any part of it is read."""
        level, depth, leaves = [truth], 0, 0
        while level:
            depth += 1
            parts = [each for node in level if isinstance(node, dict) for each in _listed(node)]
            level = [each.get("truth") for each in parts if isinstance(each, dict) and _is_composed(each)]
            leaves += len(parts) - len(level)
            if depth > DEEPEST or leaves > MOST_LEAVES:
                raise TruthError(f"{self.name}: at most {DEEPEST} levels and {MOST_LEAVES} parts in all would be right")

    def _read_part(self, number: int, part: Json) -> Part:
        where = f"{self.name}: part {number}"
        if not isinstance(part, dict) or not isinstance(part.get("verifier"), str) or "truth" not in part:
            raise TruthError(f'{where}: {{"verifier": name, "truth": ...}} would be right')
        for key in part:
            if key not in KEYS:
                raise TruthError(f"{where}: unknown key {key!r}{did_you_mean(key, KEYS)}")
        weight = part.get("weight", 1.0)
        if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight < math.inf:
            raise TruthError(f"{where}: weight: a number above 0 would be right, not {weight!r}")
        try:
            return Part(read_case(part["verifier"], part["truth"]), float(weight))
        except (TruthError, UnknownName) as error:
            raise TruthError(f"{where}: {error}") from error

    def locate(self, truth: Json, folder: Path) -> Json:
        """The parts with the files that they name found from `folder`."""
        if not isinstance(truth, dict) or not isinstance(truth.get("parts"), list):
            return truth
        return truth | {"parts": [_located(part, folder) for part in truth["parts"]]}

    def seconds_needed(self, truth: Sequence[Part]) -> float:
        """All parts', one after the other."""
        return math.fsum(seconds_needed(part.case) for part in truth)

    def check(self, truth: Sequence[Part], response: str, prompt: str = "") -> Finding:
        verdicts: list[Verdict] = []
        for part in truth:
            verdict = judge_case(part.case, response, prompt)
            verdicts.append(verdict)
            if self._is_decided(verdict):
                break
        evidence = {"parts": [_summary(part, verdict) for part, verdict in zip(truth, verdicts, strict=False)]}
        void = next((each for each in verdicts if each.is_void), None)
        if void is not None:
            return Finding(Outcome.VOID, void.reason, None, evidence)
        return self._conclude(truth, verdicts)._replace(evidence=evidence)

    def _is_decided(self, verdict: Verdict) -> bool:
        return verdict.is_void

    def _conclude(self, parts: Sequence[Part], verdicts: Sequence[Verdict]) -> Finding:
        """The finding of parts none of which is VOID: PASS when all pass."""
        answer = next((each.answer for each in verdicts if each.answer is not None), None)
        first = next((each for each in verdicts if not each.is_pass), None)
        if first is None:
            return Finding(Outcome.PASS, Reason.CORRECT, answer)
        return Finding(Outcome.FAIL, first.reason, answer, score=self._score(parts, verdicts))

    def _score(self, parts: Sequence[Part], verdicts: Sequence[Verdict]) -> float:
        return 0.0


class AllOf(_Composed):
    name = "all_of"


class AnyOf(_Composed):
    name = "any_of"

    def _conclude(self, parts: Sequence[Part], verdicts: Sequence[Verdict]) -> Finding:
        winner = next((each for each in verdicts if each.is_pass), None)
        if winner is not None:
            return Finding(Outcome.PASS, Reason.CORRECT, winner.answer)
        return super()._conclude(parts, verdicts)


class Gate(_Composed):
    name = "gate"

    def _is_decided(self, verdict: Verdict) -> bool:
        return not verdict.is_pass


class Weighted(_Composed):
    name = "weighted"

    def _score(self, parts: Sequence[Part], verdicts: Sequence[Verdict]) -> float:
        whole = math.fsum(part.weight for part in parts)
        gained = math.fsum(part.weight * verdict.score for part, verdict in zip(parts, verdicts, strict=True))
        return min(gained / whole, math.nextafter(1.0, 0.0))  # a FAIL's score stays below a PASS's, rounding or not


def _listed(node: dict[str, Json]) -> list[Json]:
    parts = node.get("parts")
    return parts if isinstance(parts, list) else []


def _is_composed(part: dict[str, Json]) -> bool:
    return isinstance(part.get("verifier"), str) and part["verifier"] in NAMES


def _located(part: Json, folder: Path) -> Json:
    if not isinstance(part, dict) or not isinstance(part.get("verifier"), str) or "truth" not in part:
        return part
    return part | {"truth": locate(part["verifier"], part["truth"], folder)}


def _summary(part: Part, verdict: Verdict) -> dict[str, Json]:
    shown: dict[str, Json] = {"verifier": verdict.verifier, "outcome": verdict.outcome.value}
    shown |= {"reason": verdict.reason.value, "score": verdict.score, "weight": part.weight}
    if verdict.evidence:
        shown["evidence"] = dict(verdict.evidence)
    return shown
