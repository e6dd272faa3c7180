"""The divergence of a student's next-token distribution from a teacher's, over the whole vocabulary, and its gradient.

    reverse   KL(student, teacher) = sum over v of p_s (log p_s - log p_t)    d/dz_s = p_s (log p_s - log p_t - KL) / T
    forward   KL(teacher, student) = sum over v of p_t (log p_t - log p_s)    d/dz_s = (p_s - p_t) / T

with p = softmax(z / T) for both. Heads are applied a chunk of tokens at a time, the student's gradient is contracted with its
head's at once, so that no tensor of [tokens, vocabulary] outlives its chunk, of either model.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from assay.model.head import Head
from assay.model.logprobs import CHUNK_ELEMENTS, Row, states_and_head

Kind = Literal["reverse", "forward"]


def divergence(
    student: Any,
    teacher: Any,
    row: Row,
    weights: Tensor | None = None,
    *,
    temperature: float = 1.0,
    kind: Kind = "reverse",
) -> Tensor:
    """[M] nats at the positions that predict the row's targets, detached.

    With `weights` [M] the gradient of the weighted sum is added to that of the student's parameters; without, none is
    computed. Where the heads have rows for more tokens than the other's, the tokens that both have are compared.
    """
    with torch.no_grad():
        theirs, their_head = states_and_head(teacher, row)
    with torch.set_grad_enabled(weights is not None):
        ours, our_head = states_and_head(student, row)
    vocabulary = min(_size(ours, our_head), _size(theirs, their_head))
    size = max(1, CHUNK_ELEMENTS // vocabulary)
    found = torch.empty(len(ours), dtype=torch.promote_types(ours.dtype, torch.float32), device=ours.device)
    slope = torch.zeros_like(ours) if weights is not None else None
    for start in range(0, len(ours), size):
        part = slice(start, start + size)
        with torch.no_grad():
            reference = _logprobs(theirs[part], their_head, vocabulary, temperature)
        states = ours[part].detach()
        if weights is None or slope is None:
            found[part] = token_divergence(_logprobs(states, our_head, vocabulary, temperature), reference, kind)
            continue
        states.requires_grad_()
        with torch.enable_grad():  # the head's own gradient is added to its parameters here
            values = token_divergence(_logprobs(states, our_head, vocabulary, temperature), reference, kind)
            (values * weights[part]).sum().backward()
        assert states.grad is not None
        found[part], slope[part] = values.detach(), states.grad
    if slope is not None:
        ours.backward(slope)
    return found


def token_divergence(student: Tensor, teacher: Tensor, kind: Kind) -> Tensor:
    """[m] of log-probabilities [m, V]."""
    if kind == "reverse":
        return (student.exp() * (student - teacher)).sum(-1)
    return (teacher.exp() * (teacher - student)).sum(-1)


def _logprobs(states: Tensor, head: Head | None, vocabulary: int, temperature: float) -> Tensor:
    logits = states if head is None else head(states)
    logits = logits[:, :vocabulary].to(torch.promote_types(logits.dtype, torch.float32))
    return (logits / temperature).log_softmax(-1)


def _size(states: Tensor, head: Head | None) -> int:
    return states.shape[1] if head is None else len(head.embedding.weight)
