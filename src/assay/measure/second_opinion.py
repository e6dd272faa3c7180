"""A second opinion: a checker that somebody else wrote judges completions beside ours, and where they differ is written down.

It never pays. Held-out completions are all judged twice, of a training step a few (`[second_opinion]`); the counts are
metrics, the disagreements stand in disagreements.jsonl with both readings. What ours pays and the other refuses may be a
hole; what the other passes and ours refuses may be a right answer in clothes that we do not know, or a form that the task
forbids. Neither is the judge of the other.

| tasks' verifier | second opinion | needs |
|---|---|---|
| `math` | math-verify | the extra `math` |
| `sql` | DuckDB on the same query and tables | the extra `sql` |
| `coq` | none beyond coqchk, the kernel's own second checker, which has run before a proof passes | |
| others | none of ours: name one with `second_opinion.by` | |
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.core.errors import MissingExtra
from assay.core.rng import stream
from assay.core.run_folder import RolloutRow
from assay.core.types import Json, Reason, Task, Verdict
from assay.core.watching import SecondOpinionConfig
from assay.rollout.collect import last_user_message
from assay.verify.base import find_verifier
from assay.verify.pool import JudgePool, JudgeRequest

WORKERS = 1  # it waits for nobody, and a process that holds sympy is not small
LONGEST = 4000  # characters of a text that disagreements.jsonl keeps


class Second(NamedTuple):
    """`place` names it to a judge pool; `package` must be installed for `auto` to choose it, `extra` installs it."""

    title: str
    place: str
    package: str
    extra: str


SECOND: Mapping[str, Second] = {
    "math": Second("math-verify", "assay.measure.math_second:MathVerify", "math_verify", "math"),
    "sql": Second("DuckDB", "assay.measure.sql_second:DuckDb", "duckdb", "sql"),
}
"""By the name of the verifier that it stands beside."""

NONE_BEYOND: Mapping[str, str] = {
    "coq": "For Coq proofs there is no second opinion beyond coqchk, the kernel's own second checker, which every proof that "
    "passes has been through.",
    "lean": "For Lean proofs there is no second opinion: the statement and the axioms are checked by the same kernel.",
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """One completion judged twice; `theirs` is the second verdict."""

    row: RolloutRow
    theirs: Verdict

    @property
    def is_silent(self) -> bool:
        """Did the second checker say nothing? Too slow, or unable to read the truth."""
        return self.theirs.is_void or self.theirs.reason in (Reason.TIMEOUT, Reason.LIMIT)

    @property
    def differs(self) -> bool:
        return not self.is_silent and self.theirs.is_pass != (self.row.outcome == "pass")

    def as_row(self) -> dict[str, Json]:
        """For disagreements.jsonl."""
        row, theirs = self.row, self.theirs
        ours = {"outcome": row.outcome, "reason": row.reason, "answer": row.answer, "read": row.evidence.get("read")}
        return {
            **{name: getattr(row, name) for name in ("step", "split", "group", "sample", "task", "truth")},
            "text": row.text[-LONGEST:],
            "ours": ours | {"by": row.verifier},
            "theirs": {
                "outcome": str(theirs.outcome),
                "reason": str(theirs.reason),
                "answer": theirs.answer,
                "read": theirs.evidence.get("read"),
                "by": theirs.verifier,
            },
        }


def second_for(verifier: str, by: str) -> str | None:
    """The second checker for tasks of this verifier, as a judge pool knows it; None where there is none."""
    if by == "off":
        return None
    if by != "auto":
        return SECOND[by].place if by in SECOND else by
    found = SECOND.get(verifier)
    return found.place if found is not None and importlib.util.find_spec(found.package) else None


@dataclass(frozen=True, slots=True)
class SecondOpinions:
    """Asks for second opinions on completions of `tasks` (by id they may grow); `by_verifier` says whom."""

    config: SecondOpinionConfig
    seed: int
    pool: JudgePool

    def on_step(self, step: int, rows: Sequence[RolloutRow], tasks: Mapping[str, Task]) -> list[Opinion]:
        """On a few of a training step's completions, drawn by (seed, step) alone."""
        asked = [row for row in rows if self._asks(row, tasks)]
        draw = stream(self.seed, "second opinion", step)
        count = min(self.config.samples, len(asked))
        return self.on([asked[place] for place in sorted(draw.sample(range(len(asked)), count))], tasks)

    def on(self, rows: Sequence[RolloutRow], tasks: Mapping[str, Task]) -> list[Opinion]:
        """On all of these that have a second checker and were not VOID."""
        asked = [row for row in rows if self._asks(row, tasks)]
        requests = [
            JudgeRequest(self._by(task) or "", task.truth, row.text, last_user_message(task))
            for row in asked
            for task in (tasks[row.task],)
        ]
        verdicts = self.pool.judge_many(requests) if requests else []
        return [Opinion(row, theirs) for row, theirs in zip(asked, verdicts, strict=True)]

    def _asks(self, row: RolloutRow, tasks: Mapping[str, Task]) -> bool:
        return row.outcome != "void" and row.task in tasks and self._by(tasks[row.task]) is not None

    def _by(self, task: Task) -> str | None:
        return second_for(task.verifier, self.config.by)


@contextlib.contextmanager
def second_opinions(config: SecondOpinionConfig, seed: int) -> Iterator[SecondOpinions]:
    """With a pool of their own, so that a checker that hangs or grows is no trouble to the one that pays. Nothing is started
    before the first question. Raises MissingExtra, or find_verifier's errors, for a checker that was named and is not there.
    """
    if config.by in SECOND and not importlib.util.find_spec(SECOND[config.by].package):
        raise MissingExtra(SECOND[config.by].package, SECOND[config.by].extra, f"second_opinion.by = {config.by!r}")
    if config.by not in (*SECOND, "auto", "off"):
        find_verifier(config.by)
    with JudgePool(WORKERS, config.timeout) as pool:
        yield SecondOpinions(config, seed, pool)


def counts(opinions: Sequence[Opinion]) -> dict[str, int]:
    """For a row of metrics.jsonl; nothing where nobody was asked."""
    if not opinions:
        return {}
    differing = [each for each in opinions if each.differs]
    ours = sum(each.row.outcome == "pass" for each in differing)
    silent = sum(each.is_silent for each in opinions)
    return {
        "second/judged": len(opinions) - silent,
        "second/ours_only": ours,
        "second/theirs_only": len(differing) - ours,
        "second/silent": silent,
    }
