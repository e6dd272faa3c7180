"""Statements for Coq, graded 1 to 4, each with a proof of ours: what a policy can be trained on against a real prover.

137 statements of logic, nat, arithmetic (with lia and ring), lists and integers stand in `coq_statements.jsonl`. Half are
held out, by statement. The proofs are for a supervised cold start and for the tests; they are never shown in a prompt.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from pydantic import Field

from assay.core.rng import stream
from assay.core.section import Section
from assay.core.types import Json, Message, Task
from assay.tasks.listed import ListedTasks
from assay.tasks.source import Generator, Split
from assay.tasks.split import split_of

Topic = Literal["all", "logic", "nat", "arithmetic", "lists", "integers"]
LEVELS = {
    1: "one or two tactics",
    2: "a short induction or case distinction",
    3: "lemmas, lia and ring",
    4: "a step that must be found",
}
ASK = "Answer with the proof alone: from `Proof.` to `Qed.`, tactics only."


class Statement(NamedTuple):
    level: int
    topic: str
    statement: str
    preamble: str
    proof: str


class CoqStatementOptions(Section):
    level: int = Field(1, ge=1, le=4, description="the hardest statements that are taken, 1 to 4")
    topic: Topic = Field("all", description="`all`, or one of logic, nat, arithmetic, lists, integers")
    process: bool = Field(False, description="judge with `steps`: a FAIL keeps the share of its checked steps as score")


class CoqTasks(ListedTasks):
    """With a proof of ours for each task."""

    def demonstration(self, index: int) -> str:
        """The worked answer, for a supervised cold start."""
        return next(each.proof for each in statements() if each.statement == self.problem(index))


@cache
def statements() -> tuple[Statement, ...]:
    text = files("assay.tasks.generators").joinpath("coq_statements.jsonl").read_text(encoding="utf-8")
    return tuple(Statement(**json.loads(line)) for line in text.splitlines())


def make(options: CoqStatementOptions, split: Split, seed: int) -> CoqTasks:
    chosen = [each for each in statements() if each.level <= options.level and options.topic in ("all", each.topic)]
    chosen = [each for each in chosen if split_of(each.statement) == split]
    chosen = stream(seed, "coq_statements", split).sample(chosen, len(chosen))
    tasks = tuple(_task(each, options.process) for each in chosen)
    return CoqTasks("coq_statements", split, tasks, tuple(each.statement for each in chosen))


def _task(each: Statement, process: bool) -> Task:
    truth: dict[str, Json] = {"statement": each.statement, "preamble": each.preamble}
    theorem = f"Theorem assay_thm : {each.statement}."
    shown = f"{each.preamble}\n{theorem}" if each.preamble else theorem
    return Task(
        id=f"coq/{statements().index(each) + 1}",
        prompt=(Message("user", f"Prove this in Coq.\n\n{shown}\n\n{ASK}"),),
        verifier="steps" if process else "coq",
        truth={"checker": "coq", **truth} if process else truth,
        source="coq_statements",
        tags=(f"level-{each.level}", each.topic),
    )


COQ_STATEMENTS = Generator(
    about="statements to prove in Coq: logic, numbers, lists (needs coqc)",
    levels=LEVELS,
    options=CoqStatementOptions,
    make=make,
)
