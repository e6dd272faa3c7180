"""`assay verify`: one answer, a file, an old run judged again; what it prints, what it writes, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from assay.cli.app import app
from assay.cli.verify import read_truth
from assay.core.records import read_jsonl, write_jsonl
from assay.core.run_folder import RolloutRow, RunFolder

BOXED_B = r"so \boxed{B}"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def one(verifier: str, truth: str, response: str, *more: object) -> Result:
    return run("--verifier", verifier, "--truth", truth, "--response", response, *more)


# --- one answer ---


@pytest.mark.parametrize(
    ("truth", "response", "code", "shown"),
    [
        ("B", BOXED_B, 0, "PASS  correct"),
        ("B", r"\boxed{A}", 1, "FAIL  wrong value"),
        ("B", "B", 1, "FAIL  no answer"),
        ("", BOXED_B, 3, "VOID  bad truth"),
        ('{"answer": "B", "field": "final_line"}', "B", 0, "PASS  correct"),
        ('{"answer": "B", "feild": "boxed"}', "B", 3, "did you mean 'field'"),
    ],
)
def test_one_answer(truth: str, response: str, code: int, shown: str) -> None:
    result = one("choice", truth, response)
    assert result.exit_code == code, result.output
    assert shown in result.stdout
    assert "verifier" in result.stdout
    assert "choice" in result.stdout


def test_one_answer_as_json() -> None:
    result = one("choice", "B", BOXED_B, "--json")
    row = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {name: row[name] for name in ("outcome", "reward", "reason", "answer")} == {
        "outcome": "pass",
        "reward": 1.0,
        "reason": "correct",
        "answer": "B",
    }
    assert row["verifier"].startswith("choice@1#")


@pytest.mark.parametrize(
    ("response", "code"), [("right", 0), ("wrong", 1), ("hang", 1), ("_exit", 3), ("raise", 3), ("exit", 3)]
)
def test_one_answer_by_a_users_function(checks: str, response: str, code: int) -> None:
    result = one(f"{checks}:odd", "right", response, "--json", "--timeout", "1")
    assert result.exit_code == code
    assert json.loads(result.stdout)["reward"] == float(code == 0)


def test_nothing_printed_can_be_taken_for_markup_or_control(checks: str) -> None:
    result = one(f"{checks}:equal", "[bold]x[/bold]\x1b[31m", "[red]y\x00")
    assert result.exit_code == 1
    assert "[bold]x[/bold]" in result.stdout
    assert "\x1b" not in result.stdout


def test_the_prompt_is_passed_on(checks: str) -> None:
    assert one(f"{checks}:sees_prompt", "", "q", "--prompt", "q").exit_code == 0
    assert one(f"{checks}:sees_prompt", "", "q").exit_code == 1


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("168", "168"),
        ("B", "B"),
        ("true", "true"),
        ('{"answer": "1"}', {"answer": "1"}),
        ('["1", "2"]', ["1", "2"]),
        ('"quoted"', "quoted"),
        ("[0, 1)", "[0, 1)"),
        ("{1, 2}", "{1, 2}"),
        ("[" * 100_000, "[" * 100_000),
        ("", ""),
        (' {"a": 1} ', {"a": 1}),
        ("[NaN]", "[NaN]"),
        ("[1e999]", "[1e999]"),
    ],
)
def test_truths_as_they_are_typed(text: str, truth: Any) -> None:
    assert read_truth(text) == truth


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "one answer needs --verifier, --truth and --response; or name a file, a run folder, or -"),
        (("--verifier", "choice"), "one answer needs"),
        (
            ("--verifier", "chioce", "--truth", "B", "--response", "B"),
            "unknown verifier 'chioce'; did you mean 'choice'?",
        ),
        (("--verifier", "no.py:f", "--truth", "B", "--response", "B"), "there is no file no.py"),
        (("file.jsonl", "--truth", "B"), "leave them out when judging file.jsonl"),
        (("file.jsonl",), "file.jsonl: no such file"),
        (("file.jsonl", "--verifier", "chioce"), "unknown verifier 'chioce'"),
        (("file.jsonl", "--timeout", "-1"), "--timeout -1: seconds above 0 would be right"),
        (("file.jsonl", "--timeout", "inf"), "--timeout inf"),
    ],
)
def test_usage_is_one_sentence(arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert sentence in result.stderr
    assert result.stderr.startswith("assay: ")
    assert result.stderr.count("\n") == 1


# --- a file ---


def task(number: int, response: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"question {number}"}]
    return {"id": f"t{number}", "prompt": messages, "verifier": "choice", "truth": "B", "response": response} | more


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    path = tmp_path / "answers.jsonl"
    write_jsonl(path, [task(n, BOXED_B if n % 3 else r"\boxed{A}") for n in range(30)])
    return path


def test_a_file(answers: Path, tmp_path: Path) -> None:
    out = tmp_path / "verdicts.jsonl"
    result = run(answers, "--workers", "2", "--out", out)
    assert result.exit_code == 0, result.output
    assert "30 answers" in result.stdout
    assert "20 pass" in result.stdout
    assert "10 fail" in result.stdout
    assert "wrong_value 10" in result.stdout
    assert str(out) in result.stdout
    rows = list(read_jsonl(out))
    assert [row["id"] for row in rows] == [f"t{n}" for n in range(30)], "in the file's order"
    assert [row["outcome"] for row in rows] == ["pass" if n % 3 else "fail" for n in range(30)]
    assert all(row["verifier"].startswith("choice@1#") for row in rows)


def test_a_file_as_json(answers: Path) -> None:
    found = json.loads(run(answers, "--json").stdout)
    assert found["judged"] == 30
    assert found["outcomes"] == {"pass": 20, "fail": 10, "void": 0}
    assert found["reasons"] == {"correct": 20, "wrong_value": 10}
    assert (found["compared"], found["flipped"], found["flips"]) == (0, 0, [])


def test_another_verifier_for_the_whole_file(answers: Path, checks: str) -> None:
    found = json.loads(run(answers, "--verifier", f"{checks}:equal", "--json").stdout)
    assert found["outcomes"] == {"pass": 0, "fail": 30, "void": 0}
    assert found["verifiers"][0].startswith("my_checks.py:equal@1#")


def test_a_void_is_exit_3_and_told(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    write_jsonl(path, [task(0, BOXED_B), task(1, BOXED_B, truth=""), task(2, BOXED_B, verifier="chioce")])
    result = run(path)
    assert result.exit_code == 3
    assert "2 void" in result.stdout
    assert "t1: choice: answer: an option's label would be right" in result.stdout


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"id": 1, "verifier": "choice", "truth": "B"}, "row 2 holds no answer: a `response` (or a rollout's `text`)"),
        ({"response": 3, "verifier": "choice", "truth": "B"}, "row 2 holds no answer"),
        ({"response": "x", "truth": "B"}, "row 2 names no verifier: add the key, or say --verifier"),
        ({"response": "x", "verifier": "choice"}, "row 2 holds no `truth`"),
    ],
)
def test_a_row_that_is_no_answer_is_named(tmp_path: Path, row: dict[str, Any], sentence: str) -> None:
    path, out = tmp_path / "answers.jsonl", tmp_path / "out.jsonl"
    write_jsonl(path, [task(0, BOXED_B), row])
    result = run(path, "--out", out)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert not out.exists(), "no half of the verdicts is left"


def test_broken_and_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps(task(0, BOXED_B)) + "\n{broken\n")
    result = run(path)
    assert result.exit_code == 2
    assert "answers.jsonl:2: not a line of JSON" in result.stderr
    path.write_text("\n\n")
    assert "holds no answer to judge" in run(path).stderr


def test_a_verdict_stands_for_each_row_whatever_a_row_does(tmp_path: Path, checks: str) -> None:
    path, out = tmp_path / "answers.jsonl", tmp_path / "out.jsonl"
    texts = ["right", "hang", "wrong", "_exit", "print", "right"]
    write_jsonl(path, [task(n, text, verifier=f"{checks}:odd", truth="right") for n, text in enumerate(texts)])
    result = run(path, "--out", out, "--timeout", "1", "--workers", "2")
    assert result.exit_code == 3
    assert [row["outcome"] for row in read_jsonl(out)] == ["pass", "fail", "fail", "void", "fail", "pass"]


# --- a run, judged again ---


@pytest.fixture
def old_run(tmp_path: Path, checks: str) -> Path:
    """A run whose verifier took any answer that holds the truth."""
    run_folder = RunFolder.create(tmp_path / "run", {"seed": 0})
    texts = [BOXED_B, r"\boxed{A} or \boxed{B}", "B", r"\boxed{A}"]
    rows = []
    for number in range(40):
        text = texts[number % 4]
        taken = "B" in text
        rows.append(
            RolloutRow(
                step=number // 8,
                group=f"{number // 8}-0",
                sample=number % 8,
                task=f"t{number // 8}",
                prompt="user: which?",
                text=text,
                answer="B" if taken else None,
                truth="B",
                outcome="pass" if taken else "fail",
                reason="correct" if taken else "wrong_value",
                verifier="choice@0#000000000000",
                evidence={},
                reward=float(taken),
                parts={"outcome": float(taken)},
                advantage=0.0,
                tokens=5,
                finish="stop",
                policy=0,
                seed=0,
                seconds=0.0,
            )
        )
    run_folder.log_rollouts(rows)
    with run_folder.rollouts.open("ab") as file:
        file.write(b'{"step": 5, "gro')  # killed while it wrote
    return run_folder.path


def test_a_run_is_judged_again_and_the_flips_are_shown(old_run: Path) -> None:
    result = run(old_run)
    assert result.exit_code == 0, result.output
    assert "40 answers" in result.stdout
    assert "20 of 40 verdicts flipped" in result.stdout
    assert "t0: pass -> fail (ambiguous)" in result.stdout
    assert "and 8 more (--json lists them)" in result.stdout
    found = json.loads(run(old_run, "--json").stdout)
    assert (found["compared"], found["flipped"], len(found["flips"])) == (40, 20, 20)
    assert found["outcomes"] == {"pass": 10, "fail": 30, "void": 0}
    assert {flip["reason"] for flip in found["flips"]} == {"ambiguous", "no_answer"}
    assert found["flips"][0] == {
        "id": "t0",
        "before": "pass",
        "after": "fail",
        "reason": "ambiguous",
        "answer": None,
        "truth": "B",
    }


def test_its_rollouts_file_is_judged_too(old_run: Path, tmp_path: Path) -> None:
    whole = tmp_path / "rollouts.jsonl"
    lines = (old_run / "rollouts.jsonl").read_bytes().splitlines(keepends=True)
    whole.write_bytes(b"".join(lines[:-1]))
    assert json.loads(run(whole, "--json").stdout)["flipped"] == 20


def test_a_run_under_another_verifier(old_run: Path, tmp_path: Path) -> None:
    (tmp_path / "lenient.py").write_text("def check(response, truth): return truth in response\n")
    out = tmp_path / "out.jsonl"
    result = run(old_run, "--verifier", f"{tmp_path}/lenient.py:check", "--out", out, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (found["flipped"], found["outcomes"]["pass"]) == (0, 30)
    assert {row["before"] for row in read_jsonl(out)} == {"pass", "fail"}


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "is not a run folder" in result.stderr


# --- from outside ---


def test_a_verifier_of_another_package(tmp_path: Path) -> None:
    """An installed distribution with an entry point, found by the command and by its workers."""
    info = tmp_path / "assay_echo-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: assay-echo\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[assay.verifier]\necho = assay_echo_module:Echo\n")
    (tmp_path / "assay_echo_module.py").write_text(
        "from assay.core.types import Reason\nfrom assay.verify.base import failed, passed\n"
        "class Echo:\n    name, version = 'echo', '1'\n    def read(self, truth): return truth\n"
        "    def check(self, truth, response, prompt=''):\n"
        "        return passed(response) if response == truth else failed(Reason.WRONG_VALUE, response)\n"
    )

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-m", "assay", "verify", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    assert call("--verifier", "echo", "--truth", "x", "--response", "x").returncode == 0
    assert call("--verifier", "echo", "--truth", "x", "--response", "y").returncode == 1
    unknown = call("--verifier", "ecko", "--truth", "x", "--response", "y")
    assert unknown.returncode == 2
    assert "did you mean 'echo'" in unknown.stderr
