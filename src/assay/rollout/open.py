"""The engine that a configuration names."""

from __future__ import annotations

from typing import Any

from assay.core.config import RunConfig
from assay.core.errors import UsageError
from assay.rollout.engine import Engine


def open_engine(config: RunConfig, loaded: Any) -> Engine:
    """For training `loaded` (a LoadedModel). Raises ConfigError, MissingExtra, EngineError."""
    rollout = config.rollout
    if rollout.engine == "server":
        from assay.rollout.server_engine import ServerEngine, check_server

        check_server(rollout.server)
        engine = ServerEngine(
            rollout.server,
            loaded.tokenizer,
            eos_ids=loaded.eos_ids,
            max_prompt_tokens=rollout.max_prompt_tokens,
            for_training=True,
        )
        engine.refuse_raw_logprobs(rollout.temperature)
        return engine
    if rollout.engine == "vllm":
        from assay.rollout.vllm_engine import VllmEngine

        return VllmEngine(
            loaded,
            rollout.vllm,
            max_prompt_tokens=rollout.max_prompt_tokens,
            max_new_tokens=rollout.max_new_tokens,
            batch_size=rollout.batch_size,
            seed=config.seed,
        )
    from assay.rollout.torch_engine import TorchEngine

    return TorchEngine(loaded, batch_size=rollout.batch_size, max_prompt_tokens=rollout.max_prompt_tokens)


def open_engine_to_evaluate(config: RunConfig) -> Engine:
    """For an evaluation of `config.model`, which a server needs the tokenizer of and nothing more."""
    if config.rollout.engine != "server":
        from assay.model.load import load_model

        return open_engine(config, load_model(config.model))
    from assay.model.shape import read_shape
    from assay.rollout.server_engine import ServerEngine

    shape, tokenizer = read_shape(config.model)
    if tokenizer.eos_token_id is None:
        raise UsageError(f"the tokenizer of {config.model.name} names no end token, which a server must stop at")
    return ServerEngine(
        config.rollout.server,
        tokenizer,
        eos_ids={int(tokenizer.eos_token_id), *_ids(getattr(shape, "eos_token_id", None))},
        max_prompt_tokens=config.rollout.max_prompt_tokens,
    )


def _ids(found: Any) -> set[int]:
    return set() if found is None else {int(each) for each in (found if isinstance(found, list | tuple) else [found])}
