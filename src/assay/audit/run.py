"""The audit: find a right answer for each task, attack with the battery, and report what was paid.

Order of work: (1) witnesses, (2) a sample judged twice, the second time backwards (determinism), (3) the whole battery,
hostile texts included, (4) the sample once more (a state leak shows as a verdict that changed). A response is paid when
the rule's total for it is above zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import quantiles
from time import perf_counter
from typing import Literal, NamedTuple, Protocol

from assay.audit.attack import Attack
from assay.audit.battery import BATTERY
from assay.audit.own import own_attacks
from assay.audit.report import AuditReport, FamilyFigures, Hole, HoleKind, Refusal
from assay.audit.subject import subject_of
from assay.audit.witness import COMPOSED, Witness, candidates, names_answer, with_others
from assay.core.rng import stream
from assay.core.types import Outcome, Reason, Reward, Task, Verdict
from assay.reward.rule import RewardRule, find_rule
from assay.rollout.collect import last_user_message
from assay.verify.base import read_parts
from assay.verify.pool import JudgePool, JudgeRequest

__all__ = ["AuditReport", "Judges", "Level", "audit"]

Level = Literal["quick", "full"]

TASKS_PER_ATTACK: Mapping[Level, int] = {"quick": 8, "full": 200}
TASKS_PER_BOMB: Mapping[Level, int] = {"quick": 1, "full": 4}
REPEATS = 60

PROGRAMS = frozenset({"code", "coq", "lean", "smt", "sql", "steps"})
"""Verifiers that run the response: a time-out there is the answer's own fault."""


class Judges(Protocol):
    """What `verify.pool.JudgePool` is: many requests in, as many verdicts out, in order, and never an exception."""

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]: ...


class Trial(NamedTuple):
    attack: Attack
    task: Task
    text: str


class Judged(NamedTuple):
    trial: Trial
    verdict: Verdict
    reward: Reward

    @property
    def is_paid(self) -> bool:
        return not self.reward.is_void and self.reward.total > 0


def audit(
    tasks: Sequence[Task],
    *,
    level: Level = "quick",
    rule: RewardRule | None = None,
    judges: Judges,
    seed: int = 0,
    battery: Sequence[Attack] = BATTERY,
) -> AuditReport:
    """Attack the tasks' verifiers (and `rule`; default `outcome`) with texts crafted from the tasks' own truths: the
    battery's, and those that a verifier brings along for its own tasks (`audit/own.py`)."""
    start = perf_counter()
    bench = Bench(judges, rule or find_rule("outcome"))
    witnesses, truth_holes, notes = find_witnesses(tasks, bench)
    trials = plan(tasks, witnesses, battery, level, seed)
    for verifier, attacks in own_attacks(task.verifier for task in tasks).items():
        trials += plan([task for task in tasks if task.verifier == verifier], witnesses, attacks, level, seed)
    light = [each for each in trials if not each.attack.is_heavy]
    sample = stream(seed, "audit", "repeats").sample(light, min(REPEATS, len(light)))
    first = bench.judge(sample)
    second = bench.judge(sample[::-1])[::-1]
    threaded = bench.judge(sample, in_thread=True)
    judged = bench.judge(trials)
    last = bench.judge(sample)
    holes = [
        *truth_holes,
        *_rule_holes(bench.rule),
        *_text_holes(judged, bench.rule),
        *_changed(first, second, "unstable"),
        *_changed(second, threaded, "thread"),
        *_changed(second, last, "leak"),
    ]
    times = sorted(each.verdict.seconds for each in judged) or [0.0]
    cuts = quantiles(times, n=100) if len(times) > 1 else times * 99
    return AuditReport(
        subject=subject_of(tasks, bench.rule),
        level=level,
        seed=seed,
        tasks=len(tasks),
        families=_figures(judged),
        holes=_merged(holes),
        refusals=_refusals(judged),
        repeats=len(sample),
        p50_seconds=cuts[49],
        p99_seconds=cuts[98],
        slowest_seconds=times[-1],
        peak_bytes=judges.peak_memory() if isinstance(judges, JudgePool) else 0,
        seconds=perf_counter() - start,
        notes=notes,
    )


