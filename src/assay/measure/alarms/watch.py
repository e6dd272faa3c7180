"""The alarms by name, and the watch that a run is kept under: facts in, alarms out, nothing paid.

An alarm is raised when its sign is first seen, and again only when it was gone at the look before (the step, or the
evaluation) and for a window of steps. What was raised stands in
metrics.jsonl as rows of kind `alarm`. A run that was not watched can be replayed from its folder: `replay` says what would
have been raised, at which step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from assay.core.config import RunConfig
from assay.core.records import to_json
from assay.core.run_folder import RolloutRow, RunFolder
from assay.core.types import Json
from assay.core.watching import Action, AlarmsConfig
from assay.measure.alarms import held_out, training
from assay.measure.alarms.facts import StepFacts, facts_of
from assay.measure.alarms.history import History
from assay.measure.evaluation import Evaluation, read_evaluations

KIND = "alarm"
Sign = Callable[[History, AlarmsConfig], str | None]
"""What is seen at the last step or evaluation of a history: a sentence without its full stop, or nothing."""


class Watched(NamedTuple):
    """An alarm: what it means in a few words, and how its sign is looked for after a step and after an evaluation."""

    meaning: str
    after_step: Sign | None = None
    after_evaluation: Sign | None = None


ALARMS: Mapping[str, Watched] = {
    "proxy": Watched("the reward rises, the held-out oracle falls", None, held_out.proxy),
    "test_gap": Watched("programs pass the tests they are shown, not the hidden ones", training.test_gap),
    "format": Watched("more keep the form, no more are right", training.form, held_out.form),
    "length": Watched("completions grow, no more are right", training.length, held_out.length),
    "scrambled": Watched("paid against another task's truth", training.scrambled),
    "prompt": Watched("answers no longer depend on the prompt", training.prompt),
    "duplicates": Watched("the same text again and again", training.duplicates),
    "kl": Watched("far from the reference", training.kl),
    "entropy": Watched("all but deterministic, or growing random", training.entropy),
    "pass_at_k": Watched("pass@1 rises, pass@k falls", None, held_out.pass_at_k),
    "dead_groups": Watched("hardly a group teaches", training.dead_groups),
}


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm that was raised after `step`: its name, what was seen, and what the configuration asks for."""

    step: int
    alarm: str
    sentence: str
    action: Action = "note"

    def row(self) -> dict[str, Json]:
        return {"step": self.step, "kind": KIND, "alarm": self.alarm, "action": self.action, "sentence": self.sentence}


class Watch:
    """Takes up what a run records, in order, and says which alarms are raised by it."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config.alarms
        self.history = History.of(config)
        self._seen: dict[str, int] = {}  # alarm -> the last step at which its sign was seen
        self._lasting: set[tuple[str, str]] = set()  # alarm and kind of look: where the sign was seen at the last one

    def step(self, facts: StepFacts) -> list[Raised]:
        self.history.step(facts)
        return self._raised(facts.step, "after_step")

    def evaluation(self, made: Evaluation) -> list[Raised]:
        """Nothing for one that was taken up already."""
        if any(each.step == made.step for each in self.history.evaluations):
            return []
        self.history.evaluation(made)
        return self._raised(made.step, "after_evaluation")

    def _raised(self, step: int, look: Literal["after_step", "after_evaluation"]) -> list[Raised]:
        found = []
        for name, watched in ALARMS.items():
            action: Action = getattr(self.config, name).action
            sign: Sign | None = getattr(watched, look)
            sentence = sign(self.history, self.config) if sign is not None and action != "off" else None
            if sentence is None:
                self._lasting.discard((name, look))
                continue
            is_new = (name, look) not in self._lasting
            if is_new and step - self._seen.get(name, step - self.config.window - 1) > self.config.window:
                found.append(Raised(step, name, sentence, action))
            self._lasting.add((name, look))
            self._seen[name] = step
        return found


class Replayed(NamedTuple):
    """What watching a run raises, what was known of each step, and the watch as it stands after the last one."""

    raised: list[Raised]
    facts: list[StepFacts]
    watch: Watch


def replay(folder: RunFolder, config: RunConfig) -> Replayed:
    """From what the folder holds. Raises TaskFileError."""
    watch = Watch(config)
    raised: list[Raised] = []
    known: list[StepFacts] = []
    waiting = {each.step: each for each in read_evaluations(folder.evaluations)}
    for metrics, rows in steps_of(folder):
        for step in sorted(each for each in waiting if each < int(metrics["step"])):
            raised += watch.evaluation(waiting.pop(step))
        known.append(facts_of(metrics, rows))
        raised += watch.step(known[-1])
    for step in sorted(waiting):
        raised += watch.evaluation(waiting.pop(step))
    return Replayed(raised, known, watch)


def steps_of(folder: RunFolder) -> Iterator[tuple[Mapping[str, Json], Sequence[Mapping[str, Json]]]]:
    """Each training step's metrics with its rollouts, in the order of the steps (in which both files are written)."""
    training = (row for row in folder.read_rollouts() if row.get("split", "train") == "train")
    together = groupby(training, key=lambda row: int(row.get("step", 0)))
    waiting = next(together, None)
    for metrics in folder.read_metrics("train"):
        step = int(metrics["step"])
        while waiting is not None and waiting[0] < step:
            waiting = next(together, None)
        if waiting is None or waiting[0] > step:
            yield metrics, ()
            continue
        yield metrics, list(waiting[1])
        waiting = next(together, None)


def rows_of(rows: Sequence[RolloutRow]) -> list[Mapping[str, Json]]:
    """Rows as they will stand in rollouts.jsonl, so that a run and its replay see the same."""
    return [to_json(row) for row in rows]


def logged(folder: RunFolder) -> list[Raised]:
    """The alarms that a run itself wrote down."""
    return [
        Raised(int(row["step"]), str(row["alarm"]), str(row["sentence"]), row["action"])
        for row in folder.read_metrics(KIND)
    ]
