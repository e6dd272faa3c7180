"""What the check finds: each fault on its own, named with its place, and silence for sources without one."""

import json

import pytest

from assay.core.config import TasksConfig
from assay.tasks.check import check_sources
from assay.tasks.load import load_source

ROW = {"verifier": "math", "split": "train"}


def check(path, rows, **keys):
    path.write_text("".join(json.dumps(ROW | {"id": str(n)} | row) + "\n" for n, row in enumerate(rows, 1)))
    config = TasksConfig(source=str(path), **keys)
    return check_sources(load_source(config, "train", 0), load_source(config, "held_out", 0))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tasks.jsonl"


GOOD = {"prompt": "1 + 1?", "truth": "2"}
TEST = {"prompt": "2 + 2?", "truth": "4", "split": "test"}


def test_nothing_wrong(path):
    report = check(path, [GOOD, TEST])
    assert report.is_clean
    assert report.problems == ()
    assert "1 training, 1 held-out tasks, 2 truths read, no problem in both splits" in report.sentence()


def test_a_truth_that_cannot_be_parsed_is_named_by_file_and_line(path):
    report = check(path, [GOOD, {"prompt": "x?", "truth": r"\frac{1}"}, TEST])
    assert len(report.problems) == 1
    assert report.problems[0].startswith(f"{path}:2: ")
    assert report.splits[0].unreadable == 1
    assert f"{path}:2" in report.sentence()


def test_a_truth_object_with_an_unknown_key(path):
    report = check(path, [GOOD, {"prompt": "x?", "truth": {"answer": "1", "tolerence": 1}}, TEST])
    assert "tolerance" in report.problems[0]
    assert f"{path}:2" in report.problems[0]


def test_duplicates_are_noted_and_contradictions_are_problems(path):
    report = check(path, [GOOD, GOOD, TEST])
    assert report.is_clean
    assert report.splits[0].duplicates == 1
    assert any("1 of 2 training prompts" in note for note in report.notes)
    report = check(path, [GOOD, GOOD | {"prompt": "1  +  1?", "truth": "3"}, TEST])
    assert report.splits[0].contradictions == 1
    assert report.problems == (f"{path}:2: the prompt of {path}:1 with another truth",)


def test_an_overlap_between_the_splits(path):
    report = check(path, [GOOD, GOOD | {"split": "test", "prompt": "1 + 1? "}])
    assert report.shared_problems == 1
    assert len(report.problems) == 1
    assert f"{path}:1 and {path}:2" in report.problems[0]


def test_an_overlap_by_operands():
    """The same generator on both sides: other words, the same problems."""
    config = TasksConfig(source="warehouse", options={"families": ["shelves"]})
    other = TasksConfig(source="warehouse", options={"families": ["trips"]})
    report = check_sources(load_source(config, "train", 0), load_source(other, "train", 0))
    assert report.shared_prompts == 0
    assert report.shared_problems > 40
    assert not report.is_clean
    assert "warehouse/shelves/" in report.problems[0]


def test_a_truth_that_its_verifier_does_not_accept(path, tmp_path):
    """A class of the user's under the name of a built-in: the check believes nobody."""
    report = check(path, [{"prompt": "x?", "truth": {"answer": "12", "field": "hash_line"}}, TEST])
    assert report.is_clean
    report = check(
        path, [{"prompt": "x?", "truth": {"answer": "a\n#### b", "field": "hash_line"}, "verifier": "choice"}, TEST]
    )
    assert report.splits[0].refused == 1
    assert f"{path}:1: choice does not accept the truth" in report.problems[0]


def test_the_best_constant_answer(path):
    yes = [{"prompt": f"{n}?", "truth": "A" if n % 4 else "B", "verifier": "choice"} for n in range(40)]
    report = check(path, [*yes, TEST])
    assert (report.splits[0].constant, report.splits[0].constant_rate) == (r"\boxed{A}", 0.75)
    assert any("passes 75% of the training tasks" in note for note in report.notes)


def test_a_users_function_has_no_canonical_answer(path, tmp_path):
    (tmp_path / "mine.py").write_text("def check(response, truth):\n    return False\n")
    report = check(path, [GOOD, TEST], verifier=f"{tmp_path}/mine.py:check")
    assert report.is_clean
    assert report.splits[0].judged == 0
    assert report.splits[0].constant is None


def test_a_source_without_end_is_checked_on_its_first_tasks():
    config = TasksConfig(source="chain")
    report = check_sources(load_source(config, "train", 0), load_source(config, "held_out", 0))
    assert report.is_clean
    assert [each.checked for each in report.splits] == [512, 512]
    assert "its first 512 training tasks were checked" in report.notes[0]
    assert report.splits[0].constant_rate < 0.02


def test_one_source_alone():
    report = check_sources(load_source(TasksConfig(source="times_tables"), "train", 0))
    assert report.is_clean
    assert len(report.splits) == 1


@pytest.mark.parametrize("name", ["warehouse", "times_tables", "gym:chain_sum"])
def test_our_own_sources_are_clean(name):
    if name.startswith("gym:"):
        pytest.importorskip("reasoning_gym")
    config = TasksConfig(source=name)
    report = check_sources(load_source(config, "train", 0), load_source(config, "held_out", 0))
    assert report.is_clean, report.problems[:3]
    assert all(each.judged == each.checked for each in report.splits)


@pytest.mark.shared
def test_math500_reads_but_for_few():
    from pathlib import Path

    data = Path(__file__).parents[3] / "shared" / "data" / "math500.jsonl"
    config = TasksConfig(source=str(data), options={"held_out_share": 0.5})
    report = check_sources(load_source(config, "train", 0), load_source(config, "held_out", 0))
    assert report.shared_problems == 0
    assert sum(each.unreadable + each.refused for each in report.splits) <= 5
