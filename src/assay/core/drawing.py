"""The schema of how a step's prompts are chosen: `[rollout.dynamic]`, `.pools`, `.curriculum`, `.group_sizes`, `.replay`.

All are off by default, and all are functions of what a run folder holds, so that a resumed run draws the same.
What each costs, and where it comes from: docs/guides/sampling.md.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from assay.core.section import Section


class NoDynamic(Section):
    """A step learns from the groups that it sampled, whatever their spread."""

    kind: Literal["none"] = "none"


class Dynamic(Section):
    """Sample further prompts until prompts_per_step groups have spread (DAPO, arXiv 2503.14476, section 3.2)."""

    kind: Literal["dapo"] = "dapo"
    max_rounds: int = Field(4, ge=1, description="rounds of sampling per step; after the last one the step goes on")


class NoPools(Section):
    """Every task is drawn once an epoch."""

    kind: Literal["none"] = "none"


class Pools(Section):
    """Tasks that were too easy or too hard when they were last seen rest for some steps."""

    kind: Literal["pass_rate"] = "pass_rate"
    easy: float = Field(0.9, gt=0, le=1, description="a task whose running pass rate is this or more rests")
    hard: float = Field(0.0, ge=0, lt=1, description="a task whose running pass rate is this or less rests")
    rest: int = Field(20, ge=1, description="steps that such a task rests after each time it was drawn")

    @model_validator(mode="after")
    def _something_between(self) -> Pools:
        if self.hard >= self.easy:
            raise ValueError("hard must lie below easy, or every task would rest")
        return self


class NoCurriculum(Section):
    """One source, as it is."""

    kind: Literal["none"] = "none"


class Curriculum(Section):
    """From easy to hard: the next level once the training pass rate has reached a threshold."""

    kind: Literal["option"] = "option"
    option: str = Field("level", description="the key of tasks.options that sets the level")
    values: tuple[int | float | str, ...] = Field((1, 2, 3), min_length=2, description="its values, from easy to hard")
    pass_rate: float = Field(0.7, gt=0, le=1, description="mean training pass rate that opens the next level")
    window: int = Field(5, ge=1, description="steps at a level over which that mean is taken")


class TaggedCurriculum(Section):
    """The same for a source whose tasks carry their level as a tag."""

    kind: Literal["tag"] = "tag"
    values: tuple[str, ...] = Field(..., min_length=2, description="the tags, from easy to hard")
    pass_rate: float = Field(0.7, gt=0, le=1, description="mean training pass rate that opens the next level")
    window: int = Field(5, ge=1, description="steps at a level over which that mean is taken")


class SameSize(Section):
    """group_size completions for every prompt."""

    kind: Literal["same"] = "same"


class SizeByDifficulty(Section):
    """prompts_per_step x group_size completions, shared out so that most groups have spread (arXiv 2509.25849)."""

    kind: Literal["difficulty"] = "difficulty"
    least: int = Field(4, ge=2, description="completions of the smallest group")
    most: int = Field(32, ge=2, description="completions of the largest group")

    @model_validator(mode="after")
    def _in_order(self) -> SizeByDifficulty:
        if self.least > self.most:
            raise ValueError("least must not be above most")
        return self


class NoReplay(Section):
    """No prompt comes back before its next epoch."""

    kind: Literal["none"] = "none"


class Replay(Section):
    """Hard prompts that were solved lately come back: the prompts, sampled afresh, never their old completions."""

    kind: Literal["solved"] = "solved"
    probability: float = Field(0.1, gt=0, lt=1, description="chance of each place in a step to go to such a prompt")
    hard: float = Field(0.25, gt=0, le=1, description="a prompt is hard while its running pass rate is this or less")
    recent: int = Field(50, ge=1, description="steps since it was last solved within which it may come back")


DynamicSampling = Annotated[NoDynamic | Dynamic, Field(discriminator="kind")]
DifficultyPools = Annotated[NoPools | Pools, Field(discriminator="kind")]
Levels = Annotated[NoCurriculum | Curriculum | TaggedCurriculum, Field(discriminator="kind")]
GroupSizes = Annotated[SameSize | SizeByDifficulty, Field(discriminator="kind")]
Replayed = Annotated[NoReplay | Replay, Field(discriminator="kind")]
