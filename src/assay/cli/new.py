"""`assay new verifier NAME`: a verifier that works, with its golden rows, its attacks and its tests, to be made into yours.

What is written is whole: `pytest` in the folder passes and `assay audit` takes it, before a line is changed.
"""

from __future__ import annotations

import keyword
import shlex
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from assay.core.errors import UsageError
from assay.core.records import dumps, write_text
from assay.verify.base import VERIFIERS

app = typer.Typer(help="Write the beginnings of something: a verifier.", no_args_is_help=True)

TEMPLATES = files("assay.cli") / "templates"
WRITTEN = {
    "verifier.py.txt": ("{{name}}.py", "the verifier: what it accepts, and why it refuses"),
    "attacks.py.txt": ("{{name}}_attacks.py", "ways to cheat it, which the audit tries besides its own"),
    "golden.jsonl": ("golden.jsonl", "replies with the outcome that each must have"),
    "tasks.jsonl": ("tasks.jsonl", "tasks that it judges"),
    "test.py.txt": ("test_{{name}}.py", "all of it as tests"),
}


@app.callback()
def new() -> None:
    """Write the beginnings of something: a verifier."""


@app.command()
def verifier(
    name: Annotated[str, typer.Argument(help="its name, in small letters: my_sums")],
    folder: Annotated[Path | None, typer.Option(help="the folder to write into (default: one of that name)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the files as one JSON object")] = False,
) -> None:
    """Write a verifier with its golden rows, its attacks and its tests. They work at once."""
    check_name(name)
    place = folder if folder is not None else Path(name)
    written = write_verifier(name, place)
    if as_json:
        typer.echo(dumps({"folder": str(place), "verifier": f"{name}.py:{class_name(name)}", "files": written}))
        return
    console = Console(highlight=False)
    width = max(map(len, written))
    for file, said in written.items():
        console.print(f"[bold cyan]{escape(file):<{width}}[/]  {said}", soft_wrap=True)
    console.print(
        f"\nnext: cd {escape(shlex.quote(str(place)))}, then `pytest`, `assay audit tasks.jsonl`, and make it yours",
        soft_wrap=True,
    )


def write_verifier(name: str, folder: Path) -> dict[str, str]:
    """The files written, with what each is. Raises UsageError when one of them is there already: nothing is then written."""
    texts = {}
    for template, (file, said) in WRITTEN.items():
        text = (TEMPLATES / "verifier" / template).read_text(encoding="utf-8")
        texts[_filled(file, name)] = (_filled(text, name), said)
    for file in texts:
        if (folder / file).exists():
            raise UsageError(f"{folder / file} is there already: another name, or another --folder, would be right")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--folder {folder} is a file; a folder would be right")
    for file, (text, _) in texts.items():
        write_text(folder / file, text)
    return {file: said for file, (_, said) in texts.items()}


def check_name(name: str) -> None:
    """Raises UsageError for a name that Python, pytest or the registry would take for something else."""
    if not (name.isascii() and name.isidentifier() and name == name.lower() and not name.startswith("_")):
        raise UsageError(f"{name!r}: small letters, digits and underscores would be right, such as my_sums")
    if keyword.iskeyword(name) or name in sys.stdlib_module_names or name in ("assay", "conftest", "pytest"):
        raise UsageError(f"{name!r} is a name of Python's own; my_{name} would be right")
    if name in VERIFIERS:
        raise UsageError(f"there is a verifier {name!r} already; my_{name} would be right")
    if name.startswith("test_"):
        raise UsageError(f"{name!r}: pytest takes files that begin with test_ for tests; {name[5:]} would be right")


def class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _filled(text: str, name: str) -> str:
    return text.replace("{{name}}", name).replace("{{Name}}", class_name(name))
