"""The verb, through the program's own entry."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from assay.cli.app import app


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["report", *map(str, arguments)])


def test_one_run(make_run) -> None:
    folder = make_run()
    result = run(folder)
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(folder / "report.html")
    assert "before and after" in (folder / "report.html").read_text().lower()


def test_one_run_elsewhere(make_run, tmp_path: Path) -> None:
    folder = make_run()
    assert run(folder, "--out", tmp_path / "page.html").exit_code == 0
    assert (tmp_path / "page.html").exists()
    assert not (folder / "report.html").exists()


def test_several_runs_as_json(make_run, tmp_path: Path) -> None:
    folders = [make_run("a"), make_run("b", seed=1)]
    result = run(*folders, "--out", tmp_path / "both.html", "--json")
    assert json.loads(result.output) == {"report": str(tmp_path / "both.html"), "runs": list(map(str, folders))}
    assert "2 runs side by side" in (tmp_path / "both.html").read_text()


def test_bad_input_is_one_sentence(make_run, tmp_path: Path) -> None:
    for arguments, said in (([tmp_path], "not a run folder"), ([make_run(), "--out", tmp_path], "is a folder")):
        result = run(*arguments)
        assert result.exit_code == 2
        assert said in result.output
        assert len(result.output.strip().splitlines()) == 1
