"""Sampling by vLLM in this process, which takes the policy's new weights after each update.

vLLM holds a copy of the weights of its own, in its own layout: `take_weights` hands it the policy's tensors (adapters
merged) and empties its cache of prefixes. Log-probs are vLLM's `processed_logprobs`, so that the temperature is in
them; its kernels round otherwise than ours, which `learn.correction` makes up for.

Not covered: more than one device for vLLM. Its workers are then processes of their own, which tensors cannot be handed to
in this way.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from assay.core.config import VllmConfig
from assay.core.errors import EngineError, MissingExtra
from assay.core.types import Completion, Finish, Message
from assay.rollout.engine import Request, Sampling
from assay.rollout.finished import completion_of, seed_of
from assay.rollout.render import ChatRenderer, within

FINISHES: dict[str, Finish] = {"stop": "stop", "length": "length"}


class VllmEngine:
    """An Engine over `vllm.LLM`, which begins with the weights of `loaded`."""

    def __init__(
        self,
        loaded: Any,
        config: VllmConfig,
        *,
        max_prompt_tokens: int = 1024,
        max_new_tokens: int = 1024,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        """Raises MissingExtra, EngineError."""
        # the engine in this very process, so that weights can be handed over as they are; read when vllm is imported
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        try:
            import vllm
        except ImportError:
            raise MissingExtra("vllm", "vllm", 'rollout.engine = "vllm"') from None
        self.policy = 0
        self._vllm, self._tokenizer = vllm, loaded.tokenizer
        self._eos_ids: Collection[int] = loaded.eos_ids
        self._renderer, self._max_prompt_tokens = ChatRenderer(loaded.tokenizer), max_prompt_tokens
        limit = getattr(loaded.model.config, "max_position_embeddings", None)
        length = max_prompt_tokens + max_new_tokens
        length = length if limit is None else min(length, limit)
        on_cpu = loaded.device.type == "cpu"
        with tempfile.TemporaryDirectory(prefix="assay-vllm-") as temporary:
            try:
                self._llm = vllm.LLM(
                    model=str(_folder(loaded, Path(temporary))),
                    dtype=config.dtype,
                    gpu_memory_utilization=config.memory,
                    enforce_eager=config.eager,
                    max_model_len=length,
                    # 0.32 sets a seeded request whose prompt was cut back in its generator, which a CPU's cannot be
                    enable_chunked_prefill=False if on_cpu else None,
                    max_num_batched_tokens=max(8192, length) if on_cpu else None,
                    max_num_seqs=batch_size,
                    logprobs_mode="processed_logprobs",
                    seed=seed,
                    generation_config="vllm",  # none of the model's own sampling defaults
                    disable_log_stats=True,
                )
            except (ValueError, RuntimeError) as error:
                raise EngineError(f"vLLM cannot run {loaded.name}: {str(error).splitlines()[0][:200]}") from error
        self._taken: int | None = None

    def render(self, prompt: tuple[Message, ...]) -> tuple[int, ...]:
        """Raises UsageError for a prompt of more than `max_prompt_tokens` tokens."""
        return within(self._renderer(prompt), self._max_prompt_tokens, prompt)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> list[list[Completion]]:
        prompts = [(*self.render(request.prompt), *request.begun) for request in requests]
        jobs = [(place, sample) for place, request in enumerate(requests) for sample in range(request.n)]
        if not jobs:
            return [[] for _ in requests]
        answers = self._llm.generate(
            [{"prompt_token_ids": list(prompts[place])} for place, _ in jobs],
            [self._params(seed_of(requests[place], sample), sampling) for place, sample in jobs],
            use_tqdm=False,
        )
        done = iter([self._completion(each.outputs[0], sampling) for each in answers])
        return [[next(done) for _ in range(request.n)] for request in requests]

    def take_weights(self, loaded: Any, version: int) -> None:
        """Copy the weights of `loaded` into vLLM's."""
        if self._taken == version:
            return
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": _named(loaded.model)})
        self._llm.reset_prefix_cache()
        self._taken = version

    def _params(self, seed: int, sampling: Sampling) -> Any:
        return self._vllm.SamplingParams(
            n=1,
            max_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            seed=seed,
            stop=list(sampling.stop),
            stop_token_ids=sorted(self._eos_ids),
            logprobs=0,
            skip_special_tokens=False,
            detokenize=bool(sampling.stop),  # the text is made from the tokens here, as every engine's
        )

    def _completion(self, output: Any, sampling: Sampling) -> Completion:
        finish = FINISHES.get(str(output.finish_reason))
        if finish is None:
            raise EngineError(f"vLLM ended a completion with finish_reason = {output.finish_reason!r}")
        tokens = [int(token) for token in output.token_ids]
        return completion_of(
            tokens,
            [float(each[token].logprob) for token, each in zip(tokens, output.logprobs, strict=True)],
            finish,
            tokenizer=self._tokenizer,
            eos_ids=self._eos_ids,
            stop=sampling.stop,
            policy=self.policy,
        )


def _folder(loaded: Any, temporary: Path) -> Path:
    """The policy as a folder that vLLM can begin from."""
    from assay.model.load import save_model

    save_model(loaded.model, loaded.tokenizer, temporary)
    return temporary


def _named(model: Any) -> Iterator[tuple[str, Any]]:
    """The model's tensors by the names of its checkpoints; a LoRA adapter merged into a copy of its base."""
    import copy

    whole = copy.deepcopy(model).merge_and_unload() if hasattr(model, "merge_and_unload") else model
    return ((name, tensor.detach()) for name, tensor in whole.state_dict().items())
