import pytest
from transformers import LlamaConfig

from assay.core.config import RunConfig
from assay.learn.plan import count_parameters, measure_gflops, plan
from assay.model.tiny import build_tiny

SHAPE = build_tiny("0123456789").model.config


def estimate(shape=SHAPE, **sections):
    return plan(RunConfig(**sections), shape, prompt_tokens=100, gflops=100.0)


def test_parameters_are_counted_without_allocating_them():
    model = build_tiny("0123456789").model
    assert count_parameters(SHAPE) == sum(each.numel() for each in model.parameters())
    huge = LlamaConfig(hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64)
    assert count_parameters(huge) > 60e9


def test_memory_is_the_sum_of_what_training_holds():
    whole = estimate()
    assert whole.weights == whole.gradients == 4 * whole.parameters
    assert whole.optimiser == 8 * whole.parameters
    assert whole.reference == 0
    assert estimate(learn={"kl": {"coefficient": 0.1}}).reference == whole.weights
    lora = estimate(model={"lora": {"rank": 4}}, learn={"kl": {"coefficient": 0.1}})
    assert lora.reference == 0  # the base with the adapter off
    assert lora.trainable < whole.trainable
    critic = estimate(learn={"advantage": {"kind": "gae"}})
    assert whole.critic == 0
    assert critic.critic == 16 * whole.parameters  # weights, gradients and two moments of a second model
    assert critic.peak == whole.peak + critic.critic
    assert critic.seconds > whole.seconds
    assert whole.peak >= whole.weights + whole.gradients + whole.optimiser
    assert estimate(learn={"microbatch_tokens": 128}).activations < whole.activations


def test_tokens_and_time_grow_with_what_is_asked():
    whole = estimate()
    assert whole.tokens_per_step == 6 * 8 * 64
    assert whole.evaluation_tokens == 2 * 64 * 5 * 64
    assert estimate(learn={"steps": 32}).seconds > whole.seconds
    assert estimate(learn={"epochs": 2}).seconds > whole.seconds
    assert estimate(evaluate={"problems": 200}).seconds > whole.seconds
    assert plan(RunConfig(), SHAPE, 100, gflops=50.0).seconds == pytest.approx(2 * whole.seconds)


def test_this_machines_speed_is_measured():
    assert 0.1 < measure_gflops(threads=1, seconds=0.05) < 1e5


def test_every_round_of_dynamic_sampling_is_counted():
    plain, more = estimate(), estimate(rollout={"dynamic": {"kind": "dapo", "max_rounds": 3}})
    assert more.tokens_per_step == 3 * plain.tokens_per_step
    assert plain.seconds < more.seconds < 3 * plain.seconds  # the further rounds are sampled, not learnt from
    assert more.peak == plain.peak