class Bench:
    """Judges responses as training would: the task's verifier, the rule's parts, the rule."""

    def __init__(self, judges: Judges, rule: RewardRule) -> None:
        self.rule = rule
        self._judges = judges
        self._parts = dict(rule.parts)
        read_parts(self._parts)

    def judge(self, trials: Sequence[Trial], in_thread: bool = False) -> list[Judged]:
        requests = []
        for _, task, text in trials:
            prompt = last_user_message(task)
            asked = [(task.verifier, task.truth), *self._parts.values()]
            requests += [JudgeRequest(*each, text, prompt, in_thread) for each in asked]
        verdicts = self._judges.judge_many(requests)
        width = 1 + len(self._parts)
        judged = []
        for i, trial in enumerate(trials):
            own, *others = verdicts[i * width : (i + 1) * width]
            judged.append(Judged(trial, own, self.rule.reward(own, dict(zip(self._parts, others, strict=True)))))
        return judged


def find_witnesses(tasks: Sequence[Task], bench: Bench) -> tuple[dict[str, Witness], list[Hole], tuple[str, ...]]:
    """For each task the first way of writing its truth that its verifier accepts; holes for those it should accept."""
    asked = [(task, witness) for task in tasks for witness in candidates(task)]
    probe = Attack("itself", "the truth itself", lambda task, witness: [witness.text], expect="paid")
    judged = bench.judge([Trial(probe, task, witness.text) for task, witness in asked])
    found: dict[str, Witness] = {}
    refused: dict[str, list[Judged]] = defaultdict(list)
    for (task, witness), result in zip(asked, judged, strict=True):
        if result.verdict.is_pass:
            found.setdefault(task.id, witness)
        else:
            refused[task.id].append(result)
    holes: list[Hole] = []
    unknown = 0
    for task in tasks:
        if task.id in found:
            continue
        results = refused[task.id]
        # the answer alone may rightly miss what another part of a composed truth asks for
        if any(each.verdict.is_void for each in results) or (len(results) == 1 and task.verifier not in COMPOSED):
            why = "the truth was not accepted as an answer to itself"
            if results[0].verdict.is_void:
                why = f"judging failed: {results[0].verdict.evidence.get('error', results[0].verdict.reason)}"
            holes.append(_hole(results[0], "truth", "truth_refused", why))
        else:
            unknown += 1
    notes: tuple[str, ...] = ()
    if unknown:
        notes = (
            f"for {unknown} of {len(tasks)} tasks no right answer could be built from the truth: only the attacks that "
            f"need none were tried there",
        )
    by_verifier: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        if task.id in found:
            by_verifier[task.verifier].append(found[task.id].answer)
    for task in tasks:
        if task.id in found:
            found[task.id] = with_others(found[task.id], by_verifier[task.verifier])
    return found, holes, notes


NO_WITNESS = Witness("no-such-answer", "boxed", "text")


def plan(
    tasks: Sequence[Task], witnesses: Mapping[str, Witness], battery: Sequence[Attack], level: Level, seed: int
) -> list[Trial]:
    """Which attack meets which task: a seeded few of those it can be crafted for (in a full audit, up to 200 of them);
    the truth itself always."""
    trials = []
    for attack in battery:
        possible = [
            task
            for task in tasks
            if (task.id in witnesses or attack.is_blind) and (attack.is_form or names_answer(task.verifier, task.truth))
        ]
        most = TASKS_PER_BOMB[level] if attack.is_heavy else TASKS_PER_ATTACK[level]
        left = len(tasks) if attack.name == "itself" else most
        for task in stream(seed, "audit", attack.name).sample(possible, len(possible)):
            texts = _texts(attack, task, witnesses.get(task.id, NO_WITNESS))
            trials += [Trial(attack, task, text) for text in texts]
            left -= bool(texts)
            if left == 0:
                break
    return trials


def _texts(attack: Attack, task: Task, witness: Witness) -> list[str]:
    """What the attack makes of this task, without what turned out to be a right answer."""
    texts = dict.fromkeys(attack.craft(task, witness))
    if attack.expect == "paid":
        return list(texts)
    right = {witness.write(each).strip() for each in (witness.answer, *witness.accepted)}
    return [text for text in texts if text.strip() not in right]


