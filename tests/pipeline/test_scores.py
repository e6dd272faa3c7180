"""Recorded scores: written and read back, plain figures, evaluations, and files that are none of these."""

import json
from pathlib import Path

import pytest

from assay.core.errors import TaskFileError, UsageError
from assay.core.records import append_jsonl, to_json
from assay.core.run_folder import RunFolder
from assay.measure.evaluation import Evaluation, Problem
from assay.pipeline.scores import (
    Identity,
    ModelScores,
    PromptScore,
    SuiteScores,
    is_recorded,
    read_scores,
    write_scores,
)

MADE = ModelScores(
    Identity("mine", "weights", "abc123"),
    (
        SuiteScores.of(
            "chat", [PromptScore("c-1", 0.75, ("Hello \ud800",), ("finished",)), PromptScore("c-2", 1.0)], "f1"
        ),
        SuiteScores.of("harmful", [PromptScore("h-1", 0.0)], "f2"),
    ),
)


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    write_scores(tmp_path / "mine.jsonl", MADE)
    assert read_scores(tmp_path / "mine.jsonl") == MADE
    assert MADE.suites[0].value == 0.875


def test_rows_alone_are_enough_and_are_known_by_their_scores(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"suite": "chat", "id": "1", "score": 0.5}\n{"suite": "chat", "id": "2", "score": 1}\n')
    found = read_scores(path)
    assert (found.who.name, found.who.kind) == (str(path), "results")
    assert found.suites[0].by_id() == {"1": 0.5, "2": 1.0}
    again = tmp_path / "again.jsonl"
    again.write_text(path.read_text().replace("1}", "0}"))
    assert read_scores(again).who.sha256 != found.who.sha256


def test_plain_figures(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"reasoning": 0.61, "helpfulness": 1}')
    (tmp_path / "b.toml").write_text('model = "tuned"\n[figures]\nreasoning = 0.74\n')
    first, second = read_scores(tmp_path / "a.json"), read_scores(tmp_path / "b.toml")
    assert [(each.suite, each.value, each.prompts) for each in first.suites] == [("reasoning", 0.61, ()), ("helpfulness", 1.0, ())]  # fmt: skip
    assert (second.who.name, second.who.kind) == ("tuned", "figures")
    with pytest.raises(UsageError, match="no scores by prompt"):
        write_scores(tmp_path / "out.jsonl", first)


def test_a_runs_last_evaluation_gives_reasoning_and_format(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"seed": 0})
    for step, right in ((0, 1), (9, 3)):
        problems = tuple(
            Problem(f"t{i}", (True,) * right + (False,) * (4 - right), ("1", "2", None, "4"), (3,) * 4)
            for i in range(3)
        )
        append_jsonl(
            run.evaluations, [to_json(Evaluation(step, "alone", "m", 4, 1.0, (1, 4), 0, ("v",), problems, "w"))]
        )
    for place in (run.path, run.evaluations):
        found = read_scores(place)
        assert {each.suite: each.value for each in found.suites} == {"reasoning": 0.75, "format": 0.75}
    assert not is_recorded(str(run.path / "checkpoints"))
    assert is_recorded("anything.jsonl")
    assert not is_recorded("HuggingFaceTB/SmolLM2-135M")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", "", "is empty"),
        ("a.jsonl", '{"suite": "s", "id": "1"}\n', "a.jsonl:1"),
        ("a.jsonl", '{"suite": "s", "id": "1", "score": true}\n', "score is no number"),
        ("a.jsonl", '{"suite": "s", "id": "1", "score": 0}\n' * 2, "scored twice"),
        ("a.jsonl", '{"suite": "s", "id": "1", "score": NaN}\n', "not a line of JSON"),
        ("a.json", "[1]", "suite names with a number each"),
        ("a.json", '{"s": "good"}', "suite names with a number each"),
        ("a.json", "{}", "suite names with a number each"),
        ("a.toml", "s = ", "not TOML"),
        ("gone.json", None, "cannot be read"),
    ],
)
def test_what_is_no_score_is_refused_by_name(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises((TaskFileError, UsageError), match=said):
        read_scores(tmp_path / name)


def test_a_score_must_be_a_number() -> None:
    with pytest.raises(UsageError, match="finite"):
        PromptScore("p", float("nan"))
    with pytest.raises(UsageError, match="no prompt"):
        SuiteScores.of("s", [])
    assert json.dumps(to_json(MADE.who))
