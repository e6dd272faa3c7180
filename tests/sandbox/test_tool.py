"""The `tool` profile: our own compilers and provers on untrusted input, confined by namespaces and held to caps."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from assay.sandbox import probe, second_user
from assay.sandbox.layers import interpreter
from assay.sandbox.program import SandboxMissing
from assay.sandbox.tool import ToolLimits, attempt_processes, run_tool
from assay.verify.base import judge

SHELL = ["/bin/sh", "-c"]
SHORT = ToolLimits(cpu_s=1.0, wall_s=5.0, processes=16)


def test_a_command_runs_with_its_files_and_gives_back_what_it_made() -> None:
    result = run_tool(
        [*SHELL, "cat in/a.txt - > out.txt; echo done; echo trouble >&2; exit 3"],
        {"in/a.txt": "one "},
        stdin=b"two",
        collect=["out.txt", "not-there"],
    )
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"done\n", b"trouble\n")
    assert result.files == {"out.txt": b"one two"}
    assert not result.has_succeeded


def test_it_may_start_other_programs_and_nothing_of_them_stays() -> None:
    assert run_tool([*SHELL, "echo a | cat | cat; sleep 100 & echo b"]).stdout == b"a\nb\n"
    assert run_tool([*SHELL, "ls; ls /dev/shm; ls /proc | grep -c '^[0-9]'"], {"x": ""}).stdout.split() == [b"x", b"4"]


@pytest.mark.parametrize(
    ("command", "killed"),
    [
        ("while :; do :; done", "cpu"),
        ("(while :; do :; done) & (while :; do :; done) & wait", "cpu"),
        ("sleep 100", "wall"),
        ("for i in $(seq 40); do sleep 100 & done; wait", "processes"),
        ("yes", "output"),
        ("bomb() { bomb | bomb & }; bomb; sleep 100", "processes"),
    ],
)
def test_every_cap_is_kept(command: str, killed: str) -> None:
    limits = ToolLimits(cpu_s=0.5, wall_s=2.0 if killed == "wall" else 60.0, processes=16, most_bytes=1 << 20)
    start = time.monotonic()
    result = run_tool([*SHELL, command], limits=limits)
    assert result.killed == killed
    assert time.monotonic() - start < 60
    assert run_tool(["true"]).has_succeeded


FORKS = """
import errno, os, time
for made in range(200):
    try:
        if os.fork() == 0:
            time.sleep(2)
            os._exit(0)
    except OSError as error:
        print(made, errno.errorcode[error.errno])
        break
