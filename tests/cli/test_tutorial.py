"""docs/guides/build-a-verifier.md, followed by the letter in a temporary folder: its files written, its commands run, and what
it shows of their output looked for."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

DOC = (Path(__file__).parents[2] / "docs/guides/build-a-verifier.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.S | re.M)
FILE = re.compile(r"`([\w.]+)`:\s*$")


def steps() -> Iterator[tuple[str, str]]:
    """The page's blocks in order: ("console", session), or (file name, content)."""
    for found in BLOCK.finditer(DOC):
        kind, body = found.groups()
        if kind == "console":
            yield kind, body
            continue
        named = FILE.search(DOC[: found.start()])
        assert named is not None, f"no file name stands before the block that begins {body[:60]!r}"
        yield named.group(1), body


def commands(session: str) -> Iterator[tuple[str, int, list[str]]]:
    """Each command with the exit code that it must have and the lines that it must print."""
    for part in re.split(r"^\$ ", session, flags=re.M)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        code = re.search(r"# exit code (\d+)$", command)
        yield command, int(code.group(1)) if code else 0, [line for line in shown if line.strip()]


def test_every_block_is_a_file_or_a_session() -> None:
    kinds = [name for name, _ in steps()]
    assert kinds.count("console") == 9
    assert [each for each in kinds if each != "console"] == [
        "tasks.jsonl",
        "lab.py",
        "golden.jsonl",
        "lab.py",
        "lab_attacks.py",
        "careless.py",
    ]


@pytest.mark.timeout(600)
def test_the_page_is_what_happens(tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = 0
    for name, body in steps():
        if name != "console":
            (tmp_path / name).write_text(body, encoding="utf-8")
            continue
        for command, code, shown in commands(body):
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
            ran += 1
            assert done.returncode == code, f"{command}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            at = 0
            for line in shown:
                where = done.stdout.find(line, at)
                assert where >= 0, f"{command}\ndoes not print, in its place, {line!r}:\n{done.stdout[-3000:]}"
                at = where + len(line)
    assert ran == 16
