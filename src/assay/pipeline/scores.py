"""What a model scored on named suites: the noun that a gate compares, and its files.

    *.jsonl         one row per prompt, {"suite", "id", "score"} and what else is known; an optional first row
                    {"model", "sha256", "kind", "suites": {name: fingerprint}} says whose they are
    *.json, *.toml  plain figures: {"reasoning": 0.61, ...}, or {"model": name, "figures": {...}}
    RUN/            a run folder: its gate.jsonl where a gate has left one, else its last evaluation (`reasoning` is pass@1,
                    `format` the share of readable answers); an evaluation's own .jsonl likewise

Plain figures have no prompts, so nothing can be paired and a gate decides them by the figure alone.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assay.core.errors import TaskFileError, UsageError
from assay.core.records import finite, read_jsonl, refuse_constant, sha256_of, write_jsonl
from assay.core.types import Json
from assay.measure.evaluation import Evaluation, read_evaluation

Kind = Literal["weights", "checkpoint", "server", "results", "figures"]
RUN_FILE = "gate.jsonl"
FROM_EVALUATION = {"reasoning": "pass@1", "format": "format_rate"}


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose scores these are. `sha256` is over what `kind` names: the weights' bytes, or the scores where no more is known
    (a server's model is known by its name and scores alone)."""

    name: str
    kind: Kind
    sha256: str


@dataclass(frozen=True, slots=True)
class PromptScore:
    """One prompt's score, the mean of its samples; `texts` and `found` (what a sample lacked) are for people to read."""

    id: str
    score: float
    texts: tuple[str, ...] = ()
    found: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.score):
            raise UsageError(f"the score of {self.id} is {self.score}: a finite number would be right")


@dataclass(frozen=True, slots=True)
class SuiteScores:
    """A suite's mean over prompts; `prompts` is empty for a plain figure. `fingerprint` names prompts and rules ("": unknown)."""

    suite: str
    value: float
    prompts: tuple[PromptScore, ...] = ()
    fingerprint: str = ""
    voids: int = 0

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise UsageError(f"the figure of {self.suite} is {self.value}: a finite number would be right")
        names = [each.id for each in self.prompts]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"{self.suite}: the prompt {twice!r} is scored twice: one score a prompt would be right")

    @classmethod
    def of(cls, suite: str, prompts: Iterable[PromptScore], fingerprint: str = "", voids: int = 0) -> SuiteScores:
        """Raises UsageError for no prompt at all."""
        scored = tuple(prompts)
        if not scored:
            raise UsageError(f"{suite}: no prompt was scored, so there is no mean")
        return cls(suite, sum(each.score for each in scored) / len(scored), scored, fingerprint, voids)

    def by_id(self) -> dict[str, float]:
        return {each.id: each.score for each in self.prompts}


@dataclass(frozen=True, slots=True)
class ModelScores:
    who: Identity
    suites: tuple[SuiteScores, ...]

    def suite(self, name: str) -> SuiteScores | None:
        return next((each for each in self.suites if each.suite == name), None)

    @classmethod
    def figures(cls, name: str, values: Mapping[str, float]) -> ModelScores:
        """Plain figures without prompts."""
        suites = tuple(SuiteScores(suite, float(value)) for suite, value in values.items())
        return cls(Identity(name, "figures", sha256_of(dict(values))), suites)


def results_sha256(suites: Iterable[SuiteScores]) -> str:
    """Over scores alone: what the same model would score again."""
    return sha256_of({each.suite: each.by_id() or each.value for each in suites})


def write_scores(path: Path, scores: ModelScores) -> None:
    """As `read_scores` reads it. Raises UsageError for plain figures, which have no rows."""
    if any(not each.prompts for each in scores.suites):
        raise UsageError(f"{path}: plain figures have no scores by prompt to write")
    head = {"model": scores.who.name, "sha256": scores.who.sha256, "kind": scores.who.kind}
    fingerprints = {each.suite: each.fingerprint for each in scores.suites}
    rows: list[dict[str, Json]] = [{**head, "suites": fingerprints}]
    for suite in scores.suites:
        for each in suite.prompts:
            row: dict[str, Json] = {"suite": suite.suite, "id": each.id, "score": each.score}
            row |= {"texts": list(each.texts)} if each.texts else {}
            row |= {"found": list(each.found)} if each.found else {}
            rows.append(row)
    write_jsonl(path, rows)


