"""A reference changed field by field: what no rule notices is told, what some rule notices is not."""

import json

from assay.core.config import TasksConfig
from assay.tasks.check import check_sources
from assay.tasks.load import load_source
from assay.tasks.wrapped import First
from assay.verify.base import read_case
from assay.verify.structured.loose import changes, loose_fields

REFERENCE = {"id": "A-1", "qty": 2, "note": "x", "tags": ["u", "v"], "ok": True, "inner": {"price": 1.5}, "none": None}


def loose(*rules: str) -> list[str]:
    truth = {"rules": [{"name": rule, "expr": rule} for rule in rules]}
    return loose_fields(read_case("structured", truth), REFERENCE)


def test_what_no_rule_looks_at() -> None:
    assert loose("true") == [
        "answer.id", "answer.qty", "answer.note", "answer.tags[0]", "answer.tags[1]", "answer.tags", "answer.ok", "answer.inner.price",
    ]  # fmt: skip
    assert loose("answer.id == 'A-1' and answer.ok", "answer.tags == ['u', 'v'] and answer.inner.price == 1.5") == [
        "answer.qty",
        "answer.note",
    ]
    assert loose("answer.qty <= 2", "answer.id == 'A-1' and answer.ok and answer.inner.price == 1.5")[0] == "answer.qty"


def test_every_change_changes_one_thing() -> None:
    made = list(changes(REFERENCE, ()))
    assert all(changed != REFERENCE for _, changed in made)
    assert len({json.dumps(changed) for _, changed in made}) == len(made) == 10


def test_the_check_tells(tmp_path) -> None:
    truth = {"rules": [{"name": "qty", "expr": "answer.qty == 2"}], "reference": {"qty": 2, "note": "x"}}
    row = {"id": "a", "prompt": "p", "verifier": "structured", "truth": truth, "split": "train"}
    (tmp_path / "t.jsonl").write_text(json.dumps(row))
    report = check_sources(load_source(TasksConfig(source=str(tmp_path / "t.jsonl")), "train", 0))
    assert report.is_clean
    (note,) = [each for each in report.notes if "changed reference" in each]
    assert note.startswith("the rules of 1 tasks let a changed reference pass: ")
    assert note.endswith("t.jsonl:1 (answer.note)")


def test_the_scenarios_leave_nothing_loose() -> None:
    for name in ("route_plan", "invoice", "packing"):
        report = check_sources(First(load_source(TasksConfig(source=name), "train", 0), 6))
        assert not [each for each in report.notes if "changed reference" in each]
