"""Files that are whole or not there: JSON written to a temporary name and renamed, JSONL appended a line at a time.

JSON is strict (no NaN or Infinity: they are written as null) and ASCII-escaped, so that lone surrogates survive.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any, NoReturn

from assay.core.errors import OutOfDisk, TaskFileError
from assay.core.types import Json


def to_json(value: Any) -> Json:
    """Plain JSON data from dataclasses, enums, mappings, tuples and paths; non-finite floats become None."""
    if isinstance(value, Enum):
        return to_json(value.value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_json(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def dumps(value: Any, *, indent: int | None = None, sort: bool = False) -> str:
    return json.dumps(to_json(value), indent=indent, sort_keys=sort, allow_nan=False)


def refuse_constant(name: str) -> NoReturn:
    """For json.loads, which takes NaN and Infinity for numbers unless it is told otherwise."""
    raise ValueError(f"{name} is no JSON value")


def finite(text: str) -> float:
    """For json.loads, which reads 1e999 as infinity, a value that could not be written again."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:40]} is too large")
    return value


def sha256_of(value: Any) -> str:
    """The sha256 of a value's canonical JSON (sorted keys)."""
    return hashlib.sha256(dumps(value, sort=True).encode()).hexdigest()


@contextmanager
def disk_errors(what: Path) -> Iterator[None]:
    """A full disk becomes one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfDisk(
                f"no space left on the disk that holds {what}: free some, then go on with --resume"
            ) from error
        raise


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file under a temporary name beside `path`, then rename: readers see the old one or the new one."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    write_whole(path, lambda file: file.write(text.encode("utf-8", "surrogatepass")))


def write_json(path: Path, value: Any) -> None:
    write_text(path, dumps(value, indent=2) + "\n")


def append_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Append rows in one write, so that a kill leaves at most one broken line at the end (see `read_jsonl`)."""
    text = "".join(dumps(row) + "\n" for row in rows)
    with disk_errors(path), path.open("ab") as file:
        file.write(text.encode())
        file.flush()


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    write_whole(path, lambda file: [file.write((dumps(row) + "\n").encode()) for row in rows])


def read_jsonl(path: Path, *, broken_tail: bool = False) -> Iterator[dict[str, Json]]:
    """The objects of a JSONL file; blank lines are passed over. `broken_tail` forgives a last line cut by a kill.

    Raises TaskFileError naming file and line.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise TaskFileError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise TaskFileError(f"{path} is a folder; a JSONL file would be right") from None
    with file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                # some editors begin a file with a byte order mark
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                row = json.loads(text, parse_constant=refuse_constant, parse_float=finite)
            except (ValueError, RecursionError) as error:
                if broken_tail and not line.endswith(b"\n"):
                    return
                raise TaskFileError(f"{path}:{number}: not a line of JSON ({error})") from None
            if not isinstance(row, dict):
                raise TaskFileError(f"{path}:{number}: a {type(row).__name__} where a JSON object is needed")
            yield row
