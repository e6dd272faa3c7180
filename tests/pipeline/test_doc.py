"""docs/guides/route.md: its example comes out as it is shown, and its table of keys is the schema's."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from assay.cli.app import app
from assay.pipeline.description import Description, PartsSection

DOC = (Path(__file__).parents[2] / "docs/guides/route.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", DOC, re.S)
    assert found is not None
    return found.group(1)


def test_the_example_comes_out_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("support.toml").write_text(block("toml"))
    Path("support.jsonl").write_text(block("json"))
    command, _, shown = block("console").partition("\n")
    result = CliRunner().invoke(app, command.removeprefix("$ assay ").split(), prog_name="assay")
    assert result.exit_code == 0, result.output
    assert result.output.rstrip() == shown.rstrip()


def keys() -> Iterator[str]:
    fields: list[tuple[str, type[BaseModel]]] = [("", Description), ("parts.", PartsSection)]
    for prefix, model in fields:
        yield from (f"{prefix}{name}" for name in model.model_fields if name != "parts")


def test_the_table_lists_every_key() -> None:
    table = DOC.split("## The keys of a description")[1].split("\n## ")[0]
    cells = [re.findall(r"`([\w.]+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]
    shown = [
        name if name.startswith("parts.") or not row[0].startswith("parts.") else f"parts.{name}"
        for row in cells
        for name in row
    ]
    assert sorted(shown) == sorted(keys())
