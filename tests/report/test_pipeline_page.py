"""The page of a pipeline: cards, gates, what is waiting, hostile answers; and opened in headless Chromium."""

import json
import shutil
from pathlib import Path

import pytest

from assay.core.pipeline_folder import Manifest, PipelineFolder
from assay.core.records import write_jsonl
from assay.report.pipeline import build_pipeline_report

HOSTILE = '</script><script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">'
NAMES = ("chromium", "chromium-browser", "google-chrome")


def manifest(stage, kind, **more):
    values = {
        "stage": stage,
        "kind": kind,
        "title": "",
        "config": {},
        "config_sha256": "c" * 64,
        "inputs": {"start": "a" * 64},
        "start": "base",
        "made": "model",
        "made_sha256": "b" * 64,
        "seconds": 75.0,
    }
    return Manifest(**(values | more))


def exam(checked, math, logic):
    return {"checked": checked, "math": math, "logic": logic, "format": 0.9, "math/pass@1": math, "logic/pass@1": logic}


def verdict(passed, status="kept"):
    check = {"suite": "checked", "rule": "max_drop", "bound": 0.05, "before": 0.4, "after": 0.3, "status": status}
    violations = [] if passed else [f"checked 0.400 to 0.300 (-0.100): fell by more than 0.05 {HOSTILE}"]
    return {"passed": passed, "against": "base", "checks": [check], "violations": violations}


def answers(text, outcome="pass"):
    row = {"domain": "math", "task": "t1", "prompt": "3+4=", "text": text, "outcome": outcome, "reason": "correct"}
    return [row, {**row, "task": "t2", "prompt": HOSTILE, "outcome": "", "reason": ""}]


@pytest.fixture
def pipeline(tmp_path):
    recipe = {"name": "mine", "seed": 3, "model": {"name": "tiny"}}
    recipe["stages"] = {name: {"kind": "sft"} for name in ("cold", "reject", "helpful", "later")}
    folder = PipelineFolder.create(tmp_path / "mine", recipe)
    removed = [
        {"filter": "repetition", "count": 12, "examples": [{"task": "t", "text": HOSTILE, "why": "said thrice"}]}
    ]
    details = {
        "gathered": 40,
        "kept": 28,
        "coverage": 0.75,
        "lengths": [8, 12, 20],
        "yields": [{"domain": "math", "prompts": 10, "answers": 40, "right": 30, "kept": 28, "covered": 8}],
        "difficulty": [{"band": "always right", "prompts": 4, "answers": 16, "right": 16, "kept": 14, "covered": 4}],
        "removed": removed,
        "losses": [[1, 2.0], [2, 1.0]],
    }
    measured = {
        "accuracy": 0.9,
        "low": 0.8,
        "high": 0.95,
        "pairs": 48,
        "where_longer": 0.95,
        "where_shorter": None,
        "longer_wins": 0.5,
        "correlation": 0.1,
        "calibration": {"ece": 0.04},
    }
    made = [
        manifest("base", "base", start=None, made=None, metrics={"exam": exam(0.4, 0.5, 0.3)}),
        manifest(
            "cold", "sft", metrics={"exam": exam(0.6, 0.7, 0.5), "examples": 28}, details=details, gate=verdict(True)
        ),
        manifest(
            "reject", "reject", start="cold", metrics={"exam": exam(0.3, 0.4, 0.2)}, gate=verdict(False, "broken")
        ),
        manifest("helpful", "reward_model", metrics={"accuracy": 0.9}, details={"measured": measured}),
    ]
    for each in made:
        stage = folder.stage(each.stage)
        stage.path.mkdir(parents=True)
        if "exam" in each.metrics:
            write_jsonl(stage.path / "answers.jsonl", answers(HOSTILE if each.kind == "sft" else "it is 7"))
        stage.finish(each)
    return folder


def test_the_cards_the_gates_and_what_waits(pipeline):
    page = build_pipeline_report(pipeline.path).read_text()
    assert page.count('<li class="stage') == 5
    assert page.count('<li class="stage waiting">') == 1
    assert "1 of 2 gates failed" in page
    assert "unfinished: 4 of 5 stages" in page
    assert "0.400" in page
    assert "fell by more than 0.05" in page
    assert '<span class="gain fail">−0.300</span>' in page  # from the stage that it started from
    assert "0.900 <span class='to'>(0.800 to 0.950, 48 pairs)" in page
    assert "28 of 40 answers kept; 75.0 % of the prompts covered" in page


def test_no_text_becomes_markup(pipeline):
    page = build_pipeline_report(pipeline.path).read_text()
    assert HOSTILE not in page
    assert page.count("&lt;img src=x") >= 4
    data = page.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    assert json.loads(data)["charts"]


def test_ids_are_there_once(pipeline):
    page = build_pipeline_report(pipeline.path).read_text()
    for name in ("stages", "capabilities", "curves", "answers", "learnt", "config", "data"):
        assert page.count(f' id="{name}"') == 1, name


def test_both_arms_stand_on_either_page(pipeline):
    zero = PipelineFolder(Path(shutil.copytree(pipeline.path, pipeline.path.with_name("mine-zero"))))
    shutil.rmtree(zero.stage("reject").path)
    ours, theirs = (build_pipeline_report(each.path).read_text() for each in (pipeline, zero))
    assert "This page is the arm with the cold start" in ours
    assert "This page is the arm without the cold start" in theirs


@pytest.mark.chromium
@pytest.mark.parametrize("width", [1360, 390])
def test_opened_from_disk_it_says_nothing_and_fits(pipeline, width):
    from playwright.sync_api import sync_playwright

    page_file = build_pipeline_report(pipeline.path)
    program = next(found for name in NAMES if (found := shutil.which(name)))
    complaints = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(page_file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("window.hacked") is None
        page.locator("figure[data-chart] svg").first.hover()
        assert page.locator(".tip:not([hidden])").count() == 1  # the charts are wired
        browser.close()
    assert complaints == []
