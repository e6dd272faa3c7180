"""Reading a constraint problem and the answers to it: names, whole numbers, pairs, grids, and what is wrong with them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, NamedTuple

from assay.core.errors import TruthError, did_you_mean
from assay.core.types import Json

LARGEST = 10**12
MOST = 2_000  # items, tasks, nodes; ten times as many edges


class Breach(NamedTuple):
    """A rule that an answer breaks, and where. `is_form`: the answer is not of the problem's form at all."""

    rule: str
    path: str
    detail: str
    is_form: bool = False


# reading the problem


def known(problem: Mapping[str, Json], *names: str) -> None:
    for key in problem:
        if key not in names:
            raise TruthError(f"problem: unknown key {key!r}{did_you_mean(key, names)}")


def fields(value: Json, at: str, *names: str) -> None:
    if not isinstance(value, Mapping) or set(value) != set(names):
        raise TruthError(f"{at}: an object of {', '.join(names)} would be right, not {value!r}"[:200])


def listed(problem: Mapping[str, Json], key: str, least: int) -> list[Json]:
    value = problem.get(key)
    if not isinstance(value, list) or not least <= len(value) <= MOST:
        raise TruthError(f"problem.{key}: a list of {least} to {MOST} would be right")
    return value


def whole(value: Json, at: str, least: int = 0) -> int:
    if not is_whole(value) or not least <= value <= LARGEST:
        raise TruthError(f"{at}: a whole number from {least} to {LARGEST} would be right, not {value!r}"[:200])
    return int(value)


def name(value: Json, at: str) -> str:
    if not isinstance(value, str) or not value:
        raise TruthError(f"{at}: a text would be right, not {value!r}"[:200])
    return value


def pair(value: Json, known: Mapping[str, Any], at: str) -> tuple[str, str]:
    if (
        not isinstance(value, list)
        or len(value) != 2
        or not all(isinstance(each, str) and each in known for each in value)
    ):
        raise TruthError(f"{at}: two of the names would be right, not {value!r}"[:200])
    if value[0] == value[1]:
        raise TruthError(f"{at}: {value[0]!r} with itself")
    return value[0], value[1]


def best_of(problem: Mapping[str, Json]) -> int | None:
    return None if problem.get("best") is None else whole(problem["best"], "problem.best")


# reading the answer


def form(answer: Mapping[str, Any], *names: str) -> Breach | None:
    if set(answer) == set(names):
        return None
    missing = [each for each in names if each not in answer]
    extra = [each for each in answer if each not in names]
    detail = f"{missing[0]!r} is missing" if missing else f"{extra[0][:40]!r} is not asked for"
    return Breach("form", "answer", detail, is_form=True)


def ids(value: Any, known: Mapping[str, Any], path: str) -> Breach | None:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return Breach("form", path, "a list of texts is wanted", is_form=True)
    unknown = next((at for at, each in enumerate(value) if each not in known), None)
    return None if unknown is None else Breach("known", f"{path}[{unknown}]", f"there is no {value[unknown][:40]!r}")


def keyed(value: Any, known: Mapping[str, Any], path: str) -> Breach | None:
    """An object with exactly these keys."""
    if not isinstance(value, Mapping):
        return Breach("form", path, "an object is wanted", is_form=True)
    unknown = next((each for each in value if each not in known), None)
    if unknown is not None:
        return Breach("known", path, f"there is no {unknown[:40]!r}")
    missing = next((each for each in known if each not in value), None)
    return None if missing is None else Breach("every", path, f"{missing!r} is missing")


def claimed(answer: Mapping[str, Any], key: str, right: int) -> Breach | None:
    """What the answer says of itself."""
    said = answer[key]
    if not is_whole(said):
        return Breach("form", f"answer.{key}", "a whole number is wanted", is_form=True)
    return None if said == right else Breach("claim", f"answer.{key}", f"{shown(said)} is said, {right} is so")


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def is_grid(value: Any, size: int, least: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == size
        and all(isinstance(row, list) and len(row) == size for row in value)
        and all(is_whole(each) and least <= each <= size for row in value for each in row)
    )


def twice(values: Iterable[Hashable]) -> Any:
    return next(value for value, count in Counter(values).items() if count > 1)


def at_key(path: str, key: str) -> str:
    return f"{path}.{key}" if key.isidentifier() and len(key) < 60 else f"{path}[{key[:60]!r}]"


def shown(value: int) -> str:
    return str(value) if value.bit_length() < 200 else "a long number"