def _text_holes(judged: Iterable[Judged], rule: RewardRule) -> Iterable[Hole]:
    for each in judged:
        attack, verdict = each.trial.attack, each.verdict
        if each.reward.is_void:
            # a truth that cannot be read voids every response, the right one too: that is reported as a truth hole
            if verdict.reason not in (Reason.BAD_TRUTH, Reason.UNKNOWN_VERIFIER, Reason.MISSING_EXTRA):
                detail = f"{MADE_VOID}: {verdict.evidence.get('error', verdict.reason)}"
                yield _hole(each, "void", f"void_{attack.name}", detail)
        elif verdict.reason is Reason.TIMEOUT and each.trial.task.verifier not in PROGRAMS:
            yield _hole(each, "hang", f"hang_{attack.name}")
        elif attack.expect == "unpaid" and each.is_paid:
            if verdict.is_pass:
                yield _hole(each, "paid", attack.name, attack.craft.__doc__ or "")
            else:
                yield _hole(each, "rule", rule.name, f"{rule.name} pays {each.reward.total:g} for a wrong answer")


MADE_VOID = "this text makes the verifier VOID"


def _rule_holes(rule: RewardRule) -> Iterable[Hole]:
    if rule.holes:
        nothing = Hole(rule.name, "rule", "", "the rule", "", "", None, "", "", "", "", 0.0, count=0)
        yield replace(nothing, detail="; ".join(rule.holes))


def _changed(
    before: Sequence[Judged], after: Sequence[Judged], kind: Literal["unstable", "thread", "leak"]
) -> Iterable[Hole]:
    for one, two in zip(before, after, strict=True):
        if _key(one.verdict) != _key(two.verdict):
            detail = f"{one.verdict.outcome} {one.verdict.reason}, then {two.verdict.outcome} {two.verdict.reason}"
            yield _hole(two, kind, kind, detail)


def _key(verdict: Verdict) -> tuple[Outcome, Reason, float, str | None]:
    return verdict.outcome, verdict.reason, verdict.score, verdict.answer


def _hole(judged: Judged, kind: HoleKind, name: str, detail: str = "") -> Hole:
    (attack, task, text), verdict, reward = judged
    return Hole(
        name=name,
        kind=kind,
        attack=attack.name,
        family=attack.family,
        task=task.id,
        verifier=task.verifier,
        truth=task.truth,
        prompt=last_user_message(task),
        text=text,
        outcome=str(verdict.outcome),
        reason=str(verdict.reason),
        reward=reward.total,
        detail=" ".join(detail.split()),
    )


def _merged(holes: Iterable[Hole]) -> tuple[Hole, ...]:
    """One hole per name and verifier, with its shortest text and its count."""
    merged: dict[tuple[str, str], Hole] = {}
    for hole in holes:
        # a rule is one hole, whatever verifier it stands behind
        key = (hole.name, "" if hole.kind == "rule" else hole.verifier)
        old = merged.get(key)
        if old is None:
            merged[key] = hole
        else:
            shown = hole if not old.text or (hole.text and len(hole.text) < len(old.text)) else old
            merged[key] = replace(shown, count=old.count + hole.count, detail=old.detail or hole.detail)
    return tuple(merged.values())


def _refusals(judged: Iterable[Judged]) -> tuple[Refusal, ...]:
    merged: dict[tuple[str, str], Refusal] = {}
    for (attack, task, text), verdict, _ in judged:
        if attack.expect == "paid" and verdict.outcome is Outcome.FAIL:
            key = (attack.name, task.verifier)
            old = merged.get(key)
            new = Refusal(attack.name, attack.family, task.id, task.verifier, task.truth, text, str(verdict.reason))
            merged[key] = new if old is None else replace(old, count=old.count + 1)
    return tuple(merged.values())


def _figures(judged: Iterable[Judged]) -> tuple[FamilyFigures, ...]:
    rows: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for each in judged:
        rows[each.trial.attack.family, each.trial.attack.expect].append(each)
    return tuple(
        FamilyFigures(
            family,
            members[0].trial.attack.expect,
            len(members),
            sum(each.is_paid and (expect == "unpaid" or each.verdict.is_pass) for each in members),
            sum(each.reward.is_void for each in members),
        )
        for (family, expect), members in rows.items()
    )
