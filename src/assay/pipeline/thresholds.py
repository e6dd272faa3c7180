"""The gate's file: limits and suites in TOML, written before training.

    decide = "interval"             # or "point": the means alone
    [suites.reasoning]
    tasks = "warehouse"             # a task source; else file = "mine.jsonl" or "any.txt", else the built-in suite of that name
    gain_above = 0.0
    [suites.false_refusals]
    max_rise = 0.02

`extends` and the rest of the layers are those of every configuration (core/layers). Without a file the built-in one is taken.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from assay.core.config import TasksConfig
from assay.core.errors import ConfigError
from assay.core.layers import Layered, merge, validate
from assay.core.records import sha256_of, write_json
from assay.core.section import Section
from assay.pipeline.gate import RULES, Thresholds
from assay.pipeline.suite import How, Suite, find_suite, read_suite, task_suite, text_suite

BUILT_IN = Path(__file__).with_name("gate.toml")
FILE = "gate.json"
"""The resolved file in a run folder, where `assay train --gate` puts it before the first step."""


class SuiteSection(Section):
    """A suite and its limits."""

    tasks: str | None = Field(None, description="a task source, whose held-out tasks are the suite")
    file: str | None = Field(None, description="a suite's .jsonl, or any text whose loss is measured")
    options: dict[str, Any] = Field(default_factory=dict, description="the task source's own options")
    problems: int = Field(64, ge=1, description="held-out tasks of a task source")
    max_new_tokens: int = Field(256, ge=1, description="longest reply to a task source's prompts, tokens")
    gain_above: float | None = Field(None, description="the candidate's mean must rise by more than this")
    max_drop: float | None = Field(None, ge=0, description="the mean may fall by at most this")
    max_rise: float | None = Field(None, ge=0, description="the mean may rise by at most this")
    at_least: float | None = Field(None, description="the candidate's own mean, at least")
    at_most: float | None = Field(None, description="the candidate's own mean, at most")

    @property
    def limits(self) -> dict[str, float]:
        return {rule: value for rule in RULES if (value := getattr(self, rule)) is not None}


class GateSection(Section):
    """What stands outside the suites."""

    decide: Literal["interval", "point"] = Field(
        "interval",
        description="`interval`: the worse end of the paired 95 % interval must keep a limit; `point`: the mean",
    )
    samples: int = Field(1, ge=1, description="replies to each prompt")
    temperature: float = Field(0.0, ge=0, description="sampling temperature; 0 is greedy")
    seed: int = Field(0, ge=0, description="the seed of the replies and of the bootstrap")
    void_budget: float = Field(0.02, ge=0, le=1, description="share of VOID verdicts that stops a suite")


@dataclass(frozen=True, slots=True)
class GateFile:
    """`folder` is where a suite's relative `file` is looked for."""

    how: GateSection
    suites: Mapping[str, SuiteSection]
    folder: Path

    @property
    def thresholds(self) -> Thresholds:
        """Raises UsageError when no suite has a limit."""
        return Thresholds.of({name: each.limits for name, each in self.suites.items()}, self.how.decide, self.how.seed)

    @property
    def sampling(self) -> How:
        return How(self.how.samples, self.how.temperature, self.how.seed, self.how.void_budget)

    def suite(self, name: str) -> Suite:
        """The prompts that a section means. Raises UsageError, ConfigError or TaskFileError."""
        section = self.suites[name]
        if section.tasks is not None:
            config = TasksConfig(source=section.tasks, options=section.options)
            return task_suite(name, config, section.problems, max_new_tokens=section.max_new_tokens)
        if section.file is not None:
            path = self.folder / section.file
            return read_suite(path, name) if path.suffix == ".jsonl" else text_suite(name, path)
        return find_suite(name)


def read_gate(path: Path | None = None) -> GateFile:
    """Raises ConfigError naming file and key."""
    place = path or BUILT_IN
    layered = merge([place]) if place.suffix != ".json" else _saved(place)
    values = dict(layered.values)
    suites = values.pop("suites", {})
    if not isinstance(suites, dict) or not suites:
        raise ConfigError(f"{place}: a gate needs suites: [suites.reasoning] with a limit would be right")
    head = validate(GateSection, Layered(values, layered.origins))
    sections = {}
    for name, section in suites.items():
        if not isinstance(section, dict):
            raise ConfigError(f"{place}: suites.{name}: a table with limits would be right, not {section!r}")
        if "tasks" in section and "file" in section:
            raise ConfigError(f"{place}: [suites.{name}]: tasks and file both name prompts; one of them would be right")
        start = f"suites.{name}."
        origins = {key[len(start) :]: f"{origin}: [suites.{name}]" for key, origin in layered.origins.items() if key.startswith(start)}  # fmt: skip
        sections[name] = validate(SuiteSection, Layered(section, origins))
    return GateFile(head, sections, place.parent)


def save_gate(gate: GateFile, folder: Path) -> None:
    """The resolved file with its sha256, so that what was fixed before training can be told from what was changed after."""
    suites = {name: each.model_dump(exclude_none=True) for name, each in gate.suites.items()}
    for section in suites.values():
        if "file" in section:
            section["file"] = str((gate.folder / section["file"]).resolve())
    values = {**gate.how.model_dump(), "suites": suites}
    write_json(folder / FILE, {"sha256": sha256_of(values), "gate": values})


def _saved(path: Path) -> Layered:
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
        values, sha = saved["gate"], saved["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: what `assay train --gate` wrote cannot be read ({error})") from None
    if sha256_of(values) != sha:
        raise ConfigError(
            f"{path} does not match its sha256: limits that were fixed before training are not to be changed"
        )
    layered = merge((), base=values)
    return Layered(layered.values, {key: str(path) for key in layered.origins})
