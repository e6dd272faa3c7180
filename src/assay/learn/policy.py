"""The policy under training: a model, its frozen reference when a KL term is on, and the optimiser.

`learn` makes the updates for one rollout batch; everything that it needs to know stands in its arguments, so that a
step is a function of the weights, the optimiser's state and the groups.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from assay.core.config import LearnConfig
from assay.core.errors import NonFiniteStep
from assay.learn.batch import Batch, Sample, pack
from assay.learn.kl import k3
from assay.learn.objective import clip_counts, ppo_clip
from assay.model.load import LoadedModel
from assay.model.logprobs import chosen_logprobs, loss_of


@dataclass(frozen=True, slots=True)
class Update:
    """What one rollout batch did to the policy; means are over completion tokens, of all updates made from it."""

    loss: float
    grad_norm: float  # of the last update, before clipping
    entropy: float  # nats per token
    kl: float | None  # k3 against the reference
    clip_low: float  # share of tokens whose gradient the lower bound stopped
    clip_high: float
    logprob_difference: float  # largest |training - sampled| before the first update
    updates: int


class Policy:
    """`model` is what the engine samples from; `version` counts the rollout batches learnt from."""

    def __init__(self, loaded: LoadedModel, config: LearnConfig, temperature: float) -> None:
        self.loaded, self.config, self.temperature = loaded, config, temperature
        self.version = 0
        self._has_adapter = hasattr(loaded.model, "disable_adapter")
        self._frozen = None
        if config.kl_coefficient > 0 and not self._has_adapter:
            self._frozen = copy.deepcopy(loaded.model).requires_grad_(False).eval()
        self.optimiser = torch.optim.AdamW(
            [parameter for parameter in loaded.model.parameters() if parameter.requires_grad],
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.dirty = False
        """True from a step's first change to the weights until the trainer has written that step down."""

    @property
    def dtype(self) -> torch.dtype:
        return next(self.loaded.model.parameters()).dtype

    def learn(self, groups: Sequence[Sequence[Sample]], learning_rate: float, total_tokens: int) -> Update:
        """Update on groups of samples, in `epochs` passes of `minibatches` each.

        `total_tokens` are those of the whole rollout batch, left-out groups included: each update's normaliser is
        `total_tokens / minibatches`. Raises NonFiniteStep before any change that a non-finite gradient would make.
        """
        config, counted = self.config, _Counts()
        self._set_learning_rate(learning_rate)
        per_update = -(-len(groups) // config.minibatches)
        parts = [groups[start : start + per_update] for start in range(0, len(groups), per_update)]
        minibatches = [
            self._with_reference(
                pack(
                    part,
                    normaliser=total_tokens / config.minibatches,
                    row_tokens=config.microbatch_tokens,
                    device=self.loaded.device,
                    dtype=self.dtype,
                )
            )
            for part in parts
        ]
        for _ in range(config.epochs):
            for batches in minibatches:
                self._update(batches, counted)
        return counted.summary()

    def _update(self, batches: Sequence[Batch], counted: _Counts) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        for batch in batches:
            with self._autocast():
                objective = partial(self._losses, batch)
                loss, logprobs, entropies = loss_of(self.loaded.model, batch.row, self.temperature, objective)
            if not torch.isfinite(loss):
                raise NonFiniteStep(f"the loss is {loss.item()}: the update was refused")
            loss.backward()
            counted.add(batch, loss.item(), logprobs, entropies, self.config)
        trainable = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        norm = float(torch.nn.utils.clip_grad_norm_(trainable, self.config.max_grad_norm))
        if not norm < float("inf"):  # also NaN
            self.optimiser.zero_grad(set_to_none=True)
            raise NonFiniteStep(f"the gradient's norm is {norm}: the update was refused")
        self.dirty = True
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        counted.end_update(norm)

    def _losses(self, batch: Batch, logprobs: torch.Tensor, part: slice) -> torch.Tensor:
        losses = ppo_clip(
            logprobs, batch.old[part], batch.advantages[part], self.config.clip_low, self.config.clip_high
        )
        if batch.reference is not None:
            losses = losses + self.config.kl_coefficient * k3(logprobs, batch.reference[part])
        return losses * batch.weights[part]

    def _with_reference(self, batches: Sequence[Batch]) -> list[Batch]:
        if self.config.kl_coefficient == 0:
            return list(batches)
        with self._autocast(), self._reference() as model:
            return [replace(batch, reference=chosen_logprobs(model, batch.row, self.temperature)) for batch in batches]

    @contextmanager
    def _reference(self) -> Iterator[Any]:
        """The frozen starting point; with LoRA it is the base with the adapter off, so no second copy is kept."""
        if self._has_adapter:
            with self.loaded.model.disable_adapter():
                yield self.loaded.model
        else:
            yield self._frozen

    def _autocast(self) -> Any:
        kind = self.loaded.device.type
        return torch.autocast(kind, torch.bfloat16) if self.loaded.autocast and kind != "cpu" else nullcontext()

    def _set_learning_rate(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate


class _Counts:
    """Sums over the tokens of the updates of one rollout batch."""

    def __init__(self) -> None:
        self.tokens = self.low = self.high = self.updates = 0
        self.loss = self.entropy = self.kl = self.norm = self.difference = 0.0
        self.has_kl = False

    def add(
        self, batch: Batch, loss: float, logprobs: torch.Tensor, entropies: torch.Tensor, config: LearnConfig
    ) -> None:
        self.tokens += len(logprobs)
        self.loss += loss
        self.entropy += float(entropies.sum())
        low, high = clip_counts(logprobs, batch.old, batch.advantages, config.clip_low, config.clip_high)
        self.low, self.high = self.low + low, self.high + high
        if batch.reference is not None:
            self.has_kl = True
            self.kl += float(k3(logprobs, batch.reference).sum())
        if self.updates == 0:
            self.difference = max(self.difference, float((logprobs - batch.old).abs().max()))

    def end_update(self, norm: float) -> None:
        self.updates += 1
        self.norm = norm

    def summary(self) -> Update:
        tokens = max(1, self.tokens)
        return Update(
            loss=self.loss / max(1, self.updates),
            grad_norm=self.norm,
            entropy=self.entropy / tokens,
            kl=self.kl / tokens if self.has_kl else None,
            clip_low=self.low / tokens,
            clip_high=self.high / tokens,
            logprob_difference=self.difference,
            updates=self.updates,
        )
