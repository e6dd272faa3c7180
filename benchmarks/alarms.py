"""How often does each alarm cry wolf? Run folders replayed under the alarms as they are, and a count by alarm.

    python benchmarks/alarms.py runs/objectives/* runs/demo*       # runs known to be honest
    python benchmarks/alarms.py --gap 1000                         # the gap of tests, on simulated honest programs

A run that was not watched as it trained holds no count of completions paid against another task's truth; those are judged
here, as training would have, four a step. A run counts for an alarm where the alarm could look (measure/alarms/looked_at);
"looks" are the steps or evaluations at which it did. The last column is Wilson's 95 % bound on the share of such runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from assay.core.config import RunConfig
from assay.core.records import dumps
from assay.core.rng import stream
from assay.core.run_folder import RunFolder
from assay.core.statistics import wilson
from assay.measure.alarms.facts import Shown, StepFacts, facts_of
from assay.measure.alarms.looked_at import not_looked_at
from assay.measure.alarms.scrambled import is_for_one_task
from assay.measure.alarms.watch import ALARMS, Raised, Watch, steps_of
from assay.measure.evaluation import read_evaluations
from assay.verify.pool import JudgePool, JudgeRequest

SAMPLES = RunConfig().alarms.scrambled.samples


def replayed(folder: RunFolder, judges: JudgePool) -> tuple[list[Raised], Watch, int]:
    """As measure.alarms.watch.replay, with the truths scrambled where the run did not; and the number of steps."""
    watch, raised, steps = Watch(RunConfig()), [], 0
    waiting = {each.step: each for each in read_evaluations(folder.evaluations)}
    for metrics, rows in steps_of(folder):
        for step in sorted(each for each in waiting if each < int(metrics["step"])):
            raised += watch.evaluation(waiting.pop(step))
        facts = facts_of(metrics, rows)
        if not facts.scrambled[0]:
            facts = replace(facts, scrambled=scrambled(rows, facts.step, judges))
        raised += watch.step(facts)
        steps += 1
    for step in sorted(waiting):
        raised += watch.evaluation(waiting.pop(step))
    return raised, watch, steps


def scrambled(rows: Sequence[Mapping[str, Any]], step: int, judges: JudgePool) -> tuple[int, int]:
    draw = stream(0, "scrambled", step)
    paid = [row for row in rows if row["outcome"] == "pass" and is_for_one_task(named(row), row["truth"])]
    asked = []
    for row in draw.sample(paid, min(SAMPLES, len(paid))):
        others = [each["truth"] for each in rows if dumps(each["truth"]) != dumps(row["truth"])]
        if others:
            asked.append(JudgeRequest(named(row), draw.choice(others), row["text"]))
    verdicts = [each for each in judges.judge_many(asked) if not each.is_void]
    return len(verdicts), sum(each.is_pass for each in verdicts)


def named(row: Mapping[str, Any]) -> str:
    return str(row["verifier"]).partition("@")[0]


def count(folders: Sequence[Path]) -> None:
    looked: dict[str, int] = dict.fromkeys(ALARMS, 0)
    looks: dict[str, int] = dict.fromkeys(ALARMS, 0)
    found: dict[str, list[str]] = {name: [] for name in ALARMS}
    with JudgePool(1) as judges:
        for place in folders:
            raised, watch, steps = replayed(RunFolder.open(place), judges)
            evaluations, window = max(0, len(watch.history.evaluations) - 1), watch.config.window
            for name in ALARMS.keys() - not_looked_at(watch).keys():
                looked[name] += 1
                looks[name] += evaluations if ALARMS[name].after_step is None else max(0, steps - window + 1)
            for each in raised:
                found[each.alarm].append(f"{place.name} at {each.step}")
                print(f"{place.name}: step {each.step}: {each.alarm}: {each.sentence}")
    print(f"\n{len(folders)} runs\n\n| alarm | runs that it could look at | looks | raised in | 95 % bound | where |")
    print("|---|---|---|---|---|---|")
    for name in ALARMS:
        where = sorted({each.partition(" at ")[0] for each in found[name]})
        bound = f"{wilson(len(where), looked[name])[1]:.1%}" if looked[name] else "-"
        print(
            f"| `{name}` | {looked[name]} | {looks[name]:,} | {len(where)} | {bound} | {'; '.join(found[name]) or '-'} |"
        )


def gap(runs: int, steps: int = 200, groups: int = 8, size: int = 8) -> None:
    """Programs of an honest policy: each task has its own chance that a program passes the shown tests only (on average 5 to
    30 %), which does not change, or grows by 6 points as programs come to be nearly right."""
    for growth in (0.0, 0.06):
        cried = 0
        for run in range(runs):
            draw = stream(run, "gap", str(growth))
            middle = draw.uniform(0.05, 0.3)
            watch = Watch(RunConfig())
            for step in range(1, steps + 1):
                mean = middle + growth * step / steps
                chances = [draw.betavariate(mean, 1 - mean) for _ in range(groups)]
                only = sum(draw.random() < chance for chance in chances for _ in range(size))
                if any(each.alarm == "test_gap" for each in watch.step(silent(step, Shown(groups * size, only)))):
                    cried += 1
                    break
        print(
            f"growth {growth:g}: test_gap raised in {cried} of {runs} runs of {steps} steps of {groups} x {size} programs"
        )


def silent(step: int, tests: Shown) -> StepFacts:
    """A step of which only the tests are known."""
    return StepFacts(step, *[None] * 5, {"informative": 1}, None, (0, 0), *[None] * 6, tests)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*")
    parser.add_argument("--gap", type=int, default=0, metavar="RUNS")
    asked = parser.parse_args()
    if asked.gap:
        gap(asked.gap)
    if asked.runs:
        count(asked.runs)
