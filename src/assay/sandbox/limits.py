"""What a confined program may use, and what it used."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
FILE_BYTES = 16 * MEBIBYTE  # the largest file a candidate may write
FOLDER_BYTES = 64 * MEBIBYTE  # /tmp, which is its working folder
SHARED_BYTES = 32 * MEBIBYTE  # /dev/shm
OUTPUT_BYTES = 8 * MEBIBYTE  # what it may print, and what it may return
DESCRIPTORS = 256
THREADS = 1024  # a ceiling where the kernel keeps it; memory is the narrower one
THREAD_STACK = 2 * MEBIBYTE  # so that a pool of 64 threads fits in the default memory


@dataclass(frozen=True, slots=True)
class Limits:
    """`cpu_s` is judged first, `wall_s` generously: a busy machine makes no false time-out. `memory_mb` is address space."""

    cpu_s: float = 2.0
    wall_s: float = 10.0
    memory_mb: int = 256

    def __post_init__(self) -> None:
        if not 0 < self.cpu_s <= 3600:
            raise ValueError(f"cpu_s must lie in (0, 3600] seconds, not {self.cpu_s}")
        if not 0 < self.wall_s <= 3600:
            raise ValueError(f"wall_s must lie in (0, 3600] seconds, not {self.wall_s}")
        if not 64 <= self.memory_mb <= 1 << 20:
            raise ValueError(f"memory_mb must lie in [64, {1 << 20}], not {self.memory_mb}")
