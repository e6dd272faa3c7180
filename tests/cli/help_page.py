"""Writes docs/reference/cli.md from the real help: run it as a script after a change to a verb."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"
PROGRAM = """
import sys
import typer
from typer.testing import CliRunner
from assay.cli.app import VERBS, app

def help_of(*words):
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="assay")
    assert result.exit_code == 0, result.output
    text = "\\n".join(line.rstrip() for line in result.stdout.strip("\\n").splitlines())
    title = " ".join(["assay", *words])
    print(f"{'##' if len(words) < 2 else '###'} `{title}`\\n\\n```text\\n{text.strip()}\\n```\\n")

help_of()
group = typer.main.get_command(app)
for verb in group.list_commands(None):
    help_of(verb)
    for word in getattr(group.get_command(None, verb), "commands", {}):
        help_of(verb, word)
"""
HEAD = """# The command line

This page is the program's own `--help`, verb by verb; a test compares the two, and `python tests/cli/help_page.py` writes
it anew.

Exit codes: 0 done, 1 a judged failure (a FAIL, a hole that the audit found), 2 usage, 3 something this machine lacks or a
VOID, 4 paused by an alarm (`--resume` goes on), 130 stopped by Ctrl-C, 141 nobody reads the output. Every mistake is one
sentence on stderr: what was wrong, where, and what would be right. `--json` prints one JSON object on stdout and nothing else.

"""


def page() -> str:
    """The page as it should be."""
    environment = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "GITHUB_ACTIONS")}
    environment |= {
        "TERMINAL_WIDTH": "110",
        "COLUMNS": "110",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True, encoding="utf-8", timeout=120
    )
    return HEAD + done.stdout.strip() + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
