"""The certificate: what was audited, by which battery, with which figures and holes, sealed by a sha256.

Training looks for one that matches its verifiers, rule and tasks, and audits when there is none. It is evidence for
whoever reads the run, not a signature: the sha256 shows an edit, it does not prevent one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.audit.report import AuditReport, Subject
from assay.audit.run import Level
from assay.audit.subject import subject_of
from assay.core.records import sha256_of, to_json, write_json
from assay.core.types import Json, Task
from assay.reward.rule import RewardRule

FILE = "certificate.json"


@dataclass(frozen=True, slots=True)
class Certificate:
    """`accepted`: holes trained with all the same, by name, each with the reason that the configuration gives."""

    subject: Subject
    level: str
    figures: Mapping[str, Json]
    holes: tuple[Mapping[str, Json], ...]
    accepted: Mapping[str, str]
    sha256: str

    @property
    def id(self) -> str:
        return self.sha256[:12]

    @property
    def is_clean(self) -> bool:
        return not self.holes


def certify(report: AuditReport, accepted: Mapping[str, str] | None = None) -> Certificate:
    body = _body(report, accepted or {})
    return _certificate(body | {"sha256": sha256_of(body)})


def save_certificate(folder: Path, report: AuditReport, accepted: Mapping[str, str] | None = None) -> Certificate:
    """Write `certificate.json` into a folder."""
    made = certify(report, accepted)
    write_json(folder / FILE, made)
    return made


def read_certificate(folder: Path) -> Certificate | None:
    """The folder's certificate; None when there is none, or when it was altered (its sha256 no longer fits)."""
    try:
        saved = json.loads((folder / FILE).read_text(encoding="utf-8"))
        sealed = saved["sha256"] == sha256_of({key: value for key, value in saved.items() if key != "sha256"})
        return _certificate(saved) if sealed else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def matches(certificate: Certificate, tasks: Sequence[Task], rule: RewardRule, level: Level) -> bool:
    """Is this certificate about these verifiers, tasks, rule and battery, at this level or a fuller one?"""
    return certificate.subject == subject_of(tasks, rule) and (level == "quick" or certificate.level == "full")


def find_certificate(folder: Path, tasks: Sequence[Task], rule: RewardRule, level: Level) -> Certificate | None:
    """The folder's certificate when it matches and shows no hole but accepted ones."""
    found = read_certificate(folder)
    if found is None or not matches(found, tasks, rule, level):
        return None
    return found if all(hole["name"] in found.accepted for hole in found.holes) else None


def _body(report: AuditReport, accepted: Mapping[str, str]) -> dict[str, Json]:
    paid, tried = report.recall
    figures = {
        "tasks": report.tasks,
        "seed": report.seed,
        "attacks_tried": report.attacks_tried,
        "attacks_paid": report.attacks_paid,
        "false_accept_bound": report.false_accept_bound,
        "equivalents_tried": tried,
        "equivalents_paid": paid,
        "recall_bound": report.recall_bound,
        "repeats": report.repeats,
        "p50_seconds": report.p50_seconds,
        "p99_seconds": report.p99_seconds,
        "peak_bytes": report.peak_bytes,
        "families": [to_json(each) | {"bound": each.bound} for each in report.families],
    }
    body = {
        "subject": report.subject,
        "level": report.level,
        "figures": figures,
        "holes": [
            {**hole.row(), "name": hole.name, "kind": hole.kind, "sentence": hole.sentence()} for hole in report.holes
        ],
        "accepted": dict(accepted),
    }
    plain: dict[str, Json] = to_json(body)
    return plain


def _certificate(saved: Mapping[str, Json]) -> Certificate:
    subject = saved["subject"]
    return Certificate(
        subject=Subject(**subject | {"verifiers": tuple(subject["verifiers"])}),
        level=saved["level"],
        figures=saved["figures"],
        holes=tuple(saved["holes"]),
        accepted=saved["accepted"],
        sha256=saved["sha256"],
    )
