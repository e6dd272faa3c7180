"""The command line as a whole: verbs found and imported only when called, and every error one sentence with its code."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from assay.cli import app as module
from assay.cli.app import VERBS, app
from assay.core.errors import AssayError, MissingExtra, RunFolderError, UsageError, VoidBudgetExceeded
from assay.core.registry import load_object


def run_assay(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assay", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )


def test_help_lists_every_verb_and_imports_none() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom assay.cli.app import app\n"
        "print(CliRunner().invoke(app, ['--help']).stdout)\nprint('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text, _, loaded = done.stdout.partition("LOADED")
    for verb in VERBS:
        assert f" {verb} " in text, verb
    assert not {f"assay.cli.{verb}" for verb in VERBS} & set(loaded.split())
    assert not {"torch", "sympy", "pydantic", "numpy"} & set(loaded.split())


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_is_there_with_its_help(verb: str) -> None:
    place, line = VERBS[verb]
    assert callable(load_object(place))
    result = CliRunner().invoke(app, [verb, "--help"], terminal_width=200)
    assert result.exit_code == 0, result.output
    assert f"Usage: root {verb}" in result.stdout
    assert line.endswith(".")


def test_the_module_and_the_script_are_one() -> None:
    script = Path(sys.executable).with_name("assay")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == run_assay("--version").stdout == f"assay {version('assay')}\n"


def test_no_verb_is_help() -> None:
    done = run_assay()
    assert "Usage: assay" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_verb_is_usage() -> None:
    done = run_assay("trian")
    assert done.returncode == 2
    assert "trian" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def raises(monkeypatch: pytest.MonkeyPatch) -> object:
    """A verb that raises what it is given."""

    def install(error: BaseException) -> None:
        def verb() -> None:
            raise error

        monkeypatch.setattr(module, "VERBS", {"fail": ("assay.cli.app:app", "Fail.")})
        monkeypatch.setattr(module, "load_object", lambda place: verb)

    return install


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UsageError("it is not so"), 2, "assay: it is not so\n"),
        (RunFolderError("runs/x already holds a run"), 2, "assay: runs/x already holds a run\n"),
        (VoidBudgetExceeded("9 of 60 verdicts were VOID"), 3, "assay: 9 of 60 verdicts were VOID\n"),
        (
            MissingExtra("torch", "train", "assay train"),
            3,
            "assay: assay train needs torch, which is not installed: pip install 'assay[train]'\n",
        ),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            3,
            "assay: assay fail needs torch, which is not installed: pip install 'assay[train]'\n",
        ),
        (
            ModuleNotFoundError("No module named 'pyarrow.parquet'", name="pyarrow.parquet"),
            3,
            "assay: assay fail needs pyarrow, which is not installed: pip install 'assay[data]'\n",
        ),
        (KeyboardInterrupt(), 130, "assay: stopped\n"),
    ],
)
def test_errors_are_one_sentence_with_their_code(
    raises: object, error: BaseException, code: int, sentence: str
) -> None:
    raises(error)  # type: ignore[operator]
    result = CliRunner().invoke(app, ["fail"])
    assert (result.exit_code, result.stdout, result.stderr) == (code, "", sentence)


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), ModuleNotFoundError("ours", name="assay.gone"), AssertionError("x")]
)
def test_a_bug_keeps_its_traceback(raises: object, error: Exception) -> None:
    raises(error)  # type: ignore[operator]
    assert CliRunner().invoke(app, ["fail"]).exception is error


def test_a_verbs_own_exit_code_stands(raises: object) -> None:
    raises(typer.Exit(1))  # type: ignore[operator]
    assert CliRunner().invoke(app, ["fail"]).exit_code == 1


def test_every_error_has_its_code() -> None:
    assert AssayError("x").exit_code == 2


def test_a_closed_pipe_is_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "assay", "config", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        err = process.stderr.read()
    assert process.wait(20) in (0, 141)
    assert err == b""


def test_without_torch_the_light_verbs_work(tmp_path: Path) -> None:
    """Torch is hidden from the interpreter; the verbs that need none do not notice, the others say what to install."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    for arguments in (
        ("config", "show"),
        ("doctor",),
        ("verify", "--verifier", "choice", "--truth", "B", "--response", r"\boxed{B}"),
        ("tasks", "list"),
    ):
        done = run_assay(*arguments, env=environment)
        assert done.returncode == 0, (arguments, done.stderr)
    done = run_assay("train", "--set", "model.name=tiny", "--set", "tasks.source=chain", cwd=tmp_path, env=environment)
    assert done.returncode == 3
    assert "needs torch, which is not installed: pip install 'assay[train]'" in done.stderr
    assert "Traceback" not in done.stderr
