"""Landlock: which files a process may touch, enforced by the kernel without any privilege (Linux 5.13 and later).

A ruleset is made once, from folders that may be read and folders that may be written; each confined process then only
restricts itself to it. Everything not named is refused, /proc and other users' files included. Newer kernels also refuse
TCP (ABI 4), device ioctls (ABI 5), and signals or abstract sockets to anyone outside (ABI 6).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
READ = 0b1100  # READ_FILE, READ_DIR: no EXECUTE, though that governs only execve
READ_FILE, WRITE_FILE, TRUNCATE = 1 << 2, 1 << 1, 1 << 14
ACCESS_BY_ABI = (0, 13, 14, 15, 15, 16, 16)  # how many file rights each ABI knows
_libc = ctypes.CDLL(None, use_errno=True)


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"  # what _pack_ has always meant; newer Pythons want it said
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The kernel's landlock version; 0 where there is none, or where it is switched off."""
    version: int = _libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return max(version, 0)


def make_ruleset(readable: Iterable[str], writable: Iterable[str]) -> int:
    """A descriptor of the ruleset: `readable` files and folders, `writable` ones too. Names that do not exist are passed
    over. Raises OSError."""
    version = abi()
    if version < 1:
        raise OSError(ctypes.get_errno(), "this kernel has no landlock")
    every = (1 << ACCESS_BY_ABI[min(version, len(ACCESS_BY_ABI) - 1)]) - 1
    attributes = _RulesetAttributes(every, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset: int = _libc.syscall(CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise OSError(ctypes.get_errno(), "a landlock ruleset was refused")
    for path in readable:
        _allow(ruleset, path, READ)
    for path in writable:
        _allow(ruleset, path, every & ~1)  # all but EXECUTE
    return ruleset


def restrict(ruleset: int) -> None:
    """Hold this process (a single thread, with no_new_privs) and all it starts to the ruleset. Raises OSError."""
    if _libc.syscall(RESTRICT_SELF, ruleset, 0):
        raise OSError(ctypes.get_errno(), "landlock could not be enforced")


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= READ_FILE | WRITE_FILE | TRUNCATE
        rule = _PathBeneath(rights, descriptor)
        if _libc.syscall(ADD_RULE, ruleset, 1, ctypes.byref(rule), 0):
            raise OSError(ctypes.get_errno(), f"landlock refused a rule for {path}")
    finally:
        os.close(descriptor)
