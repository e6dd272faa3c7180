"""Why a group has something to teach, or has not: the answer to "why is my loss 0?"."""

from __future__ import annotations

from collections.abc import Mapping

from assay.core.types import Group

CAUSES = ("informative", "all_right", "all_wrong", "all_unparsed", "flat")
"""`informative`: the rewards differ. Of those that do not: every answer right; every answer wrong; no answer that could
be read at all; `flat`: outcomes differ, but the rule pays them the same."""

NO_SPREAD = 1e-6  # as learn.advantage: a spread under it counts as none

ADVICE = {
    "all_right": "these tasks are too easy for this policy: raise their level, or drop them",
    "all_wrong": "these tasks are too hard for this policy: lower their level, raise rollout.group_size, or cold-start it",
    "all_unparsed": "the policy never writes the answer field the verifier reads: show the form in the prompt, cold-start it "
    "by SFT, or raise rollout.max_new_tokens if completions are cut",
    "flat": "the reward rule pays right and wrong answers the same: choose another rule",
}
MIXED = "the tasks are a mix of too easy and too hard: more prompts a step or larger groups will meet some between"


def group_cause(group: Group) -> str:
    """One of CAUSES."""
    rewards = group.rewards
    mean = sum(rewards) / len(rewards)
    if (sum((reward - mean) ** 2 for reward in rewards) / len(rewards)) ** 0.5 >= NO_SPREAD:
        return "informative"
    verdicts = [member.verdict for member in group.members]
    if all(verdict.is_pass for verdict in verdicts):
        return "all_right"
    if any(verdict.is_pass for verdict in verdicts):
        return "flat"
    return "all_unparsed" if all(verdict.answer is None for verdict in verdicts) else "all_wrong"


def explain_nothing_to_learn(causes: Mapping[str, int]) -> str:
    """A sentence or two for a step in which no group has spread: what the groups were, and what to change."""
    counts = {cause: causes.get(cause, 0) for cause in CAUSES[1:]}
    total = sum(counts.values())
    if total == 0:
        return "nothing to learn: every group was dropped for a VOID verdict"
    words = {
        "all_right": "all right",
        "all_wrong": "all wrong",
        "all_unparsed": "all unparsed",
        "flat": "paid the same",
    }
    listed = ", ".join(f"{count} {words[cause]}" for cause, count in counts.items() if count)
    most = max(counts, key=lambda cause: counts[cause])
    advice = ADVICE[most] if 2 * counts[most] > total else MIXED
    return f"nothing to learn: no group of {total} has spread in its rewards ({listed}); {advice}"
