"""Levels from easy to hard: the sources of a curriculum, and when the next one opens.

The next level opens once the mean training pass rate of the last `window` steps at this level has reached `pass_rate`. It is
a function of metrics.jsonl, and never goes back. Held-out tasks are those of `tasks.options`, at whatever level.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.core.config import RunConfig
from assay.core.drawing import Curriculum, Levels, NoCurriculum, TaggedCurriculum
from assay.core.errors import ConfigError
from assay.tasks.listed import ListedTasks
from assay.tasks.load import load_source
from assay.tasks.source import TaskSource, place_of, problem_of


def load_levels(config: RunConfig) -> tuple[TaskSource, ...]:
    """The training source of each level; the one source without a curriculum. Raises as `load_source`, and ConfigError."""
    how = config.rollout.curriculum
    if isinstance(how, Curriculum):
        return tuple(
            load_source(
                config.tasks.model_copy(update={"options": {**config.tasks.options, how.option: value}}),
                "train",
                config.seed,
            )
            for value in how.values
        )
    source = load_source(config.tasks, "train", config.seed)
    if isinstance(how, TaggedCurriculum):
        return tuple(tagged(source, tag) for tag in how.values)
    return (source,)


def tagged(source: TaskSource, tag: str) -> ListedTasks:
    """The tasks of a finite source that carry a tag. Raises ConfigError."""
    if source.length is None:
        raise ConfigError(
            f"rollout.curriculum.kind = tag needs a source with an end, and {source.name} has none: "
            f'kind = "option" would be right for a generator'
        )
    found = [index for index in range(source.length) if tag in source.task(index).tags]
    if not found:
        raise ConfigError(f"rollout.curriculum.values: no task of {source.name} carries the tag {tag!r}")
    return ListedTasks(
        source.name,
        source.split,
        tuple(source.task(index) for index in found),
        tuple(problem_of(source, index) for index in found),
        tuple(place_of(source, index) for index in found),
    )


def opens_next(pass_rates: Sequence[float], how: Levels) -> bool:
    """Does the next level open after these steps at the present one?"""
    if isinstance(how, NoCurriculum) or len(pass_rates) < how.window:
        return False
    return sum(pass_rates[-how.window :]) / how.window >= how.pass_rate
