"""Process supervision: a reward spread over the steps that a verifier checked (DeepSeekMath, arXiv 2402.03300, 4.1.3).

    places of completion i     the last token of each of its K_i steps, and its own last token
    r_i,j = w_i pay_i          for a step before the first that does not hold, else 0;  w_i = 1 / (K_i + 1)
    A_i,t = sum over places j that stand at t or behind it of (r_i,j - w_i mean(R)) / std(R),   R_i = sum of r_i,j

A PASS earns its reward in K_i + 1 equal shares. A FAIL earns one share of the lowest PASS for each step that holds, so its
total stays below that PASS however many steps it makes; that is also the score which the `steps` verifier gives it.

Departure from the paper: there the mean and the deviation are those of all step rewards of the group, and each step loses
the whole mean. An answer then loses more the more steps it has, and a short wrong answer can come out above a long right
one. Here each place loses its share of the mean of totals: the first token's advantage is GRPO's for the totals, and where
every PASS earns the same none of its tokens is pushed down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from assay.core.types import Group, Member
from assay.learn.advantage import Std, returns, spread

Decode = Callable[[Sequence[int]], str]
"""Tokens to the text they stand for, the first tokens of a completion included."""

FULL = 1.0  # what a PASS pays where the group has none


def decoder(tokenizer: Any) -> Decode:
    """As the engine makes a completion's text."""

    def decode(tokens: Sequence[int]) -> str:
        return str(tokenizer.decode(list(tokens), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    return decode


class Share(NamedTuple):
    """One place of a completion: the token that its reward stands at, and the reward."""

    token: int
    reward: float


def process_advantages(
    group: Group, decode: Decode, std: Std = "population", taken: Sequence[float] | None = None
) -> list[Tensor]:
    """Advantages [T] of every member. `taken`: what a KL term takes off each completion, at its last token."""
    taken = taken if taken is not None else [0.0] * len(group.members)
    floor = min((each.reward.total for each in group.members if each.verdict.is_pass), default=FULL)
    placed = [shares(member, floor, decode) for member in group.members]
    totals = torch.tensor(
        [sum(each.reward for each in inner) - less for inner, less in zip(placed, taken, strict=True)],
        dtype=torch.float64,
    )
    mean, scale = float(totals.mean()), float(spread(totals, std))
    found = []
    for member, inner, less in zip(group.members, placed, taken, strict=True):
        rewards = torch.zeros(len(member.completion.tokens), dtype=torch.float64)
        if scale and len(rewards):
            for each in inner:
                rewards[each.token] += (each.reward - mean / len(inner)) / scale
            rewards[-1] -= less / scale
        found.append(returns(rewards))
    return found


def shares(member: Member, floor: float, decode: Decode) -> list[Share]:
    """The places of a completion in order; its own last token comes last. `floor`: the group's lowest PASS."""
    verdict, own, last = member.verdict, member.reward.total, len(member.completion.tokens) - 1
    steps = verdict.evidence.get("steps") or ()
    count = max(len(steps), int(verdict.evidence.get("of", 0)))
    checked = count if verdict.is_pass else int(verdict.evidence.get("checked", 0))
    at_the_end, pay = (own / (count + 1), own) if verdict.is_pass else (own, max(0.0, floor - own))
    # steps that the evidence does not show, because there are too many, stand at the end
    ends = [*last_tokens(member.completion.tokens, [int(each["end"]) for each in steps], decode)]
    ends += [last] * (count - len(ends))
    return [
        *(Share(end, pay / (count + 1) if at < checked else 0.0) for at, end in enumerate(ends)),
        Share(last, at_the_end),
    ]


def last_tokens(tokens: Sequence[int], ends: Sequence[int], decode: Decode) -> list[int]:
    """For each place `ends` in the text (in order), the token with which the text reaches it.

    Exact where the text of a beginning is a beginning of the text, as with byte-level BPE; a character that is not yet
    whole (U+FFFD at the end) does not count. Each place costs about log2(T) decodings.
    """
    found, low = [], 0
    for end in ends:
        high = len(tokens) - 1
        while low < high:
            middle = (low + high) // 2
            if len(decode(tokens[: middle + 1]).rstrip("\ufffd")) >= end:
                high = middle
            else:
                low = middle + 1
        found.append(max(low, 0))
    return found
