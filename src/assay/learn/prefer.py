"""A policy from preferences, without a reward model between: DPO and its relatives (learn/preference has the formulas).

The reference is the policy as it comes in. Its log-probabilities of the answers are taken once, before the first step, so
that no second model is held; they are sums per answer, in an order of their own, the same in a run that was resumed.
The two answers of a pair share their prompt in one packed row. KTO takes pairs apart, and takes answers that were never
paired (`Labelled`) too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from assay.core.errors import UsageError
from assay.core.fitting import Kto, PreferenceConfig
from assay.core.records import sha256_of
from assay.core.types import Completion
from assay.learn.batch import Batch, Sample, by_completion, pack
from assay.learn.fit import Fitted, Numbers, drawn, fit, steps_of
from assay.learn.optimiser import autocast, checkpointed
from assay.learn.preference import Answers, kto, kto_zero, needs_reference, pair_loss_of
from assay.model.load import LoadedModel
from assay.model.logprobs import chosen_logprobs, loss_of
from assay.rollout.turns import Turns
from assay.tasks.conversations import Labelled, Pair


class Group(NamedTuple):
    """A prompt with the answers that stand in one row: a pair, chosen first, or one answer."""

    prompt: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]
    is_good: bool = True  # of one answer

    @property
    def length(self) -> int:
        return len(self.prompt) + sum(map(len, self.answers))

    @property
    def sides(self) -> tuple[bool, ...]:
        """Which of the answers are good."""
        return (True, False) if len(self.answers) == 2 else (self.is_good,)


def prefer(
    loaded: LoadedModel,
    preferences: Sequence[Pair | Labelled],
    config: PreferenceConfig,
    *,
    seed: int,
    validation: Sequence[Pair | Labelled] = (),
    reference: LoadedModel | None = None,
    folder: Path | None = None,
    progress: Callable[[int, Numbers], None] = lambda step, numbers: None,
) -> Fitted:
    """Train in place on pairs (KTO: answers); `reference` None is the policy as it comes in.

    Rows of history hold `loss`, `accuracy` (share of pairs whose chosen answer has gained more; SimPO: is likelier per
    token), `margin` (by how much, x beta) and `chosen`, `rejected` (what each has gained, x beta). Raises UsageError,
    NonFiniteStep, RunFolderError, OutOfDisk.
    """
    fitting = _Preferences(loaded, reference or loaded, config, grouped(loaded, preferences, config))
    held_out = None
    if validation:
        held_out = _Preferences(loaded, reference or loaded, config, grouped(loaded, validation, config))
        held_out.look_up(range(len(held_out.groups)))
    count, name = len(fitting.groups), config.loss.kind
    ahead = {
        index for step in range(1, steps_of(config, count) + 1) for index in drawn(config, count, seed, name, step)
    }
    fitting.look_up(sorted(ahead))
    return fit(
        loaded.model,
        lambda step, chosen: fitting.update(chosen),
        count,
        config,
        seed=seed,
        name=name,
        validate=None if held_out is None else held_out.measure,
        folder=folder,
        key=sha256_of([fitting.groups, held_out.groups if held_out else []]) if folder else "",
        progress=progress,
    )


def grouped(loaded: LoadedModel, preferences: Sequence[Pair | Labelled], config: PreferenceConfig) -> list[Group]:
    """As tokens; for KTO each answer by itself. Raises UsageError."""
    turns, found = Turns(loaded.tokenizer, loaded.eos_ids), []
    is_single = isinstance(config.loss, Kto)
    for each in preferences:
        prompt = turns.prompt(each.prompt)
        match each:
            case Pair(asked, chosen, rejected):
                good, bad = turns.answer(chosen, asked), turns.answer(rejected, asked)
                found += (
                    [Group(prompt, (good,)), Group(prompt, (bad,), False)]
                    if is_single
                    else [Group(prompt, (good, bad))]
                )
            case Labelled(asked, answer, is_good) if is_single:
                found.append(Group(prompt, (turns.answer(answer, asked),), is_good))
            case Labelled():
                raise UsageError(
                    f"{config.loss.kind} learns from pairs: for answers labelled one at a time, kto would be right"
                )
    kept = [each for each in found if config.max_tokens is None or each.length <= config.max_tokens]
    if not kept:
        raise UsageError(f"no preference to learn from (of {len(found)}, none has at most {config.max_tokens} tokens)" if found else "no preference to learn from")  # fmt: skip
    return kept


def answer_logprobs(loaded: LoadedModel, groups: Sequence[Group], row_tokens: int) -> list[tuple[float, ...]]:
    """For each group, the log-probability of each answer, summed over its tokens."""
    samples = _samples(groups)
    with autocast(loaded):
        found = by_completion(
            samples,
            _packed(loaded, samples, row_tokens),
            lambda batch: chosen_logprobs(loaded.model, batch.row).double(),
        )
    return [tuple(float(each.sum()) for each in inner) for inner in found]


class _Preferences:
    """Groups with what the reference says of them, and the losses of some of them."""

    def __init__(
        self, loaded: LoadedModel, reference: LoadedModel, config: PreferenceConfig, groups: Sequence[Group]
    ) -> None:
        self.loaded, self.groups, self._config, self._reference_model = loaded, groups, config, reference
        self._of_reference: dict[int, tuple[float, ...]] = {}
        self._mismatched: dict[int, float] = {}
        self._others = _others(groups) if isinstance(config.loss, Kto) else {}

    def look_up(self, indices: Sequence[int]) -> None:
        """Ask the reference, before the policy moves away from it."""
        if not needs_reference(self._config.loss):
            self._of_reference = {index: (0.0,) * len(self.groups[index].answers) for index in indices}
            return
        wanted = [self.groups[index] for index in indices]
        found = answer_logprobs(self._reference_model, wanted, self._config.row_tokens)
        self._of_reference = dict(zip(indices, found, strict=True))
        there = [index for index in indices if index in self._others]
        if there:
            others = [self._others[index] for index in there]
            strange = answer_logprobs(self._reference_model, others, self._config.row_tokens)
            self._mismatched = {index: value for index, (value,) in zip(there, strange, strict=True)}

    def update(self, chosen: Sequence[int]) -> Numbers:
        """The gradient of the mean loss over these groups, and what to write down of them."""
        zero = self._zero(chosen)
        tokens = sum(len(self.groups[index].answers[0]) for index in chosen)
        total, answers = 0.0, []
        for indices, batch in self._rows(chosen):
            objective = partial(self._losses, batch, indices, zero, len(chosen), tokens)
            with autocast(self.loaded), checkpointed(self.loaded.model, self._config.gradient_checkpointing):
                loss, logprobs, _ = loss_of(self.loaded.model, batch.row, 1.0, objective, whole=True)
                loss.backward()
            total += loss.item()
            answers.append((self._answers(batch, indices, logprobs), indices))
        return {"loss": total, **self._numbers(answers), **({"zero": float(zero)} if self._others else {})}

    def measure(self) -> Numbers:
        """The same without a gradient, over all groups."""
        everything = range(len(self.groups))
        zero, total, answers = self._zero(everything), 0.0, []
        tokens = sum(len(group.answers[0]) for group in self.groups)
        for indices, batch in self._rows(everything):
            with autocast(self.loaded):
                logprobs = chosen_logprobs(self.loaded.model, batch.row)
            total += float(
                self._losses(
                    batch, indices, zero, len(everything), tokens, logprobs, logprobs, slice(0, len(logprobs))
                ).sum()
            )
            answers.append((self._answers(batch, indices, logprobs), indices))
        return {"loss": total, **self._numbers(answers)}

    def _losses(
        self,
        batch: Batch,
        indices: Sequence[int],
        zero: Tensor,
        count: int,
        tokens: int,
        logprobs: Tensor,
        _: Tensor,
        part: slice,
    ) -> Tensor:
        """[groups of the row], each over the number of groups of the step."""
        config, answers = self._config, self._answers(batch, indices, logprobs)
        if isinstance(config.loss, Kto):
            how, is_good = config.loss, torch.tensor([self.groups[index].is_good for index in indices])
            is_good = is_good.to(logprobs.device)
            losses = kto(answers.ratios, is_good, zero.to(logprobs), how.beta, how.good, how.bad) / count
            imitated = torch.where(is_good, answers.logprobs, 0.0)
        else:
            good, bad = _apart(answers)
            losses, imitated = pair_loss_of(config.loss)(good, bad) / count, good.logprobs
        return losses - config.imitation * imitated / tokens if config.imitation else losses

    def _answers(self, batch: Batch, indices: Sequence[int], logprobs: Tensor) -> Answers:
        reference = [value for index in indices for value in self._of_reference[index]]
        lengths = [len(each.completion.tokens) for each in batch.samples]
        return Answers(_sums(batch, logprobs), logprobs.new_tensor(reference), logprobs.new_tensor(lengths))

    def _numbers(self, answers: Sequence[tuple[Answers, Sequence[int]]]) -> dict[str, float]:
        beta, is_free = self._config.loss.beta, not needs_reference(self._config.loss)
        gained: dict[bool, list[float]] = {True: [], False: []}
        for found, indices in answers:
            values = beta * (found.logprobs / found.lengths if is_free else found.ratios)
            sides = [side for index in indices for side in self.groups[index].sides]
            for side, value in zip(sides, values.tolist(), strict=True):
                gained[side].append(value)
        good, bad = gained[True], gained[False]
        numbers = {
            "chosen": sum(good) / max(1, len(good)),
            "rejected": sum(bad) / max(1, len(bad)),
        }
        numbers["margin"] = numbers["chosen"] - numbers["rejected"]
        if not isinstance(self._config.loss, Kto):
            numbers["accuracy"] = sum(one > other for one, other in zip(good, bad, strict=True)) / len(good)
        return numbers

    def _zero(self, chosen: Sequence[int]) -> Tensor:
        there = [index for index in chosen if index in self._others]
        if not there:
            return torch.zeros(())
        found = answer_logprobs(self.loaded, [self._others[index] for index in there], self._config.row_tokens)
        theirs = [self._mismatched[index] for index in there]
        return kto_zero(torch.tensor([ours for (ours,) in found]) - torch.tensor(theirs))

    def _rows(self, chosen: Sequence[int]) -> Iterator[tuple[list[int], Batch]]:
        """Packed rows with the groups in each; no group is cut."""
        samples = _samples([self.groups[index] for index in chosen])
        place = {id(group[0]): index for group, index in zip(samples, chosen, strict=True)}
        for batch in _packed(self.loaded, samples, self._config.row_tokens):
            yield [place[id(each)] for each in batch.samples if id(each) in place], batch


def _others(groups: Sequence[Group]) -> dict[int, Group]:
    """For each group, its prompt with the next answer that was given to another prompt."""
    found = {}
    for index, group in enumerate(groups):
        around = (groups[(index + step) % len(groups)] for step in range(1, len(groups)))
        other = next((each for each in around if each.prompt != group.prompt), None)
        if other is not None:
            found[index] = Group(group.prompt, other.answers[:1])
    return found


def _samples(groups: Sequence[Group]) -> list[list[Sample]]:
    def of(prompt: tuple[int, ...], answer: tuple[int, ...]) -> Sample:
        nothing = (0.0,) * len(answer)
        return Sample(prompt, Completion("", answer, nothing), nothing, 0.0)

    return [[of(group.prompt, answer) for answer in group.answers] for group in groups]


def _packed(loaded: LoadedModel, samples: Sequence[Sequence[Sample]], row_tokens: int) -> list[Batch]:
    """Rows that hold whole groups, however long."""
    longest = max(len(group[0].prompt) + sum(len(each.completion.tokens) for each in group) for group in samples)
    return pack(samples, row_tokens=max(row_tokens, longest), device=loaded.device, dtype=loaded.dtype)


def _sums(batch: Batch, logprobs: Tensor) -> Tensor:
    """Log-probabilities [M] of a row's tokens summed over each of its answers."""
    zeros = torch.zeros(len(batch.samples), dtype=logprobs.dtype, device=logprobs.device)
    return zeros.index_add(0, batch.sequence, logprobs)


def _apart(answers: Answers) -> tuple[Answers, Answers]:
    """The chosen and the rejected of rows of pairs."""
    return Answers(*(each[0::2] for each in answers)), Answers(*(each[1::2] for each in answers))
