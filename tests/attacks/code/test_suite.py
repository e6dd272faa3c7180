"""No attack is paid, no honest program lost: as this user, as an ordinary one, and without namespaces.

The suite runs in a process of its own, as a judging worker would, so that what it leaves behind can be looked for after it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from programs_honest import HONEST, SCRIPTS
from programs_scripts import SCRIPT_ATTACKS
from programs_system import ATTACKS as SYSTEM
from programs_values import ATTACKS as VALUES

HERE = Path(__file__).parent
SRC = HERE.parents[2] / "src"
PLACES = ("/tmp", "/dev/shm", "/var/tmp")
pytestmark = pytest.mark.timeout(1600)  # a minute each on two idle cores, and many on two that are shared
SLOWEST = 40.0  # seconds for one program of 1.5 s of wall time, on a machine that is busy with the other tests


def run_suite(prefix: list[str], python: str, path: list[str], **variables: str) -> dict[str, Any]:
    """Judge everything in a new process, and check what is left when it has ended."""
    before = {each: set(os.listdir(each)) for each in PLACES}
    environment = {"PYTHONPATH": os.pathsep.join(path), "PATH": os.environ["PATH"], "HOME": "/", "API_KEY": "secret"}
    process = subprocess.Popen(
        [*prefix, python, "-B", str(HERE / "judge_all.py")],
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
    )
    output, errors = process.communicate(timeout=1500)
    assert process.returncode == 0, errors
    assert processes_of(process.pid) == []
    for place in PLACES:
        left = {
            each for each in set(os.listdir(place)) - before[place] if each.startswith(f"assay-landlock-{process.pid}")
        }
        assert not left
    assert not [each for each in ("/usr/left_behind", "/left_behind", "/tmp/result", "/tmp/x") if os.path.exists(each)]
    found: dict[str, Any] = json.loads(output)
    return found


def processes_of(parent: int) -> list[str]:
    """Command lines of what a judging process has started and not ended (they carry its id in their environment)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if f"ASSAY_PARENT={parent}".encode() in environment.split(b"\0"):
                found.append(command.replace(b"\0", b" ").decode(errors="replace"))
    return found


def check(found: dict[str, Any]) -> None:
    assert found["about"]["is_alive"]
    for group in ("attacks", "script_attacks"):
        rows = found[group]
        assert {name: row for name, row in rows.items() if row[0] == "pass"} == {}
        assert {name: row for name, row in rows.items() if row[0] == "void"} == {}
        assert {name: row for name, row in rows.items() if row[2] > SLOWEST} == {}
    for group in ("honest", "honest_scripts"):
        assert {name: row for name, row in found[group].items() if row[0] != "pass"} == {}


def test_the_suite_is_as_large_as_it_says() -> None:
    attacks = [*VALUES, *SYSTEM, *SCRIPT_ATTACKS]
    assert len(set(attacks)) == len(attacks) >= 150
    assert len(HONEST) + len(SCRIPTS) >= 80
    assert len({each.split("/")[0] for each in attacks}) >= 15


def test_as_this_user() -> None:
    found = run_suite([], sys.executable, [str(SRC), *[each for each in sys.path if each.endswith("site-packages")]])
    check(found)
    assert found["about"]["layer"] == "namespaces"
    assert found["about"]["uid"] == os.getuid()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user; the test above ran as one")
def test_as_an_ordinary_user() -> None:
    python = next((each for each in (sys.executable, "/usr/bin/python3") if can_run(each)), None)
    if python is None:
        pytest.skip("no Python 3.11 that an ordinary user may run")
    packages = [each for each in sys.path if each.endswith("site-packages")]
    found = run_suite(ORDINARY, python, [str(SRC), *packages])
    check(found)
    assert found["about"] == {"layer": "namespaces", "uid": 65534, "is_alive": True}


def test_without_namespaces() -> None:
    packages = [each for each in sys.path if each.endswith("site-packages")]
    found = run_suite([], sys.executable, [str(SRC), *packages], ASSAY_SANDBOX="landlock")
    if found["about"]["layer"] != "landlock":
        pytest.skip("this kernel has no landlock")
    check(found)


ORDINARY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


def can_run(python: str) -> bool:
    """Whether `nobody` can import Assay with it, and start it again."""
    if shutil.which("setpriv") is None:
        return False
    source = f"import os, subprocess, sys; sys.path.insert(0, {str(SRC)!r}); import assay.verify.base"
    source += "; assert sys.version_info >= (3, 11)"
    source += "; subprocess.run([os.path.realpath(sys._base_executable), '-c', 'pass'], check=True)"
    return subprocess.run([*ORDINARY, python, "-B", "-c", source], capture_output=True, cwd="/").returncode == 0
