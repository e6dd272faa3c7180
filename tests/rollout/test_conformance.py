"""What every engine owes its callers, stated once: a new engine joins by adding itself to ENGINES."""

import os
from contextlib import ExitStack
from importlib.util import find_spec

import pytest
from completions_server import serving
from letters import LETTERS, model_of_letters, phi_of_letters

from assay.core.config import ServerConfig, VllmConfig
from assay.core.errors import UsageError
from assay.core.rng import stream
from assay.core.types import Message
from assay.rollout.engine import Engine, Request, Sampling
from assay.rollout.scripted import ScriptedEngine
from assay.rollout.server_engine import ServerEngine
from assay.rollout.torch_engine import TorchEngine
from assay.rollout.vllm_engine import VllmEngine

LONGEST_PROMPT = 30


def scripted(_):
    def reply(request, sample):
        draw = stream(request.seed, *request.key, sample)
        return "".join(draw.choice(LETTERS) for _ in range(draw.randrange(1, 20)))

    return ScriptedEngine(reply, max_prompt_tokens=LONGEST_PROMPT)


def torch_engine(_):
    return TorchEngine(model_of_letters(), batch_size=5, max_prompt_tokens=LONGEST_PROMPT)


def torch_engine_in_one_batch(_):
    return TorchEngine(model_of_letters(), batch_size=64, max_prompt_tokens=LONGEST_PROMPT)


def server_engine(stack):
    loaded = model_of_letters()
    server = stack.enter_context(serving(loaded))
    return ServerEngine(
        ServerConfig(url=server.url, concurrency=8, retries=0),
        loaded.tokenizer,
        eos_ids=loaded.eos_ids,
        max_prompt_tokens=LONGEST_PROMPT,
        for_training=True,
    )


def vllm_server(_):
    """A `vllm serve` of `phi_of_letters` at ASSAY_TEST_SERVER: see docs/guides/scale.md."""
    loaded = phi_of_letters()
    return ServerEngine(
        ServerConfig(url=os.environ["ASSAY_TEST_SERVER"]),
        loaded.tokenizer,
        eos_ids=loaded.eos_ids,
        max_prompt_tokens=LONGEST_PROMPT,
        for_training=True,
    )


_vllm_engines = []  # one is enough: building it takes longer than all the tests


def vllm_engine(_):
    if not _vllm_engines:
        config = VllmConfig(dtype="float32")
        _vllm_engines.append(VllmEngine(phi_of_letters(), config, max_prompt_tokens=LONGEST_PROMPT, max_new_tokens=32))
    _vllm_engines[0].policy = 0
    return _vllm_engines[0]


ENGINES = [scripted, torch_engine, torch_engine_in_one_batch, server_engine]
if "ASSAY_TEST_SERVER" in os.environ:
    ENGINES.append(vllm_server)
if find_spec("vllm"):
    ENGINES.append(vllm_engine)


@pytest.fixture(params=ENGINES, ids=lambda make: make.__name__)
def engine(request):
    with ExitStack() as stack:
        yield request.param(stack)


def ask(text, n, key, seed=0):
    return Request((Message("user", text),), n, seed, ("test", key))


REQUESTS = [ask("abc", 6, 0), ask("abcd", 1, 1), ask("h", 4, 2), ask("abc", 3, 3)]
SAMPLING = Sampling(12)


def test_it_is_an_engine(engine):
    assert isinstance(engine, Engine)
    assert engine.policy == 0


def test_n_samples_a_request_in_order(engine):
    assert [len(each) for each in engine.generate(REQUESTS, SAMPLING)] == [6, 1, 4, 3]
    assert engine.generate([], SAMPLING) == []


def test_each_token_has_its_log_probability(engine):
    for completion in (each for group in engine.generate(REQUESTS, SAMPLING) for each in group):
        assert 1 <= len(completion.tokens) <= SAMPLING.max_new_tokens
        assert len(completion.tokens) == len(completion.logprobs)
        assert all(value <= 0 for value in completion.logprobs)


