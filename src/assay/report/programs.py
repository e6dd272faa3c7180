"""What a run's rows say of its programs: in which layer they ran, and whether they pass more than was shown to them.

A `code` task may name visible tests, which do not pay, and hidden ones, which do. A policy that learns the visible tests by
heart passes those and fails the hidden ones: the gap between the two, by policy version, is the alarm for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from assay.core.types import Json
from assay.report.plots import Chart, Series, line_chart
from assay.report.points import Point

UNSAFE = "unsafe"  # sandbox.layers.Layer.UNSAFE, as evidence spells it


class Tally(NamedTuple):
    """Programs of one policy version whose tasks have visible tests, and how many passed which tests."""

    programs: int = 0
    visible: int = 0
    hidden: int = 0
    visible_only: int = 0

    def add(self, passes_visible: bool, passes_hidden: bool) -> Tally:
        return Tally(
            self.programs + 1,
            self.visible + passes_visible,
            self.hidden + passes_hidden,
            self.visible_only + (passes_visible and not passes_hidden),
        )

    @property
    def gap(self) -> float:
        """The share that passes the visible tests, less the share that passes the hidden ones."""
        return (self.visible - self.hidden) / self.programs


@dataclass(frozen=True, slots=True)
class Programs:
    """`layers` counts all programs by the layer that they ran in, `by_policy` those sampled in training."""

    layers: Mapping[str, int] = field(default_factory=dict)
    by_policy: Mapping[int, Tally] = field(default_factory=dict)

    def sentence(self) -> str:
        """The gap at the last policy version, and at the first; nothing where no task had visible tests."""
        if not self.by_policy:
            return ""
        first, last = min(self.by_policy), max(self.by_policy)
        tally = self.by_policy[last]
        said = (
            f"Programs of policy {last}: {_percent(tally.visible, tally)} passed the tests that they were shown, "
            f"{_percent(tally.hidden, tally)} the hidden ones, which pay: a gap of {100 * tally.gap:.0f} points"
        )
        if last > first:
            said += f" (policy {first}: {100 * self.by_policy[first].gap:.0f})"
        return f"{said}. A gap that grows is a sign that tests are learnt by heart."


def read_programs(rows: Iterable[Mapping[str, Json]]) -> Programs:
    """One pass over the rows of a run. VOID rows say nothing about a program."""
    layers: Counter[str] = Counter()
    by_policy: dict[int, Tally] = {}
    for row in rows:
        evidence = row.get("evidence")
        if not isinstance(evidence, Mapping) or "layer" not in evidence or row.get("outcome") == "void":
            continue
        layers[str(evidence["layer"])] += 1
        visible = evidence.get("visible")
        if visible in ("pass", "fail") and row.get("split", "train") == "train":
            policy = int(row.get("policy", 0))
            by_policy[policy] = by_policy.get(policy, Tally()).add(visible == "pass", row.get("outcome") == "pass")
    return Programs(dict(layers), dict(sorted(by_policy.items())))


def gap_chart(programs: Programs) -> Chart | None:
    """None where no task had visible tests."""
    if not programs.by_policy:
        return None

    def share(name: str) -> list[Point]:
        return [Point(policy, getattr(each, name) / each.programs) for policy, each in programs.by_policy.items()]

    return line_chart(
        "Visible and hidden tests",
        [
            Series("passes the visible", share("visible"), "s2"),
            Series("passes the hidden", share("hidden"), "s1"),
            Series("the visible only", share("visible_only"), "fail", dashed=True),
        ],
        note="share of programs, by policy version; only hidden tests pay",
        form="share",
        ceiling=1.0,
    )


def unsafe_risk(programs: Programs, is_allowed: bool) -> str:
    """How a page names it when programs ran, or might have run, without isolation; else nothing."""
    count, total = programs.layers.get(UNSAFE, 0), sum(programs.layers.values())
    if count:
        return f"{count} of {total} programs ran without isolation: whatever they did, nothing held them back"
    return "programs were allowed to run without isolation; none did" if is_allowed else ""


def _percent(count: int, tally: Tally) -> str:
    return f"{100 * count / tally.programs:.0f} %"
