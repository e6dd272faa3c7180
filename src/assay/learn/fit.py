"""One loop for everything that is fitted to examples: draw, gradient, step, validate, save, go on after a kill.

What is fitted says how a minibatch's gradient comes about (`update`); the loop knows nothing else of it. The examples of
a step are a function of (seed, step), so that a state on disk is the weights, the optimiser's moments and the rows of
history: a fit that was killed and resumed ends in the same bits as one that was not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from assay.core.errors import NonFiniteStep, RunFolderError
from assay.core.fitting import FitConfig
from assay.core.records import write_whole
from assay.core.rng import stream
from assay.learn.optimiser import make_optimiser, step_of
from assay.learn.schedule import learning_rate

STATE = "fit.pt"

Numbers = Mapping[str, float]
Update = Callable[[int, Sequence[int]], Numbers]
"""(step, which examples) -> what to write down, `loss` among it; leaves the gradient of the step in the parameters."""
Validate = Callable[[], Numbers]
"""What to write down of examples that are not learnt from; the lowest `loss` is the best."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a fit did. Rows of `history` are training steps; of `validations`, with the step they were made after."""

    history: tuple[dict[str, float], ...]
    validations: tuple[dict[str, float], ...] = ()
    best_step: int | None = None  # of the lowest validation loss, where there was any
    stopped: str | None = None  # why it ended before its last step

    @property
    def losses(self) -> list[float]:
        return [row["loss"] for row in self.history]


@dataclass(slots=True)
class _State:
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    validations: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] | None = None  # step, loss, weights
    stopped: str | None = None
    is_done: bool = False


def steps_of(config: FitConfig, count: int) -> int:
    """Of a fit to `count` examples."""
    return config.steps if config.steps is not None else max(1, math.ceil(config.epochs * count / config.batch_size))


def drawn(config: FitConfig, count: int, seed: int, name: str, step: int) -> list[int]:
    """The examples of a step from 1 on: a draw of its own, or the next in its epoch's order."""
    if config.steps is not None:
        return stream(seed, name, step).sample(range(count), min(config.batch_size, count))
    places = range((step - 1) * config.batch_size, min(step * config.batch_size, math.ceil(config.epochs * count)))
    orders: dict[int, list[int]] = {}
    for epoch in {place // count for place in places}:
        orders[epoch] = stream(seed, name, "epoch", epoch).sample(range(count), count)
    return [orders[place // count][place % count] for place in places]


def fit(
    module: nn.Module,
    update: Update,
    count: int,
    config: FitConfig,
    *,
    seed: int,
    name: str,
    validate: Validate | None = None,
    should_stop: Callable[[list[dict[str, float]]], str | None] = lambda history: None,
    folder: Path | None = None,
    key: str = "",
    progress: Callable[[int, Numbers], None] = lambda step, numbers: None,
) -> Fitted:
    """Fit the parameters of `module` that require a gradient, in place, to `count` examples.

    With a `folder` the state is saved there every `save_every` steps and at the end, and taken up again where one is
    found; `key` stands for what the state depends on (the data, the start). Raises NonFiniteStep, RunFolderError (a
    state of another fit), OutOfDisk.
    """
    trainable = {each: value for each, value in module.named_parameters() if value.requires_grad}
    optimiser = make_optimiser(module, config.optimiser, config.learning_rate)
    steps = steps_of(config, count)
    key = json.dumps([name, seed, count, steps, config.model_dump(mode="json"), key], sort_keys=True)
    state = _read(folder, key, trainable, optimiser) or _State()
    if validate is not None and not state.validations:
        _validated(state, validate, trainable, config)
    while state.step < steps and not state.is_done:
        step = state.step + 1
        rate = learning_rate(config.learning_rate, step, steps, warmup=config.warmup_steps, schedule=config.schedule)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        numbers = dict(update(step, drawn(config, count, seed, name, step)))
        if not math.isfinite(numbers["loss"]):
            optimiser.zero_grad(set_to_none=True)
            raise NonFiniteStep(f"{name} step {step}: the loss is {numbers['loss']}: the update was refused")
        norm = step_of(optimiser, config.optimiser.max_grad_norm, who=f"{name} step {step}: ")
        state.step = step
        state.history.append({"step": step, **numbers, "grad_norm": norm, "learning_rate": rate})
        is_last = step == steps
        state.stopped = should_stop(state.history)
        if validate is not None and (
            is_last or state.stopped or (config.validate_every and step % config.validate_every == 0)
        ):
            _validated(state, validate, trainable, config)
        state.is_done = is_last or state.stopped is not None
        if folder is not None and not state.is_done and config.save_every and step % config.save_every == 0:
            _write(folder, key, state, trainable, optimiser)
        progress(step, state.history[-1])
    if config.patience and state.best is not None:
        _put(state.best["weights"], trainable)
    if folder is not None:
        _write(folder, key, state, trainable, optimiser)
    return Fitted(
        tuple(state.history),
        tuple(state.validations),
        None if state.best is None else int(state.best["step"]),
        state.stopped,
    )


def _validated(state: _State, validate: Validate, trainable: Mapping[str, Tensor], config: FitConfig) -> None:
    """Validate, keep the best, and say so where patience is over."""
    with torch.no_grad():
        row = {"step": state.step, **validate()}
    state.validations.append(row)
    if state.best is None or row["loss"] < state.best["loss"]:
        weights = {each: value.detach().cpu().clone() for each, value in trainable.items()} if config.patience else {}
        state.best = {"step": state.step, "loss": row["loss"], "weights": weights}
    since = sum(each["step"] > state.best["step"] for each in state.validations)
    if config.patience and since >= config.patience and state.stopped is None:
        state.stopped = (
            f"the validation loss has not fallen since step {int(state.best['step'])} ({state.best['loss']:.4g}), "
            f"in {since} validations"
        )


def _write(
    folder: Path, key: str, state: _State, trainable: Mapping[str, Tensor], optimiser: torch.optim.Optimizer
) -> None:
    kept = {
        "key": key,
        "weights": {each: value.detach() for each, value in trainable.items()},
        "optimiser": optimiser.state_dict(),
        "step": state.step,
        "history": state.history,
        "validations": state.validations,
        "best": state.best,
        "stopped": state.stopped,
        "is_done": state.is_done,
    }
    write_whole(folder / STATE, lambda file: torch.save(kept, file))


def _read(
    folder: Path | None, key: str, trainable: Mapping[str, Tensor], optimiser: torch.optim.Optimizer
) -> _State | None:
    """The state in the folder, its weights and moments put in place; None where there is none. Raises RunFolderError."""
    if folder is None or not (file := folder / STATE).is_file():
        return None
    kept = torch.load(file, weights_only=True, map_location=next(iter(trainable.values())).device)
    if kept["key"] != key:
        raise RunFolderError(f"{file} is the state of another fit (other settings or data): choose another folder")
    _put(kept["weights"], trainable)
    optimiser.load_state_dict(kept["optimiser"])
    return _State(**{each: kept[each] for each in ("step", "history", "validations", "best", "stopped", "is_done")})


def _put(weights: Mapping[str, Tensor], trainable: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in trainable.items():
            value.copy_(weights[name])
