"""Log-probabilities of chosen tokens: one function for the reference and the training pass, no logits ever kept.

The head is applied to completion tokens only, a chunk at a time. In training the derivative of the loss with respect
to the logits, (onehot - softmax) * dl/dlogp / T, is formed in the forward chunk and contracted at once with the
hidden states and the head's weight, so that no tensor of [tokens, vocabulary] outlives its chunk and nothing is
computed twice. The derivative of an entropy term, -softmax * (log softmax + H) * dl/dH / T, is formed beside it.

An objective whose token losses depend on other tokens (a ratio per sequence) wants all log-probabilities at once: the
head is then applied twice, first for the values and then for the gradient.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from assay.model.attention import Tree, takes_tree_attention, use_attention
from assay.model.head import Head, find_head

log = logging.getLogger(__name__)

GATHERED = "run_gathered"
CHUNK_ELEMENTS = 2**24  # logits held at once: 64 MiB in fp32

T = TypeVar("T")
Objective = Callable[[Tensor, Tensor, slice], Tensor]
"""(log-probs [m], entropies [m], which of the M chosen tokens) -> losses [m], each weighted for the sum over the batch."""


@dataclass(frozen=True, slots=True)
class Row:
    """A packed row and the tokens in it whose log-probabilities are wanted."""

    tokens: Tensor  # [N]
    tree: Tree
    predictors: Tensor  # [M] the position in the row whose hidden state predicts the token
    targets: Tensor  # [M] the token
    paths: tuple[tuple[Tensor, int], ...]  # per completion: its whole sequence, and how many of its last tokens count


def chosen_logprobs(model: Any, row: Row, temperature: float = 1.0) -> Tensor:
    """[M] log-probabilities of the row's targets at `temperature`, without a gradient."""

    def of() -> Tensor:
        hidden, head = states_and_head(model, row)
        return _ChunkedHead.values(hidden, head, row.targets, temperature)[0]

    with torch.no_grad():
        return _gathered(model, of)


