"""An evaluation: what a policy did on held-out problems, kept per problem so that any figure can be made again.

Every figure is a mean over problems of one number a problem: pass@1 (share of samples right), pass@k and maj@k (see
passk), greedy (one completion at temperature 0), oracle (share of samples that `evaluate.oracle` passes), format_rate (share of samples with a readable answer), mean_length
(tokens). Greedy's interval is Wilson's; the others' come from a bootstrap over problems. VOID samples are left out of
every figure and counted apart: they say nothing about the policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from assay.core.errors import TaskFileError, UsageError
from assay.core.records import read_jsonl
from assay.core.statistics import wilson
from assay.core.types import Json
from assay.measure.bootstrap import bootstrap_mean
from assay.measure.passk import Vote, maj_at_k, pass_at_k

Kind = Literal["before", "during", "after", "alone"]


class Figure(NamedTuple):
    """A mean over `problems` with its 95 % interval; None where there is no honest one."""

    value: float
    low: float | None
    high: float | None
    problems: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One held-out task. The tuples run over the samples that are not VOID; `greedy` is None when it was not asked.

    `rewards` is what the run's rule pays; `oracle` whether `evaluate.oracle` passes the same samples (None: it was VOID). Both
    are empty where they were not recorded.
    """

    task: str
    passes: tuple[bool, ...]
    answers: tuple[str | None, ...]
    lengths: tuple[int, ...]
    greedy: bool | None = None
    voids: int = 0
    rewards: tuple[float, ...] = ()
    oracle: tuple[bool | None, ...] = ()

    def scores(self, k: tuple[int, ...]) -> dict[str, float]:
        """This problem's number for each figure that it can give one for."""
        found: dict[str, float] = {}
        if self.greedy is not None:
            found["greedy"] = float(self.greedy)
        n = len(self.passes)
        if n == 0:
            return found
        votes = [Vote(*each) for each in zip(self.passes, self.answers, strict=True)]
        found["pass@1"] = sum(self.passes) / n
        known = [each for each in self.oracle if each is not None]
        if known:
            found["oracle"] = sum(known) / len(known)
        for each in k:
            if 1 < each <= n:
                found[f"pass@{each}"] = pass_at_k(n, sum(self.passes), each)
                found[f"maj@{each}"] = maj_at_k(votes, each)
        found["format_rate"] = sum(answer is not None for answer in self.answers) / n
        found["mean_length"] = sum(self.lengths) / n
        return found


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`step` is the training step after which it was made (0: before any)."""

    step: int
    kind: Kind
    model: str
    samples: int
    temperature: float
    k: tuple[int, ...]
    seed: int
    verifiers: tuple[str, ...]
    problems: tuple[Problem, ...]
    tasks: str = ""  # the source's name
    oracle: str = ""  # evaluate.oracle, by its label
    seconds: float = field(default=0.0, compare=False)

    @property
    def pass_at_1(self) -> float:
        return self.figures(intervals=False)["pass@1"].value if any(each.passes for each in self.problems) else 0.0

    @property
    def voids(self) -> int:
        return sum(problem.voids for problem in self.problems)

    def scores(self) -> dict[str, dict[str, float]]:
        """Figure -> task -> the problem's number."""
        table: dict[str, dict[str, float]] = {}
        for problem in self.problems:
            for name, value in problem.scores(self.k).items():
                table.setdefault(name, {})[problem.task] = value
        return {name: table[name] for name in sorted(table, key=_order)}

    def figures(self, intervals: bool = True) -> dict[str, Figure]:
        """Each figure, in the order they are read: greedy, pass@1, pass@k, maj@k, format_rate, mean_length."""
        found = {}
        for name, by_task in self.scores().items():
            values = list(by_task.values())
            low: float | None
            high: float | None
            low = high = None
            if intervals and name == "greedy":
                low, high = wilson(round(sum(values)), len(values))
            elif intervals and len(values) > 1:
                low, high = bootstrap_mean(values, seed=self.seed)
            found[name] = Figure(sum(values) / len(values), low, high, len(values))
        return found

    def metrics(self) -> dict[str, float]:
        """For metrics.jsonl and trackers."""
        figures = {name: figure.value for name, figure in self.figures(intervals=False).items()}
        return figures | {"problems": len(self.problems), "void": self.voids}


def read_evaluations(path: Path) -> list[Evaluation]:
    """Those in a run's evaluations.jsonl, in order; a file that is not there holds none. Raises TaskFileError."""
    return list(_read(path)) if path.exists() else []


def read_evaluation(path: Path) -> Evaluation:
    """The last evaluation in a run folder, in an evaluations.jsonl, or in a file of one. Raises UsageError."""
    place = path / "evaluations.jsonl" if path.is_dir() else path
    if not place.is_file():
        raise UsageError(f"{path} holds no evaluation: a run folder, or what `assay eval --out` wrote, would be right")
    found = read_evaluations(place)
    if not found:
        raise UsageError(f"{place} is empty: it holds no evaluation")
    return found[-1]


def _read(path: Path) -> Iterator[Evaluation]:
    for number, row in enumerate(read_jsonl(path, broken_tail=True), 1):
        try:
            yield _evaluation(row)
        except (KeyError, TypeError, ValueError) as error:
            raise TaskFileError(
                f"{path}: row {number} is not an evaluation ({type(error).__name__}: {error})"
            ) from None


def _evaluation(row: Mapping[str, Json]) -> Evaluation:
    problems = tuple(
        Problem(
            each["task"],
            tuple(map(bool, each["passes"])),
            tuple(each["answers"]),
            tuple(map(int, each["lengths"])),
            each["greedy"],
            int(each["voids"]),
            tuple(map(float, each.get("rewards") or ())),
            tuple(each.get("oracle") or ()),
        )
        for each in row["problems"]
    )
    return Evaluation(
        **{name: value for name, value in row.items() if name not in ("problems", "k", "verifiers")},
        k=tuple(row["k"]),
        verifiers=tuple(row["verifiers"]),
        problems=problems,
    )


def _order(name: str) -> tuple[int, int]:
    kind, _, k = name.partition("@")
    first = ["greedy", "pass", "oracle", "maj", "format_rate", "mean_length"].index(kind)
    return first, int(k or 0)
