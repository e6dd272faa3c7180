"""Samples on disk, tables over them, and the audit before anything is learnt."""

import json
from types import SimpleNamespace

import pytest

from assay.core.records import append_jsonl, to_json
from assay.core.types import Message
from assay.pipeline.filters import FilterConfig, sift
from assay.pipeline.kinds import Sampled
from assay.pipeline.preferences import apart
from assay.pipeline.reinforce import yields
from assay.pipeline.reject import wanted
from assay.pipeline.sampled import Answer, _done, read_answers
from assay.pipeline.supervised import band, tables, thinned
from assay.pipeline.trusted import one_of_each
from assay.tasks.conversations import Pair


def answer(place, sample=0, *, outcome="pass", domain="warehouse", tokens=9):
    prompt = (Message("user", f"question {place}"),)
    return Answer(
        place, f"t{place}", domain, prompt, "math", sample, f"it is {place}{sample}", tokens, "stop", outcome, "correct"
    )


def test_a_file_cut_anywhere_is_taken_up_at_its_last_whole_chunk(tmp_path):
    how = Sampled(prompts=5, samples=2, chunk=2)
    rows = [to_json(answer(place, sample)) for place in range(5) for sample in range(2)]
    whole = "".join(json.dumps(row) + "\n" for row in rows)
    for cut in range(0, len(whole), 37):
        file = tmp_path / "samples.jsonl"
        file.write_text(whole[:cut])
        lines = whole[:cut].count("\n")
        done = _done(file, range(5), how)
        assert done == (3 if lines == 10 else lines // 4)
        assert [each.place for each in read_answers(file)] == [place // 2 for place in range(min(done * 4, 10))]
        append_jsonl(file, rows[done * 4 :])
        assert _done(file, range(5), how) == 3


def test_yields_by_domain_and_difficulty_and_coverage():
    drawn = [
        answer(0, 0),
        answer(0, 1),
        answer(1, 0),
        answer(1, 1, outcome="fail"),
        answer(2, 0, outcome="fail", domain="orders"),
    ]
    found = sift([each.candidate for each in drawn], FilterConfig(per_prompt=1))
    kept = [drawn[place] for place in found.kept]
    table = tables(drawn, kept, found, {"warehouse": "math"})
    assert table["yields"] == [
        {"domain": "math", "prompts": 2, "answers": 4, "right": 3, "kept": 2, "covered": 2},
        {"domain": "orders", "prompts": 1, "answers": 1, "right": 0, "kept": 0, "covered": 0},
    ]
    assert [row["band"] for row in table["difficulty"]] == ["never right", "sometimes right", "always right"]
    assert table["coverage"] == pytest.approx(2 / 3)
    assert {row["filter"]: row["count"] for row in table["removed"]} == {"wrong": 2, "more than wanted": 1}


def test_bands():
    assert [band(share) for share in (0, 0.25, 0.5, 0.75, 0.8, 1)] == [
        "never right", "rarely right", "sometimes right", "sometimes right", "mostly right", "always right",
    ]  # fmt: skip


def test_what_training_brought_by_domain():
    def row(step, group, outcome, task="orders/a"):
        return {
            "split": "train",
            "step": step,
            "group": group,
            "outcome": outcome,
            "reward": float(outcome == "pass"),
            "task": task,
        }

    rows = [row(1, "1-0", "fail"), row(1, "1-0", "pass"), row(4, "4-0", "pass"), row(4, "4-0", "pass")]
    rows += [{**row(4, "x", "fail"), "split": "held_out"}]
    assert yields(rows, {"orders": "logic"}) == [
        {"domain": "logic", "completions": 4, "first_quarter": 0.5, "last_quarter": 1.0, "teaching": 0.5}
    ]


def test_the_ratio_is_of_the_whole():
    assert wanted(600, 0.25) == 200
    assert wanted(10, 0.0) == 0


def test_no_prompt_is_learnt_from_and_measured_on():
    pairs = [Pair((Message("user", f"q{n % 10}"),), f"a{n}", f"b{n}") for n in range(30)]
    learn, measure = apart(pairs, 0.3, seed=1)
    assert len(learn) == 21
    assert len(measure) == 9
    assert not {each.prompt for each in learn} & {each.prompt for each in measure}


def test_a_curve_of_losses_is_as_long_as_a_page_can_show():
    assert thinned([1.0, 2.0]) == [[1.0, 1.0], [2.0, 2.0]]
    curve = thinned([float(n) for n in range(1, 1001)])
    assert len(curve) == 200
    assert curve[0] == [3.0, 3.0]


def test_every_domain_is_among_the_audited():
    tasks = [SimpleNamespace(source="a", id=n) for n in range(20)] + [SimpleNamespace(source="b", id=99)]
    assert [(each.source, each.id) for each in one_of_each(tasks, 4)] == [("a", 0), ("b", 99), ("a", 1), ("a", 2)]
