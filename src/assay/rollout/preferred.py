"""Judges that hold reward models: requests for `preference` are scored here, in batches; all others go to the pool.

It stands before a JudgePool wherever a policy trains or is evaluated, and loads a model with the first request for it.
An answer that several requests ask about is scored once a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from assay.core.errors import TruthError
from assay.core.types import Json, Message, Task, Verdict
from assay.verify.base import find_verifier, label, void_for
from assay.verify.pool import JudgePool, JudgeRequest
from assay.verify.preference import NAME, Voice, finding, read_by, voices_of

ROW_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class Asked:
    """A text that a model is asked about, behind its prompt."""

    model: str
    prompt: tuple[Message, ...]
    text: str


class PreferenceJudges(JudgePool):
    """`device` is where reward models run."""

    def __init__(self, pool: JudgePool, device: str = "auto") -> None:
        self._pool, self._device = pool, device
        self._models: dict[str, Any] = {}

    def judge_many(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        ours = [request for request in requests if request.verifier == NAME]
        if not ours:
            return self._pool.judge_many(requests)
        others = iter(self._pool.judge_many([request for request in requests if request.verifier != NAME]))
        found = iter(self._judged(ours))
        return [next(found if request.verifier == NAME else others) for request in requests]

    def peak_memory(self) -> int:
        return self._pool.peak_memory()

    def close(self) -> None:
        self._pool.close()

    def _judged(self, requests: Sequence[JudgeRequest]) -> list[Verdict]:
        began, who = perf_counter(), label(find_verifier(NAME))
        read: list[tuple[tuple[Voice, ...], list[Asked]] | TruthError] = []
        for request in requests:
            try:
                voices, prompt = _read(request)
                read.append(
                    (voices, [Asked(each.model, prompt, read_by(each.scope, request.response)) for each in voices])
                )
            except TruthError as error:
                read.append(error)
        shares = self._shares({each: None for one in read if not isinstance(one, TruthError) for each in one[1]})
        seconds = (perf_counter() - began) / len(requests)
        verdicts = []
        for request, one in zip(requests, read, strict=True):
            if isinstance(one, TruthError):
                verdicts.append(void_for(one, who))
                continue
            voices, asked = one
            outcome, reason, answer, evidence, score = finding(
                voices, [shares[each] for each in asked], request.response
            )
            verdicts.append(Verdict(outcome, score or 0.0, reason, answer, dict(evidence), who, seconds))
        return verdicts

    def _shares(self, asked: Mapping[Asked, None]) -> dict[Asked, float]:
        """Each text's share of 0 to 1, on its model's own scale. Raises ModelError."""
        from assay.model.score import read_reward_model
        from assay.rollout.turns import Turns

        shares: dict[Asked, float] = {}
        for name in dict.fromkeys(each.model for each in asked):
            model = self._models.get(name)
            if model is None:
                model = self._models[name] = read_reward_model(name, self._device)
            turns = Turns(model.tokenizer, model.eos_ids)
            of_it = [each for each in asked if each.model == name]
            sequences = [(*turns.prompt(each.prompt), *turns.answer(each.text, each.prompt)) for each in of_it]
            raw = model.raw(sequences, ROW_TOKENS)
            shares |= {each: model.preference(number) for each, number in zip(of_it, raw, strict=True)}
        return shares


def request_for(task: Task, verifier: str, truth: Json, response: str, prompt: str, models: Json) -> JudgeRequest:
    """The request for an answer of `task`; reward models see the whole prompt. `models`: theirs where the truth names none."""
    if verifier != NAME:
        return JudgeRequest(verifier, truth, response, prompt)
    told = {"models": truth or models, "prompt": [list(message) for message in task.prompt]}
    return JudgeRequest(verifier, told, response, prompt)


def _read(request: JudgeRequest) -> tuple[tuple[Voice, ...], tuple[Message, ...]]:
    """Raises TruthError."""
    truth = request.truth
    if isinstance(truth, Mapping) and isinstance(truth.get("prompt"), list):
        return voices_of(truth.get("models")), tuple(Message(*each) for each in truth["prompt"])
    return voices_of(truth), (Message("user", request.prompt),)
