"""Confine processes for good: limits, no capabilities, landlock, seccomp.

The zygote enters what all candidates share (landlock, the long filter, the fixed limits) once and before it forks; each
child then enters only what would be in the zygote's own way, which keeps the cost of a candidate near that of a fork.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from resource import RLIMIT_AS, RLIMIT_CPU, RLIMIT_STACK, setrlimit

from assay.sandbox import landlock, seccomp
from assay.sandbox.limits import DESCRIPTORS, FILE_BYTES, MEBIBYTE, THREADS

PR_SET_NO_NEW_PRIVS = 38
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Confinement:
    """What a child still has to enter."""

    program: seccomp.Filter
    ceilings: tuple[int, int, int]  # the hard limits that stand on CPU seconds, stack and address space

    @classmethod
    def begin(
        cls, readable: Iterable[str], writable: Iterable[str], *, with_landlock: bool, namespace: bool
    ) -> Confinement:
        """Confine the zygote. `namespace`: the process count is ours alone, and mounts say which files may be written.

        Raises OSError where landlock is wanted and there is none. Without it and without mounts nothing says which files
        may be written, and then a candidate may write none.
        """
        limit(resource.RLIMIT_FSIZE, FILE_BYTES)
        limit(resource.RLIMIT_NOFILE, DESCRIPTORS)
        limit(resource.RLIMIT_CORE, 0)
        limit(resource.RLIMIT_MEMLOCK, 0)
        if namespace:
            limit(resource.RLIMIT_NPROC, THREADS)
        drop_capabilities()
        if _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "no_new_privs was refused")
        if with_landlock:
            ruleset = landlock.make_ruleset(readable, writable)
            landlock.restrict(ruleset)
            os.close(ruleset)
        seccomp.install(seccomp.zygote_filter())
        program = seccomp.candidate_filter(writes=with_landlock or namespace)
        cpu, stack, memory = map(_ceiling, (RLIMIT_CPU, RLIMIT_STACK, RLIMIT_AS))
        return cls(seccomp.Filter(program), (cpu, stack, memory))

    def enter(self, cpu_s: float, memory_mb: int) -> None:
        """After this the process can be given to a candidate. Raises OSError, and then it must not be."""
        (cpu, stack, memory), size = self.ceilings, memory_mb * MEBIBYTE
        _set(RLIMIT_CPU, min(int(cpu_s) + 2, cpu))  # behind the zygote's own clock, which is finer
        _set(RLIMIT_STACK, min(size, stack))
        _set(RLIMIT_AS, min(size, memory))
        self.program.install()


def limit(kind: int, value: int) -> None:
    """Soft and hard, or the hard limit that stands if that is lower."""
    _set(kind, min(value, _ceiling(kind)))


def _set(kind: int, value: int) -> None:
    setrlimit(kind, (value, value))


def _ceiling(kind: int) -> int:
    _, hard = resource.getrlimit(kind)
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def drop_capabilities() -> None:
    """A process of root's keeps its files, but none of root's powers."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    nothing = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, nothing):
        raise OSError(ctypes.get_errno(), "the capabilities could not be dropped")
