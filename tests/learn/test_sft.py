from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.optimizer import register_optimizer_step_pre_hook
from transformers import AutoModelForCausalLM, Starcoder2Config

from assay.core.errors import NonFiniteStep, RunFolderError, UsageError
from assay.core.types import Message
from assay.learn.sft import Example, SftConfig, encoded, mean_loss, sft
from assay.model.load import describe
from assay.model.tiny import build_tiny
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine
from assay.tasks.conversations import Passage

PAIRS = {"ab": "ba", "bc": "cb", "ca": "ac", "ad": "da"}
EXAMPLES = [Example((Message("user", question),), answer) for question, answer in PAIRS.items()]


def test_it_learns_the_answers_and_where_they_end():
    loaded = build_tiny("abcd")
    losses = sft(loaded, EXAMPLES, SftConfig(steps=60, batch_size=4, learning_rate=1e-2, warmup_steps=5), seed=0).losses
    assert losses[0] > 1.0
    assert losses[-1] < 0.05
    requests = [Request(each.prompt, 1, 0, (i,)) for i, each in enumerate(EXAMPLES)]
    greedy = TorchEngine(loaded).generate(requests, Sampling(8, temperature=0.0))
    assert [group[0].text for group in greedy] == list(PAIRS.values())
    assert {group[0].finish for group in greedy} == {"stop"}


def test_the_first_loss_is_the_mean_over_answer_tokens_and_rows_do_not_matter():
    loaded = build_tiny("abcd")
    expected, tokens = 0.0, 0
    for each in EXAMPLES:
        prompt = TorchEngine(loaded).render(each.prompt)
        answer = [*loaded.tokenizer.encode(each.answer, add_special_tokens=False), loaded.tokenizer.eos_token_id]
        with torch.no_grad():
            logits = loaded.model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
        expected -= float(logits.log_softmax(-1).gather(-1, torch.tensor(answer)[:, None]).sum())
        tokens += len(answer)
    for row_tokens in (8192, 1):
        (loss,) = sft(build_tiny("abcd"), EXAMPLES, SftConfig(steps=1, row_tokens=row_tokens), seed=0).losses
        assert loss == pytest.approx(expected / tokens, abs=1e-5)


def test_the_same_seed_gives_the_same_losses():
    settings = SftConfig(steps=4, batch_size=2)
    one, same, other = (sft(build_tiny("abcd"), EXAMPLES, settings, seed=seed).losses for seed in (0, 0, 1))
    assert one == same != other


def test_it_stops_once_the_recent_losses_have_reached_the_target():
    settings = SftConfig(
        steps=60, batch_size=4, learning_rate=1e-2, warmup_steps=5, schedule="constant", target_loss=0.3
    )
    losses = sft(build_tiny("abcd"), EXAMPLES, settings, seed=0).losses
    assert 10 <= len(losses) < 60
    assert sum(losses[-10:]) <= 3.0 < sum(losses[-11:-1])


WORKED = st.one_of(
    st.builds(
        lambda a, b: Example((Message("user", a),), b),
        st.text("abcd", min_size=1, max_size=9),
        st.text("abcd", max_size=9),
    ),
    st.builds(Example, st.text("abcd", min_size=1, max_size=9), st.text("abcd", max_size=9)),
    st.builds(Passage, st.text("abcd", min_size=1, max_size=9)),
)


