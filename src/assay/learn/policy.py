"""The policy under training: a model, its frozen reference when a KL term is on, and the optimiser.

`learn` makes the updates for one rollout batch; everything that it needs to know stands in its arguments, so that a
step is a function of the weights, the optimiser's state and the groups.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from assay.core.errors import ConfigError, NonFiniteStep
from assay.core.learning import Gspo, LearnConfig, NoCorrection
from assay.learn.batch import Batch, Sample, by_completion, pack
from assay.learn.kl import ESTIMATORS, adapted, k3
from assay.learn.objective import clip_counts, surrogate_of
from assay.learn.optimiser import checkpointed, make_optimiser, step_of
from assay.learn.parallel import ALONE, Ranks
from assay.learn.sharded import gather, scatter, shard, sharded_state, whole_state
from assay.learn.weights import importance
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
    mean_logprob_difference: float
    importance: float | None  # mean weight of the correction
    updates: int


class Policy:
    """`model` is what the engine samples from; `version` counts the rollout batches learnt from."""

    def __init__(self, loaded: LoadedModel, config: LearnConfig, temperature: float, ranks: Ranks = ALONE) -> None:
        self.loaded, self.config, self.temperature, self.ranks = loaded, config, temperature, ranks
        self.version = 0
        self.kl_coefficient = config.kl.coefficient
        """Moves when `learn.kl.target` is set."""
        self._has_adapter = hasattr(loaded.model, "disable_adapter")
        self.reference: Any = None
        """The frozen copy that the KL term looks back to; None when there is none, or when it is the LoRA base."""
        if config.kl.coefficient > 0 and not self._has_adapter:
            self.reference = copy.deepcopy(loaded.model).requires_grad_(False).eval()
        if config.kl.reset_every and self._has_adapter:
            raise ConfigError("learn.kl.reset_every: with LoRA the reference is the base itself; 0 would be right")
        self._whole = loaded
        self.is_sharded = config.parallel == "fsdp2" and ranks.size > 1
        if self.is_sharded:
            self._whole = replace(loaded, model=copy.deepcopy(loaded.model))
            shard(loaded.model)
        self._surrogate = surrogate_of(config.loss)
        self._wants_whole = isinstance(config.loss, Gspo) or getattr(config.correction, "level", "") == "sequence"
        self.optimiser = make_optimiser(loaded.model, config.optimiser, config.learning_rate)
        self.dirty = False
        """True from a step's first change to the weights, or a critic's, until the trainer has written that step down."""

    def whole(self) -> LoadedModel:
        """The policy with whole weights, to sample from and to save. Sharded ones are gathered into a copy of their own:
        every process must take part, and it is out of date after the next update."""
        if self.is_sharded:
            gather(self.loaded.model, self._whole.model)
        return self._whole

    def optimiser_state(self) -> dict[str, Any]:
        """Whole, as one process would have it; where it is sharded, every process must take part."""
        state: dict[str, Any] = self.optimiser.state_dict()
        return whole_state(state) if self.is_sharded else state

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the weights that were read into `whole()`, and the optimiser's state of a checkpoint."""
        if self.is_sharded:
            scatter(self._whole.model, self.loaded.model)
            state = sharded_state(state, self.optimiser)
        self.optimiser.load_state_dict(state)

    @property
    def dtype(self) -> torch.dtype:
        return next(self.loaded.model.parameters()).dtype

    def learn(self, groups: Sequence[Sequence[Sample]], learning_rate: float) -> Update:
        """Update on groups of samples, in `epochs` passes of `minibatches` each.

        Weights are those of the whole rollout batch; each update takes them `minibatches` times. Raises NonFiniteStep
        before any change that a non-finite gradient would make.
        """
        config, counted = self.config, _Counts()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate
        per_update = -(-len(groups) // config.minibatches)
        parts = [groups[start : start + per_update] for start in range(0, len(groups), per_update)]
        updates = len(parts) * config.epochs
        mine = [self._even(self.rows(self.ranks.own(part)), part) for part in parts]
        minibatches = [[self._prepared(batch, updates) for batch in batches] for batches in mine]
        for _ in range(config.epochs):
            for batches in minibatches:
                self._update(batches, counted)
        counted.join(self.ranks)
        summary = counted.summary()
        if summary.kl is not None and config.kl.place == "loss":
            self.adapt_kl(counted.kl / config.epochs, counted.completions // config.epochs)  # each is sampled once
        return summary

    def _even(self, batches: list[Batch], part: Sequence[Sequence[Sample]]) -> list[Batch]:
        """As many as every other process has, where they gather weights together: the rest weigh nothing."""
        if not self.is_sharded:
            return batches
        [most] = self.ranks.largest([len(batches)])
        filler = self.rows(part[:1])[0]
        filler = replace(filler, weights=torch.zeros_like(filler.weights))
        return [*batches, *[filler] * (int(most) - len(batches))]

    def rows(self, groups: Sequence[Sequence[Sample]]) -> list[Batch]:
        return pack(groups, row_tokens=self.config.microbatch_tokens, device=self.loaded.device, dtype=self.dtype)

    def reference_logprobs(self, groups: Sequence[Sequence[Sample]]) -> list[list[Tensor]]:
        """Per completion [T], the reference's log-probs of its tokens (for a KL term in the reward)."""

        def of(own: Sequence[Sequence[Sample]]) -> list[list[Tensor]]:
            with self._autocast(), self._reference() as model:
                return by_completion(
                    own,
                    self.rows(own),
                    lambda batch: chosen_logprobs(model, batch.row, self.temperature).double().cpu(),
                )

        return self.ranks.share(groups, of)

    def adapt_kl(self, kl: float, completions: int) -> None:
        """Move an adaptive coefficient: `kl` is the sum over the completions' tokens."""
        self.kl_coefficient = adapted(self.kl_coefficient, kl / max(1, completions), completions, self.config.kl)

    def reset_reference(self) -> None:
        """Make the policy as it is now its own reference."""
        self.reference.load_state_dict(self.whole().model.state_dict())

    def _update(self, batches: Sequence[Batch], counted: _Counts) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        model, whole_loss = self.loaded.model, 0.0
        for batch in batches:
            with self._autocast(), checkpointed(model, self.config.gradient_checkpointing):
                objective = partial(self._losses, batch)
                loss, logprobs, entropies = loss_of(
                    model, batch.row, self.temperature, objective, whole=self._wants_whole
                )
                loss.backward()
            whole_loss += loss.item()
            if batch.weights.any():
                counted.add(batch, loss.item(), logprobs, entropies, self.config)
        [whole_loss] = self.ranks.total([whole_loss])
        if not math.isfinite(whole_loss):
            self.optimiser.zero_grad(set_to_none=True)
            raise NonFiniteStep(f"the loss is {whole_loss}: the update was refused")
        norm = step_of(self.optimiser, self.config.optimiser.max_grad_norm, before=self._mark_dirty, ranks=self.ranks)
        counted.end_update(norm)

    def _mark_dirty(self) -> None:
        self.dirty = True

    def _losses(self, batch: Batch, logprobs: Tensor, entropies: Tensor, part: slice) -> Tensor:
        config, sequence = self.config, batch.sequence[part]
        sequence = sequence - sequence[0]
        old = logprobs.detach() if batch.old is None else batch.old[part]
        losses = self._surrogate(logprobs, old, batch.advantages[part], sequence)
        weights = importance(old, batch.sampled[part], sequence, config.correction)
        if weights is not None:
            losses = losses * weights
        if batch.reference is not None:
            losses = losses + self.kl_coefficient * ESTIMATORS[config.kl.estimator](logprobs, batch.reference[part])
        if config.entropy_coefficient:
            losses = losses - config.entropy_coefficient * entropies
        return losses * (batch.weights[part] * config.minibatches)

    def _prepared(self, batch: Batch, updates: int) -> Batch:
        """With the log-probs that the objective compares with: of the reference, and of before the update where the
        sampling engine's own will not do (for a single update they are the update's own, and cost nothing)."""
        config = self.config
        if not isinstance(config.correction, NoCorrection):
            with self._autocast():
                model = self.loaded.model
                before = chosen_logprobs(model, batch.row, self.temperature) if updates > 1 else None
            batch = replace(batch, old=before)
        if config.kl.coefficient > 0 and config.kl.place == "loss":
            with self._autocast(), self._reference() as model:
                batch = replace(batch, reference=chosen_logprobs(model, batch.row, self.temperature))
        return batch

    @contextmanager
    def _reference(self) -> Iterator[Any]:
        """The frozen starting point; with LoRA it is the base with the adapter off, so no second copy is kept."""
        if self._has_adapter:
            with self.loaded.model.disable_adapter():
                yield self.loaded.model
        else:
            yield self.reference

    def _autocast(self) -> Any:
        kind = self.loaded.device.type
        return torch.autocast(kind, torch.bfloat16) if self.loaded.autocast and kind != "cpu" else nullcontext()


class _Counts:
    """Sums over the tokens of the updates of one rollout batch."""

    def __init__(self) -> None:
        self.tokens = self.low = self.high = self.updates = self.completions = self.first_tokens = 0
        self.loss = self.entropy = self.kl = self.norm = self.difference = self.differences = self.importance = 0.0
        self.has_kl = self.has_importance = False

    def add(self, batch: Batch, loss: float, logprobs: Tensor, entropies: Tensor, config: LearnConfig) -> None:
        self.tokens += len(logprobs)
        self.completions += len(batch.samples)
        self.loss += loss
        self.entropy += float(entropies.sum())
        old = logprobs if batch.old is None else batch.old
        low, high = clip_counts(logprobs, old, batch.advantages, batch.sequence, config.loss)
        self.low, self.high = self.low + low, self.high + high
        if batch.reference is not None:
            self.has_kl = True
            self.kl += float(k3(logprobs, batch.reference).sum())
        weights = importance(old, batch.sampled, batch.sequence, config.correction)
        if weights is not None:
            self.has_importance = True
            self.importance += float(weights.sum())
        if self.updates == 0:
            apart = (logprobs - batch.sampled).abs()
            self.first_tokens += len(apart)
            self.differences += float(apart.sum())
            self.difference = max(self.difference, float(apart.max()))

    def end_update(self, norm: float) -> None:
        self.updates += 1
        self.norm = norm

    def join(self, ranks: Ranks) -> None:
        """Take in what the other processes counted."""
        names = [*("tokens", "low", "high", "completions", "first_tokens", "loss", "entropy", "kl", "differences")]
        names += ["importance", "has_kl", "has_importance"]
        for name, value in zip(names, ranks.total([float(getattr(self, name)) for name in names]), strict=True):
            setattr(self, name, type(getattr(self, name))(value))
        [self.difference] = ranks.largest([self.difference])

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
            mean_logprob_difference=self.differences / max(1, self.first_tokens),
            importance=self.importance / tokens if self.has_importance else None,
            updates=self.updates,
        )