def test_finish_says_how_it_ended(engine):
    completions = [each for group in engine.generate([ask("abc", 40, 0)], SAMPLING) for each in group]
    assert {each.finish for each in completions} == {"stop", "length"}
    for completion in completions:
        if completion.finish == "length":
            assert len(completion.tokens) == SAMPLING.max_new_tokens
        elif len(completion.text) < SAMPLING.max_new_tokens:  # the end token is among the tokens, and not in the text
            assert len(completion.tokens) == len(completion.text) + 1


def test_stop_strings_cut_the_text_and_keep_the_tokens_that_came_to_them(engine):
    free = engine.generate([ask("abc", 20, 0)], SAMPLING)[0]
    text = max((each.text for each in free), key=len)
    stop = text[3:5]
    stopped = engine.generate([ask("abc", 20, 0)], Sampling(12, stop=("never", stop)))[0]
    for before, after in zip(free, stopped, strict=True):
        if stop in before.text:
            assert after.text == before.text[: before.text.index(stop)]
            assert after.finish == "stop"
            assert after.tokens == before.tokens[: len(after.tokens)]
            assert after.logprobs == pytest.approx(before.logprobs[: len(after.tokens)], abs=1e-5)
            assert len(after.tokens) == len(after.text) + len(stop)
        else:
            assert (after.text, after.tokens, after.finish) == (before.text, before.tokens, before.finish)
    assert any(stop in each.text for each in free)


def test_a_prompt_that_is_too_long_is_refused(engine):
    longest = "a" * LONGEST_PROMPT
    with pytest.raises(UsageError, match=rf"rollout\.max_prompt_tokens = {LONGEST_PROMPT}"):
        engine.render((Message("user", longest),))
    with pytest.raises(UsageError, match=rf"rollout\.max_prompt_tokens = {LONGEST_PROMPT}"):
        engine.generate([ask("abc", 1, 0), ask(longest, 1, 1)], SAMPLING)


def test_a_sample_depends_on_its_own_key_only(engine):
    together = engine.generate(REQUESTS, SAMPLING)
    backwards = engine.generate(REQUESTS[::-1], SAMPLING)[::-1]
    alone = [engine.generate([request], SAMPLING)[0] for request in REQUESTS]
    fewer = engine.generate([ask("abc", 2, 0)], SAMPLING)[0]
    for one, other in ((together, backwards), (together, alone), ([together[0][:2]], [fewer])):
        for a, b in zip(
            (each for group in one for each in group), (each for group in other for each in group), strict=True
        ):
            assert a.tokens == b.tokens
            assert a.text == b.text
            assert a.finish == b.finish
            assert a.logprobs == pytest.approx(b.logprobs, abs=1e-5)
    assert engine.generate(REQUESTS, SAMPLING) == together


def test_another_seed_or_key_gives_other_samples(engine):
    texts = [
        [each.text for each in engine.generate([request], SAMPLING)[0]]
        for request in (ask("abc", 8, 0), ask("abc", 8, 1), ask("abc", 8, 0, seed=1))
    ]
    assert texts[0] != texts[1]
    assert texts[0] != texts[2]


def test_completions_carry_the_version_of_the_policy(engine):
    engine.policy = 7
    assert {each.policy for group in engine.generate(REQUESTS, SAMPLING) for each in group} == {7}


def test_an_empty_prompt_is_refused():
    # a chat template always adds something; the scripted engine's prompt can be empty
    with pytest.raises(UsageError, match="empty prompt"):
        scripted(None).render(())


@pytest.mark.parametrize("make", ENGINES[1:], ids=lambda make: make.__name__)
def test_an_answer_that_was_begun_is_gone_on_from(make):
    """A completion holds what comes behind; greedy, it is what the whole answer had there. (A script says its script.)"""
    with ExitStack() as stack:
        engine, prompt = make(stack), (Message("user", "abc"),)
        ((whole,),) = engine.generate([Request(prompt, 1, 0, ("whole",))], Sampling(6, temperature=0.0))
        assert len(whole.tokens) == 6
        requests = [Request(prompt, 1, 0, ("rest", count), whole.tokens[:count]) for count in (0, 2, 5)]
        for count, (rest,) in zip((0, 2, 5), engine.generate(requests, Sampling(6, temperature=0.0)), strict=True):
            assert rest.tokens[: 6 - count] == whole.tokens[count:]
            assert rest.text.startswith(whole.text[len(whole.text) - (6 - count) :])
