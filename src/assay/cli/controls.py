"""`assay train --controls`: the run, then the same run under rewards that say nothing about being right, side by side.

Each arm is a run folder of its own beside the main one (RUN-random, RUN-format...), with the same seed, tasks and budget. Arms
that are finished are left as they are and unfinished ones go on from their last checkpoint, so `--resume RUN --controls ...`
also adds arms to a run that was made without.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.table import Table

from assay.core.config import RunConfig
from assay.core.errors import UsageError, did_you_mean
from assay.core.processes import is_one_of_several
from assay.core.run_folder import RunFolder
from assay.measure.compare import Comparison, compare
from assay.measure.controls import NetGain, net_gain
from assay.measure.evaluation import read_evaluations
from assay.reward.control import CONTROLS, SENTENCES, Control


def read_controls(text: str) -> tuple[Control, ...]:
    """`random,format` as names, each once. Raises UsageError naming the nearest."""
    found: list[Control] = []
    for name in (part.strip() for part in text.split(",")):
        known = next((each for each in get_args(Control) if each == name), None)
        if known is None:
            hint = did_you_mean(name, CONTROLS) or f"; {', '.join(CONTROLS)} would be right"
            raise UsageError(f"--controls: no control {name!r}{hint}")
        if known not in found:
            found.append(known)
    return tuple(found)


def run_with_controls(
    config: RunConfig,
    folder: Path,
    console: Console,
    controls: Sequence[Control],
    *,
    resume: bool,
    gate: Path | None = None,
) -> dict[str, object]:
    """Train the run and its arms, each unless it is finished; the page over all of them, and what was gained net."""
    from assay.cli.train import run
    from assay.report.build import build_comparison

    if is_one_of_several():
        raise UsageError(
            "--controls runs one arm after the other, which several processes cannot share: run each arm by itself with "
            "--set reward.control=NAME into RUN-NAME, and put them together with `assay report`"
        )
    if config.reward.control != "none":
        raise UsageError(
            f"reward.control = {config.reward.control}: this run is a control itself; --controls wants the true reward"
        )
    arms = {name: (folder.with_name(f"{folder.name}-{name}"), arm_config(config, name)) for name in controls}
    if not resume:
        taken = next((place for place, _ in arms.values() if place.exists()), None)
        if taken is not None:
            raise UsageError(f"{taken} exists already: choose another --out, or go on with --resume {folder}")
    result: dict[str, object] = {"run": str(folder)}
    if not is_finished(folder):
        result = run(config, folder, console, resume=folder.exists(), again=again(folder, controls), gate=gate)
    for name, (place, arm) in arms.items():
        if is_finished(place):
            continue
        console.print(f"\n[bold]control {name}[/]: {SENTENCES[name]}", highlight=False)
        run(arm, place, console, resume=place.exists(), again=again(folder, controls))
    page = build_comparison(
        [folder, *(place for place, _ in arms.values())], folder.with_name(f"{folder.name}-controls.html")
    )
    nets = net_gains(folder, {name: place for name, (place, _) in arms.items()}, config.seed)
    console.print()
    console.print(nets_table(nets))
    console.print()
    for each in nets:
        sentence = each.sentence()
        console.print(f"[bold]{sentence[0].upper()}{sentence[1:]}[/]", highlight=False, soft_wrap=True)
    console.print(f"\n[bold cyan]{'report':<9}[/] {page}", highlight=False, soft_wrap=True)
    return {**result, "controls": [as_object(each, arms[_name(each)][0]) for each in nets], "page": str(page)}


def arm_config(config: RunConfig, control: Control) -> RunConfig:
    """The run's own configuration under a control's reward. It runs to the last step, whatever an alarm or the collapse stop
    would do: a control may well collapse, and what it comes to is what it is run for."""
    values = config.model_dump()
    values["name"] = f"{config.name}-{control}"
    values["reward"]["control"] = control
    values["learn"]["collapse"] = {"kind": "none"}
    for alarm in values["alarms"].values():
        if isinstance(alarm, dict) and alarm["action"] in ("pause", "stop"):
            alarm["action"] = "note"
    return RunConfig.model_validate(values)


def is_finished(folder: Path) -> bool:
    """Whether the run has been evaluated after its last step."""
    if not (folder / "config.json").is_file():
        return False
    return any(each.kind == "after" for each in read_evaluations(RunFolder.open(folder).evaluations))


def net_gains(main: Path, arms: Mapping[Control, Path], seed: int) -> list[NetGain]:
    true = _comparison(main)
    return [net_gain(name, [(true, _comparison(place))], seed=seed) for name, place in arms.items()]


def nets_table(nets: Sequence[NetGain]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("held-out pass@1", no_wrap=True)
    for name in ("gain", "true minus it", "95 % interval"):
        table.add_column(name, justify="right", no_wrap=True)
    if nets:
        table.add_row("true reward", f"{nets[0].true.value:+.3f}", "", "")
    for each in nets:
        style = "green" if each.net.is_shown else "red" if each.net.high < 0 else "yellow"
        interval = f"{each.net.low:+.3f} to {each.net.high:+.3f}"
        table.add_row(
            f"control {each.control}", f"{each.of_control.value:+.3f}", f"[{style}]{each.net.value:+.3f}[/]", interval
        )
    return table


def again(folder: Path, controls: Sequence[str]) -> str:
    return f"assay train --resume {shlex.quote(str(folder))} --controls {','.join(controls)}"


def as_object(net: NetGain, place: Path) -> dict[str, Any]:
    return {
        "control": net.control,
        "run": str(place),
        "gain": net.of_control.value,
        "net": net.net.value,
        "low": net.net.low,
        "high": net.net.high,
        "problems": net.net.problems,
        "is_shown": net.net.is_shown,
    }


def _name(net: NetGain) -> Control:
    return next(each for each in CONTROLS if each == net.control)


def _comparison(folder: Path) -> Comparison:
    evaluations = read_evaluations(RunFolder.open(folder).evaluations)  # of a finished run: before and after
    return compare(evaluations[0], evaluations[-1])
