"""The prover example: one small step of it against Coq, and the sentence it ends with where there is no Coq."""

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "prove_in_coq.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prove_in_coq", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_coq_it_says_what_is_missing(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE)])
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="apt install coq"):
        example.main()


@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("coqc") is None, reason="no coqc on PATH (apt install coq)")
def test_one_step_against_coq(
    example: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "--quick", "--process", "--out", str(tmp_path / "run")])
    example.main()
    said = capsys.readouterr().out
    assert "held out, before: pass@1" in said
    assert "held out, after: pass@1" in said
    assert "step   1:" in said
