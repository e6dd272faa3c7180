"""The critic of PPO: a transformer with one number for a head, fitted to the returns of the policy's completions.

    V_t = w . h_t + b,   loss = mean over tokens of 1/2 max((V - R)^2, (V_old + clip(V - V_old, +-c) - R)^2)

PPO's value clipping as in its reference implementation (arXiv 1707.06347 gives the unclipped loss, equation 9). V_t is
the value before token t, read off the position that predicts it, so a completion of T tokens has T values. The critic is
a model of its own (as in Tulu 3, arXiv 2411.15124, section 6.2), which doubles the memory of weights, gradients and
optimiser; what it took is in the metrics. Departure: the head begins at zero unless a reward model gives it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import NonFiniteStep
from assay.core.learning import CriticConfig, LearnConfig
from assay.learn.batch import Batch, Sample, by_completion, pack
from assay.learn.optimiser import checkpointed, make_optimiser, step_of
from assay.learn.parallel import ALONE, Ranks
from assay.model.load import LoadedModel
from assay.model.logprobs import hidden_states
from assay.model.score import load_reward_model


@dataclass(frozen=True, slots=True)
class CriticUpdate:
    loss: float
    grad_norm: float
    explained_variance: float  # of the returns, by the values before the update; 1: all of it, 0: no better than a mean
    mean_value: float
    bytes: int  # of weights, gradients and the optimiser's state


class Critic:
    """`model` and `head` give V; both learn."""

    def __init__(self, loaded: LoadedModel, config: CriticConfig, learn: LearnConfig, ranks: Ranks = ALONE) -> None:
        self.config, self.learn_config, self.loaded, self.ranks = config, learn, loaded, ranks
        if config.init == "policy":
            self.model = copy.deepcopy(loaded.model)
            self.head = nn.Linear(_width(self.model), 1)
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        else:
            self.model, self.head = load_reward_model(config.init, loaded.tokenizer.get_vocab())
        self.model.to(loaded.device).eval()
        self.head.to(loaded.device, next(self.model.parameters()).dtype)
        self.optimiser = make_optimiser(nn.ModuleList([self.model, self.head]), learn.optimiser, config.learning_rate)

    @property
    def bytes(self) -> int:
        trainable = sum(each.nbytes for group in self.optimiser.param_groups for each in group["params"])
        state = sum(
            value.nbytes for each in self.optimiser.state.values() for value in each.values() if torch.is_tensor(value)
        )
        return int(sum(each.nbytes for each in self.model.parameters()) + trainable + state)

    def values(self, groups: Sequence[Sequence[Sample]]) -> list[list[Tensor]]:
        """Per completion [T], the value before each token, without a gradient."""

        def of(own: Sequence[Sequence[Sample]]) -> list[list[Tensor]]:
            with torch.no_grad():
                return by_completion(own, self._rows(own), lambda batch: self._of(batch).double().cpu())

        return self.ranks.share(groups, of)

    def learn(self, groups: Sequence[Sequence[Sample]]) -> CriticUpdate:
        """Fit to the samples' returns, in the policy's minibatches and epochs. Raises NonFiniteStep."""
        config = self.learn_config
        per_update = -(-len(groups) // config.minibatches)
        loss = norm = 0.0
        updates = 0
        for _ in range(config.epochs):
            for start in range(0, len(groups), per_update):
                part = groups[start : start + per_update]
                tokens = sum(len(sample.returns) for group in part for sample in group)
                self.optimiser.zero_grad(set_to_none=True)
                of_part = 0.0
                for batch in self._rows(self.ranks.own(part)):
                    with checkpointed(self.model, config.gradient_checkpointing):
                        wanted, before = _joined(batch, "returns"), _joined(batch, "values")
                        losses = value_loss(self._of(batch), before, wanted, self.config.value_clip)
                        of_row = losses.sum() / tokens
                        of_row.backward()
                    of_part += of_row.item()
                [of_part] = self.ranks.total([of_part])
                if not math.isfinite(of_part):
                    self.optimiser.zero_grad(set_to_none=True)
                    raise NonFiniteStep(f"the critic's loss is {of_part}: the update was refused")
                loss += of_part
                norm = step_of(self.optimiser, config.optimiser.max_grad_norm, who="critic: ", ranks=self.ranks)
                updates += 1
        returns = torch.tensor([value for group in groups for sample in group for value in sample.returns])
        values = torch.tensor([value for group in groups for sample in group for value in sample.values])
        spread = float(returns.var(correction=0))
        explained = 1 - float((returns - values).var(correction=0)) / spread if spread > 1e-12 else 0.0
        return CriticUpdate(loss / max(1, updates), norm, explained, float(values.mean()), self.bytes)

    def _of(self, batch: Batch) -> Tensor:
        """[M] values at the positions that predict the row's targets."""
        kind = self.loaded.device.type
        use = torch.autocast(kind, torch.bfloat16) if self.loaded.autocast and kind != "cpu" else nullcontext()
        with use:
            found: Tensor = self.head(hidden_states(self.model, batch.row))[:, 0]
        return found.to(torch.promote_types(found.dtype, torch.float32))

    def _rows(self, groups: Sequence[Sequence[Sample]]) -> list[Batch]:
        dtype = next(self.model.parameters()).dtype
        return pack(groups, row_tokens=self.learn_config.microbatch_tokens, device=self.loaded.device, dtype=dtype)

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "head": self.head.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])


def value_loss(values: Tensor, before: Tensor, returns: Tensor, clip: float | None) -> Tensor:
    """Losses [M] of values [M] now and before the update; `clip` None: unclipped."""
    plain = (values - returns).square()
    if clip is None:
        return plain / 2
    near = before + (values - before).clamp(-clip, clip)
    return torch.maximum(plain, (near - returns).square()) / 2


def _joined(batch: Batch, name: str) -> Tensor:
    values = [value for sample in batch.samples for value in getattr(sample, name)]
    return torch.tensor(values, dtype=batch.sampled.dtype, device=batch.sampled.device)


def _width(model: Any) -> int:
    return int(model.get_input_embeddings().weight.shape[1])