def is_recorded(name: str) -> bool:
    """Does the name mean recorded scores, rather than a model to run?"""
    path = Path(name)
    return path.suffix in (".jsonl", ".json", ".toml") or (path / RUN_FILE).is_file()


def read_scores(path: Path) -> ModelScores:
    """Recorded scores in any of the forms above. Raises UsageError or TaskFileError, naming file and row."""
    if path.is_dir():
        own = path / RUN_FILE
        return _rows(own) if own.is_file() else _evaluated(read_evaluation(path), str(path))
    if path.suffix in (".json", ".toml"):
        return _figures(path)
    first = next(read_jsonl(path), None)
    if first is None:
        raise TaskFileError(f"{path} is empty: it holds no score")
    return _evaluated(read_evaluation(path), str(path)) if "problems" in first else _rows(path)


def _rows(path: Path) -> ModelScores:
    who: dict[str, Json] = {}
    prompts: dict[str, list[PromptScore]] = {}
    for number, row in enumerate(read_jsonl(path), 1):
        if number == 1 and "score" not in row and "model" in row:
            who = row
            continue
        try:
            score = row["score"]
            if isinstance(score, bool) or not isinstance(score, (int, float)):
                raise TypeError("score is no number")
            made = PromptScore(str(row["id"]), float(score), tuple(row.get("texts", ())), tuple(row.get("found", ())))
            prompts.setdefault(str(row["suite"]), []).append(made)
        except (KeyError, TypeError) as error:
            raise TaskFileError(
                f'{path}:{number}: {{"suite": name, "id": prompt, "score": number}} would be right ({error})'
            ) from None
    given = who.get("suites")
    fingerprints = given if isinstance(given, Mapping) else {}
    suites = tuple(SuiteScores.of(name, each, str(fingerprints.get(name, ""))) for name, each in prompts.items())
    sha = str(who.get("sha256") or results_sha256(suites))
    kind = who.get("kind") if who.get("sha256") else "results"
    return ModelScores(Identity(str(who.get("model", path)), _kind(kind), sha), suites)


def _figures(path: Path) -> ModelScores:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            values = tomllib.loads(text)
        else:
            values = json.loads(text, parse_constant=refuse_constant, parse_float=finite)
    except OSError as error:
        raise TaskFileError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise TaskFileError(f"{path}: not {path.suffix[1:].upper()} ({error})") from None
    figures: Any = values.get("figures", values) if isinstance(values, dict) else values
    is_table = isinstance(figures, dict) and bool(figures)
    if not is_table or not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in figures.values()):
        raise TaskFileError(f'{path}: suite names with a number each would be right, as {{"reasoning": 0.61}}')
    named = values.get("model") if "figures" in values else None
    return ModelScores.figures(str(named or path), figures)


def _evaluated(evaluation: Evaluation, name: str) -> ModelScores:
    table = evaluation.scores()
    fingerprint = sha256_of([evaluation.tasks, evaluation.samples, evaluation.temperature, evaluation.verifiers])[:12]
    suites = tuple(
        SuiteScores.of(suite, [PromptScore(task, score) for task, score in table[figure].items()], fingerprint)
        for suite, figure in FROM_EVALUATION.items()
        if table.get(figure)
    )
    if not suites:
        raise UsageError(f"{name}: its evaluation holds no sample that could be judged")
    return ModelScores(Identity(evaluation.model or name, "results", results_sha256(suites)), suites)


def _kind(value: Json) -> Kind:
    known: tuple[Kind, ...] = ("weights", "checkpoint", "server", "results", "figures")
    return next((each for each in known if each == value), "results")
