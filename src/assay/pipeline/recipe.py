"""The schema of a recipe: a run's configuration that all stages share, and the stages, each a table with its `kind`.

    name = "r1_tiny"
    [rollout]                        # what a run's configuration holds; a stage's own table wins over it
    group_size = 8
    [stages.cold_start]              # stages run in the order of the file, and `--set stages.cold_start.fit.steps=40` reaches in
    kind = "sft"

A recipe is read by the one configuration system (core/layers): unknown keys are refused with the nearest name, in a stage as
anywhere. Which stages there are is data, so the schema is made from the names and kinds that the file gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, Field, create_model

from assay.core.config import RunConfig
from assay.core.errors import ConfigError, did_you_mean
from assay.core.layers import KIND, Layered, merge, validate
from assay.core.section import Section
from assay.core.types import Json
from assay.pipeline.filters import FilterConfig
from assay.pipeline.kinds import BASE, KINDS, Examine, Machine, Regression, Stage, sections_of

STAGES = "stages"


class Recipe(RunConfig):
    """What all stages share: `model` is the base, `tasks` and `evaluate` what every stage's policy is examined on."""

    base: str | None = Field(None, description="the stage that makes the base; none: `model` is it")
    domains: dict[str, str] = Field(default_factory=dict, description="source = domain: how yields are reported")
    examine: Examine = Examine()
    machine: Machine = Machine()
    filters: FilterConfig = FilterConfig()
    regression: Regression = Regression()
    stages: Any = None

    @property
    def named(self) -> dict[str, Stage]:
        """The stages by name, in order."""
        return {name: getattr(self.stages, name) for name in type(self.stages).model_fields}


def load_recipe(files: Iterable[Path], overrides: Iterable[str] | Mapping[str, Json] = ()) -> Recipe:
    """Raises ConfigError naming each key, where it was set, and what would be right."""
    files = tuple(files)
    raw = merge(files, overrides).values
    schema = schema_of(raw.get(STAGES), [str(each) for each in files])
    shared: dict[str, Json] = {STAGES: {name: _shared(raw, table) for name, table in raw[STAGES].items()}}
    recipe = validate(schema, merge(files, overrides, shared, schema))
    check_names(recipe)
    return recipe


def read_recipe(saved: Mapping[str, Json]) -> Recipe:
    """A resolved recipe, as a pipeline's folder keeps it."""
    return validate(schema_of(saved.get(STAGES), ["recipe.json"]), Layered(dict(saved), {}))


def schema_of(stages: Json, places: Iterable[str]) -> type[Recipe]:
    """The schema for these stages. Raises ConfigError for a table without a kind that exists."""
    where = ", ".join(places) or "the recipe"
    if not isinstance(stages, Mapping) or not stages:
        raise ConfigError(
            f"{where}: a recipe needs stages: a table [stages.NAME] with a kind ({', '.join(KINDS)}) for each"
        )
    fields: dict[str, Any] = {}
    for name, table in stages.items():
        _check_name(where, name)
        kind = table.get(KIND) if isinstance(table, Mapping) else None
        if kind is None:
            named = [each for each, other in stages.items() if isinstance(other, Mapping) and KIND in other]
            hint = did_you_mean(name, named) or f"; kinds: {', '.join(KINDS)}"
            raise ConfigError(f"{where}: stages.{name} names no kind{hint}")
        if kind not in KINDS:
            hint = did_you_mean(str(kind), KINDS) or f"; one of {', '.join(KINDS)} would be right"
            raise ConfigError(f"{where}: stages.{name}.kind: no kind {kind!r}{hint}")
        fields[name] = (KINDS[kind], Field(default=...))
    made = create_model("Stages", __base__=Section, **fields)
    return cast(type[Recipe], create_model("Recipe", __base__=Recipe, stages=(made, Field(default=...))))


def check_names(recipe: Recipe) -> None:
    """Every stage that a stage names stands before it, and makes what is wanted of it. Raises ConfigError."""
    before: dict[str, Stage] = {}
    for name, stage in recipe.named.items():
        for key, wanted, makes in stage.wants():
            if wanted == BASE and makes == "policy":
                continue
            if wanted not in before:
                hint = did_you_mean(wanted, [*before, BASE]) or f"; before it stand {', '.join(before) or 'none'}"
                raise ConfigError(f"stages.{name}.{key}: no stage {wanted!r} stands before it{hint}")
            if before[wanted].makes != makes:
                raise ConfigError(f"stages.{name}.{key}: {wanted} ({before[wanted].kind}) makes no {makes}")
        before[name] = stage
    if recipe.base is not None and (recipe.base not in before or before[recipe.base].makes != "policy"):
        raise ConfigError(f"base: {recipe.base!r} is no stage that makes a policy")


def _shared(raw: Mapping[str, Json], table: Mapping[str, Json]) -> dict[str, Json]:
    """What the recipe says for all that this stage takes over: not the options of another source than its own."""
    own = table.get("tasks")
    is_other = isinstance(own, Mapping) and "source" in own
    return {
        key: raw[key]
        for key in sections_of(KINDS[table[KIND]])
        if isinstance(raw.get(key), Mapping) and not (key == "tasks" and is_other)
    }


def _check_name(where: str, name: str) -> None:
    taken = name == BASE or name.startswith(("_", "model_")) or hasattr(BaseModel, name)
    if taken or not name.isidentifier() or not name.isascii():
        raise ConfigError(f"{where}: stages.{name}: a stage cannot have this name; small letters and _ would be right")
