"""`assay eval` through the command line: a scripted engine, results written, read and compared, mistakes in a sentence."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.app import app

TASKS = [{"id": f"t{i}", "prompt": f"What is {i} + {i}?", "verifier": "math", "truth": str(2 * i)} for i in range(4)]


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row | {"split": "held_out"}) + "\n" for row in TASKS))
    return path


def script(path: Path, right: int) -> Path:
    """Of four answers to each question, the first `right` are right."""
    answers = {row["prompt"]: [rf"\boxed{{{row['truth'] if n < right else 99}}}" for n in range(4)] for row in TASKS}
    path.write_text(json.dumps(answers))
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def test_a_model_is_measured_and_its_result_compared_with_another(tmp_path: Path, tasks: Path) -> None:
    common = ["--engine", "scripted", "--tasks", tasks, "--samples", 4, "--k", 2, "--json"]
    first = run(
        script(tmp_path / "a.json", 1), *common, "--out", tmp_path / "a.jsonl", "--rollouts", tmp_path / "r.jsonl"
    )
    assert first.exit_code == 0, first.output
    figures = json.loads(first.stdout)["figures"]
    assert figures["pass@1"]["value"] == 0.25
    assert figures["pass@2"]["value"] == 0.5
    assert figures["greedy"]["value"] == 1.0
    rows = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert len(rows) == 4 * 5
    assert {row["outcome"] for row in rows} == {"pass", "fail"}

    second = run(
        script(tmp_path / "b.json", 3), *common, "--compare", tmp_path / "a.jsonl", "--out", tmp_path / "b.jsonl"
    )
    assert second.exit_code == 0, second.output
    told = json.loads(second.stdout)
    assert told["shows_gain"] is True
    assert "0.250 to 0.750" in told["sentence"]

    read = run(tmp_path / "a.jsonl", "--compare", tmp_path / "b.jsonl")
    assert read.exit_code == 0, read.output
    assert "but a loss" in read.output


def test_the_table_for_people(tmp_path: Path, tasks: Path) -> None:
    shown = run(script(tmp_path / "a.json", 2), "--engine", "scripted", "--tasks", tasks, "--samples", 4)
    assert shown.exit_code == 0, shown.output
    for words in ("4 problems", "pass@1", "0.500", "95 % interval", "answered"):
        assert words in " ".join(shown.output.split())  # a narrow terminal breaks the title


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["none.jsonl"], 2, "none.jsonl holds no evaluation"),
        (["some-model"], 2, "--tasks warehouse"),
        (["none.json", "--engine", "scripted", "--tasks", "TASKS"], 2, "user message"),
        (["SCRIPT", "--engine", "scripted", "--tasks", "TASKS", "--samples", 2, "--k", 8], 2, "samples"),
        (["SCRIPT", "--engine", "scripted", "--tasks", "warehous"], 2, "did you mean 'warehouse'"),
        (["./no-such-folder", "--tasks", "TASKS"], 3, "no such folder"),
    ],
)
def test_mistakes(tmp_path: Path, tasks: Path, arguments: list[object], code: int, sentence: str) -> None:
    places = {"TASKS": tasks, "SCRIPT": script(tmp_path / "a.json", 1)}
    result = run(*[places.get(str(each), each) for each in arguments])
    assert result.exit_code == code, result.output
    assert sentence in " ".join(result.output.split())
    assert "Traceback" not in result.output
