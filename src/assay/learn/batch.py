"""Group --pack--> Batch: the completions of several groups in one row without padding, with what the objective needs.

A prompt stands once for all its completions, and the beginning that all prompts of the batch share stands once for all
of them (see model/attention). `pack` fills rows up to a number of tokens; a group that alone is larger is cut between
completions. Prompts of several beginnings (few-shot examples of two families, say) go to rows by beginning. How groups
are spread over rows changes the sums' rounding and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from assay.core.types import Completion
from assay.model.attention import build_tree, common_prefix, prefix_clusters
from assay.model.logprobs import Row

ROW_SAVES = 128  # tokens that a common beginning must save to be worth a row of its own


@dataclass(frozen=True, slots=True)
class Sample:
    """One completion of T tokens to learn from: what was sampled, what each token is worth, and what it weighs.

    `values` and `returns` are what a critic said before the update, and what it is fitted to.
    """

    prompt: tuple[int, ...]
    completion: Completion
    advantages: tuple[float, ...]  # [T]
    weight: float  # of each token in the sum of losses (learn/weights)
    values: tuple[float, ...] = ()  # [T]
    returns: tuple[float, ...] = ()  # [T]


@dataclass(frozen=True, slots=True)
class Batch:
    """One packed row of M completion tokens, whole completions only."""

    row: Row
    samples: tuple[Sample, ...]
    sequence: Tensor  # [M] the place in `samples` of the completion that a token belongs to
    sampled: Tensor  # [M] log-probs as sampled
    old: Tensor | None  # [M] log-probs that ratios are taken to: as sampled; None: those of the update itself
    advantages: Tensor  # [M]
    weights: Tensor  # [M] sum to 1 over a rollout batch, its importance correction aside
    reference: Tensor | None = None  # [M] log-probs of the frozen reference


def pack(
    groups: Sequence[Sequence[Sample]],
    *,
    row_tokens: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
) -> list[Batch]:
    """Rows of at most `row_tokens` tokens where that can be; prompts with a beginning of their own share rows."""
    rows: list[list[Sequence[Sample]]] = []
    for cluster in prefix_clusters([group[0].prompt for group in groups], ROW_SAVES):
        row: list[Sequence[Sample]] = []
        for piece in _pieces([groups[place] for place in cluster], row_tokens):
            if row and _row_length([*row, piece]) > row_tokens:
                rows.append(row)
                row = []
            row.append(piece)
        rows.append(row)
    return [_batch(row, device, dtype) for row in rows]


def _pieces(groups: Sequence[Sequence[Sample]], row_tokens: int) -> Iterator[Sequence[Sample]]:
    """Each group, cut between completions where it would overflow a row alone."""
    for group in groups:
        piece: list[Sample] = []
        for sample in group:
            if piece and _row_length([[*piece, sample]]) > row_tokens:
                yield piece
                piece = []
            piece.append(sample)
        if piece:
            yield piece


def _row_length(row: Sequence[Sequence[Sample]]) -> int:
    prefix = common_prefix([group[0].prompt for group in row])
    return prefix + sum(
        len(group[0].prompt) - prefix + sum(len(each.completion.tokens) - 1 for each in group) for group in row
    )


def _batch(row: Sequence[Sequence[Sample]], device: torch.device, dtype: torch.dtype) -> Batch:
    prefix = common_prefix([group[0].prompt for group in row])
    tokens: list[int] = list(row[0][0].prompt[:prefix])
    shape: list[tuple[int, list[int]]] = []
    predictors: list[int] = []
    targets: list[int] = []
    paths: list[tuple[Tensor, int]] = []
    samples: list[Sample] = []
    for group in row:
        prompt = group[0].prompt
        tokens += prompt[prefix:]
        last = len(tokens) - 1  # the prompt's last token predicts every completion's first
        inner = []
        for sample in group:
            completion = sample.completion.tokens
            start = len(tokens)
            tokens += completion[:-1]  # the last token predicts nothing that was sampled
            predictors += [last, *range(start, start + len(completion) - 1)]
            targets += completion
            inner.append(len(completion) - 1)
            paths.append((torch.tensor([*prompt, *completion], device=device), len(completion)))
            samples.append(sample)
        shape.append((len(prompt) - prefix, inner))
    lengths = torch.tensor([len(each.completion.tokens) for each in samples])
    kept = torch.float64 if dtype == torch.float64 else torch.float32

    def joined(parts: Iterable[Sequence[float]]) -> Tensor:
        return torch.tensor([value for part in parts for value in part], dtype=torch.float64).to(device, kept)

    sampled = joined(each.completion.logprobs for each in samples)
    return Batch(
        Row(
            tokens=torch.tensor(tokens, device=device),
            tree=build_tree(prefix, shape, device, dtype),
            predictors=torch.tensor(predictors, device=device),
            targets=torch.tensor(targets, device=device),
            paths=tuple(paths),
        ),
        samples=tuple(samples),
        sequence=torch.arange(len(samples)).repeat_interleave(lengths).to(device),
        sampled=sampled,
        old=sampled,
        advantages=joined(each.advantages for each in samples),
        weights=joined([each.weight] * len(each.completion.tokens) for each in samples),
    )


def by_completion(
    groups: Sequence[Sequence[Sample]], batches: Iterable[Batch], values_of: Callable[[Batch], Tensor]
) -> list[list[Tensor]]:
    """Per completion [T], in the groups' order, the values [M] that `values_of` gives for each row of them."""
    found: dict[int, Tensor] = {}
    for batch in batches:
        lengths = [len(each.completion.tokens) for each in batch.samples]
        found.update(zip(map(id, batch.samples), values_of(batch).split(lengths), strict=True))
    return [[found[id(sample)] for sample in group] for group in groups]
