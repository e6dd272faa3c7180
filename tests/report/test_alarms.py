"""The sections that watch: alarms, second opinions and patterns, on runs that show them, that are silent, and that are old."""

import json
import re

from assay.core.records import append_jsonl, sha256_of, write_json
from assay.core.run_folder import RunFolder
from assay.measure.alarms.watch import Raised
from assay.report.build import build_report
from assay.report.gather import gather


def section(run, name):
    page = build_report(run).read_text(encoding="utf-8")
    found = re.search(rf'<section id="{name}".*?</section>', page, re.S)
    return re.sub(r"<(script|style)\b.*?</\1>", "", found[0], flags=re.S)


def raise_alarm(run, step=2, action="note", sentence="the <b>reward</b> rose from 0.1 to 0.9, while the oracle fell"):
    RunFolder(run).log(Raised(step, "proxy", sentence, action).row())


def test_a_run_without_alarms_says_who_looked_and_who_could_not(make_run) -> None:
    body = section(make_run("quiet"), "alarms")
    assert "alarms looked, and none was raised" in body
    assert "<h3>Silent</h3>" in body
    blind = body[body.index("<h3>Could not look</h3>") :]
    assert "<dt>format</dt><dd>it needs 20 steps, and has 4</dd>" in blind
    assert "<dt>test_gap</dt><dd>no task shows tests to its programs</dd>" in blind
    assert 'class="badge alarm"' not in build_report(make_run("quiet-2")).read_text(encoding="utf-8")


def test_an_alarm_stands_in_the_head_and_on_its_line(make_run) -> None:
    run = make_run("loud")
    raise_alarm(run)
    page = build_report(run).read_text(encoding="utf-8")
    assert '<span class="badge alarm">1 alarm</span>' in page
    body = section(run, "alarms")
    assert "1 of the " in body
    assert "<b>step 2</b> The &lt;b&gt;reward&lt;/b&gt; rose from 0.1 to 0.9, while the oracle fell." in body
    assert re.search(r'<circle class="mark alarm" cx="50\.00%"', body), "step 2 of 4"
    assert "<dt>proxy</dt>" not in body


def test_a_paused_run_says_so_until_it_goes_on(make_run) -> None:
    run = make_run("paused", steps=4, done=2)
    raise_alarm(run, action="pause")
    page = build_report(run).read_text(encoding="utf-8")
    assert "paused at step 2 of 4" in page
    assert '<span class="badge alarm">pause</span>' in page
    assert gather(run).paused_at == 2


def test_a_run_that_an_alarm_stopped_names_the_key(make_run) -> None:
    run = make_run("ended", steps=4, done=2)
    raise_alarm(run, action="stop")
    RunFolder(run).log({"step": 2, "kind": "stop", "alarm": "proxy", "reason": "the oracle fell"})
    page = build_report(run).read_text(encoding="utf-8")
    assert "stopped at step 2 of 4" in page
    assert "The oracle fell: the run was stopped (alarms.proxy.action)." in page


def test_a_run_of_before_there_were_alarms_is_looked_at_afterwards(make_run) -> None:
    run = make_run("old")
    saved = json.loads((run / "config.json").read_text())["config"]
    for name in ("alarms", "second_opinion"):
        saved.pop(name)
    saved["learn"]["of_another_version"] = 1
    write_json(run / "config.json", {"sha256": sha256_of(saved), "config": saved})
    body = section(run, "alarms")
    assert "the run was not watched as it trained" in body


def disagreement(**more):
    ours = {"outcome": "pass", "reason": "correct", "answer": "7", "read": "7", "by": "math@1#a"}
    theirs = {"outcome": "fail", "reason": "wrong_value", "answer": "8", "read": "8", "by": "math-verify@0.9.0#b"}
    row = {"step": 3, "split": "held_out", "group": "g", "sample": 0, "task": "t", "truth": {"answer": "7"}}
    return {**row, "text": "so <i>7</i>", "ours": ours, "theirs": theirs, **more}


def test_second_opinions_with_both_readings(make_run) -> None:
    run = make_run("twice")
    counts = {"second/judged": 40, "second/ours_only": 1, "second/theirs_only": 1, "second/silent": 2}
    RunFolder(run).log({"step": 4, "kind": "evaluate", **counts})
    other = disagreement(
        step=4, ours={**disagreement()["ours"], "outcome": "fail", "reason": "no_answer", "read": None, "answer": None}
    )
    append_jsonl(RunFolder(run).disagreements, [other, disagreement()])
    body = section(run, "second")
    assert "math-verify 0.9.0 judged 40 completions beside our verifier and differed on 2 (5.00 %): 1 that ours passes and it refuses, 1 that it passes and ours refuses. It gave no verdict on 2 more." in body  # fmt: skip
    assert "so &lt;i&gt;7&lt;/i&gt;" in body
    assert body.index('<th scope="row">3') < body.index('<th scope="row">4'), "what ours alone pays comes first"
    assert "no answer" in body
    assert "<b>Disagreement</b>" in body


def test_full_agreement_is_said(make_run) -> None:
    run = make_run("agreed")
    RunFolder(run).log(
        {"step": 4, "kind": "evaluate", "second/judged": 40, "second/ours_only": 0, "second/theirs_only": 0}
    )
    assert "math-verify judged 40 completions beside our verifier and agreed on all of them." in section(run, "second")


def test_where_nobody_was_asked_the_page_says_why(make_run) -> None:
    assert "No second opinion was asked" in section(make_run("once"), "second")


def test_for_proofs_there_is_none_beyond_coqchk(make_run, make_row) -> None:
    from assay.report.opinions import absent

    assert absent(["coq@1#a"]).startswith("For Coq proofs there is no second opinion beyond coqchk")


def test_patterns_stand_beside_accuracy_with_their_caution(make_run, make_row) -> None:
    rows = [
        make_row(1, 0, 0, True, text="Wait, let me check."), make_row(1, 0, 1, False, text="5"),
        make_row(1, 1, 0, True, text="Wait."), make_row(1, 1, 1, False, text="6"),
    ]  # fmt: skip
    body = section(make_run("says", rows=rows, steps=1), "behaviour")
    assert "observed patterns of text, not proof of reasoning" in body
    assert "100.0 % <small>of 2</small>" in body
    assert "+1.000 <span class='range'>+1.000 <span class='to'>to</span> +1.000</span> <small>2 prompts</small>" in body
    assert '<span class="key">wait <b>2</b></span>' in body
    assert "<b>Length by outcome</b>" in body


def test_where_no_pattern_is_seen_the_page_says_so(make_run) -> None:
    assert "None of the patterns looked for was seen in" in section(make_run("plain"), "behaviour")
