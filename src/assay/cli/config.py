"""`assay config show`: every setting with its value and where that comes from. `assay config schema`: for editors.

What `show` prints is itself a configuration file: save it, and it says the same again. Settings that are not set stand
in it as comments, since TOML has no word for nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import typer
from pydantic import BaseModel

from assay.core.config import RunConfig, layers
from assay.core.errors import ConfigError
from assay.core.layers import KIND, Layered, kinds_of, validate
from assay.core.records import sha256_of
from assay.core.types import Json
from assay.recipes import find_recipe, is_built_in, names

DEFAULT = "default"
OR = "; or "
WIDEST = 44  # columns before the origins; a longer value pushes its own aside
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

app = typer.Typer(
    help="Show a configuration with the origin of each value, or its schema.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


class Setting(NamedTuple):
    """One key of the resolved configuration: `key` is its dotted name, `section` the table that it stands in."""

    section: str
    name: str
    value: Json
    origin: str
    meaning: str
    others: tuple[str, ...] = ()
    """What else a `kind` may be; each has keys of its own."""

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}" if self.section else self.name


@app.command()
def show(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help=f"TOML files or built-in recipes ({', '.join(names())}), later ones winning", show_default=False
        ),
    ] = None,
    overrides: Annotated[list[str] | None, typer.Option("--set", help="section.key=value (repeatable)")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="say what each setting means")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Print every setting, its value, and where the value comes from: a default, a file, a recipe or --set."""
    config, layered = resolve(files or (), overrides or ())
    found = settings(config, layered.origins)
    values = config.model_dump(mode="json")
    if as_json:
        shown = {"values": values, "origins": {each.key: each.origin for each in found}, "sha256": sha256_of(values)}
        typer.echo(json.dumps(shown))
    else:
        for line in toml_lines(found, explain):
            typer.echo(painted(line))


@app.command()
def schema() -> None:
    """Print the JSON Schema of a configuration file, with which an editor completes and checks its keys.

    Save it beside your files, and begin each of them with the line: #:schema ./assay.schema.json
    """
    typer.echo(json.dumps(file_schema(), indent=2))


def resolve(files: Iterable[Path], overrides: Iterable[str]) -> tuple[RunConfig, Layered]:
    """The configuration of these layers, and its values with their origins. Raises ConfigError."""
    paths = [find_recipe(each) for each in files]
    for path in paths:
        if not path.exists() and path.suffix != ".toml":
            raise ConfigError(f"{path}: neither a file nor a built-in recipe ({', '.join(names())})")
    merged = layers(paths, overrides)
    recipes = {str(path): f"recipe {path.stem}" for path in paths if is_built_in(path)}
    layered = Layered(merged.values, {key: recipes.get(origin, origin) for key, origin in merged.origins.items()})
    return validate(RunConfig, layered), layered


def settings(
    config: BaseModel, origins: Mapping[str, str], section: str = "", kinds: Iterable[str] = ()
) -> list[Setting]:
    """Every setting, a section's own before those of the sections inside it. `kinds` are the section's alternatives."""
    own, inner = [], []
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        dotted = f"{section}.{name}" if section else name
        if isinstance(value, BaseModel):
            inner += settings(value, origins, dotted, kinds_of(field) if field.discriminator else ())
            continue
        if name == KIND and kinds:
            meaning = (type(config).__doc__ or "").strip().rstrip(".")
            others = tuple(each for each in kinds if each != value)
            own.append(Setting(section, name, value, _origin(origins, dotted), meaning, others))
            continue
        plain = config.model_dump(mode="json", include={name})[name]
        if isinstance(plain, dict) and plain:  # a table whose keys are the user's own
            inner += [
                Setting(dotted, key, item, _origin(origins, f"{dotted}.{key}"), "") for key, item in plain.items()
            ]
        else:
            own.append(Setting(section, name, plain, _origin(origins, dotted), _meaning(field)))
    return own + inner


def _origin(origins: Mapping[str, str], key: str) -> str:
    """Its own, or for a table inside a table that of the first key under it."""
    under = (origin for each, origin in origins.items() if each.startswith(f"{key}."))
    return origins.get(key) or next(under, DEFAULT)


def _meaning(field: Any) -> str:
    """What a key means, with the values it may have where these are a few words."""
    words = [each for each in get_args(field.annotation) if isinstance(each, str)]
    choice = f"one of {', '.join(words)}" if words and all(isinstance(each, str) for each in words) else ""
    return "; ".join(part for part in (field.description, choice) if part)


def toml_lines(found: Iterable[Setting], explain: bool = False) -> Iterator[str]:
    """The settings as a TOML file with the origin of each value behind it."""
    section = ""
    for each in found:
        if each.section != section:
            section = each.section
            yield ""
            yield f"[{section}]"
        if explain and each.meaning:
            yield f"# {each.meaning}"
        name = each.name if BARE_KEY.fullmatch(each.name) else quoted(each.name)
        text = f"# {name} is not set" if each.value is None else f"{name} = {toml_value(each.value)}"
        others = f"{OR}{', '.join(each.others)}" if each.others else ""
        yield f"{text:<{WIDEST}}  # {each.origin}{others}"


def painted(line: str) -> str:
    """For a terminal: what was set stands out from what is a default."""
    text, mark, origin = line.rpartition("  # ")
    if not mark:
        return typer.style(line, dim=line.startswith("#"), bold=line.startswith("["))
    is_default = origin.partition(OR)[0] == DEFAULT
    return text + typer.style(mark + origin, dim=is_default, fg=None if is_default else "green")


def toml_value(value: Json) -> str:
    """A JSON value in TOML, on one line. A null inside an array or table has no TOML form and is left out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, list):
        return f"[{', '.join(toml_value(item) for item in value if item is not None)}]"
    if isinstance(value, dict):
        items = (f"{quoted(key)} = {toml_value(item)}" for key, item in value.items() if item is not None)
        return f"{{{', '.join(items)}}}"
    return repr(value)


def quoted(text: str) -> str:
    """A JSON string is a TOML one but for DEL, and for signs beyond 16 bits that JSON would escape as two."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def file_schema() -> dict[str, Json]:
    """The schema of a file: the run's, and the one key that only files have."""
    found = RunConfig.model_json_schema()
    for rules in [each for table in found["$defs"].values() for each in table.get("properties", {}).values()]:
        for kind, place in rules.get("discriminator", {}).get("mapping", {}).items():
            if kind != rules["default"][KIND]:  # a table that names no kind is one of the default's, and no other's
                found["$defs"][place.rpartition("/")[2]]["required"] = [KIND]
    properties = {
        "extends": {
            "description": "a file beside this one, or several, whose values hold where this one sets none",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
        **found["properties"],
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found, "properties": properties}
