"""Which alarms a run's records let nobody look for, and why: a silent alarm that never looked says nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from assay.measure.alarms.history import History
from assay.measure.alarms.training import FEWEST
from assay.measure.alarms.watch import ALARMS, Watch


def not_looked_at(watch: Watch) -> dict[str, str]:
    """Alarm -> why it had nothing to go by at the end of the run; those that did look are left out."""
    found = {}
    for name in ALARMS:
        if getattr(watch.config, name).action == "off":
            found[name] = f"alarms.{name}.action is off"
        elif (why := WHY[name](watch.history)) is not None:
            found[name] = why
    return found


def _two_evaluations(history: History) -> str | None:
    count = len(history.evaluations)
    return None if count > 1 else f"{('no evaluation was', 'only one evaluation was')[count]} made"


def _windows(name: str, absent: str, count: int) -> Callable[[History], str | None]:
    def why(history: History) -> str | None:
        series = history.series[name]
        if series.count == 0:
            return absent
        steps = count * history.window
        return None if series.count >= steps else f"it needs {steps} steps, and has {series.count}"

    return why


def _form(history: History) -> str | None:
    if not history.is_drawn_evenly:
        return "tasks are drawn by what the policy can do, so that no pass rate says whether it gains"
    return _windows("form", "no completion was recorded", 2)(history)


def _scrambled(history: History) -> str | None:
    judged, _ = history.scrambled
    if judged == 0:
        return "no completion was judged against another task's truth in the last steps"
    return None if judged >= FEWEST else f"it needs {FEWEST} paid completions in a window, and has {judged}"


def _pass_at_k(history: History) -> str | None:
    why = _two_evaluations(history)
    return why or (None if max(history.evaluations[-1].k, default=1) > 1 else "no k above 1 was measured")


_PROMPT = "no answers to compare: the verifier reads none, or the truths expect none"
WHY: Mapping[str, Callable[[History], str | None]] = {
    "proxy": _two_evaluations,
    "test_gap": _windows("visible_only", "no task shows tests to its programs", 2),
    "format": _form,
    "length": _form,
    "scrambled": _scrambled,
    "prompt": _windows("chance", _PROMPT, 1),
    "duplicates": _windows("copies", "no completion was recorded", 1),
    "kl": _windows("kl", "no KL was measured (learn.kl.coefficient)", 1),
    "entropy": _windows("entropy", "no step has made an update", 1),
    "pass_at_k": _pass_at_k,
    "dead_groups": _windows("dead", "no group was recorded", 1),
}
