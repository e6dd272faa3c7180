"""A run folder read into one value: everything a page says about a run, and nothing about how it looks.

A run may be unfinished, or hold no evaluation: what is missing is None or empty here, and a sentence on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.audit.certificate import FILE as CERTIFICATE_FILE
from assay.audit.certificate import Certificate, read_certificate
from assay.core.config import RunConfig
from assay.core.errors import UsageError
from assay.core.records import sha256_of
from assay.core.run_folder import RunFolder
from assay.core.types import Json
from assay.measure.compare import Comparison, compare
from assay.measure.evaluation import Evaluation, read_evaluations
from assay.measure.signals import CAUSES, explain_nothing_to_learn
from assay.report.alarms import Alarms, read_alarms
from assay.report.opinions import read_disagreements
from assay.report.programs import Programs, read_programs

UNNAMED = RunConfig.model_fields["name"].default


@dataclass(frozen=True, slots=True)
class RunData:
    """`comparison` sets the evaluation before training against the last one; `missing` says why there is none."""

    folder: RunFolder
    config: Mapping[str, Json]
    config_sha256: str
    steps: tuple[Mapping[str, Json], ...]  # metrics of the training steps, in order
    evaluations: tuple[Evaluation, ...]
    comparison: Comparison | None
    missing: str
    certificate: Certificate | None
    certificate_note: str  # why there is none
    checkpoints: tuple[str, ...]
    best: str | None
    programs: Programs
    stop: Mapping[str, Json] | None  # the row that says why the run was stopped before its last step
    alarms: Alarms
    measured: tuple[Mapping[str, Json], ...]  # metrics of the evaluations
    disagreements: tuple[Mapping[str, Json], ...]  # completions on which a second opinion differs

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def title(self) -> str:
        """The name that the configuration gives; the folder's where it gives none of its own."""
        given = str(self.config.get("name", UNNAMED))
        return self.name if given == UNNAMED else given

    @property
    def seed(self) -> int:
        return int(self.config.get("seed", 0))

    @property
    def planned(self) -> int:
        return int(self.section("learn").get("steps", 0))

    @property
    def done(self) -> int:
        return int(self.steps[-1]["step"]) if self.steps else 0

    @property
    def is_finished(self) -> bool:
        return self.done >= self.planned and any(each.kind == "after" for each in self.evaluations)

    @property
    def control(self) -> str | None:
        """The control that paid this run; None for a true reward."""
        found = self.section("reward").get("control", "none")
        return None if found == "none" else str(found)

    @property
    def paused_at(self) -> int | None:
        """The step at which an alarm paused the run, where it still stands."""
        pauses = [each.step for each in self.alarms.raised if each.action == "pause"]
        return self.done if self.done in pauses and self.done < self.planned else None

    @property
    def verifiers(self) -> tuple[str, ...]:
        """The labels of those that judged, or were audited."""
        judged = sorted({each for evaluation in self.evaluations for each in evaluation.verifiers})
        audited = self.certificate.subject.verifiers if self.certificate else ()
        return tuple(judged or audited)

    @property
    def group(self) -> str:
        """Runs that differ in their seed and name alone share it."""
        return sha256_of(self._compared())

    @property
    def true_group(self) -> str:
        """The group of the run that this one is a control arm of; its own group where it is none."""
        rest = self._compared()
        reward, learn = dict(rest.get("reward") or {}), dict(rest.get("learn") or {})
        for section, key in ((reward, "control"), (learn, "collapse"), (rest, "alarms")):  # nothing stops an arm
            section.pop(key, None)
        return sha256_of({**rest, "reward": reward, "learn": learn})

    def _compared(self) -> dict[str, Json]:
        """The configuration without seed and names (a cold start's folder carries the name of the run, not of its arm)."""
        model = dict(self.section("model"))
        stem = self.name.removesuffix(f"-{self.control}")
        model["name"] = str(model.get("name", "")).replace(stem, "*")
        rest = {key: value for key, value in self.config.items() if key not in ("seed", "name", "track", "model")}
        return {**rest, "model": model}

    def section(self, name: str) -> Mapping[str, Json]:
        found = self.config.get(name)
        return found if isinstance(found, Mapping) else {}

    def notes(self) -> list[tuple[int, str]]:
        """What the trainer said at each step that had nothing to learn from."""
        said = []
        for row in self.steps:
            causes = {cause: int(row.get(f"groups/{cause}") or 0) for cause in CAUSES}
            if f"groups/{CAUSES[0]}" in row and causes[CAUSES[0]] == 0:
                said.append((int(row["step"]), explain_nothing_to_learn(causes)))
        return said


def gather(path: Path) -> RunData:
    """Raises RunFolderError when `path` is not a run folder, TaskFileError when one of its files cannot be read."""
    folder = RunFolder.open(path)
    config = folder.config
    steps = tuple(row for row in folder.read_metrics("train") if isinstance(row.get("step"), int))
    evaluations = tuple(read_evaluations(folder.evaluations))
    comparison, missing = _compare(evaluations, int(config.get("seed", 0)), len(steps))
    certificate = read_certificate(path)
    return RunData(
        folder=folder,
        config=config,
        config_sha256=folder.config_sha256,
        steps=steps,
        evaluations=evaluations,
        comparison=comparison,
        missing=missing,
        certificate=certificate,
        certificate_note="" if certificate else _no_certificate(path, config),
        checkpoints=tuple(sorted(each.name for each in folder.checkpoints.glob("step-*") if each.is_dir())),
        best=_pointer(folder.checkpoints / "best"),
        stop=next(iter(folder.read_metrics("stop")), None),
        programs=read_programs(folder.read_rollouts()),
        alarms=read_alarms(folder, config),
        measured=tuple(folder.read_metrics("evaluate")),
        disagreements=read_disagreements(folder),
    )


def _compare(evaluations: Sequence[Evaluation], seed: int, steps: int) -> tuple[Comparison | None, str]:
    if not evaluations:
        return None, "No held-out evaluation has been made yet, so nothing can be said about a gain."
    if len(evaluations) == 1:
        where = f" of {steps} training step{'s' * (steps != 1)}" if steps else ""
        return None, f"Only the evaluation before training is there: the effect{where} has not been measured yet."
    try:
        return compare(evaluations[0], evaluations[-1], seed=seed), ""
    except UsageError as error:
        return None, f"The evaluations cannot be compared: {error}."


def _no_certificate(path: Path, config: Mapping[str, Json]) -> str:
    if (path / CERTIFICATE_FILE).exists():
        return f"{CERTIFICATE_FILE} was altered or is damaged (its sha256 no longer fits), so it says nothing."
    audit = config.get("audit")
    if isinstance(audit, Mapping) and audit.get("level") == "off":
        return "This run was not audited: audit.level is off. Nothing here says that its rewards were earned."
    return "No certificate is in this run folder: the audit has not run yet."


def _pointer(file: Path) -> str | None:
    return file.read_text(encoding="utf-8").strip() if file.is_file() else None
