import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from assay.cli.app import app

EXAMPLES = Path(__file__).parents[1] / "pipeline" / "examples"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["route", *map(str, arguments)], prog_name="assay")


def test_a_recommendation_for_people() -> None:
    result = run(EXAMPLES / "harm.toml", EXAMPLES / "harm.jsonl")
    assert result.exit_code == 0, result.output
    first, second = result.output.splitlines()[:2]
    assert first.startswith("preference learning  pairs compared by people (RLHF) or by a judge (RLAIF)")
    assert second == "not RLVR: no program can say of an answer that it is right"
    for part in ("required fields: verdict, section, why", "length: at most 80 words", "each of the policy sections"):
        assert part in result.output


def test_equal_groups_are_shown_as_not_yet() -> None:
    result = run(EXAMPLES / "solved.jsonl")
    assert result.exit_code == 0, result.output
    assert result.output.startswith("RLVR  (not yet)  GRPO with `math`")
    assert "every sampled group would get equal rewards" in result.output


def test_json_is_one_object() -> None:
    result = run(EXAMPLES / "support.toml", "--json")
    found = json.loads(result.stdout)
    assert (found["method"], found["title"]) == ("decomposition", "decomposition into checkable parts")
    assert found["is_ready"] is True
    assert {each["verifier"] for each in found["parts"]} == {"instructions", "structured", "grounded", "language"}
    assert found["trials"] == []


def test_rows_without_samples_leave_a_question_open() -> None:
    result = run(EXAMPLES / "demonstrations.jsonl")
    assert "No sampled answers" not in result.output
    file = EXAMPLES / "math.jsonl"
    assert "No sampled answers" not in run(file).output


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["nothing.toml"], "nothing.toml: no such file"),
        (["nothing.jsonl"], "nothing.jsonl: no such file"),
        (["page.html"], "page.html: a description (.toml or .json) or rows (.jsonl or .parquet) would be right"),
        ([EXAMPLES / "math.toml", EXAMPLES / "code.toml"], "two descriptions"),
        ([EXAMPLES / "math.jsonl", EXAMPLES / "code.jsonl"], "two samples of rows"),
        ([EXAMPLES / "math.toml", "--timeout", "0"], "--timeout 0: seconds above 0 would be right"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_2(files: list[object], said: str) -> None:
    result = run(*files)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_it_works_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from assay.cli.app import app\n"
        f"app(['route', {str(EXAMPLES / 'math.toml')!r}, {str(EXAMPLES / 'math.jsonl')!r}], prog_name='assay')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("RLVR")