def loss_of(
    model: Any, row: Row, temperature: float, objective: Objective, *, whole: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """(sum of the objective's losses, ready for backward; log-probs [M]; entropies [M], nats), the last two detached.

    `whole`: the objective wants all M tokens in one call.
    """

    def of() -> tuple[Tensor, Tensor, Tensor]:
        hidden, head = states_and_head(model, row)
        weight, bias = (None, None) if head is None else (head.embedding.weight, head.embedding.bias)
        loss, logprobs, entropies = _ChunkedHead.apply(
            hidden, weight, bias, head, row.targets, temperature, objective, whole
        )
        return loss, logprobs, entropies

    return _gathered(model, of)


def hidden_states(model: Any, row: Row) -> Tensor:
    """[M, d] last hidden states at the positions that predict the row's targets, with their gradient."""
    inner = inner_model(model)
    decoder = inner.get_decoder()
    why_not = takes_tree_attention(inner, row.tree.depth)
    if why_not is None:
        with use_attention(inner):
            states = decoder(
                input_ids=row.tokens[None],
                position_ids=row.tree.positions[None],
                use_cache=False,
                tree=row.tree,
            ).last_hidden_state[0]
        return states[row.predictors]
    _say_once(why_not)
    parts = []
    for sequence, count in row.paths:  # the plain forward, a completion at a time: exact for any model, and slow
        states = decoder(input_ids=sequence[None], use_cache=False).last_hidden_state[0]
        parts.append(states[-count - 1 : -1])
    return torch.cat(parts)


def states_and_head(model: Any, row: Row) -> tuple[Tensor, Head | None]:
    """Hidden states [M, d] that predict the targets, and the head; the logits themselves [M, V] where it is None."""
    causal_lm = inner_model(model)
    head = find_head(causal_lm)
    if head is not None:
        return hidden_states(model, row), head
    _say_once(f"{type(causal_lm).__name__} makes its logits in a way of its own, so all of them are kept")
    parts = [
        causal_lm(input_ids=sequence[None], use_cache=False).logits[0, -count - 1 : -1] for sequence, count in row.paths
    ]
    return torch.cat(parts), None


def _gathered(model: Any, work: Callable[[], T]) -> T:
    """Where a model's weights are sharded (learn/sharded), it has a method that runs `work` with them in place."""
    run: Callable[[Callable[[], T]], T] | None = getattr(model, GATHERED, None)
    return work() if run is None else run(work)


def inner_model(model: Any) -> Any:
    """The transformers model itself, from under an adapter."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


_said: set[str] = set()


def _say_once(reason: str) -> None:
    if reason not in _said:
        _said.add(reason)
        log.warning("running the plain forward instead of the packed one: %s", reason)


class _ChunkedHead(torch.autograd.Function):  # type: ignore[misc]
    """Head, log-softmax, choice of the target and the objective, chunk by chunk."""

    @staticmethod
    def values(hidden: Tensor, head: Head | None, targets: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        logprobs = hidden.new_empty(len(targets), dtype=torch.promote_types(hidden.dtype, torch.float32))
        entropies = torch.empty_like(logprobs)
        room = _Room(hidden, head, len(targets))
        for part in room.chunks:
            made = _head_chunk(hidden[part], head, targets[part], temperature, room)
            logprobs[part], entropies[part] = made.chosen, made.entropies
        return logprobs, entropies

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,  # [M, d]; logits [M, V] without a head
        weight: Tensor | None,  # [V, d] and [V], the head's own, here for their gradients
        bias: Tensor | None,
        head: Head | None,
        targets: Tensor,  # [M]
        temperature: float,
        objective: Objective,
        whole: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        wide = torch.promote_types(hidden.dtype, torch.float32)
        logprobs = hidden.new_empty(len(targets), dtype=wide)
        entropies = torch.empty_like(logprobs)
        total = logprobs.new_zeros(())
        slopes: _Slopes | None = None
        if whole:
            logprobs, entropies = _ChunkedHead.values(hidden, head, targets, temperature)
            slopes = _slopes(objective, logprobs, entropies, slice(0, len(targets)))
            total += slopes.loss
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight) if weight is not None and ctx.needs_input_grad[1] else None
        grad_bias = torch.zeros_like(bias) if bias is not None and ctx.needs_input_grad[2] else None
        room = _Room(hidden, head, len(targets))
        for part in room.chunks:
            made = _head_chunk(hidden[part], head, targets[part], temperature, room)
            if slopes is None:
                logprobs[part], entropies[part] = made.chosen, made.entropies
                here = _slopes(objective, made.chosen, made.entropies, part)
                total += here.loss
            else:
                here = _Slopes(
                    slopes.loss, slopes.logprobs[part], None if slopes.entropies is None else slopes.entropies[part]
                )
            grad_logits = _grad_logits(made, targets[part], here, temperature).to(hidden.dtype)  # [m, V]
            grad_hidden[part] = grad_logits if weight is None else grad_logits @ weight.to(hidden.dtype)
            if grad_weight is not None:
                grad_weight.addmm_(grad_logits.T.to(grad_weight.dtype), hidden[part].to(grad_weight.dtype))
            if grad_bias is not None:
                grad_bias += grad_logits.sum(0).to(grad_bias.dtype)
        ctx.grads = [grad_hidden, grad_weight, grad_bias]
        ctx.mark_non_differentiable(logprobs, entropies)
        return total, logprobs, entropies

    @staticmethod
    def backward(ctx: Any, upstream: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        # scaled and handed over where they are: a copy of the weight's gradient is as large as the weight
        grads, ctx.grads = ctx.grads, None
        if float(upstream) != 1.0:
            for grad in grads:
                if grad is not None:
                    grad.mul_(upstream.to(grad.dtype))
        return (*grads, None, None, None, None, None)


class _Room:
    """Memory for one chunk's logits and probabilities, used again by the next: fresh pages cost as much as the sums."""

    def __init__(self, hidden: Tensor, head: Head | None, tokens: int) -> None:
        vocabulary = hidden.shape[1] if head is None else len(head.embedding.weight)
        size = max(1, min(tokens, CHUNK_ELEMENTS // vocabulary))
        wide = torch.promote_types(hidden.dtype, torch.float32)
        self.logits, self.probs = (hidden.new_empty(size, vocabulary, dtype=wide) for _ in range(2))
        self.chunks = [slice(start, min(start + size, tokens)) for start in range(0, tokens, size)]


class _Made(NamedTuple):
    """What a chunk of m tokens has until its gradient is formed."""

    logits: Tensor  # [m, V], over the temperature
    slope: Tensor | float  # d logits / d the embedding's output, the temperature aside
    probs: Tensor  # [m, V]
    norm: Tensor  # [m] log of the sum of exp(logits)
    chosen: Tensor  # [m] log-probs of the targets
    entropies: Tensor  # [m]


def _head_chunk(hidden: Tensor, head: Head | None, targets: Tensor, temperature: float, room: _Room) -> _Made:
    logits, probs = room.logits[: len(hidden)], room.probs[: len(hidden)]  # [m, V]
    slope: Tensor | float = 1.0
    if head is None:
        logits.copy_(hidden)
    else:
        weight = head.embedding.weight
        if hidden.device.type == "cpu" and hidden.dtype == weight.dtype == logits.dtype:
            torch.mm(hidden, weight.T, out=logits)
        else:
            logits.copy_(hidden @ weight.to(hidden.dtype).T)  # autocast knows this form only
        if head.embedding.bias is not None:
            logits += head.embedding.bias
        slope = head.slope(head.bend_(logits))
    if temperature != 1.0:
        logits /= temperature
    torch.softmax(logits, dim=-1, out=probs)
    # log Z through the largest logit, whose probability softmax has already: no second pass of exponentials
    largest, place = logits.max(dim=-1, keepdim=True)  # [m, 1]
    norm = (largest - probs.gather(-1, place).log())[:, 0]  # [m]
    chosen = logits.gather(-1, targets[:, None])[:, 0] - norm
    mean_logit = torch.bmm(probs[:, None], logits[:, :, None])[:, 0, 0]  # vecdot makes room for the products first
    return _Made(logits, slope, probs, norm, chosen, norm - mean_logit)  # H = log Z - E[logit]


class _Slopes(NamedTuple):
    """Derivatives of an objective's sum; `entropies` None: it does not look at them."""

    loss: Tensor
    logprobs: Tensor  # [m]
    entropies: Tensor | None  # [m]


def _slopes(objective: Objective, logprobs: Tensor, entropies: Tensor, part: slice) -> _Slopes:
    with torch.enable_grad():
        leaves = logprobs.detach().requires_grad_(), entropies.detach().requires_grad_()
        loss = objective(*leaves, part).sum()
        by_logprob, by_entropy = torch.autograd.grad(loss, leaves, allow_unused=True)
    return _Slopes(loss.detach(), torch.zeros_like(logprobs) if by_logprob is None else by_logprob, by_entropy)


def _grad_logits(made: _Made, targets: Tensor, slopes: _Slopes, temperature: float) -> Tensor:
    """By the embedding's output, [m, V], made in the place of the chunk's own tensors."""
    by_logit = -slopes.logprobs[:, None]
    if slopes.entropies is not None:
        surprise = made.logits.sub_(made.norm[:, None]).add_(made.entropies[:, None])  # log p + H
        by_logit = surprise.mul_(-slopes.entropies[:, None]).add_(by_logit)
    grad = made.probs.mul_(by_logit)
    grad[torch.arange(len(targets), device=grad.device), targets] += slopes.logprobs
    if isinstance(made.slope, Tensor):
        return grad.mul_(made.slope.div_(temperature))
    return grad if made.slope == temperature else grad.mul_(made.slope / temperature)
