"""Which layer of isolation works here: each is tried by a program that really attempts what must be forbidden.

The program runs as any candidate does, so what it reports is what a candidate would meet. A layer is taken only when every
act it must forbid was refused. `ASSAY_SANDBOX` names the strongest layer to try (to test the weaker ones). Programs run
without isolation only where `ASSAY_SANDBOX=unsafe` asks for it, or where no layer works and `[sandbox] unsafe = true` in
a configuration allows it; every verdict then says so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from assay.sandbox.encoding import NotPlain, decode, to_python
from assay.sandbox.layers import ENVIRONMENT, Layer, base_prefix
from assay.sandbox.limits import Limits
from assay.sandbox.program import Call, Program, Sandbox, SandboxLost, SandboxMissing

VARIABLE = "ASSAY_SANDBOX"
PERMIT = "ASSAY_SANDBOX_UNSAFE"  # `1`: no layer at all is better than none of the programs run
SEARCHED = (Layer.NAMESPACES, Layer.LANDLOCK, Layer.SECCOMP)

ACTS: Mapping[str, str] = {
    "fork": "start another process",
    "exec": "execute a program",
    "thread": "start a thread",
    "socket": "open a network socket",
    "local_socket": "open a Unix socket",
    "ptrace": "trace another process",
    "read_memory": "read another process's memory",
    "signal": "signal another process",
    "namespace": "make a namespace",
    "mount": "mount a file system",
    "keyring": "use the kernel's keyring",
    "io_uring": "use io_uring",
    "userfaultfd": "use userfaultfd",
    "bpf": "use bpf",
    "proc": "read /proc",
    "passwd": "read the user's files",
    "write_outside": "write outside its folder",
    "write_inside": "write in its folder",
    "memory": "take more memory than its limit",
    "environment": "see the user's environment",
    "descriptors": "use descriptors it was not given",
}

ALWAYS = frozenset(ACTS) - {"thread", "proc", "passwd", "write_inside"}
FORBIDDEN: Mapping[Layer, frozenset[str]] = {
    Layer.NAMESPACES: ALWAYS | {"proc", "passwd"},
    Layer.LANDLOCK: ALWAYS | {"proc", "passwd"},
    Layer.SECCOMP: ALWAYS,
    Layer.UNSAFE: frozenset(),
}
NEEDED: Mapping[Layer, frozenset[str]] = {
    Layer.NAMESPACES: frozenset({"thread", "write_inside"}),
    Layer.LANDLOCK: frozenset({"thread", "write_inside"}),
    Layer.SECCOMP: frozenset({"thread"}),
    Layer.UNSAFE: frozenset(),
}

PROGRAM = r"""
import ctypes, errno, os, platform, threading

libc = ctypes.CDLL(None, use_errno=True)
ARM = platform.machine() == "aarch64"

def attempt(act):
    try:
        return "" if act() is not False else "no"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
    except (MemoryError, RuntimeError) as error:
        return type(error).__name__

