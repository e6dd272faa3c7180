"""Start a tool's sandbox in a user namespace of two users: the keeper, and apart from it the tools that it starts.

RLIMIT_NPROC is the kernel's own cap on processes, and the only one that a fork bomb cannot outrun; but it says nothing to
root, and whom root starts in a plain user namespace is root outside. So where we are root, this program makes the
namespace itself: one user in it is ours, the other is nobody's, and the keeper becomes it before it starts a tool.
It runs outside the sandbox, in a fresh process, and turns into bubblewrap.
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Any

KEEPER, TOOL = 65534, 65533  # ids inside
OUTSIDE = 2_054_000_000  # an id that nobody has, or the highest there is if that is lower
POWERS = ("SETUID", "SETGID", "KILL", "DAC_OVERRIDE", "FOWNER")  # over its own two users, to start tools and wipe up
CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


def is_needed() -> bool:
    """Whether we are a root that has ids to give away. A root that has none (a rootless container) is somebody else
    outside, and then RLIMIT_NPROC holds as it does for everybody."""
    return os.geteuid() == 0 and _spare("/proc/self/uid_map") is not None and _spare("/proc/self/gid_map") is not None


def main(settings: dict[str, Any]) -> None:
    """Turn into `settings["command"]`, which is bubblewrap's, with our namespace instead of one of its own."""
    command: list[str] = settings["command"]
    namespace = make_namespace()
    os.set_inheritable(namespace, True)
    at = command.index("--unshare-user")
    powers = [part for power in POWERS for part in ("--cap-add", f"CAP_{power}")]
    end = command.index("--cap-drop") + 2
    os.execv(command[0], [*command[:at], "--userns", str(namespace), *command[at + 1 : end], *powers, *command[end:]])


def make_namespace() -> int:
    """A descriptor of the user namespace. Raises OSError."""
    made, made_in = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(10)  # should its parent die before it can end it
        os.write(made_in, b"-" if _libc.unshare(CLONE_NEWUSER) else b"+")
        signal.pause()
    try:
        if os.read(made, 1) != b"+":
            raise OSError("a user namespace was refused")
        for kind, own in (("uid", os.geteuid()), ("gid", os.getegid())):
            with open(f"/proc/{pid}/{kind}_map", "w") as file:
                file.write(f"{KEEPER} {own} 1\n{TOOL} {_spare(f'/proc/self/{kind}_map')} 1\n")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(made)
        os.close(made_in)


def _spare(path: str) -> int | None:
    """An id of ours to give away, by a map of /proc: lines of `inside outside count`."""
    try:
        with open(path) as file:
            ranges = [(int(inside), int(count)) for inside, _, count in map(str.split, file)]
    except OSError:
        return None
    highest = max((inside + count - 1 for inside, count in ranges), default=0)
    return min(OUTSIDE, highest) if highest > KEEPER else None
