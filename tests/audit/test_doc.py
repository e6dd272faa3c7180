import re
from pathlib import Path
from typing import get_args

from assay.audit.battery import BATTERY
from assay.audit.report import MEANING, HoleKind

DOC = (Path(__file__).parents[2] / "docs/concepts/audit.md").read_text(encoding="utf-8")


def test_the_page_lists_the_battery_as_it_is() -> None:
    shown = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \|$", DOC.split("## The battery")[1].split("\n## ")[0], re.M)
    told = [
        (
            each.name,
            each.family + " (must be paid)" * (each.expect == "paid"),
            " ".join(str(each.craft.__doc__).split()),
        )
        for each in BATTERY
    ]
    assert shown == told


def test_the_page_lists_the_kinds_of_holes() -> None:
    shown = re.findall(r"^\| `(\w+)` \| ", DOC.split("## What counts as a hole")[1].split("\n## ")[0], re.M)
    assert set(shown) == set(get_args(HoleKind)) == set(MEANING)
