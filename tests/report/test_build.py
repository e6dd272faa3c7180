"""Pages without a browser: what stands on them, what may not, and what is said where nothing is there."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from assay.core.errors import RunFolderError, UsageError
from assay.core.run_folder import RunFolder
from assay.report.build import build_comparison, build_report
from assay.report.gather import gather
from assay.report.results import brief

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 1">',
    "\u202egnp.exe\u202c \u200b\x00\x1b[31m",
    "lone \ud800 surrogate",
    "<!--<script>",
)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="surrogatepass")


def body(page: str) -> str:
    """What is markup: without style, script and data."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.S)


def data(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_a_finished_run(make_run) -> None:
    run = make_run("demo", accepted={})
    path = build_report(run)
    assert path == run / "report.html"
    page = body(read(path))
    assert "gain shown: held-out pass@1 0.125 to 0.625" in page.lower()
    for name in ("greedy", "pass@1", "pass@4", "maj@4", "answer readable", "tokens"):
        assert f">{name}</span></th>" in page
    for title in ("Held-out", "Reward", "Groups by cause", "Completion length", "KL to the reference", "Entropy"):
        assert f"<b>{title}</b>" in page
    assert "step 2</span> nothing to learn: no group of 3 has spread in its rewards (3 all wrong)" in page
    assert "no hole found" in page
    assert gather(run).config_sha256 in page
    assert "unfinished" not in page
    rollouts = data(read(path))["rollouts"]
    assert len(rollouts["rows"]) == 48
    assert len(rollouts["tasks"]) == 3  # prompts stand there once


def test_a_models_folder_goes_by_its_own_name() -> None:
    assert [
        brief(name) for name in ("smollm2", "owner/name", "/home/me/models/mine/", "runs/a/checkpoints/step-2")
    ] == [
        "smollm2",
        "owner/name",
        "mine",
        "step-2",
    ]


def test_no_gain_is_said(make_run) -> None:
    page = body(read(build_report(make_run(gain=False))))
    assert "no gain shown" in page
    assert ">gain shown<" not in page


def test_a_run_that_has_only_begun(make_run) -> None:
    page = body(read(build_report(make_run(done=0, evaluated=(), rows=()))))
    assert "No held-out evaluation has been made yet" in page
    assert "No training step has been logged yet" in page
    assert "No completion has been sampled yet" in page
    assert "the audit has not run yet" in page
    assert "unfinished: step 0 of 4" in page


def test_an_unfinished_run(make_run) -> None:
    page = body(read(build_report(make_run(done=3, evaluated=("before",)))))
    assert "no verdict yet" in page
    assert "the effect of 3 training steps has not been measured yet" in page
    assert "unfinished: step 3 of 4" in page


def test_a_comparison_made_on_the_way_says_so(make_run) -> None:
    page = body(read(build_report(make_run(done=3, evaluated=("before", "during")))))
    assert "gain shown so far" in page
    assert "This compares with step 3; the run is unfinished." in page


def test_a_run_without_kl_says_why_there_is_no_curve(make_run, make_metrics) -> None:
    run = make_run(done=0, evaluated=(), learn={"steps": 1, "kl": {"coefficient": 0.0}})
    (run / "metrics.jsonl").write_text(json.dumps(make_metrics(1, kl=None)) + "\n")
    page = body(read(build_report(run)))
    assert "not measured, because learn.kl.coefficient is 0" in page
    assert "<b>KL to the reference</b>" not in page


def test_accepted_risks_and_holes_stand_out(make_run) -> None:
    page = body(read(build_report(make_run(accepted={"substrings": "kept to show what it pays"}))))
    assert "1 known risk was accepted for this run" in page
    assert "kept to show what it pays" in page
    assert "1 hole</span>" in page
    assert "I think 1, 2, 3" in page


def test_an_altered_certificate_says_nothing(make_run) -> None:
    run = make_run(accepted={})
    file = run / "certificate.json"
    file.write_text(file.read_text().replace('"attacks_paid": 0', '"attacks_paid": -1'))
    page = body(read(build_report(run)))
    assert "was altered or is damaged" in page
    assert "no hole found" not in page


def test_an_audit_that_was_turned_off(make_run) -> None:
    assert "audit.level is off" in body(read(build_report(make_run(audit={"level": "off"}))))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_data(make_run, make_row, text: str) -> None:
    rows = [make_row(1, 0, 0, False, text=text, answer=text, task=text, prompt=text, truth=text, reason=text)]
    run = make_run(rows=rows, accepted={text: text}, model={"name": text}, tasks={"source": text})
    page = read(build_report(run))
    markup = body(page)
    assert "hacked = 1</script>" not in page
    assert "<img" not in markup
    assert "<!--" not in markup
    assert not set(markup) & set("\u202e\u202c\u200b\x00\x1b\ud800")
    assert page.count("<script") == 2
    rollouts = data(page)["rollouts"]
    place = rollouts["columns"].index("text")
    assert rollouts["rows"][0][place] == text


def test_nothing_runs_or_loads_but_the_pages_own(make_run) -> None:
    page = read(build_report(make_run()))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        text = re.search(f"<{tag}>(.*?)</{tag}>", page, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert not re.search(r"""\b(src|href)=["'](?!#|data:,)""", page)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML|outerHTML|insertAdjacentHTML|document\.write", page)  # fmt: skip
    assert ' style="' not in body(page)


def test_a_page_is_whole_or_not_there(make_run) -> None:
    run = make_run()
    (run / "rollouts.jsonl").write_text('{"step": 1}\nnot json\n{}\n')
    (run / "report.html").write_text("the old page")
    with pytest.raises(Exception, match=r"rollouts\.jsonl:2"):
        build_report(run)
    assert (run / "report.html").read_text() == "the old page"
    assert not list(run.glob(".report*"))


def test_a_line_cut_by_a_kill_is_forgiven(make_run) -> None:
    run = make_run()
    for name in ("metrics.jsonl", "rollouts.jsonl", "evaluations.jsonl"):
        with (run / name).open("a") as file:
            file.write('{"step": 4, "ki')
    build_report(run)


def test_not_a_run_folder(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="not a run folder"):
        build_report(tmp_path)


def test_several_runs(make_run, tmp_path: Path) -> None:
    runs = [make_run("one"), make_run("two", seed=1), make_run("three", gain=False, reward={"rule": "r1_sum"})]
    out = build_comparison(runs, tmp_path / "all.html")
    page = read(out)
    markup = body(page)
    assert "3 runs side by side" in markup
    assert "2 seeds: gain shown in 2 of 2; mean gain +0.500, +0.500 to +0.500" in markup
    assert "1 run: gain shown in 0 of 1" in markup
    assert "reward.rule" in markup
    assert "<code>r1_sum</code>" in markup
    loaded = data(page)
    assert loaded["runs"] == ["one", "two", "three"]
    assert {values[0] for values in loaded["rollouts"]["rows"]} == {0, 1, 2}
    reward = next(chart for chart in loaded["charts"] if len(chart["series"]) == 3)
    assert [series["look"] for series in reward["series"]] == ["s1", "s1", "s2"]


def test_seeds_alone_get_a_colour_each(make_run, tmp_path: Path) -> None:
    page = read(build_comparison([make_run("one"), make_run("two", seed=1)], tmp_path / "all.html"))
    assert [series["look"] for series in data(page)["charts"][0]["series"]] == ["s1", "s2"]


def test_an_empty_run_among_others(make_run, tmp_path: Path) -> None:
    runs = [make_run("one"), make_run("none", done=0, evaluated=(), rows=(), seed=1)]
    markup = body(read(build_comparison(runs, tmp_path / "all.html")))
    assert "No held-out evaluation has been made yet" in markup


def test_the_same_run_twice_is_refused(make_run, tmp_path: Path) -> None:
    run = make_run()
    with pytest.raises(UsageError, match="named twice"):
        build_comparison([run, run / ".." / run.name], tmp_path / "all.html")


def test_it_needs_no_torch(make_run) -> None:
    code = (
        "import sys; from pathlib import Path; from assay.report.build import build_report; "
        f"build_report(Path({str(make_run())!r})); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_how_prompts_were_chosen_is_drawn_where_it_was_logged(make_run, make_metrics) -> None:
    titles = ("Dynamic sampling", "Tokens left out", "Tasks by pool", "Curriculum level", "Prompts that came back")
    plain = body(read(build_report(make_run("plain"))))
    assert not any(f"<b>{title}</b>" in plain for title in titles)
    drawn = {
        "dynamic/sampled": 9, "dynamic/kept": 3, "dynamic/rounds": 2, "dynamic/wasted_tokens": 480, "pools/easy": 4,
        "pools/between": 8, "pools/hard": 0, "curriculum/level": 1, "replay/prompts": 1,
    }  # fmt: skip
    run = make_run("chosen", done=0, evaluated=())
    (run / "metrics.jsonl").write_text("".join(json.dumps(make_metrics(i, **drawn)) + "\n" for i in (1, 2, 3)))
    page = body(read(build_report(run)))
    assert all(f"<b>{title}</b>" in page for title in titles)


def test_a_run_that_was_stopped_says_why(make_run) -> None:
    run = make_run("stopped", steps=9, done=3, evaluated=("before",))
    reason = "the training pass rate fell to <b>0.01</b>"
    RunFolder.open(run).log({"step": 3, "kind": "stop", "sign": "fallen", "reason": reason})
    page = body(read(build_report(run)))
    assert "stopped at step 3 of 9" in page
    assert "The training pass rate fell to &lt;b&gt;0.01&lt;/b&gt;: the run was stopped (learn.collapse)." in page
    assert "unfinished" not in page
