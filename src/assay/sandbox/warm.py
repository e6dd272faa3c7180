"""How a zygote starts: what programs mostly import comes first, then our own code, all of it side by side.

A child copies each page that it or the zygote writes to, and every use of an object writes its reference count. So what
every child uses should lie on few pages.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from assay.sandbox.limits import THREAD_STACK

POOL_BYTES, POOL_HEADER = 1 << 14, 48  # of CPython's allocator (Objects/obmalloc.c)
SMALL_BYTES, STEP = 512, 16  # what it allocates by itself, and its size classes
BYTES_OVERHEAD = 33
_filled: list[bytes] = []


def main(settings: dict[str, Any]) -> None:
    warm_up()
    fill_gaps()
    from assay.sandbox import zygote

    zygote.main(settings)


def fill_gaps() -> None:
    """Leave no gaps between the objects there are, so that those to come lie side by side, in pools of their own."""
    for size in range(3 * STEP, SMALL_BYTES + 1, STEP):
        while True:
            _filled.append(bytes(size - BYTES_OVERHEAD))
            if id(_filled[-1]) % POOL_BYTES == POOL_HEADER:
                break


def warm_up() -> None:
    """Import what programs mostly import, and give them the builtins that `site` would have.

    `random` is seeded once and for all: the same program draws the same numbers, and gets the same verdict.
    """
    import _sitebuiltins
    import bisect
    import builtins
    import collections.abc
    import ctypes
    import dataclasses
    import functools
    import heapq
    import itertools
    import json
    import math
    import operator
    import re
    import string
    import typing

    with _without_fork_hooks():
        import random as theirs  # the programs' generator; ours is core/rng
        import threading

    theirs.seed(0)
    threading.stack_size(THREAD_STACK)
    vars(builtins)["exit"] = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    vars(builtins)["quit"] = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    _ = (
        bisect,
        collections.abc,
        ctypes,
        dataclasses,
        functools,
        heapq,
        itertools,
        json,
        math,
        operator,
        theirs,
        re,
        string,
        typing,
    )


@contextlib.contextmanager
def _without_fork_hooks() -> Iterator[None]:
    """Modules imported here get nothing run in every child: `threading` would renew locks that nobody holds in a process
    of one thread, `random` would draw a new seed, and together they cost a third of a fork."""
    register = os.register_at_fork
    vars(os)["register_at_fork"] = lambda **_: None
    try:
        yield
    finally:
        vars(os)["register_at_fork"] = register
