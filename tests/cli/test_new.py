"""`assay new verifier`: what it writes works at once, in its folder and from beside it."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.cli.new import WRITTEN, class_name

ROOT = Path(__file__).parents[2]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["new", *map(str, arguments)], prog_name="assay")


def shell(command: Sequence[str], folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "toy_sums"
    result = run("verifier", "toy_sums", "--folder", folder)
    assert result.exit_code == 0, result.output
    return folder


def test_five_files_without_a_mark_left(tmp_path: Path) -> None:
    made = tmp_path / "toy_sums"  # its own: in the shared one other tests run Python, which leaves a __pycache__
    assert run("verifier", "toy_sums", "--folder", made).exit_code == 0
    assert {each.name for each in made.iterdir()} == {
        file.replace("{{name}}", "toy_sums") for file, _ in WRITTEN.values()
    }
    for each in made.iterdir():
        assert "{{name" not in each.read_text().lower()
    assert class_name("toy_sums") == "ToySums"


def test_its_own_tests_pass(made: Path) -> None:
    done = shell(["pytest", "-q", "-p", "no:cacheprovider"], made)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_they_fail_when_the_verifier_is_broken(made: Path, tmp_path: Path) -> None:
    for each in made.glob("*.*"):
        (tmp_path / each.name).write_text(each.read_text())
    source = (made / "toy_sums.py").read_text()
    (tmp_path / "toy_sums.py").write_text(source.replace("if field.text is None:", "if truth and truth < 0:"))
    assert shell(["pytest", "-q", "-p", "no:cacheprovider"], tmp_path).returncode == 1
    (tmp_path / "toy_sums.py").write_text(source)
    attacks = (made / "toy_sums_attacks.py").read_text()
    (tmp_path / "toy_sums_attacks.py").write_text(attacks.replace("dict.fromkeys(re", "dict.fromkeys([] and re"))
    done = shell(["pytest", "-q", "-p", "no:cacheprovider"], tmp_path)
    assert done.returncode == 1  # an attack that breaks nothing
    assert "test_each_attack_breaks_a_careless_verifier" in done.stdout


def test_the_audit_takes_it_from_beside_its_folder(made: Path) -> None:
    done = shell(["assay", "audit", "toy_sums/tasks.jsonl", "--json", "--workers", "1"], made.parent)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["is_clean"] is True
    assert [each["paid"] for each in report["families"] if each["family"] == "toy_sums"] == [0]
    assert shell(["assay", "audit", "tasks.jsonl", "--workers", "1"], made).returncode == 0


def test_the_golden_rows_are_judged_as_they_say(made: Path) -> None:
    done = shell(["assay", "verify", "toy_sums/golden.jsonl", "--json"], made.parent)
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["flipped"], json.loads(done.stdout)["compared"]) == (0, 31)


def test_the_tasks_are_sound(made: Path) -> None:
    assert shell(["assay", "tasks", "check", "tasks.jsonl"], made).returncode == 0


def test_it_is_formatted_and_linted_as_this_house_is(made: Path) -> None:
    config = str(ROOT / "pyproject.toml")
    assert tomllib.loads(Path(config).read_text())["tool"]["ruff"]["line-length"] == 120
    for words in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, "--config", config, "--no-cache", str(made)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_is_overwritten(made: Path, tmp_path: Path) -> None:
    result = run("verifier", "toy_sums", "--folder", made)
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    (tmp_path / "file").write_text("")
    result = run("verifier", "toy_sums", "--folder", tmp_path / "file")
    assert (result.exit_code, "is a file; a folder would be right" in result.stderr) == (2, True)


def test_json_names_the_files(tmp_path: Path) -> None:
    found = json.loads(run("verifier", "other", "--folder", tmp_path / "o", "--json").stdout)
    assert found["verifier"] == "other.py:Other"
    assert all((tmp_path / "o" / each).is_file() for each in found["files"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Sums", "small letters, digits and underscores would be right"),
        ("my-sums", "small letters"),
        ("_sums", "small letters"),
        ("class", "a name of Python's own; my_class would be right"),
        ("json", "a name of Python's own; my_json would be right"),
        ("math", "a name of Python's own"),
        ("choice", "there is a verifier 'choice' already; my_choice would be right"),
        ("test_sums", "pytest takes files that begin with test_ for tests; sums would be right"),
    ],
)
def test_a_name_that_will_not_do(name: str, said: str, tmp_path: Path) -> None:
    result = run("verifier", name, "--folder", tmp_path / "x")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "x").exists()
