"""The gate's guide says what is there: its small case, its tables and its Python block run as they stand."""

import re
from pathlib import Path

from typer.testing import CliRunner

from assay.cli.app import app
from assay.core.config import BaseGateConfig
from assay.pipeline.thresholds import read_gate

DOC = (Path(__file__).parents[2] / "docs/guides/gate.md").read_text(encoding="utf-8")


def block(kind: str, number: int = 0) -> str:
    return re.findall(rf"^```{kind}\n(.*?)^```", DOC, re.M | re.S)[number]


def test_the_small_case(tmp_path: Path) -> None:
    (tmp_path / "gate.toml").write_text(block("toml"))
    lines = DOC[DOC.index("$ cat base.json") :].split("\n```")[0].splitlines()
    for name in ("base.json", "new.json"):
        (tmp_path / name).write_text(lines[lines.index(f"$ cat {name}") + 1])
    arguments = [
        "gate",
        str(tmp_path / "base.json"),
        str(tmp_path / "new.json"),
        "--thresholds",
        str(tmp_path / "gate.toml"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert result.output.rstrip().endswith("\n".join(lines[lines.index("...") + 1 :]))


def test_the_table_of_suites() -> None:
    table = DOC.split("## Suites")[1].split("\n\nThe prompts")[0]
    rows = re.findall(r"^\| `(\w+)` \| (?:.*?)(\d+)[^|]*\|[^|]*\| (\w+) \|$", table, re.M)
    built_in = read_gate()
    assert [name for name, _, _ in rows] == list(built_in.suites)
    for name, count, better in rows:
        suite = built_in.suite(name)
        assert (len(suite.items), suite.better) == (int(count), better), name


def test_the_table_of_the_gate_before_rl() -> None:
    table = DOC.split("## Before RL")[1]
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| ([\d.]+) \|", table, re.M)
    defaults = BaseGateConfig().model_dump(exclude={"action"})
    assert {name: float(value) for name, value in rows} == defaults


def test_the_prompt_file_and_the_scores_are_read(tmp_path: Path) -> None:
    from assay.pipeline.scores import read_scores
    from assay.pipeline.suite import read_suite

    (tmp_path / "support.jsonl").write_text(block("json", 0))
    suite = read_suite(tmp_path / "support.jsonl")
    assert (suite.name, suite.version, len(suite.items), len(suite.items[0].checks)) == ("support", "3", 1, 1)
    (tmp_path / "scores.jsonl").write_text(block("json", 1))
    assert read_scores(tmp_path / "scores.jsonl").suites[0].fingerprint == "a fingerprint"


def test_the_python_block(capsys) -> None:  # type: ignore[no-untyped-def]
    exec(compile(block("python"), "gate.md", "exec"), {})
    assert capsys.readouterr().out.startswith("False does not ship, for 1 reason: helpfulness 0.920 to 0.810")


def test_prompts_per_margin() -> None:
    rows = re.findall(r"^\| (0\.\d\d) \| ([\d,]+)(?: prompts)? \| ([\d,]+) \| ([\d,]+) \|$", DOC, re.M)
    assert len(rows) == 4
    for margin, *counts in rows:
        for share, count in zip((0.05, 0.1, 0.2), counts, strict=True):
            assert abs(1.96**2 * share / float(margin) ** 2 - int(count.replace(",", ""))) < 1
