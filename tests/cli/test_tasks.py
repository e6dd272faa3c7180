"""`assay tasks`: the four verbs, their JSON, their exit codes, and pages that fit a terminal."""

import json

import pytest
from typer.testing import CliRunner

from assay.cli.app import app

ROW = {"id": "a", "prompt": "1 + 1?", "verifier": "math", "truth": "2", "split": "train"}
TEST = {"id": "b", "prompt": "2 + 2?", "verifier": "math", "truth": "4", "split": "test"}


def run(*arguments, columns=100):
    return CliRunner().invoke(app, ["tasks", *map(str, arguments)], env={"COLUMNS": str(columns), "TERM": "dumb"})


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_list():
    result = run("list")
    assert result.exit_code == 0, result.output
    for name in ("warehouse", "times_tables", "chain", "gym:NAME", "layouts assay, verl, trl"):
        assert name in " ".join(result.output.split())


def test_list_as_json():
    found = json.loads(run("list", "--json").stdout)
    assert set(found) >= {"warehouse", "times_tables", "chain"}
    assert "level" in found["warehouse"]["options"]
    assert set(found["chain"]["levels"]) == {"1", "2", "3"}


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "warehouse"), ("check", "warehouse"), ("show", "chain", "-n", 1)]
)
def test_tables_fit(arguments, columns):
    """Tables and panels; the lines below them wrap where the terminal does."""
    result = run(*arguments, columns=columns)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if not line.startswith("warehouse")]
    assert max(map(len, lines)) <= columns


def test_show_sets_the_truth_apart():
    arguments = ("show", "warehouse", "-n", 2, "--set", "options.families=['trips']")
    result = run(*arguments)
    assert result.output.count("before every one of them") == 1
    assert result.output.count("truth") == 2
    rows = [json.loads(line) for line in run(*arguments, "--json").stdout.splitlines()]
    assert len(rows) == 2
    for row in rows:
        assert f"truth     {row['truth']} " in result.output
        assert row["id"] in result.output


def test_show_takes_options_and_splits():
    result = run("show", "warehouse", "--set", "options.families=['tax']", "--split", "held_out", "--json", "-n", 1)
    row = json.loads(result.stdout)
    assert row["tags"] == ["tax"]
    assert row["truth"]["tolerance"] == {"absolute": 0.001}


def test_show_prints_brackets_as_they_are(tmp_path):
    path = write(tmp_path / "t.jsonl", ROW | {"prompt": "[bold]x[/bold] [1, 2]?"})
    assert "[bold]x[/bold] [1, 2]?" in run("show", path).output


def test_check_a_clean_file(tmp_path):
    path = write(tmp_path / "t.jsonl", ROW, TEST)
    result = run("check", path)
    assert result.exit_code == 0, result.output
    assert "0 problems in both splits" in result.output
    report = json.loads(run("check", path, "--json").stdout)
    assert report["is_clean"] is True
    assert [each["checked"] for each in report["splits"]] == [1, 1]


def test_check_finds_and_exits_1(tmp_path):
    path = write(tmp_path / "t.jsonl", ROW, ROW | {"id": "c", "truth": r"\frac{1}"}, TEST)
    result = run("check", path, columns=200)
    assert result.exit_code == 1
    assert f"{path}:2" in result.output
    assert json.loads(run("check", path, "--json").stdout)["is_clean"] is False


def test_check_with_a_second_source(tmp_path):
    train, test = write(tmp_path / "a.jsonl", ROW), write(tmp_path / "b.jsonl", TEST)
    assert run("check", train, "--held-out", test).exit_code == 0


def test_a_file_with_one_side_only(tmp_path):
    path = write(tmp_path / "test.jsonl", TEST)
    assert "1 held out tasks" in run("show", path).output
    report = json.loads(run("check", path, "--json").stdout)
    assert [each["split"] for each in report["splits"]] == ["held_out"]
    assert "1 held out tasks" in run("convert", path, tmp_path / "out.jsonl", columns=300).output
    assert run("show", path, "--split", "train").exit_code == 2
    write(tmp_path / "none.jsonl")
    assert run("check", tmp_path / "none.jsonl").exit_code == 2


def test_convert(tmp_path):
    out = tmp_path / "out.jsonl"
    result = run("convert", "warehouse", out, "--to", "verl", "-n", 5)
    assert result.exit_code == 0, result.output
    assert "5 training, 5 held out tasks, layout verl" in " ".join(result.output.split())
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {row["extra_info"]["split"] for row in rows} == {"train", "test"}
    assert json.loads(run("convert", out, tmp_path / "back.jsonl", "--json").stdout)["tasks"] == {
        "train": 5,
        "held_out": 5,
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "warehous"), "did you mean 'warehouse'"),
        (("check", "nowhere.jsonl"), "no such file"),
        (("show", "warehouse", "--set", "options.levle=2"), "did you mean 'level'"),
        (("show", "warehouse", "--set", "sorce=x"), "did you mean 'source'"),
        (("check", "warehouse", "--set", "verifier=mth"), "did you mean 'math'"),
        (("convert", "warehouse", "x.csv"), "ends in .jsonl or .parquet"),
    ],
)
def test_usage_errors_are_one_sentence(arguments, sentence):
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_check_probes_a_model_and_says_so_in_json(tmp_path):
    sums = [" ".join(str(j * i) for j in range(3, 20)) for i in range(10, 14)]
    rows = [
        {"id": str(i), "prompt": text, "verifier": "math", "truth": "4", "split": "test"} for i, text in enumerate(sums)
    ]
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("check", path, "--probe", "tiny", "--probe-prompts", 2, "--json")
    assert result.exit_code == 0, result.output
    probe = json.loads(result.stdout)["probe"]
    assert (probe["model"], probe["probed"], probe["verbatim"]) == ("tiny", 2, 0)
    assert probe["low"] == 0.0 < probe["high"]
    shown = run("check", path, "--probe", "tiny", columns=200)
    assert "tiny completes 0 of 4 prompts word for word from their first 60%" in shown.output


def test_check_shows_contamination(tmp_path):
    text = "A gardener waters forty tulips every second morning and gives each of them a third of a litre. How many litres in June?"
    rows = [
        {"id": "1", "prompt": text, "verifier": "math", "truth": "1", "split": "train"},
        {
            "id": "2",
            "prompt": text.replace("A gardener", "My uncle"),
            "verifier": "math",
            "truth": "2",
            "split": "test",
        },
    ]
    path = tmp_path / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = run("check", path, columns=300)
    assert result.exit_code == 0
    assert "1 held-out prompts share ten words with a training one, 1 are nearly one" in result.output
    assert f"{path}:2 and {path}:1" in result.output
