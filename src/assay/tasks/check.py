"""What is wrong with a task source, found before anything is sampled from it.

Every truth is read by its verifier, and where a right answer can be written from the truth alone, the verifier must
accept it. Prompts are counted twice over: the same prompt again (a duplicate), with another truth (a contradiction), or
in the other split (an overlap, also of one problem in other words); tasks/overlap looks for held-out prompts that training
prompts give away in part. The best constant answer says what a policy earns
that ignores the question. Sources without end are checked on their first tasks, and the report says so.

`problems` stop a training run; `notes` do not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from assay.core.errors import UsageError
from assay.core.records import dumps
from assay.core.types import Task
from assay.tasks.canonical import canonical_response
from assay.tasks.choices import Positions, positions
from assay.tasks.overlap import Contamination, find_overlap
from assay.tasks.source import Split, TaskSource, place_of, problem_of, prompt_key
from assay.verify.base import Case, judge_case, read_case

ENDLESS = 512  # tasks checked of a source without end
JUDGED = 512  # tasks whose truth is judged against itself, and that meet the constant answers
CONSTANTS = 3  # the most frequent truths, tried as an answer to every task
NAMED = 3  # examples in a sentence
REFERENCES, MUTANTS = (
    32,
    8,
)  # code tasks whose reference solution is run, and changes of each that their tests should see


@dataclass(frozen=True, slots=True)
class SplitReport:
    """One split in numbers. `constant` is the answer that passes most tasks when given to all, `constant_rate` how many."""

    source: str
    split: Split
    fingerprint: str
    length: int | None
    checked: int
    prompts: int  # different ones
    problems: int  # different ones
    duplicates: int
    contradictions: int
    unreadable: int
    refused: int  # truths that their own verifier does not accept
    judged: int  # truths that were judged against themselves
    verifiers: dict[str, int]
    tags: dict[str, int]
    constant: str | None
    constant_rate: float
    positions: Positions | None = None  # of the right options of multiple-choice tasks


@dataclass(frozen=True, slots=True)
class CheckReport:
    splits: tuple[SplitReport, ...]
    shared_prompts: int = 0
    shared_problems: int = 0
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    contamination: Contamination | None = None  # None: there is one split only

    @property
    def is_clean(self) -> bool:
        return not self.problems

    def sentence(self) -> str:
        """One line for the terminal."""
        parts = [
            f"{'endless' if each.length is None else each.length} {'training' if each.split == 'train' else 'held-out'}"
            for each in self.splits
        ]
        names = list(dict.fromkeys(each.source for each in self.splits))
        said = f"{' and '.join(names)}: {', '.join(parts)} tasks"
        read = sum(each.checked for each in self.splits)
        if self.problems:
            more = f" (and {len(self.problems) - 1} more)" if len(self.problems) > 1 else ""
            return f"{said}; {self.problems[0]}{more}"
        said += f", {read} truths read"
        if len(self.splits) > 1:
            said += ", no problem in both splits"
        best = max(self.splits, key=lambda each: each.constant_rate, default=None)
        if best is not None and best.constant is not None:
            said += f"; one answer for all passes at most {best.constant_rate:.1%}"
        return said


@dataclass
class _Findings:
    """What reading one split came to, while it is being read."""

    prompts: dict[str, list[int]] = field(default_factory=dict)
    problems: dict[str, int] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    contradicted: list[str] = field(default_factory=list)
    living: list[str] = field(default_factory=list)  # code tasks whose tests let a changed reference pass
    loose: list[str] = field(default_factory=list)  # structured tasks whose rules let a changed reference pass
    alike: list[str] = field(default_factory=list)  # SQL tasks whose instances let a changed gold query pass
    thin: list[str] = field(default_factory=list)  # SQL tasks whose instances leave something open


def check_sources(train: TaskSource, held_out: TaskSource | None = None) -> CheckReport:
    """Read every truth of both splits and compare them. A verifier that this machine lacks raises EnvironmentFault."""
    sources = [train] if held_out is None else [train, held_out]
    reports: list[SplitReport] = []
    seen: list[_Findings] = []
    problems: list[str] = []
    notes: list[str] = []
    for source in sources:
        found = _read(source)
        report = _report(source, found)
        seen.append(found)
        reports.append(report)
        problems += found.unreadable + found.refused + found.contradicted
        notes += _notes(report)
        if found.living:
            notes.append(
                f"the tests of {len(found.living)} code tasks let a changed reference pass: "
                + "; ".join(found.living[:NAMED])
            )
        if found.loose:
            notes.append(
                f"the rules of {len(found.loose)} tasks let a changed reference pass: " + "; ".join(found.loose[:NAMED])
            )
        if found.alike:
            notes.append(
                f"the instances of {len(found.alike)} SQL tasks let a changed gold query pass: "
                + "; ".join(found.alike[:NAMED])
            )
        if found.thin:
            notes.append(
                f"the instances of {len(found.thin)} SQL tasks leave something open: " + "; ".join(found.thin[:NAMED])
            )
    shared_prompts = shared_problems = 0
    contamination = None
    if len(seen) == 2:
        first, second = seen
        contamination = find_overlap(*(_placed(source, found) for source, found in zip(sources, seen, strict=True)))
        notes += contamination.notes()
        prompts = [each for each in second.prompts if each in first.prompts]
        shared = [each for each in second.problems if each in first.problems]
        shared_prompts, shared_problems = len(prompts), len(shared)
        if shared:
            pairs = ", ".join(
                f"{place_of(train, first.problems[each])} and {place_of(sources[1], second.problems[each])}"
                for each in shared[:NAMED]
            )
            problems.append(
                f"{len(shared)} held-out problem{'s are' if len(shared) > 1 else ' is'} trained on as well: {pairs}"
            )
        elif prompts:
            problems.append(f"{len(prompts)} held-out prompts are trained on as well: {prompts[0][:120]!r}")
    return CheckReport(tuple(reports), shared_prompts, shared_problems, tuple(problems), tuple(notes), contamination)


def _placed(source: TaskSource, found: _Findings) -> Iterator[tuple[str, Task]]:
    return ((place_of(source, index), task) for index, task in found.tasks.items())


def _read(source: TaskSource) -> _Findings:
    found = _Findings()
    for index in range(ENDLESS if source.length is None else source.length):
        task = source.task(index)
        found.tasks[index] = task
        found.problems.setdefault(problem_of(source, index), index)
        same = found.prompts.setdefault(prompt_key(task.prompt), [])
        same.append(index)
        try:
            found.cases[index] = read_case(task.verifier, task.truth)
        except UsageError as error:
            found.unreadable.append(f"{place_of(source, index)}: {error}")
            continue
        other = found.tasks[same[0]]
        if dumps(other.truth, sort=True) != dumps(task.truth, sort=True):
            found.contradicted.append(
                f"{place_of(source, index)}: the prompt of {place_of(source, same[0])} with another truth"
            )
    for index, case in list(found.cases.items())[:JUDGED]:
        task = found.tasks[index]
        right = canonical_response(task)
        if right is None:
            continue
        verdict = judge_case(case, right, task.prompt[-1].content if task.prompt else "")
        if not verdict.is_pass:
            found.refused.append(
                f"{place_of(source, index)}: {case.label.partition('@')[0]} does not accept the truth "
                f"{dumps(task.truth)[:80]} as its own answer ({verdict.reason.value.replace('_', ' ')})"
            )
    _run_references(source, found)
    _change_references(source, found)
    _change_queries(source, found)
    return found


def _run_references(source: TaskSource, found: _Findings) -> None:
    """Code tasks with a reference solution: it must pass, and changed ones should not."""
    coded = [index for index, task in found.tasks.items() if task.verifier == "code" and index in found.cases]
    for index in coded[:REFERENCES]:
        from assay.verify.code.mutate import check_reference

        report = check_reference(found.cases[index].truth, MUTANTS)
        if report is not None and report.failure is not None:
            reason = report.failure.value.replace("_", " ")
            found.refused.append(f"{place_of(source, index)}: the reference solution fails its own tests ({reason})")
        elif report is not None and report.living:
            changes = ", ".join(each.change for each in report.living[:NAMED])
            found.living.append(f"{place_of(source, index)} ({len(report.living)} of {report.mutants}: {changes})")


def _change_references(source: TaskSource, found: _Findings) -> None:
    """Documents with a reference: a rule should notice when a field of it is changed."""
    documents = [index for index, task in found.tasks.items() if task.verifier in ("structured", "grounded")]
    for index in [each for each in documents if each in found.cases][:REFERENCES]:
        from assay.verify.structured.loose import loose_fields

        reference = found.tasks[index].truth.get("reference")
        paths = [] if reference is None else loose_fields(found.cases[index], reference)
        if paths:
            found.loose.append(f"{place_of(source, index)} ({', '.join(paths[:NAMED])})")


def _change_queries(source: TaskSource, found: _Findings) -> None:
    """SQL tasks: an instance should tell a changed gold query from the gold one."""
    queried = [index for index, task in found.tasks.items() if task.verifier == "sql" and index in found.cases]
    for index in queried[:REFERENCES]:
        from assay.verify.structured.sql_mutate import mutation_report, weaknesses

        truth = found.cases[index].truth
        report, open_ends = mutation_report(truth), weaknesses(truth)
        if report.living:
            changes = ", ".join(each.change for each in report.living[:NAMED])
            found.alike.append(f"{place_of(source, index)} ({len(report.living)} of {report.tried}: {changes})")
        if open_ends:
            found.thin.append(f"{place_of(source, index)} ({', '.join(open_ends)})")


def _report(source: TaskSource, found: _Findings) -> SplitReport:
    tasks = list(found.tasks.values())
    constant, rate = _best_constant(found)
    return SplitReport(
        source=source.name,
        split=source.split,
        fingerprint=source.fingerprint,
        length=source.length,
        checked=len(tasks),
        prompts=len(found.prompts),
        problems=len(found.problems),
        duplicates=len(tasks) - len(found.prompts),
        contradictions=len(found.contradicted),
        unreadable=len(found.unreadable),
        refused=len(found.refused),
        judged=sum(canonical_response(task) is not None for task in _judged(found)),
        verifiers=dict(Counter(task.verifier for task in tasks)),
        tags=dict(Counter(tag for task in tasks for tag in task.tags).most_common(20)),
        constant=constant,
        constant_rate=rate,
        positions=positions(tasks),
    )


def _judged(found: _Findings) -> Iterator[Task]:
    return (found.tasks[index] for index in list(found.cases)[:JUDGED])


def _best_constant(found: _Findings) -> tuple[str | None, float]:
    """Of the most frequent right answers, the one that passes most tasks."""
    tried = list(found.cases)[:JUDGED]
    answers = Counter(right for task in _judged(found) if (right := canonical_response(task)) is not None)
    best, most = None, 0
    for answer, _ in answers.most_common(CONSTANTS):
        passes = sum(judge_case(found.cases[index], answer).is_pass for index in tried)
        if passes > most:
            best, most = answer, passes
    return best, most / len(tried) if tried else 0.0


def _notes(report: SplitReport) -> Sequence[str]:
    side = "training" if report.split == "train" else "held-out"
    notes = []
    if report.length is None:
        notes.append(f"{report.source} has no end: its first {report.checked} {side} tasks were checked")
    if report.duplicates:
        notes.append(f"{report.duplicates} of {report.checked} {side} prompts stand there already")
    if report.constant is not None and report.constant_rate > 0.2:
        notes.append(f"answering {report.constant} to everything passes {report.constant_rate:.0%} of the {side} tasks")
    if report.positions is not None and report.positions.is_biased:
        found = report.positions
        notes.append(
            f"option {chr(ord('A') + found.most)} is right in {found.share:.0%} of {found.total} {side} multiple-choice tasks "
            f"(chance {found.chance:.0%}): shuffle them (options.shuffle_choices = 0)"
        )
    return notes
