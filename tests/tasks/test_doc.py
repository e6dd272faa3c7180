"""The guide's Python example runs, and its canonical line is a task."""

import json
import re
from pathlib import Path

from assay.core.config import TasksConfig
from assay.tasks.load import load_source

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "tasks.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_example_runs(capsys):
    (code,) = blocks("python")
    exec(compile(code, "tasks.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert "no problem in both splits" in said[0]
    assert len(said) == 4


def test_the_line_is_a_task(tmp_path):
    (line,) = blocks("json")
    (tmp_path / "t.jsonl").write_text(line)
    task = load_source(TasksConfig(source=str(tmp_path / "t.jsonl")), "train", 0).task(0)
    assert (task.id, task.truth) == ("sum-1", json.loads(line)["truth"])
