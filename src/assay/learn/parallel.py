"""Several processes that train one policy, started by torchrun: who samples and learns what, and how they agree.

A step's tasks are dealt out by position, a task with all its samples to one process, which samples and judges them; then
every process holds all groups, in order, as one process would. Advantages, weights of tokens, what is drawn next and
whether there is anything to learn are therefore computed from the same numbers everywhere, and cannot differ. The update
deals out the groups of each minibatch in the same way: weights are those of the whole rollout batch (learn/weights), so the
gradient is the plain sum over processes. The first process alone writes.

Objects and decisions go over gloo, gradients over what the device has (gloo, NCCL). What one process raises, all raise.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from assay.core.errors import RankFailed
from assay.core.processes import TOLD, is_one_of_several
from assay.core.types import Completion, Message, Verdict
from assay.rollout.engine import Engine, Request, Sampling, TakesWeights
from assay.verify.pool import JudgePool, JudgeRequest

A = TypeVar("A")
B = TypeVar("B")

LONGEST_WAIT = timedelta(hours=2)  # of one process for the others: rollouts may differ that much in length
FAILED = "assay/failed"  # the key under which a process says why it went
BUCKET = 2**26  # gradient elements summed in one message


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among `size`. `group` carries objects and decisions; a thread of its own needs another one."""

    rank: int = 0
    size: int = 1
    group: Any = None

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def own(self, items: Sequence[A]) -> Sequence[A]:
        """Those of the items, of which all processes hold the same, that fall to this process."""
        return items[self.rank :: self.size]

    def share(self, items: Sequence[A], work: Callable[[Sequence[A]], Sequence[B]]) -> list[B]:
        """work(items) as one process would do it: each does its own, and all get everything, in order."""
        if self.size == 1:
            return list(work(items))
        found = self._gather(lambda: list(work(self.own(items))))
        return [found[place % self.size][place // self.size] for place in range(len(items))]

    def first(self, work: Callable[[], B]) -> B:
        """What `work` gives in the first process alone, in all of them."""
        if self.size == 1:
            return work()
        found = self._gather(lambda: work() if self.is_first else None)
        result: B = found[0]
        return result

    def total(self, values: Sequence[float]) -> list[float]:
        """Sums over the processes, the same to the last bit in each."""
        return self._reduced(values, sum)

    def largest(self, values: Sequence[float]) -> list[float]:
        return self._reduced(values, max)

    def sum_gradients(self, parameters: Iterable[Any]) -> None:
        """Each gradient becomes its sum over the processes; none counts as zero. Sharded ones are summed already."""
        if self.size == 1:
            return
        plain = [each for each in parameters if not hasattr(each, "full_tensor")]
        for parameter in plain:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets([parameter.grad for parameter in plain]):
            flat = torch.cat([each.flatten() for each in bucket])
            with collective_errors():
                dist.all_reduce(flat)
            for gradient, part in zip(bucket, flat.split([each.numel() for each in bucket]), strict=True):
                gradient.copy_(part.view_as(gradient))

    def _reduced(self, values: Sequence[float], how: Callable[[Iterable[float]], float]) -> list[float]:
        if self.size == 1:
            return list(values)
        return [how(each) for each in zip(*self._gather(lambda: list(values)), strict=True)]

    def _gather(self, work: Callable[[], Any]) -> list[Any]:
        """The results of all processes. What one raises, the others raise as RankFailed."""
        mine: tuple[bool, Any]
        caught: BaseException | None = None
        try:
            mine = (True, work())
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - told to the others, and raised again below
            caught, mine = error, (False, (_sentence(error), getattr(error, "exit_code", 3)))
            error.add_note(TOLD)
        everyone: list[Any] = [None] * self.size
        try:
            with collective_errors():
                dist.all_gather_object(everyone, mine, group=self.group)
        except RankFailed:
            if caught is None:
                raise
        if caught is not None:
            raise caught
        for rank, (is_done, found) in enumerate(everyone):
            if not is_done:
                raise RankFailed(f"process {rank} of {self.size}: {found[0]}", exit_code=found[1], is_explained=True)
        return [found for _, found in everyone]


ALONE = Ranks()


@dataclass(frozen=True, slots=True)
class Together:
    """The processes as the learner sees them, and as the rollout thread does."""

    learning: Ranks = ALONE
    sampling: Ranks = ALONE


@contextmanager
def joined() -> Iterator[Together]:
    """Join the processes that torchrun started, for as long as the context lasts. Raises RankFailed."""
    if not is_one_of_several():
        yield Together()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    before = signal.signal(signal.SIGTERM, _told_to_stop)  # torchrun's word when another process is gone
    with collective_errors():
        dist.init_process_group(backend, timeout=LONGEST_WAIT)
        groups = [dist.new_group(backend="gloo", timeout=LONGEST_WAIT) for _ in range(2)]
    board = dist.distributed_c10d._get_default_store()  # torchrun holds it, so that it outlives every process
    try:
        with collective_errors():
            yield Together(*(Ranks(dist.get_rank(), dist.get_world_size(), group) for group in groups))
        signal.signal(signal.SIGTERM, before)
    except RankFailed as error:
        _end_undisturbed()
        raise _named(error, board) from error
    except BaseException as error:
        _end_undisturbed()
        if TOLD not in getattr(error, "__notes__", ()):
            board.set(FAILED, json.dumps([dist.get_rank(), _sentence(error), getattr(error, "exit_code", 3)]))
            error.add_note(TOLD)
        raise
    finally:
        dist.destroy_process_group()


def _named(error: RankFailed, board: Any) -> RankFailed:
    """With what the other process said before it went, when it did."""
    if error.is_explained or not board.check([FAILED]):
        return error
    rank, sentence, code = json.loads(board.get(FAILED))
    return RankFailed(f"process {rank} of {dist.get_world_size()}: {sentence}", exit_code=code, is_explained=True)


def threads_of_each(cores: int) -> int:
    """CPU threads for one of the processes on this machine."""
    return max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


@contextmanager
def collective_errors() -> Iterator[None]:
    """What gloo and NCCL raise when another process is gone becomes RankFailed."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        is_theirs = isinstance(error, dist.DistError) or any(name in text for name in ("gloo", "NCCL", "TCPStore"))
        if not is_theirs:
            raise
        raise RankFailed(
            "another process of this run is gone, so the run ends; it goes on from its last checkpoint with --resume "
            f"({' '.join(text.split())[:160]})"
        ) from error


class SplitEngine:
    """An Engine whose requests are dealt out over the processes; every process gets all completions."""

    def __init__(self, engine: Engine, ranks: Ranks) -> None:
        self.inner, self._ranks = engine, ranks

    @property
    def policy(self) -> int:
        return self.inner.policy

    @policy.setter
    def policy(self, version: int) -> None:
        self.inner.policy = version

    def render(self, prompt: tuple[Message, ...]) -> tuple[int, ...]:
        return self.inner.render(prompt)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Completion]]:
        return self._ranks.share(requests, lambda own: self.inner.generate(own, sampling))

    def take_weights(self, loaded: Any, version: int) -> None:
        engine = self.inner
        if not isinstance(engine, TakesWeights):
            return
        if getattr(engine, "serves_all", False):  # one server: the first process hands over, the others wait for it
            self._ranks.first(lambda: engine.take_weights(loaded, version))
        else:
            engine.take_weights(loaded, version)


class SplitJudges(JudgePool):
    """Stands before a JudgePool in each process: requests are dealt out, and every process gets all verdicts."""

    def __init__(self, pool: JudgePool, ranks: Ranks) -> None:
        self._pool, self._ranks = pool, ranks

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        return self._ranks.share(requests, self._pool.judge_many)

    def peak_memory(self) -> int:
        return self._pool.peak_memory()


def _buckets(gradients: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        if bucket and (gradient.dtype != bucket[0].dtype or sum(map(Tensor.numel, bucket)) + gradient.numel() > BUCKET):
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket


def _sentence(error: BaseException) -> str:
    text = str(error) or "stopped"
    return text if hasattr(error, "exit_code") else f"{type(error).__name__}: {text}"


def _end_undisturbed() -> None:
    """torchrun stops the others as soon as it sees one gone: what they have found out must be said first."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _told_to_stop(*_: Any) -> None:
    _end_undisturbed()
    raise RankFailed(
        "this process was told to stop, because another one ended or the machine wants it back; the run goes on from its "
        "last checkpoint with --resume"
    )
