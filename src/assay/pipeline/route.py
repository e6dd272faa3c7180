"""`route`: which method a task set calls for, decided by what it holds and by what happens when verifiers are tried on it.

    a checker that reads the truths and accepts right answers        RLVR
    a better and a worse answer to each prompt                       preference learning (DPO)
    answers to imitate, and nothing else                             SFT
    only taste, but somebody or something to compare                 preference learning (RLHF, RLAIF)
    no whole truth, but parts that a program can check               a decomposition: RLVR on the parts
    none of these                                                    gather first

A truth that is an opinion (is this text harmful?) can be read by a verifier as well as any, and a policy would learn the
labellers: it is not RLVR. A checker under which every sampled group earns the same teaches nothing, and the route says so.
What the description says counts before what is guessed from the rows; each guess is a reason that names its ground.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from assay.core.errors import UsageError
from assay.core.types import Task
from assay.pipeline.checkable import Part, gate_of, parts_of
from assay.pipeline.description import Description
from assay.pipeline.sampled_rows import SampledRow, answer_of, shapes_of
from assay.pipeline.trials import Groups, Judges, Trial, try_groups, try_verifiers
from assay.verify.base import find_verifier

Method = Literal["rlvr", "sft", "preference", "decomposition", "gather"]

NAMES: dict[Method, str] = {
    "rlvr": "RLVR",
    "sft": "SFT",
    "preference": "preference learning",
    "decomposition": "decomposition into checkable parts",
    "gather": "gather first",
}
MOSTLY = 0.5
GUESSED = 0.3  # share of tasks that one answer may be right for before the route warns of it

TASTE = re.compile(
    r"\b(essay|poem|story|stories|slogan|tagline|brand|campaign|blog post|speech|lyrics|persuasive|creative|witty|engaging|"
    r"in your own voice|tone of voice)\b",
    re.I,
)
OPINION = re.compile(
    r"\b(harmful|harm|toxic|offensive|hateful|hate speech|appropriate|biased|sarcastic|polite|rude|sentiment|unsafe|"
    r"acceptable|ethical|moral)\b",
    re.I,
)
"""Words by which prompts without a description are taken to ask for taste, or for an opinion."""


@dataclass(frozen=True, slots=True)
class Route:
    """The recommendation. `way` says in a clause how it is done; `is_ready` is False while something named in `first` is
    missing or would teach nothing."""

    method: Method
    way: str
    reasons: tuple[str, ...]
    first: tuple[str, ...] = ()  # to be done before it
    parts: tuple[Part, ...] = ()
    trials: tuple[Trial, ...] = ()
    groups: Groups | None = None
    rows: int = 0

    @property
    def is_rlvr(self) -> bool:
        return self.method == "rlvr"

    @property
    def is_ready(self) -> bool:
        return not self.first

    @property
    def title(self) -> str:
        return NAMES[self.method]

    @property
    def objection(self) -> str:
        """Why it is not RLVR; nothing where it is."""
        if self.is_rlvr:
            return ""
        if self.method == "sft" and self.groups is not None and self.groups.are_equal:
            return "not RLVR yet: no sampled answer is ever right, so there is nothing to reinforce"
        whole = " of the whole answer" if self.method == "decomposition" else ""
        return f"not RLVR{whole}: no program can say of an answer that it is right"


@dataclass(slots=True)
class _Seen:
    """What the description and the rows come to; `reasons` are said as they are found."""

    trials: list[Trial] = field(default_factory=list)
    groups: Groups | None = None
    parts: list[Part] = field(default_factory=list)
    has_truth: bool = False  # an exact one, of which no verifier is known
    is_opinion: bool = False
    is_denied: bool = False  # the description says that what reads like a truth is none
    is_taste: bool = False
    has_good: bool = False
    has_pairs: bool = False
    has_judge: bool = False
    checker: str | None = None  # the description's, tried on no row; "" where it has no name
    are_queries: bool = False
    is_asked: bool = False  # training asks for the answer's form itself
    guess: str = ""
    reasons: list[str] = field(default_factory=list)

    @property
    def best(self) -> Trial | None:
        """The verifier to train with, where what it compares with is a truth."""
        return None if self.is_opinion or self.is_denied else next((each for each in self.trials if each.fits), None)

    @property
    def broken(self) -> Trial | None:
        """A verifier that reads the truths, and cannot judge on this machine."""
        if self.is_opinion or self.is_denied:
            return None
        return next((each for each in self.trials if each.reads and each.voids), None)


def route(
    description: Description | None = None, rows: Sequence[SampledRow] = (), *, judges: Judges | None = None
) -> Route:
    """Recommend a method. Rows are judged by `judges`, which may be None where there are none.

    Raises UsageError when there is neither a description nor a row, UnknownName for a checker that does not exist.
    """
    if description is None and not rows:
        raise UsageError(
            "there is nothing to go by: a description (.toml, .json), rows (.jsonl) or both would be right"
        )
    seen = _look(description or Description(), rows, judges)
    method, way, first = _decide(seen)
    return Route(
        method=method,
        way=way,
        reasons=tuple(seen.reasons),
        first=tuple(first),
        parts=tuple(seen.parts),
        trials=tuple(seen.trials),
        groups=seen.groups,
        rows=len(rows),
    )


def _look(said: Description, rows: Sequence[SampledRow], judges: Judges | None) -> _Seen:
    seen = _Seen(parts=parts_of(said.parts, [row.prompt for row in rows]))
    named = said.checker if isinstance(said.checker, str) else None
    if named is not None:
        find_verifier(named)
    if rows and judges is not None and said.checker is not False:
        seen.trials = try_verifiers(rows, named, judges)
    seen.reasons += [each.sentence() for each in seen.trials]
    truths = [row for row in rows if row.task is not None]
    seen.is_asked = all(row.is_asked for row in truths)
    _judge_kind(seen, said, rows, truths)
    for name, flag, count, what in (
        ("has_good", said.demonstrations, sum(row.good is not None for row in rows), "an answer to imitate"),
        ("has_pairs", said.preference_pairs, sum(row.is_pair for row in rows), "a better and a worse answer"),
    ):
        is_there = flag if flag is not None else count >= MOSTLY * max(1, len(rows))
        setattr(seen, name, is_there)
        if rows and count:
            seen.reasons.append(f"{count} of {len(rows)} rows hold {what}")
        elif is_there:
            seen.reasons.append(f"the description says that there is {what} to each prompt")
    seen.has_judge = bool(said.judge)
    if said.checker and not seen.trials:
        seen.checker = named or ""
    seen.has_truth = not seen.is_opinion and (
        said.ground_truth == "exact" or (said.ground_truth is None and seen.are_queries)
    )
    _judge_groups(seen, rows, judges)
    return seen


def _judge_kind(seen: _Seen, said: Description, rows: Sequence[SampledRow], truths: Sequence[SampledRow]) -> None:
    """Whether the truths are opinions, the answers taste, or one of the truths right for many tasks."""
    prompts = [row.prompt for row in rows]
    shapes = Counter(shapes_of(rows).values())
    if said.ground_truth == "opinion":
        seen.is_opinion = True
        seen.reasons.append(
            "the truths are opinions: others would label otherwise, and a reward would teach the labellers' habits"
        )
    elif said.ground_truth == "none" and truths:
        seen.is_denied = True
        seen.reasons.append("the description says that there is no truth: what stands in the rows is taken for none")
    elif said.ground_truth is None and truths and shapes.get("label", 0) >= MOSTLY * len(truths):
        words = _said(OPINION, [*prompts, said.about])
        if words:
            seen.is_opinion = True
            seen.reasons.append(
                f"the truths are a few labels and the prompts ask for a judgement ({', '.join(words)}): a label is then "
                'somebody\'s opinion (ground_truth = "exact" in a description would say that it is not)'
            )
    seen.are_queries = shapes.get("query", 0) > MOSTLY * len(truths) > 0
    if seen.are_queries:
        seen.reasons.append("the truths are queries: a program can run both on the same databases and compare the rows")
    if shapes.get("prose", 0) > MOSTLY * len(truths) > 0:
        seen.reasons.append(
            "the truths are prose: right answers in other words would be refused, so they are no truths"
        )
    if said.only_taste is not None:
        seen.is_taste = said.only_taste
        if said.only_taste:
            seen.reasons.append(
                "only taste tells a good answer from a bad one: there is nothing that a program could check it by"
            )
    elif seen.best is None and said.ground_truth != "exact":
        words = _said(TASTE, prompts)
        if words:
            seen.is_taste = True
            seen.reasons.append(
                f"the prompts ask for open-ended writing ({', '.join(words)}): many answers are good, none is the right one"
            )
    if not truths and said.ground_truth != "exact" and said.checker in (None, False):
        seen.reasons.append("there is no truth to compare an answer with")
    if seen.best is not None:
        answer, count = Counter(str(answer_of(row.task)) for row in truths if row.task).most_common(1)[0]
        if len(truths) > 3 and count > GUESSED * len(truths):
            seen.guess = (
                f"{answer[:40]!r} is right for {count} of {len(truths)} rows: a policy earns that by answering it always, "
                "so group by answer or ask for more than the label"
            )


def _judge_groups(seen: _Seen, rows: Sequence[SampledRow], judges: Judges | None) -> None:
    """Try the sampled answers, under the verifier that fits or else under the parts that have a truth."""
    if judges is None or not any(len(row.samples) > 1 for row in rows):
        return
    gate = gate_of(seen.parts)
    if seen.best is not None:
        seen.groups = try_groups(rows, seen.best.verifier, judges)
    elif gate is not None:
        asked = [_with_gate(row, gate) for row in rows]
        seen.groups = try_groups(asked, "gate", judges)
    if seen.groups is not None and seen.groups.total:
        seen.reasons.append(seen.groups.sentence())


def _with_gate(row: SampledRow, gate: object) -> SampledRow:
    return replace(row, task=Task(row.place, (), "gate", gate))


def _decide(seen: _Seen) -> tuple[Method, str, list[str]]:
    """The method, how, and what has to come first."""
    if seen.best is not None:
        return _rlvr(seen, seen.best.verifier)
    if seen.broken is not None:
        return "rlvr", f"GRPO with `{seen.broken.verifier}`", [f"make it work on this machine: {seen.broken.void}"]
    if not seen.is_opinion and seen.checker is not None:
        way = f"GRPO with `{seen.checker}`" if seen.checker else "GRPO with the program that tells a right answer"
        return "rlvr", way, ["try it: a sample of rows shows whether it reads their truths and accepts right answers"]
    if seen.has_pairs:
        return "preference", "DPO on the pairs" + _guard(seen), []
    if seen.is_taste or seen.is_opinion:
        return _by_taste(seen)
    if seen.parts:
        return _by_parts(seen)
    if seen.has_truth:
        first = ["build the verifier: `assay new verifier NAME` writes one with its tests and attacks"]
        if seen.are_queries:
            first = [
                "give each row its schema (CREATE TABLE ...), so that both queries can be run: see the verifier `sql`"
            ]
        elif seen.trials:
            first.insert(0, "no verifier here fits these truths (above)")
        return "rlvr", "GRPO, once a program can tell a right answer from a wrong one", first
    if seen.has_good:
        return "sft", "imitate the answers that are there", []
    if seen.has_judge:
        return "preference", f"{_by_judge()}, since nothing here can be checked", []
    return (
        "gather",
        "there is neither a truth, nor an answer to imitate, nor a comparison to learn from",
        [
            "write some good answers (SFT), have answers compared (preference learning), or find what a program could check"
        ],
    )


def _rlvr(seen: _Seen, verifier: str) -> tuple[Method, str, list[str]]:
    way = f"GRPO with `{verifier}`" if verifier else "GRPO"
    first = []
    trial = seen.best
    if trial is not None and trial.refused_for_form and not seen.is_asked:
        first.append("ask for the form: the reference answers are right, but do not stand where the verifier looks")
    if seen.groups is not None and seen.groups.are_equal:
        if seen.groups.all_wrong == seen.groups.total:
            if seen.has_good:
                return "sft", f"imitate the answers that are there, until some samples are right; then {way}", []
            first.append("easier tasks, a stronger model or SFT on worked answers: no sampled answer is ever right")
        elif seen.groups.all_right == seen.groups.total:
            first.append("harder tasks: every sampled answer is right already")
        else:
            first.append("tasks of the difficulty between: each is either always right or never")
    if seen.guess:
        first.append(seen.guess)
    return "rlvr", way, first


def _by_taste(seen: _Seen) -> tuple[Method, str, list[str]]:
    if seen.has_judge:
        return "preference", _by_judge() + _guard(seen), []
    if seen.is_opinion and seen.trials:
        return "sft", "imitate the labels, as the opinions that they are" + _guard(seen), []
    if seen.has_good:
        return "sft", "imitate the answers that are there" + _guard(seen), []
    first = [
        "have pairs of answers compared, by people (RLHF) or by a model that you have checked against people (RLAIF)"
    ]
    return "preference", _by_judge() + _guard(seen), first


def _by_parts(seen: _Seen) -> tuple[Method, str, list[str]]:
    verifiers = ", ".join(f"`{each}`" for each in dict.fromkeys(part.verifier for part in seen.parts))
    way = f"a `gate` of {verifiers} pays for the parts that a program can check"
    rest = "DPO on the pairs" if seen.has_pairs else "a judge's labels" if seen.has_judge else ""
    if seen.has_good:
        way = f"SFT on the answers that are there, then {way}"
    if rest:
        way += f"; {rest} for the rest"
    first = []
    if seen.groups is not None and seen.groups.are_equal:
        first.append("other parts, or easier ones: these pay every answer of a group alike")
    return "decomposition", way, first


def _by_judge() -> str:
    return "pairs compared by people (RLHF) or by a judge (RLAIF)"


def _guard(seen: _Seen) -> str:
    return ", with the checkable parts as a gate before it" if seen.parts else ""


def _said(pattern: re.Pattern[str], texts: Sequence[str]) -> list[str]:
    """The words that at least half of the texts with any say, in the order of their frequency; at most three."""
    hits = [{each.casefold() for each in pattern.findall(text)} for text in texts if text]
    if sum(map(bool, hits)) < MOSTLY * len(hits):
        return []
    return [word for word, _ in Counter(word for found in hits for word in sorted(found)).most_common(3)]
