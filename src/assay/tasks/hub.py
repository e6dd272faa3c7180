"""`datasets` sets, by hub name or from a folder (saved with `save_to_disk`, or holding data files)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from assay.core.errors import EnvironmentFault, MissingExtra, TaskFileError, did_you_mean
from assay.tasks.row import Line

HELD_OUT = ("test", "validation")
"""Splits that are held out when nobody says which, the first that is there."""


def read_hub(name: str, subset: str | None, train: str, held_out: str | None) -> Iterator[Line]:
    """The rows of its training and its held-out split. Raises MissingExtra, EnvironmentFault, TaskFileError."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise MissingExtra("datasets", "data", f"the data set {name}") from None
    folder = Path(name).expanduser()
    if folder.is_dir():
        with _load_errors(name):
            saved = (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file()
            found = datasets.load_from_disk(str(folder)) if saved else datasets.load_dataset(str(folder), subset)
    elif name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise TaskFileError(f"{name}: no such file or folder")
    else:
        with _load_errors(name):
            found = _from_hub(datasets, name, subset)
    sides: Mapping[str, Any] = found if isinstance(found, Mapping) else {"": found}
    return _lines(name, sides, _chosen(name, sides, train, held_out))


def _chosen(name: str, sides: Mapping[str, Any], train: str, held_out: str | None) -> dict[str, str | None]:
    """Their split -> ours. Raises TaskFileError for one that was asked for and is not there."""
    if list(sides) == [""]:
        return {"": None}
    for wanted in (held_out, train if train != "train" else None):
        if wanted is not None and wanted not in sides:
            raise TaskFileError(
                f"{name} has no split {wanted!r}{did_you_mean(wanted, sides)}; it has {', '.join(sides)}"
            )
    other = held_out or next((each for each in HELD_OUT if each in sides and each != train), None)
    chosen: dict[str, str | None] = {}
    if train in sides:
        chosen[train] = "train" if other is not None else None  # a lone split is divided by the hash of its prompts
    if other is not None:
        chosen[other] = "held_out"
    if not chosen:
        raise TaskFileError(
            f"{name} has the splits {', '.join(sides)}: name them in options.train_split and options.held_out_split"
        )
    return chosen


def _lines(name: str, sides: Mapping[str, Any], chosen: Mapping[str, str | None]) -> Iterator[Line]:
    for theirs, ours in chosen.items():
        for number, row in enumerate(sides[theirs], 1):
            yield Line(f"{name}: {theirs} row {number}" if theirs else f"{name}: row {number}", row, ours)


def _from_hub(datasets: Any, name: str, subset: str | None) -> Any:
    """From the local cache when the hub cannot be reached; one quick connection decides, since the hub's client
    retries for half a minute before it gives up."""
    if _is_reachable(datasets.config.HF_ENDPOINT):
        return datasets.load_dataset(name, subset)
    from huggingface_hub import constants

    was_offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        return datasets.load_dataset(name, subset)
    except (OSError, ValueError, RuntimeError) as error:
        raise EnvironmentFault(
            f"the data set {name} is not in the local cache, and the hub cannot be reached (no network?)"
        ) from error
    finally:
        constants.HF_HUB_OFFLINE = was_offline


def _is_reachable(endpoint: str) -> bool:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    hub = urlsplit(endpoint)
    if getproxies().get(hub.scheme):
        return True  # only the proxy can be reached from here; let the client try
    port = hub.port or (443 if hub.scheme == "https" else 80)
    try:
        socket.create_connection((hub.hostname or "", port), timeout=5).close()
    except (OSError, RuntimeError):  # RuntimeError: sockets forbidden by whoever runs us
        return False
    return True


@contextlib.contextmanager
def _load_errors(name: str) -> Iterator[None]:
    """Whatever `datasets` raises for a set that is missing, broken or gated becomes one sentence."""
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TaskFileError(f"the data set {name} cannot be read ({said[:200]})") from error
