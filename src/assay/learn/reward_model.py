"""Training of reward models: a transformer with one number for a head, started from the policy's weights.

    pairwise   -log sigmoid(r(chosen) - r(rejected))          at the answers' last tokens (learn/preference)
    outcome    cross-entropy of sigmoid(r) and the outcome    at the last token, or at every token of the answer
               (Cobbe et al., arXiv 2110.14168, section 4.2)
    steps      cross-entropy of sigmoid(r) and the label      at each step's last token (Lightman et al., arXiv
               2305.20050, section 2.6); labels from roll-ins as in Math-Shepherd, arXiv 2312.08935, equations 3 and 4

Rows are packed as in RL: a prompt stands once for the answers of a pair. The number at a token is read off its own state,
so the row carries one token more than it reads. Departure from arXiv 2110.14168: no language-modelling loss beside it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, pstdev
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from assay.core.errors import UsageError
from assay.core.fitting import OutcomeLabels, Pairwise, RewardModelConfig, StepLabels
from assay.core.records import sha256_of
from assay.core.types import Completion
from assay.learn.batch import Batch, Sample, pack
from assay.learn.fit import Fitted, Numbers, fit
from assay.learn.optimiser import checkpointed
from assay.learn.preference import bradley_terry
from assay.learn.process import decoder, last_tokens
from assay.measure.calibration import Calibration, PairAccuracy, calibration, pair_accuracy
from assay.model.logprobs import hidden_states
from assay.model.score import RewardModel
from assay.rollout.turns import Turns
from assay.tasks.conversations import Labelled, Pair, Prompt, Stepwise

log = logging.getLogger(__name__)


class Rated(NamedTuple):
    """A prompt with its answers as tokens: two of a pair, the preferred one first; or one, with places and labels."""

    prompt: tuple[int, ...]
    answers: tuple[tuple[int, ...], ...]
    places: tuple[int, ...] = ()  # tokens of the one answer whose numbers are trained
    labels: tuple[float, ...] = ()
    margin: float = 0.0

    @property
    def length(self) -> int:
        return len(self.prompt) + sum(len(answer) + 1 for answer in self.answers)


def train_reward_model(
    reward: RewardModel,
    data: Sequence[Pair | Labelled | Stepwise],
    config: RewardModelConfig,
    *,
    seed: int,
    validation: Sequence[Pair | Labelled | Stepwise] = (),
    folder: Path | None = None,
    progress: Callable[[int, Numbers], None] = lambda step, numbers: None,
) -> Fitted:
    """Train in place; the objective says what kind of data it takes: `Pair`, `Labelled` or `Stepwise`.

    Rows of history hold `loss` and `accuracy` (of pairs; of labels at a threshold of 1/2). Raises UsageError,
    NonFiniteStep, RunFolderError, OutOfDisk.
    """
    rated = rate(reward, data, config)
    held_out = rate(reward, validation, config) if validation else []
    module = torch.nn.ModuleList([reward.model])

    def update(step: int, chosen: Sequence[int]) -> Numbers:
        return _pass(reward, [rated[index] for index in chosen], config, learn=True)

    return fit(
        module,
        update,
        len(rated),
        config,
        seed=seed,
        name="reward model",
        validate=(lambda: _pass(reward, held_out, config, learn=False)) if held_out else None,
        folder=folder,
        key=sha256_of([rated, held_out]) if folder else "",
        progress=progress,
    )


def rate(reward: RewardModel, data: Sequence[Pair | Labelled | Stepwise], config: RewardModelConfig) -> list[Rated]:
    """As tokens. Raises UsageError for data of another kind than the objective's, or when nothing is left."""
    turns, decode, found = Turns(reward.tokenizer, reward.eos_ids), decoder(reward.tokenizer), []
    for each in data:
        prompt = turns.prompt(each.prompt)
        match config.objective, each:
            case Pairwise(), Pair(asked, chosen, rejected, margin):
                found.append(Rated(prompt, (turns.answer(chosen, asked), turns.answer(rejected, asked)), margin=margin))
            case OutcomeLabels(place=place), Labelled(asked, answer, is_good):
                tokens = turns.answer(answer, asked)
                places = range(len(tokens)) if place == "every" else [len(tokens) - 1]
                found.append(Rated(prompt, (tokens,), tuple(places), (float(is_good),) * len(places)))
            case StepLabels(label=label), Stepwise(asked, steps, labels, separator):
                tokens = turns.answer(separator.join(steps), asked)
                ends = last_tokens(tokens, step_ends(steps, separator), decode)
                values = labels if label == "soft" else tuple(float(value > 0) for value in labels)
                found.append(Rated(prompt, (tokens,), tuple(ends), values))
            case _:
                wanted = {"pairwise": "Pair", "outcome": "Labelled", "steps": "Stepwise"}[config.objective.kind]
                raise UsageError(
                    f"objective.kind = {config.objective.kind!r} learns from {wanted}, not from a {type(each).__name__}"
                )
    kept = [each for each in found if config.max_tokens is None or each.length <= config.max_tokens]
    if not kept:
        raise UsageError(
            "no example to learn from" + (f": all {len(found)} are longer than max_tokens" if found else "")
        )
    if len(kept) < len(found):
        log.warning("%d of %d examples are longer than max_tokens and left out", len(found) - len(kept), len(found))
    return kept


def step_ends(steps: Sequence[str], separator: str = "") -> list[int]:
    """Where each step ends in the text that they make together."""
    ends, at = [], 0
    for step in steps:
        at += len(step)
        ends.append(at)
        at += len(separator)
    return ends


