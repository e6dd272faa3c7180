"""A second opinion on answers to math tasks: math-verify (Hugging Face, Apache 2.0), which shares no code with ours.

It reads the whole response by its own rules (the last box, else the last formula or number) and compares by sympy. The
policies of a truth (units, form, tolerance...) it does not know, so that where a task forbids a form the two may differ
by right: a disagreement is a place to look, not a mistake of one of them.

Its time-outs are alarm signals, which only a main thread may set: it is run as a verifier in a judge pool of its own, whose
workers judge in their main thread and are killed when they hang. `pip install 'assay[math]'`.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

from assay.core.errors import MissingExtra
from assay.core.types import Finding, Json, Outcome, Reason
from assay.verify.base import failed
from assay.verify.math.policy import read_policy

SHOWN = 200  # characters of a reading
SECONDS = 4  # of its own, for parsing and for comparing: under the pool's


class Gold(NamedTuple):
    """Each accepted answer as math-verify parses it."""

    answers: tuple[list[Any], ...]
    shown: str


class MathVerify:
    name = "math-verify"

    @property
    def version(self) -> str:
        from importlib.metadata import version

        return version("math-verify")

    def read(self, truth: Json) -> Gold:
        parse, _ = _load()
        answers, _, _ = read_policy(truth)
        texts = [each if "\\boxed" in each else f"\\boxed{{{each}}}" for each in answers]
        parsed = [parse(text, parsing_timeout=SECONDS) for text in texts]
        return Gold(tuple(parsed), _shown(parsed[0]))

    def check(self, truth: Gold, response: str, prompt: str = "") -> Finding:
        parse, verify = _load()
        read = parse(response, parsing_timeout=SECONDS)
        if not read:
            return failed(Reason.NO_ANSWER, truth=truth.shown)
        shown = _shown(read)
        is_right = any(verify(gold, read, timeout_seconds=SECONDS) for gold in truth.answers)
        evidence = {"read": shown, "truth": truth.shown}
        if is_right:
            return Finding(Outcome.PASS, Reason.CORRECT, shown, evidence)
        return Finding(Outcome.FAIL, Reason.WRONG_VALUE, shown, evidence)

    def warm(self) -> None:
        _load()


def _load() -> tuple[Any, Any]:
    try:
        from math_verify import parse, verify
    except ImportError:
        raise MissingExtra("math-verify", "math", "the second opinion on math") from None
    logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # what it cannot parse, it says as a warning
    return parse, verify


def _shown(parsed: list[Any]) -> str:
    """The value it read, and the text that it was read from where that is another."""
    if not parsed:
        return "nothing"
    value = str(parsed[0])
    text = str(parsed[-1])
    return (value if value == text or not text else f"{value} (from {text})")[:SHOWN]
