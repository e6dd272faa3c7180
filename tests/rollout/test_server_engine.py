"""Sampling over HTTP from a real server on a loopback port: what passes is tried again, all else is one sentence."""

import asyncio
import json
import math
import time
from functools import partial

import pytest
import torch
from completions_server import NAME, serving
from letters import model_of_letters
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from assay.core.config import ServerConfig
from assay.core.errors import ConfigError, EngineError, UsageError
from assay.core.types import Message
from assay.model.load import describe
from assay.rollout import connection
from assay.rollout.engine import Request, Sampling, follow
from assay.rollout.server_engine import ServerEngine, check_server
from assay.rollout.torch_engine import TorchEngine

SAMPLING = Sampling(8)
KEY = "a-secret-key"


@pytest.fixture(scope="module")
def loaded():
    return model_of_letters()


@pytest.fixture
def server(loaded):
    with serving(loaded) as server:
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(connection, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(connection, "LONGEST_PAUSE", 0.05)


@pytest.fixture
def engine_of(loaded):
    def make(server, *, for_training=True, **config):
        config = ServerConfig(**{"url": server.url, "retries": 2, "concurrency": 4} | config)
        return ServerEngine(config, loaded.tokenizer, eos_ids=loaded.eos_ids, for_training=for_training)

    return make


def ask(text="abc", n=1, key=0):
    return Request((Message("user", text),), n, 0, ("test", key))


def completion(engine, sampling=SAMPLING):
    return engine.generate([ask()], sampling)[0][0]


def test_tokens_and_log_probs_are_those_of_the_model(server, engine_of):
    loaded = model_of_letters()  # the server may still be sampling from its own for a request that was given up
    for temperature in (1.0, 0.7):
        sampled = engine_of(server).generate([ask(n=6)], Sampling(8, temperature))[0]
        prompt = TorchEngine(loaded).render(ask().prompt)
        for each in sampled:
            whole = torch.tensor([[*prompt, *each.tokens]])
            with torch.no_grad():
                logits = loaded.model(whole).logits[0, len(prompt) - 1 : -1] / temperature
            wanted = logits.log_softmax(-1).gather(-1, torch.tensor(each.tokens)[:, None])[:, 0]
            assert each.logprobs == pytest.approx(wanted.tolist(), abs=1e-5)


def test_the_server_sees_the_prompt_that_render_gives(server, engine_of, loaded):
    engine = engine_of(server)
    engine.generate([ask("hgf")], SAMPLING)
    _, body = server.asked[-1]
    assert tuple(body["prompt"]) == engine.render(ask("hgf").prompt) == TorchEngine(loaded).render(ask("hgf").prompt)
    assert body["model"] == NAME
    # said, because a server takes what is not from the model's own generation config
    assert {name: body[name] for name in ("top_p", "top_k", "min_p", "repetition_penalty")} == {
        "top_p": 1.0,
        "top_k": -1,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }


def test_every_sample_has_a_seed_of_its_own(server, engine_of):
    engine_of(server).generate([ask(n=5), ask(n=5, key=1)], SAMPLING)
    seeds = [body["seed"] for path, body in server.asked if path == "/v1/completions"]
    assert len(set(seeds)) == 10
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize("fault", [500, 503, 429, "disconnect", "cut off", "abort"])
def test_what_passes_is_tried_again_and_changes_nothing(server, engine_of, fault):
    wanted = completion(engine_of(server))
    server.plan.extend([fault, fault])
    assert completion(engine_of(server)) == wanted
    assert not server.plan


@pytest.mark.parametrize(("fault", "sentence"), [(500, "500, the model is loading"), ("disconnect", "disconnected")])
def test_what_does_not_pass_is_one_sentence(server, engine_of, fault, sentence):
    server.plan.extend([fault] * 3)
    with pytest.raises(EngineError, match=rf"gives no answer that can be used, after 3 tries: .*{sentence}"):
        completion(engine_of(server))


def test_a_time_out_names_its_setting(server, engine_of):
    server.plan.extend([0.5] * 2)
    with pytest.raises(EngineError, match=r"no answer within rollout\.server\.timeout = 0\.1 s"):
        completion(engine_of(server, timeout=0.1, retries=1))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (400, r"refused the request \(400, the model is loading\)"),
        ("not JSON", r"something other than JSON: '<html>busy</html>'"),
        ("no choices", "without a choice"),
        ("error", "finish_reason = 'error'"),
        ("another prompt", r"another prompt than it was given \(3 tokens for 4\)"),
        ("no token ids", "gives no token ids .*will do for an evaluation"),
        ("no log-probs", "gives no (log-probs|token ids) .*will do for an evaluation"),
        ("a log-prob missing", "gives no log-probs .*will do for an evaluation"),
        ("no end token", "stopped a completion on token .*ending would never be learnt"),
    ],
)
def test_an_answer_that_cannot_be_used_is_refused_at_once(server, engine_of, fault, sentence):
    engine = engine_of(server)
    server.asked.clear()
    server.plan.append(fault)
    with pytest.raises(EngineError, match=sentence):
        completion(engine)
    assert len(server.asked) == 1


def test_token_ids_are_found_in_the_log_probs_too(server, engine_of):
    wanted = completion(engine_of(server))
    server.plan.append("ids in the log-probs only")
    assert completion(engine_of(server)) == wanted


def test_without_token_ids_it_will_do_for_an_evaluation(server, engine_of):
    engine = engine_of(server, for_training=False)
    wanted = completion(engine)
    server.plan.append("no token ids")
    found = completion(engine)
    assert (found.text, found.finish) == (wanted.text, wanted.finish)
    assert len(found.tokens) == len(wanted.text)
    assert all(map(math.isnan, found.logprobs))


