"""The table of control arms: what the true reward gained beyond rewards that say nothing about being right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.core.errors import UsageError
from assay.measure.compare import Comparison
from assay.measure.controls import Gain, NetGain, gain, net_gain
from assay.report.gather import RunData
from assay.report.parts import badge
from assay.report.results import brief
from assay.report.text import join, number, safe
from assay.reward.control import CONTROLS, SENTENCES

NOTE = (
    "Each control was trained with the seeds, tasks and budget of the true run, on a reward that says nothing about being "
    "right. What a control gains, the true reward has not earned. Net: the true gain minus the control's, problem by problem "
    "and averaged over seeds; the interval is a paired bootstrap over problems and says nothing about other seeds, models or tasks."
)


def controls_table(runs: Sequence[RunData]) -> str:
    """HTML; empty where no run is a control arm, or none has its true run beside it."""
    bodies = [_body(true, arms) for true, arms in families(runs) if arms]
    if not bodies:
        return ""
    head = (
        '<thead><tr><th scope="col">Against controls</th><th scope="col" class="n">Gain</th>'
        '<th scope="col" class="n">95 % interval</th><th scope="col" class="n">True minus it</th>'
        '<th scope="col" class="n">95 % interval</th><th scope="col" class="n">By seed</th></tr></thead>'
    )
    return f'<div class="wide"><table class="plain">{head}<tbody>{join(bodies)}</tbody></table></div><p class="foot">{NOTE}</p>'


def families(runs: Sequence[RunData]) -> list[tuple[dict[int, RunData], dict[str, dict[int, RunData]]]]:
    """Of each true configuration its runs by seed, and of each of its controls the arms by seed (of seeds that it has)."""
    true: dict[str, dict[int, RunData]] = {}
    for run in runs:
        if run.control is None and run.comparison is not None:
            true.setdefault(run.true_group, {}).setdefault(run.seed, run)
    found = []
    for group, by_seed in true.items():
        arms: dict[str, dict[int, RunData]] = {}
        for run in runs:
            if (
                run.control is not None
                and run.comparison is not None
                and run.true_group == group
                and run.seed in by_seed
            ):
                arms.setdefault(run.control, {}).setdefault(run.seed, run)
        found.append((by_seed, {str(name): arms[name] for name in CONTROLS if name in arms}))
    return found


def nets(true: Mapping[int, RunData], arms: Mapping[str, Mapping[int, RunData]]) -> list[NetGain]:
    """One for each control that shares a problem with the true run."""
    made = []
    for name, by_seed in arms.items():
        pairs = [(_compared(true[seed]), _compared(arm)) for seed, arm in sorted(by_seed.items())]
        try:
            made.append(net_gain(name, pairs))
        except UsageError:
            continue
    return made


def _body(true: Mapping[int, RunData], arms: Mapping[str, Mapping[int, RunData]]) -> str:
    first = next(iter(true.values()))
    seeds = sorted(true)
    said = (
        f"{brief(str(first.section('model').get('name')))} on {first.section('tasks').get('source')}, "
        f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"
    )
    rows = [f'<tr class="group"><th colspan="6" scope="colgroup">{safe(said)}</th></tr>']
    own = gain([_compared(true[seed]) for seed in seeds])
    rows.append(
        f'<tr><th scope="row">true reward</th>{_gain(own)}<td class="n">–</td><td class="n">–</td>{_seeds(own)}</tr>'
    )
    rows += [_row(each) for each in nets(true, arms)]
    return join(rows)


def _row(each: NetGain) -> str:
    look = "pass" if each.net.is_shown else "fail" if each.net.high < 0 else "quiet"
    word = "true reward ahead" if each.net.is_shown else "control ahead" if each.net.high < 0 else "not told apart"
    return (
        f'<tr><th scope="row"><span title="{safe(SENTENCES.get(each.control, ""))}">control {safe(each.control)}</span> '
        f"{badge(word, look)}</th>{_gain(each.of_control)}"
        f'<td class="n strong">{number(each.net.value, "+.3f")}</td>'
        f'<td class="n">{_interval(each.net)}</td>{_seeds(each.net)}</tr>'
    )


def _gain(each: Gain) -> str:
    return f'<td class="n">{number(each.value, "+.3f")}</td><td class="n">{_interval(each)}</td>'


def _interval(each: Gain) -> str:
    if each.low == float("-inf"):
        return "–"
    return f"{number(each.low, '+.3f')} <span class='to'>to</span> {number(each.high, '+.3f')}"


def _seeds(each: Gain) -> str:
    return f'<td class="n">{join(number(value, "+.3f") + " " for value in each.by_seed)}</td>'


def _compared(run: RunData) -> Comparison:
    assert run.comparison is not None  # `families` keeps no other
    return run.comparison
