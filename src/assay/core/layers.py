"""Layers of configuration: defaults < `extends` < files left to right < `--set a.b=value`, each value with its origin.

A layer is a nested dict read from TOML, and the origin of each leaf. The schema (a pydantic model) is the only truth
about which keys exist: an unknown one is refused with the nearest valid name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as held
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from assay.core.errors import ConfigError, did_you_mean
from assay.core.types import Json

Model = TypeVar("Model", bound=BaseModel)
KIND = "kind"
"""The key that chooses between alternatives (a discriminated union)."""


@dataclass(frozen=True, slots=True)
class Layered:
    """The merged values, and for each dotted leaf the place it came from."""

    values: dict[str, Json]
    origins: dict[str, str]
    kinds: Mapping[str, str] = held(default_factory=dict, compare=False)  # of each table of alternatives, its default


def merge(
    files: Iterable[Path],
    overrides: Iterable[str] | Mapping[str, Json] = (),
    base: Mapping[str, Json] | None = None,
    schema: type[BaseModel] | None = None,
) -> Layered:
    """Merge TOML files (each with its `extends`) and overrides, later ones winning. Raises ConfigError.

    Overrides are `a.b=value` texts, or dotted keys with their values. The `schema` says which tables are alternatives:
    a layer that names another `kind` for one starts it afresh, since the numbers below belong to the kind before.
    """
    merged = Layered({}, {}, {} if schema is None else default_kinds(schema))
    if base is not None:
        _lay(merged, base, "built in")
    for file in files:
        _lay_file(merged, file, ())
    is_dotted = isinstance(overrides, Mapping)
    together = Layered({}, {})  # one layer, so that the order of a `kind` and of its numbers does not matter
    for each in overrides.items() if isinstance(overrides, Mapping) else overrides:
        _lay(together, parse_override(each) if isinstance(each, str) else nest(*each), "")
    _lay(merged, together.values, "settings" if is_dotted else "--set")
    return merged


def default_kinds(schema: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Each table of alternatives by its dotted name, with the `kind` that it has where none is named."""
    found: dict[str, str] = {}
    for name, field in schema.model_fields.items():
        if field.discriminator is not None:
            found[f"{prefix}{name}"] = getattr(field.default, KIND)
        for each in _models_of(field):
            found |= default_kinds(each, f"{prefix}{name}.")
    return found


def parse_override(text: str) -> dict[str, Json]:
    """`a.b=3` as `{"a": {"b": 3}}`. The value is TOML (`true`, `3`, `[1, 2]`, `"x"`), or else the text itself."""
    key, equals, value = text.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        raise ConfigError(f"--set {text}: the form is --set section.key=value")
    try:
        parsed = tomllib.loads(f"value = {value.strip()}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value.strip()
    return nest(".".join(parts), parsed)


def nest(key: str, value: Json) -> dict[str, Json]:
    """`a.b` and 3 as `{"a": {"b": 3}}`."""
    first, dot, rest = key.partition(".")
    return {first: nest(rest, value) if dot else value}


def validate(schema: type[Model], layered: Layered) -> Model:
    """The model of these values. Raises ConfigError naming each key, where it was set, and what would be right."""
    values = _with_kinds(schema, layered.values, layered.origins)
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        sentences = []
        for problem in error.errors():
            key = ".".join(_without_kinds(problem["loc"], values))
            origin = _origin(layered.origins, key)
            got = "" if isinstance(problem.get("input"), (dict, BaseModel)) else f", not {problem.get('input')!r}"
            message = problem["msg"].removeprefix("Value error, ")
            sentences.append(f"{origin}: {key}: {message}{got}" if key else f"{origin}: {message}")
        raise ConfigError("; ".join(sentences)) from None


def _without_kinds(path: tuple[str | int, ...], values: Json) -> Iterator[str]:
    """A problem's path as people write it: pydantic puts the `kind` of a table of alternatives into it."""
    for part in path:
        if isinstance(values, Mapping):
            if part == values.get(KIND) and part not in values:
                continue
            values = values.get(part)
        yield str(part)


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each dotted key and its value, in order."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _lay_file(merged: Layered, file: Path, seen: tuple[Path, ...]) -> None:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such configuration file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not TOML ({error})") from None
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    parents = values.pop("extends", [])
    parents = [parents] if isinstance(parents, str) else parents
    if not isinstance(parents, list) or not all(isinstance(parent, str) for parent in parents):
        raise ConfigError(f"{file}: extends: a file name, or a list of them, would be right")
    for parent in parents:
        path = (file.parent / parent).resolve()
        if path in seen or path == file.resolve():
            raise ConfigError(f"{file}: extends: {parent} leads back to itself")
        _lay_file(merged, path, (*seen, file.resolve()))
    _lay(merged, values, str(file))