@cache
def in_fp64():
    """A model whose norms compute in fp64 too (Llama's do so in fp32, whatever the weights' type)."""
    tokenizer = build_tiny("abcd").tokenizer
    config = Starcoder2Config(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        residual_dropout=0.0,
        embedding_dropout=0.0,
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = AutoModelForCausalLM.from_config(config).double().eval()
    return describe(model, tokenizer, "starcoder2")


@given(st.lists(WORKED, min_size=1, max_size=6), st.integers(1, 60))
@settings(max_examples=40)
def test_packed_the_loss_and_its_gradient_are_those_of_one_example_at_a_time(examples, row_tokens):
    """No example sees another, whatever stands in its row: to rounding in fp64, for every weight."""
    loaded = in_fp64()
    sequences = encoded(loaded, examples)
    tokens = sum(each.count for each in sequences)
    parameters = list(loaded.model.parameters())
    loss = torch.zeros((), dtype=torch.float64)
    for each in sequences:
        logits = loaded.model(torch.tensor([each.tokens])).logits[0, :-1].log_softmax(-1)
        chosen = logits.gather(-1, torch.tensor(each.tokens[1:])[:, None])[:, 0]
        loss = loss - (chosen * torch.tensor(each.learnt[1:])).sum() / tokens
    expected = torch.autograd.grad(loss, parameters)
    assert mean_loss(loaded, sequences, row_tokens) == pytest.approx(float(loss.detach()), abs=1e-10)
    found = {}

    def keep(optimiser, *_):
        found.update({id(each): each.grad.clone() for group in optimiser.param_groups for each in group["params"]})

    how = {"steps": 1, "batch_size": 6, "row_tokens": row_tokens, "learning_rate": 1e-15}
    hook = register_optimizer_step_pre_hook(keep)
    try:
        trained = sft(loaded, examples, SftConfig(**how, optimiser={"max_grad_norm": 1e9}), seed=0)
    finally:
        hook.remove()
    assert trained.losses[0] == pytest.approx(float(loss.detach()), abs=1e-10)
    for parameter, gradient in zip(parameters, expected, strict=True):
        assert torch.allclose(found[id(parameter)], gradient, rtol=0, atol=1e-9)


def test_validation_before_during_and_after_and_the_weights_of_the_lowest(caplog):
    """Learning to answer wrongly lets the loss on right answers rise: patience stops it and takes the best weights back."""
    wrong = [Example(each.prompt, each.answer[::-1] + "d") for each in EXAMPLES]
    settings = SftConfig(steps=40, batch_size=4, learning_rate=1e-2, warmup_steps=0, validate_every=2, patience=3)
    loaded = build_tiny("abcd")
    fitted = sft(loaded, wrong, settings, seed=0, validation=EXAMPLES)
    assert fitted.validations[0]["step"] == 0
    best = min(fitted.validations, key=lambda row: row["loss"])
    assert fitted.best_step == best["step"] < len(fitted.losses) < 40
    assert "the validation loss has not fallen since" in fitted.stopped
    assert mean_loss(loaded, encoded(loaded, EXAMPLES), 8192) == pytest.approx(best["loss"], abs=1e-6)


def test_without_patience_the_last_weights_stay():
    loaded = build_tiny("abcd")
    fitted = sft(loaded, EXAMPLES, SftConfig(steps=4, validate_every=3), seed=0, validation=EXAMPLES)
    assert [row["step"] for row in fitted.validations] == [0, 3, 4]
    assert mean_loss(loaded, encoded(loaded, EXAMPLES), 8192) == pytest.approx(fitted.validations[-1]["loss"], abs=1e-6)


def test_epochs_go_over_every_example_once_each():
    fitted = sft(build_tiny("abcd"), EXAMPLES, SftConfig(epochs=2.5, batch_size=3), seed=0)
    assert [row["tokens"] for row in fitted.history] == [9, 9, 9, 3]  # 10 examples of 3 tokens


@pytest.mark.parametrize("patience", [0, 2])
def test_killed_after_any_step_it_goes_on_to_the_same_bits(tmp_path, patience):
    settings = SftConfig(
        steps=5, batch_size=2, save_every=2, validate_every=1, patience=patience, warmup_steps=1, learning_rate=1e-2
    )
    loaded = build_tiny("abcd")
    whole = sft(loaded, EXAMPLES, settings, seed=0, validation=EXAMPLES[:2])
    for last in range(1, len(whole.losses) + 1):
        folder = tmp_path / str(last)

        def killed(step, loss, last=last):
            if step == last:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sft(build_tiny("abcd"), EXAMPLES, settings, seed=0, validation=EXAMPLES[:2], folder=folder, progress=killed)
        again = build_tiny("abcd")
        assert sft(again, EXAMPLES, settings, seed=0, validation=EXAMPLES[:2], folder=folder) == whole
        for one, other in zip(again.model.parameters(), loaded.model.parameters(), strict=True):
            assert torch.equal(one, other)


def test_a_fit_that_is_done_is_not_done_again(tmp_path):
    settings = SftConfig(steps=3, batch_size=2)
    done = sft(build_tiny("abcd"), EXAMPLES, settings, seed=0, folder=tmp_path)
    steps = []
    again = build_tiny("abcd")
    assert sft(again, EXAMPLES, settings, seed=0, folder=tmp_path, progress=lambda *each: steps.append(each)) == done
    assert not steps
    with pytest.raises(RunFolderError, match="the state of another fit"):
        sft(build_tiny("abcd"), EXAMPLES[:3], settings, seed=0, folder=tmp_path)


def test_long_examples_are_left_out_and_said_so(caplog):
    long = Example((Message("user", "a"),), "abcdabcd")
    fitted = sft(build_tiny("abcd"), [*EXAMPLES, long], SftConfig(steps=1, max_tokens=8), seed=0)
    assert fitted.history[0]["tokens"] == 12
    assert "1 of 5 examples are longer than 8 tokens and left out" in caplog.text
    with pytest.raises(UsageError, match="all 1 are longer than max_tokens = 8"):
        sft(build_tiny("abcd"), [long], SftConfig(steps=1, max_tokens=8), seed=0)
    with pytest.raises(UsageError, match="no example to learn from"):
        sft(build_tiny("abcd"), [], SftConfig(steps=1), seed=0)


def test_a_step_that_is_not_finite_is_refused_and_changes_nothing():
    loaded = build_tiny("abcd")
    with torch.no_grad():
        loaded.model.lm_head.weight[0, 0] = torch.inf
    before = [each.clone() for each in loaded.model.parameters()]
    with pytest.raises(NonFiniteStep, match="sft step 1: the loss is"):
        sft(loaded, EXAMPLES, SftConfig(steps=1), seed=0)
    assert all(torch.equal(one, other) for one, other in zip(before, loaded.model.parameters(), strict=True))
