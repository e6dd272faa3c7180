"""Sampling from a server that speaks OpenAI's completions API (vLLM and others), with tokens and log-probs as sampled.

A prompt is rendered and tokenized here, by the policy's own template, and sent as token ids, so that what the server
sees is what `render` says. Each sample is a request of its own with a seed of its own: a server that caches prefixes
computes the prompt once all the same, and a sample depends on nothing around it. Of vLLM's extensions it uses
`return_token_ids` (or, where a server has only that, `return_tokens_as_token_ids`), which are what makes training
possible; a server without them will do for an evaluation.

New weights reach a vLLM server (with VLLM_SERVER_DEV_MODE=1) through a folder that both sides see: it is written, the
server is told to reload from it, and its cache of prefixes is emptied. vLLM's other way, NCCL between GPUs, is not
covered.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from assay.core.config import ServerConfig
from assay.core.errors import ConfigError, EngineError, UsageError
from assay.core.types import Completion, Finish, Message
from assay.rollout.connection import Connection, Session, run, together
from assay.rollout.engine import Request, Sampling
from assay.rollout.finished import completion_of, seed_of
from assay.rollout.render import ChatRenderer, within

FINISHES: Mapping[str, Finish] = {"stop": "stop", "length": "length", "abort": "abort"}
UNMOVED = 1e-6  # a likeliest token's log-prob that moves less when the temperature doubles was taken before it


class ServerEngine:
    """An Engine over HTTP. `for_training` refuses a server whose answers cannot be learnt from."""

    def __init__(
        self,
        server: ServerConfig,
        tokenizer: Any,
        *,
        eos_ids: Collection[int],
        max_prompt_tokens: int = 1024,
        for_training: bool = False,
    ) -> None:
        """Raises EngineError when no server answers, or it does not list the model."""
        self.policy = 0
        self._server, self._tokenizer, self._eos_ids = server, tokenizer, frozenset(eos_ids)
        self._renderer, self._max_prompt_tokens = ChatRenderer(tokenizer), max_prompt_tokens
        self._for_training = for_training
        self._taken: int | None = None  # the version of the weights handed over
        self._connection = Connection(server)
        self._model = self._listed(server.model)

    def render(self, prompt: tuple[Message, ...]) -> tuple[int, ...]:
        """Raises UsageError for a prompt of more than `max_prompt_tokens` tokens."""
        return within(self._renderer(prompt), self._max_prompt_tokens, prompt)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Completion]]:
        """Raises EngineError as soon as one sample cannot be had."""
        prompts = [(*self.render(request.prompt), *request.begun) for request in requests]
        jobs = [(place, sample) for place, request in enumerate(requests) for sample in range(request.n)]
        if not jobs:
            return [[] for _ in requests]

        async def sampled() -> list[Completion]:
            async with self._connection.session() as session:
                work = [
                    partial(self._sample, session, prompts[place], seed_of(requests[place], sample), sampling)
                    for place, sample in jobs
                ]
                return await together(work, self._server.concurrency)

        done = iter(run(sampled))
        return [[next(done) for _ in range(request.n)] for request in requests]

    def take_weights(self, loaded: Any, version: int) -> None:
        """Hand the weights over through `rollout.server.weights_folder`. Raises EngineError, UsageError, OutOfDisk."""
        if self._taken == version:
            return
        if self._server.weights_folder is None:
            raise UsageError(
                f"the server at {self._connection.url} cannot be given new weights: name a folder that it sees too in "
                "rollout.server.weights_folder"
            )
        from assay.model.load import save_model

        folder = Path(self._server.weights_folder).expanduser().absolute() / "policy"
        fresh = folder.with_name(f"policy-{os.getpid()}.writing")
        shutil.rmtree(fresh, ignore_errors=True)
        save_model(loaded.model, loaded.tokenizer, fresh)
        _write_tied_head(loaded.model, fresh)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(fresh, folder)
        root = self._connection.url.removesuffix("/v1")
        order = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
        self._connection.post(f"{root}/collective_rpc", order)
        for _ in range(20):  # refused while blocks are still held, for an instant after the last answer
            if self._connection.post(f"{root}/reset_prefix_cache", {}).get("success", True):
                break
            time.sleep(0.1)
        else:
            raise EngineError(f"{root} did not empty its prefix cache: it would mix old and new weights")
        self._taken = version

    def refuse_raw_logprobs(self, temperature: float) -> None:
        """Log-probs must be of the distribution drawn from. Raises EngineError where they are of before the temperature."""
        if temperature == 1.0:
            return
        prompt = self.render((Message("user", "1, 2, 3"),))
        bodies = [self._body(prompt, 0, Sampling(1, temperature=each)) | {"logprobs": 1} for each in (1.0, 2.0)]
        best = [_likeliest(self._connection.post("/completions", body)) for body in bodies]
        if best[0] is None or best[1] is None or best[0] > -1e-3:
            return  # nothing that would show it; the learner's correction covers it
        if abs(best[0] - best[1]) < UNMOVED:
            raise EngineError(
                f"the server at {self._connection.url} gives log-probs of before the temperature, and rollout.temperature "
                f"is {temperature:g}: start vLLM with --logprobs-mode processed_logprobs, or set the temperature to 1"
            )

    def _listed(self, wanted: str | None) -> str:
        rows = self._connection.get("/models").get("data")
        names = [str(row.get("id")) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        if wanted is not None:
            if names and wanted not in names:
                raise EngineError(f"the server at {self._connection.url} serves {', '.join(names)}, not {wanted}")
            return wanted
        if not names:
            raise EngineError(f"the server at {self._connection.url} lists no model: name one in rollout.server.model")
        return names[0]

    def _body(self, prompt: Sequence[int], seed: int, sampling: Sampling) -> dict[str, Any]:
        """Everything that changes the distribution is said, since a server's own defaults may come from its model."""
        return {
            "model": self._model,
            "prompt": list(prompt),
            "max_tokens": sampling.max_new_tokens,
            "n": 1,
            "seed": seed,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "stop": list(sampling.stop),
            "stop_token_ids": sorted(self._eos_ids),
            "skip_special_tokens": False,
            "logprobs": 0,
            "return_token_ids": True,
            "return_tokens_as_token_ids": True,
        }

    async def _sample(self, session: Session, prompt: tuple[int, ...], seed: int, sampling: Sampling) -> Completion:
        body = self._body(prompt, seed, sampling)
        for _ in range(self._server.retries + 1):
            found = self._read(await session.ask("POST", "/completions", body), prompt, sampling)
            if found.finish != "abort":  # the server lost the request under way: the same seed gives it again
                return found
        raise EngineError(f"the server at {self._connection.url} aborts its completions")

    def _read(self, answer: Mapping[str, Any], prompt: tuple[int, ...], sampling: Sampling) -> Completion:
        choice = _choice(answer, self._connection.url)
        finish = FINISHES.get(str(choice.get("finish_reason")))
        if finish is None:
            raise EngineError(
                f"the server at {self._connection.url} ended a completion with finish_reason = "
                f"{choice.get('finish_reason')!r}; stop or length would be right"
            )
        seen = choice.get("prompt_token_ids")
        if seen is not None and tuple(seen) != prompt:
            raise EngineError(
                f"the server at {self._connection.url} answered to another prompt than it was given "
                f"({len(seen)} tokens for {len(prompt)}): it must not cut or extend prompts"
            )
        tokens, logprobs = _tokens(choice), _logprobs(choice)
        if self._for_training:
            self._refuse_unlearnable(tokens, logprobs, finish, sampling)
        if tokens is None:
            text = str(choice.get("text", ""))
            tokens = tuple(self._tokenizer.encode(text, add_special_tokens=False))
            return Completion(text, tokens, (math.nan,) * len(tokens), finish, self.policy)
        if logprobs is None or len(logprobs) != len(tokens):
            logprobs = (math.nan,) * len(tokens)
        return completion_of(
            tokens,
            logprobs,
            finish,
            tokenizer=self._tokenizer,
            eos_ids=self._eos_ids,
            stop=sampling.stop,
            policy=self.policy,
        )

    def _refuse_unlearnable(
        self, tokens: tuple[int, ...] | None, logprobs: tuple[float, ...] | None, finish: Finish, sampling: Sampling
    ) -> None:
        url, missing = self._connection.url, "token ids" if tokens is None else "log-probs"
        if tokens is None or logprobs is None or len(logprobs) != len(tokens):
            raise EngineError(
                f"the server at {url} gives no {missing} with its completions, which training cannot do without "
                "(vLLM's does); it will do for an evaluation"
            )
        is_cut = any(each in self._tokenizer.decode(tokens, skip_special_tokens=False) for each in sampling.stop)
        if not tokens or (finish == "stop" and tokens[-1] not in self._eos_ids and not is_cut):
            last = f"on token {tokens[-1]}" if tokens else "without any token"
            raise EngineError(
                f"the server at {url} stopped a completion {last}, which is no end token of the policy: it serves "
                "another model, or leaves the end token out, and ending would never be learnt"
            )