def answer_scores(reward: RewardModel, asked: Sequence[tuple[Prompt, str]], row_tokens: int = 8192) -> list[float]:
    """The number at the end of each answer, on the logit scale."""
    turns = Turns(reward.tokenizer, reward.eos_ids)
    return reward.raw([(*turns.prompt(prompt), *turns.answer(answer, prompt)) for prompt, answer in asked], row_tokens)


def step_scores(
    reward: RewardModel, asked: Sequence[tuple[Prompt, str, Sequence[int]]], row_tokens: int = 8192
) -> list[list[float]]:
    """For each (prompt, answer, ends of its steps) the probability that each step holds."""
    turns, decode = Turns(reward.tokenizer, reward.eos_ids), decoder(reward.tokenizer)
    sequences, places = [], []
    for prompt, answer, ends in asked:
        before, tokens = turns.prompt(prompt), turns.answer(answer, prompt)
        sequences.append((*before, *tokens))
        places.append([len(before) + place for place in last_tokens(tokens, ends, decode)])
    return [
        torch.tensor([values[place] for place in inner]).sigmoid().tolist()
        for values, inner in zip(reward.values(sequences, row_tokens), places, strict=True)
    ]


def on_pairs(reward: RewardModel, pairs: Sequence[Pair]) -> tuple[PairAccuracy, RewardModel]:
    """Accuracy, calibration and the length-bias probe on pairs; and the model with the scale that they show.

    Lengths are in tokens. Raises ValueError for no pair.
    """
    turns = Turns(reward.tokenizer, reward.eos_ids)
    chosen = answer_scores(reward, [(each.prompt, each.chosen) for each in pairs])
    rejected = answer_scores(reward, [(each.prompt, each.rejected) for each in pairs])
    lengths = [[len(turns.answer(text, each.prompt)) for text in (each.chosen, each.rejected)] for each in pairs]
    found = pair_accuracy(chosen, rejected, [one for one, _ in lengths], [other for _, other in lengths])
    everything = [*chosen, *rejected]
    return found, replace(reward, centre=fmean(everything), spread=max(pstdev(everything), 1e-6))


def on_outcomes(reward: RewardModel, answers: Sequence[Labelled]) -> Calibration:
    """Calibration of an outcome model's probabilities."""
    scores = answer_scores(reward, [(each.prompt, each.answer) for each in answers])
    return calibration(torch.tensor(scores, dtype=torch.float64).sigmoid().tolist(), [each.is_good for each in answers])


def _pass(reward: RewardModel, rated: Sequence[Rated], config: RewardModelConfig, *, learn: bool) -> Numbers:
    """The mean loss over the examples (of steps: over their places), with its gradient when it is to be learnt."""
    objective = config.objective
    count = sum(len(each.places) for each in rated) if isinstance(objective, StepLabels) else len(rated)
    total, right, judged = 0.0, 0.0, 0
    for batch, examples in _rows(reward, rated, config.row_tokens):
        with torch.set_grad_enabled(learn), checkpointed(reward.model, learn and config.gradient_checkpointing):
            values = _values(reward, batch)
            if isinstance(objective, Pairwise):
                last = torch.stack([each[-1] for each in values])
                good, bad = last[0::2], last[1::2]
                margins = last.new_tensor([each.margin for each in examples])
                losses = bradley_terry(good, bad, margins, objective.centre)
                right, judged = right + float((good > bad).sum()) + float((good == bad).sum()) / 2, judged + len(good)
            else:
                parts = []
                for each, numbers in zip(examples, values, strict=True):
                    logits = numbers[[place + 1 for place in each.places]]
                    labels = logits.new_tensor(each.labels)
                    apart = binary_cross_entropy_with_logits(logits, labels, reduction="none")
                    parts.append(apart.sum() if isinstance(objective, StepLabels) else apart.mean())
                    right, judged = right + float(((logits > 0) == (labels > 0.5)).sum()), judged + len(labels)
                losses = torch.stack(parts)
            loss = losses.sum() / count
            if learn:
                loss.backward()
        total += float(loss.detach())
    return {"loss": total, "accuracy": right / max(1, judged)}


def _rows(reward: RewardModel, rated: Sequence[Rated], row_tokens: int) -> Iterator[tuple[Batch, list[Rated]]]:
    """Packed rows, no example cut, with the examples in each."""
    samples = [[_sample(each.prompt, answer) for answer in each.answers] for each in rated]
    owner = {id(group[0]): each for group, each in zip(samples, rated, strict=True)}
    most = max(each.length for each in rated)
    dtype = next(reward.model.parameters()).dtype
    for batch in pack(samples, row_tokens=max(row_tokens, most), device=reward.device, dtype=dtype):
        yield batch, [owner[id(each)] for each in batch.samples if id(each) in owner]


def _sample(prompt: tuple[int, ...], answer: tuple[int, ...]) -> Sample:
    """With one token behind the answer: a row leaves out the last token, which predicts nothing."""
    nothing = (0.0,) * (len(answer) + 1)
    return Sample(prompt, Completion("", (*answer, answer[-1]), nothing), nothing, 0.0)


def _values(reward: RewardModel, batch: Batch) -> Sequence[Tensor]:
    """Of each answer of T tokens the numbers [T + 1]: at the prompt's last token, then at each of its own."""
    numbers: Tensor = reward.head(hidden_states(reward.model, batch.row))[:, 0]
    return list(numbers.split([len(each.completion.tokens) for each in batch.samples]))
