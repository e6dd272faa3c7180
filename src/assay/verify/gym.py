r"""reasoning-gym's own scorers, held to one rule: PASS at a score of exactly 1.0, and nothing else pays.

Its scores are graded. The default one pays len(oracle) / len(answer) when the oracle is part of the answer, so that a
list of guesses earns; others pay 0.01 for any text at all. The raw score goes to the evidence, never into a reward.

The truth is `{"dataset": name, "config": {...}, "entry": {"question", "answer", "metadata"}, "field": ...}`: all that is
needed to judge in a process that has never seen the data set. The field is `answer_tag` unless it says otherwise.

Some of the scorers give the answer to Python's `eval` or to sympy's `parse_expr`, which is the same (`countdown`,
`n_queens`, ...). These are found by reading the scorer's source, and are only ever shown arithmetic: numbers, names,
operators, brackets and a few functions. Anything else is FAIL (malformed) before the scorer sees it.
A scorer that raises is answered by FAIL (malformed) too: no text of a response may bring a verifier to VOID.
"""

from __future__ import annotations

import copy
import inspect
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from assay.core.errors import ConfigError, MissingExtra, TruthError, UnknownName, did_you_mean
from assay.core.types import Finding, Json, Reason
from assay.verify.base import failed, passed
from assay.verify.extract import FIELDS, extract

KEYS = ("dataset", "config", "entry", "field")
EVALUATES = re.compile(r"\b(?:eval|exec|parse_expr|sympify)\(\s*(?!entry\b|metadata\b|oracle)")
FUNCTIONS = frozenset({"sin", "cos", "tan", "exp", "log", "ln", "sqrt", "Abs", "asin", "acos", "atan"})
ARITHMETIC = re.compile(r"[0-9A-Za-z+\-*/^()., \n\t=]{1,500}")
CALL = re.compile(r"([A-Za-z][0-9A-Za-z]*)\s*\(")
ATTRIBUTE = re.compile(r"\.\s*[A-Za-z]|[0-9A-Za-z)]\s*\.\s*[A-Za-z]")
LARGE = re.compile(r"\d{16}|(?:\*\*|\^)[\s(+-]*\d{4}")


@dataclass(frozen=True, slots=True)
class GymTruth:
    dataset: Any  # reasoning-gym's, for its scorer
    entry: Mapping[str, Json]
    field: str
    evaluates: bool


class GymVerifier:
    name = "gym"
    version = "1"

    def read(self, truth: Json) -> GymTruth:
        if not isinstance(truth, dict):
            raise TruthError('gym: {"dataset": name, "config": {...}, "entry": {...}} would be right')
        for key in truth:
            if key not in KEYS:
                raise TruthError(f"gym: unknown key {key!r}{did_you_mean(key, KEYS)}; known: {', '.join(KEYS)}")
        entry, field = truth.get("entry"), truth.get("field", "answer_tag")
        if not isinstance(entry, dict) or "answer" not in entry or not isinstance(entry.get("metadata"), dict):
            raise TruthError("gym: entry: an object with `answer` and `metadata` would be right")
        if field not in FIELDS:
            raise TruthError(f"gym: field: {field!r} is none of {', '.join(FIELDS)}")
        name, config = truth.get("dataset"), truth.get("config") or {}
        if not isinstance(name, str) or not isinstance(config, dict):
            raise TruthError("gym: dataset: a reasoning-gym data set's name would be right")
        try:
            dataset = scorer(name, json.dumps(config, sort_keys=True))
        except (UnknownName, ConfigError) as error:
            raise TruthError(f"gym: {error}") from error
        kind: Any = type(dataset)
        return GymTruth(dataset, entry, field, evaluates(kind))

    def check(self, truth: GymTruth, response: str, prompt: str = "") -> Finding:
        field = extract(response, truth.field)
        if field.text is None:
            return failed(field.reason or Reason.NO_ANSWER)
        if truth.evaluates and not is_arithmetic(field.text):
            return failed(
                Reason.MALFORMED, field.text, note="this scorer evaluates the answer, which is not plain arithmetic"
            )
        try:
            score = float(truth.dataset.score_answer(field.text, copy.deepcopy(dict(truth.entry))))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - foreign code met a text that its author did not think of
            return failed(Reason.MALFORMED, field.text, error=f"{type(error).__name__}: {error}"[:200])
        if not math.isfinite(score):
            return failed(Reason.WRONG_VALUE, field.text, gym_score=None)
        return (
            passed(field.text, gym_score=score)
            if score == 1.0
            else failed(Reason.WRONG_VALUE, field.text, gym_score=score)
        )


def datasets(wanted_by: str) -> Mapping[str, Any]:
    """reasoning-gym's data sets by name: (class, configuration class). Raises MissingExtra."""
    try:
        from reasoning_gym.factory import DATASETS
    except ImportError:
        raise MissingExtra("reasoning-gym", "gym", wanted_by) from None
    found: Mapping[str, Any] = DATASETS
    return found


def make_dataset(name: str, config: Mapping[str, Json], *, seed: int, size: int) -> Any:
    """Raises UnknownName, ConfigError (with the nearest key), MissingExtra."""
    known = datasets(f"gym:{name}")
    if name not in known:
        raise UnknownName("gym data set", name, known)
    kind, settings = known[name]
    keys = [each for each in inspect.signature(settings).parameters if each not in ("seed", "size")]
    for key in config:
        if key not in keys:
            raise ConfigError(f"gym:{name}: unknown key {key!r}{did_you_mean(key, keys)}; known: {', '.join(keys)}")
    try:
        made = settings(seed=seed, size=size, **config)
        if hasattr(made, "validate"):
            made.validate()
        return kind(config=made)
    except (AssertionError, ValueError, TypeError) as error:
        raise ConfigError(f"gym:{name}: its configuration is refused ({str(error)[:200]})") from error


@lru_cache(maxsize=64)
def scorer(name: str, config: str) -> Any:
    """A data set of one entry, whose `score_answer` is wanted."""
    return make_dataset(name, json.loads(config), seed=0, size=1)


@lru_cache(maxsize=256)
def evaluates(kind: Any) -> bool:
    """Does its scorer run the answer as Python?"""
    return EVALUATES.search(inspect.getsource(kind.score_answer)) is not None


def is_arithmetic(text: str) -> bool:
    """Plain enough to be evaluated: no attribute, no call but of a known function, no number without bounds."""
    return (
        ARITHMETIC.fullmatch(text) is not None
        and ATTRIBUTE.search(text) is None
        and LARGE.search(text) is None
        and all(name in FUNCTIONS for name in CALL.findall(text))
    )
