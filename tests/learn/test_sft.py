import pytest
import torch

from assay.core.types import Message
from assay.learn.sft import Example, SftConfig, sft
from assay.model.tiny import build_tiny
from assay.rollout.engine import Request, Sampling
from assay.rollout.torch_engine import TorchEngine

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
