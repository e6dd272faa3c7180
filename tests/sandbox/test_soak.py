"""Two thousand candidates, a tenth of them attacks: none paid wrongly, none lost, no memory or descriptor kept.

The hundred thousand of the lab notebook run by hand: benchmarks/soak_code.py.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks/soak_code.py"
SOURCE = f"""
import importlib.util, json, pathlib, sys
spec = importlib.util.spec_from_file_location("soak_code", {str(SCRIPT)!r})
soak_code = importlib.util.module_from_spec(spec)
spec.loader.exec_module(soak_code)
kept = soak_code.soak(int(sys.argv[2]), pathlib.Path(sys.argv[1]), quick=True)
print(json.dumps([kept["done"], soak_code.troubles(kept)]))
"""


def run(state: Path, candidates: int) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SOURCE, str(state), str(candidates)],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    count, troubles = json.loads(done.stdout)
    return count, troubles


@pytest.mark.timeout(900)  # about twenty seconds on an idle core
def test_two_thousand_candidates(tmp_path) -> None:
    state = tmp_path / "soak.json"
    assert run(state, 2000) == (2000, [])
    assert run(state, 2000) == (2000, [])  # resumed: nothing left to do
    assert len(json.loads(state.read_text())["sizes"]) == 2


def test_what_has_grown_is_said() -> None:
    spec = importlib.util.spec_from_file_location("soak_code", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    soak_code = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(soak_code)
    size = {"judge": 1, "zygote": 1, "descriptors": 9}
    kept = {"wrong": [], "void": 0, "sizes": [size, size]}
    assert soak_code.troubles(kept) == []
    grown = kept | {
        "void": 1,
        "wrong": [[3, "timeout", ""]],
        "sizes": [size, {"judge": 1 << 30, "zygote": 1, "descriptors": 99}],
    }
    assert len(soak_code.troubles(grown)) == 4