def check_server(config: ServerConfig) -> None:
    """Raises ConfigError for a server that a policy in training could not be sampled from."""
    if config.weights_folder is None:
        raise ConfigError(
            "rollout.server: training needs a way to hand new weights to the server after each step: set "
            "weights_folder to a folder that the server (vLLM with VLLM_SERVER_DEV_MODE=1) sees under the same path. "
            "A server whose weights stay as they are will do for `assay eval`"
        )


def _write_tied_head(model: Any, folder: Path) -> None:
    """Write a head that is tied to the embeddings a second time, under its own name, beside the weights in `folder`.

    A checkpoint leaves it out. vLLM (0.32, on a CPU) lays a head out in a copy of its own, and a reload that does not
    name it leaves that copy as it was: new layers under an old head, without an error.
    """
    from safetensors import safe_open
    from safetensors.torch import save_file

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not inner.config.get_text_config().tie_word_embeddings:
        return
    names = {id(module): name for name, module in inner.named_modules()}
    table, head = (
        f"{names[id(module)].removesuffix('.base_layer')}.weight"
        for module in (inner.get_input_embeddings(), inner.get_output_embeddings())
    )
    index = folder / "model.safetensors.index.json"
    listed = json.loads(index.read_text()) if index.is_file() else None
    with safe_open(folder / (listed["weight_map"][table] if listed else "model.safetensors"), framework="pt") as file:
        save_file({head: file.get_tensor(table)}, folder / "head.safetensors")
    if listed:
        listed["weight_map"][head] = "head.safetensors"
        index.write_text(json.dumps(listed))


def _choice(answer: Mapping[str, Any], url: str) -> Mapping[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        raise EngineError(f"the server at {url} answered without a choice: {str(answer)[:120]}")
    return choices[0]


def _tokens(choice: Mapping[str, Any]) -> tuple[int, ...] | None:
    found = choice.get("token_ids")
    if found is None:
        named = (choice.get("logprobs") or {}).get("tokens")
        if not named or not all(str(each).startswith("token_id:") for each in named):
            return None
        found = [str(each).removeprefix("token_id:") for each in named]
    return tuple(int(each) for each in found)


def _logprobs(choice: Mapping[str, Any]) -> tuple[float, ...] | None:
    found = (choice.get("logprobs") or {}).get("token_logprobs")
    if found is None or any(each is None for each in found):
        return None
    return tuple(float(each) for each in found)


def _likeliest(answer: Mapping[str, Any]) -> float | None:
    """The log-prob of the likeliest first token, where the server names it."""
    choices = answer.get("choices") or [{}]
    first = next(iter(((choices[0].get("logprobs") or {}).get("top_logprobs")) or []), None)
    return max(first.values()) if first else None
