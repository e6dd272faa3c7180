"""Control arms on the page: which run is the true one of which arm, and what stands in the table."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.report.build import build_comparison, build_report
from assay.report.controls import controls_table, families, nets
from assay.report.gather import gather

MakeRun = Callable[..., Path]
LEARN = {"steps": 4, "kl": {"coefficient": 0.02}}


def arm(make_run: MakeRun, true: str, control: str, seed: int = 0, **more: Any) -> Path:
    reward = {"control": control} | more.pop("reward", {})
    learn = LEARN | {"collapse": {"kind": "none"}} | more.pop("learn", {})
    return make_run(f"{true}-{control}", seed=seed, gain=False, reward=reward, learn=learn, **more)


def test_the_true_gain_stands_beside_each_controls(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [make_run("one"), arm(make_run, "one", "random"), arm(make_run, "one", "format")]
    page = build_comparison(runs, tmp_path / "all.html").read_text()
    assert "Against controls" in page
    table = page[page.index("Against controls") :]
    table = table[: table.index("</table>")]
    assert table.count("true reward ahead") == 2
    assert table.index("control random") < table.index("control format")
    # 24 problems whose pass@1 rises by 0.5 each, and by nothing under a control
    assert re.findall(r'<td class="n strong">([^<]*)</td>', table) == ["+0.500", "+0.500"]
    assert "control: random" in page  # the arm's own badge


def test_an_arm_belongs_to_the_run_of_its_configuration_and_seed(make_run: MakeRun) -> None:
    start = "runs/{}-cold-start"
    runs = [
        make_run("t0", model={"name": start.format("t0")}),
        make_run("t1", seed=1, model={"name": start.format("t1")}),
        make_run("other", rollout={"group_size": 4}),
        arm(make_run, "t0", "random", model={"name": start.format("t0")}),
        arm(make_run, "t1", "random", seed=1, model={"name": start.format("t1")}),
        arm(make_run, "other", "inverted", rollout={"group_size": 4}),
        arm(make_run, "alone", "random", seed=7, model={"name": start.format("alone")}),
    ]
    found = families([gather(path) for path in runs])
    assert [sorted(true) for true, _ in found] == [[0, 1], [0]]
    assert [{name: sorted(arms) for name, arms in each.items()} for _, each in found] == [
        {"random": [0, 1]},
        {"inverted": [0]},
    ]
    (net,) = nets(*found[0])
    assert (net.net.value, net.net.by_seed, net.net.problems) == (0.5, (0.5, 0.5), 24)


def test_without_an_arm_or_without_its_true_run_there_is_no_table(make_run: MakeRun) -> None:
    assert controls_table([gather(make_run("one")), gather(make_run("two", seed=1))]) == ""
    assert controls_table([gather(arm(make_run, "gone", "majority"))]) == ""


def test_an_arms_own_page_says_what_paid_it(make_run: MakeRun) -> None:
    page = build_report(arm(make_run, "one", "majority")).read_text()
    assert "control: majority" in page
    assert "the most frequent answer of each group was paid, right or wrong" in page
    assert "control arm" not in build_report(make_run("two")).read_text()
