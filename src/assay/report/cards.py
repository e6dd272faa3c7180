"""What a stage comes to in a few figures: a card of the report, a line in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.core.pipeline_folder import Manifest
from assay.core.types import Json

KINDS = {
    "base": "as it comes",
    "sft": "SFT",
    "rl": "GRPO",
    "reject": "samples, SFT",
    "final_rl": "GRPO, two rewards",
    "reward_model": "Bradley-Terry",
    "dpo": "DPO",
    "distill": "distillation",
    "gate": "gate",
}


@dataclass(frozen=True, slots=True)
class Card:
    """`figures` are what the stage did; `exam` what its policy scores on what every stage's policy is examined on."""

    name: str
    title: str
    kind: str
    figures: tuple[tuple[str, str], ...]
    exam: Mapping[str, float]


def card_of(manifest: Manifest) -> Card:
    metrics = manifest.metrics
    exam = metrics.get("exam")
    return Card(
        name=manifest.stage,
        title=manifest.title or manifest.stage.replace("_", " ").capitalize(),
        kind=KINDS.get(manifest.kind, manifest.kind),
        figures=tuple(_figures(manifest, metrics)),
        exam={name: float(value) for name, value in exam.items()} if isinstance(exam, Mapping) else {},
    )


def _figures(manifest: Manifest, metrics: Mapping[str, Json]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if "gathered" in manifest.details and "examples" in metrics:
        found.append(("kept", f"{manifest.details['kept']:,} of {manifest.details['gathered']:,}"))
    if "coverage" in manifest.details:
        found.append(("coverage", f"{manifest.details['coverage']:.0%}"))
    for name, label in (("examples", "examples"), ("pairs", "pairs"), ("steps", "steps")):
        if isinstance(metrics.get(name), int):
            found.append((label, f"{metrics[name]:,}"))
    if "last_loss" in metrics:
        found.append(("loss", f"{metrics['first_loss']:.2f} to {metrics['last_loss']:.2f}"))
    for name, label in (("accuracy", "held-out accuracy"), ("calibration", "calibration error")):
        if isinstance(metrics.get(name), float):
            found.append((label, f"{metrics[name]:.3f}"))
    if "checked" in (metrics.get("exam") or {}):
        found.append(("pass@1", f"{metrics['exam']['checked']:.3f}"))
    return found