"""


@pytest.mark.parametrize("threads", [16, 48])
def test_the_kernel_itself_refuses_more_processes(threads: int) -> None:
    """Nobody needs to be watching: as root, too, and for two tools at once each by itself."""
    limits = ToolLimits(threads=threads, processes=1000)
    made, answer = run_tool([interpreter(), "-I", "-S", "-c", FORKS], limits=limits).stdout.split()
    assert answer == b"EAGAIN"
    assert threads - 3 <= int(made) < threads


def test_an_attempt_shows_that_the_kernel_refuses() -> None:
    assert attempt_processes() == ""


def test_where_the_kernel_does_not_refuse_no_tool_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.sandbox.tool.attempt_processes", lambda: "allowed")
    with pytest.raises(
        SandboxMissing, match=r"does not hold the number of a tool's processes on this machine \(allowed\)"
    ):
        run_tool(["true"])


@pytest.mark.skipif(os.getuid() != 0, reason="only root must be told apart from its tools")
def test_roots_tools_are_another_user_without_powers() -> None:
    said = run_tool(
        [*SHELL, "id -u; grep -h CapEff /proc/self/status; cat /proc/1/environ; kill -9 1; ls -ld a b"], {"a": ""}
    )
    assert said.stdout.split()[:3] == [str(second_user.TOOL).encode(), b"CapEff:", b"0" * 16]
    assert b"/proc/1/environ: Permission denied" in said.stderr


def test_what_it_is_given_is_its_own_and_what_it_hides_is_read_and_removed() -> None:
    command = "echo more >> in/a; cp in/a in/b; mkdir -p d/e; echo 1 > d/e/f; chmod 000 d/e/f d/e d"
    result = run_tool([*SHELL, command], {"in/a": "one "}, collect=["in/a", "in/b"])
    assert result.files == {"in/a": b"one more\n", "in/b": b"one more\n"}
    assert run_tool([*SHELL, "ls -A"]).stdout == b""


@pytest.mark.parametrize(
    "command",
    [
        "cat /etc/passwd",
        "cat /root/.bashrc",
        "ls /home",
        "echo x > /usr/x",
        "echo x > /x",
        "unshare -U true",
        "mount -t tmpfs none /mnt",
        "head -c 1 /dev/mem",
        "dd if=/dev/zero of=big bs=1M count=600",
        'test -n "$SECRET_OF_THE_USER"',
        f"ls {os.path.dirname(os.path.abspath(__file__))}",
    ],
)
def test_it_is_confined(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_USER", "1")
    assert not run_tool([*SHELL, command], limits=SHORT).has_succeeded


def test_it_has_no_network() -> None:
    source = "import socket\nfor family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):\n    try: socket.socket(family)\n    except OSError: print('refused')"
    assert run_tool(["/usr/bin/python3", "-c", source]).stdout == b"refused\n" * 3


def test_memory_is_held() -> None:
    source = "x = bytearray(3 << 30)"
    assert run_tool(["/usr/bin/python3", "-c", source]).exit_code == 1
    assert run_tool(["/usr/bin/python3", "-c", source.replace("3 <<", "1 <<")]).exit_code == 0


def test_its_installation_is_shown_read_only() -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        prover = Path(folder, "prover")
        prover.write_text("#!/bin/sh\necho proved; echo x > $(dirname $0)/y || echo no\n")
        prover.chmod(0o755)
        if os.getuid() == 0:
            with pytest.raises(ValueError, match=r"another user, who cannot read it; chmod o\+rx would be right"):
                run_tool([str(prover)], readable=[folder])
        os.chmod(folder, 0o755)
        assert run_tool([str(prover)], readable=[folder]).stdout == b"proved\nno\n"
        assert os.listdir(folder) == ["prover"]


def test_an_installation_below_tmp_would_be_hidden_and_is_refused() -> None:
    with pytest.raises(ValueError, match="/tmp is the tool's own folder"):
        run_tool(["true"], readable=["/tmp/prover"])


def test_a_command_that_is_not_there_is_127() -> None:
    result = run_tool(["no-such-prover"])
    assert (result.exit_code, result.stderr) == (127, b"no-such-prover: No such file or directory\n")


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
def test_file_names_lie_in_its_folder(name: str) -> None:
    with pytest.raises(ValueError, match="own folder"):
        run_tool(["true"], {name: ""})
    with pytest.raises(ValueError, match="own folder"):
        run_tool(["true"], collect=[name])


def test_what_is_no_plain_file_is_not_collected_nor_anything_behind_a_link() -> None:
    command = "echo 1 > x; ln -s x a; mkfifo b; mkdir c d; ln -s /proc/1 e; ln -s /assay f; ln -s d g; echo 2 > d/y"
    names = ["x", "a", "b", "c", "e/environ", "f/keeper.py", "g/y", "d/y", "d/./y", "none", "none/y"]
    files = run_tool([*SHELL, command], collect=names).files
    assert files == {"x": b"1\n", "d/y": b"2\n", "d/./y": b"2\n"}


def test_without_namespaces_it_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    for weaker in ("landlock", "unsafe"):
        monkeypatch.setenv(probe.VARIABLE, weaker)
        with pytest.raises(SandboxMissing, match="namespaces only"):
            run_tool(["true"])


C_TRUTH = {
    "mode": "stdin",
    "language": "c",
    "tests": [{"stdin": f"{n}\n", "stdout": f"{n * n + 7}\n"} for n in (3, 10)],
    "limits": {"cpu_s": 0.5, "wall_s": 5},
    "block": "whole_text",
}
C_RIGHT = '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", n * n + 7); return 0; }'


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
@pytest.mark.parametrize(
    ("source", "outcome", "reason"),
    [
        (C_RIGHT, "pass", "correct"),
        (C_RIGHT.replace("7", "8"), "fail", "wrong_value"),
        (C_RIGHT.replace("return 0", "return 1"), "fail", "error"),
        (C_RIGHT.replace("return 0", "for (;;);"), "fail", "timeout"),
        (C_RIGHT.replace("return 0", "*(volatile int *)0 = 1"), "fail", "error"),
        ("int main(void) { return x; }", "fail", "error"),
        ('#include "/etc/passwd"\nint main(void) { return 0; }', "fail", "error"),
        # the kernel refuses the fork, or this row would take the machine down
        ("#include <unistd.h>\nint main(void) { return fork() < 0 ? 7 : 0; }", "fail", "error"),
        ("#include <unistd.h>\nint main(void) { for (;;) fork(); }", "fail", "timeout"),
        ('#include <stdio.h>\nint main(void) { for (;;) puts("16"); }', "fail", "limit"),
    ],
)
def test_c_is_the_second_language(source: str, outcome: str, reason: str) -> None:
    verdict = judge("code", C_TRUTH, source)
    assert (verdict.outcome.value, verdict.reason.value) == (outcome, reason), verdict


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_a_bomb_of_c_is_held_by_the_kernel_and_killed() -> None:
    made = run_tool(
        ["gcc", "-x", "c", "-o", "main", "-"],
        stdin=b"#include <unistd.h>\nint main(void) { for (;;) fork(); }",
        collect=["main"],
    )
    for processes, killed in ((16, ("processes",)), (1000, ("cpu", "wall"))):
        limits = ToolLimits(cpu_s=0.5, wall_s=4.0, processes=processes, threads=64)
        assert run_tool(["./main"], {"main": made.files["main"]}, limits).killed in killed
    assert run_tool(["true"]).has_succeeded
