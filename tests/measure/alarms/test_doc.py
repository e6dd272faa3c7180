"""docs/concepts/alarms.md names every alarm with the thresholds that are the defaults, and the actions that there are."""

import re
from pathlib import Path
from typing import get_args

import pytest

from assay.core.watching import Action, AlarmsConfig
from assay.measure.alarms.watch import ALARMS
from assay.measure.second_opinion import SECOND

PAGE = (Path(__file__).parents[3] / "docs/concepts/alarms.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", list(ALARMS))
def test_each_alarm_is_defined_with_its_defaults(name):
    (line,) = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |") and line.count("|") == 4]
    said = dict(re.findall(r"`(\w+)` ([\d.]+)", line.split("|")[3]))
    config = getattr(AlarmsConfig(), name).model_dump()
    assert {key: float(value) for key, value in said.items()} == {
        key: value for key, value in config.items() if key not in ("action", "samples")
    }


def test_each_has_a_measured_rate_of_false_alarms():
    for name in ALARMS:
        assert [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |") and line.count("|") == 5], name


def test_the_actions_the_window_and_the_second_checkers():
    assert re.findall(r"^\| `(\w+)` \| (?:the default|the same|not looked)", PAGE, re.M) == [
        "note",
        "pause",
        "stop",
        "off",
    ]
    assert set(get_args(Action)) == {"note", "pause", "stop", "off"}
    assert AlarmsConfig().window == 10
    assert AlarmsConfig().errors == 6
    for name, second in SECOND.items():
        assert f"| `{name}` | {second.title}" in PAGE
        assert f"assay[{second.extra}]" in PAGE
