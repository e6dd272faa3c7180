"""A second checker beside ours: who is asked, what counts as a disagreement, and that it cannot hang or pay."""

import time

import pytest

from assay.core.errors import MissingExtra, UnknownName
from assay.core.records import to_json
from assay.core.run_folder import RolloutRow
from assay.core.types import Message, Task
from assay.core.watching import SecondOpinionConfig
from assay.measure.second_opinion import counts, second_for, second_opinions


def row(text, outcome, task="t", **more):
    made = {
        "step": 1, "group": "1-0", "sample": 0, "task": task, "prompt": "", "text": text, "answer": None, "truth": "1/2",
        "outcome": outcome, "reason": "correct" if outcome == "pass" else "wrong_value", "verifier": "math@1#a",
        "evidence": {"read": "ours"}, "reward": float(outcome == "pass"), "parts": {}, "advantage": 0.0, "tokens": 3,
        "finish": "stop", "policy": 0, "seed": 0, "seconds": 0.0,
    }  # fmt: skip
    return RolloutRow(**(made | more))


TASKS = {"t": Task("t", (Message("user", "half of one?"),), "math", "1/2")}


@pytest.fixture(scope="module")
def second():
    with second_opinions(SecondOpinionConfig(by="math"), seed=0) as opinions:
        yield opinions


def test_math_verify_reads_and_judges_by_itself(second):
    rows = [
        row("so \\boxed{0.5}", "pass"),
        row("so \\boxed{\\frac{1}{2}}", "fail"),
        row("so \\boxed{3}", "pass"),
        row("no idea", "fail"),
        row("\\boxed{1/2}", "void"),
    ]
    found = second.on(rows, TASKS)
    assert [each.theirs.is_pass for each in found] == [True, True, False, False], "a VOID of ours is not asked about"
    assert [each.differs for each in found] == [False, True, True, False]
    assert counts(found) == {"second/judged": 4, "second/ours_only": 1, "second/theirs_only": 1, "second/silent": 0}
    shown = to_json(found[2].as_row())
    assert shown["ours"] == {"outcome": "pass", "reason": "correct", "answer": None, "read": "ours", "by": "math@1#a"}
    assert (shown["theirs"]["outcome"], shown["theirs"]["read"], shown["truth"]) == ("fail", "3", "1/2")
    assert shown["theirs"]["by"].startswith("math-verify@")


def test_any_of_several_truths_will_do_and_policies_are_not_its_own(second):
    several = {"t": Task("t", (), "math", {"answer": ["7", "1/2"], "field": "final_line"})}
    assert [each.theirs.is_pass for each in second.on([row("\\boxed{7}", "pass"), row("7", "pass")], several)] == [
        True,
        True,
    ]


def test_a_sample_of_a_step_is_drawn_by_the_step_alone(second):
    rows = [row(f"\\boxed{{{n}}}", "fail", sample=n) for n in range(20)]
    one = [each.row.sample for each in second.on_step(5, rows, TASKS)]
    assert len(one) == second.config.samples
    assert one == [each.row.sample for each in second.on_step(5, rows, TASKS)]
    assert one != [each.row.sample for each in second.on_step(6, rows, TASKS)]
    assert second.on_step(5, rows, {}) == []


def test_one_that_hangs_is_killed_and_is_silent(tmp_path):
    (tmp_path / "slow.py").write_text("import time\ndef check(response, truth):\n    time.sleep(60)\n    return True\n")
    with second_opinions(SecondOpinionConfig(by=f"{tmp_path}/slow.py:check", timeout=0.5), seed=0) as opinions:
        began = time.monotonic()
        (found,) = opinions.on([row("\\boxed{2}", "fail")], TASKS)
        assert time.monotonic() - began < 30
    assert found.is_silent
    assert not found.differs
    assert counts([found]) == {"second/judged": 0, "second/ours_only": 0, "second/theirs_only": 0, "second/silent": 1}


def test_duckdb_is_asked_about_queries():
    truth = {
        "gold_sql": "select count(*) from orders where amount > 10",
        "tables": {"schema": "CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER);"},
    }
    tasks = {"t": Task("t", (), "sql", truth)}
    rows = [
        row("```sql\nselect count(id) from orders where amount >= 11\n```", "pass"),
        row("```sql\nselect count(*) from orders\n```", "pass"),
        row("```sql\nselect group_concat(id, amount) from orders\n```", "fail"),
    ]
    with second_opinions(SecondOpinionConfig(by="auto", timeout=60), seed=0) as opinions:
        found = opinions.on(rows, tasks)
    assert [(each.theirs.is_pass, each.is_silent) for each in found[:2]] == [(True, False), (False, False)]
    assert not found[2].theirs.is_pass


def test_who_is_asked():
    assert second_for("math", "auto") == "assay.measure.math_second:MathVerify"
    assert second_for("coq", "auto") is None
    assert second_for("math", "off") is None
    assert second_for("choice", "mine.py:check") == "mine.py:check"
    assert counts([]) == {}


def test_one_that_was_named_must_be_there(monkeypatch):
    with pytest.raises(UnknownName, match="did you mean 'math'"), second_opinions(SecondOpinionConfig(by="mth"), 0):
        pass
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert second_for("math", "auto") is None, "auto asks nobody who is not installed"
    with pytest.raises(MissingExtra, match=r"assay\[math\]"), second_opinions(SecondOpinionConfig(by="math"), 0):
        pass
