import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner, Result

from assay.audit.samples import sample_tasks
from assay.cli.audit import audit, is_verifier
from assay.core.errors import UsageError

EXACT = "def check(response, truth):\n    return response.strip() == str(truth)\n"
CARELESS = "def check(response, truth):\n    return str(truth) in response\n"


def run(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(audit)
    return CliRunner().invoke(app, [*map(str, arguments), "--workers", "1"])


@pytest.fixture
def careless(tmp_path: Path) -> str:
    (tmp_path / "careless.py").write_text(CARELESS)
    return f"{tmp_path / 'careless.py'}:check"


def test_a_hole_is_exit_1_with_its_text(careless: str, tmp_path: Path) -> None:
    files = [tmp_path / "audit.xml", tmp_path / "audit.html", tmp_path / "certificate.json"]
    result = run(careless, "--junit", files[0], "--html", files[1], "--certificate", files[2])
    assert result.exit_code == 1, result.output
    assert "hole" in result.output
    assert "substrings" in result.output
    assert ElementTree.parse(files[0]).getroot().get("failures") != "0"
    assert "Holes" in files[1].read_text()
    assert {hole["name"] for hole in json.loads(files[2].read_text())["holes"]} >= {"substrings", "first_and_last"}


def test_json_is_one_object(careless: str) -> None:
    result = run(careless, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert report["is_clean"] is False
    assert all({"text", "truth", "verifier", "name"} <= set(hole) for hole in report["holes"])


def test_a_strict_function_is_exit_0(tmp_path: Path) -> None:
    (tmp_path / "exact.py").write_text(EXACT)
    result = run(f"{tmp_path / 'exact.py'}:check")
    assert result.exit_code == 0, result.output
    assert "no hole" in result.output


def test_a_rule_with_a_hole(tmp_path: Path) -> None:
    (tmp_path / "exact.py").write_text(EXACT)
    result = run(f"{tmp_path / 'exact.py'}:check", "--rule", "r1_sum")
    assert result.exit_code == 1
    assert "r1_sum pays 1 for a wrong answer" in result.output


@pytest.mark.parametrize("verifier", ["math", "choice"])
def test_our_own_verifiers_have_none(verifier: str) -> None:
    result = run(verifier)
    assert result.exit_code == 0, result.output
    assert "no hole" in result.output


def test_a_foreign_reward() -> None:
    styles = Path(__file__).parents[1] / "attacks" / "public_styles.py"
    result = run("--reward", f"verl:{styles}:last_number")
    assert result.exit_code == 1, result.output
    assert "first_and_last" in result.output


def test_nothing_to_audit() -> None:
    assert isinstance(run().exception, UsageError)


@pytest.mark.parametrize(
    ("name", "yes"),
    [
        ("math", True),
        ("my.py:check", True),
        ("package.module:check", True),
        ("gym:chain_sum", False),
        ("warehouse", False),
        ("tasks.jsonl", False),
    ],
)
def test_what_is_a_verifier(name: str, yes: bool) -> None:
    assert is_verifier(name) == yes


def test_truths_that_cannot_be_guessed() -> None:
    with pytest.raises(UsageError, match="--tasks SOURCE"):
        sample_tasks("preference")
