"""A derivation scored step by step, where a checker exists: the process reward, beside the outcome.

- `{"checker": "coq", "statement", "preamble", "allow_axioms"}`: the response is a proof script, its steps are its tactics.
  PASS is the coq verifier's PASS. The checked steps are the longest prefix that the prover accepts; a tactic that changes
  nothing (`idtac.`) counts neither way, so that padding buys little.
- `{"checker": "math", "start": text, "answer": ...}`: the response is a chain that begins with `start` and whose every
  link the math verifier confirms: expressions joined by `=`, or, where `start` is an equation, equations line by line. What is said again is no link.
  PASS needs every link, an end that equals the answer, and the answer in its field (`answer` is the math verifier's truth).

The evidence holds the steps with the places where they stand in the response (`start`, `end`, `ok`), so that a learner can
spread the reward over each step's tokens. A FAIL scores `checked / (steps + 1)`: below every PASS, whatever is padded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.base import Case, failed, find_verifier, judge_case, passed, read_case
from assay.verify.proof.coq import CoqVerifier
from assay.verify.proof.coq_header import CoqTruth
from assay.verify.proof.coq_script import Item, Malformed, read_script
from assay.verify.proof.runner import ProverResult, finding

CHECKERS = ("math", "coq")
MATH_KEYS = ("checker", "start", "answer")
MOST_STEPS = 200
COQ_SECONDS = 10.0

_FIELD = re.compile(r"\\boxed|</?answer|^\s*####")
_LABEL = re.compile(r"^\s*(?:[-*•]\s+|\(?\d{1,2}[.)]\s+)?(?:[A-Za-z ]*\d*\s*:\s*)?")
_DRESS = re.compile(r"^[\s$&]+|[\s$&.,;\\]+$|\\\[|\\\]|\\\(|\\\)")
_GAP = re.compile(r"\b(?:admit|give_up|shelve)\b")  # accepted by the prover, and nothing is shown
_EQUALS = re.compile(r"(?<![<>!:=])=(?![=>])")


class Step(NamedTuple):
    start: int
    end: int
    ok: bool


@dataclass(frozen=True, slots=True)
class MathChain:
    start: str
    answer: Json
    final: Case
    is_equation: bool


class StepsVerifier:
    name = "steps"
    version = "1"

    def read(self, truth: Json) -> MathChain | CoqTruth:
        if not isinstance(truth, dict) or truth.get("checker") not in CHECKERS:
            raise TruthError(f"steps: checker: one of {', '.join(CHECKERS)} would be right")
        if truth["checker"] == "coq":
            rest = {key: value for key, value in truth.items() if key != "checker"}
            read: CoqTruth = _coq().read(rest)
            return read
        return _read_chain(truth)

    def seconds_needed(self, truth: MathChain | CoqTruth) -> float:
        return COQ_SECONDS + _coq().seconds_needed(truth) if isinstance(truth, CoqTruth) else 0.0

    def check(self, truth: MathChain | CoqTruth, response: str, prompt: str = "") -> Finding:
        return _check_script(truth, response) if isinstance(truth, CoqTruth) else _check_chain(truth, response)


def score(found: Finding, steps: Sequence[Step]) -> Finding:
    """A finding with its steps; a FAIL gets the share of the steps before the first that does not hold."""
    checked = next((at for at, each in enumerate(steps) if not each.ok), len(steps))
    shown = [each._asdict() for each in steps[:MOST_STEPS]]
    evidence = {**found.evidence, "steps": shown, "checked": checked, "of": len(steps)}
    degree = checked / (len(steps) + 1) if found.outcome is Outcome.FAIL else None
    return found._replace(evidence=evidence, score=degree)


def _coq() -> CoqVerifier:
    """The one that judges outcomes: its warm processes and compiled truths are shared."""
    found = find_verifier("coq")
    assert isinstance(found, CoqVerifier)
    return found


def _check_script(truth: CoqTruth, response: str) -> Finding:
    result = _coq().runner.prove(truth, response)
    found = finding(result, truth.allow_axioms)
    if found.outcome is Outcome.VOID:
        return found
    try:
        items = read_script(response)
    except Malformed:
        return score(found, ())
    if found.outcome is Outcome.PASS:
        return score(found, [_step(each, True) for each in items if each.kind in ("tactic", "term")])
    return score(found, _coq_steps(truth, items))


def _coq_steps(truth: CoqTruth, items: tuple[Item, ...]) -> list[Step]:
    """Each tactic that changes something up to the first that is refused, and that one and all behind it as failed."""
    sentences: list[str] = []
    probes: set[int] = set()
    places: list[int] = []  # of each item's own sentence
    for item in items:
        if item.kind == "tactic" and item.text.endswith(".") and not item.text.endswith("..."):
            probes.add(len(sentences))
            sentences.append(f"Fail progress ({item.text[:-1]}).")  # accepted when the tactic changes nothing
        places.append(len(sentences))
        sentences.append(item.text)
    answers = _coq().runner.check_sentences(truth, sentences, COQ_SECONDS, probes)
    steps = []
    for item, at in zip(items, places, strict=True):
        if item.kind not in ("tactic", "term"):
            continue
        is_reached = not isinstance(answers, ProverResult) and at < len(answers)
        holds = is_reached and not isinstance(answers, ProverResult) and answers[at].error is None
        holds = holds and not _GAP.search(item.text)
        is_idle = holds and at - 1 in probes and not isinstance(answers, ProverResult) and answers[at - 1].error is None
        if not is_idle:
            steps.append(_step(item, holds))
    return steps


def _step(item: Item, ok: bool) -> Step:
    return Step(item.start, item.start + len(item.text), ok)


def _read_chain(truth: dict[str, Any]) -> MathChain:
    for key in truth:
        if key not in MATH_KEYS:
            raise TruthError(f"steps: unknown key {key!r}{did_you_mean(key, MATH_KEYS)}; known: {', '.join(MATH_KEYS)}")
    start, answer = truth.get("start"), truth.get("answer")
    if not isinstance(start, str) or not start.strip():
        raise TruthError("steps: start: the expression or equation that the chain begins with would be right")
    if answer is None:
        raise TruthError("steps: answer: a truth of the math verifier would be right")
    _link(start)
    return MathChain(start, answer, read_case("math", answer), bool(_EQUALS.search(start)))


def _link(expression: str) -> Case:
    return read_case("math", {"answer": expression, "field": "whole_text"})


def _check_chain(truth: MathChain, response: str) -> Finding:
    outcome = judge_case(truth.final, response)
    found = Finding(outcome.outcome, outcome.reason, outcome.answer, dict(outcome.evidence))
    if found.outcome is Outcome.VOID:
        return found
    parts = _parts(response, truth.is_equation)
    if not parts:
        return score(failed(Reason.NO_ANSWER, outcome.answer, why="no step: a chain of equations is needed"), ())
    steps, before = [], truth.start
    for begin, end in parts[:MOST_STEPS]:
        here = undressed(response[begin:end])
        if "".join(here.split()) == "".join(before.split()):
            continue  # said again: no step, and no padding
        steps.append(Step(begin, end, follows(before, here)))
        before = here
    if not steps:
        return score(failed(Reason.NO_ANSWER, outcome.answer, why="no step: what is said again is none"), ())
    if found.outcome is not Outcome.PASS:
        return score(found, steps)
    if not all(each.ok for each in steps) or len(parts) > MOST_STEPS:
        return score(
            failed(Reason.WRONG_VALUE, outcome.answer, why="a step does not follow from the one before"), steps
        )
    final = truth.answer if isinstance(truth.answer, dict) else {"answer": truth.answer}
    end_case = read_case("math", {**final, "field": "whole_text"})
    if not judge_case(end_case, before).is_pass:
        return score(failed(Reason.WRONG_VALUE, outcome.answer, why="the chain ends elsewhere"), steps)
    return score(passed(outcome.answer), steps)


def follows(before: str, here: str) -> bool:
    """Is it the same value, or an equivalent equation? What cannot be read follows from nothing."""
    try:
        return judge_case(_link(before), here).is_pass
    except TruthError:
        return False


def _parts(response: str, is_equation: bool) -> list[tuple[int, int]]:
    """Where the chain's members stand: the lines with `=`, cut at it unless the members are equations themselves."""
    found = []
    for line in re.finditer(r"[^\n]+", response):
        text = line.group()
        if not _EQUALS.search(text) or _FIELD.search(text):
            continue
        label = _LABEL.match(text)
        at = label.end() if label else 0
        cuts = [] if is_equation else [each.span() for each in _EQUALS.finditer(text, at)]
        for begin, end in zip([at, *(cut[1] for cut in cuts)], [*(cut[0] for cut in cuts), len(text)], strict=True):
            if undressed(text[begin:end]):
                found.append((line.start() + begin, line.start() + end))
    return found


def undressed(text: str) -> str:
    """Without the marks of mathematics around it, and the full stop behind it."""
    while (bare := _DRESS.sub("", text)) != text:
        text = bare
    return text