def call(x86, arm, *arguments):
    result = libc.syscall(arm if ARM else x86, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result

def fork():
    if os.fork() == 0:
        os._exit(0)

def execute():
    os.execv("/bin/true", ["true"])

def thread():
    started = threading.Thread(target=int)
    started.start()
    started.join()

def read(path):
    with open(path, "rb") as file:
        file.read(1)

def write(path):
    with open(path, "wb") as file:
        file.write(b"x")
    os.unlink(path)

def take(megabytes):
    bytearray(megabytes << 20)

def socket(family):
    import socket
    socket.socket(family, 1).close()

def use_descriptors():
    for each in range(4, 64):
        try:
            os.fstat(each)
        except OSError:
            continue
        return True
    return False

def probe(home_file, outside, variables):
    parent = os.getppid()
    buffer = ctypes.create_string_buffer(64)
    acts = {
        "fork": fork, "exec": execute, "thread": thread,
        "socket": lambda: socket(2), "local_socket": lambda: socket(1),
        "ptrace": lambda: call(101, 117, 16, parent, 0, 0),
        "read_memory": lambda: call(310, 270, parent, buffer, 0, buffer, 0, 0),
        "signal": lambda: os.kill(parent, 0),
        "namespace": lambda: call(272, 97, 0x10000000),
        "mount": lambda: call(165, 40, b"none", b"/tmp", b"tmpfs", 0, 0),
        "keyring": lambda: call(250, 219, 0, -3, 0),
        "io_uring": lambda: call(425, 425, 1, buffer),
        "userfaultfd": lambda: call(323, 282, 0),
        "bpf": lambda: call(321, 280, 0, buffer, 64),
        "proc": lambda: read("/proc/self/status"),
        "passwd": lambda: read(home_file),
        "write_outside": lambda: write(outside),
        "write_inside": lambda: write("inside"),
        "memory": lambda: take(512),
        "environment": lambda: bool(set(os.environ) - set(variables)),
        "descriptors": use_descriptors,
    }
    # exec last: where it is allowed, nothing comes after it
    found = {name: attempt(act) for name, act in acts.items() if name != "exec"}
    found["exec"] = attempt(acts["exec"])
    return found
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One layer, and what each act was answered (empty: it succeeded); or why the layer could not be started."""

    layer: Layer
    answers: Mapping[str, str]
    trouble: str = ""

    @property
    def holes(self) -> tuple[str, ...]:
        """Acts that this layer must forbid and that succeeded."""
        return tuple(sorted(each for each in FORBIDDEN[self.layer] if not self.answers.get(each)))

    @property
    def works(self) -> bool:
        return not self.trouble and not self.holes and not any(self.answers.get(each) for each in NEEDED[self.layer])


def try_layer(layer: Layer) -> Attempt:
    """Start the layer and attempt every act in it."""
    outside = os.path.join("/usr" if layer is Layer.NAMESPACES else "/var/tmp", f"assay-probe-{os.getpid()}")
    call = Call.of("probe", _users_file(), outside, [*ENVIRONMENT, "HOME", "TMPDIR", "PWD", "LC_CTYPE"])
    try:
        with Sandbox(layer) as sandbox:
            run = sandbox.run(Program(PROGRAM, tests=(call,)), Limits(cpu_s=5, wall_s=20))
    except (OSError, SandboxLost) as error:
        return Attempt(layer, {}, str(error) or type(error).__name__)
    if not run.is_clean or len(run.report) != 1 or run.report[0][0] != "v":
        tag, text = run.report[0] if run.report else ("", b"")
        return Attempt(layer, {}, f"the self-test did not come to its end ({run.killed or run.signal} {tag} {text!r})")
    try:
        answers = to_python(decode(run.report[0][1]))
    except NotPlain as error:
        return Attempt(layer, {}, f"the self-test's report cannot be read ({error})")
    return Attempt(layer, answers)


def _users_file() -> str:
    """A file that its user can read and no candidate may: this one, outside the folders a sandbox is given."""
    for each in (os.path.expanduser("~/.profile"), os.path.abspath(sys.argv[0] or "."), "/etc/passwd"):
        if os.path.isfile(each) and not each.startswith(("/usr/", base_prefix())) and os.access(each, os.R_OK):
            return each
    return "/etc/passwd"


@lru_cache(maxsize=8)
def _search(start: str) -> tuple[Layer | None, tuple[Attempt, ...]]:
    attempts: list[Attempt] = []
    for layer in SEARCHED[[each.value for each in SEARCHED].index(start) :]:
        attempts.append(try_layer(layer))
        if attempts[-1].works:
            return layer, tuple(attempts)
    return None, tuple(attempts)


def choose_layer() -> Layer:
    """The strongest layer that works here. Raises SandboxMissing, saying what was tried."""
    wanted = os.environ.get(VARIABLE, "") or Layer.NAMESPACES.value
    if wanted == Layer.UNSAFE.value:
        return Layer.UNSAFE
    if wanted not in [each.value for each in SEARCHED]:
        raise SandboxMissing(f"{VARIABLE}={wanted}: {', '.join(Layer)} would be right")
    layer, attempts = _search(wanted)
    if layer is None and os.environ.get(PERMIT) == "1":
        return Layer.UNSAFE
    if layer is None:
        tried = "; ".join(
            f"{each.layer}: {each.trouble or 'does not stop ' + ', '.join(each.holes)}" for each in attempts
        )
        raise SandboxMissing(f"programs cannot be confined on this machine ({tried})")
    return layer


def allow_unsafe(is_allowed: bool = True) -> None:
    """Whether programs may run without isolation where no layer works, in this process and those it starts from now on.
    Verdicts and reports then say `unsafe`."""
    if is_allowed:
        os.environ[PERMIT] = "1"
    else:
        os.environ.pop(PERMIT, None)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and rows for `assay doctor`."""

    title: str
    rows: tuple[tuple[str, str], ...]


def sandbox_sections() -> list[Section]:
    """Which layer this machine gives, what was tried, and what each attempt was answered."""
    sections, chosen = [], None
    for layer in SEARCHED:
        attempt = try_layer(layer)
        if attempt.works and chosen is None:
            chosen = layer
        state = attempt.trouble or ("works" if attempt.works else f"does not stop: {', '.join(attempt.holes)}")
        rows = [(ACTS[act], _say(layer, act, answer)) for act, answer in sorted(attempt.answers.items())]
        sections.append(Section(f"sandbox layer {layer}", (("state", state), *rows)))
    summary = f"{chosen}" if chosen else "none works: programs are not run here (VOID sandbox_missing)"
    for name in (VARIABLE, PERMIT):
        if os.environ.get(name):
            summary += f"; {name}={os.environ[name]}"
    return [Section("sandbox", (("programs run in", summary),)), *sections, _tool_section()]


def _tool_section() -> Section:
    from assay.sandbox.tool import attempt_processes  # it asks this file for the layer

    act = "start more processes than it may"
    try:
        answer = attempt_processes()
    except (SandboxMissing, SandboxLost) as error:
        return Section("sandbox profile tool", (("state", str(error)),))
    if answer:
        return Section(
            "sandbox profile tool", (("state", f"tools are not run: {answer}"), (act, "ALLOWED, and must not be"))
        )
    return Section("sandbox profile tool", (("state", "works"), (act, "refused (EAGAIN)")))


def _say(layer: Layer, act: str, answer: str) -> str:
    if act in FORBIDDEN[layer]:
        return f"refused ({answer})" if answer else "ALLOWED, and must not be"
    return f"refused ({answer})" if answer else "allowed"
