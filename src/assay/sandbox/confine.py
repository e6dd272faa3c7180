"""Confine the calling process for good: limits, no capabilities, landlock, seccomp, in that order.

What can be made once (the filter, the ruleset) is made in the zygote; each child then only enters it.
"""

from __future__ import annotations

import ctypes
import math
import resource
from collections.abc import Iterable
from dataclasses import dataclass

from assay.sandbox import landlock, seccomp
from assay.sandbox.limits import DESCRIPTORS, FILE_BYTES, MEBIBYTE, THREADS

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Confinement:
    """`ruleset` is landlock's descriptor (-1: none). `limits_threads`: the process count is ours alone (a user
    namespace), so that it may be limited without the user's other processes in it."""

    program: bytes
    ruleset: int
    limits_threads: bool

    @classmethod
    def prepare(
        cls, readable: Iterable[str], writable: Iterable[str], *, with_landlock: bool, namespace: bool
    ) -> Confinement:
        """Raises OSError where landlock is wanted and there is none. Without it and without a mount namespace nothing
        says which files may be written, and then none may."""
        ruleset = landlock.make_ruleset(readable, writable) if with_landlock else -1
        return cls(seccomp.python_filter(writes=with_landlock or namespace), ruleset, namespace)

    def enter(self, cpu_s: float, memory_mb: int) -> None:
        """After this the process can be given to a candidate. Raises OSError, and then it must not be."""
        limit(resource.RLIMIT_CPU, math.ceil(cpu_s) + 1)  # behind the zygote's own clock, which is finer
        limit(resource.RLIMIT_FSIZE, FILE_BYTES)
        limit(resource.RLIMIT_NOFILE, DESCRIPTORS)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_MEMLOCK, 0)
        limit(resource.RLIMIT_STACK, memory_mb * MEBIBYTE)
        if self.limits_threads:
            limit(resource.RLIMIT_NPROC, THREADS)
        drop_capabilities()
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        if self.ruleset >= 0:
            landlock.restrict(self.ruleset)
        limit(resource.RLIMIT_AS, memory_mb * MEBIBYTE)
        seccomp.install(self.program)


def limit(kind: int, value: int) -> None:
    """Soft and hard, or the hard limit that stands if that is lower."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def drop_capabilities() -> None:
    """A process of root's keeps its files, but none of root's powers."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "the capabilities could not be dropped")
