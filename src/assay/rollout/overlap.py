"""Batches sampled while the policy learns, with weights that lag behind by a fixed number of steps.

With a lag of L, batch k is sampled with the weights that step k - 1 - L left (those of the start before that), always:
so a run is a function of its seed, and a checkpoint that holds the last L weights beside its own resumes exactly. One
thread samples, in the order of the steps, from a copy of the model, because sampling from weights that are being updated
would draw from no policy at all. It costs L + 2 copies of the weights that are trained. What the lag does to the
gradient is `learn.correction`'s to mend.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from assay.rollout.engine import Engine, follow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Weights:
    """The trained tensors of a model by name, as they were at `version`."""

    version: int
    tensors: Mapping[str, Any]


def weights_of(model: Any, version: int) -> Weights:
    """A copy of what is trained; the rest of a model never changes."""
    tensors = {
        name: parameter.detach().clone() for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    return Weights(version, tensors)


class Overlap(Generic[T]):
    """`prepare(step)`, called here, gives what the thread will call to sample that step's batch from `engine`, which
    samples from `copy`, a LoadedModel that nobody else uses."""

    def __init__(
        self, engine: Engine, copy: Any, prepare: Callable[[int], Callable[[], T]], *, lag: int, last: int
    ) -> None:
        self._engine, self._copy, self._prepare = engine, copy, prepare
        self._lag, self._last = lag, last
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="assay-rollout")
        self._recent: deque[Weights] = deque(maxlen=lag + 1)
        self._ahead: dict[int, Future[T]] = {}

    @property
    def lagged(self) -> tuple[Weights, ...]:
        """Those of before the last step that a checkpoint must hold, oldest first."""
        return tuple(self._recent)[:-1]

    def start(self, step: int, now: Weights, lagged: Sequence[Weights] = ()) -> None:
        """Begin after `step` with the weights as they are `now`; `lagged` is what a checkpoint held."""
        older = list(lagged) or [now] * self._lag
        self._recent.extend([*older, now])
        for ahead, weights in enumerate(self._recent):
            self._submit(step + 1 + ahead, weights)

    def take(self, step: int) -> T:
        """The batch of `step`, once it is sampled. Raises what sampling it raised."""
        return self._ahead.pop(step).result()

    def learnt(self, step: int, now: Weights) -> None:
        """The weights after `step`: the batch that is to be sampled with them begins."""
        self._recent.append(now)
        self._submit(step + 1 + self._lag, now)

    def settle(self, now: Weights) -> None:
        """Wait until nothing is being sampled, and leave the engine to the caller with these weights."""
        self._thread.submit(self._follow, now).result()

    def close(self) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _submit(self, step: int, weights: Weights) -> None:
        if step <= self._last:
            self._ahead[step] = self._thread.submit(self._sampled, weights, self._prepare(step))

    def _sampled(self, weights: Weights, sample: Callable[[], T]) -> T:
        self._follow(weights)
        return sample()

    def _follow(self, weights: Weights) -> None:
        parameters = dict(self._copy.model.named_parameters())
        for name, tensor in weights.tensors.items():
            parameters[name].data.copy_(tensor)
        follow(self._engine, self._copy, weights.version)