def _lay(merged: Layered, values: Mapping[str, Json], origin: str) -> None:
    _merge_into(merged.values, values, merged, origin, "")


def _merge_into(target: dict[str, Json], values: Mapping[str, Json], merged: Layered, origin: str, prefix: str) -> None:
    origins = merged.origins
    for key, value in values.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            below = target.get(key)
            if not isinstance(below, dict) or _is_another_kind(below, value, merged.kinds.get(dotted)):
                _forget(origins, dotted)
                below = target[key] = {}
            _merge_into(below, value, merged, origin, f"{dotted}.")
        else:
            _forget(origins, dotted)
            origins[dotted] = origin
            if isinstance(value, Mapping):
                target.setdefault(key, {})
            else:
                target[key] = value


def _forget(origins: dict[str, str], key: str) -> None:
    for old in [each for each in origins if each == key or each.startswith(f"{key}.")]:
        del origins[old]


def _is_another_kind(below: Mapping[str, Json], above: Mapping[str, Json], default: str | None) -> bool:
    """`default` None: this is no table of alternatives, and a key `kind` in it is a key like any other."""
    return default is not None and KIND in above and above[KIND] != below.get(KIND, default)


def _with_kinds(
    schema: type[BaseModel], values: Mapping[str, Json], origins: Mapping[str, str], path: tuple[str, ...] = ()
) -> dict[str, Json]:
    """The values with the default `kind` where a table of alternatives names none. Raises ConfigError for unknown keys."""
    known, filled = schema.model_fields, dict(values)
    for key, value in values.items():
        dotted = ".".join((*path, key))
        if key not in known:
            where = f" in [{'.'.join(path)}]" if path else ""
            hint = did_you_mean(key, known) or f"; known{where or ' at the top'}: {', '.join(known)}"
            raise ConfigError(f"{_origin(origins, dotted)}: unknown key {key!r}{where}{hint}")
        field = known[key]
        inner = _models_of(field)
        if field.discriminator is not None:
            kinds = kinds_of(field)
            value = _of_a_kind(value, kinds, getattr(field.default, KIND, None), dotted, origins)
            inner = [kinds[value[KIND]]]
        if not isinstance(value, Mapping):
            continue
        if get_origin(field.annotation) is dict and len(inner) == 1:  # tables by names of the user's own
            filled[key] = {
                name: _with_kinds(inner[0], table, origins, (*path, key, name)) if isinstance(table, Mapping) else table
                for name, table in value.items()
            }
        else:
            filled[key] = _with_kinds(inner[0], value, origins, (*path, key)) if len(inner) == 1 else value
    return filled


def _of_a_kind(
    value: Json, kinds: Mapping[str, type[BaseModel]], default: str | None, dotted: str, origins: Mapping[str, str]
) -> dict[str, Json]:
    """The table with its `kind`, all of whose keys are that kind's. Raises ConfigError."""
    if not isinstance(value, Mapping):
        where = _origin(origins, dotted)
        raise ConfigError(
            f"{where}: {dotted} is a table: {dotted}.{KIND} = {str(value)!r} would name what stands in it"
        )
    kind = value.get(KIND, default)
    if not isinstance(kind, str) or kind not in kinds:
        hint = did_you_mean(str(kind), kinds) or f"; one of {', '.join(kinds)} would be right"
        raise ConfigError(f"{_origin(origins, f'{dotted}.{KIND}')}: {dotted}.{KIND}: no kind {kind!r}{hint}")
    for key in value:
        known = kinds[kind].model_fields
        if key not in known:
            others = [name for name, each in kinds.items() if key in each.model_fields]
            hint = f"; kind {' or '.join(map(repr, others))} has it" if others else did_you_mean(key, known)
            raise ConfigError(
                f"{_origin(origins, f'{dotted}.{key}')}: unknown key {key!r} in [{dotted}] of kind {kind!r}"
                + (hint or f"; known there: {', '.join(known)}")
            )
    return {KIND: kind, **value}


def kinds_of(field: FieldInfo) -> dict[str, type[BaseModel]]:
    """The alternatives of a discriminated union by their `kind`."""
    return {each.model_fields[KIND].default: each for each in _models_of(field)}


def _models_of(field: FieldInfo) -> list[type[BaseModel]]:
    """The tables that a key can hold."""
    found = (field.annotation, *get_args(field.annotation))
    return [each for each in found if isinstance(each, type) and issubclass(each, BaseModel)]


def _origin(origins: Mapping[str, str], key: str) -> str:
    """Where a key was set: its own origin, or those of the keys under it, or that of the nearest one above it."""
    if key in origins:
        return origins[key]
    under = [origin for each, origin in origins.items() if each.startswith(f"{key}.")]
    if under:
        return ", ".join(dict.fromkeys(under))
    while "." in key:
        key = key.rpartition(".")[0]
        if key in origins:
            return origins[key]
    return "configuration"
