"""Rewards that say nothing about being right, for the control arms of a run: what gain is left when the reward is spurious?

    random     a coin per completion, 1 with probability 1/2 (Spurious Rewards, arXiv 2506.10947, section 2, gamma = 0.5)
    format     1 for an answer that can be read, right or wrong
    inverted   1 for an answer that can be read and is wrong
    majority   1 for the answer that most of the group gave (as TTRL, arXiv 2504.16084)

They break the house rule on purpose (they pay wrong answers), so nothing but `reward.control` turns them on, and every
report says so. They replace the reward of groups that training collects and never touch a verdict: evaluations judge a
control arm's policy as they judge any other.

Departures: the paper labels tasks before training (the base model's majority answer, or a wrong one of it); here `inverted`
and `majority` are decided in the group at hand. For the vote, right answers count as one however they are written and wrong
ones by their text; of answers with equally many votes the one given first wins. A completion without an answer never earns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal, get_args

from assay.core.rng import Key, stream
from assay.core.types import Group, Reward, Verdict

Control = Literal["random", "format", "inverted", "majority"]
CONTROLS: tuple[Control, ...] = get_args(Control)
CHANCE = 0.5

SENTENCES: dict[str, str] = {
    "random": "every completion was paid by a coin",
    "format": "every answer that could be read was paid, right or wrong",
    "inverted": "wrong answers were paid, and right ones were not",
    "majority": "the most frequent answer of each group was paid, right or wrong",
}
"""What a report says about an arm."""


def controlled(group: Group, control: Control, seed: int, key: Key) -> Group:
    """The group with the control's rewards. The coins are functions of (seed, key, task, sample) alone."""
    verdicts = [member.verdict for member in group.members]
    paid = _paid(verdicts, control, seed, (*key, group.task.id))
    members = tuple(
        member._replace(reward=Reward(float(is_paid), {control: float(is_paid)}))
        for member, is_paid in zip(group.members, paid, strict=True)
    )
    return Group(group.task, group.prompt_tokens, members)


def _paid(verdicts: Sequence[Verdict], control: Control, seed: int, key: Key) -> list[bool]:
    if control == "random":
        return [stream(seed, "control", *key, sample).random() < CHANCE for sample in range(len(verdicts))]
    if control == "format":
        return [verdict.answer is not None for verdict in verdicts]
    if control == "inverted":
        return [verdict.answer is not None and not verdict.is_pass for verdict in verdicts]
    votes = [_vote(verdict) for verdict in verdicts]
    counts = Counter(vote for vote in votes if vote is not None)  # keeps the order in which answers were first given
    most = max(counts, key=counts.__getitem__, default=None)
    return [vote is not None and vote == most for vote in votes]


def _vote(verdict: Verdict) -> tuple[bool, str] | None:
    """A right answer's vote is one for being right; verifiers that pass without naming an answer vote so too."""
    if verdict.is_pass:
        return True, ""
    return None if verdict.answer is None else (False, verdict.answer)
