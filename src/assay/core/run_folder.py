"""The one layout of a run on disk.

RUN/
  config.json       the resolved configuration, with its sha256
  metrics.jsonl     one row per training step or evaluation: {"step", "kind": "train" | "evaluate", name: number...}; and
                    per alarm ("alarm") or early end ("stop") a row that says why
  rollouts.jsonl    one row per completion (`RolloutRow`)
  evaluations.jsonl one row per evaluation, before, during and after (measure.evaluation.Evaluation)
  disagreements.jsonl  one row per completion on which a second opinion differs (measure.second_opinion.Opinion)
  certificate.json  the audit that allowed the training
  checkpoints/      step-000010/ ... each an HF folder with its training state beside it; `best`, `last` are files
                    that hold a checkpoint's name
  report.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from assay.core.errors import RunFolderError
from assay.core.records import append_jsonl, read_jsonl, sha256_of, write_json, write_jsonl
from assay.core.types import Json


@dataclass(frozen=True, slots=True)
class RolloutRow:
    """One completion as it was sampled, judged, rewarded and learnt from."""

    step: int
    group: str  # "<step>-<position>"
    sample: int  # -1: the greedy completion of an evaluation
    task: str
    prompt: str  # the messages as text, for readers
    text: str
    answer: str | None
    truth: Json
    outcome: str
    reason: str
    verifier: str
    evidence: Mapping[str, Json]
    reward: float
    parts: Mapping[str, float]
    advantage: float
    tokens: int
    finish: str
    policy: int
    seed: int
    seconds: float  # spent judging
    split: str = "train"  # "held_out" for the rows of evaluations
    kept: bool = True  # False: sampled, and left out of the step (dynamic sampling)


WALL_TIME = frozenset({"seconds", "time"})
"""Fields (and, before a `/`, prefixes) that may differ between a run and the same run resumed."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run on disk, by its path: `create` makes one, `open` checks one that is there."""

    path: Path

    @classmethod
    def create(cls, path: Path, config: Mapping[str, Json]) -> RunFolder:
        """A new run folder. Raises RunFolderError when there is one already."""
        if (path / "config.json").exists():
            raise RunFolderError(
                f"{path} already holds a run; continue it with --resume {path}, or choose another --out"
            )
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunFolderError(f"{path} exists and is not a run folder; choose another --out")
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "config.json", {"sha256": sha256_of(config), "config": config})
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run folder. Raises RunFolderError when it is not one, or its config was altered by hand."""
        if not (path / "config.json").is_file():
            raise RunFolderError(f"{path} is not a run folder: it holds no config.json")
        run = cls(path)
        saved = run._config_file()
        if saved.get("sha256") != sha256_of(saved.get("config")):
            raise RunFolderError(f"{path}/config.json does not match its sha256: start a new run to change a config")
        return run

    def _config_file(self) -> dict[str, Json]:
        try:
            saved = json.loads((self.path / "config.json").read_text())
        except ValueError as error:
            raise RunFolderError(f"{self.path}/config.json is not JSON ({error})") from None
        if not isinstance(saved, dict):
            raise RunFolderError(f"{self.path}/config.json holds no configuration")
        return saved

    @property
    def config(self) -> dict[str, Json]:
        config: dict[str, Json] = self._config_file()["config"]
        return config

    @property
    def config_sha256(self) -> str:
        return str(self._config_file()["sha256"])

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def rollouts(self) -> Path:
        return self.path / "rollouts.jsonl"

    @property
    def evaluations(self) -> Path:
        return self.path / "evaluations.jsonl"

    @property
    def disagreements(self) -> Path:
        return self.path / "disagreements.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoint(self) -> Path:
        """The best checkpoint, else the last one. Raises RunFolderError when there is none yet."""
        for pointer in ("best", "last"):
            file = self.checkpoints / pointer
            if file.is_file() and (found := self.checkpoints / file.read_text().strip()).is_dir():
                return found
        raise RunFolderError(f"{self.path} holds no checkpoint yet: resume the run, or name a model")

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def log(self, row: Mapping[str, Any]) -> None:
        append_jsonl(self.metrics, [row])

    def log_rollouts(self, rows: Iterable[RolloutRow]) -> None:
        append_jsonl(self.rollouts, rows)

    def read_metrics(self, kind: str | None = None) -> list[dict[str, Json]]:
        if not self.metrics.exists():
            return []
        rows = list(read_jsonl(self.metrics, broken_tail=True))
        return [row for row in rows if kind is None or row.get("kind") == kind]

    def read_rollouts(self) -> Iterator[dict[str, Json]]:
        if self.rollouts.exists():
            yield from read_jsonl(self.rollouts, broken_tail=True)

    def rewind(self, step: int) -> None:
        """Drop every row after `step`, so that a resumed run writes them again: one row a step, whatever was killed.

        An evaluation counts once it stands in `evaluations`, which is written last; what a killed one left elsewhere goes too.
        """
        whole: set[int] = set()
        for path in (self.evaluations, self.metrics, self.rollouts, self.disagreements):
            if not path.exists():
                continue
            kept = [row for row in read_jsonl(path, broken_tail=True) if int(row.get("step", 0)) <= step]
            if path == self.evaluations:
                whole = {int(row["step"]) for row in kept}
            write_jsonl(path, [row for row in kept if not _is_of_evaluation(row) or int(row["step"]) in whole])


def _is_of_evaluation(row: Mapping[str, Json]) -> bool:
    return row.get("kind") == "evaluate" or row.get("split") == "held_out"


def is_run(path: Path) -> bool:
    """Whether a folder holds a run; a model's folder has a config.json too, which is another thing."""
    try:
        saved = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(saved, dict) and {"sha256", "config"} <= saved.keys()


def rollout_fields() -> tuple[str, ...]:
    return tuple(each.name for each in fields(RolloutRow))
