"""The one layout of a pipeline on disk.

PIPELINE/
  recipe.json              the resolved recipe, with its sha256
  stages/NAME/             one folder a stage
    manifest.json          written last: without it the stage is not done, and what lies there is taken up again
    begun.json             until then: the settings and inputs that the stage is being made with
    samples.jsonl ...      what the stage sampled, kept and removed (its own file says what)
    run/                   RL: a whole run folder (core/run_folder)
    model/                 the policy, student or reward model that it made, where no checkpoint of `run` is it
    evaluations.jsonl      its policy on the held-out tasks that every stage's policy is examined on, one row a domain
    answers.jsonl          its policy's greedy answers to the prompts that the report shows side by side
  report.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.core.errors import RunFolderError
from assay.core.records import sha256_of, write_json
from assay.core.types import Json

MANIFEST = "manifest.json"
BEGUN = "begun.json"
ZERO = "-zero"
"""What the folder of the arm without a cold start is called by, beside that of the arm with it."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a stage was, and what came out of it. `inputs` are what it was made from, each by a hash of its content;
    `made` is the folder of what it made, relative to the stage's own, and `made_sha256` its hash."""

    stage: str
    kind: str
    title: str
    config: Mapping[str, Json]
    config_sha256: str
    inputs: Mapping[str, str]
    start: str | None  # the stage whose policy it started from, or base
    made: str | None
    made_sha256: str | None
    metrics: Mapping[str, Json] = field(default_factory=dict)
    details: Mapping[str, Json] = field(default_factory=dict)  # tables: yields, what filters removed, calibration
    gate: Mapping[str, Json] | None = None
    seconds: float = 0.0
    finished_at: str = ""

    @property
    def is_refused(self) -> bool:
        """Has the gate behind this stage failed?"""
        return self.gate is not None and not self.gate.get("passed", True)


@dataclass(frozen=True, slots=True)
class StageFolder:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def is_done(self) -> bool:
        return (self.path / MANIFEST).is_file()

    def manifest(self) -> Manifest:
        """Raises RunFolderError when there is none, or it cannot be read."""
        try:
            saved = json.loads((self.path / MANIFEST).read_text(encoding="utf-8"))
            return Manifest(**saved)
        except (OSError, ValueError, TypeError) as error:
            raise RunFolderError(f"{self.path} is no finished stage: its {MANIFEST} cannot be read ({error})") from None

    def begin(self, config: Mapping[str, Json], inputs: Mapping[str, str]) -> None:
        """Write down what the stage is being made with: what lies here goes with that alone."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / BEGUN, {"config": config, "inputs": inputs})

    def begun(self) -> dict[str, Json] | None:
        """What a stage that was never finished was being made with."""
        file = self.path / BEGUN
        found: dict[str, Json] | None = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
        return found

    def finish(self, manifest: Manifest) -> Manifest:
        write_json(self.path / MANIFEST, manifest)
        (self.path / BEGUN).unlink(missing_ok=True)
        return self.manifest()

    @property
    def made(self) -> Path:
        """The folder of what the stage made. Raises RunFolderError."""
        manifest = self.manifest()
        if manifest.made is None or not (self.path / manifest.made).is_dir():
            raise RunFolderError(
                f"{self.path}: what the stage made is gone ({manifest.made}); make it again with --from"
            )
        return self.path / manifest.made


@dataclass(frozen=True, slots=True)
class PipelineFolder:
    path: Path

    @classmethod
    def create(cls, path: Path, recipe: Mapping[str, Json]) -> PipelineFolder:
        """Raises RunFolderError when there is one already."""
        if (path / "recipe.json").exists():
            raise RunFolderError(f"{path} already holds a pipeline; go on with --resume, or choose another --out")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunFolderError(f"{path} exists and is no pipeline's folder; choose another --out")
        path.mkdir(parents=True, exist_ok=True)
        made = cls(path)
        made.write_recipe(recipe)
        return made

    @classmethod
    def open(cls, path: Path) -> PipelineFolder:
        """Raises RunFolderError when it is none."""
        if not (path / "recipe.json").is_file():
            raise RunFolderError(f"{path} is no pipeline's folder: it holds no recipe.json")
        return cls(path)

    def write_recipe(self, recipe: Mapping[str, Json]) -> None:
        write_json(self.path / "recipe.json", {"sha256": sha256_of(recipe), "recipe": recipe})

    @property
    def recipe(self) -> dict[str, Any]:
        saved = json.loads((self.path / "recipe.json").read_text(encoding="utf-8"))
        recipe: dict[str, Any] = saved["recipe"]
        return recipe

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def stage(self, name: str) -> StageFolder:
        return StageFolder(self.path / "stages" / name)

    def finished(self) -> list[StageFolder]:
        """The stages that are done, in the recipe's order."""
        return [folder for name in self.recipe["stages"] if (folder := self.stage(name)).is_done]


def is_pipeline(path: Path) -> bool:
    return (path / "recipe.json").is_file()


def fingerprint_of(folder: Path) -> str:
    """sha256 over a model's folder: its weights and configuration, by name and content."""
    digest = hashlib.sha256()
    for file in sorted(each for each in folder.iterdir() if each.suffix in (".safetensors", ".json", ".gguf")):
        if file.name == MANIFEST:
            continue  # a checkpoint's says when and how, not what
        digest.update(file.name.encode() + b"\0")
        with file.open("rb") as content:
            while part := content.read(1 << 22):
                digest.update(part)
    return digest.hexdigest()
