"""Which tasks a step samples, and how many completions of each.

The tasks are an endless walk over the source, reshuffled each epoch. By default step s takes the P positions from (s - 1) P
on, whatever ran before. What `[rollout]` adds (dynamic sampling, pools, curriculum, replay) makes the walk depend on what
happened: `offset` is how far it has come from its plain course, and all of it can be read off metrics.jsonl and
rollouts.jsonl, so that a resumed run draws as the run would have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from assay.core.config import RunConfig
from assay.core.drawing import NoPools, NoReplay, Pools, Replay, SizeByDifficulty
from assay.core.errors import ConfigError
from assay.core.records import sha256_of
from assay.core.rng import stream
from assay.core.run_folder import RolloutRow
from assay.core.types import Json, Task
from assay.learn.curriculum import opens_next
from assay.learn.difficulty import Difficulty, share_out
from assay.learn.replay import replayed
from assay.tasks.source import TaskSource

POSITION, LEVEL = "data_position", "curriculum/level"


class Walk:
    """The tasks of one source by position, without end: `task(position)` is a pure function."""

    def __init__(self, source: TaskSource, limit: int | None, seed: int) -> None:
        self.source, self._seed = source, seed
        length = source.length
        self.length = min(length, limit) if length is not None and limit is not None else length
        self._order: tuple[int, list[int]] = (-1, [])

    def task(self, position: int) -> Task:
        if self.length is None:
            return self.source.task(position)
        epoch, place = divmod(position, self.length)
        if self._order[0] != epoch:
            order = list(range(self.length))
            stream(self._seed, "tasks", epoch).shuffle(order)
            self._order = (epoch, order)
        return self.source.task(self._order[1][place])


class Drawer:
    """Draws a step's tasks; `record` tells it what became of them, `restore` what a run folder says of earlier steps."""

    def __init__(self, config: RunConfig, levels: Sequence[TaskSource]) -> None:
        self._config, self._how = config, config.rollout
        self._walks = [Walk(source, config.tasks.limit, config.seed) for source in levels]
        self._refuse_endless()
        self.difficulty = Difficulty()
        self.level = 0
        self.skipped = self.replayed = 0  # in the step being drawn
        self._offset = 0  # of the walk, from the plain course of P positions a step
        self._cursor = 0
        self._step = 0  # the last one recorded
        self._pass_rates: list[float] = []  # at this level
        self._known: dict[str, tuple[int, int]] = {}  # id -> level and position, for replay

    @property
    def position(self) -> int:
        """Where the walk stands after the last step."""
        return self._step * self._how.prompts_per_step + self._offset

    @property
    def fingerprint(self) -> str:
        prints = [walk.source.fingerprint for walk in self._walks]
        return prints[0] if len(prints) == 1 else sha256_of(prints)[:12]

    @property
    def counts_outcomes(self) -> bool:
        """Does a draw depend on the pass rates of tasks?"""
        how = self._how
        return not (isinstance(how.pools, NoPools) and isinstance(how.replay, NoReplay)) or isinstance(
            how.group_sizes, SizeByDifficulty
        )

    def draw(self, step: int) -> list[Task]:
        """The prompts_per_step tasks that `step` (from 1) begins with."""
        self.skipped = 0
        self._cursor = (step - 1) * self._how.prompts_per_step + self._offset
        places = self._how.prompts_per_step
        back: dict[int, str] = {}
        if isinstance(self._how.replay, Replay):
            back = replayed(self.difficulty, self._config.seed, step, places, self._how.replay)
        self.replayed = len(back)
        return [self._again(back[place]) if place in back else self._next(step) for place in range(places)]

    def draw_more(self, step: int, count: int) -> list[Task]:
        """The next tasks of the walk, for a further round of the step drawn last."""
        return [self._next(step) for _ in range(count)]

    def sizes(self, tasks: Sequence[Task]) -> list[int]:
        """Completions for each task: group_size on average."""
        how = self._how.group_sizes
        total = self._how.group_size * len(tasks)
        if isinstance(how, SizeByDifficulty):
            return share_out([self.difficulty.of(task.id) for task in tasks], total, how)
        return [self._how.group_size] * len(tasks)

    def state(self) -> dict[str, float | None]:
        """What a metrics row says of the draw: with it and the rollouts, the next step can be drawn."""
        found: dict[str, float | None] = {POSITION: self._cursor}
        if len(self._walks) > 1:
            found[LEVEL] = self.level
        if isinstance(self._how.pools, Pools):
            counts = self.difficulty.count(self._how.pools)
            found |= {f"pools/{name}": count for name, count in counts.items()} | {"pools/skipped": self.skipped}
        if isinstance(self._how.replay, Replay):
            found["replay/prompts"] = self.replayed
        return found

    def record(self, metrics: Mapping[str, Json], rows: Iterable[RolloutRow | Mapping[str, Json]]) -> None:
        """Take up a step that was made: its metrics row, with `step`, and its rollouts."""
        if self.counts_outcomes:
            self.difficulty.see(rows)
        self._move(metrics)

    def restore(self, metrics: Iterable[Mapping[str, Json]], rows: Iterable[Mapping[str, Json]]) -> None:
        """Take up all the training steps of a run folder."""
        if self.counts_outcomes:
            self.difficulty.see(rows)
        for row in metrics:
            self._move(row)

    def _move(self, metrics: Mapping[str, Json]) -> None:
        before, self._step = self.position, int(metrics["step"])
        plain = self._step * self._how.prompts_per_step
        after = int(metrics.get(POSITION, plain + self._offset))
        if isinstance(self._how.replay, Replay):
            for position in range(before, after):
                self._known.setdefault(self._walks[self.level].task(position).id, (self.level, position))
        self._offset = after - plain
        self._pass_rates.append(float(metrics.get("pass_rate") or 0.0))
        if self.level + 1 < len(self._walks) and opens_next(self._pass_rates, self._how.curriculum):
            self.level, self._pass_rates, self._offset = self.level + 1, [], -plain

    def _next(self, step: int) -> Task:
        walk, pools = self._walks[self.level], self._how.pools
        for _ in range(walk.length or 0 if isinstance(pools, Pools) else 0):
            task = walk.task(self._cursor)
            if isinstance(pools, Pools) and not self.difficulty.is_resting(task.id, step, pools):
                break
            self._cursor += 1
            self.skipped += 1
        self._cursor += 1  # where every task rests, the next one is taken all the same
        return walk.task(self._cursor - 1)

    def _again(self, task: str) -> Task:
        level, position = self._known[task]
        return self._walks[level].task(position)

    def _refuse_endless(self) -> None:
        for key, is_on in (
            ("pools", isinstance(self._how.pools, Pools)),
            (
                "group_sizes",
                isinstance(self._how.group_sizes, SizeByDifficulty) and isinstance(self._how.replay, NoReplay),
            ),
        ):
            for walk in self._walks:
                if is_on and walk.length is None:
                    raise ConfigError(
                        f"rollout.{key} goes by what is known of each task, and {walk.source.name} has no end, so none "
                        f"comes back: a tasks.limit gives it one"
                    )
