"""What the author of a task set says of it, as a file: whether there is a truth, a checker, answers to imitate, or only taste.

Every key is optional: what is not said is looked for in the rows, and what neither says is taken to be absent. TOML and JSON
hold the same keys. `[parts]` names what a program can check in an answer even where nothing can check all of it.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from assay.core.errors import ConfigError, TaskFileError, did_you_mean
from assay.core.layers import Layered, leaves, validate
from assay.core.records import finite, refuse_constant
from assay.core.section import Section
from assay.core.types import Json

Truth = Literal["exact", "opinion", "none"]
SUFFIXES = (".toml", ".json")


class PartsSection(Section):
    """What each answer must have, whatever else it is judged by."""

    fields: tuple[str, ...] = Field((), description="keys that the answer's JSON object must have")
    json_schema: dict[str, Any] | None = Field(None, description="the answer's JSON Schema (2020-12)")
    citations: str = Field("", description="what is cited by an id that must exist: `order ids`, `policy sections`")
    min_words: int | None = Field(None, ge=1, description="least number of words")
    max_words: int | None = Field(None, ge=1, description="most words")
    min_sentences: int | None = Field(None, ge=1, description="least number of sentences")
    max_sentences: int | None = Field(None, ge=1, description="most sentences")
    language: str | None = Field(None, description="ISO 639-1 code of the language that the answer is in")
    keywords: tuple[str, ...] = Field((), description="words that must stand in the answer")
    forbidden: tuple[str, ...] = Field((), description="words that must not")
    format: str | None = Field(None, description="a grammar of the verifier `format`: boxed, think_answer")
    checks: tuple[dict[str, Any], ...] = Field((), description="further checks of the verifier `instructions`")


class Description(Section):
    """A task set in its author's words; None: not said."""

    about: str = Field("", description="what the tasks ask for, in a sentence")
    ground_truth: Truth | None = Field(
        None,
        description="`exact`: a right answer is known that nobody careful would dispute; `opinion`: labels that people "
        "gave and others would give otherwise; `none`. true and false stand for exact and none",
    )
    checker: bool | str | None = Field(
        None, description="can a program tell a right answer? A verifier's name (`math`, `my_file.py:check`) is tried"
    )
    demonstrations: bool | None = Field(None, description="are there good answers to imitate?")
    preference_pairs: bool | None = Field(None, description="are there two answers to a prompt, the better one marked?")
    judge: bool | None = Field(
        None, description="can people or a model that you trust say which of two answers is better?"
    )
    only_taste: bool | None = Field(None, description="does nothing but taste tell a good answer from a bad one?")
    parts: PartsSection = PartsSection()

    @field_validator("ground_truth", mode="before")
    @classmethod
    def _spelled(cls, value: Any) -> Any:
        return {True: "exact", False: "none"}[value] if isinstance(value, bool) else value

    @field_validator("checker", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        raise ValueError("true, false or a verifier's name would be right")


def read_description(path: Path) -> Description:
    """Raises TaskFileError for a file that cannot be read, ConfigError for a key that does not exist or a value that is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
        raise TaskFileError(f"{path}: no such file{did_you_mean(path.name, beside)}") from None
    except UnicodeDecodeError:
        raise TaskFileError(f"{path}: not a text in UTF-8") from None
    except OSError as error:
        raise TaskFileError(f"{path}: cannot be read ({error.strerror})") from None
    values = _parsed(path, text)
    if not isinstance(values, dict):
        raise ConfigError(
            f"{path}: a {type(values).__name__} where a description's keys are needed; rows belong into a .jsonl file"
        )
    return validate(Description, Layered(values, {key: str(path) for key, _ in leaves(values)}))


def _parsed(path: Path, text: str) -> Json:
    if path.suffix == ".toml":
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{path}: not TOML ({error})") from None
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_float=finite)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not JSON ({error})") from None
