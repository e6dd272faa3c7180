"""What is learnt from has been judged by a verifier that was attacked first: the rule of `assay train`, for stages that sample.

A matching certificate in the pipeline's folder will do; else the verifiers are audited on the first tasks, and a hole that the
recipe does not accept stops the pipeline. RL stages audit in their own run, with their own rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from assay.audit.certificate import find_certificate, read_certificate, save_certificate
from assay.audit.run import audit
from assay.core.errors import ConfigError
from assay.core.types import Task
from assay.pipeline.stage import Work
from assay.reward.rule import find_rule
from assay.sandbox.probe import allow_unsafe
from assay.verify.pool import JudgePool

AUDITED_TASKS = 12


def trust(work: Work, tasks: Sequence[Task]) -> str | None:
    """The id of the certificate under which these tasks' verdicts are learnt from; None where the recipe audits nothing.

    Raises ConfigError naming the holes.
    """
    how, rollout = work.recipe.audit, work.recipe.rollout
    if how.level == "off":
        return None
    rule = find_rule("outcome")
    first = one_of_each(tasks, AUDITED_TASKS)
    found = find_certificate(work.folder, first, rule, how.level)
    if found is not None:
        return found.id
    work.say("audit", f"{how.level} battery on {len(first)} tasks")
    allow_unsafe(work.recipe.sandbox.unsafe)
    with JudgePool(rollout.judge_workers, rollout.judge_timeout) as judges:
        report = audit(first, level=how.level, rule=rule, judges=judges, seed=work.seed)
    open_holes = sorted({hole.name for hole in report.holes} - set(how.accepted_risks))
    if open_holes:
        raise ConfigError(
            f"stages.{work.name}: the audit found holes that would be learnt from: {', '.join(open_holes)}. Mend the verifier "
            f"(`assay audit` shows the texts), or name each under audit.accepted_risks with a reason"
        )
    save_certificate(work.folder, report, how.accepted_risks)
    made = read_certificate(work.folder)
    return None if made is None else made.id


def one_of_each(tasks: Sequence[Task], most: int) -> list[Task]:
    """At most `most` tasks, the sources in turn, so that every domain's verifier is among them."""
    by_source: dict[str, list[Task]] = {}
    for task in tasks:
        by_source.setdefault(task.source, []).append(task)
    rounds = (each[place] for place in range(most) for each in by_source.values() if place < len(each))
    return [task for task, _ in zip(rounds, range(most), strict=False)]
