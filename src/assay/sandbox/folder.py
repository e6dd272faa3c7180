"""Empty a folder that a hostile program has filled: no recursion, no trust in modes, names or depth."""

from __future__ import annotations

import os
import stat

MOST_ENTRIES = 2000  # looked at when a folder's size is asked for


def empty(folder: str) -> None:
    """Remove everything below `folder`, however deep: what lies in a subfolder is first moved up. Raises OSError."""
    moved, is_flat = 0, False
    while not is_flat:
        is_flat = True
        for name in os.listdir(folder):
            path = f"{folder}/{name}"
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                os.unlink(path)
                continue
            is_flat = False  # what was in it has been moved up: look again
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                below = os.path.join(path, inner)
                if stat.S_ISDIR(os.lstat(below).st_mode):
                    os.chmod(below, 0o700)
                    moved += 1
                    os.rename(below, os.path.join(folder, f".{moved}-{os.getpid()}"))
                else:
                    os.unlink(below)
            os.rmdir(path)


def bytes_below(folder: str) -> int:
    """The files' bytes, of as many entries as are looked at; a folder with more than that counts as full."""
    total, seen, waiting = 0, 0, [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    seen += 1
                    if seen > MOST_ENTRIES:
                        return 1 << 62
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue  # it changes while we look
    return total