def test_one_failure_ends_the_call_without_waiting_for_the_rest(server, engine_of):
    engine = engine_of(server)
    server.plan.extend([0.3, 0.3, 0.3, 400])
    began = time.monotonic()
    with pytest.raises(EngineError, match="400"):
        engine.generate([ask(n=64)], SAMPLING)
    assert time.monotonic() - began < 5
    assert len(server.asked) <= 10


def test_no_more_requests_at_once_than_the_configuration_says(server, engine_of):
    server.plan.extend([0.05] * 12)
    engine_of(server, concurrency=3).generate([ask(n=12)], SAMPLING)
    assert server.most_under_way == 3


def test_it_works_inside_an_event_loop(server, engine_of):
    wanted = completion(engine_of(server))

    async def notebook():
        return completion(engine_of(server))

    assert asyncio.run(notebook()) == wanted


def test_nobody_there(loaded):
    with serving(loaded) as server:
        url = server.url
    with pytest.raises(EngineError, match=rf"{url}/models gives no answer that can be used, after 2 tries"):
        ServerEngine(ServerConfig(url=url, retries=1), loaded.tokenizer, eos_ids=loaded.eos_ids)


def test_a_model_that_is_not_served(server, engine_of):
    with pytest.raises(EngineError, match="serves letters, not llama"):
        engine_of(server, model="llama")


def test_the_key_comes_from_the_environment_and_shows_nowhere(engine_of, loaded, monkeypatch):
    with serving(loaded, key=KEY) as server:
        with pytest.raises(EngineError, match=r"401, Unauthorized\): .*api_key_env"):
            completion(engine_of(server))
        with pytest.raises(ConfigError, match="MY_KEY is not set"):
            engine_of(server, api_key_env="MY_KEY")
        monkeypatch.setenv("MY_KEY", KEY)
        assert completion(engine_of(server, api_key_env="MY_KEY")).tokens
        server.plan.append(400)
        with pytest.raises(EngineError) as caught:
            completion(engine_of(server, api_key_env="MY_KEY"))
    assert KEY not in str(caught.value)


def test_an_address_that_is_none(loaded):
    with pytest.raises(ConfigError, match=r"rollout\.server\.url: 'localhost:8000' is no address"):
        ServerEngine(ServerConfig(url="localhost:8000"), loaded.tokenizer, eos_ids=loaded.eos_ids)


def test_log_probs_of_before_the_temperature_are_found_out(engine_of, loaded):
    with serving(loaded) as server:
        engine_of(server).refuse_raw_logprobs(0.7)
    with serving(loaded, raw_logprobs=True) as server:
        engine_of(server).refuse_raw_logprobs(1.0)
        with pytest.raises(EngineError, match="--logprobs-mode processed_logprobs"):
            engine_of(server).refuse_raw_logprobs(0.7)


def test_new_weights_are_handed_over_once_per_version(engine_of, loaded, tmp_path):
    learner = model_of_letters()
    with torch.no_grad():
        for parameter in learner.model.parameters():
            parameter.mul_(1.5)
    with serving(model_of_letters()) as server:
        engine = engine_of(server, weights_folder=str(tmp_path))
        before = completion(engine)
        server.plan.append("busy")  # its prefix cache is not emptied at the first try
        follow(engine, learner, 1)
        assert not server.has_stale_prefixes
        assert not server.plan
        after = completion(engine)
        assert (before.policy, after.policy) == (0, 1)
        follow(engine, learner, 1)
        assert [path for path, _ in server.asked].count("/collective_rpc") == 1
        for ours, theirs in zip(
            learner.model.state_dict().values(), server.loaded.model.state_dict().values(), strict=True
        ):
            assert ours.equal(theirs)
    assert [each.name for each in tmp_path.iterdir()] == ["policy"]


@pytest.mark.parametrize("shard_size", ["50GB", "20KB"])
def test_a_tied_head_is_handed_over_by_its_own_name(loaded, tmp_path, monkeypatch, shard_size):
    config = LlamaConfig.from_dict(loaded.model.config.to_dict() | {"tie_word_embeddings": True})
    learner = describe(LlamaForCausalLM(config).eval(), loaded.tokenizer, "tied")
    monkeypatch.setattr(
        learner.model, "save_pretrained", partial(learner.model.save_pretrained, max_shard_size=shard_size)
    )
    with serving(model_of_letters()) as server:
        monkeypatch.setattr(server, "loaded", learner)
        engine = ServerEngine(
            ServerConfig(url=server.url, weights_folder=str(tmp_path)), loaded.tokenizer, eos_ids=loaded.eos_ids
        )
        follow(engine, learner, 1)
    folder = tmp_path / "policy"
    head = load_file(folder / "head.safetensors")["lm_head.weight"]
    assert head.equal(learner.model.get_input_embeddings().weight)
    index = folder / "model.safetensors.index.json"
    assert index.is_file() == (shard_size == "20KB")
    if index.is_file():
        assert json.loads(index.read_text())["weight_map"]["lm_head.weight"] == "head.safetensors"


def test_a_server_that_takes_no_weights_is_no_server_to_train_with(server, engine_of, loaded):
    with pytest.raises(ConfigError, match=r"assay eval"):
        check_server(ServerConfig(url=server.url))
    with pytest.raises(UsageError, match=r"rollout\.server\.weights_folder"):
        follow(engine_of(server), loaded, 1)
